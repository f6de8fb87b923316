//! Takes a card of X.509 version 3, gives the same as version 1: no extensions, signed again.
//!
//! The certificate maker writes version 3 only, and cards of the RMS years may still be of version 1.

use der::asn1::{Any, BitString};
use der::{Decode, Encode, Sequence};

use super::authority::Authority;
use super::{Card, PkiError};

/// TBSCertificate as RFC 5280 4.1 has it where the version is the default one, v1.
#[derive(Sequence)]
struct VersionOneContents {
    serial_number: Any,
    signature: Any,
    issuer: Any,
    validity: Any,
    subject: Any,
    subject_public_key_info: Any,
}

/// TBSCertificate of version 3.
#[derive(Sequence)]
struct VersionThreeContents {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    version: Any,
    serial_number: Any,
    signature: Any,
    issuer: Any,
    validity: Any,
    subject: Any,
    subject_public_key_info: Any,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    extensions: Any,
}

#[derive(Sequence)]
struct Signed<Contents: for<'a> Decode<'a, Error = der::Error> + Encode> {
    contents: Contents,
    signature_algorithm: Any,
    signature: BitString,
}

/// The card without its extensions, as `authority` signs it.
pub(super) fn strip_extensions(card: &Card, authority: &Authority) -> Result<Card, PkiError> {
    let full = Signed::<VersionThreeContents>::from_der(card.certificate_der())?;
    let contents = VersionOneContents {
        serial_number: full.contents.serial_number,
        signature: full.contents.signature,
        issuer: full.contents.issuer,
        validity: full.contents.validity,
        subject: full.contents.subject,
        subject_public_key_info: full.contents.subject_public_key_info,
    };
    let signature = BitString::from_bytes(&authority.sign(&contents.to_der()?)?)?;
    let signed = Signed { contents, signature_algorithm: full.signature_algorithm, signature };
    let leaf = signed.to_der()?.into();
    let issuers = card.chain.iter().skip(1).cloned().collect();
    Ok(Card::assemble(&card.name, leaf, issuers, card.key.clone_key()))
}
