//! The entries of the directory, and their schema.

use super::{BASE, PeopleDirectory, sid};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Attributes of Active Directory with their OIDs and syntaxes. slapd's own schema for them has no equality rules, so that
/// no search would match.
const ATTRIBUTES: [(&str, &str, Syntax); 19] = [
    ("1.2.840.113556.1.4.656", "userPrincipalName", Syntax::Text),
    ("1.2.840.113556.1.4.221", "sAMAccountName", Syntax::Text),
    ("1.2.840.113556.1.4.867", "altSecurityIdentities", Syntax::Text),
    ("1.2.840.113556.1.2.210", "proxyAddresses", Syntax::Text),
    ("1.2.840.113556.1.4.782", "objectCategory", Syntax::Text),
    ("1.2.840.113556.1.2.2", "whenCreated", Syntax::Text),
    ("1.2.840.113556.1.4.146", "objectSid", Syntax::Bytes),
    ("1.2.840.113556.1.4.1301", "tokenGroups", Syntax::Bytes),
    ("1.2.840.113556.1.4.64", "logonHours", Syntax::Bytes),
    ("1.2.840.113556.1.4.8", "userAccountControl", Syntax::Number),
    ("1.2.840.113556.1.4.1460", "msDS-User-Account-Control-Computed", Syntax::Number),
    ("1.2.840.113556.1.4.159", "accountExpires", Syntax::Number),
    ("1.2.840.113556.1.4.73", "lockoutThreshold", Syntax::Number),
    ("1.2.840.113556.1.4.16", "nCName", Syntax::Text),
    ("1.2.840.113556.1.4.87", "nETBIOSName", Syntax::Text),
    ("1.2.840.113556.1.4.28", "dnsRoot", Syntax::Text),
    ("1.3.6.1.4.1.32473.1", "defaultNamingContext", Syntax::Text),
    ("1.3.6.1.4.1.32473.2", "configurationNamingContext", Syntax::Text),
    ("1.3.6.1.4.1.32473.3", "currentTime", Syntax::Text),
];
const CLASSES: &str = "\
objectclass ( 1.3.6.1.4.1.32473.4 NAME 'user' SUP top AUXILIARY MAY ( userPrincipalName $ sAMAccountName $
  altSecurityIdentities $ proxyAddresses $ objectCategory $ whenCreated $ objectSid $ tokenGroups $ logonHours $
  userAccountControl $ msDS-User-Account-Control-Computed $ accountExpires ) )
objectclass ( 1.3.6.1.4.1.32473.5 NAME 'group' SUP top AUXILIARY MAY ( sAMAccountName $ objectSid ) )
objectclass ( 1.3.6.1.4.1.32473.6 NAME 'crossRef' SUP top STRUCTURAL MUST cn MAY ( nCName $ nETBIOSName $ dnsRoot ) )
objectclass ( 1.3.6.1.4.1.32473.7 NAME 'policy' SUP top AUXILIARY MAY lockoutThreshold )
";

enum Syntax {
    Text,
    Bytes,
    Number,
}

