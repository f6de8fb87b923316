//! A CA's web server for CRLs, with configurable faults.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How the server responds to a request.
#[derive(Clone, Debug)]
pub(crate) enum CrlServerBehaviour {
    /// Sends these bytes with status 200.
    Serves(Vec<u8>),
    /// Declares the length of these bytes and closes the connection after half of them.
    Truncates(Vec<u8>),
    /// Sends a large body, one byte every 20 ms.
    Drips,
    /// Reads the request and never responds.
    Hangs,
    /// Resets the connection without a response.
    Resets,
    /// Sends this status with an empty body.
    Responds(u16),
    /// Redirects to this URL.
    Redirects(String),
    /// Redirects the first request to this URL, and serves these bytes afterwards.
    RedirectsOnce(String, Vec<u8>),
}

/// A running CRL server. It stops when dropped.
pub(crate) struct CrlServer {
    address: SocketAddr,
    shared: Arc<Mutex<CrlServerState>>,
    serving: JoinHandle<()>,
}

struct CrlServerState {
    behaviour: CrlServerBehaviour,
    requested_paths: Vec<String>,
}

impl CrlServer {
    /// Starts a server on a free port. Call it inside a tokio runtime.
    pub(crate) fn start(behaviour: CrlServerBehaviour) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(CrlServerState { behaviour, requested_paths: Vec::new() }));
        let listener = TcpListener::from_std(listener).unwrap();
        let accepting = Arc::clone(&shared);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let shared = Arc::clone(&accepting);
                tokio::spawn(async move { respond(stream, &shared).await });
            }
        });
        Self { address, shared, serving }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn set_behaviour(&self, behaviour: CrlServerBehaviour) {
        self.shared.lock().unwrap().behaviour = behaviour;
    }

    /// Returns the requested paths in order.
    pub(crate) fn requested_paths(&self) -> Vec<String> {
        self.shared.lock().unwrap().requested_paths.clone()
    }
}

impl Drop for CrlServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn respond(mut stream: TcpStream, shared: &Mutex<CrlServerState>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let path = String::from_utf8(head).unwrap().split(' ').nth(1).unwrap().to_owned();
    let behaviour = {
        let mut shared = shared.lock().unwrap();
        shared.requested_paths.push(path);
        let behaviour = shared.behaviour.clone();
        if let CrlServerBehaviour::RedirectsOnce(_, bytes) = &behaviour {
            shared.behaviour = CrlServerBehaviour::Serves(bytes.clone());
        }
        behaviour
    };
    // In some tests the client has disconnected, so that the write fails.
    drop(behave(&mut stream, behaviour).await);
}

async fn behave(stream: &mut TcpStream, behaviour: CrlServerBehaviour) -> std::io::Result<()> {
    let head = |status: &str, length: usize| format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n");
    match behaviour {
        CrlServerBehaviour::Serves(bytes) => {
            stream.write_all(format!("{}\r\n", head("200 OK", bytes.len())).as_bytes()).await?;
            stream.write_all(&bytes).await
        }
        CrlServerBehaviour::Truncates(bytes) => {
            stream.write_all(format!("{}\r\n", head("200 OK", bytes.len())).as_bytes()).await?;
            stream.write_all(&bytes[..bytes.len() / 2]).await
        }
        CrlServerBehaviour::Drips => {
            stream.write_all(format!("{}\r\n", head("200 OK", 1_000_000)).as_bytes()).await?;
            loop {
                stream.write_all(b"0").await?;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
        CrlServerBehaviour::Hangs => {
            let mut byte = [0];
            stream.read(&mut byte).await.map(drop)
        }
        CrlServerBehaviour::Resets => stream.set_zero_linger(),
        CrlServerBehaviour::Responds(status) => {
            stream.write_all(format!("{}\r\n", head(&format!("{status} Status"), 0)).as_bytes()).await
        }
        CrlServerBehaviour::Redirects(url) | CrlServerBehaviour::RedirectsOnce(url, _) => {
            let head = head("302 Found", 0);
            stream.write_all(format!("{head}Location: {url}\r\n\r\n").as_bytes()).await
        }
    }
}
