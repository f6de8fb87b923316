//! A TLS backend that rejects clients without a certificate, as IIS, nginx or Apache do.

use super::pki;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// How the backend rejects a client without a certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WithoutCertificate {
    /// With a TLS alert.
    Alert,
    /// With this HTTP status.
    Status(u16),
}

/// Starts the backend and returns its address. A client with a certificate of the demo's PKI receives 200. The backend
/// stops with the test.
pub(crate) async fn tls_backend(without: WithoutCertificate) -> SocketAddr {
    let acceptor = TlsAcceptor::from(configuration(without));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            let presented = stream.get_ref().1.peer_certificates().is_some();
            let status = match without {
                WithoutCertificate::Status(status) if !presented => status,
                WithoutCertificate::Status(_) | WithoutCertificate::Alert => 200,
            };
            let response = format!("HTTP/1.1 {status} Test\r\ncontent-length: 0\r\n\r\n");
            // The client may have closed the connection.
            drop(stream.write_all(response.as_bytes()).await);
            drop(stream.shutdown().await);
        }
    });
    address
}

fn configuration(without: WithoutCertificate) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(pki().root().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = match without {
        WithoutCertificate::Alert => verifier,
        WithoutCertificate::Status(_) => verifier.allow_unauthenticated(),
    };
    let server = pki().server_ecdsa();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(server.chain.clone(), server.key.clone_key().into())
        .unwrap();
    Arc::new(config)
}
