//! TLS to a backend: only the configured authority and name are accepted, and the gateway's certificate is presented on
//! request.

use super::*;
use crate::backend::tls::{BackendTls, ClientIdentity, client_config};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

struct ServerAuthority(CertifiedIssuer<'static, KeyPair>);

impl ServerAuthority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    fn issue(
        &self,
        name: &str,
        purpose: ExtendedKeyUsagePurpose,
    ) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    /// Starts a server with a certificate of this authority, which responds with the number of certificates that its
    /// client sent.
    async fn server(&self, name: &str, requires_certificate: bool) -> ScriptedServer {
        let (chain, key) = self.issue(name, ExtendedKeyUsagePurpose::ServerAuth);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if requires_certificate {
            let mut roots = RootCertStore::empty();
            roots.add(self.der()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()));
        ScriptedServer::start(move |peer, _| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(stream) = acceptor.accept(peer.0.into_inner()).await else { return };
                let sent = stream.get_ref().1.peer_certificates().map_or(0, <[_]>::len);
                let mut peer = ServerPeer(BufReader::new(stream));
                while peer.head().await.is_some() {
                    peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{sent}")).await;
                }
            }
        })
        .await
    }
}

fn pool(
    server: &ScriptedServer,
    name: &'static str,
    trusts: &ServerAuthority,
    identity: Option<ClientIdentity>,
) -> BackendPool {
    let config = client_config([trusts.der()], identity).unwrap();
    let tls = BackendTls { config, server_name: name.try_into().unwrap() };
    let address = ServerAddress { transport: ServerTransport::Tls(tls), ..server.address.clone() };
    super::pool(BackendSettings::new("test", vec![address]))
}

#[test]
fn a_server_of_the_configured_authority_is_accepted() {
    in_worker(async {
        let authority = ServerAuthority::new();
        let server = authority.server("rms.corp.example", false).await;
        let pool = pool(&server, "rms.corp.example", &authority, None);
        assert_eq!(text(pool.send_without_permit(get("")).await.unwrap()).await, "0");
        assert_eq!(text(pool.send_without_permit(get("")).await.unwrap()).await, "0");
        assert_eq!(server.accepted.get(), 1);
    });
}

#[test]
fn a_server_of_another_authority_is_rejected() {
    in_worker(async {
        let server = ServerAuthority::new().server("rms.corp.example", false).await;
        let pool = pool(&server, "rms.corp.example", &ServerAuthority::new(), None);
        assert!(matches!(pool.send_without_permit(get("")).await, Err(BackendError::Tls { .. })));
        assert_eq!(pool.stats().open, 0);
    });
}

#[test]
fn a_server_with_another_name_is_rejected() {
    in_worker(async {
        let authority = ServerAuthority::new();
        let server = authority.server("other.corp.example", false).await;
        let pool = pool(&server, "rms.corp.example", &authority, None);
        assert!(matches!(pool.send_without_permit(get("")).await, Err(BackendError::Tls { .. })));
    });
}

#[test]
fn the_gateways_certificate_is_presented_to_a_server_that_requires_one() {
    in_worker(async {
        let authority = ServerAuthority::new();
        let server = authority.server("rms.corp.example", true).await;
        let (chain, key) = authority.issue("gateway.corp.example", ExtendedKeyUsagePurpose::ClientAuth);
        let identity = Some(ClientIdentity { chain, key: Zeroizing::new(key) });
        let pool = pool(&server, "rms.corp.example", &authority, identity);
        assert_eq!(text(pool.send_without_permit(get("")).await.unwrap()).await, "1");
    });
}

#[test]
fn a_server_that_requires_a_certificate_does_not_respond_without_one() {
    in_worker(async {
        let authority = ServerAuthority::new();
        let server = authority.server("rms.corp.example", true).await;
        let pool = pool(&server, "rms.corp.example", &authority, None);
        assert!(pool.send_without_permit(get("")).await.is_err());
    });
}
