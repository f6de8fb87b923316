//! What an operator sees of directories, and of ways to map that need one.

use super::{only_mistake, rendered};

const DIRECTORY: &str = r#"
[realm.staff.directory]
url = "ldaps://dc1.corp.example"
ca = "pki/directory-ca.pem"
bind_dn = "CN=portcullis,DC=corp,DC=example"
bind_password = { file = "secrets/ldap" }
base_dn = "DC=corp,DC=example"
"#;

/// The smallest file, with an issuer that may name accounts of a domain.
fn smallest() -> String {
    super::SMALLEST.replace("upn_suffixes = ", "sid_domains = [\"S-1-5-21-1-2-3\"], upn_suffixes = ")
}

/// The smallest file with this realm's mapping, and more tables at its end.
fn with(mapping: &str, more: &str) -> String {
    let mapping = format!("mapping = {{ {mapping} }}\nidentity_issuers = ");
    format!("{}{more}", smallest().replace("identity_issuers = ", &mapping))
}

/// The same with a directory in which one line is another.
fn with_directory(line: &str, instead: &str) -> String {
    assert!(DIRECTORY.contains(line), "{line}");
    format!("{}{}", smallest(), DIRECTORY.replacen(line, instead, 1))
}

fn told(text: &str, what: &str) {
    let mistake = only_mistake(text);
    assert!(mistake.contains(what), "{mistake}");
}

#[test]
fn a_directory_needs_no_more_than_where_it_is_and_who_asks() {
    assert_eq!(rendered(&format!("{}{DIRECTORY}", smallest())), "");
    let several = DIRECTORY.replace("[realm.staff.directory]", "[[realm.staff.directory]]");
    let other = several.replace("DC=corp,DC=example\"\n", "DC=eu,DC=corp,DC=example\"\n");
    assert_eq!(rendered(&format!("{}{several}{other}", smallest())), "");
    told(&format!("{}{several}{several}", smallest()), "two directories of this realm are called");
}

#[test]
fn every_key_that_a_directory_needs_is_asked_for() {
    for key in ["url", "ca", "bind_dn", "bind_password", "base_dn"] {
        let line = DIRECTORY.lines().find(|line| line.starts_with(key)).unwrap();
        told(&with_directory(line, ""), &format!("the key `{key}` is missing"));
    }
}

#[test]
fn a_password_never_goes_over_the_network_in_plain_text() {
    let plain = "url = \"ldap://dc1.corp.example\"";
    told(
        &with_directory("url = \"ldaps://dc1.corp.example\"", plain),
        "passwords would be sent over the network in plain text (write \"ldaps://dc1.corp.example\", or add \
         `start_tls = true`)",
    );
    let started = format!("start_tls = true\n{plain}");
    assert_eq!(rendered(&with_directory("url = \"ldaps://dc1.corp.example\"", &started)), "");
    told(&with_directory("url =", "start_tls = true\nurl ="), "`start_tls` does nothing");
}

#[test]
fn servers_are_hosts_with_ports_and_nothing_else() {
    let url = "\"ldaps://dc1.corp.example\"";
    let several = "[\"ldaps://dc1.corp.example\", \"ldaps://[::1]:1636\", \"ldaps://10.0.0.5\"]";
    assert_eq!(rendered(&with_directory(url, several)), "");
    for wrong in [
        "dc1.corp.example",
        "ldaps://",
        "ldaps://dc1/DC=corp",
        "ldaps://dc1:0",
        "ldaps://dc1:x",
        "https://dc1",
    ] {
        let mistake = only_mistake(&with_directory(url, &format!("{wrong:?}")));
        assert!(mistake.contains("Error realm.staff.directory.url"), "{wrong}: {mistake}");
    }
    told(&with_directory(url, "[]"), "`url` is empty");
}

#[test]
fn a_directory_that_is_not_microsofts_is_read_by_the_names_that_are_written() {
    let schema = |text: &str| with_directory("base_dn =", &format!("schema = {text}\nbase_dn ="));
    assert_eq!(rendered(&schema("\"active_directory\"")), "");
    let groups =
        "{ upn = \"krbName\", mail = \"mail\", group_base_dn = \"OU=g\", group_member = \"member\" }";
    assert_eq!(rendered(&schema(groups)), "");
    told(&schema("{ user_name = \"u id\" }"), "is not a valid attribute name");
    told(&schema("{ user_filter = \"objectClass=person\" }"), "is not a valid LDAP search filter");
    told(&schema("{ member_of = \"memberOf\" }"), "`member_of` does nothing without `group_base_dn`");
    told(&schema("{ disabled_value = \"TRUE\" }"), "`disabled_value` does nothing without `disabled`");
    let catalogue = "{ mail = \"mail\" }\nglobal_catalog = \"ldaps://dc1.corp.example\"";
    told(&schema(catalogue), "only Active Directory has a global catalogue");
}

#[test]
fn accounts_are_believed_longer_than_their_directory_answers_only_with_a_warning() {
    let cache = |text: &str| format!("{}{DIRECTORY}\n[realm.staff.account_cache]\n{text}", smallest());
    assert_eq!(rendered(&cache("ttl = \"1m\"\nnegative_ttl = \"5s\"")), "");
    told(&cache("unsafe_stale_accounts = \"1h\""), "who is disabled meanwhile still gets in");
    told(&cache("unsafe_stale_accounts = \"25h\""), "is out of range");
    told(&cache("unsafe_stale_accounts = \"5m\""), "accounts are believed longer anyway");
    let alone = format!("{}\n[realm.staff.account_cache]\nttl = \"1m\"", smallest());
    told(&alone, "`ttl` does nothing: the realm has no directory to ask");
}

#[test]
fn ways_to_map_that_need_a_directory_are_refused_without_one() {
    told(&with("order = [\"upn\", \"alt_security_identities\"]", ""), "the realm has no directory to ask");
    told(&with("strength = \"compatibility\"", ""), "the realm has no directory that knows it");
    let number = "order = [\"upn\", \"edipi\"], attributes = { edipi = \"employeeID\" }";
    told(&with(number, ""), "the realm has no directory to look in");
    assert_eq!(rendered(&with(number, DIRECTORY)), "");
    told(
        &with("order = [\"upn\", \"edipi\"]", DIRECTORY),
        "nothing says in which attribute the directory has it",
    );
    told(&with("attributes = { uzi = \"employeeID\" }", DIRECTORY), "`mapping.order` does not name \"uzi\"");
    told(
        &with("certificate_backdating = \"1day\"", DIRECTORY),
        "only strength = \"compatibility\" looks at dates",
    );
}

#[test]
fn an_issuer_names_domains_not_accounts_and_feeds_ways_that_are_gone() {
    let sids = |text: &str| {
        with("order = [\"sid\", \"upn\"]", DIRECTORY).replace("sid_domains = [\"S-1-5-21-1-2-3\"]", text)
    };
    assert_eq!(rendered(&sids("sid_domains = [\"S-1-5-21-1-2-3\"]")), "");
    told(
        &sids("sid_domains = [\"S-1-5-21-1-2-3\", \"S-1-5-21-1-2-3-500\"]"),
        "is an account's or a group's, not a domain's (write \"S-1-5-21-1-2-3\")",
    );
    told(
        &sids("sid_domains = []"),
        "no card can be mapped by \"sid\": no entry of `identity_issuers` has `sid_domains`",
    );
    told(
        &sids("sid_domains = [\"S-1-5-21-1-2-3\"], mappers = [\"sid\", \"upn\", \"email\"]"),
        "`mapping.order` does not name \"email\"",
    );
}
