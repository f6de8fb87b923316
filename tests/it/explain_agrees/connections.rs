//! The persistent connections of the random clients.

use super::random_request::RandomRequest;
use crate::support::{TEST_TIMEOUT, TestBody, TestClient, TestGateway, sized_body};
use http::{Request, header};
use http_body_util::BodyExt;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::collections::HashMap;
use std::io;
use tokio::net::TcpSocket;
use tokio::time::timeout;

/// The open connections: one for each client, server name and protocol.
pub(super) struct Connections<'a> {
    gateway: &'a TestGateway,
    /// The clients, which keep their TLS sessions.
    clients: HashMap<ClientKey, TestClient>,
    open: HashMap<ConnectionKey, SendRequest<TestBody>>,
}

type ClientKey = (&'static str, &'static str, &'static str);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct ConnectionKey {
    is_tls: bool,
    client: ClientKey,
}

/// A complete response.
#[derive(Debug)]
pub(super) struct SentResponse {
    pub(super) status: u16,
    body: String,
}

impl SentResponse {
    /// Returns the body; `None` if it is empty.
    pub(super) fn json(&self) -> Option<Value> {
        (!self.body.is_empty()).then(|| serde_json::from_str(&self.body).unwrap())
    }
}

impl<'a> Connections<'a> {
    pub(super) fn new(gateway: &'a TestGateway) -> Self {
        Self { gateway, clients: HashMap::new(), open: HashMap::new() }
    }

    /// Sends the request. Returns `None` if the gateway rejected the handshake with an alert.
    pub(super) async fn send(&mut self, request: &RandomRequest) -> Option<SentResponse> {
        let key = ConnectionKey {
            is_tls: request.is_tls,
            client: (request.server_name, request.card, request.from),
        };
        let mut sender = match self.open.remove(&key).filter(|sender| !sender.is_closed()) {
            Some(sender) => sender,
            None => self.connect(key).await.ok()?,
        };
        let mut message = Request::builder().method(&request.method).uri(&request.target);
        for (name, value) in request.all_headers() {
            message = message.header(name, value);
        }
        let message = message.body(sized_body(vec![b'x'; request.body])).unwrap();
        sender.ready().await.ok()?;
        let response = timeout(TEST_TIMEOUT, sender.send_request(message)).await.expect("a response");
        let (head, body) = response.ok()?.into_parts();
        let body = timeout(TEST_TIMEOUT, body.collect()).await.expect("the response ends").unwrap();
        if head.headers.get(header::CONNECTION).is_none_or(|value| value != "close") {
            self.open.insert(key, sender);
        }
        Some(SentResponse {
            status: head.status.as_u16(),
            body: String::from_utf8(body.to_bytes().to_vec()).unwrap(),
        })
    }

    async fn connect(&mut self, key: ConnectionKey) -> io::Result<SendRequest<TestBody>> {
        let (server_name, card, from) = key.client;
        if key.is_tls {
            let client = self.clients.entry(key.client).or_insert_with(|| {
                TestClient::new(self.gateway)
                    .certificate(card)
                    .tls12()
                    .http1()
                    .resolving(server_name)
                    .from(from)
            });
            return handshake(client.tls_stream().await?).await;
        }
        let socket = TcpSocket::new_v4()?;
        socket.bind((from.parse::<std::net::IpAddr>().unwrap(), 0).into())?;
        handshake(socket.connect(self.gateway.plain_address()).await?).await
    }
}

async fn handshake<IO>(stream: IO) -> io::Result<SendRequest<TestBody>>
where
    IO: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}
