//! Takes a chain and a realm's rule, gives what a directory has to be asked for, and what follows from its answer.
//!
//! Never asks anybody.

use super::account::{Account, MappingStrength};
use super::account_identifier::{self, AccountIdentifier};
use super::certificate_identifiers::CertificateIdentifiers;
use super::error::{MappingError, NotMappedReason, not_mapped};
use super::mapping::{MappingStep, StepResult};
use super::resolve;
use super::settings::{IdentityIssuer, Mapper, MappingSettings, RequiredStrength, SidCheck};
use crate::certificate::{Certificate, KeyId};
use crate::clock::UnixTime;
use crate::directory::{DirectoryAccount, LookupKeys, Sid};
use crate::revocation::UnrevokedChain;

/// The mappers' turns on one leaf, whose issuer may name people.
#[derive(Debug)]
pub(super) struct LookupPlan<'a> {
    leaf: &'a Certificate,
    /// What the leaf says of its owner's.
    sid: Option<Sid>,
    turns: Vec<MapperFinding<'a>>,
    demand: RequiredStrength,
    sid_check: SidCheck,
}

/// One mapper's turn that is to come, with what it makes of the leaf.
#[derive(Debug)]
pub(super) struct MapperFinding<'a> {
    pub(super) mapper: Mapper,
    pub(super) saw: Vec<String>,
    /// Whether the issuer may feed the mapper.
    pub(super) fed: bool,
    pub(super) claim: Result<Option<AccountIdentifier<'a>>, MappingError>,
}

impl MapperFinding<'_> {
    pub(super) fn ended(&self, result: StepResult) -> MappingStep {
        MappingStep { mapper: self.mapper, saw: self.saw.clone(), result }
    }
}

impl<'a> LookupPlan<'a> {
    /// Fails where the issuer may name nobody.
    pub(super) fn of(chain: &'a UnrevokedChain, rule: &'a MappingSettings) -> Result<Self, MappingError> {
        let leaf = chain.chain().leaf();
        let own = CertificateIdentifiers::read(leaf);
        let turns = turns(&own, leaf, identity_issuer(chain, rule)?, rule);
        let sid = own.ok().and_then(|own| own.sid);
        Ok(Self { leaf, sid, turns, demand: rule.strength, sid_check: rule.sid_check })
    }

    /// All that the turns go by.
    pub(super) fn names(&self) -> LookupKeys {
        let mut names = LookupKeys::default();
        for claim in self.turns.iter().filter_map(|turn| turn.claim.as_ref().ok()?.as_ref()) {
            claim.ask(&mut names);
        }
        names
    }

    /// What follows from the accounts that the directories have for [`LookupPlan::names`].
    pub(super) fn answered(
        &self,
        persons: &[DirectoryAccount],
        now: UnixTime,
    ) -> (Vec<MappingStep>, Result<Account, MappingError>) {
        let (steps, found) = resolve::choose(&self.turns, persons, (self.sid.as_ref(), self.sid_check));
        let account = found.and_then(|found| found.account(self.demand, self.leaf.not_before(), now));
        (steps, account)
    }

    /// What follows where nobody else can be asked: the first mapper that finds something decides.
    pub(super) fn without_directory(&self) -> (Vec<MappingStep>, Result<Account, MappingError>) {
        let mut steps = Vec::new();
        for turn in &self.turns {
            let account = match &turn.claim {
                Ok(None) => Ok(None),
                Ok(Some(claim)) => claim.account(),
                Err(error) => Err(error.clone()),
            };
            let account = account.and_then(|account| match account {
                Some(account) => strong_enough(account, self.demand, self.leaf.not_before(), None).map(Some),
                None => Ok(None),
            });
            steps.push(turn.ended(match &account {
                Ok(None) if !turn.fed => StepResult::NotFed,
                Ok(None) => StepResult::NothingToGoOn,
                Ok(Some(_)) => StepResult::Mapped,
                Err(_) => StepResult::Refused,
            }));
            if let Some(account) = account.transpose() {
                return (steps, account);
            }
        }
        (steps, Err(not_mapped(NotMappedReason::NothingFound)))
    }
}

/// The mappers' turns, up to the rule that has the last word.
fn turns<'a>(
    own: &Result<CertificateIdentifiers, MappingError>,
    leaf: &'a Certificate,
    issuer: &'a IdentityIssuer,
    rule: &'a MappingSettings,
) -> Vec<MapperFinding<'a>> {
    let mut turns = Vec::new();
    for mapper in rule.order.iter().copied() {
        let fed = issuer.mappers.contains(&mapper);
        let (saw, claim) = if fed {
            account_identifier::ask(mapper, leaf, own, issuer, rule)
        } else {
            (Vec::new(), Ok(None))
        };
        let is_last = mapper == Mapper::Rules && !matches!(claim, Ok(None));
        turns.push(MapperFinding { mapper, saw, fed, claim });
        if is_last {
            break;
        }
    }
    turns
}

/// The account, where it is named as strongly as demanded by a certificate that begins at `not_before`. `created` is
/// when the account was made.
pub(super) fn strong_enough(
    account: Account,
    demand: RequiredStrength,
    not_before: UnixTime,
    created: Option<UnixTime>,
) -> Result<Account, MappingError> {
    let Account { user, mapping, strength, .. } = &account;
    match (demand, strength) {
        (RequiredStrength::Weak, _) | (_, MappingStrength::Strong) => Ok(account),
        (RequiredStrength::Strong, MappingStrength::Weak) => {
            Err(MappingError::TooWeak { user: user.clone(), mapping: mapping.clone(), strength: *strength })
        }
        (RequiredStrength::Compatibility { backdating }, MappingStrength::Weak) => {
            if created.is_some_and(|created| not_before.plus(backdating) >= created) {
                return Ok(account);
            }
            let (user, mapping) = (user.clone(), mapping.clone());
            Err(MappingError::OlderThanAccount { user, mapping, not_before, created })
        }
    }
}

/// The key that issued the leaf, where all paths that passed agree on it and the leaf is not an anchor itself.
pub(super) fn issuing_key(chain: &UnrevokedChain) -> Option<KeyId> {
    let mut keys = chain.paths().map(|path| path.issuers().first().copied());
    let first = keys.next()??;
    keys.all(|key| key == Some(first)).then_some(first)
}

fn identity_issuer<'a>(
    chain: &UnrevokedChain,
    rule: &'a MappingSettings,
) -> Result<&'a IdentityIssuer, MappingError> {
    let issuer = issuing_key(chain);
    let pinned = rule.identity_issuers.iter().find(|pinned| Some(pinned.key) == issuer);
    pinned.ok_or_else(|| not_mapped(NotMappedReason::IssuerNotPinned { issuer }))
}
