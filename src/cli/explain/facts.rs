//! The trace of one request as `explain --json` prints it. Scripts depend on the field names: fields are added and never
//! renamed, and every field is present, `null` if the pipeline ended before its step.

use crate::cli::chain_facts::{CertificateSummary, PathFacts, RevocationStatusFacts};
use crate::cli::output::NamedOid;
use crate::policy::{
    AccessList, AllowedBy, ClientCertificateRule, CrossSiteRule, Denial, PasswordRule, QueryRule,
    UnmappedCertificateRule,
};
use crate::site::PathRule;
use serde::Serialize;
use std::net::IpAddr;

/// The explanation of one request, in the order of the pipeline.
#[derive(Debug, Serialize)]
pub struct Explanation {
    pub(super) url: String,
    pub(super) method: String,
    pub(super) evaluated_at: String,
    pub(super) client: IpAddr,
    /// The address of the listener that accepts the connection.
    pub(super) listener: Option<String>,
    pub(super) site: Option<String>,
    /// The path that is compared with path rules and is forwarded.
    pub(super) canonical_path: Option<String>,
    pub(super) rule: Option<RuleFacts>,
    pub(super) certificate: Option<ClientCertificateFacts>,
    pub(super) authorization: Option<AuthorizationFacts>,
    pub(super) backend_request: Option<BackendRequestFacts>,
    pub(super) response: ResponseFacts,
}

/// The path rule that applies to the request.
#[derive(Debug, Serialize)]
pub(super) struct RuleFacts {
    /// The path as proxy.toml specifies it.
    pub(super) path: String,
    /// `ignore`, `accept` or `require`.
    pub(super) client_certificate: &'static str,
    /// `never`, `directory` or `backend`.
    pub(super) password: &'static str,
    /// Whether a client may use a password if its certificate maps to no account.
    pub(super) password_for_unmapped_card: bool,
    pub(super) methods: Vec<String>,
    pub(super) extended_key_usages: Vec<NamedOid>,
    pub(super) certificate_policies: Vec<String>,
    /// Key ids of CAs, of which the certification path must contain one.
    pub(super) issuers: Vec<String>,
    /// `null` if the rule has no allow list: everyone is permitted.
    pub(super) allow: Option<AccessListFacts>,
    /// `null` if the rule has no deny list.
    pub(super) deny: Option<AccessListFacts>,
    /// `allow` or `reject`.
    pub(super) query: &'static str,
    /// `allow` or `reject`.
    pub(super) cross_site: &'static str,
    pub(super) max_body: u64,
    pub(super) backend: String,
}

/// The entries of an access list.
#[derive(Debug, Serialize)]
pub(super) struct AccessListFacts {
    pub(super) groups: Vec<String>,
    pub(super) accounts: Vec<String>,
    /// Key ids of CAs.
    pub(super) issuers: Vec<String>,
    pub(super) networks: Vec<String>,
}

/// The result of the access lists.
#[derive(Debug, Serialize)]
pub(super) struct AuthorizationFacts {
    pub(super) permitted: bool,
    /// `everyone`, `account` or `group`; `null` for an anonymous request and for a rejected one.
    pub(super) by: Option<&'static str>,
    /// The group of the account that is in the allow list.
    pub(super) group: Option<String>,
    /// The reason for the rejection.
    pub(super) cause: Option<String>,
}

/// The client certificate and the results of its authentication.
#[derive(Debug, Default, Serialize)]
pub(super) struct ClientCertificateFacts {
    /// `evaluated`, `malformed`, or the reason why no chain was validated: `ignored`, `not_requested`, `not_presented`,
    /// `requested_since_reload`, `proof_expired`.
    pub(super) status: &'static str,
    pub(super) realm: Option<String>,
    pub(super) presented: Vec<CertificateSummary>,
    pub(super) chain: Option<ChainFacts>,
    pub(super) revocation: Option<RevocationFacts>,
    pub(super) mapping: Option<MappingFacts>,
    /// The time at which the cached verdict expires and the client is authenticated again.
    pub(super) cached_until: Option<String>,
}

/// The result of path validation.
#[derive(Debug, Serialize)]
pub(super) struct ChainFacts {
    pub(super) valid: bool,
    /// The reason why the chain is not valid.
    pub(super) cause: Option<String>,
    pub(super) paths: Vec<PathFacts>,
}

/// The result of the revocation check.
#[derive(Debug, Serialize)]
pub(super) struct RevocationFacts {
    /// `off`, `prefer` or `require`.
    pub(super) mode: &'static str,
    pub(super) passed: bool,
    pub(super) certificates: Vec<RevocationStatusFacts>,
}

