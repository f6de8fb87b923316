//! Credentials and rules for tests.

use super::{
    AbsentReason, AccessControl, AccessRule, CertificateConditions, ClientCertificateRule, Credential,
    CrossSiteRule, Evidence, PasswordCredential, PasswordFallback, PasswordRule, QueryRule,
    UnmappedCertificateRule,
};
use crate::certificate::KeyId;
use crate::clock::UnixTime;
use crate::directory::DirectoryGroup;
use crate::identity::{Account, MappingError, MappingMethod, MappingStrength, NotMappedReason};
use crate::revocation::test_pki::{HOUR, NOW, TestCa, proven};
use crate::revocation::{CrlStore, RevocationMode, RevocationRule, check};
use crate::validation::TrustSet;
use http::Method;
use rcgen::KeyUsagePurpose;
use std::sync::Arc;

/// A certificate with two paths, because two roots certified its issuing CA.
pub(crate) struct TestCredential {
    pub(super) credential: Arc<Credential>,
    pub(super) issuing: KeyId,
    pub(super) first_root: KeyId,
    pub(super) second_root: KeyId,
}

impl TestCredential {
    /// Returns a certificate that maps to `account`.
    pub(super) fn of(account: Account) -> Self {
        Self::mapped(Ok(Arc::new(account)))
    }

    /// Returns a certificate that maps to no account.
    pub(super) fn unmapped() -> Self {
        Self::mapped(Err(Arc::new(MappingError::NotMapped { why: NotMappedReason::NoValue })))
    }

    /// Returns a certificate of [`alice`] whose verdict expires at `deadline`.
    pub(crate) fn until(deadline: UnixTime) -> Self {
        let mut card = Self::of(alice());
        let account = card.credential.account().cloned().map_err(Arc::clone);
        card.credential = Arc::new(Credential::new(card.credential.chain().clone(), account, deadline));
        card
    }

    fn mapped(account: Result<Arc<Account>, Arc<MappingError>>) -> Self {
        let (first, second) = (TestCa::root("First"), TestCa::root("Second"));
        let issuing = first.sub_ca("Issuing", 1);
        let crossed = second.certify(&issuing, "Issuing", 2, &[KeyUsagePurpose::KeyCertSign]);
        let leaf = issuing.issue("alice", &[3]);
        let chain =
            proven(&leaf, &[&issuing.certificate, &crossed], &[&first.certificate, &second.certificate]);
        assert_eq!(chain.paths().len(), 2);
        let off = RevocationRule { mode: RevocationMode::Off, ..RevocationRule::default() };
        let chain = check(&chain, &off, &TrustSet::default(), &CrlStore::empty(), NOW).unwrap();
        Self {
            credential: Arc::new(Credential::new(chain, account, NOW.plus(HOUR))),
            issuing: issuing.certificate.key_id(),
            first_root: first.certificate.key_id(),
            second_root: second.certificate.key_id(),
        }
    }

    pub(crate) fn evidence(&self) -> Evidence {
        Evidence::Certificate(Arc::clone(&self.credential))
    }
}

/// Returns `CORP\alice` with a UPN, a SID and two groups.
pub(crate) fn alice() -> Account {
    let group = |name: &str, sid: &str| DirectoryGroup { name: name.to_owned(), sid: Some(sid.to_owned()) };
    Account {
        upn: Some("alice@corp.example".to_owned()),
        sid: Some("S-1-5-21-1-2-3-1104".to_owned()),
        groups: vec![group("Staff", "S-1-5-21-1-2-3-1200"), group("RMS Users", "S-1-5-21-1-2-3-1201")],
        ..Account::named("CORP\\alice", MappingMethod::Email, MappingStrength::Strong)
    }
}

/// Returns an accepted password of `account` whose verdict expires at `deadline`.
pub(crate) fn password_of(account: Account, deadline: UnixTime) -> Evidence {
    let credential = Arc::new(PasswordCredential::new(Arc::new(account), deadline));
    Evidence::Password {
        outcome: Ok(credential),
        fallback: PasswordFallback::NoCertificate(AbsentReason::NotPresented),
    }
}

/// Returns a rule that allows GET.
pub(super) fn rule(
    client_certificate: ClientCertificateRule,
    password: PasswordRule,
    access: AccessControl,
) -> Arc<AccessRule> {
    Arc::new(AccessRule {
        name: "/x".to_owned(),
        methods: vec![Method::GET],
        client_certificate,
        password,
        unmapped_certificate: UnmappedCertificateRule::Reject,
        conditions: CertificateConditions::default(),
        access,
        query: QueryRule::Allow,
        cross_site: CrossSiteRule::Reject,
        max_body: 0,
    })
}
