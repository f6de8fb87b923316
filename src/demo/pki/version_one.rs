//! X.509 version 1 certificates, which rcgen cannot write. Smartcards from the time of RMS may still have them.

use der::asn1::{Any, BitString};
use der::{Decode, Encode, Sequence};

use super::authority::TestAuthority;
use super::error::PkiError;
use super::key::KeyedChain;

/// TBSCertificate of version 1, the default (RFC 5280 4.1).
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
struct SignedCertificate<Contents: for<'a> Decode<'a, Error = der::Error> + Encode> {
    contents: Contents,
    signature_algorithm: Any,
    signature: BitString,
}

/// Returns the version 1 certificate with the fields of `card` and without its extensions, signed by `authority`.
pub(super) fn strip_extensions(card: &KeyedChain, authority: &TestAuthority) -> Result<KeyedChain, PkiError> {
    let full = SignedCertificate::<VersionThreeContents>::from_der(card.certificate_der())?;
    let contents = VersionOneContents {
        serial_number: full.contents.serial_number,
        signature: full.contents.signature,
        issuer: full.contents.issuer,
        validity: full.contents.validity,
        subject: full.contents.subject,
        subject_public_key_info: full.contents.subject_public_key_info,
    };
    let signature = BitString::from_bytes(&authority.sign(&contents.to_der()?)?)?;
    let signed = SignedCertificate { contents, signature_algorithm: full.signature_algorithm, signature };
    let leaf = signed.to_der()?.into();
    let issuers = card.chain.iter().skip(1).cloned().collect();
    Ok(KeyedChain::assemble(&card.name, leaf, issuers, card.key.clone_key()))
}
