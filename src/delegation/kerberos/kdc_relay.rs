//! Hands the library's questions on to the KDC that answers first, and remembers which do not answer.
//!
//! The library asks the KDCs of krb5.conf in their order, each time anew, and waits ten seconds for one that takes
//! connections and says nothing: a hung domain controller would stop every user for as long as it hangs. So the library is
//! given a KDC of its own before those of krb5.conf, on loopback, which is this. Messages are signed or encrypted from end
//! to end (RFC 4120), so that it can withhold an answer and not change one.

use super::krb5_conf::{self, RealmKdcs};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long a KDC is waited for alone; then the next one is asked beside it.
const SHARE: Duration = Duration::from_secs(1);
/// How long a KDC that did not answer in that time, or not at all, is asked after the others.
const REST: Duration = Duration::from_secs(30);
/// How long one question may take: less than the ten seconds after which the library turns to the next KDC itself.
const PATIENCE: Duration = Duration::from_secs(8);
/// The longest message: a ticket lists all groups of a user, some ten kilobytes.
const MAXIMUM_MESSAGE: u32 = 1 << 20;
/// Questions under way at once, for each realm.
const PLACES: usize = 256;
/// The port of a KDC that is written without one (RFC 4120 7.2.1).
const PORT: u16 = 88;

/// The relay, before it runs.
pub(super) struct KdcRelay {
    listeners: Vec<(String, StdListener)>,
    files: OsString,
    health: Arc<KdcHealth>,
}

/// Which KDCs did not answer of late.
#[derive(Debug, Default)]
pub(super) struct KdcHealth {
    resting: Mutex<HashMap<String, Instant>>,
}

impl KdcHealth {
    fn failed(&self, kdc: &str) {
        self.lock().insert(kdc.to_owned(), Instant::now() + REST);
    }

    fn answered(&self, kdc: &str) {
        self.lock().remove(kdc);
    }

    /// Those that do not answer.
    pub(super) fn unwell(&self) -> Vec<String> {
        let now = Instant::now();
        let mut names: Vec<_> =
            self.lock().iter().filter(|(_, until)| now < **until).map(|(kdc, _)| kdc.clone()).collect();
        names.sort();
        names
    }

    /// The KDCs in their order, those that did not answer of late last.
    fn in_turn(&self, mut kdcs: Vec<String>) -> Vec<String> {
        let unwell = self.unwell();
        kdcs.sort_by_key(|kdc| unwell.contains(kdc));
        kdcs
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KdcRelay {
    /// Listens for each realm of these files that has KDCs.
    pub(super) fn bind(files: OsString) -> io::Result<Self> {
        let mut listeners = Vec::new();
        for RealmKdcs { realm, .. } in krb5_conf::read(&files).into_iter().filter(is_relayed) {
            let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            listeners.push((realm, listener));
        }
        Ok(Self { listeners, files, health: Arc::default() })
    }

    /// What it learns of the KDCs.
    pub(super) fn health(&self) -> Arc<KdcHealth> {
        Arc::clone(&self.health)
    }

    /// Whether there is no realm to relay for.
    pub(super) fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    /// What the library has to read before the other files.
    pub(super) fn configuration(&self) -> io::Result<String> {
        let mut text = "[libdefaults]\n  udp_preference_limit = 1\n[realms]\n".to_owned();
        for (realm, listener) in &self.listeners {
            let address = listener.local_addr()?;
            writeln!(text, "  {realm} = {{\n    kdc = {address}\n  }}").map_err(io::Error::other)?;
        }
        Ok(text)
    }

    /// Runs it on a thread of its own, to the process's end.
    pub(super) fn start(self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("kdc-relay".to_owned());
        drop(thread.spawn(move || runtime.block_on(self.run()))?);
        Ok(())
    }

    async fn run(self) {
        let mut serving = JoinSet::new();
        for (realm, listener) in self.listeners {
            let (files, health) = (self.files.clone(), Arc::clone(&self.health));
            // A socket that the runtime does not take is one that the library finds closed: it goes on to the others.
            let Ok(listener) = TcpListener::from_std(listener) else { continue };
            serving.spawn(serve(listener, realm, files, health));
        }
        while serving.join_next().await.is_some() {}
    }
}

/// KDCs behind an HTTPS proxy ([MS-KKDCP]) are the library's alone.
fn is_relayed(of_realm: &RealmKdcs) -> bool {
    !of_realm.kdcs.iter().any(|kdc| kdc.contains('/'))
}

async fn serve(listener: TcpListener, realm: String, files: OsString, health: Arc<KdcHealth>) {
    let places = Arc::new(Semaphore::new(PLACES));
    // The semaphore is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        // Read anew, as the library does: a KDC that was added is asked at once.
        let mut realms = krb5_conf::read(&files).into_iter();
        let kdcs = realms.find(|known| known.realm == realm).map(|known| known.kdcs).unwrap_or_default();
        let health = Arc::clone(&health);
        tokio::spawn(async move {
            // Without an answer the connection is closed, and the library asks the others itself.
            drop(timeout(PATIENCE, relay(stream, kdcs, &health)).await);
            drop(place);
        });
    }
}

async fn relay(mut client: TcpStream, kdcs: Vec<String>, health: &Arc<KdcHealth>) -> io::Result<()> {
    let question: Arc<[u8]> = read_message(&mut client).await?.into();
    let answer = ask(question, health.in_turn(kdcs), health).await?;
    client.write_all(&answer).await?;
    client.shutdown().await
}

/// The first answer. Each KDC is waited for alone for a while, and then beside the next.
async fn ask(question: Arc<[u8]>, kdcs: Vec<String>, health: &Arc<KdcHealth>) -> io::Result<Vec<u8>> {
    let mut waiting = kdcs.into_iter();
    let mut asked = JoinSet::new();
    loop {
        if let Some(kdc) = waiting.next() {
            asked.spawn(ask_one(Arc::clone(&question), kdc, Arc::clone(health)));
        } else if asked.is_empty() {
            return Err(io::ErrorKind::HostUnreachable.into());
        }
        // A little longer than each waits for itself, so that one which hangs is known as such before the next answers.
        let share = if waiting.as_slice().is_empty() { PATIENCE } else { SHARE + SHARE / 10 };
        if let Ok(Some(Ok(Ok(answer)))) = timeout(share, asked.join_next()).await {
            return Ok(answer);
        }
    }
}

async fn ask_one(question: Arc<[u8]>, kdc: String, health: Arc<KdcHealth>) -> io::Result<Vec<u8>> {
    let mut answer = pin!(async {
        let mut stream = connect(&kdc).await?;
        stream.write_all(&question).await?;
        read_message(&mut stream).await
    });
    // It may still answer, and then it is well again.
    let answered = match timeout(SHARE, &mut answer).await {
        Ok(answered) => answered,
        Err(_) => {
            health.failed(&kdc);
            answer.await
        }
    };
    match &answered {
        Ok(_) => health.answered(&kdc),
        Err(_) => health.failed(&kdc),
    }
    answered
}

async fn connect(kdc: &str) -> io::Result<TcpStream> {
    let has_port = kdc.parse::<SocketAddr>().is_ok()
        || kdc
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.contains(':') && port.parse::<u16>().is_ok());
    if has_port {
        return TcpStream::connect(kdc).await;
    }
    TcpStream::connect((kdc.trim_matches(['[', ']']), PORT)).await
}

