//! `[backend.NAME.kerberos]`: how the gateway obtains Kerberos tickets in users' names.

use crate::backend::RuleRealm;
use crate::config::parse::{
    Spanned, TableReader, ValueError, ValueType, boolean, duration, line, section, string, text, value,
};
use std::time::Duration;

section! {
    /// `[backend.NAME.kerberos]`
    struct KerberosSection checked by check {
        /// The gateway's own account, as `"svc-gateway@CORP.EXAMPLE"`.
        principal: Option<Spanned<String>> = text().optional("the keytab's first"),
        /// The realm of accounts that come from no directory: those of rules with `'CORP\alice'`.
        realm: Option<Spanned<String>> = kerberos_realm().optional("none"),
        /// The name of the domain of `realm` in `'CORP\alice'`. An account of another domain is rejected, by `check` too,
        /// instead of being mistaken for the account of the same name in this realm.
        domain: Option<Spanned<String>> = text().optional("the first label of `realm`"),
        /// Whether the server keeps the account with the connection, so that only the first request on one carries a ticket
        /// (IIS: `authPersistNonNTLM`).
        persist: Spanned<bool> = boolean().or(false),
        /// The time to obtain a ticket, including the wait; 502 `delegation-failed` after that. A domain controller that
        /// hangs takes one second of it, once in half a minute
        /// ([how](backends.md#domain-controllers-that-do-not-respond)).
        timeout: Spanned<Duration> = duration("1s", "1m").or("10s"),
        /// Whether tickets with RC4 keys are accepted: anyone who records one can guess the service's password from it.
        unsafe_allow_rc4: Spanned<bool> = boolean().or(false).warn_if_true(
            "RC4 tickets are accepted: anyone who records one can guess the service's password from it",
        ),
        /// Whether a response is accepted in which the server does not prove that it could read the ticket.
        unsafe_skip_mutual_authentication: Spanned<bool> = boolean().or(false).warn_if_true(
            "mutual authentication is off: any server at this address is trusted",
        ),
    }
}

impl KerberosSection {
    /// Returns the realm of accounts that come from no directory.
    pub(crate) fn rule_realm(&self) -> Option<RuleRealm> {
        self.realm.as_ref().map(|realm| RuleRealm { name: realm.value.clone(), domain: value(&self.domain) })
    }

    fn check(&mut self, reader: &mut TableReader<'_>) {
        reader.needs_one_of("domain", &["realm"]);
    }
}

/// A service principal name of two parts, as Active Directory registers it for HTTP.
pub(super) fn service() -> ValueType<String> {
    let is_plain = |part: &str| {
        let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        !part.is_empty() && part.bytes().all(alphabet)
    };
    string("text", "texts", move |text| match text.split_once('/') {
        Some((class, host)) if is_plain(class) && is_plain(host) => Ok(text.to_owned()),
        Some(_) | None => Err(ValueError::new(format!("{text:?} is not a service principal name"))
            .help("write the class, a slash and the host, such as \"HTTP/rms.corp.example\"")),
    })
}

/// Realms are compared byte by byte, and those of Active Directory are in capitals (RFC 4120 6.1).
fn kerberos_realm() -> ValueType<String> {
    line("text, in capitals", "texts", |text| {
        let upper = text.to_ascii_uppercase();
        if text == upper {
            return Ok(upper);
        }
        let message = format!("{text:?} is not a realm of Active Directory: those are in capitals");
        Err(ValueError::new(message).help(format!("write {upper:?}")))
    })
}