/// Additional attributes and values of an entry.
type Extra<'a> = &'a [(&'a str, &'a [&'a [u8]])];

pub(super) fn schema() -> String {
    let attributes = ATTRIBUTES.iter().map(|(number, name, syntax)| {
        let (rule, syntax) = match syntax {
            Syntax::Text => ("caseIgnoreMatch", 15),
            Syntax::Bytes => ("octetStringMatch", 40),
            Syntax::Number => ("integerMatch", 27),
        };
        format!(
            "attributetype ( {number} NAME '{name}' EQUALITY {rule} SYNTAX 1.3.6.1.4.1.1466.115.121.1.{syntax} )\n"
        )
    });
    attributes.collect::<String>() + CLASSES
}

/// Returns all entries. The RIDs start at 1101 for accounts and at 1201 for groups.
pub(super) fn entries(elsewhere: &str) -> String {
    let rms_users = sid(1201).to_bytes();
    let domain_users = sid(513).to_bytes();
    let in_rms: &[&[u8]] = &[&domain_users, &rms_users];
    let container = |dn: &str, unit: &str| {
        entry(dn, &[("objectClass", &[b"organizationalUnit"]), ("ou", &[unit.as_bytes()])])
    };
    let mut all = vec![
        entry(
            BASE,
            &[("objectClass", &[b"domain", b"policy"]), ("dc", &[b"corp"]), ("lockoutThreshold", &[b"5"])],
        ),
        entry(
            "CN=Configuration,DC=corp,DC=example",
            &[("objectClass", &[b"applicationProcess"]), ("cn", &[b"Configuration"])],
        ),
        entry(
            "CN=Partitions,CN=Configuration,DC=corp,DC=example",
            &[("objectClass", &[b"applicationProcess"]), ("cn", &[b"Partitions"])],
        ),
        entry(
            "CN=CORP,CN=Partitions,CN=Configuration,DC=corp,DC=example",
            &[
                ("objectClass", &[b"crossRef"]),
                ("cn", &[b"CORP"]),
                ("nCName", &[BASE.as_bytes()]),
                ("nETBIOSName", &[b"CORP"]),
                ("dnsRoot", &[b"corp.example"]),
            ],
        ),
        entry(
            "CN=svc-ldap,DC=corp,DC=example",
            &[
                ("objectClass", &[b"applicationProcess", b"simpleSecurityObject"]),
                ("cn", &[b"svc-ldap"]),
                ("userPassword", &[PeopleDirectory::PASSWORD.as_bytes()]),
            ],
        ),
        // Another domain of the forest, for the global catalog.
        entry(
            "CN=LAB,CN=Partitions,CN=Configuration,DC=corp,DC=example",
            &[
                ("objectClass", &[b"crossRef"]),
                ("cn", &[b"LAB"]),
                ("nCName", &[b"OU=Lab,DC=corp,DC=example"]),
                ("nETBIOSName", &[b"LAB"]),
                ("dnsRoot", &[b"lab.example"]),
            ],
        ),
        container("OU=Lab,DC=corp,DC=example", "Lab"),
        container("OU=Staff,DC=corp,DC=example", "Staff"),
        container("OU=Groups,DC=corp,DC=example", "Groups"),
        entry(
            "OU=Elsewhere,DC=corp,DC=example",
            &[
                ("objectClass", &[b"referral", b"extensibleObject"]),
                ("ou", &[b"Elsewhere"]),
                ("ref", &[format!("{elsewhere}/OU=Elsewhere,DC=corp,DC=example").as_bytes()]),
            ],
        ),
        group(
            "RMS-Users",
            1201,
            &["CN=alice,OU=Staff,DC=corp,DC=example", "CN=Nested,OU=Groups,DC=corp,DC=example"],
        ),
        group(
            "Nested",
            1202,
            &["CN=bob,OU=Staff,DC=corp,DC=example", "CN=RMS-Users,OU=Groups,DC=corp,DC=example"],
        ),
        group("Domain Users", 513, &[PeopleDirectory::SERVICE_DN]),
        person(
            "alice",
            1101,
            &[
                ("altSecurityIdentities", &[b"X509:<SKI>0a0b"]),
                ("tokenGroups", in_rms),
                ("proxyAddresses", &[b"SMTP:alice.liddell@corp.example"]),
                ("employeeNumber", &[b"4711"]),
            ],
        ),
        person("bob", 1102, &[("userAccountControl", &[b"514"])]),
        person("carol", 1103, &[("msDS-User-Account-Control-Computed", &[b"16"])]),
        person("dave", 1104, &[("accountExpires", &[b"132223104000000000"])]),
        person("erin", 1105, &[("logonHours", &[&[0; 21]])]),
        // Two accounts with the same mapping.
        person("leo", 1106, &[("altSecurityIdentities", &[b"X509:<RFC822>leo@corp.example"])]),
        person("mallory", 1107, &[("altSecurityIdentities", &[b"X509:<RFC822>leo@corp.example"])]),
        person("nina", 1108, &[("userPrincipalName", &[b"nina.mueller@people.example"])]),
        // Two accounts with the same login name.
        person("twin1", 1130, &[("userPrincipalName", &[b"twin@corp.example"])]),
        person("twin2", 1131, &[("userPrincipalName", &[b"twin@corp.example"])]),
        person_in("OU=Lab", "zoe", 1132, &[("userPrincipalName", &[b"zoe@lab.example"])]),
        // A name with a special character of search filters.
        person("star*", 1109, &[]),
        person("trust$", 1110, &[("userAccountControl", &[b"2048"])]),
    ];
    all.extend((1..=12).map(|number| {
        person(&format!("crowd{number:02}"), 1110 + number, &[("mail", &[b"crowd@corp.example"])])
    }));
    all.concat()
}

fn person(name: &str, number: u32, extra: Extra<'_>) -> String {
    person_in("OU=Staff", name, number, extra)
}

fn person_in(unit: &str, name: &str, number: u32, extra: Extra<'_>) -> String {
    let address = format!("{name}@corp.example");
    let (own_sid, group) = (sid(number).to_bytes(), sid(513).to_bytes());
    let usual: Extra<'_> = &[
        ("objectClass", &[b"inetOrgPerson", b"user"]),
        ("objectCategory", &[b"person"]),
        ("cn", &[name.as_bytes()]),
        ("sn", &[name.as_bytes()]),
        ("uid", &[name.as_bytes()]),
        ("sAMAccountName", &[name.as_bytes()]),
        ("userPrincipalName", &[address.as_bytes()]),
        ("mail", &[address.as_bytes()]),
        ("userPassword", &[PeopleDirectory::PASSWORD.as_bytes()]),
        ("objectSid", &[&own_sid]),
        ("tokenGroups", &[&group]),
        ("whenCreated", &[b"20240102030405.0Z"]),
        ("userAccountControl", &[b"512"]),
        ("msDS-User-Account-Control-Computed", &[b"0"]),
        ("accountExpires", &[b"9223372036854775807"]),
    ];
    let replaced = |name: &str| extra.iter().any(|(other, _)| *other == name);
    let attributes: Vec<_> = usual.iter().filter(|(name, _)| !replaced(name)).chain(extra).copied().collect();
    entry(&format!("CN={name},{unit},{BASE}"), &attributes)
}

fn group(name: &str, number: u32, members: &[&str]) -> String {
    let members: Vec<_> = members.iter().map(|dn| dn.as_bytes()).collect();
    entry(
        &format!("CN={name},OU=Groups,{BASE}"),
        &[
            ("objectClass", &[b"groupOfNames", b"group"]),
            ("cn", &[name.as_bytes()]),
            ("sAMAccountName", &[name.as_bytes()]),
            ("objectSid", &[&sid(number).to_bytes()]),
            ("member", &members),
        ],
    )
}

/// Returns an entry in LDIF. Every value is in base64, so that no character is special.
pub(super) fn entry(dn: &str, attributes: Extra<'_>) -> String {
    let mut text = if dn.is_empty() { "dn:\n".to_owned() } else { format!("dn:: {}\n", STANDARD.encode(dn)) };
    for (name, values) in attributes {
        for value in *values {
            text = format!("{text}{name}:: {}\n", STANDARD.encode(value));
        }
    }
    text + "\n"
}
