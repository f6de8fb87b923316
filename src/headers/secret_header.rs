//! A header with a secret, by which a backend recognizes the gateway. It names no user.

use http::{HeaderName, HeaderValue};

/// A shorter secret can be guessed: 128 random bits in Base64 have 22 characters.
pub(crate) const MIN_SECRET_BYTES: usize = 22;

/// A header whose value only the gateway and one backend know, so that the backend can reject all other senders. Its value
/// is not shown by `{:?}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretHeader {
    name: HeaderName,
    value: HeaderValue,
}

/// A text that cannot be used as the secret of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret needs at least {MIN_SECRET_BYTES} visible ASCII characters and no others")]
pub struct NoSecret;

impl SecretHeader {
    /// The header `name` with the secret `text`. [`ReservedHeaders::new`](super::ReservedHeaders::new) refuses a name that
    /// has another meaning.
    ///
    /// # Errors
    /// If the text is short, or two servers could read it differently.
    pub fn new(name: HeaderName, text: &[u8]) -> Result<Self, NoSecret> {
        if text.len() < MIN_SECRET_BYTES || !text.iter().all(u8::is_ascii_graphic) {
            return Err(NoSecret);
        }
        let mut value = HeaderValue::from_bytes(text).map_err(|_| NoSecret)?;
        value.set_sensitive(true);
        Ok(Self { name, value })
    }

    /// The header's name.
    pub fn name(&self) -> &HeaderName {
        &self.name
    }

    pub(super) fn value(&self) -> &HeaderValue {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: HeaderName = HeaderName::from_static("x-gateway-secret");

    #[test]
    fn a_short_secret_or_one_with_spaces_is_refused() {
        for text in
            ["", "twenty-one-characters", "twenty-two characters!", "twenty-two-characters\n", "äöüäöüäöüäöü"]
        {
            assert_eq!(SecretHeader::new(NAME, text.as_bytes()), Err(NoSecret), "{text:?}");
        }
        assert!(SecretHeader::new(NAME, b"twenty-two-characters!").is_ok());
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret = SecretHeader::new(NAME, b"twenty-two-characters!").unwrap();
        assert!(!format!("{secret:?}").contains("twenty"), "{secret:?}");
    }
}
