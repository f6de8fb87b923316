//! `[backend.NAME.kerberos]`: how the gateway obtains Kerberos tickets in users' names.

use crate::backend::RuleRealm;
use crate::config::parse::Spanned;
use crate::config::parse::fields::ValueType as _;
use crate::config::parse::reader::TableReader;
use crate::config::parse::section::section;
use crate::config::parse::value_error::ValueError;
use crate::config::parse::values::{BOOLEAN, Parsed, TEXT, duration, raw_text, text};
use std::time::Duration;
use toml::de::DeValue;

const REALM: Parsed<String> = Parsed::new("text, in capitals", "texts", realm_name);

section! {
    /// `[backend.NAME.kerberos]`
    struct Kerberos checked by check {
        /// The gateway's own account, as `"svc-gate@CORP.EXAMPLE"`.
        principal: Option<Spanned<String>> = TEXT.optional("the keytab's first"),
        /// The realm of accounts that come from no directory: those of rules with `'CORP\alice'`.
        realm: Option<Spanned<String>> = REALM.optional("none"),
        /// The name of the domain of `realm` in `'CORP\alice'`. An account of another domain is rejected, by `check` too,
        /// instead of being mistaken for the account of the same name in this realm.
        domain: Option<Spanned<String>> = TEXT.optional("the first label of `realm`"),
        /// Whether the server keeps the account with the connection, so that only the first request on one carries a ticket
        /// (IIS: `authPersistNonNTLM`).
        persist: Spanned<bool> = BOOLEAN.or(false),
        /// The time to obtain a ticket, including the wait; 502 `delegation-failed` after that. A domain controller that
        /// hangs takes one second of it, once in half a minute
        /// ([how](backends.md#domain-controllers-that-do-not-answer)).
        timeout: Spanned<Duration> = duration("1s", "1m").or("10s"),
        /// Whether tickets with RC4 keys are accepted: anyone who records one can guess the service's password from it.
        unsafe_allow_rc4: Spanned<bool> = BOOLEAN.or(false),
        /// Whether a response is accepted in which the server does not prove that it could read the ticket.
        unsafe_skip_mutual_authentication: Spanned<bool> = BOOLEAN.or(false),
    }
}

impl Kerberos {
    /// The realm of accounts that come from no directory.
    pub(in crate::config) fn rule_realm(&self) -> Option<RuleRealm> {
        let domain = self.domain.as_ref().map(|domain| domain.value.clone());
        self.realm.as_ref().map(|realm| RuleRealm { name: realm.value.clone(), domain })
    }

    fn check(&mut self, reader: &mut TableReader<'_>) {
        if let (Some(domain), None) = (&self.domain, &self.realm) {
            reader
                .error(
                    domain.span,
                    "domain",
                    "`domain` does nothing: it says what the domain of `realm` is called",
                )
                .help("add `realm`, or remove it");
        }
        let loosened = [
            (
                "unsafe_allow_rc4",
                &self.unsafe_allow_rc4,
                "RC4 tickets count: whoever records one can guess the service's password from it",
            ),
            (
                "unsafe_skip_mutual_authentication",
                &self.unsafe_skip_mutual_authentication,
                "the server need not prove itself: whoever answers at its address is taken for it",
            ),
        ];
        for (name, switch, message) in loosened {
            if switch.value {
                reader.warning(switch.span, name, message);
            }
        }
    }
}

/// A service principal name of two parts, as Active Directory registers it for HTTP.
pub(super) fn service(value: &DeValue<'_>) -> Result<String, ValueError> {
    let text = raw_text(value)?;
    let fault = || {
        ValueError::new(format!("{text:?} is not a service principal name"))
            .help("write the class, a slash and the host, such as \"HTTP/rms.corp.example\"")
    };
    let (class, host) = text.split_once('/').ok_or_else(fault)?;
    let plain = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    if plain(class) && plain(host) { Ok(text.to_owned()) } else { Err(fault()) }
}

/// Realms are compared byte by byte, and those of Active Directory are in capitals (RFC 4120 6.1).
fn realm_name(value: &DeValue<'_>) -> Result<String, ValueError> {
    let text = text(value)?;
    let upper = text.to_ascii_uppercase();
    if text == upper {
        return Ok(text);
    }
    Err(ValueError::new(format!("{text:?} is no realm of Active Directory: those are in capitals"))
        .help(format!("write {upper:?}")))
}
