//! A CA's web server with every fault that one may have. It ends when it is dropped.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum CrlServerBehaviour {
    /// Answers these bytes.
    Serves(Vec<u8>),
    /// Announces these bytes and breaks off in their midst.
    Truncates(Vec<u8>),
    /// Sends one byte of an endless answer every few milliseconds.
    Drips,
    /// Takes the request and never answers.
    Hangs,
    /// Ends the connection without an answer.
    Resets,
    /// Answers this status, without a body worth a look.
    Responds(u16),
    /// Sends the client to this URL.
    Redirects(String),
    /// Sends the first client to this URL, and then gives these bytes.
    RedirectsOnce(String, Vec<u8>),
}

/// The running server.
pub(crate) struct CrlServer {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    serving: JoinHandle<()>,
}

struct Shared {
    behaviour: CrlServerBehaviour,
    asked: Vec<String>,
}

impl CrlServer {
    /// A server on a port of its own. Must be called inside a tokio runtime.
    pub(crate) fn start(behaviour: CrlServerBehaviour) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared { behaviour, asked: Vec::new() }));
        let listener = TcpListener::from_std(listener).unwrap();
        let for_all = Arc::clone(&shared);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let shared = Arc::clone(&for_all);
                tokio::spawn(async move { response(stream, &shared).await });
            }
        });
        Self { address, shared, serving }
    }

    /// `path` on this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Behaves differently from now on.
    pub(crate) fn set_behaviour(&self, behaviour: CrlServerBehaviour) {
        self.shared.lock().unwrap().behaviour = behaviour;
    }

    /// The paths that were asked for, in their order.
    pub(crate) fn requested_paths(&self) -> Vec<String> {
        self.shared.lock().unwrap().asked.clone()
    }
}

impl Drop for CrlServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn response(mut stream: TcpStream, shared: &Mutex<Shared>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let path = String::from_utf8(head).unwrap().split(' ').nth(1).unwrap().to_owned();
    let behaviour = {
        let mut shared = shared.lock().unwrap();
        shared.asked.push(path);
        let behaviour = shared.behaviour.clone();
        if let CrlServerBehaviour::RedirectsOnce(_, bytes) = &behaviour {
            shared.behaviour = CrlServerBehaviour::Serves(bytes.clone());
        }
        behaviour
    };
    // A client that has gone away is what some tests are about.
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
            let mut nothing = [0];
            stream.read(&mut nothing).await.map(drop)
        }
        CrlServerBehaviour::Resets => stream.set_zero_linger(),
        CrlServerBehaviour::Responds(status) => {
            stream.write_all(format!("{}\r\n", head(&format!("{status} So"), 0)).as_bytes()).await
        }
        CrlServerBehaviour::Redirects(url) | CrlServerBehaviour::RedirectsOnce(url, _) => {
            let head = head("302 Found", 0);
            stream.write_all(format!("{head}Location: {url}\r\n\r\n").as_bytes()).await
        }
    }
}
