//! TLS settings of the LDAP client: the server's certificate must be issued by a configured authority and valid for the
//! server's name.

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use std::sync::Arc;
use thiserror::Error;

/// The reason for which TLS settings cannot be created.
#[derive(Debug, Error)]
pub enum LdapTlsError {
    /// There is no authority. The system's roots are not used instead: an attacker with a public certificate for the
    /// server's name would receive every password.
    #[error("no CA certificate is configured for the directory servers")]
    NoAuthorities,
    /// An authority is not a certificate.
    #[error("CA certificate {index} of the directory servers is not a valid certificate")]
    InvalidAuthority {
        /// Its position, counted from 0.
        index: usize,
        /// The defect.
        #[source]
        source: rustls::Error,
    },
    /// The crypto provider does not support the protocol versions.
    #[error("cannot create the TLS settings of the directory client")]
    Unsuitable(#[source] rustls::Error),
}

/// Returns client settings that accept certificates of `authorities` and no others.
///
/// # Errors
/// There are no authorities, or one of them is not a certificate.
pub fn client_config<'a>(
    authorities: impl IntoIterator<Item = CertificateDer<'a>>,
) -> Result<Arc<ClientConfig>, LdapTlsError> {
    let mut roots = RootCertStore::empty();
    for (index, authority) in authorities.into_iter().enumerate() {
        roots.add(authority).map_err(|source| LdapTlsError::InvalidAuthority { index, source })?;
    }
    if roots.is_empty() {
        return Err(LdapTlsError::NoAuthorities);
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(LdapTlsError::Unsuitable)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A session is resumed only with the same settings, so it cannot outlive the authorities that validated its
    // certificate.
    config.resumption = Resumption::in_memory_sessions(64);
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_without_authorities_are_rejected() {
        assert!(matches!(client_config([]), Err(LdapTlsError::NoAuthorities)));
    }

    #[test]
    fn an_authority_that_is_not_a_certificate_is_reported_by_its_index() {
        let rejected = client_config([CertificateDer::from(vec![0x30, 0x00])]);
        assert!(matches!(rejected, Err(LdapTlsError::InvalidAuthority { index: 0, .. })));
    }
}
