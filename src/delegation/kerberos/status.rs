//! The status of a failed GSSAPI call: two numbers, and the library's text for them.
//!
//! The text is in the language of the process and changes between versions, so errors are classified by the numbers only.

/// The first of the Kerberos error codes among minor statuses: `ERROR_TABLE_BASE_krb5` of krb5.h.
const KERBEROS_BASE: i32 = -1_765_328_384;
/// `GSS_S_CREDENTIALS_EXPIRED` of gssapi.h, as a routine error of the major status.
const CREDENTIALS_EXPIRED: u32 = 11 << 16;
/// `GSS_S_FAILURE` of gssapi.h, as a routine error: the cause is in the minor status.
const UNSPECIFIED_FAILURE: u32 = 13 << 16;
const ROUTINE_ERROR: u32 = 0x00ff_0000;
/// The number of codes in that table.
const KERBEROS_CODES: u8 = u8::MAX;

/// The status of a failed call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text} (GSSAPI status {major:#010x}, minor {minor})", minor = minor.cast_signed())]
pub struct GssStatus {
    /// The status that is common to all GSSAPI mechanisms (RFC 2743 1.2.1.1).
    pub major: u32,
    /// The status of the Kerberos mechanism, as an unsigned number.
    pub minor: u32,
    /// The library's text for both numbers, without the text of an unspecified failure.
    pub text: String,
}

impl GssStatus {
    /// Creates the status of a failed call from its two numbers and the library's lines of text for each.
    pub(super) fn new(
        (major, mut lines): (u32, Vec<String>),
        (minor, minor_lines): (u32, Vec<String>),
    ) -> Self {
        // "Unspecified GSS failure.  Minor code may provide more information" would displace the cause in an audit
        // record, whose fields are bounded.
        if major & ROUTINE_ERROR == UNSPECIFIED_FAILURE && !minor_lines.is_empty() {
            lines.clear();
        }
        lines.extend(minor_lines);
        Self { major, minor, text: lines.join("; ") }
    }

    /// Returns the Kerberos error code: up to 127 from a KDC or server (RFC 4120 7.5.9), from 128 from the library
    /// itself. `None` if the minor status belongs to another error table.
    pub(super) fn kerberos_code(&self) -> Option<KerberosCode> {
        let offset = self.minor.cast_signed().checked_sub(KERBEROS_BASE)?;
        u8::try_from(offset).ok().filter(|code| (1..=KERBEROS_CODES).contains(code)).map(KerberosCode)
    }

    /// Returns whether a ticket has expired.
    pub(super) fn is_expired(&self) -> bool {
        self.major & ROUTINE_ERROR == CREDENTIALS_EXPIRED
            || self.kerberos_code() == Some(KerberosCode::AP_ERR_TKT_EXPIRED)
    }
}

/// A code of the error table `krb5` in krb5.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KerberosCode(u8);

/// The codes that errors are classified by, with their names in krb5.h.
impl KerberosCode {
    pub(super) const KDC_ERR_NAME_EXP: Self = Self(1);
    pub(super) const KDC_ERR_C_PRINCIPAL_UNKNOWN: Self = Self(6);
    pub(super) const KDC_ERR_S_PRINCIPAL_UNKNOWN: Self = Self(7);
    pub(super) const KDC_ERR_POLICY: Self = Self(12);
    pub(super) const KDC_ERR_BADOPTION: Self = Self(13);
    pub(super) const KDC_ERR_ETYPE_NOSUPP: Self = Self(14);
    pub(super) const KDC_ERR_CLIENT_REVOKED: Self = Self(18);
    pub(super) const KDC_ERR_CLIENT_NOTYET: Self = Self(21);
    pub(super) const KDC_ERR_KEY_EXP: Self = Self(23);
    pub(super) const KDC_ERR_PREAUTH_FAILED: Self = Self(24);
    pub(super) const KDC_ERR_SVC_UNAVAILABLE: Self = Self(29);
    pub(super) const AP_ERR_BAD_INTEGRITY: Self = Self(31);
    pub(super) const AP_ERR_TKT_EXPIRED: Self = Self(32);
    pub(super) const AP_ERR_TKT_NYV: Self = Self(33);
    pub(super) const AP_ERR_SKEW: Self = Self(37);
    pub(super) const KDCREP_SKEW: Self = Self(148);
    pub(super) const PROG_ETYPE_NOSUPP: Self = Self(150);
    pub(super) const REALM_UNKNOWN: Self = Self(154);
    pub(super) const KDC_UNREACH: Self = Self(156);
    pub(super) const KT_NOTFOUND: Self = Self(181);
    pub(super) const KT_END: Self = Self(182);
    pub(super) const BAD_ENCTYPE: Self = Self(188);
    pub(super) const FCC_NOFILE: Self = Self(195);
    pub(super) const CC_NOT_KTYPE: Self = Self(200);
    pub(super) const KEYTAB_BADVNO: Self = Self(213);
    pub(super) const REALM_CANT_RESOLVE: Self = Self(220);
    pub(super) const NOPERM_ETYPE: Self = Self(236);
    pub(super) const CONFIG_ETYPE_NOSUPP: Self = Self(237);
    #[cfg(test)]
    pub(super) const ALL_NUMBERS: std::ops::RangeInclusive<u8> = 1..=KERBEROS_CODES;

    #[cfg(test)]
    pub(super) fn status(number: u8) -> GssStatus {
        let minor = (KERBEROS_BASE + i32::from(number)).cast_unsigned();
        GssStatus { major: 0x000d_0000, minor, text: "text".to_owned() }
    }

    #[cfg(test)]
    pub(super) fn number(self) -> u8 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(minor: u32) -> Option<KerberosCode> {
        GssStatus { major: 0x000d_0000, minor, text: String::new() }.kerberos_code()
    }

    #[test]
    fn only_minor_statuses_of_the_kerberos_error_table_have_a_kerberos_code() {
        // From MIT krb5 1.20: "KDC can't fulfill requested option", "Cannot contact any KDC".
        assert_eq!(code_of(2_529_638_925), Some(KerberosCode::KDC_ERR_BADOPTION));
        assert_eq!(code_of(2_529_639_068), Some(KerberosCode::KDC_UNREACH));
        for other in [0, 2, 39_756_033, 100_006, 2_529_638_912, u32::MAX, i32::MAX.cast_unsigned()] {
            assert_eq!(code_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_status_is_displayed_with_its_numbers() {
        let status = KerberosCode::status(13);
        assert_eq!(status.to_string(), "text (GSSAPI status 0x000d0000, minor -1765328371)");
    }

    #[test]
    fn the_text_of_an_unspecified_failure_is_that_of_its_cause() {
        let unspecified =
            || vec!["Unspecified GSS failure.  Minor code may provide more information".to_owned()];
        let cause = || vec!["KDC can't fulfill requested option".to_owned()];
        let text = |major, major_lines, minor, minor_lines| {
            GssStatus::new((major, major_lines), (minor, minor_lines)).text
        };
        assert_eq!(text(0x000d_0000, unspecified(), 1, cause()), cause()[0]);
        assert_eq!(text(0x000d_0000, unspecified(), 0, Vec::new()), unspecified()[0]);
        let expired = "The referenced credential has expired";
        assert_eq!(
            text(0x000b_0000, vec![expired.to_owned()], 1, cause()),
            format!("{expired}; {}", cause()[0])
        );
    }
}