/// A message with its length before it (RFC 4120 7.2.2).
async fn read_message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u32().await?;
    if length > MAXIMUM_MESSAGE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = length.to_be_bytes().to_vec();
    stream.take(u64::from(length)).read_to_end(&mut message).await?;
    if u32::try_from(message.len() - 4).is_ok_and(|read| read < length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A KDC that answers every question with `answer`, or takes connections and says nothing.
    async fn kdc(answer: Option<&'static [u8]>) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(answer) = answer else {
                    held.push(stream);
                    continue;
                };
                read_message(&mut stream).await.unwrap();
                stream.write_all(&message(answer)).await.unwrap();
            }
        });
        address
    }

    fn message(content: &[u8]) -> Vec<u8> {
        [&u32::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
    }

    fn question() -> Arc<[u8]> {
        message(b"question").into()
    }

    #[tokio::test]
    async fn a_kdc_that_hangs_is_asked_after_the_others_from_then_on() {
        let (hung, good) = (kdc(None).await, kdc(Some(b"answer")).await);
        let health = Arc::new(KdcHealth::default());
        let both = vec![hung.clone(), good.clone()];
        assert_eq!(health.in_turn(both.clone()), [hung.clone(), good.clone()]);
        let first = ask(question(), both.clone(), &health).await.unwrap();
        assert_eq!(first, message(b"answer"));
        assert_eq!(health.unwell(), std::slice::from_ref(&hung));
        assert_eq!(health.in_turn(both), [good, hung]);
    }

    #[tokio::test]
    async fn a_kdc_that_is_off_costs_nothing_and_where_none_answers_there_is_no_answer() {
        let closed = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let off = closed.local_addr().unwrap().to_string();
        drop(closed);
        let good = kdc(Some(b"answer")).await;
        let health = Arc::new(KdcHealth::default());
        let answer = ask(question(), vec![off.clone(), good.clone()], &health).await.unwrap();
        assert_eq!((answer, health.unwell()), (message(b"answer"), vec![off.clone()]));
        assert!(ask(question(), vec![off], &health).await.is_err());
        assert!(ask(question(), Vec::new(), &health).await.is_err());
    }

    #[tokio::test]
    async fn the_relay_answers_as_the_kdcs_of_the_file_do() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("krb5.conf");
        let good = kdc(Some(b"answer")).await;
        let text = format!(
            "[realms]\nCORP.EXAMPLE = {{\n kdc = {good}\n}}\nWEB.EXAMPLE = {{\n kdc = https://proxy\n}}\n"
        );
        std::fs::write(&file, text).unwrap();
        let relay = KdcRelay::bind(file.into()).unwrap();
        let configuration = relay.configuration().unwrap();
        assert!(!configuration.contains("WEB.EXAMPLE"), "{configuration}");
        let address = relay.listeners[0].1.local_addr().unwrap();
        assert!(
            configuration.contains(&format!("CORP.EXAMPLE = {{\n    kdc = {address}\n")),
            "{configuration}"
        );
        relay.start().unwrap();
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(&question()).await.unwrap();
        assert_eq!(read_message(&mut client).await.unwrap(), message(b"answer"));
    }
}
