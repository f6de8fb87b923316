//! Comparison of a name with a subtree of its kind. If the standard leaves a choice, the name counts as not permitted
//! and as excluded.

use crate::certificate::{DistinguishedName, DomainSubtree, MailSubtree, NameForm, NameSubtree, is_domain};
use crate::name_folding::fold_name;
use std::fmt;

/// One name of a certificate.
#[derive(Clone, Copy)]
pub(super) enum SubjectName<'a> {
    Directory(&'a DistinguishedName),
    Email(&'a str),
    Dns(&'a str),
    Uri(&'a str),
    Ip(&'a [u8]),
    UserPrincipalName(&'a str),
    /// A name of which only the kind is known.
    Unread(NameForm),
}

impl SubjectName<'_> {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Directory(name) => name.der().len(),
            Self::Email(text) | Self::Dns(text) | Self::Uri(text) | Self::UserPrincipalName(text) => {
                text.len()
            }
            Self::Ip(bytes) => bytes.len(),
            Self::Unread(_) => 0,
        }
    }

    pub(super) fn form(self) -> NameForm {
        match self {
            Self::Directory(_) => NameForm::Directory,
            Self::Email(_) => NameForm::Email,
            Self::Dns(_) => NameForm::Dns,
            Self::Uri(_) => NameForm::Uri,
            Self::Ip(_) => NameForm::Ip,
            Self::UserPrincipalName(_) => NameForm::USER_PRINCIPAL_NAME,
            Self::Unread(form) => form,
        }
    }
}

/// The kind and the name.
impl fmt::Display for SubjectName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.form())?;
        match self {
            Self::Directory(name) => write!(f, " {name}"),
            Self::Email(text) | Self::Dns(text) | Self::Uri(text) | Self::UserPrincipalName(text) => {
                write!(f, " {}", text.escape_debug())
            }
            Self::Ip(bytes) => write!(f, " {bytes:?}"),
            Self::Unread(_) => Ok(()),
        }
    }
}

/// The list of the constraint that a subtree is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ConstraintSide {
    Permitted,
    Excluded,
}

/// Returns whether a name is inside a subtree, or `None` if the name or the subtree is not understood.
pub(super) fn is_in(name: SubjectName<'_>, subtree: &NameSubtree, side: ConstraintSide) -> Option<bool> {
    match (name, subtree) {
        (SubjectName::Directory(name), NameSubtree::Directory(subtree)) => directory(name, subtree, side),
        (SubjectName::Email(text), NameSubtree::Email(subtree)) => mail(text, subtree, side, host_is_in),
        (SubjectName::UserPrincipalName(text), NameSubtree::UserPrincipalName(subtree)) => {
            // No standard specifies whether `corp.example` includes the domains below it.
            let domain_is_in = match side {
                ConstraintSide::Permitted => host_is_in,
                ConstraintSide::Excluded => domain_is_at_or_below,
            };
            mail(&text.to_lowercase(), subtree, side, domain_is_in)
        }
        (SubjectName::Dns(name), NameSubtree::Dns(subtree)) => dns(name, subtree, side),
        (SubjectName::Uri(uri), NameSubtree::Uri(subtree)) => Some(host_is_in(&host_of(uri)?, subtree)),
        (SubjectName::Ip(address), NameSubtree::Ip { network, mask }) => ip(address, network, mask),
        _ => None,
    }
}

/// Returns whether a directory name is inside the subtree. A value that is not text may be another spelling of an
/// excluded one; it is in no permitted subtree in either case. Texts are excluded in every spelling that a directory may
/// treat as the same.
fn directory(name: &DistinguishedName, subtree: &DistinguishedName, side: ConstraintSide) -> Option<bool> {
    match side {
        ConstraintSide::Permitted => name.is_decoded().then(|| name.is_within(subtree)),
        ConstraintSide::Excluded => name.is_text().then(|| name.may_be_within(subtree)),
    }
}

/// Returns whether `subtree` includes the host. RFC 5280 4.2.1.10: a host is only itself; a domain with a leading dot
/// is all hosts below it.
fn host_is_in(host: &str, subtree: &DomainSubtree) -> bool {
    match subtree {
        DomainSubtree::All => true,
        DomainSubtree::Host(only) => host == only,
        DomainSubtree::Below(domain) => is_below(host, domain),
    }
}

