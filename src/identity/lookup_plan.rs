//! The plan of one mapping: the findings of all mappers, the lookup keys for a directory, and the resulting account.

use super::account::Account;
use super::account_identifier;
use super::certificate_identifiers::CertificateIdentifiers;
use super::error::{MappingError, NotMappedReason, not_mapped};
use super::mapping_step::{MapperFinding, MappingStep, StepResult};
use super::method::Mapper;
use super::resolve::resolve;
use super::settings::{IdentityIssuer, MappingSettings, RequiredStrength, SidCheck};
use crate::certificate::{Certificate, KeyId};
use crate::clock::UnixTime;
use crate::directory::{DirectoryAccount, LookupKeys, Sid};
use crate::revocation::UnrevokedChain;

/// The findings of all mappers in one leaf whose issuer may name accounts.
#[derive(Debug)]
pub(super) struct LookupPlan<'a> {
    leaf: &'a Certificate,
    sid: Option<Sid>,
    findings: Vec<MapperFinding<'a>>,
    required: RequiredStrength,
    sid_check: SidCheck,
}

impl<'a> LookupPlan<'a> {
    /// Reads the leaf of `chain` with every mapper of `settings`.
    ///
    /// # Errors
    /// The authority that issued the leaf may not name accounts.
    pub(super) fn new(
        chain: &'a UnrevokedChain,
        settings: &'a MappingSettings,
    ) -> Result<Self, MappingError> {
        let leaf = chain.chain().leaf();
        let identifiers = CertificateIdentifiers::read(leaf);
        let findings = findings(&identifiers, leaf, identity_issuer(chain, settings)?, settings);
        let sid = identifiers.ok().and_then(|identifiers| identifiers.sid);
        Ok(Self { leaf, sid, findings, required: settings.strength, sid_check: settings.sid_check })
    }

    /// Returns the values for which a directory is searched, in one query.
    pub(super) fn lookup_keys(&self) -> LookupKeys {
        let mut keys = LookupKeys::default();
        for finding in &self.findings {
            if let Ok(Some(identifier)) = &finding.identifier {
                identifier.add_lookup_keys(&mut keys);
            }
        }
        keys
    }

    /// Returns the steps and the account, from the `accounts` that the directories returned for
    /// [`LookupPlan::lookup_keys`].
    pub(super) fn resolve(
        &self,
        accounts: &[DirectoryAccount],
        now: UnixTime,
    ) -> (Vec<MappingStep>, Result<Account, MappingError>) {
        let (steps, found) = resolve(&self.findings, accounts, self.sid.as_ref(), self.sid_check);
        let account = found.and_then(|found| found.account(self.required, self.leaf.not_before(), now));
        (steps, account)
    }

    /// Returns the steps and the account in a realm without a directory: the first mapper that finds a value decides.
    pub(super) fn resolve_without_directory(&self) -> (Vec<MappingStep>, Result<Account, MappingError>) {
        let mut steps = Vec::new();
        for finding in &self.findings {
            let account = match &finding.identifier {
                Ok(None) => Ok(None),
                Ok(Some(identifier)) => identifier.account_without_directory(),
                Err(error) => Err(error.clone()),
            };
            let account = account.and_then(|account| match account {
                Some(account) => self.required.check(account, self.leaf.not_before(), None).map(Some),
                None => Ok(None),
            });
            steps.push(finding.step(match &account {
                Ok(None) if !finding.permitted => StepResult::IssuerNotPermitted,
                Ok(None) => StepResult::NoValue,
                Ok(Some(_)) => StepResult::Mapped,
                Err(_) => StepResult::Rejected,
            }));
            if let Some(account) = account.transpose() {
                return (steps, account);
            }
        }
        (steps, Err(not_mapped(NotMappedReason::NoValue)))
    }
}

/// Returns the findings of the mappers, in order. An account rule that matches ends the list: it is the operator's
/// decision on this certificate, which no name in the certificate may override.
fn findings<'a>(
    identifiers: &Result<CertificateIdentifiers, MappingError>,
    leaf: &'a Certificate,
    issuer: &'a IdentityIssuer,
    settings: &'a MappingSettings,
) -> Vec<MapperFinding<'a>> {
    let mut findings = Vec::new();
    for mapper in settings.order.iter().copied() {
        let permitted = issuer.mappers.contains(&mapper);
        let (values, identifier) = if permitted {
            account_identifier::read(mapper, leaf, identifiers, issuer, settings)
        } else {
            (Vec::new(), Ok(None))
        };
        let is_last = mapper == Mapper::Rules && !matches!(identifier, Ok(None));
        findings.push(MapperFinding { mapper, values, permitted, identifier });
        if is_last {
            break;
        }
    }
    findings
}

/// Returns the key that issued the leaf, if all its valid paths have the same one and the leaf is not a trust anchor.
pub(super) fn issuing_key(chain: &UnrevokedChain) -> Option<KeyId> {
    let mut keys = chain.paths().map(|path| path.issuers().first().copied());
    let first = keys.next()??;
    keys.all(|key| key == Some(first)).then_some(first)
}

fn identity_issuer<'a>(
    chain: &UnrevokedChain,
    settings: &'a MappingSettings,
) -> Result<&'a IdentityIssuer, MappingError> {
    let issuer = issuing_key(chain);
    let pinned = settings.identity_issuers.iter().find(|pinned| Some(pinned.key) == issuer);
    pinned.ok_or_else(|| not_mapped(NotMappedReason::IssuerNotPinned { issuer }))
}
