//! Classification of the library's errors by the step that failed and the error code. The text is not used, because it
//! is in the language of the process.

use super::error::{DelegationError, EncryptionError, NotForwardableReason};
use super::keytab::KeytabError;
use super::status::{GssStatus, KerberosCode as Code};
use std::path::Path;

/// Whether the user's ticket to the gateway is forwardable. It decides which of the causes of `KDC_ERR_BADOPTION`
/// applies ([MS-SFU] 3.2.5.2.1, 3.2.5.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TicketForwarding {
    /// The ticket is forwardable.
    Yes,
    /// Tickets of other accounts are forwardable, this one is not.
    NotThisAccount,
    /// No ticket of any account is forwardable.
    None(NotForwardableReason),
    /// The flags of the ticket cannot be read.
    Unknown,
}

/// Returns the error of a failed login as `principal`.
pub(super) fn login_error(status: GssStatus, path: &Path, principal: &str) -> DelegationError {
    let principal = principal.to_owned();
    let error = match status.kerberos_code() {
        Some(Code::KDC_ERR_C_PRINCIPAL_UNKNOWN) => KeytabError::NoAccount { principal, status },
        Some(Code::KDC_ERR_PREAUTH_FAILED | Code::AP_ERR_BAD_INTEGRITY) => {
            KeytabError::WrongKey { principal, status }
        }
        Some(
            Code::KT_NOTFOUND | Code::KT_END | Code::KEYTAB_BADVNO | Code::FCC_NOFILE | Code::CC_NOT_KTYPE,
        ) => KeytabError::Unusable { principal, status },
        Some(code) if rejects_account(code) => return DelegationError::GatewayAccount(status),
        Some(_) | None => return common_error(status),
    };
    DelegationError::Keytab { path: path.to_owned(), error }
}

/// Returns the error of a failed S4U2Self. `own_realm` specifies whether the user's realm is the gateway's.
pub(super) fn impersonation_error(status: GssStatus, own_realm: bool) -> DelegationError {
    match status.kerberos_code() {
        Some(Code::KDC_ERR_C_PRINCIPAL_UNKNOWN) => DelegationError::UnknownAccount(status),
        // The service is the gateway or, for a user of another realm, a ticket-granting service on the path to it.
        Some(Code::KDC_ERR_S_PRINCIPAL_UNKNOWN) if own_realm => DelegationError::GatewayWithoutSpn(status),
        Some(Code::KDC_ERR_S_PRINCIPAL_UNKNOWN) => DelegationError::UnknownAccount(status),
        Some(code) if rejects_account(code) => DelegationError::AccountRejected(status),
        Some(_) | None => common_error(status),
    }
}

/// Returns the error of a failed S4U2Proxy. `forwardable` is called only if the error depends on it.
pub(super) fn delegation_error(
    status: GssStatus,
    forwardable: impl FnOnce() -> TicketForwarding,
) -> DelegationError {
    match status.kerberos_code() {
        Some(Code::KDC_ERR_S_PRINCIPAL_UNKNOWN) => DelegationError::UnknownService(status),
        Some(Code::KDC_ERR_BADOPTION) => match forwardable() {
            TicketForwarding::Yes => DelegationError::ServiceNotAllowed(status),
            TicketForwarding::NotThisAccount => DelegationError::AccountNotDelegated(status),
            TicketForwarding::None(reason) => DelegationError::NotForwardable { reason, status },
            TicketForwarding::Unknown => DelegationError::Other(status),
        },
        Some(code) if rejects_account(code) => DelegationError::AccountRejected(status),
        Some(_) | None => common_error(status),
    }
}

/// Returns whether the KDC rejects the account. KDCs return different codes for this: Samba returns POLICY for a
/// disabled account.
fn rejects_account(code: Code) -> bool {
    matches!(
        code,
        Code::KDC_ERR_NAME_EXP
            | Code::KDC_ERR_POLICY
            | Code::KDC_ERR_CLIENT_REVOKED
            | Code::KDC_ERR_CLIENT_NOTYET
            | Code::KDC_ERR_KEY_EXP
    )
}

