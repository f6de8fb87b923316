//! A relay on loopback that passes the library's requests to the KDC that responds first.
//!
//! The library tries the KDCs of krb5.conf in order for every request, and waits ten seconds for one that accepts
//! connections and does not respond, so a hung domain controller would delay every user. The relay is therefore
//! configured as the first KDC. Messages are signed or encrypted end to end (RFC 4120): the relay can withhold a
//! response, but not change it.

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

/// The time after which the next KDC is queried as well.
const HEDGE_DELAY: Duration = Duration::from_secs(1);
/// The time for which a KDC that failed, or did not respond within [`HEDGE_DELAY`], is queried after the others.
const BACKOFF: Duration = Duration::from_secs(30);
/// The time limit of one request, less than the ten seconds after which the library tries the next KDC itself.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(8);
/// The maximum length of a message. A ticket lists all groups of a user, some ten kilobytes.
const MAXIMUM_MESSAGE: u32 = 1 << 20;
/// The maximum number of concurrent requests for each realm.
const MAXIMUM_REQUESTS: usize = 256;
/// The default port of a KDC (RFC 4120 7.2.1).
const PORT: u16 = 88;

/// The relay before it is started.
pub(super) struct KdcRelay {
    listeners: Vec<(String, StdListener)>,
    files: OsString,
    health: Arc<KdcHealth>,
}

/// The KDCs that failed recently.
#[derive(Debug, Default)]
pub(super) struct KdcHealth {
    in_backoff: Mutex<HashMap<String, Instant>>,
}

impl KdcHealth {
    fn failed(&self, kdc: &str) {
        self.lock().insert(kdc.to_owned(), Instant::now() + BACKOFF);
    }

    fn succeeded(&self, kdc: &str) {
        self.lock().remove(kdc);
    }

    /// Returns the KDCs in backoff, sorted.
    pub(super) fn unavailable(&self) -> Vec<String> {
        let now = Instant::now();
        let mut names: Vec<_> =
            self.lock().iter().filter(|(_, until)| now < **until).map(|(kdc, _)| kdc.clone()).collect();
        names.sort();
        names
    }

    /// Returns the KDCs in their order, those in backoff last.
    fn in_order(&self, mut kdcs: Vec<String>) -> Vec<String> {
        let unavailable = self.unavailable();
        kdcs.sort_by_key(|kdc| unavailable.contains(kdc));
        kdcs
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.in_backoff.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KdcRelay {
    /// Binds a socket for each realm of these files that has KDCs.
    pub(super) fn bind(files: OsString) -> io::Result<Self> {
        let mut listeners = Vec::new();
        for RealmKdcs { realm, .. } in krb5_conf::read(&files).into_iter().filter(is_relayed) {
            let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            listeners.push((realm, listener));
        }
        Ok(Self { listeners, files, health: Arc::default() })
    }

    /// Returns the state of the KDCs, which the relay updates.
    pub(super) fn health(&self) -> Arc<KdcHealth> {
        Arc::clone(&self.health)
    }

    /// Returns whether no realm has KDCs to relay to.
    pub(super) fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    /// Returns the configuration that directs the library to the relay. The library must read it before the other
    /// files.
    pub(super) fn configuration(&self) -> io::Result<String> {
        let mut text = "[libdefaults]\n  udp_preference_limit = 1\n[realms]\n".to_owned();
        for (realm, listener) in &self.listeners {
            let address = listener.local_addr()?;
            writeln!(text, "  {realm} = {{\n    kdc = {address}\n  }}").map_err(io::Error::other)?;
        }
        Ok(text)
    }

    /// Runs the relay on its own thread until the process ends. The library may use it in a process without a control
    /// runtime, and while that runtime is busy.
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
            // If the runtime cannot use the socket, the library finds it closed and tries the other KDCs.
            let Ok(listener) = TcpListener::from_std(listener) else { continue };
            serving.spawn(serve(listener, realm, files, health));
        }
        while serving.join_next().await.is_some() {}
    }
}

/// Returns whether the KDCs of a realm are relayed. KDCs behind an HTTPS proxy ([MS-KKDCP]) are left to the library.
fn is_relayed(of_realm: &RealmKdcs) -> bool {
    !of_realm.kdcs.iter().any(|kdc| kdc.contains('/'))
}

