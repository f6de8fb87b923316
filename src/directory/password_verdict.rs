//! Takes a directory's answer to a bind with somebody's password, gives whether the password is theirs. Also says which
//! passwords may not be sent at all.

use super::error::UnsendablePassword;
use crate::secret::Secret;

/// What a directory says of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordVerdict {
    /// It is the account's, and the account may log in with it.
    Correct,
    /// It is not, or the account may not log in. For the record only: whoever typed it must not learn which.
    Wrong(PasswordRefusal),
}

/// Why a directory refused a password. Active Directory tells by a sub-code ([MS-ERREF] 2.2) in the text of its answer;
/// other directories do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordRefusal {
    /// 52e, 525, or nothing is said.
    WrongOrUnknown,
    /// Several accounts have the name: none of them was asked for.
    Ambiguous,
    /// 530: not at this hour.
    OutsideLogonHours,
    /// 531: not from this computer.
    NotFromHere,
    /// 532: the password is too old.
    PasswordExpired,
    /// 533: the account is switched off.
    Disabled,
    /// 701: the account's last day is over.
    AccountExpired,
    /// 773: the password must be changed first.
    MustChangePassword,
    /// 775: too many wrong passwords.
    Locked,
    /// Another sub-code.
    Other(u32),
}

impl PasswordRefusal {
    /// The stable word for it, for the record.
    pub const fn word(self) -> &'static str {
        match self {
            Self::WrongOrUnknown => "wrong-or-unknown",
            Self::Ambiguous => "ambiguous",
            Self::OutsideLogonHours => "outside-logon-hours",
            Self::NotFromHere => "not-from-here",
            Self::PasswordExpired => "password-expired",
            Self::Disabled => "disabled",
            Self::AccountExpired => "account-expired",
            Self::MustChangePassword => "must-change-password",
            Self::Locked => "locked",
            Self::Other(_) => "other",
        }
    }

    /// Reads Active Directory's text, which has `AcceptSecurityContext error, data 52e, v4563` in it.
    pub(super) fn from_diagnostic(text: &str) -> Self {
        let code = text.split_once(", data ").map(|(_, rest)| rest.split([',', ' ']).next().unwrap_or(rest));
        match code.and_then(|code| u32::from_str_radix(code, 16).ok()) {
            None | Some(0x525 | 0x52e) => Self::WrongOrUnknown,
            Some(0x530) => Self::OutsideLogonHours,
            Some(0x531) => Self::NotFromHere,
            Some(0x532) => Self::PasswordExpired,
            Some(0x533) => Self::Disabled,
            Some(0x701) => Self::AccountExpired,
            Some(0x773) => Self::MustChangePassword,
            Some(0x775) => Self::Locked,
            Some(other) => Self::Other(other),
        }
    }
}

/// A name and a password that may be sent to a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Credentials<'c> {
    name: &'c str,
    password: &'c Secret,
}

impl<'c> Credentials<'c> {
    /// Refuses what must not go to any directory. A name with an empty password, or a password without a name, is an
    /// anonymous bind, which succeeds for everybody (RFC 4513 5.1). A zero byte ends the password for a directory that
    /// is written in C.
    pub(super) fn new(name: &'c str, password: &'c Secret) -> Result<Self, UnsendablePassword> {
        if name.is_empty() {
            return Err(UnsendablePassword::NoName);
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
    fn active_directorys_sub_codes_are_told_apart() {
        use PasswordRefusal::*;
        let cases = [
            ("525", WrongOrUnknown),
            ("52e", WrongOrUnknown),
            ("530", OutsideLogonHours),
            ("531", NotFromHere),
            ("532", PasswordExpired),
            ("533", Disabled),
            ("701", AccountExpired),
            ("773", MustChangePassword),
            ("775", Locked),
            ("5", Other(5)),
        ];
        for (code, refusal) in cases {
            let words = "80090308: LdapErr: DSID-0C090446, comment: AcceptSecurityContext error, data ";
            assert_eq!(
                PasswordRefusal::from_diagnostic(&format!("{words}{code}, v4563\0")),
                refusal,
                "{code}"
            );
        }
    }

    #[test]
    fn a_text_without_a_sub_code_says_no_more_than_wrong() {
        for text in ["", "Invalid credentials", ", data ", ", data xyz, v1", "data 533"] {
            assert_eq!(PasswordRefusal::from_diagnostic(text), PasswordRefusal::WrongOrUnknown, "{text}");
        }
    }

    #[test]
    fn passwords_that_a_directory_would_misunderstand_are_not_sent() {
        let refused = |bytes: &[u8]| Credentials::new("CN=alice", &Secret::new(bytes.to_vec())).err();
        assert_eq!(refused(b""), Some(UnsendablePassword::Empty));
        assert_eq!(refused(b"\0"), Some(UnsendablePassword::ZeroByte));
        assert_eq!(refused(b"secret\0"), Some(UnsendablePassword::ZeroByte));
        assert_eq!(refused(b"\xff"), Some(UnsendablePassword::NotUtf8));
        assert_eq!(refused("gehéim".as_bytes()), None);
        assert_eq!(Credentials::new("", &Secret::new(b"x".to_vec())).err(), Some(UnsendablePassword::NoName));
    }
}
