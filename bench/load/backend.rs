//! The server behind the proxies. It reads the body of a request and responds with as many bytes as the query asks for,
//! `?down=4096`, or, for `?headers`, with the header of the request.

use crate::cards::certificates;
use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{process, thread};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio_rustls::TlsAcceptor;

/// The largest response.
const LARGEST: usize = 64 << 20;

#[derive(Args)]
pub(crate) struct BackendArgs {
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Serves TLS: PEM file with the certificate and its key.
    #[arg(long)]
    certificate: Option<PathBuf>,
    /// Requires client certificates of this CA.
    #[arg(long, requires = "certificate")]
    client_ca: Option<PathBuf>,
}

/// Serves connections until standard input is closed.
pub(crate) fn serve(args: &BackendArgs) {
    let tls = args.certificate.as_deref().map(|file| acceptor(file, args.client_ca.as_deref()));
    thread::spawn(|| {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
        process::exit(0);
    });
    let source = Bytes::from(vec![b'x'; LARGEST]);
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let listener = TcpListener::bind(args.listen).await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        std::io::stdout().flush().unwrap();
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let (source, tls) = (source.clone(), tls.clone());
            tokio::spawn(async move {
                if stream.set_nodelay(true).is_err() {
                    return;
                }
                match tls {
                    None => connection(stream, source).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            connection(stream, source).await;
                        }
                    }
                }
            });
        }
    });
}

fn acceptor(file: &Path, client_ca: Option<&Path>) -> TlsAcceptor {
    let builder = ServerConfig::builder();
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(ca) {
                roots.add(certificate).unwrap();
            }
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
        }
    };
    let key = PrivateKeyDer::from_pem_file(file).unwrap();
    TlsAcceptor::from(Arc::new(builder.with_single_cert(certificates(file), key).unwrap()))
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, source: Bytes) {
    let service = service_fn(move |request| respond(request, source.clone()));
    // A connection that a proxy closes is no failure of the backend.
    let _closed = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(request: Request<Incoming>, source: Bytes) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, mut body) = request.into_parts();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    let query = head.uri.query().unwrap_or_default();
    let body = match query.strip_prefix("down=").and_then(|length| length.parse().ok()) {
        Some(length) => source.slice(..LARGEST.min(length)),
        None if query == "headers" => Bytes::from(lines(&head.headers)),
        None => Bytes::new(),
    };
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert("content-type", "text/xml; charset=utf-8".parse().unwrap());
    Ok(response)
}

/// Returns the fields of a header, one on each line.
fn lines(headers: &HeaderMap) -> String {
    let mut lines = String::new();
    for (name, value) in headers {
        writeln!(lines, "{name}: {}", String::from_utf8_lossy(value.as_bytes())).unwrap();
    }
    lines
}