async fn serve(listener: TcpListener, realm: String, files: OsString, health: Arc<KdcHealth>) {
    let permits = Arc::new(Semaphore::new(MAXIMUM_REQUESTS));
    // The semaphore is never closed.
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        // The files are read for each request, as by the library, so that a new KDC is used at once.
        let mut realms = krb5_conf::read(&files).into_iter();
        let kdcs = realms.find(|known| known.realm == realm).map(|known| known.kdcs).unwrap_or_default();
        let health = Arc::clone(&health);
        tokio::spawn(async move {
            // Without a response the connection is closed, and the library tries the other KDCs itself.
            drop(timeout(REQUEST_TIMEOUT, relay(stream, kdcs, &health)).await);
            drop(permit);
        });
    }
}

async fn relay(mut client: TcpStream, kdcs: Vec<String>, health: &Arc<KdcHealth>) -> io::Result<()> {
    let request: Arc<[u8]> = read_message(&mut client).await?.into();
    let response = query(request, health.in_order(kdcs), health).await?;
    client.write_all(&response).await?;
    client.shutdown().await
}

/// Returns the first response. If a KDC does not respond within [`HEDGE_DELAY`], the next one is queried concurrently.
async fn query(request: Arc<[u8]>, kdcs: Vec<String>, health: &Arc<KdcHealth>) -> io::Result<Vec<u8>> {
    let mut waiting = kdcs.into_iter();
    let mut queries = JoinSet::new();
    loop {
        if let Some(kdc) = waiting.next() {
            queries.spawn(query_one(Arc::clone(&request), kdc, Arc::clone(health)));
        } else if queries.is_empty() {
            return Err(io::ErrorKind::HostUnreachable.into());
        }
        // Slightly longer than `query_one` takes to report a hung KDC, so that the report precedes the next response.
        let delay =
            if waiting.as_slice().is_empty() { REQUEST_TIMEOUT } else { HEDGE_DELAY + HEDGE_DELAY / 10 };
        if let Ok(Some(Ok(Ok(response)))) = timeout(delay, queries.join_next()).await {
            return Ok(response);
        }
    }
}

async fn query_one(request: Arc<[u8]>, kdc: String, health: Arc<KdcHealth>) -> io::Result<Vec<u8>> {
    let mut response = pin!(async {
        let mut stream = connect(&kdc).await?;
        stream.write_all(&request).await?;
        read_message(&mut stream).await
    });
    // A late response ends the backoff.
    let result = match timeout(HEDGE_DELAY, &mut response).await {
        Ok(result) => result,
        Err(_) => {
            health.failed(&kdc);
            response.await
        }
    };
    match &result {
        Ok(_) => health.succeeded(&kdc),
        Err(_) => health.failed(&kdc),
    }
    result
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

/// Reads a message, which its length precedes (RFC 4120 7.2.2).
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

    /// Starts a KDC that sends this response to every request or, without one, accepts connections and does not
    /// respond.
    async fn kdc(response: Option<&'static [u8]>) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(response) = response else {
                    held.push(stream);
                    continue;
                };
                read_message(&mut stream).await.unwrap();
                stream.write_all(&message(response)).await.unwrap();
            }
        });
        address
    }

    fn message(content: &[u8]) -> Vec<u8> {
        [&u32::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
    }

    fn request() -> Arc<[u8]> {
        message(b"request").into()
    }

    #[tokio::test]
    async fn a_kdc_that_hangs_is_queried_after_the_others() {
        let (hung, good) = (kdc(None).await, kdc(Some(b"response")).await);
        let health = Arc::new(KdcHealth::default());
        let both = vec![hung.clone(), good.clone()];
        assert_eq!(health.in_order(both.clone()), [hung.clone(), good.clone()]);
        let first = query(request(), both.clone(), &health).await.unwrap();
        assert_eq!(first, message(b"response"));
        assert_eq!(health.unavailable(), std::slice::from_ref(&hung));
        assert_eq!(health.in_order(both), [good, hung]);
    }

    #[tokio::test]
    async fn a_kdc_that_refuses_connections_is_skipped_and_the_request_fails_if_all_do() {
        let closed = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let down = closed.local_addr().unwrap().to_string();
        drop(closed);
        let good = kdc(Some(b"response")).await;
        let health = Arc::new(KdcHealth::default());
        let response = query(request(), vec![down.clone(), good.clone()], &health).await.unwrap();
        assert_eq!((response, health.unavailable()), (message(b"response"), vec![down.clone()]));
        assert!(query(request(), vec![down], &health).await.is_err());
        assert!(query(request(), Vec::new(), &health).await.is_err());
    }

    #[tokio::test]
    async fn the_relay_returns_the_responses_of_the_kdcs_of_the_file() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("krb5.conf");
        let good = kdc(Some(b"response")).await;
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
        client.write_all(&request()).await.unwrap();
        assert_eq!(read_message(&mut client).await.unwrap(), message(b"response"));
    }
}
