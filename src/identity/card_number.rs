//! Numbers in certificates by which registers identify a person or a card: EDIPI, FASC-N, UUID, UZI number.

use super::certificate_identifiers::undecodable_uris;
use super::error::{IdentityConflict, MappingError, NotMappedReason, not_mapped};
use super::method::Mapper;
use super::settings::IdentityIssuer;
use super::upn_and_email::UpnOrEmail;
use crate::certificate::{Certificate, ObjectIdentifier, OtherValue};
use const_oid::db::rfc4519;

/// id-PIV-FASC-N (FIPS 201).
const FASC_N: ObjectIdentifier =
    ObjectIdentifier::known(const_oid::ObjectIdentifier::new_unwrap("2.16.840.1.101.3.6.6"));
/// The otherName of a UZI-pas. Type and layout follow published descriptions of the CIBG profile; they were not compared
/// with the profile itself.
const UZI: ObjectIdentifier = ObjectIdentifier::known(const_oid::ObjectIdentifier::new_unwrap("2.5.5.5"));
/// RFC 4122 section 3.
const UUID_PREFIX: &str = "urn:uuid:";
/// FIPS 201-3 C.2.2: the 40 characters of a FASC-N take 25 bytes.
const FASC_N_LENGTH: usize = 25;
const EDIPI_LENGTH: usize = 10;
/// In certificates for PIV authentication the EDIPI is followed by six digits of category and agency.
const PIV_UPN_LENGTH: usize = 16;

/// A number, in every notation in which a directory may store it. The first notation is displayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CardNumber {
    pub(super) notations: Vec<String>,
}

/// Returns the number of `leaf` for `mapper`, if it has one.
///
/// # Errors
/// A number is malformed, or two numbers differ.
pub(super) fn find(
    mapper: Mapper,
    leaf: &Certificate,
    issuer: &IdentityIssuer,
) -> Result<Option<CardNumber>, MappingError> {
    let numbers = match mapper {
        Mapper::Edipi => edipis(leaf, issuer),
        Mapper::FascN => other_names(leaf, FASC_N).map(fasc_n).collect(),
        Mapper::Uuid => uuids(leaf),
        Mapper::Uzi => other_names(leaf, UZI).map(uzi).collect(),
        Mapper::Rules
        | Mapper::Sid
        | Mapper::AltSecurityIdentities
        | Mapper::Upn
        | Mapper::Email
        | Mapper::Subject => Vec::new(),
    };
    let malformed = || not_mapped(NotMappedReason::MalformedNumber { mapper });
    let mut numbers = numbers.into_iter().collect::<Option<Vec<_>>>().ok_or_else(malformed)?;
    numbers.dedup();
    match numbers.as_slice() {
        [] => Ok(None),
        [number] => Ok(Some(number.clone())),
        several => {
            let shown = several.iter().flat_map(|number| number.notations.first().cloned()).collect();
            Err(MappingError::Conflict { why: IdentityConflict::Numbers(mapper, shown) })
        }
    }
}

fn other_names(leaf: &Certificate, kind: ObjectIdentifier) -> impl Iterator<Item = &OtherValue> {
    let names = leaf.subject_alternative_names().other_names.iter();
    names.filter(move |name| name.kind == kind).map(|name| &name.value)
}

/// Returns the number in the UPN (`1234567890@mil`), if the issuer may write its suffix, and the last part of the
/// common name (`LAST.FIRST.MIDDLE.1234567890`), if it is a number. A certificate for e-mail has the latter only.
fn edipis(leaf: &Certificate, issuer: &IdentityIssuer) -> Vec<Option<CardNumber>> {
    let upns = leaf.subject_alternative_names().upns.iter();
    let admitted = upns
        .filter(|upn| UpnOrEmail::parse(upn).is_ok_and(|name| name.has_suffix_among(&issuer.upn_suffixes)));
    let of_upn = admitted.filter_map(|upn| upn.split_once('@')).filter_map(|(name, _)| {
        let (number, _) = name.split_at_checked(EDIPI_LENGTH)?;
        let whole = [EDIPI_LENGTH, PIV_UPN_LENGTH].contains(&name.len()) && is_number(name);
        whole.then_some(number)
    });
    let common_names = leaf.subject().values(rfc4519::COMMON_NAME);
    let of_common_name = common_names.texts.iter().filter_map(|name| {
        let (_, number) = name.rsplit_once('.')?;
        (number.len() == EDIPI_LENGTH && is_number(number)).then_some(number)
    });
    let found = of_upn.chain(of_common_name).map(|number| Some(with_notations([number.to_owned()])));
    // A common name that cannot be decoded may contain another number.
    found.chain(common_names.hidden.iter().map(|_| None)).collect()
}

