//! Accounts of the lab's Active Directory are renamed, exchange their names, or are deleted and created again while the
//! gateway serves them. No backend receives another account, and each identity mode follows within the time that
//! docs/identity.md specifies.

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
    DelegationError, DelegatorSettings, KerberosDelegator, KerberosLibrary, KerberosNegotiation, MappedUser,
};
use portcullis::demo::pki::{CertificateProfile, KeyedChain};
use portcullis::demo::rms::Rms;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::Value;
use std::fs::Permissions;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tokio::net::TcpStream;

const RMS: &str = "HTTP/rms.corp.example";

/// The paths of [`ModesGateway`], one for each identity mode. `again` and `late` have the same server as `kerberos`,
/// but backends and tickets of their own.
const MODES: [&str; 3] = ["kerberos", "certificate", "headers"];

/// Renames accounts, and restores their names on drop.
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

/// Exchanges the names of two accounts.
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

/// A gateway that maps certificates by SID, in front of servers that require Kerberos, a certificate, or nothing.
struct ModesGateway {
    lab: TestGateway,
    _kerberos: KerberosSite,
    _certificate: CertificateSite,
    _authorities: Authorities,
    _echo: Rms,
}

impl ModesGateway {
    /// Starts it; returns `None` if a program is not installed. The test is then recorded as skipped.
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
issuer = "https://gateway.corp.example"

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
user_certificates = {{ certificate = "{gateway}", private_key = "{key}" }}

[backend.unsafe]
servers = ["https://{certificate}"]
ca = "pki/server-ca.pem"
identity = "certificate"
user_certificates = {{ certificate = "{gateway}", private_key = "{key}", unsafe_issue_for_protected_accounts = true }}
"#,
            domain = sid.rsplit_once('-').unwrap().0,
            url = directory.ldaps_url(),
            ca = directory.ca_file().display(),
            service = ActiveDirectory::SERVICE_DN,
            base = ActiveDirectory::BASE,
            certificate = certificate.address(CertificateRequest::InHandshake, "1.3"),
            gateway = issue("gateway.pem"),
            key = issue("gateway.key"),
        );
        let path = |mode: &str, backend: &str| {
            format!(
                "[[site.path]]\npath = \"/{mode}/*\"\nclient_certificate = \"require\"\nbackend = \"{backend}\"\n"
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
            .map(|(mode, backend)| path(mode, backend))
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

    /// Returns the user that the backend received for the holder of `card`, or the denial.
    async fn identity(&self, card: &KeyedChain, mode: &str) -> String {
        let response = self.send(card, mode).await;
        if response.status == 200 { user(&response, mode) } else { response.status_and_id() }
    }

    async fn send(&self, card: &KeyedChain, mode: &str) -> TestResponse {
        TestClient::new(&self.lab).chain(card).get(&format!("/{mode}/echo")).await
    }

    async fn identity_in_each_mode(&self, card: &KeyedChain) -> [String; 3] {
        [
            self.identity(card, MODES[0]).await,
            self.identity(card, MODES[1]).await,
            self.identity(card, MODES[2]).await,
        ]
    }

    async fn purge(&self) {
        let mut admin = TcpStream::connect(self.lab.admin_address()).await.unwrap();
        let purged = exchange(&mut admin, b"POST /purge HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(purged.starts_with("HTTP/1.1 200 "), "{purged}");
    }
}

/// Returns the user name that a backend received, without its domain.
fn user(response: &TestResponse, mode: &str) -> String {
    let name = match mode {
        "certificate" => response.received_header("x-client-upn").concat(),
        "headers" => {
            let header = response.received_header("x-remote-upn").concat();
            assert_eq!(claims(response)["upn"], header, "header and assertion name the same account");
            header
        }
        _ => response.received_header("x-remote-user").concat(),
    };
    name.split('@').next().unwrap().to_owned()
}

/// Returns the claims of the assertion.
fn claims(response: &TestResponse) -> Value {
    let assertion = response.received_header("x-portcullis-assertion").concat();
    let payload = assertion.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Issues a card with the SID of the account that was created as `user`.
fn card_of(directory: &ActiveDirectory, user: &str) -> KeyedChain {
    let profile = CertificateProfile {
        upns: Vec::new(),
        emails: Vec::new(),
        sid: Some(directory.sid_now(user)),
        ..CertificateProfile::of("holder", Clock::system().now())
    };
    pki().issue(&profile).unwrap()
}

fn with_gateway(steps: impl AsyncFnOnce(&ActiveDirectory, &ModesGateway)) {
    with_lab(|directory| {
        let Some(gateway) = ModesGateway::before(directory) else { return };
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
            assert_eq!(gateway.identity_in_each_mode(card).await, [name; 3]);
        }
        let changing = std::thread::spawn(|| {
            exchange_names(&ActiveDirectory::running().unwrap(), "spare22", "spare23");
        });
        while !changing.is_finished() {
            for (card, name) in cards.iter().zip([one, other]) {
                assert_eq!(
                    gateway.identity_in_each_mode(card).await,
                    [name; 3],
                    "the cached account is used"
                );
                let now = gateway.identity(card, "again").await;
                let possible = [name, "502 delegation-failed", "403 identity-conflict"];
                assert!(possible.contains(&now.as_str()), "{name} was served as {now}");
            }
        }
        changing.join().unwrap();
        // The accounts are cached with their old names. The KDC now issues tickets of the other account for these.
        for card in &cards {
            let response = gateway.send(card, "late").await;
            assert_eq!(response.status_and_id(), "403 identity-conflict");
            let record = gateway.lab.record(&response.request_id()).await;
            assert!(
                record["detail"].as_str().unwrap().contains("now belongs to another account"),
                "{record}"
            );
        }
        gateway.purge().await;
        for (card, name) in cards.iter().zip([other, one]) {
            assert_eq!(gateway.identity_in_each_mode(card).await, [name; 3]);
            assert_eq!(gateway.identity(card, "again").await, name);
            assert_eq!(gateway.identity(card, "late").await, name);
        }
    });
}

#[test]
fn a_changed_name_reaches_every_backend_within_the_cache_lifetime() {
    with_gateway(async |directory, gateway| {
        let user = "spare24";
        let renamed = Renamed::new(directory, &[user]);
        let card = card_of(directory, user);
        assert_eq!(gateway.identity_in_each_mode(&card).await, [user; 3]);
        renamed.rename(user, "spare24-new");
        gateway.lab.clock.advance(Duration::from_secs(59));
        assert_eq!(gateway.identity_in_each_mode(&card).await, [user; 3], "the cached account is used");
        assert_eq!(
            gateway.identity(&card, "again").await,
            "502 delegation-failed",
            "no account has this name any more"
        );
        gateway.lab.clock.advance(Duration::from_secs(1));
        assert_eq!(gateway.identity_in_each_mode(&card).await, ["spare24-new"; 3]);
        assert_eq!(gateway.identity(&card, "again").await, "spare24-new");
    });
}

#[test]
fn a_new_account_with_the_name_of_a_deleted_one_is_another_account() {
    with_gateway(async |directory, gateway| {
        let user = "spare25";
        let card = card_of(directory, user);
        assert_eq!(gateway.identity(&card, "headers").await, user);
        directory.delete(user);
        directory.create(user);
        assert_eq!(gateway.identity(&card, "kerberos").await, "403 identity-conflict");
        gateway.purge().await;
        for mode in MODES {
            assert_eq!(gateway.identity(&card, mode).await, "403 not-mapped", "{mode}");
        }
    });
}

#[test]
fn an_account_that_may_not_be_delegated_has_no_certificate_unless_configured() {
    with_gateway(async |directory, gateway| {
        let card = card_of(directory, "peggy");
        for mode in ["certificate", "kerberos"] {
            let response = gateway.send(&card, mode).await;
            assert_eq!(response.status_and_id(), "502 delegation-failed", "{mode}");
        }
        let response = gateway.send(&card, "certificate").await;
        let record = gateway.lab.record(&response.request_id()).await;
        assert!(record["detail"].as_str().unwrap().contains("sensitive and cannot be delegated"), "{record}");
        assert_eq!(gateway.identity(&card, "headers").await, "peggy");
        let response = gateway.send(&card, "unsafe").await;
        assert_eq!(user(&response, "certificate"), "peggy");
    });
}

#[test]
fn a_ticket_belongs_to_the_mapped_account_and_is_not_older_than_its_lookup() {
    with_lab(|directory| {
        let (user, other) = ("spare26", "spare27");
        let _renamed = Renamed::new(directory, &[user, other]);
        let delegator = KerberosDelegator::new(
            KerberosLibrary::load().unwrap(),
            DelegatorSettings::new(directory.keytab("gw")),
        );
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (principal, sid) = (format!("{user}@CORP.EXAMPLE"), directory.sid(user));
        let negotiate = |since: Tick| -> Result<KerberosNegotiation, DelegationError> {
            let user = MappedUser { principal: &principal, sid: Some(&sid), since };
            runtime.block_on(delegator.negotiate(user, RMS))
        };
        let first = Tick::next();
        negotiate(first).unwrap();
        directory.disable(user);
        let cached = negotiate(first);
        let rejected = negotiate(Tick::next()).unwrap_err();
        directory.enable(user);
        cached.unwrap();
        assert!(matches!(rejected, DelegationError::AccountRejected(_)), "{rejected:?}");

        exchange_names(directory, user, other);
        let rejected = negotiate(Tick::next()).unwrap_err();
        let DelegationError::AccountMismatch { mapped, returned } = rejected else { panic!("{rejected:?}") };
        assert_eq!((mapped, returned), (sid.clone(), directory.sid(other)));
    });
}
