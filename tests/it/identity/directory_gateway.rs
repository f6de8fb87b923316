//! Gateways whose realm has a directory, and certificates for its accounts.

use crate::support::{ActiveDirectory, PeopleDirectory, TestConfig, TestGateway, TestRealm, pki};
use portcullis::clock::Clock;
use portcullis::demo::pki::{CertificateProfile, KeyedChain};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The settings of the realm without its directory.
pub(super) struct RealmOptions<'a> {
    pub(super) order: &'a str,
    pub(super) strength: &'a str,
    /// The keys of `[realm.staff.account_cache]`.
    pub(super) cache: &'a str,
}

impl Default for RealmOptions<'_> {
    fn default() -> Self {
        Self { order: r#"["sid", "alt_security_identities", "upn"]"#, strength: "weak", cache: "" }
    }
}

/// The domain, address and service account of a directory.
struct DirectoryAddress {
    url: String,
    ca: String,
    sid_domain: String,
    service: &'static str,
}

/// Starts a gateway that uses the lab's Active Directory.
pub(super) fn gateway_with_active_directory(
    directory: &ActiveDirectory,
    options: &RealmOptions<'_>,
) -> TestGateway {
    let alice = directory.sid("alice");
    let address = DirectoryAddress {
        url: directory.ldaps_url(),
        ca: directory.ca_file().display().to_string(),
        sid_domain: alice.rsplit_once('-').unwrap().0.to_owned(),
        service: ActiveDirectory::SERVICE_DN,
    };
    TestGateway::prepared(setup(&address, options), |folder| {
        write_password(folder, ActiveDirectory::PASSWORD);
    })
}

/// Starts a gateway that uses the slapd of a test.
pub(super) fn gateway_with_slapd(directory: &PeopleDirectory, options: &RealmOptions<'_>) -> TestGateway {
    gateway_with_ldap_at(&directory.server().to_string(), options)
}

/// Starts a gateway that uses the server at this URL as its directory.
pub(super) fn gateway_with_ldap_at(url: &str, options: &RealmOptions<'_>) -> TestGateway {
    let address = DirectoryAddress {
        url: url.to_owned(),
        ca: "server-ca.pem".to_owned(),
        sid_domain: "S-1-5-21-1-2-3".to_owned(),
        service: PeopleDirectory::SERVICE_DN,
    };
    TestGateway::prepared(setup(&address, options), |folder| {
        let ca = pki().write_to(folder).unwrap().server_ca;
        if ca != folder.join("server-ca.pem") {
            std::fs::copy(ca, folder.join("server-ca.pem")).unwrap();
        }
        write_password(folder, PeopleDirectory::PASSWORD);
    })
}

fn write_password(folder: &Path, password: &str) {
    let file = folder.join("ldap-password");
    std::fs::write(&file, format!("{password}\n")).unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
}

fn setup(address: &DirectoryAddress, options: &RealmOptions<'_>) -> TestConfig {
    let DirectoryAddress { url, ca, sid_domain, service } = address;
    let RealmOptions { order, strength, cache } = options;
    let mapping = format!("order = {order}, strength = \"{strength}\"");
    let identity_issuer = format!(
        "certificate = \"pki/issuing.pem\", upn_suffixes = [\"corp.example\", \"people.example\"], \
         email_domains = [\"corp.example\"], sid_domains = [\"{sid_domain}\"]"
    );
    let more = format!(
        r#"
account_cache = {{ {cache} }}

[realm.staff.directory]
url = "{url}"
ca = "{ca}"
bind_dn = "{service}"
bind_password = {{ file = "ldap-password" }}
base_dn = "DC=corp,DC=example"
timeout = "3s"
"#
    );
    let realm = TestRealm {
        mapping: &mapping,
        identity_issuer: &identity_issuer,
        more: &more,
        ..TestRealm::default()
    };
    let realm = realm.toml();
    let backend = r#"headers = { send_groups = ["RMS-Users", "Spare2"] }"#.to_owned();
    TestConfig { realm, backend, ..TestConfig::default() }
}

/// Issues a valid certificate with this UPN and this security identifier and no other names.
pub(super) fn card(upn: Option<&str>, sid: Option<&str>) -> KeyedChain {
    card_with(|profile| {
        profile.upns = upn.map(str::to_owned).into_iter().collect();
        profile.sid = sid.map(str::to_owned);
    })
}

/// Issues a certificate like the demo's, without names, changed by `edit`.
pub(super) fn card_with(edit: impl FnOnce(&mut CertificateProfile)) -> KeyedChain {
    let mut profile = CertificateProfile {
        upns: Vec::new(),
        emails: Vec::new(),
        sid: None,
        ..CertificateProfile::of("holder", Clock::system().now())
    };
    edit(&mut profile);
    pki().issue(&profile).unwrap()
}
