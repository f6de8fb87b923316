//! The errors about directories, and about mappers that need one.

use super::{DIRECTORY, only_diagnostic, rendered};

/// The smallest file, with an issuer that may name accounts of a domain.
fn smallest() -> String {
    super::SMALLEST.replace("upn_suffixes = ", "sid_domains = [\"S-1-5-21-1-2-3\"], upn_suffixes = ")
}

/// The smallest file with these keys of the realm's mapping, and more tables at its end.
fn with(mapping: &str, more: &str) -> String {
    let strength = if mapping.contains("strength") { "" } else { ", strength = \"weak\"" };
    let mapping = format!("mapping = {{ {mapping}{strength} }}");
    format!("{}{more}", smallest().replace("mapping = { strength = \"weak\" }", &mapping))
}

/// The same with a directory of which one line is replaced.
fn with_directory(line: &str, instead: &str) -> String {
    assert!(DIRECTORY.contains(line), "{line}");
    format!("{}{}", smallest(), DIRECTORY.replacen(line, instead, 1))
}

fn assert_message(text: &str, message: &str) {
    let diagnostic = only_diagnostic(text);
    assert!(diagnostic.contains(message), "{diagnostic}");
}

#[test]
fn a_directory_needs_an_address_and_an_account() {
    assert_eq!(rendered(&format!("{}{DIRECTORY}", smallest())), "");
    let several = DIRECTORY.replace("[realm.staff.directory]", "[[realm.staff.directory]]");
    let other = several.replace("DC=corp,DC=example\"\n", "DC=eu,DC=corp,DC=example\"\n");
    assert_eq!(rendered(&format!("{}{several}{other}", smallest())), "");
    assert_message(&format!("{}{several}{several}", smallest()), "two directories of this realm are named");
}

#[test]
fn every_required_key_of_a_directory_is_reported() {
    for key in ["url", "ca", "bind_dn", "bind_password", "base_dn"] {
        let line = DIRECTORY.lines().find(|line| line.starts_with(key)).unwrap();
        assert_message(&with_directory(line, ""), &format!("the key `{key}` is missing"));
    }
}

#[test]
fn a_directory_without_tls_is_an_error() {
    let plain = "url = \"ldap://dc1.corp.example\"";
    assert_message(
        &with_directory("url = \"ldaps://dc1.corp.example\"", plain),
        "passwords would be sent over the network in plain text (write \"ldaps://dc1.corp.example\", or add \
         `start_tls = true`)",
    );
    let started = format!("start_tls = true\n{plain}");
    assert_eq!(rendered(&with_directory("url = \"ldaps://dc1.corp.example\"", &started)), "");
    assert_message(&with_directory("url =", "start_tls = true\nurl ="), "`start_tls` does nothing");
}

#[test]
fn a_server_is_a_host_with_a_port() {
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
        let diagnostic = only_diagnostic(&with_directory(url, &format!("{wrong:?}")));
        assert!(diagnostic.contains("Error realm.staff.directory.url"), "{wrong}: {diagnostic}");
    }
    assert_message(&with_directory(url, "[]"), "`url` is empty");
}

#[test]
fn a_generic_directory_has_the_configured_attributes() {
    let schema = |text: &str| with_directory("base_dn =", &format!("schema = {text}\nbase_dn ="));
    assert_eq!(rendered(&schema("\"active_directory\"")), "");
    let groups =
        "{ upn = \"krbName\", mail = \"mail\", group_base_dn = \"OU=g\", group_member = \"member\" }";
    assert_eq!(rendered(&schema(groups)), "");
    assert_message(&schema("{ user_name = \"u id\" }"), "is not a valid attribute name");
    assert_message(&schema("{ user_filter = \"objectClass=person\" }"), "is not a valid LDAP search filter");
    assert_message(
        &schema("{ member_of = \"memberOf\" }"),
        "`member_of` does nothing without `group_base_dn`",
    );
    assert_message(
        &schema("{ disabled_value = \"TRUE\" }"),
        "`disabled_value` does nothing without `disabled`",
    );
    let catalogue = "{ mail = \"mail\" }\nglobal_catalog = \"ldaps://dc1.corp.example\"";
    assert_message(&schema(catalogue), "only Active Directory has a global catalogue");
}

#[test]
fn stale_accounts_cause_a_warning() {
    let cache = |text: &str| format!("{}{DIRECTORY}\n[realm.staff.account_cache]\n{text}", smallest());
    assert_eq!(rendered(&cache("ttl = \"1m\"\nnegative_ttl = \"5s\"")), "");
    assert_message(
        &cache("unsafe_stale_accounts = \"1h\""),
        "a user who is disabled meanwhile is authenticated",
    );
    assert_message(&cache("unsafe_stale_accounts = \"25h\""), "is out of range");
    assert_message(&cache("unsafe_stale_accounts = \"5m\""), "accounts are cached longer anyway");
    let alone = format!("{}\n[realm.staff.account_cache]\nttl = \"1m\"", smallest());
    assert_message(&alone, "`ttl` does nothing: the realm has no directory");
}

#[test]
fn mappers_that_need_a_directory_are_rejected_without_one() {
    assert_message(&with("order = [\"upn\", \"alt_security_identities\"]", ""), "the realm has no directory");
    assert_message(
        &with("strength = \"compatibility\"", ""),
        "the age of accounts is unknown: the realm has no directory",
    );
    let number = "order = [\"upn\", \"edipi\"], attributes = { edipi = \"employeeID\" }";
    assert_message(&with(number, ""), "the realm has no directory");
    assert_eq!(rendered(&with(number, DIRECTORY)), "");
    assert_message(
        &with("order = [\"upn\", \"edipi\"]", DIRECTORY),
        "the directory's attribute of this number is not configured",
    );
    assert_message(
        &with("attributes = { uzi = \"employeeID\" }", DIRECTORY),
        "`mapping.order` does not name \"uzi\"",
    );
    assert_message(
        &with("certificate_backdating = \"1day\"", DIRECTORY),
        "only strength = \"compatibility\" uses it",
    );
}

#[test]
fn an_issuer_has_domains_without_accounts_and_mappers_of_the_order() {
    let sids = |text: &str| {
        with("order = [\"sid\", \"upn\"]", DIRECTORY).replace("sid_domains = [\"S-1-5-21-1-2-3\"]", text)
    };
    assert_eq!(rendered(&sids("sid_domains = [\"S-1-5-21-1-2-3\"]")), "");
    assert_message(
        &sids("sid_domains = [\"S-1-5-21-1-2-3\", \"S-1-5-21-1-2-3-500\"]"),
        "is an account's or a group's, not a domain's (write \"S-1-5-21-1-2-3\")",
    );
    assert_message(
        &sids("sid_domains = []"),
        "no certificate can be mapped by \"sid\": no entry of `identity_issuers` has `sid_domains`",
    );
    assert_message(
        &sids("sid_domains = [\"S-1-5-21-1-2-3\"], mappers = [\"sid\", \"upn\", \"email\"]"),
        "`mapping.order` does not name \"email\"",
    );
}
