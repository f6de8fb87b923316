//! Takes the content of a nameConstraints extension (RFC 5280 4.2.1.10), gives its subtrees by kind. Never drops one: a
//! subtree that is not understood says so, and refuses every name of its kind in the validation stage.

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, Utf8StringRef};
use der::{Decode, ErrorKind, Tag};
use x509_cert::ext::pkix::name::{GeneralName, OtherName};

use super::alternative_names::USER_PRINCIPAL_NAME;
use super::layout::{contents, elements, parts};
use super::name::DistinguishedName;
use super::name_form::NameForm;

/// Which names a CA may issue certificates for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameConstraints {
    /// A name of a kind that stands here lies in one of these.
    pub permitted: Vec<Subtree>,
    /// No name lies in one of these.
    pub excluded: Vec<Subtree>,
}

/// A part of a name space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subtree {
    /// Names that begin with this one.
    Directory(DistinguishedName),
    /// rfc822Name.
    Email(MailSubtree),
    /// dNSName.
    Dns(DomainSubtree),
    /// The hosts of URIs.
    Uri(DomainSubtree),
    /// Addresses that agree with `network` where `mask` has ones; both have 4 or 16 bytes.
    Ip {
        /// The address, its other bits zero or not.
        network: Vec<u8>,
        /// Ones, then zeros.
        mask: Vec<u8>,
    },
    /// User principal names, in lower case. No standard describes their constraints; they are written like those of
    /// mail addresses.
    UserPrincipalName(MailSubtree),
    /// A subtree of a kind, or in a spelling, that is not understood.
    NotUnderstood(NameForm),
}

/// A part of the domain names, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainSubtree {
    /// Written as nothing: all of them.
    All,
    /// `corp.example`, which the kinds of names read differently.
    Host(String),
    /// `.corp.example`, kept without its first dot.
    Below(String),
}

/// A part of the mail addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailSubtree {
    /// `alice@corp.example`.
    Mailbox {
        /// What stands before the `@`, as written.
        local: String,
        /// What stands after it, in lower case.
        domain: String,
    },
    /// Everybody in a part of the domains.
    Domain(DomainSubtree),
}

impl NameConstraints {
    /// Refuses what RFC 5280 4.2.1.10 does: an empty extension, an empty list, a minimum that is not zero, a maximum.
    pub(super) fn read(der: &[u8]) -> der::Result<Self> {
        let mut constraints = Self::default();
        let mut rest = contents(der)?;
        let lists = parts(&mut rest)?;
        let read = |list: &[u8]| subtrees(AnyRef::from_der(list)?.value());
        match lists.as_slice() {
            [permitted @ [0xa0, ..]] => constraints.permitted = read(permitted)?,
            [excluded @ [0xa1, ..]] => constraints.excluded = read(excluded)?,
            [permitted @ [0xa0, ..], excluded @ [0xa1, ..]] => {
                constraints = Self { permitted: read(permitted)?, excluded: read(excluded)? };
            }
            _ => return Err(malformed()),
        }
        Ok(constraints)
    }
}

fn malformed() -> der::Error {
    ErrorKind::Value { tag: Tag::Sequence }.into()
}

fn subtrees(list: &[u8]) -> der::Result<Vec<Subtree>> {
    let subtrees: Vec<_> =
        parts(&mut der::SliceReader::new(list)?)?.into_iter().map(subtree).collect::<der::Result<_>>()?;
    if subtrees.is_empty() { Err(malformed()) } else { Ok(subtrees) }
}

/// GeneralSubtree. A minimum of zero is the default, which DER leaves out and some write.
fn subtree(der: &[u8]) -> der::Result<Subtree> {
    match elements(der)?.as_slice() {
        [base] | [base, [0x80, 0x01, 0x00]] => {
            let form = form(base)?;
            Ok(understood(base).unwrap_or(Subtree::NotUnderstood(form)))
        }
        _ => Err(malformed()),
    }
}

/// The kind of a GeneralName, by its tag (RFC 5280 4.2.1.6).
pub(super) fn form(name: &[u8]) -> der::Result<NameForm> {
    Ok(match name.first() {
        Some(0xa0) => {
            let mut fields = der::SliceReader::new(AnyRef::from_der(name)?.value())?;
            NameForm::OtherName(ObjectIdentifier::decode(&mut fields)?)
        }
        Some(0x81) => NameForm::Email,
        Some(0x82) => NameForm::Dns,
        Some(0xa3) => NameForm::X400Address,
        Some(0xa4) => NameForm::Directory,
        Some(0xa5) => NameForm::EdiPartyName,
        Some(0x86) => NameForm::Uri,
        Some(0x87) => NameForm::Ip,
        Some(0x88) => NameForm::RegisteredId,
        _ => return Err(malformed()),
    })
}

fn understood(base: &[u8]) -> Option<Subtree> {
    match GeneralName::from_der(base).ok()? {
        GeneralName::DirectoryName(_) => {
            let wrapped = AnyRef::from_der(base).ok()?;
            let name = DistinguishedName::from_der(wrapped.value());
            name.is_text().then_some(Subtree::Directory(name))
        }
        GeneralName::Rfc822Name(text) => mail(text.as_str()).map(Subtree::Email),
        GeneralName::DnsName(text) => domain(text.as_str()).map(Subtree::Dns),
        GeneralName::UniformResourceIdentifier(text) => domain(text.as_str()).map(Subtree::Uri),
        GeneralName::IpAddress(bytes) => address(bytes.as_bytes()),
        GeneralName::OtherName(other) => user_principal_name(&other),
        GeneralName::EdiPartyName(_) | GeneralName::RegisteredId(_) => None,
    }
}

/// `@corp.example` is how Windows writes everybody in a domain.
fn user_principal_name(other: &OtherName) -> Option<Subtree> {
    if other.type_id != USER_PRINCIPAL_NAME {
        return None;
    }
    let text = Utf8StringRef::try_from(&other.value).ok()?.as_str().to_lowercase();
    mail(text.strip_prefix('@').unwrap_or(&text)).map(Subtree::UserPrincipalName)
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

/// Labels of letters, digits, hyphens and underscores, joined by single dots. A dot at the end would make another
/// spelling of the same domain.
pub fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_'))
    };
    text.split('.').all(is_label)
}

/// RFC 4632: the mask's ones come first.
fn address(bytes: &[u8]) -> Option<Subtree> {
    if !matches!(bytes.len(), 8 | 32) {
        return None;
    }
    let (network, mask) = bytes.split_at(bytes.len() / 2);
    let bits = mask.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let length = u32::try_from(mask.len() * 8).ok()?;
    let is_prefix = bits.count_ones() + bits.trailing_zeros().min(length) == length;
    is_prefix.then(|| Subtree::Ip { network: network.to_vec(), mask: mask.to_vec() })
}

impl Subtree {
    /// Which names it speaks of.
    pub fn form(&self) -> NameForm {
        match self {
            Self::Directory(_) => NameForm::Directory,
            Self::Email(_) => NameForm::Email,
            Self::Dns(_) => NameForm::Dns,
            Self::Uri(_) => NameForm::Uri,
            Self::Ip { .. } => NameForm::Ip,
            Self::UserPrincipalName(_) => NameForm::OtherName(USER_PRINCIPAL_NAME),
            Self::NotUnderstood(form) => *form,
        }
    }
}
