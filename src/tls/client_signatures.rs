//! The signature algorithms that a site offers clients in its CertificateRequest, in the order of preference.
//!
//! Clients use the first algorithm of the server's list that the key supports (RFC 5246 7.4.4); OpenSSL, GnuTLS, Go and
//! Java decide by the algorithm of the key alone, without a query to the card. Under TLS 1.2 RSA-PSS therefore comes
//! after PKCS#1 v1.5, and it is omitted if TLS 1.3 is disabled, because many cards do not support it. TLS 1.3 ignores
//! PKCS#1 v1.5 in the list: it forbids such signatures in handshakes (RFC 8446 4.2.3).

use super::version::TlsVersion;
use rustls::SignatureScheme;

/// The names of RFC 8446 4.2.3, each with its code point. ML-DSA is omitted: no card supports it, and old middleware
/// fails on unknown code points.
pub(crate) const CLIENT_SIGNATURE_ALGORITHMS: &[(&str, SignatureScheme)] = &[
    ("ecdsa_secp256r1_sha256", SignatureScheme::ECDSA_NISTP256_SHA256),
    ("ecdsa_secp384r1_sha384", SignatureScheme::ECDSA_NISTP384_SHA384),
    ("ecdsa_secp521r1_sha512", SignatureScheme::ECDSA_NISTP521_SHA512),
    ("ed25519", SignatureScheme::ED25519),
    ("rsa_pkcs1_sha256", SignatureScheme::RSA_PKCS1_SHA256),
    ("rsa_pkcs1_sha384", SignatureScheme::RSA_PKCS1_SHA384),
    ("rsa_pkcs1_sha512", SignatureScheme::RSA_PKCS1_SHA512),
    ("rsa_pss_rsae_sha256", SignatureScheme::RSA_PSS_SHA256),
    ("rsa_pss_rsae_sha384", SignatureScheme::RSA_PSS_SHA384),
    ("rsa_pss_rsae_sha512", SignatureScheme::RSA_PSS_SHA512),
    ("rsa_pkcs1_sha1", SignatureScheme::RSA_PKCS1_SHA1),
];

/// Whether signatures with SHA-1 are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WeakClientSignatures {
    /// They are not offered.
    Refused,
    /// They are offered last: RSA with PKCS#1 v1.5 and SHA-1.
    UnsafelyAllowed,
}

/// Returns the list of a site that does not configure its own.
pub(crate) fn default_client_signatures(max: TlsVersion, weak: WeakClientSignatures) -> Vec<SignatureScheme> {
    let wanted = |scheme: &SignatureScheme| {
        (max == TlsVersion::Tls13 || !is_pss(*scheme))
            && (weak == WeakClientSignatures::UnsafelyAllowed || *scheme != SignatureScheme::RSA_PKCS1_SHA1)
    };
    CLIENT_SIGNATURE_ALGORITHMS.iter().map(|(_, scheme)| *scheme).filter(wanted).collect()
}

/// Returns whether TLS 1.3 allows this scheme in a handshake (RFC 8446 4.2.3).
pub(crate) fn signs_under_tls13(scheme: SignatureScheme) -> bool {
    !is_pkcs1(scheme)
}

pub(super) fn is_pkcs1(scheme: SignatureScheme) -> bool {
    matches!(
        scheme,
        SignatureScheme::RSA_PKCS1_SHA1
            | SignatureScheme::RSA_PKCS1_SHA256
            | SignatureScheme::RSA_PKCS1_SHA384
            | SignatureScheme::RSA_PKCS1_SHA512
    )
}

fn is_pss(scheme: SignatureScheme) -> bool {
    matches!(
        scheme,
        SignatureScheme::RSA_PSS_SHA256 | SignatureScheme::RSA_PSS_SHA384 | SignatureScheme::RSA_PSS_SHA512
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(max: TlsVersion, weak: WeakClientSignatures) -> Vec<&'static str> {
        let schemes = default_client_signatures(max, weak);
        let name = |scheme| CLIENT_SIGNATURE_ALGORITHMS.iter().find(|(_, known)| *known == scheme).unwrap().0;
        schemes.into_iter().map(name).collect()
    }

    #[test]
    fn pss_comes_after_pkcs1_and_is_omitted_without_tls_1_3() {
        let elliptic =
            ["ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512", "ed25519"];
        let pkcs1 = ["rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512"];
        let pss = ["rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512"];
        let refused = WeakClientSignatures::Refused;
        assert_eq!(names(TlsVersion::Tls12, refused), [&elliptic[..], &pkcs1].concat());
        assert_eq!(names(TlsVersion::Tls13, refused), [&elliptic[..], &pkcs1, &pss].concat());
        let weak = names(TlsVersion::Tls12, WeakClientSignatures::UnsafelyAllowed);
        assert_eq!(weak, [&elliptic[..], &pkcs1, &["rsa_pkcs1_sha1"]].concat());
    }
}
