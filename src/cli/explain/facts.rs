//! What is said about one request, as a script reads it. The field names are a contract: a field is added, never
//! renamed, and is always there, `null` where the road ended before it.

use crate::cli::chain_facts::{CertificateLine, PathFacts, StatusFacts};
use crate::cli::named::Named;
use crate::policy::{
    AccessList, AllowedBy, ClientCertificateRule, CrossSiteRule, Denial, PasswordRule, QueryRule,
    UnmappedCertificateRule,
};
use crate::site::PathRule;
use serde::Serialize;
use std::net::IpAddr;

/// One request and what would become of it, in the order of the road.
#[derive(Debug, Serialize)]
pub(super) struct Explanation {
    pub(super) url: String,
    pub(super) method: String,
    pub(super) judged_at: String,
    /// The address that the request comes from.
    pub(super) client: IpAddr,
    /// The listening address.
    pub(super) listener: Option<String>,
    pub(super) site: Option<String>,
    /// The path that is judged and forwarded.
    pub(super) canonical_path: Option<String>,
    pub(super) rule: Option<RuleFacts>,
    pub(super) card: Option<CardFacts>,
    pub(super) admission: Option<AdmissionFacts>,
    pub(super) to_backend: Option<ToBackend>,
    pub(super) answer: AnswerFacts,
}

/// What the path demands.
#[derive(Debug, Serialize)]
pub(super) struct RuleFacts {
    /// As written in proxy.toml.
    pub(super) path: String,
    /// `ignore`, `accept` or `require`.
    pub(super) client_certificate: &'static str,
    /// `never`, `directory` or `backend`.
    pub(super) password: &'static str,
    /// Whether a client may use that too whose card maps to nobody.
    pub(super) unmapped_card_may_use_password: bool,
    pub(super) methods: Vec<String>,
    pub(super) extended_key_usages: Vec<Named>,
    pub(super) certificate_policies: Vec<String>,
    /// The key ids of the CAs of which one must be on the path.
    pub(super) issuers: Vec<String>,
    /// Who is let in; `null` for everybody.
    pub(super) allow: Option<AccessFacts>,
    /// Who is not; `null` for nobody.
    pub(super) deny: Option<AccessFacts>,
    /// `allow` or `refuse`.
    pub(super) query: &'static str,
    /// `allow` or `refuse`.
    pub(super) cross_site: &'static str,
    pub(super) max_body: u64,
    pub(super) backend: String,
}

/// Whom a list names.
#[derive(Debug, Serialize)]
pub(super) struct AccessFacts {
    pub(super) groups: Vec<String>,
    pub(super) accounts: Vec<String>,
    /// Key ids.
    pub(super) issuers: Vec<String>,
    pub(super) networks: Vec<String>,
}

/// Whether whoever sends the request is let in on this path.
#[derive(Debug, Serialize)]
pub(super) struct AdmissionFacts {
    pub(super) admitted: bool,
    /// `everybody`, `account` or `group`; `null` where nobody is named, or who is named is not let in.
    pub(super) by: Option<&'static str>,
    /// The account's group that the list has.
    pub(super) group: Option<String>,
    /// Why not.
    pub(super) cause: Option<String>,
}

/// What the presented chain is worth.
#[derive(Debug, Default, Serialize)]
pub(super) struct CardFacts {
    /// `judged`, `malformed`, or why nothing was judged: `not_looked_at`, `not_asked`, `not_presented`,
    /// `asked_only_since`, `proof_too_old`.
    pub(super) status: &'static str,
    pub(super) realm: Option<String>,
    pub(super) presented: Vec<CertificateLine>,
    pub(super) chain: Option<ChainFacts>,
    pub(super) revocation: Option<RevocationFacts>,
    pub(super) mapping: Option<MappingFacts>,
    /// When the verdict would have to be made anew.
    pub(super) holds_until: Option<String>,
}

/// What validation says.
#[derive(Debug, Serialize)]
pub(super) struct ChainFacts {
    pub(super) valid: bool,
    /// Why it is not.
    pub(super) cause: Option<String>,
    pub(super) paths: Vec<PathFacts>,
}

/// What revocation says.
#[derive(Debug, Serialize)]
pub(super) struct RevocationFacts {
    /// `off`, `prefer` or `require`.
    pub(super) mode: &'static str,
    pub(super) passed: bool,
    pub(super) certificates: Vec<StatusFacts>,
}

/// Whom the certificate names.
#[derive(Debug, Serialize)]
pub(super) struct MappingFacts {
    pub(super) steps: Vec<StepFacts>,
    /// What a directory was asked, if it was.
    pub(super) look_up: Option<LookUpFacts>,
    pub(super) account: Option<AccountFacts>,
    /// Why it names nobody.
    pub(super) cause: Option<String>,
}

/// What a directory was asked, and whom it has.
#[derive(Debug, Serialize)]
pub(super) struct LookUpFacts {
    /// The search filters, one for each directory.
    pub(super) filters: Vec<String>,
    /// The distinguished names of the accounts that came back.
    pub(super) found: Vec<String>,
}

/// One mapper's turn.
#[derive(Debug, Serialize)]
pub(super) struct StepFacts {
    pub(super) mapper: &'static str,
    pub(super) saw: Vec<String>,
    /// `nothing_to_go_on`, `not_fed`, `nobody_found`, `mapped`, `agrees`, `passed_over` or `refused`.
    pub(super) result: &'static str,
}

