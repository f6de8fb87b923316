//! Requests of certificate holders to a backend that requires Kerberos: the backend receives them as the mapped
//! account, without a password prompt, and never as another account.

use super::krb5_conf::with_lab;
use crate::support::{
    ActiveDirectory, Connection, KerberosSite, TestClient, TestConfig, TestGateway, TestResponse, pki,
    sha256, sized_body,
};
use http::Method;
use portcullis::clock::Clock;
use portcullis::demo::pki::{CertificateProfile, KeyedChain};
use portcullis::demo::rms::Rms;
use std::fmt::Write;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use tokio::task::JoinSet;

const PATHS: &str = r#"
[[site.path]]
path = "/echo"
client_certificate = "require"
[[site.path]]
path = "/open/*"
client_certificate = "ignore"
"#;

/// The number of concurrent users, and of the requests of each.
const CROWD: usize = 20;
const REQUESTS: usize = 20;

/// A gateway in front of a site of the lab, with certificates for some accounts.
struct KerberosGateway {
    lab: TestGateway,
    cards: Vec<(String, KeyedChain)>,
    _site: KerberosSite,
    _echo: Rms,
}

impl KerberosGateway {
    /// `address` selects the site; `options` are further keys of `kerberos`.
    fn new(
        directory: &ActiveDirectory,
        accounts: &[&str],
        address: fn(&KerberosSite) -> SocketAddr,
        options: &str,
    ) -> Option<Self> {
        let echo = Rms::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let site = KerberosSite::start(directory, echo.address())?;
        let now = Clock::system().now();
        let issue = |account: &&str| {
            ((*account).to_owned(), pki().issue(&CertificateProfile::of(account, now)).unwrap())
        };
        let cards: Vec<_> = accounts.iter().map(issue).collect();
        let by_rule = TestConfig::default()
            .realm
            .replace("[\"upn\"], strength = \"weak\"", "[\"rule\"], strength = \"strong\"");
        let keytab = directory.keytab("gw").display().to_string();
        let setup = TestConfig {
            paths: PATHS.to_owned(),
            realm: by_rule,
            servers: format!("[\"http://{}\"]", address(&site)),
            backend: format!(
                "identity = \"kerberos\"\nspn = \"HTTP/rms.corp.example\"\nkeytab = \"{keytab}\"\n\
                 kerberos = {{ realm = \"CORP.EXAMPLE\"{options} }}"
            ),
            more: rules(&cards),
            ..TestConfig::default()
        };
        Some(Self { lab: TestGateway::with(setup), cards, _site: site, _echo: echo })
    }

    fn client(&self, account: &str) -> TestClient {
        let (_, card) = self.cards.iter().find(|(name, _)| name == account).unwrap();
        TestClient::new(&self.lab).chain(card)
    }
}

/// Returns a mapping rule for each certificate.
fn rules(cards: &[(String, KeyedChain)]) -> String {
    cards.iter().fold(String::new(), |mut rules, (account, card)| {
        let leaf = sha256(card.certificate_der());
        let table = format!(
            "name = \"{account}\"\ncertificate_sha256 = \"{leaf}\"\naccount = {{ user = 'CORP\\{account}' }}"
        );
        writeln!(rules, "[[realm.staff.rule]]\n{table}").unwrap();
        rules
    })
}

/// Runs the steps of a test with such a gateway and the lab.
fn with_gateway(
    accounts: &[&str],
    address: fn(&KerberosSite) -> SocketAddr,
    options: &str,
    steps: impl AsyncFnOnce(&KerberosGateway),
) {
    with_lab(|directory| {
        let Some(gateway) = KerberosGateway::new(directory, accounts, address, options) else { return };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(steps(&gateway));
    });
}

#[test]
fn a_certificate_holder_reaches_a_kerberos_site_as_their_own_account() {
    with_gateway(&["alice"], KerberosSite::per_request, "", async |gateway| {
        let mut connection = gateway.client("alice").connect().await.unwrap();
        for body in ["", "<soap/>"] {
            let request = connection
                .request(Method::POST, "/echo")
                .header("authorization", "Negotiate TlRMTVNTUAAB")
                .header("x-remote-user", "administrator");
            let response = connection.send(request.body(sized_body(body)).unwrap()).await.unwrap();
            assert_eq!(response.status_and_id(), "200 permit");
            assert_eq!(response.received_header("x-remote-user"), ["alice@CORP.EXAMPLE"]);
            assert_eq!(response.received_header("x-remote-mapping"), [""; 0], "the ticket names the account");
            assert_eq!(response.json()["body_length"], body.len());
            assert_eq!(response.header("www-authenticate"), None);
            assert_eq!(response.header("cache-control"), Some("private"));
        }
    });
}

#[test]
fn an_account_that_may_not_be_delegated_is_reported_without_a_password_prompt() {
    with_gateway(&["peggy", "heidi"], KerberosSite::per_request, "", async |gateway| {
        for (account, named) in [("peggy", "NOT_DELEGATED"), ("heidi", "disabled")] {
            let response = gateway.client(account).get("/echo").await;
            assert_eq!(response.status_and_id(), "502 delegation-failed", "{account}");
            assert_eq!(response.header("www-authenticate"), None);
            let record = gateway.lab.record(&response.request_id()).await;
            let detail = record["detail"].as_str().unwrap();
            assert!(detail.contains(named), "{account}: {detail}");
        }
    });
}