/// The result of mapping the certificate to an account.
#[derive(Debug, Serialize)]
pub(super) struct MappingFacts {
    pub(super) steps: Vec<MappingStepFacts>,
    /// The directory query; `null` if none was sent.
    pub(super) lookup: Option<DirectoryLookupFacts>,
    pub(super) account: Option<AccountFacts>,
    /// The reason why the certificate maps to no account.
    pub(super) cause: Option<String>,
}

/// A directory query and its result.
#[derive(Debug, Serialize)]
pub(super) struct DirectoryLookupFacts {
    /// The search filters, one for each directory of the realm.
    pub(super) filters: Vec<String>,
    /// The distinguished names of the accounts in the response.
    pub(super) found: Vec<String>,
}

/// The result of one mapper.
#[derive(Debug, Serialize)]
pub(super) struct MappingStepFacts {
    pub(super) mapper: &'static str,
    /// The values that the mapper used, from the certificate.
    pub(super) values: Vec<String>,
    /// `no_value`, `issuer_not_permitted`, `no_account`, `mapped`, `agrees`, `skipped` or `rejected`.
    pub(super) result: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct AccountFacts {
    pub(super) user: String,
    pub(super) upn: Option<String>,
    pub(super) sid: Option<String>,
    pub(super) groups: Vec<String>,
    pub(super) method: String,
    pub(super) strength: String,
}

/// The request that would be forwarded.
#[derive(Debug, Serialize)]
pub(super) struct BackendRequestFacts {
    pub(super) backend: String,
    pub(super) servers: Vec<String>,
    pub(super) method: String,
    pub(super) target: String,
    /// How the user's identity is passed to the backend: `headers`, `kerberos` or `certificate`; `null` for an anonymous
    /// request.
    pub(super) identity: Option<&'static str>,
    /// Sorted by name. Headers of the client that `--header` does not specify are forwarded in addition.
    pub(super) headers: Vec<HeaderFacts>,
}

#[derive(Debug, Serialize)]
pub(super) struct HeaderFacts {
    pub(super) name: String,
    pub(super) value: String,
}

/// The decision, and the response to a rejected request.
#[derive(Debug, Serialize)]
pub(super) struct ResponseFacts {
    /// `permit`, or the stable id of the denial.
    pub(super) decision: &'static str,
    /// The HTTP status of a denial; `null` for a permit, whose response is the backend's.
    pub(super) status: Option<u16>,
    /// The sub-status of IIS: 7 in 403.7.
    pub(super) sub_status: Option<u8>,
    pub(super) detail: Option<String>,
    /// The target of the redirect of a request over plain HTTP.
    pub(super) redirect: Option<String>,
    /// A possible cause that the request itself does not show.
    pub(super) hint: Option<&'static str>,
    /// The server that prompts for a user name and password: `directory` (the gateway, by 401 with a Basic challenge) or
    /// `backend` (by its own challenge); `null` if neither does.
    pub(super) password_prompt: Option<&'static str>,
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
            password_for_unmapped_card: rule.unmapped_certificate == UnmappedCertificateRule::AllowPassword,
            methods: rule.methods.iter().map(ToString::to_string).collect(),
            extended_key_usages: conditions.extended_key_usages.iter().copied().map(NamedOid::from).collect(),
            certificate_policies: conditions.certificate_policies.iter().map(ToString::to_string).collect(),
            issuers: conditions.issuers.iter().map(ToString::to_string).collect(),
            allow: AccessListFacts::of(&rule.access.allow),
            deny: AccessListFacts::of(&rule.access.deny),
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

impl AccessListFacts {
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

impl AuthorizationFacts {
    /// Returns the facts of a permitted request; `by` is `None` if it is anonymous.
    pub(super) fn permitted(by: Option<AllowedBy<'_>>) -> Self {
        let (by, group) = match by {
            None => (None, None),
            Some(AllowedBy::NoAccessList) => (Some("everyone"), None),
            Some(AllowedBy::Account) => (Some("account"), None),
            Some(AllowedBy::Group(group)) => (Some("group"), Some(group.name.clone())),
        };
        Self { permitted: true, by, group, cause: None }
    }

    pub(super) fn rejected(denial: &Denial) -> Self {
        Self { permitted: false, by: None, group: None, cause: Some(denial.detail().to_owned()) }
    }
}

impl ResponseFacts {
    pub(super) fn permit() -> Self {
        Self {
            decision: "permit",
            status: None,
            sub_status: None,
            detail: None,
            redirect: None,
            hint: None,
            password_prompt: None,
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
            password_prompt: None,
        }
    }

    pub(super) fn is_permit(&self) -> bool {
        self.status.is_none()
    }
}
