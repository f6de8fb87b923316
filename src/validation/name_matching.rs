//! Takes one name and one subtree of its kind, says whether the name lies in it, or that this cannot be said. Where the
//! standard leaves a choice the name is less permitted and more excluded.

use super::name_constraints::SubjectName;
use crate::certificate::{DistinguishedName, DomainSubtree, MailSubtree, Subtree, is_domain};

/// On which side of the constraints a subtree stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Permitted,
    Excluded,
}

/// Nothing where the name or the subtree is not understood.
pub(super) fn is_in(name: SubjectName<'_>, subtree: &Subtree, side: Side) -> Option<bool> {
    match (name, subtree) {
        (SubjectName::Directory(name), Subtree::Directory(subtree)) => directory(name, subtree, side),
        (SubjectName::Email(text), Subtree::Email(subtree)) => mail(text, subtree, side, host_is_in),
        (SubjectName::UserPrincipalName(text), Subtree::UserPrincipalName(subtree)) => {
            // Nobody wrote down whether `corp.example` has the domains below it as well.
            let domain_is_in = match side {
                Side::Permitted => host_is_in,
                Side::Excluded => domain_is_at_or_below,
            };
            mail(&text.to_lowercase(), subtree, side, domain_is_in)
        }
        (SubjectName::Dns(name), Subtree::Dns(subtree)) => dns(name, subtree, side),
        (SubjectName::Uri(uri), Subtree::Uri(subtree)) => Some(host_is_in(&host_of(uri)?, subtree)),
        (SubjectName::Ip(address), Subtree::Ip { network, mask }) => ip(address, network, mask),
        _ => None,
    }
}

/// A value that is no text may be another spelling of what is excluded; it lies in no permitted subtree anyway.
fn directory(name: &DistinguishedName, subtree: &DistinguishedName, side: Side) -> Option<bool> {
    let is_comparable = match side {
        Side::Permitted => name.is_decoded(),
        Side::Excluded => name.is_text(),
    };
    is_comparable.then(|| name.is_within(subtree))
}

/// RFC 5280 4.2.1.10: a host is this host and not those below it, a domain with a dot before it is all hosts below.
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

/// The local part is compared as written where it permits (RFC 5321 2.4), and without its case where it excludes.
/// Quoted local parts have several spellings and are not understood.
fn mail(
    text: &str,
    subtree: &MailSubtree,
    side: Side,
    domain_is_in: fn(&str, &DomainSubtree) -> bool,
) -> Option<bool> {
    let (local, domain) = text.rsplit_once('@')?;
    if local.is_empty() || local.contains(['@', '"', '\\', ' ']) || !is_domain(domain) {
        return None;
    }
    let domain = domain.to_lowercase();
    Some(match (subtree, side) {
        (MailSubtree::Domain(subtree), _) => domain_is_in(&domain, subtree),
        (MailSubtree::Mailbox { local: only, domain: of }, Side::Permitted) => local == only && domain == *of,
        (MailSubtree::Mailbox { local: only, domain: of }, Side::Excluded) => {
            local.to_lowercase() == only.to_lowercase() && domain == *of
        }
    })
}

/// RFC 5280 4.2.1.10: a domain has itself and all below it. A dot before it, which the standard does not know here, has
/// those below it permitted and itself excluded with them. A wildcard stands for every label in its place, so it is
/// excluded with any of them.
fn dns(name: &str, subtree: &DomainSubtree, side: Side) -> Option<bool> {
    let (wildcard, domain) = name.strip_prefix("*.").map_or((false, name), |domain| (true, domain));
    if !is_domain(domain) {
        return None;
    }
    let domain = domain.to_lowercase();
    Some(match (side, subtree) {
        (Side::Permitted, DomainSubtree::Below(above)) => {
            is_below(&domain, above) || wildcard && domain == *above
        }
        (Side::Permitted, _) => domain_is_at_or_below(&domain, subtree),
        (Side::Excluded, DomainSubtree::Host(excluded) | DomainSubtree::Below(excluded)) if wildcard => {
            domain_is_at_or_below(&domain, subtree) || is_below(excluded, &domain)
        }
        (Side::Excluded, _) => domain_is_at_or_below(&domain, subtree),
    })
}

/// The host of a URI, in lower case. Nothing where there is none or it is an address: RFC 5280 4.2.1.10 demands that
/// such a URI is refused. A backslash ends the host for browsers and does not for RFC 3986, so it is not understood.
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

/// An address of the other length lies in no network of this one.
fn ip(address: &[u8], network: &[u8], mask: &[u8]) -> Option<bool> {
    if !matches!(address.len(), 4 | 16) {
        return None;
    }
    let agrees = |((address, network), mask): ((&u8, &u8), &u8)| address & mask == network & mask;
    Some(address.len() == network.len() && address.iter().zip(network).zip(mask).all(agrees))
}