#[test]
fn a_ticket_is_sent_once_on_a_connection_that_persists_authentication() {
    with_gateway(&["dave"], KerberosSite::per_connection, ", persist = true", async |gateway| {
        let mut connection = gateway.client("dave").connect().await.unwrap();
        let mut tickets = Vec::new();
        for _ in 0..4 {
            let request = connection.request(Method::GET, "/echo").body(sized_body("")).unwrap();
            let response = connection.send(request).await.unwrap();
            assert_eq!(response.status_and_id(), "200 permit");
            assert_eq!(response.received_header("x-remote-user"), ["dave@CORP.EXAMPLE"]);
            tickets.push(response.received_header("authorization").len());
        }
        assert_eq!(tickets, [1, 0, 0, 0]);
    });
}

/// Starts a server that accepts every ticket without authenticating itself, on two connections. Its responses have no
/// body.
fn impostor(_site: &KerberosSite) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            std::thread::spawn(move || respond_without_proof(stream.unwrap()));
        }
    });
    address
}

fn respond_without_proof(stream: TcpStream) {
    let mut responses = stream.try_clone().unwrap();
    for line in BufReader::new(stream).lines() {
        match line.as_deref() {
            Ok("") => responses.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap(),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

#[test]
fn a_connection_without_mutual_authentication_is_not_reused() {
    with_gateway(&["dave"], impostor, ", persist = true", async |gateway| {
        let mut connection = gateway.client("dave").connect().await.unwrap();
        for _ in 0..2 {
            let request = connection.request(Method::GET, "/echo").body(sized_body("")).unwrap();
            let response = connection.send(request).await.unwrap();
            assert_eq!(response.status_and_id(), "502 backend-rejected-identity");
        }
    });
}

/// Starts a server whose limit for request headers is smaller than a ticket, on one connection.
fn with_short_buffer(_site: &KerberosSite) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut responses = stream.try_clone().unwrap();
        let mut lines = BufReader::new(stream).lines();
        while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        responses
            .write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
    });
    address
}

#[test]
fn a_ticket_that_is_too_long_for_the_server_is_reported_as_such() {
    with_gateway(&["grace"], with_short_buffer, "", async |gateway| {
        let response = gateway.client("grace").get("/echo").await;
        assert_eq!(response.status_and_id(), "502 backend-rejected-identity");
        let record = gateway.lab.record(&response.request_id()).await;
        let detail = record["detail"].as_str().unwrap();
        assert!(
            detail.contains("responded 400 Bad Request without reading the Kerberos ticket of"),
            "{detail}"
        );
        assert!(detail.contains("MaxFieldLength"), "{detail}");
        assert!(!detail.contains("prove"), "{detail}");
    });
}

#[test]
fn a_backend_that_does_not_persist_authentication_is_reported() {
    with_gateway(&["erin"], KerberosSite::per_request, ", persist = true", async |gateway| {
        let mut connection = gateway.client("erin").connect().await.unwrap();
        let mut verdicts = Vec::new();
        for _ in 0..2 {
            let request = connection.request(Method::GET, "/echo").body(sized_body("")).unwrap();
            let response = connection.send(request).await.unwrap();
            verdicts.push(response.status_and_id());
            if response.status == 502 {
                let record = gateway.lab.record(&response.request_id()).await;
                let detail = record["detail"].as_str().unwrap();
                assert!(detail.contains("kerberos.persist = false"), "{detail}");
                assert_eq!(record["account"]["user"], "CORP\\erin");
            }
        }
        assert_eq!(verdicts, ["200 permit", "502 backend-rejected-identity"]);
    });
}

#[test]
fn connections_that_keep_their_account_never_serve_another() {
    let accounts: Vec<String> = (1..=CROWD).map(|number| format!("user{number:03}")).collect();
    let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
    for options in [", persist = true", ""] {
        with_gateway(&accounts, KerberosSite::per_connection, options, async |gateway| {
            let mut clients = JoinSet::new();
            for account in &accounts {
                let connection = gateway.client(account).connect().await.unwrap();
                clients.spawn(send_as(connection, format!("{account}@CORP.EXAMPLE")));
                let anonymous = TestClient::new(&gateway.lab).connect().await.unwrap();
                clients.spawn(send_without_identity(anonymous));
            }
            while let Some(result) = clients.join_next().await {
                result.unwrap();
            }
        });
    }
}

async fn send_as(mut connection: Connection, principal: String) {
    for number in 0..REQUESTS {
        let mark = format!("{principal}-{number}");
        let request = connection.request(Method::GET, "/echo").header("x-mark", &mark);
        let response = connection.send(request.body(sized_body("")).unwrap()).await.unwrap();
        assert_eq!(
            (response.received_header("x-remote-user"), response.received_header("x-mark")),
            (vec![principal.clone()], vec![mark])
        );
    }
}

/// The site rejects a request without an identity on any connection.
async fn send_without_identity(mut connection: Connection) {
    for _ in 0..REQUESTS {
        let request = connection.request(Method::GET, "/open/echo").body(sized_body("")).unwrap();
        let response: TestResponse = connection.send(request).await.unwrap();
        assert_eq!(response.status, 401, "{response:?}");
    }
}
