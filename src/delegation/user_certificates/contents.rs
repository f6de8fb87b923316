//! The DER encoding of user certificates.
//!
//! The issuer's name is copied byte for byte from the CA's certificate: encoding a decoded name could change the string
//! type, and Windows finds the issuer by the bytes of its name.

use aws_lc_rs::digest::{SHA256, digest};
use const_oid::ObjectIdentifier;
use const_oid::db::{rfc4519, rfc5280};
use der::asn1::{Any, AnyRef, BitString, Ia5String, Null, OctetString, SetOfVec, UintRef, Utf8StringRef};
use der::flagset::FlagSet;
use der::{DateTime, Decode, Encode, Sequence};
use spki::SubjectPublicKeyInfoRef;
use x509_cert::Version;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName, OtherName};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, CrlDistributionPoints, ExtendedKeyUsage, KeyUsage, KeyUsages,
};
use x509_cert::time::{Time, Validity};

use super::subject::UserCertificateSubject;
use crate::certificate::{SECURITY_IDENTIFIER_EXTENSION, USER_PRINCIPAL_NAME, security_identifier_value};
use crate::clock::UnixTime;

/// id-ce-noRevAvail (RFC 9608): no revocation information will ever be published for the certificate.
const NO_REVOCATION_AVAILABLE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.56");

/// The contents of one certificate. The slices are DER.
pub(super) struct CertificateContents<'a> {
    pub(super) serial: &'a [u8],
    pub(super) algorithm: &'a [u8],
    pub(super) issuer: &'a [u8],
    pub(super) issuer_key_identifier: &'a [u8],
    pub(super) not_before: UnixTime,
    pub(super) not_after: UnixTime,
    pub(super) subject: &'a UserCertificateSubject,
    pub(super) public_key: &'a [u8],
    pub(super) crl_distribution_point: Option<&'a str>,
}

/// TBSCertificate (RFC 5280 4.1), version 3.
#[derive(Sequence)]
struct ToBeSigned<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    version: Version,
    serial: UintRef<'a>,
    algorithm: AnyRef<'a>,
    issuer: AnyRef<'a>,
    validity: Validity,
    subject: Vec<SetOfVec<AttributeTypeAndValue>>,
    public_key: AnyRef<'a>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    extensions: Vec<Extension>,
}

/// Certificate (RFC 5280 4.1).
#[derive(Sequence)]
struct SignedUserCertificate<'a> {
    to_be_signed: AnyRef<'a>,
    algorithm: AnyRef<'a>,
    signature: BitString,
}

impl CertificateContents<'_> {
    /// Encodes the TBSCertificate.
    pub(super) fn to_be_signed(&self) -> der::Result<Vec<u8>> {
        ToBeSigned {
            version: Version::V3,
            serial: UintRef::new(self.serial)?,
            algorithm: AnyRef::from_der(self.algorithm)?,
            issuer: AnyRef::from_der(self.issuer)?,
            validity: Validity::new(time(self.not_before)?, time(self.not_after)?),
            subject: common_name(self.subject.common_name())?,
            public_key: AnyRef::from_der(self.public_key)?,
            extensions: self.extensions()?,
        }
        .to_der()
    }

    /// Returns the extensions (RFC 5280 4.2). basicConstraints is absent, as is permitted for end entities (4.2.1.9).
    /// The only extended key usage is clientAuth: with smartcard logon, a stolen key could be used to log on to
    /// Windows.
    fn extensions(&self) -> der::Result<Vec<Extension>> {
        let key_usage = KeyUsage(FlagSet::from(KeyUsages::DigitalSignature));
        let client_only = ExtendedKeyUsage(vec![rfc5280::ID_KP_CLIENT_AUTH]);
        let authority = AuthorityKeyIdentifier {
            key_identifier: Some(OctetString::new(self.issuer_key_identifier)?),
            ..AuthorityKeyIdentifier::default()
        };
        let mut extensions = vec![
            critical(rfc5280::ID_CE_KEY_USAGE, &key_usage)?,
            plain(rfc5280::ID_CE_EXT_KEY_USAGE, client_only.to_der()?)?,
            plain(rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER, authority.to_der()?)?,
            plain(rfc5280::ID_CE_SUBJECT_KEY_IDENTIFIER, key_identifier(self.public_key)?.to_der()?)?,
        ];
        if let Some(upn) = self.subject.upn() {
            extensions.push(plain(rfc5280::ID_CE_SUBJECT_ALT_NAME, user_principal_name(upn)?)?);
        }
        if let Some(sid) = self.subject.sid() {
            extensions.push(plain(SECURITY_IDENTIFIER_EXTENSION, security_identifier_value(sid)?)?);
        }
        extensions.push(match self.crl_distribution_point {
            Some(uri) => plain(rfc5280::ID_CE_CRL_DISTRIBUTION_POINTS, distribution_point(uri)?)?,
            None => plain(NO_REVOCATION_AVAILABLE, Null.to_der()?)?,
        });
        Ok(extensions)
    }
}

