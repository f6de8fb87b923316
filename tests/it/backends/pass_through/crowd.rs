//! Two hundred clients at once, with certificates, logins at the backend or neither, over pooled and pinned connections to
//! a backend that authenticates connections: each receives the responses of its own user.

use super::in_front_of;
use super::server::{ConnectionBound, basic, first_message, third_message};
use crate::support::{Connection, TestClient, TestConfig, TestGateway, TestResponse, pki, sized_body};
use http::Method;
use portcullis::clock::Clock;
use portcullis::demo::pki::{CertificateProfile, KeyedChain};

const CLIENTS: usize = 200;
const REQUESTS: usize = 50;
const CARDS: usize = 10;

/// How a client authenticates itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Certificate,
    Ntlm,
    Negotiate,
    Basic,
    Anonymous,
}

/// One client, with its own random number generator.
struct CrowdClient {
    number: usize,
    kind: Kind,
    seed: u64,
    client: TestClient,
}

impl CrowdClient {
    fn new(lab: &TestGateway, cards: &[KeyedChain], number: usize) -> Self {
        let kinds =
            [Kind::Certificate, Kind::Ntlm, Kind::Certificate, Kind::Negotiate, Kind::Basic, Kind::Anonymous];
        let kind = kinds[number % kinds.len()];
        let client = TestClient::new(lab);
        let client = match kind {
            Kind::Certificate if number.is_multiple_of(4) => client.chain(&cards[number % CARDS]).http2(),
            Kind::Certificate => client.chain(&cards[number % CARDS]),
            Kind::Anonymous if number.is_multiple_of(4) => client.http2(),
            Kind::Ntlm | Kind::Negotiate | Kind::Basic | Kind::Anonymous => client,
        };
        let seed = 0x9e37_79b9_7f4a_7c15 ^ u64::try_from(number + 1).unwrap();
        Self { number, kind, seed, client }
    }

    fn random(&mut self, limit: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % limit
    }

    async fn run(mut self) -> usize {
        let mut connection = self.connect().await;
        let mut sent = 0;
        for request in 0..REQUESTS {
            // Some requests use a new connection, so that connections are opened and closed among all the others.
            if self.random(12) == 0 {
                connection = self.connect().await;
            }
            let mark = format!("{}-{request}", self.number);
            let (path, user) = self.destination();
            let body = mark.repeat(1 + usize::try_from(self.random(300)).unwrap());
            let response = self.send(&mut connection, path, &mark, &body).await;
            self.assert_is_own(&response, &user, &mark, &body);
            sent += 1;
        }
        sent
    }

    async fn connect(&self) -> Connection {
        let mut connection = self.client.connect().await.unwrap();
        let scheme = match self.kind {
            Kind::Ntlm => "NTLM",
            Kind::Negotiate => "Negotiate",
            Kind::Certificate | Kind::Basic | Kind::Anonymous => return connection,
        };
        let mark = format!("{}-login", self.number);
        for (message, status) in
            [(first_message(scheme), 401), (third_message(scheme, &self.login_name()), 200)]
        {
            let request = connection.request(Method::POST, "/accept/x").header("x-mark", &mark);
            let request = request.header("authorization", message).body(sized_body("")).unwrap();
            assert_eq!(connection.send(request).await.unwrap().status, status, "{mark}");
        }
        connection
    }

    /// Returns a path for the client, and the user that the backend must identify there.
    fn destination(&mut self) -> (&'static str, String) {
        let anonymous = ("/nameless/x", "nobody".to_owned());
        match (self.kind, self.random(3)) {
            (Kind::Anonymous, _) | (_, 0) => anonymous,
            (Kind::Certificate, 1) => ("/require/x", format!("person-{}@corp.example", self.number % CARDS)),
            (Kind::Certificate, _) => ("/accept/x", format!("person-{}@corp.example", self.number % CARDS)),
            (_, 1) => ("/ignore/x", self.login_name()),
            (_, _) => ("/accept/x", self.login_name()),
        }
    }

    fn login_name(&self) -> String {
        format!("user{}", self.number)
    }

    async fn send(
        &mut self,
        connection: &mut Connection,
        path: &str,
        mark: &str,
        body: &str,
    ) -> TestResponse {
        let mut request = connection.request(Method::POST, path).header("x-mark", mark);
        let sends_credentials = self.random(2) == 0;
        match self.kind {
            Kind::Basic => {
                request = request.header("authorization", basic(&self.login_name(), "Passw0rd"));
            }
            // The `Authorization` of a certificate holder is removed.
            Kind::Certificate if sends_credentials => {
                request = request.header("authorization", third_message("NTLM", "mallory"));
            }
            Kind::Certificate | Kind::Ntlm | Kind::Negotiate | Kind::Anonymous => {}
        }
        connection.send(request.body(sized_body(body.to_owned())).unwrap()).await.unwrap()
    }

    fn assert_is_own(&self, response: &TestResponse, user: &str, mark: &str, body: &str) {
        assert_eq!(response.status_and_id(), "200 permit", "{mark}");
        let echo = response.json();
        assert_eq!(
            (echo["mark"].as_str(), echo["user"].as_str()),
            (Some(mark), Some(user)),
            "{:?}",
            self.kind
        );
        assert_eq!(echo["body"], body, "{mark}");
    }
}

#[tokio::test]
async fn two_hundred_clients_on_pooled_and_pinned_connections_are_never_confused() {
    let backend = ConnectionBound::start();
    let setup = in_front_of(backend.address);
    let lab = TestGateway::with(TestConfig {
        site: "http2 = true".to_owned(),
        // Half of the clients have a pinned connection. If it were closed, they would have to log in again.
        backend:
            "max_connections = 160\nqueue_timeout = \"60s\"\nmax_pinned_connections_per_address = 1000\n\
            login_throttle = { max_failures_per_address = 1000 }"
                .to_owned(),
        ..setup
    });
    let now = Clock::system().now();
    let issue =
        |person: usize| pki().issue(&CertificateProfile::of(&format!("person-{person}"), now)).unwrap();
    let cards: Vec<_> = (0..CARDS).map(issue).collect();
    let clients: Vec<_> =
        (0..CLIENTS).map(|number| tokio::spawn(CrowdClient::new(&lab, &cards, number).run())).collect();
    let mut sent = 0;
    for client in clients {
        sent += client.await.unwrap();
    }
    assert_eq!(sent, CLIENTS * REQUESTS);
    backend.assert_authenticated_connections_are_not_shared();
    let requests = backend.requests();
    assert!(requests.iter().filter(|request| request.authorization.is_some()).count() > CLIENTS);
    let shared = |path: &str| path.starts_with("/nameless") || path.starts_with("/require");
    assert!(requests.iter().all(|request| !shared(&request.path) || request.authorization.is_none()));
}

// Verified by a mutation: if `PassthroughAuth::connection` stores its connections for the worker instead of for the
// client connection, this test and `any_configuration` fail, with requests of one client on the connection of another.
