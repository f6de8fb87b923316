//! A server that says what a test has it say, inside TLS or before it. It ends when it is dropped.

use crate::support::{directory_server, pki};
use portcullis::directory::{LdapEncryption, LdapServer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// The server.
pub(super) struct FakeServer {
    address: SocketAddr,
    encryption: LdapEncryption,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    hung_up: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// RFC 4511 4.2.2: the bind with the number 1 is a success.
pub(super) fn bound() -> Vec<u8> {
    vec![0x30, 12, 2, 1, 1, 0x61, 7, 10, 1, 0, 4, 0, 4, 0]
}

impl FakeServer {
    /// Gives one of the answers for each thing that it hears inside TLS, and afterwards none, on every connection anew.
    pub(super) fn answering(answers: Vec<Vec<u8>>) -> Self {
        Self::at("127.0.0.1", LdapEncryption::Ldaps, answers)
    }

    /// The same at another address.
    pub(super) fn at(address: &str, encryption: LdapEncryption, answers: Vec<Vec<u8>>) -> Self {
        let config = Arc::new(server_config());
        Self::serving(address, encryption, move |stream, heard| {
            let tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            answer(tls, &answers, heard);
        })
    }

    /// Answers the request to begin TLS, and goes on in plain text.
    pub(super) fn consenting(answer_in_plain_text: Vec<u8>) -> Self {
        Self::serving("127.0.0.1", LdapEncryption::StartTls, move |stream, heard| {
            answer(stream, std::slice::from_ref(&answer_in_plain_text), heard);
        })
    }

    fn serving(
        address: &str,
        encryption: LdapEncryption,
        serve: impl Fn(TcpStream, &Mutex<Vec<Vec<u8>>>) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, ended) = (Arc::<Mutex<Vec<Vec<u8>>>>::default(), Arc::<AtomicBool>::default());
        let (hearing, ending) = (Arc::clone(&heard), Arc::clone(&ended));
        let hung_up = Arc::<AtomicUsize>::default();
        let counting = Arc::clone(&hung_up);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ending.load(Ordering::SeqCst) {
                    return;
                }
                serve(stream.unwrap(), &hearing);
                counting.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, encryption, heard, hung_up, ended, thread: Some(thread) }
    }

    /// Where it is.
    pub(super) fn server(&self) -> LdapServer {
        directory_server(self.address, self.encryption)
    }

    /// All that it has heard so far, TLS aside.
    pub(super) fn heard(&self) -> Vec<Vec<u8>> {
        self.heard.lock().unwrap().clone()
    }
}

impl FakeServer {
    /// How many connections the other side has ended.
    pub(super) fn hung_up(&self) -> usize {
        self.hung_up.load(Ordering::SeqCst)
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // The thread waits for a connection, or for the end of one that the test has closed before.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// Until the other side hangs up or what it says is no TLS.
fn answer(mut stream: impl Read + Write, answers: &[Vec<u8>], heard: &Mutex<Vec<Vec<u8>>>) {
    let mut answers = answers.iter();
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        heard.lock().unwrap().push(buffer[..length].to_vec());
        if let Some(answer) = answers.next() {
            // Whoever hangs up in the midst of an answer has heard enough.
            drop(stream.write_all(answer).and_then(|()| stream.flush()));
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
