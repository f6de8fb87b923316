//! The credentials of a simple bind.

use super::error::UnsendablePassword;
use crate::secret::Secret;

/// A name and a password that are safe to send to a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BindCredentials<'c> {
    name: &'c str,
    password: &'c Secret,
}

impl<'c> BindCredentials<'c> {
    /// Checks that the credentials may be sent to a server. A name with an empty password is an unauthenticated bind,
    /// and a password without a name an anonymous one; both succeed (RFC 4513 5.1). A server that is written in C may
    /// end the password at a zero byte.
    pub(crate) fn new(name: &'c str, password: &'c Secret) -> Result<Self, UnsendablePassword> {
        if name.is_empty() {
            return Err(UnsendablePassword::EmptyName);
        }
        match password.expose() {
            [] => Err(UnsendablePassword::Empty),
            bytes if bytes.contains(&0) => Err(UnsendablePassword::ZeroByte),
            bytes if std::str::from_utf8(bytes).is_err() => Err(UnsendablePassword::NotUtf8),
            _ => Ok(Self { name, password }),
        }
    }

    pub(super) fn name(&self) -> &'c str {
        self.name
    }

    pub(super) fn password(&self) -> &'c [u8] {
        self.password.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_a_server_might_misread_are_rejected() {
        let rejected = |bytes: &[u8]| BindCredentials::new("CN=alice", &Secret::new(bytes.to_vec())).err();
        assert_eq!(rejected(b""), Some(UnsendablePassword::Empty));
        assert_eq!(rejected(b"\0"), Some(UnsendablePassword::ZeroByte));
        assert_eq!(rejected(b"secret\0"), Some(UnsendablePassword::ZeroByte));
        assert_eq!(rejected(b"\xff"), Some(UnsendablePassword::NotUtf8));
        assert_eq!(rejected("gehéim".as_bytes()), None);
        let nameless = BindCredentials::new("", &Secret::new(b"x".to_vec())).err();
        assert_eq!(nameless, Some(UnsendablePassword::EmptyName));
    }
}
