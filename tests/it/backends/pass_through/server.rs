//! A backend that authenticates connections, as IIS does, and records the requests on each. It accepts any password except
//! those of users called `wrong…`: the tests are about connections, not about passwords.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const SIGNATURE: &[u8] = b"NTLMSSP\0";

/// The running backend. It stops with the test.
pub(super) struct ConnectionBound {
    pub(super) address: SocketAddr,
    requests: Arc<Mutex<Vec<RecordedRequest>>>,
    /// Stops the thread on drop.
    _stop: oneshot::Sender<()>,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct RecordedRequest {
    /// The number of its connection, counted from 1.
    pub(super) connection: usize,
    pub(super) path: String,
    pub(super) authorization: Option<String>,
    /// The value of `X-Remote-User`.
    pub(super) header_user: Option<String>,
    /// The value of `X-Mark`.
    pub(super) mark: String,
}

impl ConnectionBound {
    /// Starts the backend on a thread of its own, so that a test can block on an external client.
    pub(super) fn start() -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<RecordedRequest>>> = Arc::default();
        let recorded = Arc::clone(&requests);
        let (stop, stopped) = oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, recorded) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, requests, _stop: stop }
    }

    /// Returns all requests so far.
    pub(super) fn requests(&self) -> Vec<RecordedRequest> {
        self.requests.lock().unwrap().clone()
    }

    /// Returns the number of connections so far.
    pub(super) fn connections(&self) -> usize {
        self.requests().iter().map(|request| request.connection).max().unwrap_or(0)
    }

    /// Panics if a connection that carried NTLM or Negotiate has served another client than the one that logged in on it.
    /// Clients are distinguished by the part of their marks before the hyphen.
    pub(super) fn assert_authenticated_connections_are_not_shared(&self) {
        let mut by_connection: HashMap<usize, Vec<RecordedRequest>> = HashMap::new();
        for request in self.requests() {
            by_connection.entry(request.connection).or_default().push(request);
        }
        for entries in by_connection.values() {
            let authenticates =
                |request: &&RecordedRequest| request.authorization.as_deref().is_some_and(of_connection);
            let Some(owner) = entries.iter().find(authenticates) else { continue };
            for request in entries {
                assert_eq!(
                    client(&request.mark),
                    client(&owner.mark),
                    "{request:?} on the connection of {owner:?}"
                );
                assert_eq!(request.header_user, None, "{request:?}");
            }
        }
    }
}

async fn accept(listener: std::net::TcpListener, requests: Arc<Mutex<Vec<RecordedRequest>>>) {
    let listener = TcpListener::from_std(listener).unwrap();
    let mut connection = 0;
    while let Ok((stream, _)) = listener.accept().await {
        connection += 1;
        tokio::spawn(serve(stream, connection, Arc::clone(&requests)));
    }
}

/// Returns the first message of a login.
pub(super) fn first_message(scheme: &str) -> String {
    format!("{scheme} {}", STANDARD.encode([SIGNATURE, &[1, 0, 0, 0, 7, 0, 0, 0]].concat()))
}

/// Returns the third message of a login, with the user name only ([MS-NLMP] 2.2.1.3).
pub(super) fn third_message(scheme: &str, user: &str) -> String {
    let name: Vec<u8> = user.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut message = [SIGNATURE, &[3, 0, 0, 0]].concat();
    message.resize(36, 0);
    let length = u16::try_from(name.len()).unwrap().to_le_bytes();
    message.extend([length, length].concat());
    message.extend(64_u32.to_le_bytes());
    message.resize(60, 0);
    message.extend(1_u32.to_le_bytes());
    message.extend(name);
    format!("{scheme} {}", STANDARD.encode(message))
}

/// Returns Basic credentials.
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn of_connection(authorization: &str) -> bool {
    let scheme = authorization.split(' ').next().unwrap();
    ["ntlm", "negotiate"].contains(&scheme.to_ascii_lowercase().as_str())
}

fn client(mark: &str) -> &str {
    mark.split('-').next().unwrap()
}

/// The state of the login on one connection.
#[derive(Default)]
struct LoginState {
    challenged: bool,
    user: Option<String>,
}

async fn serve(stream: TcpStream, connection: usize, requests: Arc<Mutex<Vec<RecordedRequest>>>) {
    let mut stream = BufReader::new(stream);
    let mut login = LoginState::default();
    while let Some((line, headers)) = head(&mut stream).await {
        let value = |name: &str| headers.get(name).cloned();
        let length = value("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        let request = RecordedRequest {
            connection,
            path: line.split(' ').nth(1).unwrap().to_owned(),
            authorization: value("authorization"),
            header_user: value("x-remote-user"),
            mark: value("x-mark").unwrap_or_default(),
        };
        let response = login.response(&request, &body);
        requests.lock().unwrap().push(request);
        if stream.write_all(response.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn head(stream: &mut BufReader<TcpStream>) -> Option<(String, HashMap<String, String>)> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        lines.push(line);
    }
    let headers = lines[1..].iter().map(|line| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    });
    Some((lines[0].trim().to_owned(), headers.collect()))
}

impl LoginState {
    fn response(&mut self, request: &RecordedRequest, body: &[u8]) -> String {
        let mut user = None;
        if let Some((scheme, token)) =
            request.authorization.as_deref().and_then(|value| value.split_once(' '))
        {
            let token = STANDARD.decode(token).unwrap();
            match (scheme, token.get(8)) {
                ("Basic", _) => {
                    user = Some(String::from_utf8_lossy(&token).split(':').next().unwrap().to_owned());
                }
                (_, Some(1)) => {
                    *self = Self { challenged: true, user: None };
                    let challenge = STANDARD.encode([SIGNATURE, &[2, 0, 0, 0]].concat());
                    return unauthorized(&[&format!("{scheme} {challenge}")]);
                }
                (_, _) => {
                    let name = token[64..].chunks(2).map(|pair| char::from(pair[0])).collect();
                    self.user = std::mem::take(&mut self.challenged).then_some(name);
                }
            }
        }
        let is_wrong = |user: &String| user.starts_with("wrong");
        self.user.take_if(|user| is_wrong(user));
        let user = self.user.clone().or(user).or(request.header_user.clone()).filter(|user| !is_wrong(user));
        match user {
            Some(user) => echo(&user, request, body),
            // An anonymous path, with any `Authorization`.
            None if request.path.starts_with("/nameless") || request.path.ends_with("/open") => {
                echo("nobody", request, body)
            }
            None => unauthorized(&["Negotiate", "NTLM", "Basic realm=\"rms\""]),
        }
    }
}

fn echo(user: &str, request: &RecordedRequest, body: &[u8]) -> String {
    let body_text = serde_json::json!({
        "user": user, "mark": request.mark, "connection": request.connection, "body": String::from_utf8_lossy(body),
    })
    .to_string();
    let length = body_text.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nPersistent-Auth: true\r\nContent-Length: {length}\r\n\r\n{body_text}"
    )
}

fn unauthorized(challenges: &[&str]) -> String {
    let lines: String = challenges.iter().map(|one| format!("WWW-Authenticate: {one}\r\n")).collect();
    format!("HTTP/1.1 401 Unauthorized\r\n{lines}Content-Length: 3\r\n\r\n401")
}
