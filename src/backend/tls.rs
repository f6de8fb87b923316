//! TLS settings for connections to a backend's servers. The system's trust store is never used, and the name of a
//! server is always verified.

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
    /// The settings from [`client_config`].
    pub config: Arc<ClientConfig>,
    /// The name that the server's certificate must be valid for, sent as SNI unless it is an address.
    pub server_name: ServerName<'static>,
}

/// The certificate by which the gateway authenticates itself to a server.
#[derive(Debug)]
pub(crate) struct ClientIdentity {
    /// The certificate and its intermediates, leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's private key.
    pub key: Zeroizing<PrivateKeyDer<'static>>,
}

/// The reason for which TLS settings for a backend cannot be created.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackendTlsError {
    /// There is no authority, so no server could be verified. The system's trust store is not used instead: anyone who
    /// obtains a public certificate for the server's name would receive the identity of every user.
    #[error("no certificate authority is configured for the backend's servers")]
    NoAuthorities,
    /// The authority at `index` is not a certificate.
    #[error("certificate authority {index} of the backend's servers is not a certificate")]
    InvalidAuthority {
        /// Its position, counted from 0.
        index: usize,
        /// The error in the certificate.
        #[source]
        source: rustls::Error,
    },
    /// The client certificate does not belong to its key, or the type of the key is not supported.
    #[error("cannot use the client certificate for the backend")]
    BadIdentity(#[source] rustls::Error),
    /// The crypto provider supports none of the protocol versions.
    #[error("the TLS settings for the backend are inconsistent")]
    Unsuitable(#[source] rustls::Error),
}

/// Returns client settings that verify servers with `authorities` only (RFC 5280 by webpki, names by RFC 6125) and
/// offer only `http/1.1`. Several servers may share them.
///
/// # Errors
/// There are no authorities, or a certificate or key cannot be used.
pub(crate) fn client_config<'a>(
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
    // Sessions are resumed only with these settings, so that none outlives the authorities that verified it.
    config.resumption = Resumption::in_memory_sessions(64);
    Ok(Arc::new(config))
}

/// Returns the certificate with its key. `with_client_auth_cert` is not used, because it takes ownership of the key's
/// bytes and drops them without zeroing them.
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
    fn settings_without_authorities_are_an_error() {
        assert!(matches!(client_config([], None), Err(BackendTlsError::NoAuthorities)));
    }

    #[test]
    fn an_authority_that_is_not_a_certificate_is_reported_by_its_position() {
        let result = client_config([CertificateDer::from(vec![0x30, 0x00])], None);
        assert!(matches!(result, Err(BackendTlsError::InvalidAuthority { index: 0, .. })));
    }
}
