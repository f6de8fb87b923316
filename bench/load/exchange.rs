//! One request, as an RMS client sends it, and its response.

use bytes::Bytes;
use clap::{Args, ValueEnum};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use tokio::task::JoinHandle;

/// The request.
#[derive(Args)]
pub(crate) struct ExchangeArgs {
    #[arg(long, default_value = "1")]
    pub(crate) http: Protocol,
    #[arg(long, default_value = "rms.corp.example")]
    pub(crate) host: String,
    #[arg(long, default_value = "/_wmcs/certification/certification.asmx")]
    path: String,
    /// Bytes of the request's body.
    #[arg(long, default_value_t = 6144)]
    up: usize,
    /// Bytes of the response's body.
    #[arg(long, default_value_t = 4096)]
    down: usize,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Protocol {
    #[value(name = "1")]
    Http1,
    #[value(name = "2")]
    Http2,
}

impl Protocol {
    /// Returns the name that is negotiated in the handshake.
    pub(crate) fn alpn(self) -> Vec<u8> {
        match self {
            Self::Http1 => b"http/1.1".to_vec(),
            Self::Http2 => b"h2".to_vec(),
        }
    }
}

/// An open connection, and the task that serves it.
pub(crate) enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>, JoinHandle<hyper::Result<()>>),
    Http2(http2::SendRequest<Full<Bytes>>, JoinHandle<hyper::Result<()>>),
}

impl Sender {
    /// Returns whether the connection can send no further request.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::Http1(sender, _) => sender.is_closed(),
            Self::Http2(sender, _) => sender.is_closed(),
        }
    }

    /// Closes the connection as TLS requires, and waits until it is closed.
    pub(crate) async fn close(self) {
        let task = match self {
            Self::Http1(sender, task) => {
                drop(sender);
                task
            }
            Self::Http2(sender, task) => {
                drop(sender);
                task
            }
        };
        // The proxy may have closed it first.
        let _closed = task.await.unwrap();
    }
}

/// The request of a measurement, and the response that it must get.
pub(crate) struct Exchange {
    uri: String,
    host: String,
    body: Bytes,
    down: usize,
    protocol: Protocol,
}

impl Exchange {
    pub(crate) fn new(args: &ExchangeArgs) -> Self {
        let target = format!("{}?down={}", args.path, args.down);
        let uri = match args.http {
            Protocol::Http1 => target,
            Protocol::Http2 => format!("https://{}{target}", args.host),
        };
        let body = Bytes::from(vec![b'x'; args.up]);
        Self { uri, host: args.host.clone(), body, down: args.down, protocol: args.http }
    }

    /// Sends the request and reads the response.
    ///
    /// # Errors
    ///
    /// The connection fails, the status is not 200, or the body has another length.
    pub(crate) async fn send(&self, sender: &mut Sender) -> Result<(), String> {
        let request = self.request();
        let sent = match sender {
            Sender::Http1(sender, _) => {
                sender.ready().await.map_err(|error| format!("connection: {error}"))?;
                sender.send_request(request).await
            }
            Sender::Http2(sender, _) => {
                sender.ready().await.map_err(|error| format!("connection: {error}"))?;
                sender.send_request(request).await
            }
        };
        let response = sent.map_err(|error| format!("request: {error}"))?;
        if response.status() != StatusCode::OK {
            return Err(format!("status {}", response.status()));
        }
        let mut body = response.into_body();
        let mut received = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| format!("response body: {error}"))?;
            received += frame.data_ref().map_or(0, Bytes::len);
        }
        if received == self.down { Ok(()) } else { Err(format!("a body of {received} bytes")) }
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::post(&self.uri)
            .header("user-agent", "Mozilla/4.0 (compatible; MS Web Services Client Protocol 4.0.30319.42000)")
            .header("content-type", "text/xml; charset=utf-8")
            .header("soapaction", "\"http://microsoft.com/DRM/CertificationService/Certify\"");
        if self.protocol == Protocol::Http1 {
            request = request.header("host", &self.host);
        }
        request.body(Full::new(self.body.clone())).unwrap()
    }
}
