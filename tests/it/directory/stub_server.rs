//! A server that sends scripted responses, inside TLS or before it.

use crate::support::{directory_server, pki};
use portcullis::ldap::{LdapEncryption, LdapServer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub(super) struct StubServer {
    address: SocketAddr,
    encryption: LdapEncryption,
    received: Arc<Mutex<Vec<Vec<u8>>>>,
    closed: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Encodes the response to a successful bind with the message id 1 (RFC 4511 4.2.2).
pub(super) fn bind_success() -> Vec<u8> {
    vec![0x30, 12, 2, 1, 1, 0x61, 7, 10, 1, 0, 4, 0, 4, 0]
}

impl StubServer {
    /// Starts a server that sends one of `responses` for each request inside TLS. On each connection it begins with the
    /// first, and after the last it sends none.
    pub(super) fn responding(responses: Vec<Vec<u8>>) -> Self {
        Self::at("127.0.0.1", LdapEncryption::Ldaps, responses)
    }

    /// Starts such a server at another address.
    pub(super) fn at(address: &str, encryption: LdapEncryption, responses: Vec<Vec<u8>>) -> Self {
        let config = Arc::new(server_config());
        Self::serving(address, encryption, move |stream, received| {
            let tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            respond(tls, &responses, received);
        })
    }

    /// Starts a server that responds to the StartTLS request, and continues in plaintext.
    pub(super) fn with_start_tls_response(response: Vec<u8>) -> Self {
        Self::serving("127.0.0.1", LdapEncryption::StartTls, move |stream, received| {
            respond(stream, std::slice::from_ref(&response), received);
        })
    }

    fn serving(
        address: &str,
        encryption: LdapEncryption,
        serve: impl Fn(TcpStream, &Mutex<Vec<Vec<u8>>>) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (received, ended) = (Arc::<Mutex<Vec<Vec<u8>>>>::default(), Arc::<AtomicBool>::default());
        let (receiving, ending) = (Arc::clone(&received), Arc::clone(&ended));
        let closed = Arc::<AtomicUsize>::default();
        let counting = Arc::clone(&closed);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ending.load(Ordering::SeqCst) {
                    return;
                }
                serve(stream.unwrap(), &receiving);
                counting.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, encryption, received, closed, ended, thread: Some(thread) }
    }

    /// Returns its address.
    pub(super) fn server(&self) -> LdapServer {
        directory_server(self.address, self.encryption)
    }

    /// Returns all data received so far inside TLS, or in plaintext before it.
    pub(super) fn received(&self) -> Vec<Vec<u8>> {
        self.received.lock().unwrap().clone()
    }

    /// Returns the number of connections that the client has closed.
    pub(super) fn closed_connections(&self) -> usize {
        self.closed.load(Ordering::SeqCst)
    }
}

impl Drop for StubServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // The thread waits for a connection, or for the end of one that the test has closed before.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// Responds until the client closes the connection or sends something that is not TLS.
fn respond(mut stream: impl Read + Write, responses: &[Vec<u8>], received: &Mutex<Vec<Vec<u8>>>) {
    let mut responses = responses.iter();
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        received.lock().unwrap().push(buffer[..length].to_vec());
        if let Some(response) = responses.next() {
            // A client that closes the connection before the end of a response has rejected it.
            drop(stream.write_all(response).and_then(|()| stream.flush()));
        }
    }
}

fn server_config() -> ServerConfig {
    let server = pki().server_rsa();
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(server.chain_pem().unwrap().as_bytes()).map(Result::unwrap).collect();
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, server.private_key())
        .unwrap()
}
