//! Whatever a path demands and whatever a client sends, in whatever order: a request with NTLM or Negotiate never travels
//! on a connection that others use.

use super::server::{ConnectionBound, basic, first_message, third_message};
use crate::support::{Client, Connection, PeopleDirectory, TestConfig, TestGateway, empty_body};
use http::Method;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::Cell;
use std::fmt::Write;

const CERTIFICATES: [&str; 3] = ["ignore", "accept", "require"];
const PASSWORDS: [&str; 3] = ["never", "directory", "backend"];
const CLIENTS: usize = 6;

/// One request: of this client, to a path of this kind, with credentials of this kind.
#[derive(Clone, Debug)]
struct Step {
    client: usize,
    password: usize,
    certificate: usize,
    credentials: Credentials,
}

#[derive(Clone, Copy, Debug)]
enum Credentials {
    None,
    First(&'static str),
    Third(&'static str),
    Basic,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let scheme = prop::sample::select(vec!["NTLM", "Negotiate", "negotiate", "nTLM"]);
    let credentials = prop_oneof![
        Just(Credentials::None),
        scheme.clone().prop_map(Credentials::First),
        scheme.prop_map(Credentials::Third),
        Just(Credentials::Basic),
    ];
    let step = (0..CLIENTS, 0..PASSWORDS.len(), 0..CERTIFICATES.len(), credentials).prop_map(
        |(client, password, certificate, credentials)| Step { client, password, certificate, credentials },
    );
    prop::collection::vec(step, 1..40)
}

/// A path for every combination that proxy.toml takes.
fn paths() -> String {
    let mut paths = String::new();
    for password in PASSWORDS {
        for certificate in
            CERTIFICATES.iter().filter(|certificate| password == "never" || **certificate != "require")
        {
            write!(
                paths,
                "[[site.path]]\npath = \"/nameless/{password}/{certificate}/*\"\n\
                 client_certificate = \"{certificate}\"\npassword = \"{password}\"\n"
            )
            .unwrap();
        }
    }
    paths
}

/// The demo's realm, with a directory for cards and passwords.
fn realm(directory: &PeopleDirectory) -> String {
    format!(
        "{}\n[realm.staff.directory]\nurl = \"{}\"\nca = \"pki/server-ca.pem\"\nbind_dn = \"{}\"\n\
         bind_password = {{ file = \"ldap-password\" }}\nbase_dn = \"DC=corp,DC=example\"\n",
        TestConfig::default().realm,
        directory.server(),
        PeopleDirectory::SERVICE_DN
    )
}

/// Half of the clients have a card, and a third speak HTTP/2.
fn client(lab: &TestGateway, number: usize) -> Client {
    let client = Client::new(lab).card(if number.is_multiple_of(2) { "alice" } else { "none" });
    if number.is_multiple_of(3) { client.http2() } else { client }
}

/// The connections that are open, each with a number that no other ever has.
#[derive(Default)]
struct Clients {
    open: [Option<(usize, Connection)>; CLIENTS],
    connected: usize,
}

async fn take(clients: &mut Clients, lab: &TestGateway, step: &Step) {
    let number = step.client;
    let (id, mut connection) = match clients.open[number].take() {
        Some(open) => open,
        None => {
            clients.connected += 1;
            (clients.connected, client(lab, number).connect().await.unwrap())
        }
    };
    let path = format!("/nameless/{}/{}/x", PASSWORDS[step.password], CERTIFICATES[step.certificate]);
    let request = connection.request(Method::POST, &path).header("x-mark", format!("{id}-x"));
    let user = format!("user{number}");
    let request = match step.credentials {
        Credentials::None => request,
        Credentials::First(scheme) => request.header("authorization", first_message(scheme)),
        Credentials::Third(scheme) => request.header("authorization", third_message(scheme, &user)),
        Credentials::Basic => request.header("authorization", basic("alice", PeopleDirectory::PASSWORD)),
    };
    // A stream that is reset, or a connection that is to end, is an answer too.
    if connection.send(request.body(empty_body()).unwrap()).await.is_ok_and(|answer| answer.status < 500) {
        clients.open[number] = Some((id, connection));
    }
}

#[test]
fn credentials_for_a_connection_never_travel_on_a_shared_one() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let Some(directory) = runtime.block_on(PeopleDirectory::start()) else { return };
    let backend = ConnectionBound::start();
    let setup = TestConfig {
        top: "workers = 1".to_owned(),
        site: "http2 = true".to_owned(),
        paths: paths(),
        realm: realm(&directory),
        servers: format!("[\"http://{}\"]", backend.address),
        backend: "login_throttle = { max_failures_per_account = 1000, max_failures_per_address = 1000000 }"
            .to_owned(),
        ..TestConfig::default()
    };
    let lab = TestGateway::prepared(setup, |folder| {
        std::fs::write(folder.join("ldap-password"), PeopleDirectory::PASSWORD).unwrap();
    });
    let config = Config { cases: 40, failure_persistence: None, ..Config::default() };
    let connected = Cell::new(0);
    TestRunner::new(config)
        .run(&steps(), |steps| {
            let mut clients = Clients { connected: connected.get(), ..Clients::default() };
            runtime.block_on(async {
                for step in &steps {
                    take(&mut clients, &lab, step).await;
                }
            });
            connected.set(clients.connected);
            backend.assert_no_connection_was_shared_after_a_log_in();
            Ok(())
        })
        .unwrap();
    let book = backend.book();
    let bears = |path: &str| {
        let here = book.iter().filter(move |entry| entry.path.starts_with(path));
        (here.clone().count(), here.filter(|entry| entry.authorization.is_some()).count())
    };
    for password in ["never", "directory"] {
        let (asked, with_credentials) = bears(&format!("/nameless/{password}"));
        assert!(asked > 0 && with_credentials == 0, "{password}");
    }
    let (asked, with_credentials) = bears("/nameless/backend");
    assert!(asked > with_credentials && with_credentials > 0);
}
