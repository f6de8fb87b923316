//! A backend whose log-in holds for the connection, as IIS's does, and which keeps a book of what came on each. It
//! takes any password but those of users called `wrong…`: what is tested is who gets whose connection.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const SIGNATURE: &[u8] = b"NTLMSSP\0";

/// The running backend. It ends with the test.
pub(super) struct ConnectionBound {
    pub(super) address: SocketAddr,
    book: Arc<Mutex<Vec<Entry>>>,
    /// Dropped, it ends the thread.
    _stop: oneshot::Sender<()>,
}

/// One request that came.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The number of its connection, from 1.
    pub(super) connection: usize,
    pub(super) path: String,
    pub(super) authorization: Option<String>,
    /// `X-Remote-User`
    pub(super) told_user: Option<String>,
    /// `X-Mark`
    pub(super) mark: String,
}

impl ConnectionBound {
    /// On a thread of its own, so that a test may wait for other people's clients.
    pub(super) fn start() -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let book: Arc<Mutex<Vec<Entry>>> = Arc::default();
        let written = Arc::clone(&book);
        let (stop, stopped) = oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, written) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, book, _stop: stop }
    }

    /// Every request so far.
    pub(super) fn book(&self) -> Vec<Entry> {
        self.book.lock().unwrap().clone()
    }

    /// How many connections there were.
    pub(super) fn connections(&self) -> usize {
        self.book().iter().map(|entry| entry.connection).max().unwrap_or(0)
    }

    /// Fails where a connection that carried NTLM or Negotiate ever served another client than the one that logged in on
    /// it. Clients are told apart by what stands before the hyphen in their marks.
    pub(super) fn assert_no_connection_was_shared_after_a_log_in(&self) {
        let mut by_connection: HashMap<usize, Vec<Entry>> = HashMap::new();
        for entry in self.book() {
            by_connection.entry(entry.connection).or_default().push(entry);
        }
        for entries in by_connection.values() {
            let authenticates = |entry: &&Entry| entry.authorization.as_deref().is_some_and(of_connection);
            let Some(owner) = entries.iter().find(authenticates) else { continue };
            for entry in entries {
                assert_eq!(
                    client(&entry.mark),
                    client(&owner.mark),
                    "{entry:?} on the connection of {owner:?}"
                );
                assert_eq!(entry.told_user, None, "{entry:?}");
            }
        }
    }
}

async fn accept(listener: std::net::TcpListener, book: Arc<Mutex<Vec<Entry>>>) {
    let listener = TcpListener::from_std(listener).unwrap();
    let mut connection = 0;
    while let Ok((stream, _)) = listener.accept().await {
        connection += 1;
        tokio::spawn(serve(stream, connection, Arc::clone(&book)));
    }
}

/// The first message of a dialogue.
pub(super) fn first_message(scheme: &str) -> String {
    format!("{scheme} {}", STANDARD.encode([SIGNATURE, &[1, 0, 0, 0, 7, 0, 0, 0]].concat()))
}

/// The third message, for `user` ([MS-NLMP] 2.2.1.3), with nothing else in it.
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

/// The credentials of Basic.
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

/// What one connection knows.
#[derive(Default)]
struct LogIn {
    challenged: bool,
    user: Option<String>,
}

async fn serve(stream: TcpStream, connection: usize, book: Arc<Mutex<Vec<Entry>>>) {
    let mut stream = BufReader::new(stream);
    let mut log_in = LogIn::default();
    while let Some((line, headers)) = head(&mut stream).await {
        let value = |name: &str| headers.get(name).cloned();
        let length = value("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        let entry = Entry {
            connection,
            path: line.split(' ').nth(1).unwrap().to_owned(),
            authorization: value("authorization"),
            told_user: value("x-remote-user"),
            mark: value("x-mark").unwrap_or_default(),
        };
        let answer = log_in.answer(&entry, &body);
        book.lock().unwrap().push(entry);
        if stream.write_all(answer.as_bytes()).await.is_err() {
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

impl LogIn {
    fn answer(&mut self, entry: &Entry, body: &[u8]) -> String {
        let mut user = None;
        if let Some((scheme, token)) = entry.authorization.as_deref().and_then(|value| value.split_once(' '))
        {
            let token = STANDARD.decode(token).unwrap();
            match (scheme, token.get(8)) {
                ("Basic", _) => {
                    user = Some(String::from_utf8_lossy(&token).split(':').next().unwrap().to_owned());
                }
                (_, Some(1)) => {
                    *self = Self { challenged: true, user: None };
                    let challenge = STANDARD.encode([SIGNATURE, &[2, 0, 0, 0]].concat());
                    return refusal(&[&format!("{scheme} {challenge}")]);
                }
                (_, _) => {
                    let name = token[64..].chunks(2).map(|pair| char::from(pair[0])).collect();
                    self.user = std::mem::take(&mut self.challenged).then_some(name);
                }
            }
        }
        let is_wrong = |user: &String| user.starts_with("wrong");
        self.user.take_if(|user| is_wrong(user));
        let user = self.user.clone().or(user).or(entry.told_user.clone()).filter(|user| !is_wrong(user));
        match user {
            Some(user) => echo(&user, entry, body),
            // Open to everybody, with whatever `Authorization`.
            None if entry.path.starts_with("/nameless") || entry.path.ends_with("/open") => {
                echo("nobody", entry, body)
            }
            None => refusal(&["Negotiate", "NTLM", "Basic realm=\"rms\""]),
        }
    }
}

fn echo(user: &str, entry: &Entry, body: &[u8]) -> String {
    let told = serde_json::json!({
        "user": user, "mark": entry.mark, "connection": entry.connection, "body": String::from_utf8_lossy(body),
    })
    .to_string();
    let length = told.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nPersistent-Auth: true\r\nContent-Length: {length}\r\n\r\n{told}"
    )
}

fn refusal(challenges: &[&str]) -> String {
    let lines: String = challenges.iter().map(|one| format!("WWW-Authenticate: {one}\r\n")).collect();
    format!("HTTP/1.1 401 Unauthorized\r\n{lines}Content-Length: 3\r\n\r\n401")
}
