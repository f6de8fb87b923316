//! The errors of reading a file of certificates, keys or CRLs.

use std::fmt;

use const_oid::ObjectIdentifier;

use super::super::x509::MalformedCertificate;

/// The command that writes certificates and CRLs of a bundle as PEM.
pub(super) const PKCS7_CONVERSION: &str = "openssl pkcs7 -inform DER -in FILE -print_certs -out NEW";

/// The maximum number of certificates, and of CRLs, of one bundle. An element of a few bytes takes up more memory than
/// its encoding, and a bundle may be downloaded.
pub(super) const MAX_ELEMENTS: usize = 10_000;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file has no bytes, or white space only.
    #[error("the file is empty")]
    Empty,
    /// The file can be read, but has no element of the wanted kind.
    #[error("the file has no {wanted}")]
    Missing {
        /// The kind that the caller wants.
        wanted: &'static str,
    },
    /// The file has more than one private key, and the gateway does not choose among them.
    #[error("the file has more than one private key")]
    SeveralKeys,
    /// The private key is encrypted.
    #[error("the private key is encrypted: remove the passphrase with openssl pkey -in FILE -out NEW")]
    EncryptedKey,
    /// The text is in UTF-16, as PowerShell's `>` writes it.
    #[error("the file is in UTF-16: save it as UTF-8")]
    Utf16,
    /// Bytes follow the one DER element of the file.
    #[error("{count} bytes follow the end of the DER")]
    BytesAfterDer {
        /// Their number.
        count: usize,
    },
    /// The DER ends before the end of its element.
    #[error("the DER is truncated")]
    DerTruncated,
    /// BER with an indefinite length (X.690 8.1.3.6), which some programs write around PKCS #7 and PKCS #12.
    #[error("the file is in BER of indefinite length: convert it with {command}")]
    IndefiniteLength {
        /// The command that writes PEM.
        command: &'static str,
    },
    /// A PKCS #12 container (RFC 7292).
    #[error("the file is PKCS #12: convert it with openssl pkcs12 -in FILE -nodes -out NEW")]
    Pkcs12,
    /// The file is a PKCS #7 bundle that cannot be read.
    #[error(transparent)]
    Pkcs7(#[from] Pkcs7Error),
    /// A line of the PEM cannot be read.
    #[error("line {line}: {error}")]
    Pem {
        /// The line, counted from 1.
        line: usize,
        /// The reason.
        error: PemError,
    },
    /// Some sections were not read.
    #[error("the file has {boundaries} BEGIN boundaries, of which {sections} could be read")]
    SectionsLost {
        /// The number of BEGIN after five hyphens, in any letter case.
        boundaries: usize,
        /// The number of sections that were read.
        sections: usize,
    },
    /// One certificate cannot be decoded.
    #[error("certificate {number} of the file cannot be decoded")]
    Certificate {
        /// Its position, counted from 1.
        number: usize,
        /// The reason.
        #[source]
        cause: MalformedCertificate,
    },
}

/// Why a line of PEM cannot be read. Never quotes the content of a section: it may be a private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PemError {
    /// A line that is nearly a BEGIN or END boundary, or has five hyphens and is neither.
    Boundary,
    /// An END boundary without a BEGIN, or with another label than its BEGIN.
    UnexpectedEnd,
    /// The section that begins here has no END.
    NoEnd,
    /// A BEGIN boundary before the END of the section above it.
    NoEndBefore,
    /// Text that is not another section follows an END boundary in the same line.
    TextAfterEnd,
    /// A label that is not read here.
    UnknownLabel {
        /// The label as written.
        label: String,
        /// The right label, or the command that converts the file.
        fix: String,
    },
    /// A header inside a section (RFC 1421 4.6), which OpenSSL reads for encrypted keys only.
    Header,
    /// The content of a section is not base64.
    Base64,
    /// The content of the section that begins here is not exactly one DER SEQUENCE.
    NotOneElement,
    /// The content of the section that begins here is not of the kind that its label names.
    Mislabelled,
    /// OpenSSL's trust settings (`openssl x509 -addtrust`), which would restrict what the certificate is trusted for.
    TrustSettings,
    /// The PKCS #7 bundle of the section that begins here cannot be read.
    Pkcs7(Pkcs7Error),
    /// A line outside of the sections that looks like the content of one.
    StrayContent,
    /// Bytes outside of the sections that are not text.
    Binary,
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boundary => {
                "a damaged PEM boundary: five hyphens, BEGIN or END, the label and five hyphens must stand alone in their line"
            }
            Self::UnexpectedEnd => "an END boundary that does not match the BEGIN boundary before it",
            Self::NoEnd => "the section that begins here has no END boundary",
            Self::NoEndBefore => "a BEGIN boundary before the END boundary of the section above it",
            Self::TextAfterEnd => "text follows the END boundary in its line",
            Self::UnknownLabel { label, fix } => {
                return write!(f, "sections labelled {label:?} are not read: {fix}");
            }
            Self::Header => "headers inside a PEM section are not read: convert the file with openssl",
            Self::Base64 => "the content of a PEM section is not base64",
            Self::NotOneElement => "the section that begins here is not exactly one DER element",
            Self::Mislabelled => "the content of the section that begins here is not what its label names",
            Self::TrustSettings => {
                "the certificate has OpenSSL trust settings, which are not read: remove them with openssl x509 -in FILE -out NEW"
            }
            Self::Pkcs7(error) => return error.fmt(f),
            Self::StrayContent => "base64 outside of any PEM section: the BEGIN boundary is missing",
            Self::Binary => "bytes outside of the PEM sections that are not text",
        })
    }
}

/// Why a PKCS #7 bundle cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Pkcs7Error {
    /// The content is data, encrypted or a digest.
    #[error("the PKCS #7 has the content type {content_type}: only SignedData has certificates or CRLs")]
    ContentType {
        /// The content type.
        content_type: ObjectIdentifier,
    },
    /// The structure is not that of SignedData in DER.
    #[error("the PKCS #7 is not SignedData in DER: convert it with {PKCS7_CONVERSION}")]
    Malformed,
    /// The bundle is signed. The certificates of its signers are among the others, and cannot be distinguished from
    /// those to be trusted.
    #[error(
        "the PKCS #7 is signed, so that its signers' certificates are among the others: \
         convert it with {PKCS7_CONVERSION} and remove those that are not to be used"
    )]
    Signed,
    /// An attribute certificate or another certificate that is not X.509.
    #[error("element {number} of the certificates in the PKCS #7 is not an X.509 certificate")]
    NotACertificate {
        /// Its position, counted from 1.
        number: usize,
    },
    /// An OCSP response, a certificate or another element that is not a CRL.
    #[error("element {number} of the CRLs in the PKCS #7 is not an X.509 CRL")]
    NotACrl {
        /// Its position, counted from 1.
        number: usize,
    },
    /// The bundle has too many elements.
    #[error("the PKCS #7 has more than {MAX_ELEMENTS} certificates or CRLs")]
    TooMany,
}
