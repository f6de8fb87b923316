//! Two hundred people at once, some with cards, some who log in at the backend, some nameless, over shared connections
//! and connections of their own to a backend whose log-in holds for the connection: each is answered as who he is.

use super::before;
use super::server::{ConnectionBound, basic, first_message, third_message};
use crate::support::{Client, Connection, TestConfig, TestGateway, TestResponse, pki, sized_body};
use http::Method;
use portcullis::clock::Clock;
use portcullis::demo::pki::{Card, CardProfile};

const CLIENTS: usize = 200;
const REQUESTS: usize = 50;
const CARDS: usize = 10;

/// How a client says who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Card,
    Ntlm,
    Negotiate,
    Basic,
    Nameless,
}

/// One client, and its own dice.
struct Person {
    number: usize,
    kind: Kind,
    dice: u64,
    client: Client,
}

impl Person {
    fn new(lab: &TestGateway, cards: &[Card], number: usize) -> Self {
        let kinds = [Kind::Card, Kind::Ntlm, Kind::Card, Kind::Negotiate, Kind::Basic, Kind::Nameless];
        let kind = kinds[number % kinds.len()];
        let client = Client::new(lab);
        let client = match kind {
            Kind::Card if number.is_multiple_of(4) => client.chain(&cards[number % CARDS]).http2(),
            Kind::Card => client.chain(&cards[number % CARDS]),
            Kind::Nameless if number.is_multiple_of(4) => client.http2(),
            Kind::Ntlm | Kind::Negotiate | Kind::Basic | Kind::Nameless => client,
        };
        let dice = 0x9e37_79b9_7f4a_7c15 ^ u64::try_from(number + 1).unwrap();
        Self { number, kind, dice, client }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % sides
    }

    async fn visit(mut self) -> usize {
        let mut connection = self.connect().await;
        let mut asked = 0;
        for request in 0..REQUESTS {
            // Some come anew, so that connections are opened and closed among all the others.
            if self.roll(12) == 0 {
                connection = self.connect().await;
            }
            let mark = format!("{}-{request}", self.number);
            let (path, user) = self.destination();
            let body = mark.repeat(1 + usize::try_from(self.roll(300)).unwrap());
            let answer = self.ask(&mut connection, path, &mark, &body).await;
            self.assert_is_own(&answer, &user, &mark, &body);
            asked += 1;
        }
        asked
    }

    async fn connect(&self) -> Connection {
        let mut connection = self.client.connect().await.unwrap();
        let scheme = match self.kind {
            Kind::Ntlm => "NTLM",
            Kind::Negotiate => "Negotiate",
            Kind::Card | Kind::Basic | Kind::Nameless => return connection,
        };
        let mark = format!("{}-login", self.number);
        for (message, status) in
            [(first_message(scheme), 401), (third_message(scheme, &self.dialogue_name()), 200)]
        {
            let request = connection.request(Method::POST, "/accept/x").header("x-mark", &mark);
            let request = request.header("authorization", message).body(sized_body("")).unwrap();
            assert_eq!(connection.send(request).await.unwrap().status, status, "{mark}");
        }
        connection
    }

    /// A path that the client may go to, and as whom it must be known there.
    fn destination(&mut self) -> (&'static str, String) {
        let nameless = ("/nameless/x", "nobody".to_owned());
        match (self.kind, self.roll(3)) {
            (Kind::Nameless, _) | (_, 0) => nameless,
            (Kind::Card, 1) => ("/require/x", format!("person-{}@corp.example", self.number % CARDS)),
            (Kind::Card, _) => ("/accept/x", format!("person-{}@corp.example", self.number % CARDS)),
            (_, 1) => ("/ignore/x", self.dialogue_name()),
            (_, _) => ("/accept/x", self.dialogue_name()),
        }
    }

    fn dialogue_name(&self) -> String {
        format!("user{}", self.number)
    }

    async fn ask(&mut self, connection: &mut Connection, path: &str, mark: &str, body: &str) -> TestResponse {
        let mut request = connection.request(Method::POST, path).header("x-mark", mark);
        let claims_more = self.roll(2) == 0;
        match self.kind {
            Kind::Basic => {
                request = request.header("authorization", basic(&self.dialogue_name(), "Passw0rd"));
            }
            // Whoever has a card may say in `Authorization` what he likes.
            Kind::Card if claims_more => {
                request = request.header("authorization", third_message("NTLM", "mallory"));
            }
            Kind::Card | Kind::Ntlm | Kind::Negotiate | Kind::Nameless => {}
        }
        connection.send(request.body(sized_body(body.to_owned())).unwrap()).await.unwrap()
    }

    fn assert_is_own(&self, answer: &TestResponse, user: &str, mark: &str, body: &str) {
        assert_eq!(answer.status_and_id(), "200 permit", "{mark}");
        let told = answer.json();
        assert_eq!(
            (told["mark"].as_str(), told["user"].as_str()),
            (Some(mark), Some(user)),
            "{:?}",
            self.kind
        );
        assert_eq!(told["body"], body, "{mark}");
    }
}

#[tokio::test]
async fn two_hundred_people_on_shared_and_own_connections_are_never_confused() {
    let backend = ConnectionBound::start();
    let setup = before(backend.address);
    let lab = TestGateway::with(TestConfig {
        site: "http2 = true".to_owned(),
        // Half of the clients have a connection of their own, and would have to log in anew if it were closed.
        backend:
            "max_connections = 160\nqueue_timeout = \"60s\"\nmax_pinned_connections_per_address = 1000\n\
            login_throttle = { max_failures_per_address = 1000 }"
                .to_owned(),
        ..setup
    });
    let now = Clock::system().now();
    let issue = |person: usize| pki().issue(&CardProfile::of(&format!("person-{person}"), now)).unwrap();
    let cards: Vec<_> = (0..CARDS).map(issue).collect();
    let visits: Vec<_> =
        (0..CLIENTS).map(|number| tokio::spawn(Person::new(&lab, &cards, number).visit())).collect();
    let mut asked = 0;
    for visit in visits {
        asked += visit.await.unwrap();
    }
    assert_eq!(asked, CLIENTS * REQUESTS);
    backend.assert_no_connection_was_shared_after_a_log_in();
    let book = backend.book();
    assert!(book.iter().filter(|entry| entry.authorization.is_some()).count() > CLIENTS);
    let shared = |path: &str| path.starts_with("/nameless") || path.starts_with("/require");
    assert!(book.iter().all(|entry| !shared(&entry.path) || entry.authorization.is_none()));
}

// What was broken by hand, and what became of the tests:
//
// * `PassthroughAuth::connection` keeps its connections for the whole worker instead of for the client: this test and
//   `any_configuration` fail at once, with the requests of one client on the connection of another.
