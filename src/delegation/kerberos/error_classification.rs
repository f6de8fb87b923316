//! Classifies the errors of the library by the step that failed and the error code, never by the text, which is in the
//! language of the process.

use super::error::{DelegationError, EncryptionError, NotForwardableReason};
use super::keytab::KeytabError;
use super::status::{GssStatus, KerberosCode as Code};
use std::path::Path;

/// Whether the user's ticket to the gateway is forwardable. Determines which of the causes of `KDC_ERR_BADOPTION` applies
/// ([MS-SFU] 3.2.5.2.1, 3.2.5.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TicketForwarding {
    /// It is.
    Yes,
    /// Those of other accounts are, this one is not.
    NotThisAccount,
    /// No ticket is, of any account.
    None(NotForwardableReason),
    /// Its flags cannot be read.
    Unknown,
}

/// An error of the login as `principal`.
pub(super) fn of_log_in(status: GssStatus, path: &Path, principal: &str) -> DelegationError {
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
        Some(_) | None => return anywhere(status),
    };
    DelegationError::Keytab { path: path.to_owned(), error }
}

/// An error of S4U2Self. `own_realm`: the user's realm is the gateway's.
pub(super) fn of_impersonation(status: GssStatus, own_realm: bool) -> DelegationError {
    match status.kerberos_code() {
        Some(Code::KDC_ERR_C_PRINCIPAL_UNKNOWN) => DelegationError::UnknownAccount(status),
        // The service is the gateway, or, for a user of another realm, a ticket-granting service on the way to it.
        Some(Code::KDC_ERR_S_PRINCIPAL_UNKNOWN) if own_realm => DelegationError::GatewayWithoutSpn(status),
        Some(Code::KDC_ERR_S_PRINCIPAL_UNKNOWN) => DelegationError::UnknownAccount(status),
        Some(code) if rejects_account(code) => DelegationError::AccountRefused(status),
        Some(_) | None => anywhere(status),
    }
}

/// An error of S4U2Proxy.
pub(super) fn of_delegation(
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
        Some(code) if rejects_account(code) => DelegationError::AccountRefused(status),
        Some(_) | None => anywhere(status),
    }
}

/// KDCs differ in which of these they return: Samba returns POLICY for a disabled account.
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

/// An error of the creation of a token, or one that can occur in every step.
pub(super) fn anywhere(status: GssStatus) -> DelegationError {
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

    /// The errors other than `Other`, by their codes.
    fn classified(diagnose: impl Fn(GssStatus) -> DelegationError) -> BTreeMap<u8, String> {
        let name = |number| (number, variant(&diagnose(Code::status(number))));
        Code::ALL_NUMBERS.map(name).filter(|(_, name)| name != "Other").collect()
    }

    /// The name of the variant, with that of the variant inside it.
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

    const ANYWHERE: [(&str, &[u8]); 3] = [
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
        let found = classified(|status| of_log_in(status, Path::new("gw.keytab"), "svc-gw@CORP.EXAMPLE"));
        assert_eq!(found, expected(&[of.as_slice(), &ANYWHERE].concat()));
    }

    #[test]
    fn impersonation_errors_are_classified_by_their_codes() {
        let refused = ("AccountRefused", [1, 12, 18, 21, 23].as_slice());
        let own = [("UnknownAccount", [6].as_slice()), ("GatewayWithoutSpn", &[7]), refused];
        let foreign = [("UnknownAccount", [6, 7].as_slice()), refused];
        let found = |own_realm| classified(|status| of_impersonation(status, own_realm));
        assert_eq!(found(true), expected(&[own.as_slice(), &ANYWHERE].concat()));
        assert_eq!(found(false), expected(&[foreign.as_slice(), &ANYWHERE].concat()));
    }

    #[test]
    fn delegation_errors_are_classified_by_their_codes_and_the_forwardable_flag() {
        let lack = NotForwardableReason::ProtocolTransition;
        for (forwardable, name) in [
            (TicketForwarding::Yes, "ServiceNotAllowed"),
            (TicketForwarding::NotThisAccount, "AccountNotDelegated"),
            (TicketForwarding::None(lack), "NotForwardable ProtocolTransition"),
        ] {
            let of =
                [("UnknownService", [7].as_slice()), (name, &[13]), ("AccountRefused", &[1, 12, 18, 21, 23])];
            let found = classified(|status| of_delegation(status, || forwardable));
            assert_eq!(found, expected(&[of.as_slice(), &ANYWHERE].concat()));
        }
    }

    #[test]
    fn the_forwardable_flag_is_read_only_for_bad_option() {
        for number in Code::ALL_NUMBERS.filter(|number| *number != Code::KDC_ERR_BADOPTION.number()) {
            of_delegation(Code::status(number), || unreachable!("{number} has one cause"));
        }
        let unknown = of_delegation(Code::status(13), || TicketForwarding::Unknown);
        assert_eq!(variant(&unknown), "Other");
    }
}