fn domain_is_at_or_below(name: &str, subtree: &DomainSubtree) -> bool {
    match subtree {
        DomainSubtree::All => true,
        DomainSubtree::Host(domain) | DomainSubtree::Below(domain) => {
            name == domain || is_below(name, domain)
        }
    }
}

fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

/// Returns whether a mail address or UPN is inside the subtree. The local part is compared case-sensitively if permitted
/// (RFC 5321 2.4) and case-insensitively if excluded. Quoted local parts have several spellings and are not understood.
fn mail(
    text: &str,
    subtree: &MailSubtree,
    side: ConstraintSide,
    domain_is_in: fn(&str, &DomainSubtree) -> bool,
) -> Option<bool> {
    let (local, domain) = text.rsplit_once('@')?;
    if local.is_empty() || local.contains(['@', '"', '\\', ' ']) || !is_domain(domain) {
        return None;
    }
    let domain = domain.to_lowercase();
    Some(match (subtree, side) {
        (MailSubtree::Domain(subtree), _) => domain_is_in(&domain, subtree),
        (MailSubtree::Mailbox { local: only, domain: of }, ConstraintSide::Permitted) => {
            local == only && domain == *of
        }
        (MailSubtree::Mailbox { local: only, domain: of }, ConstraintSide::Excluded) => {
            fold_name(local) == fold_name(only) && domain == *of
        }
    })
}

/// Returns whether `subtree` includes the domain. RFC 5280 4.2.1.10: a domain includes itself and all below it. A
/// leading dot, which the standard does not define here, permits the domains below only, and excludes the domain too.
/// A wildcard stands for any label in its place, so it is excluded with any of them.
fn dns(name: &str, subtree: &DomainSubtree, side: ConstraintSide) -> Option<bool> {
    let (wildcard, domain) = name.strip_prefix("*.").map_or((false, name), |domain| (true, domain));
    if !is_domain(domain) {
        return None;
    }
    let domain = domain.to_lowercase();
    Some(match (side, subtree) {
        (ConstraintSide::Permitted, DomainSubtree::Below(above)) => {
            is_below(&domain, above) || wildcard && domain == *above
        }
        (ConstraintSide::Permitted, _) => domain_is_at_or_below(&domain, subtree),
        (ConstraintSide::Excluded, DomainSubtree::Host(excluded) | DomainSubtree::Below(excluded))
            if wildcard =>
        {
            domain_is_at_or_below(&domain, subtree) || is_below(excluded, &domain)
        }
        (ConstraintSide::Excluded, _) => domain_is_at_or_below(&domain, subtree),
    })
}

/// Returns the host of a URI, in lower case. `None` if there is none or it is an address: RFC 5280 4.2.1.10 requires
/// that such a URI is refused. A backslash ends the host for browsers but not in RFC 3986, so it is not understood.
fn host_of(uri: &str) -> Option<String> {
    if uri.contains('\\') {
        return None;
    }
    let (scheme, rest) = uri.split_once("://")?;
    let is_scheme_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.');
    if !scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
        || !scheme.chars().all(is_scheme_letter)
    {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let host_and_port = authority.split_once('@').map_or(authority, |(_, after)| after);
    let (host, port) = host_and_port.split_once(':').unwrap_or((host_and_port, ""));
    let is_number = |text: &str| text.chars().all(|letter| letter.is_ascii_digit());
    let last_label = host.rsplit('.').next()?;
    (is_number(port) && is_domain(host) && !is_number(last_label)).then(|| host.to_lowercase())
}

/// Returns whether the network includes the address. An address of the other length is in no network of this one.
fn ip(address: &[u8], network: &[u8], mask: &[u8]) -> Option<bool> {
    if !matches!(address.len(), 4 | 16) {
        return None;
    }
    let agrees = |((address, network), mask): ((&u8, &u8), &u8)| address & mask == network & mask;
    Some(address.len() == network.len() && address.iter().zip(network).zip(mask).all(agrees))
}
