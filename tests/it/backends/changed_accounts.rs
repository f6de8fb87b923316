//! Accounts of the lab's Active Directory that are renamed, exchange their names, or are deleted and created again while
//! the gateway serves them: no backend ever receives another account, and each identity mode follows within the time that
//! docs/identity.md states.

use super::certificate::Authorities;
use super::krb5_conf::with_lab;
use crate::support::{
    ActiveDirectory, CertificateRequest, CertificateSite, KerberosSite, TestClient, TestConfig, TestGateway,
    TestRealm, TestResponse, exchange, pki,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::clock::{Clock, Tick};
use portcullis::delegation::kerberos::{
    DelegationError, Delegator, DelegatorSettings, KerberosLibrary, MappedUser, Negotiation,
};
use portcullis::demo::pki::{Card, CardProfile};
use portcullis::demo::rms::Rms;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::Value;
use std::fs::Permissions;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tokio::net::TcpStream;

const RMS: &str = "HTTP/rms.corp.example";

/// The paths of [`Gateway`], one for each way of telling a backend who the user is. `again` and `late` have the same
/// server as `kerberos`, and no ticket yet when that has one.
const WAYS: [&str; 3] = ["kerberos", "certificate", "headers"];

/// Renames accounts, and gives them their own names back when it is dropped.
struct Renamed<'a> {
    directory: &'a ActiveDirectory,
    users: Vec<&'static str>,
}

impl<'a> Renamed<'a> {
    fn new(directory: &'a ActiveDirectory, users: &[&'static str]) -> Self {
        Self { directory, users: users.to_vec() }
    }

    fn rename(&self, user: &str, name: &str) {
        self.directory.rename(user, name);
    }
}

/// Each gets the other's names.
fn exchange_names(directory: &ActiveDirectory, one: &str, other: &str) {
    directory.rename(one, &format!("{one}-old"));
    directory.rename(other, one);
    directory.rename(one, other);
}

impl Drop for Renamed<'_> {
    fn drop(&mut self) {
        for user in &self.users {
            self.rename(user, &format!("{user}-free"));
        }
        for user in &self.users {
            self.rename(user, user);
        }
    }
}

/// A gateway that finds card holders by their SID, before servers that demand Kerberos, a certificate, or nothing.
struct Gateway {
    lab: TestGateway,
    _kerberos: KerberosSite,
    _certificate: CertificateSite,
    _authorities: Authorities,
    _echo: Rms,
}

impl Gateway {
    /// `None` where a program is missing; the test is then recorded as skipped.
    fn before(directory: &ActiveDirectory) -> Option<Self> {
        let echo = Rms::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let kerberos = KerberosSite::start(directory, echo.address())?;
        let authorities = Authorities::new()?;
        let certificate = CertificateSite::start(&authorities.trusted(), echo.address())?;
        let issue = |name| authorities.path(name).display().to_string();
        let (sid, keytab) = (directory.sid("alice"), directory.keytab("gw").display().to_string());
        let by_kerberos = format!(
            "servers = [\"http://{}\"]\nidentity = \"kerberos\"\nspn = \"{RMS}\"\nkeytab = \"{keytab}\"",
            kerberos.per_request()
        );
        let more = format!(
            r#"
[assertion]
keys = ["assertion.key"]
issuer = "https://gate.corp.example"

[[realm.staff.identity_issuers]]
certificate = "pki/issuing.pem"
sid_domains = ["{domain}"]

[realm.staff.directory]
url = "{url}"
ca = "{ca}"
bind_dn = "{service}"
bind_password = {{ file = "ldap-password" }}
base_dn = "{base}"

[backend.kerberos]
{by_kerberos}

[backend.again]
{by_kerberos}

[backend.late]
{by_kerberos}

[backend.certificate]
servers = ["https://{certificate}"]
ca = "pki/server-ca.pem"
identity = "certificate"
user_certificates = {{ certificate = "{gate}", private_key = "{key}" }}

[backend.unsafe]
servers = ["https://{certificate}"]
ca = "pki/server-ca.pem"
identity = "certificate"
user_certificates = {{ certificate = "{gate}", private_key = "{key}", unsafe_issue_for_protected_accounts = true }}
"#,
            domain = sid.rsplit_once('-').unwrap().0,
            url = directory.ldaps_url(),
            ca = directory.ca_file().display(),
            service = ActiveDirectory::SERVICE_DN,
            base = ActiveDirectory::BASE,
            certificate = certificate.address(CertificateRequest::InHandshake, "1.3"),
            gate = issue("gate.pem"),
            key = issue("gate.key"),
        );
        let path = |way: &str, backend: &str| {
            format!(
                "[[site.path]]\npath = \"/{way}/*\"\nclient_certificate = \"require\"\nbackend = \"{backend}\"\n"
            )
        };
        let setup = TestConfig {
            top: "workers = 1".to_owned(),
            paths: [
                ("kerberos", "kerberos"),
                ("again", "again"),
                ("late", "late"),
                ("unsafe", "unsafe"),
                ("certificate", "certificate"),
                ("headers", "rms"),
            ]
            .map(|(way, backend)| path(way, backend))
            .concat(),
            realm: TestRealm {
                mapping: r#"order = ["sid"]"#,
                identity_issuer: "",
                more: r#"account_cache = { ttl = "1m" }"#,
                ..TestRealm::default()
            }
            .toml(),
            backend: r#"headers = { sets = ["account", "assertion"] }"#.to_owned(),
            more,
            ..TestConfig::default()
        };
        let lab = TestGateway::prepared(setup, |folder| {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
            for (name, text) in [("ldap-password", ActiveDirectory::PASSWORD), ("assertion.key", &key)] {
                std::fs::write(folder.join(name), text).unwrap();
                std::fs::set_permissions(folder.join(name), Permissions::from_mode(0o600)).unwrap();
            }
        });
        let kept = (kerberos, certificate, authorities, echo);
        Some(Self { lab, _kerberos: kept.0, _certificate: kept.1, _authorities: kept.2, _echo: kept.3 })
    }

