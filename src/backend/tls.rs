//! Takes the authorities that may vouch for a backend's servers and perhaps a client certificate, gives rustls's
//! client settings. Never trusts the system's roots and never skips the check of a server's name.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::{self, sign::any_supported_type};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, InconsistentKeys, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use zeroize::Zeroizing;

/// TLS to one server. Clones share the settings, and with them the session cache.
#[derive(Clone, Debug)]
pub struct BackendTls {
    /// Made by [`client_config`].
    pub config: Arc<ClientConfig>,
    /// The name that the server's certificate must carry, sent as SNI unless it is an address.
    pub server_name: ServerName<'static>,
}

/// The certificate by which the gateway itself is known to a server.
#[derive(Debug)]
pub struct ClientIdentity {
    /// The certificate and its intermediates, leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's private key.
    pub key: Zeroizing<PrivateKeyDer<'static>>,
}

/// Why TLS to a backend cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum BackendTlsError {
    /// Nothing could ever be verified. There is no falling back on the system's roots: whoever can get a public
    /// certificate for the server's name would be sent every user's identity.
    #[error("no certificate authority is given for the backend's servers")]
    NoAuthorities,
    /// The authority at `index`, counted from 0, is no certificate.
    #[error("authority {index} of the backend's servers is not a certificate")]
    InvalidAuthority {
        /// Its place, counted from 0.
        index: usize,
        /// What is wrong with it.
        #[source]
        source: rustls::Error,
    },
    /// The client certificate and its key do not go together, or the key is of a kind that cannot sign.
    #[error("the client certificate for the backend cannot be used")]
    BadIdentity(#[source] rustls::Error),
    /// The crypto provider and the protocol versions do not fit.
    #[error("the TLS settings for the backend do not fit together")]
    Unsuitable(#[source] rustls::Error),
}

/// Client settings that verify servers against `authorities` alone (RFC 5280 by webpki, names by RFC 6125) and offer
/// only `http/1.1`. Several servers may share them.
pub fn client_config<'a>(
    authorities: impl IntoIterator<Item = CertificateDer<'a>>,
    identity: Option<ClientIdentity>,
) -> Result<Arc<ClientConfig>, BackendTlsError> {
    let mut roots = RootCertStore::empty();
    for (index, authority) in authorities.into_iter().enumerate() {
        roots.add(authority).map_err(|source| BackendTlsError::InvalidAuthority { index, source })?;
    }
    if roots.is_empty() {
        return Err(BackendTlsError::NoAuthorities);
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(BackendTlsError::Unsuitable)?
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let key = certified(identity).map_err(BackendTlsError::BadIdentity)?;
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A session is resumed only under these very settings, so it cannot outlive the authorities that proved it.
    config.resumption = Resumption::in_memory_sessions(64);
    Ok(Arc::new(config))
}

/// `with_client_auth_cert` would take the key's bytes over and drop them without zeroing them.
fn certified(identity: ClientIdentity) -> Result<CertifiedKey, rustls::Error> {
    let certified = CertifiedKey::new(identity.chain, any_supported_type(&identity.key)?);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_without_authorities_are_refused() {
        assert!(matches!(client_config([], None), Err(BackendTlsError::NoAuthorities)));
    }

    #[test]
    fn an_authority_that_is_no_certificate_is_named_by_its_place() {
        let refused = client_config([CertificateDer::from(vec![0x30, 0x00])], None);
        assert!(matches!(refused, Err(BackendTlsError::InvalidAuthority { index: 0, .. })));
    }
}
