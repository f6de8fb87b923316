//! The signer of assertions.
//!
//! The first key signs, and all keys are published. To replace a key without interruption, the new key is added after
//! the old one, moved to the front when every backend has fetched it, and the old key is removed when its last
//! assertion has expired.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Header, encode};
use rustls_pki_types::PrivateKeyDer;
use std::sync::Arc;
use std::time::Duration;

use super::claims::{AssertionError, RequestClaims};
use super::key::{AssertionKey, AssertionKeyError};

/// The maximum length of an assertion in bytes. http.sys accepts 16 KiB for all headers of a request (KB 820129).
const MAXIMUM_BYTES: usize = 8 * 1024;

/// The maximum lifetime of an assertion, which is valid for one request only.
pub(crate) const MAXIMUM_LIFETIME: Duration = Duration::from_secs(300);

/// The issuer and lifetime of assertions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssertionSignerSettings {
    /// The issuer (`iss`).
    pub issuer: String,
    /// The lifetime, one second to [`MAXIMUM_LIFETIME`].
    pub lifetime: Duration,
}

/// Signs assertions. Immutable: a reload with other keys creates another signer.
#[derive(Clone, Debug)]
pub struct AssertionSigner {
    settings: AssertionSignerSettings,
    signing: AssertionKey,
    header: Header,
    published: Arc<str>,
    ids: Vec<String>,
}

/// The reason for which a signer cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum AssertionSignerError {
    /// The issuer is empty.
    #[error("empty issuer")]
    NoIssuer,
    /// The lifetime is out of range.
    #[error("lifetime {given:?} is not between one second and {MAXIMUM_LIFETIME:?}")]
    Lifetime {
        /// The configured lifetime.
        given: Duration,
    },
    /// There is no key.
    #[error("no key to sign assertions")]
    NoKeys,
    /// A key is unusable.
    #[error("key {number} cannot sign assertions")]
    Key {
        /// Its position, from 1.
        number: usize,
        /// The reason.
        #[source]
        cause: AssertionKeyError,
    },
    /// A key is listed twice.
    #[error("key {number} is a duplicate")]
    Duplicate {
        /// Its position, from 1.
        number: usize,
    },
    /// The public keys cannot be encoded.
    #[error("cannot encode the public keys")]
    Unpublishable(#[source] serde_json::Error),
}

impl AssertionSignerError {
    /// Returns the position of the key, from 1, if the error is about a key.
    pub fn key_number(&self) -> Option<usize> {
        match self {
            Self::Key { number, .. } | Self::Duplicate { number } => Some(*number),
            Self::NoIssuer | Self::Lifetime { .. } | Self::NoKeys | Self::Unpublishable(_) => None,
        }
    }
}

impl AssertionSigner {
    /// Creates a signer that signs with the first of `keys` and publishes all of them.
    ///
    /// # Errors
    /// A key or a setting is unusable.
    pub fn new<'k>(
        keys: impl IntoIterator<Item = &'k PrivateKeyDer<'k>>,
        settings: AssertionSignerSettings,
    ) -> Result<Self, AssertionSignerError> {
        check(&settings)?;
        let mut read: Vec<AssertionKey> = Vec::new();
        for (place, key) in keys.into_iter().enumerate() {
            let number = place + 1;
            let key = AssertionKey::new(key).map_err(|cause| AssertionSignerError::Key { number, cause })?;
            if read.iter().any(|earlier| earlier.id == key.id) {
                return Err(AssertionSignerError::Duplicate { number });
            }
            read.push(key);
        }
        let set = JwkSet { keys: read.iter().map(|key| key.published.clone()).collect() };
        let published = serde_json::to_string(&set).map_err(AssertionSignerError::Unpublishable)?;
        let ids = read.iter().map(|key| key.id.clone()).collect();
        let signing = read.into_iter().next().ok_or(AssertionSignerError::NoKeys)?;
        let header = Header { kid: Some(signing.id.clone()), ..Header::new(signing.algorithm) };
        Ok(Self { settings, signing, header, published: published.into(), ids })
    }

    /// Signs the claims. Returns a JWT in compact serialization (RFC 7515 3.1), which is printable ASCII.
    ///
    /// # Errors
    /// A required claim is empty, or the token is too long.
    pub fn sign(&self, claims: &RequestClaims<'_>) -> Result<String, AssertionError> {
        let claims = claims.claims(&self.settings.issuer, self.settings.lifetime)?;
        let token = encode(&self.header, &claims, &self.signing.signing).map_err(AssertionError::Signing)?;
        if token.len() > MAXIMUM_BYTES {
            return Err(AssertionError::TooLong { bytes: token.len(), limit: MAXIMUM_BYTES });
        }
        Ok(token)
    }

    /// Returns the public keys as a JWK set (RFC 7517 section 5).
    pub fn jwks(&self) -> &Arc<str> {
        &self.published
    }

    /// Returns the `kid` of every key, its thumbprint (RFC 7638). The signing key is first.
    pub fn key_ids(&self) -> &[String] {
        &self.ids
    }
}

fn check(settings: &AssertionSignerSettings) -> Result<(), AssertionSignerError> {
    if settings.issuer.is_empty() {
        return Err(AssertionSignerError::NoIssuer);
    }
    if settings.lifetime < Duration::from_secs(1) || settings.lifetime > MAXIMUM_LIFETIME {
        return Err(AssertionSignerError::Lifetime { given: settings.lifetime });
    }
    Ok(())
}