/// An account.
#[derive(Debug, Serialize)]
pub(super) struct AccountFacts {
    pub(super) user: String,
    pub(super) upn: Option<String>,
    pub(super) sid: Option<String>,
    pub(super) groups: Vec<String>,
    pub(super) method: String,
    pub(super) strength: String,
}

/// The request that the backend would get.
#[derive(Debug, Serialize)]
pub(super) struct ToBackend {
    pub(super) backend: String,
    pub(super) servers: Vec<String>,
    pub(super) method: String,
    pub(super) target: String,
    /// How it is told who the user is: `headers`, `kerberos`, `certificate`; `null` under nobody's name.
    pub(super) identity: Option<&'static str>,
    /// By name. The client's own come on top of these.
    pub(super) headers: Vec<HeaderFacts>,
}

/// One header line.
#[derive(Debug, Serialize)]
pub(super) struct HeaderFacts {
    pub(super) name: String,
    pub(super) value: String,
}

/// The end of the road.
#[derive(Debug, Serialize)]
pub(super) struct AnswerFacts {
    /// `permit`, or the stable id of the denial.
    pub(super) decision: &'static str,
    /// The status of the denial's answer; on a permit the backend's own is passed on.
    pub(super) status: Option<u16>,
    /// As IIS counts: 403.7 has 7.
    pub(super) sub_status: Option<u8>,
    pub(super) detail: Option<String>,
    /// Where a request over plain HTTP is sent on to.
    pub(super) redirect: Option<String>,
    /// What the cause may be beyond what can be seen.
    pub(super) hint: Option<&'static str>,
    /// Who asks the client for a user name and a password: `directory` (401 with a challenge for Basic), `backend` (by
    /// whatever it sends); `null` where nobody does.
    pub(super) dialogue: Option<&'static str>,
}

impl RuleFacts {
    pub(super) fn of(found: &PathRule) -> Self {
        let (rule, conditions) = (&found.rule, &found.rule.conditions);
        Self {
            path: rule.name.clone(),
            client_certificate: match rule.client_certificate {
                ClientCertificateRule::Ignore => "ignore",
                ClientCertificateRule::Accept => "accept",
                ClientCertificateRule::Require => "require",
            },
            password: match rule.password {
                PasswordRule::Never => "never",
                PasswordRule::Directory => "directory",
                PasswordRule::Backend => "backend",
            },
            unmapped_card_may_use_password: rule.unmapped_certificate
                == UnmappedCertificateRule::AllowPassword,
            methods: rule.methods.iter().map(ToString::to_string).collect(),
            extended_key_usages: conditions.extended_key_usages.iter().copied().map(Named::from).collect(),
            certificate_policies: conditions.certificate_policies.iter().map(ToString::to_string).collect(),
            issuers: conditions.issuers.iter().map(ToString::to_string).collect(),
            allow: AccessFacts::of(&rule.access.allow),
            deny: AccessFacts::of(&rule.access.deny),
            query: match rule.query {
                QueryRule::Allow => "allow",
                QueryRule::Reject => "reject",
            },
            cross_site: match rule.cross_site {
                CrossSiteRule::Allow => "allow",
                CrossSiteRule::Reject => "reject",
            },
            max_body: rule.max_body,
            backend: found.backend.settings.name.to_string(),
        }
    }
}

impl AccessFacts {
    fn of(list: &AccessList) -> Option<Self> {
        let owned = |entries: Vec<&str>| entries.into_iter().map(str::to_owned).collect();
        let mut issuers: Vec<_> = list.issuers.iter().map(ToString::to_string).collect();
        issuers.sort_unstable();
        let facts = Self {
            groups: owned(list.groups.entries()),
            accounts: owned(list.accounts.entries()),
            issuers,
            networks: list.networks.iter().map(ToString::to_string).collect(),
        };
        (!list.is_empty()).then_some(facts)
    }
}

impl AdmissionFacts {
    /// Of a request that is let in, under nobody's name where `by` says nothing.
    pub(super) fn admitted(by: Option<AllowedBy<'_>>) -> Self {
        let (by, group) = match by {
            None => (None, None),
            Some(AllowedBy::NoAccessList) => (Some("everybody"), None),
            Some(AllowedBy::Account) => (Some("account"), None),
            Some(AllowedBy::Group(group)) => (Some("group"), Some(group.name.clone())),
        };
        Self { admitted: true, by, group, cause: None }
    }

    /// Of one that is not.
    pub(super) fn refused(denial: &Denial) -> Self {
        Self { admitted: false, by: None, group: None, cause: Some(denial.detail().to_owned()) }
    }
}

impl AnswerFacts {
    pub(super) fn permit() -> Self {
        Self {
            decision: "permit",
            status: None,
            sub_status: None,
            detail: None,
            redirect: None,
            hint: None,
            dialogue: None,
        }
    }

    pub(super) fn denial(denial: &Denial) -> Self {
        let id = denial.id();
        Self {
            decision: id.id(),
            status: Some(id.status().as_u16()),
            sub_status: id.sub_status(),
            detail: Some(denial.detail().to_owned()),
            redirect: None,
            hint: None,
            dialogue: None,
        }
    }

    pub(super) fn is_permit(&self) -> bool {
        self.status.is_none()
    }
}
