//! The subtrees of a nameConstraints extension (RFC 5280 4.2.1.10), by kind. A subtree that is not understood is kept as
//! such, and the validation stage then refuses all names of its kind.

use super::element::{DerElement, SEQUENCE, malformed};
use super::general_name::{GeneralName, NameForm, USER_PRINCIPAL_NAME, ia5};
use super::name::DistinguishedName;
use super::text::text;

/// The names for which a CA may issue certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameConstraints {
    /// A name of a kind in this list must be inside one of these.
    pub permitted: Vec<NameSubtree>,
    /// No name may be inside one of these.
    pub excluded: Vec<NameSubtree>,
}

/// A part of a name space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameSubtree {
    /// Names that begin with this one.
    Directory(DistinguishedName),
    /// rfc822Name.
    Email(MailSubtree),
    /// dNSName.
    Dns(DomainSubtree),
    /// The hosts of URIs.
    Uri(DomainSubtree),
    /// Addresses that equal `network` in the bits of `mask`; both have 4 or 16 bytes.
    Ip {
        /// The address; its other bits may be set.
        network: Vec<u8>,
        /// Ones followed by zeros.
        mask: Vec<u8>,
    },
    /// User principal names, in lower case. No standard describes constraints on them; they are written like those on mail
    /// addresses.
    UserPrincipalName(MailSubtree),
    /// A subtree of a kind, or in a spelling, that is not understood.
    NotUnderstood(NameForm),
}

/// A part of the domain names, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainSubtree {
    /// The empty text: all domains.
    All,
    /// `corp.example`, whose meaning depends on the kind of name.
    Host(String),
    /// `.corp.example`, stored without the leading dot.
    Below(String),
}

/// A part of the mail addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailSubtree {
    /// `alice@corp.example`.
    Mailbox {
        /// The local part, as written.
        local: String,
        /// The domain, in lower case.
        domain: String,
    },
    /// All mailboxes in a part of the domains.
    Domain(DomainSubtree),
}

impl NameConstraints {
    /// Reads a NameConstraints. Rejects an empty extension, an empty list, a minimum other than zero, and a maximum
    /// (RFC 5280 4.2.1.10).
    pub(super) fn read(der: &[u8]) -> der::Result<Self> {
        let lists = DerElement::sequence(der)?;
        let read = |list: &DerElement<'_>| subtrees(list.contents);
        match lists.as_slice() {
            [permitted @ DerElement { identifier: PERMITTED, .. }] => {
                Ok(Self { permitted: read(permitted)?, excluded: Vec::new() })
            }
            [excluded @ DerElement { identifier: EXCLUDED, .. }] => {
                Ok(Self { permitted: Vec::new(), excluded: read(excluded)? })
            }
            [
                permitted @ DerElement { identifier: PERMITTED, .. },
                excluded @ DerElement { identifier: EXCLUDED, .. },
            ] => Ok(Self { permitted: read(permitted)?, excluded: read(excluded)? }),
            _ => Err(malformed()),
        }
    }
}

/// permittedSubtrees \[0\].
const PERMITTED: u8 = 0xa0;
/// excludedSubtrees \[1\].
const EXCLUDED: u8 = 0xa1;

fn subtrees(list: &[u8]) -> der::Result<Vec<NameSubtree>> {
    let subtrees: Vec<_> = DerElement::all(list)?.into_iter().map(subtree).collect::<der::Result<_>>()?;
    if subtrees.is_empty() { Err(malformed()) } else { Ok(subtrees) }
}

/// Reads a GeneralSubtree. A minimum of zero is the default, which DER omits and some CAs write.
fn subtree(element: DerElement<'_>) -> der::Result<NameSubtree> {
    match element.inside(SEQUENCE)?.as_slice() {
        [base] | [base, DerElement { der: [0x80, 0x01, 0x00], .. }] => {
            let base = GeneralName::read(*base)?;
            let form = base.form();
            Ok(understood(base).unwrap_or(NameSubtree::NotUnderstood(form)))
        }
        _ => Err(malformed()),
    }
}

fn understood(base: GeneralName<'_>) -> Option<NameSubtree> {
    match base {
        GeneralName::Directory(name) => name.is_text().then_some(NameSubtree::Directory(name)),
        GeneralName::Email(content) => mail(ia5(content)?).map(NameSubtree::Email),
        GeneralName::Dns(content) => domain(ia5(content)?).map(NameSubtree::Dns),
        GeneralName::Uri(content) => domain(ia5(content)?).map(NameSubtree::Uri),
        GeneralName::Ip(content) => address(content),
        GeneralName::Other(kind, value) if kind == USER_PRINCIPAL_NAME => user_principal_name(value),
        GeneralName::Other(..)
        | GeneralName::X400Address
        | GeneralName::EdiPartyName
        | GeneralName::RegisteredId => None,
    }
}

/// Reads the subtree of a UPN. Windows writes `@corp.example` for all users of a domain.
fn user_principal_name(value_der: &[u8]) -> Option<NameSubtree> {
    let text = text(value_der)?.to_lowercase();
    mail(text.strip_prefix('@').unwrap_or(&text)).map(NameSubtree::UserPrincipalName)
}

fn mail(text: &str) -> Option<MailSubtree> {
    match text.rsplit_once('@') {
        None => domain(text).map(MailSubtree::Domain),
        Some((local, host)) if !local.is_empty() && is_domain(host) => {
            Some(MailSubtree::Mailbox { local: local.to_owned(), domain: host.to_lowercase() })
        }
        Some(_) => None,
    }
}

fn domain(text: &str) -> Option<DomainSubtree> {
    if text.is_empty() {
        return Some(DomainSubtree::All);
    }
    let (below, host) = text.strip_prefix('.').map_or((false, text), |host| (true, host));
    let lower = is_domain(host).then(|| host.to_lowercase())?;
    Some(if below { DomainSubtree::Below(lower) } else { DomainSubtree::Host(lower) })
}

/// Returns whether `text` is a domain name: labels of letters, digits, hyphens and underscores, separated by single
/// dots. A trailing dot would be another spelling of the same domain.
pub(crate) fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_'))
    };
    text.split('.').all(is_label)
}

/// Reads an address and its mask. RFC 4632: the ones of the mask come first.
fn address(bytes: &[u8]) -> Option<NameSubtree> {
    if !matches!(bytes.len(), 8 | 32) {
        return None;
    }
    let (network, mask) = bytes.split_at(bytes.len() / 2);
    let bits = mask.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let length = u32::try_from(mask.len() * 8).ok()?;
    let is_prefix = bits.count_ones() + bits.trailing_zeros().min(length) == length;
    is_prefix.then(|| NameSubtree::Ip { network: network.to_vec(), mask: mask.to_vec() })
}

impl NameSubtree {
    /// Returns the kind of names that it constrains.
    pub fn form(&self) -> NameForm {
        match self {
            Self::Directory(_) => NameForm::Directory,
            Self::Email(_) => NameForm::Email,
            Self::Dns(_) => NameForm::Dns,
            Self::Uri(_) => NameForm::Uri,
            Self::Ip { .. } => NameForm::Ip,
            Self::UserPrincipalName(_) => NameForm::USER_PRINCIPAL_NAME,
            Self::NotUnderstood(form) => *form,
        }
    }
}