/// Encodes the certificate. `signature` is the content of the BIT STRING.
pub(super) fn signed(to_be_signed: &[u8], algorithm: &[u8], signature: &[u8]) -> der::Result<Vec<u8>> {
    SignedUserCertificate {
        to_be_signed: AnyRef::from_der(to_be_signed)?,
        algorithm: AnyRef::from_der(algorithm)?,
        signature: BitString::from_bytes(signature)?,
    }
    .to_der()
}

/// Returns a name of one attribute, in UTF-8 as RFC 5280 4.1.2.4 requires of new certificates.
fn common_name(name: &str) -> der::Result<Vec<SetOfVec<AttributeTypeAndValue>>> {
    let value = Any::encode_from(&Utf8StringRef::new(name)?)?;
    Ok(vec![SetOfVec::try_from([AttributeTypeAndValue { oid: rfc4519::CN, value }])?])
}

fn user_principal_name(upn: &str) -> der::Result<Vec<u8>> {
    let value = Any::encode_from(&Utf8StringRef::new(upn)?)?;
    vec![GeneralName::OtherName(OtherName { type_id: USER_PRINCIPAL_NAME, value })].to_der()
}

fn distribution_point(uri: &str) -> der::Result<Vec<u8>> {
    let name = GeneralName::UniformResourceIdentifier(Ia5String::new(uri)?);
    CrlDistributionPoints(vec![DistributionPoint {
        distribution_point: Some(DistributionPointName::FullName(vec![name])),
        reasons: None,
        crl_issuer: None,
    }])
    .to_der()
}

/// Returns the key identifier: the first 160 bits of the SHA-256 of the key (RFC 7093 section 2, method 1).
fn key_identifier(public_key_der: &[u8]) -> der::Result<OctetString> {
    let key = SubjectPublicKeyInfoRef::from_der(public_key_der)?;
    let hash = digest(&SHA256, key.subject_public_key.raw_bytes());
    OctetString::new(hash.as_ref().iter().copied().take(20).collect::<Vec<u8>>())
}

fn critical(identifier: ObjectIdentifier, value: &impl Encode) -> der::Result<Extension> {
    Ok(Extension { extn_id: identifier, critical: true, extn_value: OctetString::new(value.to_der()?)? })
}

fn plain(identifier: ObjectIdentifier, value: Vec<u8>) -> der::Result<Extension> {
    Ok(Extension { extn_id: identifier, critical: false, extn_value: OctetString::new(value)? })
}

/// Returns the time in whole seconds: UTCTime until 2049, GeneralizedTime after (RFC 5280 4.1.2.5).
fn time(time: UnixTime) -> der::Result<Time> {
    DateTime::from_unix_duration(time.since_epoch()).map(Time::from)
}
