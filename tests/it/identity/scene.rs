//! A gateway whose realm has a directory, and certificates for its accounts.

use crate::support::{ActiveDirectory, PeopleDirectory, TestConfig, TestGateway, TestRealm, pki};
use portcullis::clock::Clock;
use portcullis::demo::pki::{Card, CardProfile};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The settings of the realm, besides the address of its directory.
pub(super) struct Staff<'a> {
    pub(super) order: &'a str,
    pub(super) strength: &'a str,
    /// `[realm.staff.account_cache]`.
    pub(super) cache: &'a str,
}

impl Default for Staff<'_> {
    fn default() -> Self {
        Self { order: r#"["sid", "alt_security_identities", "upn"]"#, strength: "weak", cache: "" }
    }
}

/// The domain, address and service account of a directory.
struct Place {
    url: String,
    ca: String,
    sid_domain: String,
    service: &'static str,
}

/// A gateway that uses the lab's Active Directory.
pub(super) fn before_active_directory(directory: &ActiveDirectory, staff: &Staff<'_>) -> TestGateway {
    let alice = directory.sid("alice");
    let place = Place {
        url: directory.ldaps_url(),
        ca: directory.ca_file().display().to_string(),
        sid_domain: alice.rsplit_once('-').unwrap().0.to_owned(),
        service: ActiveDirectory::SERVICE_DN,
    };
    TestGateway::prepared(setup(&place, staff), |folder| write_password(folder, ActiveDirectory::PASSWORD))
}

/// A gateway that uses the slapd of a test.
pub(super) fn before_people(directory: &PeopleDirectory, staff: &Staff<'_>) -> TestGateway {
    before_people_at(&directory.server().to_string(), staff)
}

/// A gateway that uses the server at this URL as its directory.
pub(super) fn before_people_at(url: &str, staff: &Staff<'_>) -> TestGateway {
    let place = Place {
        url: url.to_owned(),
        ca: "server-ca.pem".to_owned(),
        sid_domain: "S-1-5-21-1-2-3".to_owned(),
        service: PeopleDirectory::SERVICE_DN,
    };
    TestGateway::prepared(setup(&place, staff), |folder| {
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

fn setup(place: &Place, staff: &Staff<'_>) -> TestConfig {
    let Place { url, ca, sid_domain, service } = place;
    let Staff { order, strength, cache } = staff;
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

/// A valid certificate with this UPN and this security identifier and no other names.
pub(super) fn card(upn: Option<&str>, sid: Option<&str>) -> Card {
    card_with(|profile| {
        profile.upns = upn.map(str::to_owned).into_iter().collect();
        profile.sid = sid.map(str::to_owned);
    })
}

/// A certificate with the demo's contents, without names, changed by `edit`.
pub(super) fn card_with(edit: impl FnOnce(&mut CardProfile)) -> Card {
    let mut profile = CardProfile {
        upns: Vec::new(),
        emails: Vec::new(),
        sid: None,
        ..CardProfile::of("somebody", Clock::system().now())
    };
    edit(&mut profile);
    pki().issue(&profile).unwrap()
}
