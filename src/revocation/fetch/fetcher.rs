//! Fetches: one connection for each answer, closed after it.

use super::address::is_refused;
use super::error::FetchError;
use super::ldap::{ListedLdapUrl, is_ldap, read_crl};
use super::rules::FetchRules;
use super::url::ListedUrl;
use crate::telemetry::display_chain;
use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue, LOCATION, USER_AGENT};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// Room for an answer's head: it may not cost more memory than its body.
const MAXIMUM_HEAD: usize = 64 * 1024;

/// Fetches by one set of rules. Clones are cheap.
#[derive(Clone, Debug)]
pub struct Fetcher {
    rules: Arc<FetchRules>,
}

/// What an answer is: the bytes, or where they are.
enum HttpOutcome {
    Bytes(Bytes),
    Redirect(ListedUrl),
}

impl Fetcher {
    /// A fetcher that follows these rules.
    pub fn new(rules: FetchRules) -> Self {
        Self { rules: Arc::new(rules) }
    }

    /// The rules that it follows.
    pub fn rules(&self) -> &FetchRules {
        &self.rules
    }

    /// The bytes at `url`, redirects followed, or the value in the directory that it names. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// [`FetchError`]; never later than the rules' timeout.
    pub async fn get(&self, url: &str) -> Result<Bytes, FetchError> {
        self.within_limit(self.follow(url)).await
    }

    /// The bytes that `url` answers to `body`. A redirect is an answer without bytes: whom a request is for is the
    /// caller's to say. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// [`FetchError`]; never later than the rules' timeout.
    pub async fn post(
        &self,
        url: &str,
        content_type: HeaderValue,
        body: impl Into<Bytes>,
    ) -> Result<Bytes, FetchError> {
        let asking = async {
            let url = ListedUrl::parse(&self.rules.rewritten(url), &self.rules)?;
            let mut request = request(Method::POST, &url, Full::new(body.into()))?;
            request.headers_mut().insert(CONTENT_TYPE, content_type);
            match self.ask(&url, request).await? {
                (StatusCode::OK, HttpOutcome::Bytes(bytes)) => Ok(bytes),
                (status, _) => Err(FetchError::Status { host: url.host, status }),
            }
        };
        self.within_limit(asking).await
    }

    async fn within_limit(
        &self,
        fetching: impl Future<Output = Result<Bytes, FetchError>>,
    ) -> Result<Bytes, FetchError> {
        let limit = self.rules.timeout;
        timeout(limit, fetching).await.unwrap_or(Err(FetchError::Timeout { limit }))
    }

    async fn follow(&self, url: &str) -> Result<Bytes, FetchError> {
        let url = self.rules.rewritten(url);
        if is_ldap(&url) {
            let url = ListedLdapUrl::parse(&url, &self.rules)?;
            // Boxed, so that the HTTP fetches of every caller have no room for an LDAP search.
            return Box::pin(self.look_up(&url)).await;
        }
        let mut url = ListedUrl::parse(&url, &self.rules)?;
        for _ in 0..=self.rules.max_redirects {
            match self.ask(&url, request(Method::GET, &url, Full::default())?).await? {
                (_, HttpOutcome::Bytes(bytes)) => return Ok(bytes),
                (_, HttpOutcome::Redirect(next)) => url = next,
            }
        }
        Err(FetchError::TooManyRedirects { limit: self.rules.max_redirects })
    }

    /// The value in a directory.
    async fn look_up(&self, url: &ListedLdapUrl) -> Result<Bytes, FetchError> {
        let max_bytes = self.rules.max_bytes;
        let tls = match (url.tls, &self.rules.directory_tls) {
            (false, _) => None,
            (true, Some(tls)) => Some(tls),
            (true, None) => return Err(FetchError::NoAuthority { host: url.host.clone() }),
        };
        let stream = self.connect(&url.host, url.port).await?;
        match tls {
            None => read_crl(url, stream, max_bytes).await,
            Some(tls) => {
                let stream = tls.connect(&url.host, stream).await?;
                read_crl(url, stream, max_bytes).await
            }
        }
    }

    /// One request on a connection of its own, and the whole of its answer.
    async fn ask(
        &self,
        url: &ListedUrl,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, HttpOutcome), FetchError> {
        let broken = |error: hyper::Error| FetchError::Broken {
            host: url.host.clone(),
            reason: display_chain(&error),
        };
        let stream = TokioIo::new(self.connect(&url.host, url.port).await?);
        let (mut sender, connection) =
            http1::Builder::new().max_buf_size(MAXIMUM_HEAD).handshake(stream).await.map_err(broken)?;
        let exchange = async {
            let answer = sender.send_request(request).await.map_err(broken)?;
            let status = answer.status();
            if status == StatusCode::OK {
                return Ok((status, HttpOutcome::Bytes(self.body(answer.into_body(), broken).await?)));
            }
            Ok((status, HttpOutcome::Redirect(self.redirect(url, &answer)?)))
        };
        // The connection may end before its last bytes were taken; the exchange learns of its failures too.
        let driving = async {
            drop(connection.await);
            pending().await
        };
        tokio::select! {
            exchanged = exchange => exchanged,
            never = driving => never,
        }
    }

    /// Connects to the first of the host's addresses that takes a connection and may be connected to.
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, FetchError> {
        let name = || host.to_owned();
        let unresolved = |kind| FetchError::Unresolved { host: name(), kind };
        let addresses = lookup_host((host, port)).await.map_err(|error| unresolved(error.kind()))?;
        let mut last = unresolved(std::io::ErrorKind::NotFound);
        for address in addresses {
            if !self.may_connect(address) {
                last = FetchError::AddressRefused { host: name(), address: address.ip() };
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = FetchError::Unreachable { host: name(), kind: error.kind() },
            }
        }
        Err(last)
    }

    fn may_connect(&self, address: SocketAddr) -> bool {
        !is_refused(address.ip()) || self.rules.addresses.iter().any(|net| net.contains(&address.ip()))
    }

    fn redirect(&self, url: &ListedUrl, answer: &Response<Incoming>) -> Result<ListedUrl, FetchError> {
        let status = answer.status();
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Err(FetchError::Status { host: url.host.clone(), status });
        }
        let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        url.redirected(location.unwrap_or_default(), &self.rules)
    }

    async fn body(
        &self,
        mut body: Incoming,
        broken: impl Fn(hyper::Error) -> FetchError,
    ) -> Result<Bytes, FetchError> {
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let data = frame.map_err(&broken)?.into_data().unwrap_or_default();
            if data.len() > self.rules.max_bytes.saturating_sub(bytes.len()) {
                return Err(FetchError::TooLarge { max_bytes: self.rules.max_bytes });
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes.freeze())
    }
}

fn request(method: Method, url: &ListedUrl, body: Full<Bytes>) -> Result<Request<Full<Bytes>>, FetchError> {
    let target = http::Uri::from(url.target.clone());
    let malformed = |_| FetchError::MalformedUrl { url: format!("http://{}{}", url.authority, url.target) };
    Request::builder()
        .method(method)
        .uri(target)
        .header(HOST, url.authority.as_str())
        .header(USER_AGENT, "portcullis")
        .header(CONNECTION, "close")
        .body(body)
        .map_err(malformed)
}
