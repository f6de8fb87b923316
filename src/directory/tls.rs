//! Takes the authorities that may vouch for directories, gives rustls's client settings. Never trusts the system's roots
//! and never skips the check of a server's name.

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use std::sync::Arc;
use thiserror::Error;

/// The authorities cannot vouch for a directory.
#[derive(Debug, Error)]
pub enum DirectoryTlsError {
    /// Nothing could ever be verified, and the system's roots are no substitute: whoever gets a public certificate for
    /// the server's name would be sent every password.
    #[error("no authority is given for the directory's servers")]
    NoAuthorities,
    /// One of them is no certificate.
    #[error("authority {index} of the directory's servers is not a certificate")]
    InvalidAuthority {
        /// Its place, counted from 0.
        index: usize,
        /// What is wrong with it.
        #[source]
        source: rustls::Error,
    },
    /// The crypto provider and the protocol versions do not fit.
    #[error("the TLS settings for the directory do not fit together")]
    Unsuitable(#[source] rustls::Error),
}

/// Client settings that verify servers against `authorities` alone.
///
/// # Errors
/// Where there are none, or one of them is no certificate.
pub fn client_config<'a>(
    authorities: impl IntoIterator<Item = CertificateDer<'a>>,
) -> Result<Arc<ClientConfig>, DirectoryTlsError> {
    let mut roots = RootCertStore::empty();
    for (index, authority) in authorities.into_iter().enumerate() {
        roots.add(authority).map_err(|source| DirectoryTlsError::InvalidAuthority { index, source })?;
    }
    if roots.is_empty() {
        return Err(DirectoryTlsError::NoAuthorities);
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(DirectoryTlsError::Unsuitable)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A session is resumed only under these very settings, so it cannot outlive the authorities that proved it.
    config.resumption = Resumption::in_memory_sessions(64);
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_without_authorities_are_refused() {
        assert!(matches!(client_config([]), Err(DirectoryTlsError::NoAuthorities)));
    }

    #[test]
    fn an_authority_that_is_no_certificate_is_named_by_its_place() {
        let refused = client_config([CertificateDer::from(vec![0x30, 0x00])]);
        assert!(matches!(refused, Err(DirectoryTlsError::InvalidAuthority { index: 0, .. })));
    }
}