/// Returns the number in hexadecimal and, if the parity bits are correct, as 32 digits.
fn fasc_n(value: &OtherValue) -> Option<CardNumber> {
    let OtherValue::Octets(octets) = value else { return None };
    if octets.len() != FASC_N_LENGTH {
        return None;
    }
    let hexadecimal: String = octets.iter().map(|byte| format!("{byte:02X}")).collect();
    Some(with_notations(std::iter::once(hexadecimal).chain(fasc_n_digits(octets))))
}

/// Decodes the digits of agency (4), system (4), credential (6), series (1), issue (1), person (10), category (1),
/// organisation (4) and association (1), with separators as in SIA's technical guidance. A character has five bits: a
/// digit with its lowest bit first, and an odd parity bit.
fn fasc_n_digits(octets: &[u8]) -> Option<String> {
    const START: u8 = 0xb;
    const SEPARATOR: u8 = 0xd;
    const END: u8 = 0xf;
    let bits: Vec<u8> =
        octets.iter().flat_map(|byte| (0..8).rev().map(move |shift| byte >> shift & 1)).collect();
    let characters = bits.chunks_exact(5).map(|bits| {
        let odd = bits.iter().sum::<u8>() % 2 == 1;
        let value = bits.iter().take(4).zip([1, 2, 4, 8]).map(|(bit, weight)| bit * weight).sum::<u8>();
        odd.then_some(value)
    });
    let characters: Vec<u8> = characters.collect::<Option<_>>()?;
    let [START, fields @ .., END, _check] = characters.as_slice() else { return None };
    let digits = fields.split(|character| *character == SEPARATOR).collect::<Vec<_>>();
    if digits.iter().map(|field| field.len()).ne([4, 4, 6, 1, 1, 16]) {
        return None;
    }
    let digits = digits.concat();
    digits.iter().map(|digit| char::from_digit(u32::from(*digit), 10)).collect()
}

fn uuids(leaf: &Certificate) -> Vec<Option<CardNumber>> {
    let uris = leaf.subject_alternative_names().uris.iter();
    let uuids = uris.filter_map(|uri| {
        let (prefix, uuid) = uri.split_at_checked(UUID_PREFIX.len())?;
        prefix.eq_ignore_ascii_case(UUID_PREFIX).then_some(uuid)
    });
    let found = uuids.map(|uuid| is_uuid(uuid).then(|| with_notations([uuid.to_ascii_lowercase()])));
    found.chain(undecodable_uris(leaf, UUID_PREFIX).map(|()| None)).collect()
}

/// Returns whether `text` has 8, 4, 4, 4 and 12 hexadecimal digits (RFC 4122 section 3).
fn is_uuid(text: &str) -> bool {
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// Reads the UZI number of `<OID of the CA>-<version>-<UZI number>-<kind of card>-<subscriber>-<role>-<AGB code>`.
fn uzi(value: &OtherValue) -> Option<CardNumber> {
    let OtherValue::Text(text) = value else { return None };
    let parts: Vec<&str> = text.split('-').collect();
    let [_, _, number, _, _, _, _] = parts.as_slice() else { return None };
    ((1..=16).contains(&number.len()) && is_number(number)).then(|| with_notations([(*number).to_owned()]))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn with_notations(notations: impl IntoIterator<Item = String>) -> CardNumber {
    CardNumber { notations: notations.into_iter().collect() }
}
