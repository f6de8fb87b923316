//! Results of password checks.

/// The result of a password check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordVerdict {
    /// The password is correct, and the account may log in.
    Correct,
    /// The password is wrong, or the account may not log in. The reason is for the audit record only and must not be
    /// sent to the client.
    Wrong(PasswordFailure),
}

/// The reason for which a directory rejected a password. Active Directory reports it as a sub-code ([MS-ERREF] 2.2) in
/// its diagnostic message; other directories do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordFailure {
    /// 52e, 525, or no sub-code.
    WrongOrUnknown,
    /// Several accounts have the login name. The password was not checked for any of them.
    Ambiguous,
    /// 530: the account may not log in at this hour.
    OutsideLogonHours,
    /// 531: the account may not log in from this computer.
    NotFromHere,
    /// 532: the password has expired.
    PasswordExpired,
    /// 533: the account is disabled.
    Disabled,
    /// 701: the account has expired.
    AccountExpired,
    /// 773: the password must be changed first.
    MustChangePassword,
    /// 775: the account is locked.
    Locked,
    /// Another sub-code.
    Other(u32),
}

impl PasswordFailure {
    /// Returns the stable name for records.
    pub const fn name(self) -> &'static str {
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

    /// Parses the diagnostic message of Active Directory, which contains `AcceptSecurityContext error, data 52e,
    /// v4563`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_codes_of_active_directory_are_read() {
        use PasswordFailure::*;
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
        for (code, failure) in cases {
            let prefix = "80090308: LdapErr: DSID-0C090446, comment: AcceptSecurityContext error, data ";
            assert_eq!(
                PasswordFailure::from_diagnostic(&format!("{prefix}{code}, v4563\0")),
                failure,
                "{code}"
            );
        }
    }

    #[test]
    fn text_without_a_sub_code_is_a_wrong_password() {
        for text in ["", "Invalid credentials", ", data ", ", data xyz, v1", "data 533"] {
            assert_eq!(PasswordFailure::from_diagnostic(text), PasswordFailure::WrongOrUnknown, "{text}");
        }
    }
}
