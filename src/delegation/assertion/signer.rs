//! Takes private keys and statements, gives signed statements and the public keys to prove them with.
//!
//! The first key signs, all are published. So a key is exchanged without a pause: the new one is added behind the old
//! one, is moved to the front when every backend has read it, and the old one is removed when its last claims is over.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Header, encode};
use rustls_pki_types::PrivateKeyDer;
use std::sync::Arc;
use std::time::Duration;

use super::claims::{AssertionError, RequestClaims};
use super::key::{AssertionKey, AssertionKeyError};

/// The longest assertion in bytes. http.sys stops at 16 KiB for a request's whole head (KB 820129).
const MAXIMUM_BYTES: usize = 8 * 1024;

/// The longest that an assertion may be believed. It is for one request, on its way now.
pub const MAXIMUM_LIFETIME: Duration = Duration::from_secs(300);

/// Who signs, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssertionSignerSettings {
    /// The gate's name to the backends (`iss`).
    pub issuer: String,
    /// How long a claims may be believed; one second to [`MAXIMUM_LIFETIME`].
    pub lifetime: Duration,
}

/// Signs statements. Plain data: another set of keys is another signer.
#[derive(Clone, Debug)]
pub struct AssertionSigner {
    settings: AssertionSignerSettings,
    signing: AssertionKey,
    header: Header,
    published: Arc<str>,
    ids: Vec<String>,
}

/// Why keys cannot sign assertions.
#[derive(Debug, thiserror::Error)]
pub enum AssertionSignerError {
    /// Nobody would be said to sign.
    #[error("the issuer is empty")]
    NoIssuer,
    /// A claims would be believed for no time, or for longer than [`MAXIMUM_LIFETIME`].
    #[error("a lifetime of {given:?} is not between one second and {MAXIMUM_LIFETIME:?}")]
    Lifetime {
        /// What is configured.
        given: Duration,
    },
    /// There is none.
    #[error("there is no key to sign assertions with")]
    NoKeys,
    /// One of them is no good.
    #[error("key {number} cannot sign assertions")]
    Key {
        /// Which one, counted from 1.
        number: usize,
        /// Why.
        #[source]
        cause: AssertionKeyError,
    },
    /// The same key stands there twice, which is a file named by mistake.
    #[error("key {number} is the same as an earlier one")]
    Double {
        /// Which one, counted from 1.
        number: usize,
    },
    /// The keys cannot be published.
    #[error("the public keys cannot be written")]
    Unpublishable(#[source] serde_json::Error),
}

impl AssertionSignerError {
    /// The key that it is about, counted from 1, where it is about one.
    pub fn key_number(&self) -> Option<usize> {
        match self {
            Self::Key { number, .. } | Self::Double { number } => Some(*number),
            Self::NoIssuer | Self::Lifetime { .. } | Self::NoKeys | Self::Unpublishable(_) => None,
        }
    }
}

impl AssertionSigner {
    /// A signer with the first of `keys`, which publishes all of them.
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
                return Err(AssertionSignerError::Double { number });
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

    /// `claims` as a JWT in compact form (RFC 7515 3.1), which is printable ASCII.
    pub fn sign(&self, claims: &RequestClaims<'_>) -> Result<String, AssertionError> {
        let claims = claims.claims(&self.settings.issuer, self.settings.lifetime)?;
        let token = encode(&self.header, &claims, &self.signing.signing).map_err(AssertionError::Signing)?;
        if token.len() > MAXIMUM_BYTES {
            return Err(AssertionError::TooLong { bytes: token.len(), limit: MAXIMUM_BYTES });
        }
        Ok(token)
    }

    /// The public keys as a JWK set (RFC 7517 section 5).
    pub fn jwks(&self) -> &Arc<str> {
        &self.published
    }

    /// The `kid` of every key, the signing one first: its thumbprint (RFC 7638).
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