    /// What the backend is told of the holder of `card`, or the denial.
    async fn told(&self, card: &Card, way: &str) -> String {
        let answer = self.answer(card, way).await;
        if answer.status == 200 { user(&answer, way) } else { answer.status_and_id() }
    }

    async fn answer(&self, card: &Card, way: &str) -> TestResponse {
        TestClient::new(&self.lab).chain(card).get(&format!("/{way}/echo")).await
    }

    async fn told_by_each_way(&self, card: &Card) -> [String; 3] {
        [self.told(card, WAYS[0]).await, self.told(card, WAYS[1]).await, self.told(card, WAYS[2]).await]
    }

    async fn purge(&self) {
        let mut admin = TcpStream::connect(self.lab.admin_address()).await.unwrap();
        let purged = exchange(&mut admin, b"POST /purge HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(purged.starts_with("HTTP/1.1 200 "), "{purged}");
    }
}

/// The name that a backend was told, without its domain.
fn user(answer: &TestResponse, way: &str) -> String {
    let name = match way {
        "certificate" => answer.received_header("x-client-upn").concat(),
        "headers" => {
            let header = answer.received_header("x-remote-upn").concat();
            assert_eq!(claims(answer)["upn"], header, "headers and assertion are of one account");
            header
        }
        _ => answer.received_header("x-remote-user").concat(),
    };
    name.split('@').next().unwrap().to_owned()
}

/// What the assertion says.
fn claims(answer: &TestResponse) -> Value {
    let assertion = answer.received_header("x-portcullis-assertion").concat();
    let payload = assertion.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// A card that names its holder by the SID of the account that was made as `user`.
fn card_of(directory: &ActiveDirectory, user: &str) -> Card {
    let profile = CardProfile {
        upns: Vec::new(),
        emails: Vec::new(),
        sid: Some(directory.sid_now(user)),
        ..CardProfile::of("somebody", Clock::system().now())
    };
    pki().issue(&profile).unwrap()
}

fn with_gateway(steps: impl AsyncFnOnce(&ActiveDirectory, &Gateway)) {
    with_lab(|directory| {
        let Some(gateway) = Gateway::before(directory) else { return };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(steps(directory, &gateway));
    });
}

#[test]
fn accounts_that_exchange_their_names_during_traffic_are_never_confused() {
    with_gateway(async |directory, gateway| {
        let (one, other) = ("spare22", "spare23");
        let _renamed = Renamed::new(directory, &[one, other]);
        let cards = [card_of(directory, one), card_of(directory, other)];
        for (card, name) in cards.iter().zip([one, other]) {
            assert_eq!(gateway.told_by_each_way(card).await, [name; 3]);
        }
        let changing = std::thread::spawn(|| {
            exchange_names(&ActiveDirectory::running().unwrap(), "spare22", "spare23");
        });
        while !changing.is_finished() {
            for (card, name) in cards.iter().zip([one, other]) {
                assert_eq!(gateway.told_by_each_way(card).await, [name; 3], "what is remembered counts");
                let now = gateway.told(card, "again").await;
                let possible = [name, "502 delegation-failed", "403 identity-conflict"];
                assert!(possible.contains(&now.as_str()), "{name} was taken for {now}");
            }
        }
        changing.join().unwrap();
        // The accounts are remembered under their old names. The KDC's tickets for these are the other's by now.
        for card in &cards {
            let answer = gateway.answer(card, "late").await;
            assert_eq!(answer.status_and_id(), "403 identity-conflict");
            let record = gateway.lab.record(&answer.request_id()).await;
            assert!(
                record["detail"].as_str().unwrap().contains("now belongs to another account"),
                "{record}"
            );
        }
        gateway.purge().await;
        for (card, name) in cards.iter().zip([other, one]) {
            assert_eq!(gateway.told_by_each_way(card).await, [name; 3]);
            assert_eq!(gateway.told(card, "again").await, name);
            assert_eq!(gateway.told(card, "late").await, name);
        }
    });
}

#[test]
fn a_changed_name_reaches_every_backend_within_the_cache_lifetime() {
    with_gateway(async |directory, gateway| {
        let user = "spare24";
        let renamed = Renamed::new(directory, &[user]);
        let card = card_of(directory, user);
        assert_eq!(gateway.told_by_each_way(&card).await, [user; 3]);
        renamed.rename(user, "spare24-new");
        gateway.lab.clock.advance(Duration::from_secs(59));
        assert_eq!(gateway.told_by_each_way(&card).await, [user; 3], "what is remembered counts");
        assert_eq!(
            gateway.told(&card, "again").await,
            "502 delegation-failed",
            "no account has the name now"
        );
        gateway.lab.clock.advance(Duration::from_secs(1));
        assert_eq!(gateway.told_by_each_way(&card).await, ["spare24-new"; 3]);
        assert_eq!(gateway.told(&card, "again").await, "spare24-new");
    });
}

#[test]
fn a_new_account_with_the_name_of_a_deleted_one_is_another_account() {
    with_gateway(async |directory, gateway| {
        let user = "spare25";
        let card = card_of(directory, user);
        assert_eq!(gateway.told(&card, "headers").await, user);
        directory.delete(user);
        directory.create(user);
        assert_eq!(gateway.told(&card, "kerberos").await, "403 identity-conflict");
        gateway.purge().await;
        for way in WAYS {
            assert_eq!(gateway.told(&card, way).await, "403 not-mapped", "{way}");
        }
    });
}

#[test]
fn an_account_that_may_not_be_delegated_has_no_certificate_unless_configured() {
    with_gateway(async |directory, gateway| {
        let card = card_of(directory, "peggy");
        for way in ["certificate", "kerberos"] {
            let answer = gateway.answer(&card, way).await;
            assert_eq!(answer.status_and_id(), "502 delegation-failed", "{way}");
        }
        let answer = gateway.answer(&card, "certificate").await;
        let record = gateway.lab.record(&answer.request_id()).await;
        assert!(record["detail"].as_str().unwrap().contains("sensitive and cannot be delegated"), "{record}");
        assert_eq!(gateway.told(&card, "headers").await, "peggy");
        let answer = gateway.answer(&card, "unsafe").await;
        assert_eq!(user(&answer, "certificate"), "peggy");
    });
}

#[test]
fn a_ticket_is_of_the_mapped_account_and_not_older_than_its_lookup() {
    with_lab(|directory| {
        let (user, other) = ("spare26", "spare27");
        let _renamed = Renamed::new(directory, &[user, other]);
        let delegator =
            Delegator::new(KerberosLibrary::load().unwrap(), DelegatorSettings::new(directory.keytab("gw")));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (principal, sid) = (format!("{user}@CORP.EXAMPLE"), directory.sid(user));
        let ask = |since: Tick| -> Result<Negotiation, DelegationError> {
            let meant = MappedUser { principal: &principal, sid: Some(&sid), since };
            runtime.block_on(delegator.negotiate(meant, RMS))
        };
        let first = Tick::next();
        ask(first).unwrap();
        directory.disable(user);
        let remembered = ask(first);
        let refused = ask(Tick::next()).unwrap_err();
        directory.enable(user);
        remembered.unwrap();
        assert!(matches!(refused, DelegationError::AccountRefused(_)), "{refused:?}");

        exchange_names(directory, user, other);
        let refused = ask(Tick::next()).unwrap_err();
        let DelegationError::AnotherAccount { mapped, answered } = refused else { panic!("{refused:?}") };
        assert_eq!((mapped, answered), (sid.clone(), directory.sid(other)));
    });
}
