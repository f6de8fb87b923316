//! Properties of the lab's Active Directory on which the other tests depend, checked with ldapsearch.

use crate::support::{ActiveDirectory, run};

#[test]
fn the_service_account_finds_a_user_by_sid_on_every_port() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let filter = format!("(objectSid={})", directory.sid("alice"));
    let ports = [
        (directory.ldaps_url(), None),
        (directory.start_tls_url(), Some("-ZZ")),
        (directory.global_catalog_url(), None),
    ];
    for (url, option) in ports {
        let Some(found) = search(&directory, &url, option, &filter) else { return };
        assert!(found.contains("\nsAMAccountName: alice\n"), "{url}: {found}");
        assert!(found.contains("\nuserPrincipalName: alice@corp.example\n"), "{url}: {found}");
    }
}

#[test]
fn a_password_is_not_accepted_before_tls() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let Some(found) = search(&directory, &directory.start_tls_url(), None, "(objectClass=*)") else { return };
    assert!(found.contains("Strong(er) authentication required"), "{found}");
}

#[test]
fn group_membership_is_nested_and_one_unit_is_hidden() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let in_chain = "memberOf:1.2.840.113556.1.4.1941:=CN=RMS-Users,OU=Groups,DC=corp,DC=example";
    let cases = [
        (format!("(&(sAMAccountName=alice)({in_chain}))"), true),
        (format!("(&(sAMAccountName=carol)({in_chain}))"), false),
        ("(sAMAccountName=jürgen)".to_owned(), true),
        ("(sAMAccountName=hidden)".to_owned(), false),
    ];
    for (filter, is_found) in cases {
        let Some(found) = ldaps_search(&directory, &filter) else { return };
        assert_eq!(found.contains("\nobjectSid:: "), is_found, "{filter}: {found}");
    }
}

#[test]
fn a_change_of_an_administrator_takes_effect_at_once() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let user = "spare01";
    let has = |line: &str| {
        let found = ldaps_search(&directory, "(sAMAccountName=spare01)");
        found.is_none_or(|found| found.contains(&format!("\n{line}\n")))
    };
    directory.set(user, "altSecurityIdentities", &["X509:<SKI>01", "X509:<SKI>02"]);
    assert!(has("altSecurityIdentities: X509:<SKI>01") && has("altSecurityIdentities: X509:<SKI>02"));
    directory.set(user, "altSecurityIdentities", &[]);
    directory.set_bytes(user, "logonHours", &[0; 21]);
    assert!(has("logonHours:: AAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    directory.set(user, "logonHours", &[]);
    directory.disable(user);
    assert!(has("userAccountControl: 514"));
    directory.enable(user);
    assert!(has("userAccountControl: 512"));
    directory.lock(user);
    assert!(has("msDS-User-Account-Control-Computed: 16"));
    directory.unlock(user);
    assert!(has("msDS-User-Account-Control-Computed: 0"));
    directory.add_member("Spare1", user);
    assert!(has("memberOf: CN=Spare1,OU=Groups,DC=corp,DC=example"));
    directory.remove_member("Spare1", user);
    assert!(has(&format!("userPrincipalName: {user}@corp.example")));
}

fn ldaps_search(directory: &ActiveDirectory, filter: &str) -> Option<String> {
    search(directory, &directory.ldaps_url(), None, filter)
}

/// Returns the output of ldapsearch as the service account; `None` if ldapsearch is not installed.
fn search(directory: &ActiveDirectory, url: &str, option: Option<&str>, filter: &str) -> Option<String> {
    let ca = directory.ca_file().display().to_string();
    let (service, password) = (ActiveDirectory::SERVICE_DN, ActiveDirectory::PASSWORD);
    let mut arguments = vec!["-LLL", "-o", "ldif-wrap=no", "-x", "-H", url, "-D", service, "-w", password];
    arguments.extend(option);
    arguments.extend(["-b", ActiveDirectory::BASE, filter, "*", "msDS-User-Account-Control-Computed"]);
    Some(run("ldapsearch", &[("LDAPTLS_CACERT", &ca)], &arguments, b"")?.output())
}
