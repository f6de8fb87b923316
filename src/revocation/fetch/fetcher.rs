//! The fetcher: one connection for each request, closed after the response.

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
use std::sync::Arc;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// The maximum size of a response head, in bytes.
const MAXIMUM_HEAD: usize = 64 * 1024;

/// Fetches by the rules of one realm. Clones are cheap.
#[derive(Clone, Debug)]
pub struct Fetcher {
    rules: Arc<FetchRules>,
}

/// The body of a successful response, or the target of a redirect.
enum HttpOutcome {
    Bytes(Bytes),
    Redirect(ListedUrl),
}

impl Fetcher {
    /// Returns a fetcher with these rules.
    pub fn new(rules: FetchRules) -> Self {
        Self { rules: Arc::new(rules) }
    }

    /// Fetches an `http` URL, with redirects, or the value of an LDAP URL. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// [`FetchError`], not later than the timeout of the rules.
    pub async fn get(&self, url: &str) -> Result<Bytes, FetchError> {
        self.within_limit(self.follow(url)).await
    }

    /// Sends `body` to an `http` URL. A redirect is an error: a request body is sent only to the host that the caller
    /// chose. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// [`FetchError`], not later than the timeout of the rules.
    pub async fn post(
        &self,
        url: &str,
        content_type: HeaderValue,
        body: impl Into<Bytes>,
    ) -> Result<Bytes, FetchError> {
        let exchange = async {
            let url = ListedUrl::parse(&self.rules.rewritten(url), &self.rules)?;
            let mut request = request(Method::POST, &url, Full::new(body.into()))?;
            request.headers_mut().insert(CONTENT_TYPE, content_type);
            match self.exchange(&url, request).await? {
                (StatusCode::OK, HttpOutcome::Bytes(bytes)) => Ok(bytes),
                (status, _) => Err(FetchError::Status { host: url.host, status }),
            }
        };
        self.within_limit(exchange).await
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
            // Boxed, so that the futures of HTTP fetches do not have the size of an LDAP search.
            return Box::pin(self.search(&url)).await;
        }
        let mut url = ListedUrl::parse(&url, &self.rules)?;
        for _ in 0..=self.rules.max_redirects {
            match self.exchange(&url, request(Method::GET, &url, Full::default())?).await? {
                (_, HttpOutcome::Bytes(bytes)) => return Ok(bytes),
                (_, HttpOutcome::Redirect(next)) => url = next,
            }
        }
        Err(FetchError::TooManyRedirects { limit: self.rules.max_redirects })
    }

    /// Reads the value from a directory server.
    async fn search(&self, url: &ListedLdapUrl) -> Result<Bytes, FetchError> {
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

    /// Sends one request on a new connection, and reads the whole response.
    async fn exchange(
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
            let response = sender.send_request(request).await.map_err(broken)?;
            let status = response.status();
            if status == StatusCode::OK {
                return Ok((status, HttpOutcome::Bytes(self.body(response.into_body(), broken).await?)));
            }
            Ok((status, HttpOutcome::Redirect(self.redirect(url, &response)?)))
        };
        // The connection may end before its last bytes are read; its errors are returned by the exchange.
        let driving = async {
            drop(connection.await);
            pending().await
        };
        tokio::select! {
            exchanged = exchange => exchanged,
            never = driving => never,
        }
    }

    /// Connects to the first allowed address of the host that accepts a connection.
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, FetchError> {
        let name = || host.to_owned();
        let unresolved = |kind| FetchError::Unresolved { host: name(), kind };
        let addresses = lookup_host((host, port)).await.map_err(|error| unresolved(error.kind()))?;
        let mut last = unresolved(std::io::ErrorKind::NotFound);
        for address in addresses {
            if !self.rules.allows_address(address.ip()) {
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

    fn redirect(&self, url: &ListedUrl, response: &Response<Incoming>) -> Result<ListedUrl, FetchError> {
        let status = response.status();
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Err(FetchError::Status { host: url.host.clone(), status });
        }
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
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
