//! Persistent connections with one client certificate that send requests at a constant rate. A slow response does not
//! change the rate afterwards; the delay of the next request counts as its latency instead (no coordinated omission).

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use portcullis::demo::DemoEnvironment;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_rustls::TlsConnector;

pub(crate) const CONNECTIONS: u32 = 32;
/// The interval between requests on each connection.
pub(crate) const PERIOD: Duration = Duration::from_millis(40);

const HOST: &str = "rms.corp.example";
/// A path that accepts a client certificate, and authenticates it if it is presented.
const PATH: &str = "/_wmcs/licensing/license.asmx";

type Sender = SendRequest<Empty<Bytes>>;

/// Open connections, each with its own handshake and the client certificate of alice.
pub(crate) struct Traffic(Vec<Sender>);

impl Traffic {
    pub(crate) async fn open(demo: &DemoEnvironment) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(demo.pki.server_ca().clone()).unwrap();
        let card = demo.pki.card("alice").unwrap();
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_client_auth_cert(card.chain.clone(), card.private_key())
            .unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let mut senders = Vec::new();
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(demo.tls).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let stream = connector.connect(ServerName::try_from(HOST).unwrap(), stream).await.unwrap();
            let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            senders.push(sender);
        }
        Self(senders)
    }

    /// Sends `requests` requests on each connection, each as soon as the previous one is answered.
    pub(crate) async fn warm_up(&mut self, requests: u32) {
        let mut sending = JoinSet::new();
        for mut sender in self.0.drain(..) {
            sending.spawn(async move {
                for _ in 0..requests {
                    send(&mut sender).await;
                }
                sender
            });
        }
        self.0 = sending.join_all().await;
    }

    /// Sends requests for `span`; returns the latencies in ascending order.
    pub(crate) async fn send_for(&mut self, span: Duration) -> Vec<Duration> {
        let begin = Instant::now();
        let mut sending = JoinSet::new();
        for (number, sender) in (0..).zip(self.0.drain(..)) {
            sending.spawn(send_steadily(sender, begin + PERIOD * number / CONNECTIONS, begin + span));
        }
        let mut all = Vec::new();
        for (sender, took) in sending.join_all().await {
            self.0.push(sender);
            all.extend(took);
        }
        all.sort_unstable();
        all
    }
}

async fn send_steadily(mut sender: Sender, first: Instant, end: Instant) -> (Sender, Vec<Duration>) {
    let mut took = Vec::new();
    let mut due = first;
    while due < end {
        let is_late = due < Instant::now();
        sleep_until(due).await;
        // A late timer is no latency of the gateway.
        let began = if is_late { due } else { Instant::now() };
        send(&mut sender).await;
        took.push(began.elapsed());
        due += PERIOD;
    }
    (sender, took)
}

async fn send(sender: &mut Sender) {
    let request = Request::get(PATH).header("host", HOST).header("x-demo-echo", "1");
    sender.ready().await.unwrap();
    let response = sender.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.into_body().collect().await.unwrap();
}