/// Returns the error of a failed token creation, and of every step for codes that are not specific to it.
pub(super) fn common_error(status: GssStatus) -> DelegationError {
    if status.is_expired() {
        // Tickets are replaced before they expire, so an expired one means that the clocks differ.
        return DelegationError::ClockSkew(status);
    }
    match status.kerberos_code() {
        Some(
            Code::KDC_ERR_ETYPE_NOSUPP
            | Code::PROG_ETYPE_NOSUPP
            | Code::BAD_ENCTYPE
            | Code::NOPERM_ETYPE
            | Code::CONFIG_ETYPE_NOSUPP,
        ) => DelegationError::EncryptionType(EncryptionError::NoneInCommon(status)),
        Some(
            Code::KDC_UNREACH
            | Code::REALM_UNKNOWN
            | Code::REALM_CANT_RESOLVE
            | Code::KDC_ERR_SVC_UNAVAILABLE,
        ) => DelegationError::KdcUnreachable(status),
        Some(Code::AP_ERR_SKEW | Code::AP_ERR_TKT_NYV | Code::KDCREP_SKEW) => {
            DelegationError::ClockSkew(status)
        }
        Some(_) | None => DelegationError::Other(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Returns the errors other than `Other`, by their codes.
    fn classified(diagnose: impl Fn(GssStatus) -> DelegationError) -> BTreeMap<u8, String> {
        let name = |number| (number, variant(&diagnose(Code::status(number))));
        Code::ALL_NUMBERS.map(name).filter(|(_, name)| name != "Other").collect()
    }

    /// Returns the name of the variant, with that of the variant inside it.
    fn variant(error: &DelegationError) -> String {
        match error {
            DelegationError::Keytab { error, .. } => format!("Keytab {}", first_word(&format!("{error:?}"))),
            DelegationError::NotForwardable { reason, .. } => format!("NotForwardable {reason:?}"),
            error => first_word(&format!("{error:?}")),
        }
    }

    fn first_word(text: &str) -> String {
        text.chars().take_while(|letter| letter.is_alphanumeric()).collect()
    }

    fn expected(table: &[(&str, &[u8])]) -> BTreeMap<u8, String> {
        let rows =
            table.iter().flat_map(|(name, codes)| codes.iter().map(|code| (*code, (*name).to_owned())));
        rows.collect()
    }

    const COMMON_ERRORS: [(&str, &[u8]); 3] = [
        ("EncryptionType", &[14, 150, 188, 236, 237]),
        ("KdcUnreachable", &[29, 154, 156, 220]),
        ("ClockSkew", &[32, 33, 37, 148]),
    ];

    #[test]
    fn login_errors_are_classified_by_their_codes() {
        let of = [
            ("Keytab NoAccount", [6].as_slice()),
            ("Keytab WrongKey", &[24, 31]),
            ("Keytab Unusable", &[181, 182, 195, 200, 213]),
            ("GatewayAccount", &[1, 12, 18, 21, 23]),
        ];
        let found = classified(|status| login_error(status, Path::new("gw.keytab"), "svc-gw@CORP.EXAMPLE"));
        assert_eq!(found, expected(&[of.as_slice(), &COMMON_ERRORS].concat()));
    }

    #[test]
    fn impersonation_errors_are_classified_by_their_codes() {
        let refused = ("AccountRejected", [1, 12, 18, 21, 23].as_slice());
        let own = [("UnknownAccount", [6].as_slice()), ("GatewayWithoutSpn", &[7]), refused];
        let foreign = [("UnknownAccount", [6, 7].as_slice()), refused];
        let found = |own_realm| classified(|status| impersonation_error(status, own_realm));
        assert_eq!(found(true), expected(&[own.as_slice(), &COMMON_ERRORS].concat()));
        assert_eq!(found(false), expected(&[foreign.as_slice(), &COMMON_ERRORS].concat()));
    }

    #[test]
    fn delegation_errors_are_classified_by_their_codes_and_the_forwardable_flag() {
        let lack = NotForwardableReason::ProtocolTransition;
        for (forwardable, name) in [
            (TicketForwarding::Yes, "ServiceNotAllowed"),
            (TicketForwarding::NotThisAccount, "AccountNotDelegated"),
            (TicketForwarding::None(lack), "NotForwardable ProtocolTransition"),
        ] {
            let of = [
                ("UnknownService", [7].as_slice()),
                (name, &[13]),
                ("AccountRejected", &[1, 12, 18, 21, 23]),
            ];
            let found = classified(|status| delegation_error(status, || forwardable));
            assert_eq!(found, expected(&[of.as_slice(), &COMMON_ERRORS].concat()));
        }
    }

    #[test]
    fn the_forwardable_flag_is_read_only_for_bad_option() {
        for number in Code::ALL_NUMBERS.filter(|number| *number != Code::KDC_ERR_BADOPTION.number()) {
            delegation_error(Code::status(number), || unreachable!("{number} has one cause"));
        }
        let unknown = delegation_error(Code::status(13), || TicketForwarding::Unknown);
        assert_eq!(variant(&unknown), "Other");
    }
}
