//! For any path rule and any sequence of requests, a request with NTLM or Negotiate is never sent on a connection that
//! other clients use.

use super::server::{ConnectionBound, basic, first_message, third_message};
use crate::support::{Connection, PeopleDirectory, TestClient, TestConfig, TestGateway, empty_body};
use http::Method;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::Cell;
use std::fmt::Write;

const CERTIFICATES: [&str; 3] = ["ignore", "accept", "require"];
const PASSWORDS: [&str; 3] = ["never", "directory", "backend"];
const CLIENTS: usize = 6;

/// One request of a client: the settings of the path, and the credentials.
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

/// Returns a path for every combination that the configuration accepts.
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

/// Returns the demo's realm, with a directory that maps certificates and verifies passwords.
fn realm(directory: &PeopleDirectory) -> String {
    format!(
        "{}\n[realm.staff.directory]\nurl = \"{}\"\nca = \"pki/server-ca.pem\"\nbind_dn = \"{}\"\n\
         bind_password = {{ file = \"ldap-password\" }}\nbase_dn = \"DC=corp,DC=example\"\n",
        TestConfig::default().realm,
        directory.server(),
        PeopleDirectory::SERVICE_DN
    )
}

/// Returns a client. Half of the clients have a certificate, and a third use HTTP/2.
fn client(lab: &TestGateway, number: usize) -> TestClient {
    let client = TestClient::new(lab).certificate(if number.is_multiple_of(2) { "alice" } else { "none" });
    if number.is_multiple_of(3) { client.http2() } else { client }
}

/// The open client connections, each with a unique number.
#[derive(Default)]
struct Clients {
    open: [Option<(usize, Connection)>; CLIENTS],
    connected: usize,
}

async fn run_step(clients: &mut Clients, lab: &TestGateway, step: &Step) {
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
    // A reset stream and a closed connection are valid outcomes.
    if connection.send(request.body(empty_body()).unwrap()).await.is_ok_and(|response| response.status < 500)
    {
        clients.open[number] = Some((id, connection));
    }
}

#[test]
fn connection_based_credentials_are_never_sent_on_a_shared_connection() {
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
        PeopleDirectory::write_bind_password(folder);
    });
    let config = Config { cases: 40, failure_persistence: None, ..Config::default() };
    let connected = Cell::new(0);
    TestRunner::new(config)
        .run(&steps(), |steps| {
            let mut clients = Clients { connected: connected.get(), ..Clients::default() };
            runtime.block_on(async {
                for step in &steps {
                    run_step(&mut clients, &lab, step).await;
                }
            });
            connected.set(clients.connected);
            backend.assert_authenticated_connections_are_not_shared();
            Ok(())
        })
        .unwrap();
    let requests = backend.requests();
    let count = |path: &str| {
        let here = requests.iter().filter(move |entry| entry.path.starts_with(path));
        (here.clone().count(), here.filter(|entry| entry.authorization.is_some()).count())
    };
    for password in ["never", "directory"] {
        let (requests, with_credentials) = count(&format!("/nameless/{password}"));
        assert!(requests > 0 && with_credentials == 0, "{password}");
    }
    let (requests, with_credentials) = count("/nameless/backend");
    assert!(requests > with_credentials && with_credentials > 0);
}
