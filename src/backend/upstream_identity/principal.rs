//! The Kerberos principal name of an account.

use crate::identity::Account;

/// The Kerberos realm of accounts for which no directory reports a domain, and the domain in their names,
/// `DOMAIN\\name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRealm {
    /// The realm, `CORP.EXAMPLE`.
    pub name: String,
    /// The NetBIOS name of the domain; by default the first label of the realm.
    pub domain: Option<String>,
}

impl RuleRealm {
    /// Returns the NetBIOS name of the domain.
    pub fn domain(&self) -> &str {
        let first_label = || self.name.split('.').next().unwrap_or_default();
        self.domain.as_deref().unwrap_or_else(first_label)
    }

    /// Returns whether `DOMAIN\\name` with this domain is an account of the realm.
    pub fn is_of(&self, domain: &str) -> bool {
        [self.domain(), &self.name].into_iter().any(|own| own.eq_ignore_ascii_case(domain))
    }
}

/// The reason for which an account has no principal name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PrincipalError {
    /// The mapping returned no sAMAccountName.
    #[error(
        "no sAMAccountName of {user:?} is known: map it by a directory, or name it `DOMAIN\\name` in a rule"
    )]
    NoAccountName {
        /// The account.
        user: String,
    },
    /// The account belongs to another domain than that of the configured realm.
    #[error(
        "{user:?} does not belong to the realm {realm:?} of the domain {domain:?}: map it by a directory, or set \
         `kerberos.realm` and `kerberos.domain` of the backend for its domain"
    )]
    OtherDomain {
        /// The account.
        user: String,
        /// The configured realm.
        realm: String,
        /// The domain of the realm.
        domain: String,
    },
    /// The mapping returned no domain, and no realm is configured.
    #[error("no domain of {user:?} is known: map it by a directory, or set `kerberos.realm` of the backend")]
    NoRealm {
        /// The account.
        user: String,
    },
}

/// Returns the principal name of an account: its sAMAccountName in the realm of its domain, or in `of_rules` if no
/// directory reports the domain. The UPN is not used: its suffix need not be a realm, and only the directory knows to
/// which account it belongs at present.
///
/// # Errors
/// The sAMAccountName or the realm is not known.
pub(super) fn principal(of_rules: Option<&RuleRealm>, account: &Account) -> Result<String, PrincipalError> {
    let user = || account.user.clone();
    let name = account.account_name.as_ref().ok_or_else(|| PrincipalError::NoAccountName { user: user() })?;
    let realm = match (&account.dns_domain, &account.domain, of_rules) {
        (Some(domain), _, _) => domain.to_ascii_uppercase(),
        (None, _, None) => return Err(PrincipalError::NoRealm { user: user() }),
        // `PARTNER\x` and `CORP\x` may be different accounts.
        (None, Some(domain), Some(realm)) if !realm.is_of(domain) => {
            let (realm, domain) = (realm.name.clone(), realm.domain().to_owned());
            return Err(PrincipalError::OtherDomain { user: user(), realm, domain });
        }
        (None, _, Some(realm)) => realm.name.clone(),
    };
    Ok(format!("{name}@{realm}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{MappingMethod, MappingStrength};

    fn account(user: &str, domain: Option<&str>, dns_domain: Option<&str>) -> Account {
        Account {
            account_name: user.split_once('\\').map(|(_, name)| name.to_owned()),
            domain: domain.map(str::to_owned),
            dns_domain: dns_domain.map(str::to_owned),
            ..Account::named(user, MappingMethod::SecurityIdentifier, MappingStrength::Strong)
        }
    }

    #[test]
    fn a_principal_is_in_the_realm_of_the_accounts_domain() {
        let corp = RuleRealm { name: "CORP.EXAMPLE".to_owned(), domain: None };
        let renamed = RuleRealm { domain: Some("HQ".to_owned()), ..corp.clone() };
        let of = |user: &str, realm| {
            let domain = user.split_once('\\').map(|(domain, _)| domain);
            principal(realm, &account(user, domain, None))
        };
        for (user, realm) in [
            (r"CORP\x", &corp),
            (r"corp\x", &corp),
            (r"corp.example\x", &corp),
            (r"HQ\x", &renamed),
            (r"Corp.Example\x", &renamed),
        ] {
            assert_eq!(of(user, Some(realm)).as_deref(), Ok("x@CORP.EXAMPLE"), "{user}");
        }
        for (user, realm) in
            [(r"PARTNER\x", &corp), (r"partner.example\x", &corp), (r"CORP\x", &renamed), (r"HQ\x", &corp)]
        {
            assert!(matches!(of(user, Some(realm)), Err(PrincipalError::OtherDomain { .. })), "{user}");
        }
        assert!(matches!(of(r"CORP\x", None), Err(PrincipalError::NoRealm { .. })));
        assert!(matches!(of("x@corp.example", Some(&corp)), Err(PrincipalError::NoAccountName { .. })));
        // The directory's domain takes precedence over the configured realm.
        let partner = account(r"PARTNER\x", Some("PARTNER"), Some("partner.example"));
        assert_eq!(principal(Some(&corp), &partner).as_deref(), Ok("x@PARTNER.EXAMPLE"));
    }
}
