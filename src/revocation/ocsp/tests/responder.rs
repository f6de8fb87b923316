//! A responder on loopback that replies as a test specifies, and records the requests.

use super::super::client::OcspClient;
use super::super::settings::OcspSettings;
use crate::certificate::Certificate;
use crate::revocation::fetch::FetchRules;
use crate::revocation::test_pki::{TestCa, element};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The reaction of the responder to a request.
#[derive(Clone)]
pub(super) enum ResponderReply {
    Response(Vec<u8>),
    /// Closes the connection.
    Nothing,
    /// Never responds.
    Hang,
}

pub(super) struct TestResponder {
    pub(super) url: String,
    reply: Arc<Mutex<ResponderReply>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl TestResponder {
    /// Starts a responder, which listens until the runtime ends.
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/ocsp", listener.local_addr().unwrap());
        let reply = Arc::new(Mutex::new(ResponderReply::Nothing));
        let requests = Arc::default();
        let responder = Self { url, reply: Arc::clone(&reply), requests: Arc::clone(&requests) };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&reply), Arc::clone(&requests)));
            }
        });
        responder
    }

    pub(super) fn reply(&self, reply: ResponderReply) {
        *self.reply.lock().unwrap() = reply;
    }

    /// Returns the request lines so far.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(stream: TcpStream, reply: Arc<Mutex<ResponderReply>>, requests: Arc<Mutex<Vec<String>>>) {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_ascii_lowercase());
    }
    let length = lines.iter().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.unwrap();
    requests.lock().unwrap().push(lines.remove(0));
    let reply = reply.lock().unwrap().clone();
    match reply {
        ResponderReply::Response(der) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", der.len());
            stream.write_all(&[head.as_bytes(), &der].concat()).await.unwrap();
        }
        ResponderReply::Nothing => {}
        ResponderReply::Hang => std::future::pending().await,
    }
}

/// Returns a client that may connect to loopback.
pub(super) fn client(settings: OcspSettings) -> OcspClient {
    let rules = FetchRules {
        hosts: vec!["127.0.0.1".parse().unwrap()],
        addresses: vec!["127.0.0.0/8".parse().unwrap()],
        ..FetchRules::default()
    };
    OcspClient::new(settings, rules)
}

/// Returns a certificate that names these responders (RFC 5280 4.2.2.1).
pub(super) fn certificate_naming(ca: &TestCa, serial: &[u8], responders: &[&str]) -> Certificate {
    let ocsp = [0x2b, 6, 1, 5, 5, 7, 0x30, 1];
    let description =
        |url: &&str| element(0x30, &[element(6, &ocsp), element(0x86, url.as_bytes())].concat());
    let list: Vec<_> = responders.iter().map(description).collect();
    let extension =
        rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], element(0x30, &list.concat()));
    ca.issue_with(serial, |params| params.custom_extensions.push(extension))
}
