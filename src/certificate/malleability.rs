//! Signature malleability: the other fingerprints under which a certificate can be presented.
//!
//! The issuer signs the tbsCertificate; the fingerprint is over the signature too. If (r, s) is an ECDSA signature, so is
//! (r, n - s) (FIPS 186-5 6.4.2 verifies both), and anyone can compute one from the other. Nothing else can be changed: the
//! outer algorithm must be the inner one byte for byte, lengths and INTEGERs have one DER encoding, and of RSA and Ed25519
//! signatures only the smallest value verifies.

use super::identifiers::Fingerprint;
use der::asn1::{AnyRef, UintRef};
use der::{Decode, Encode, Sequence, Tag};
use num_bigint::BigUint;

/// ECDSA-Sig-Value (RFC 3279 2.2.3).
#[derive(Sequence)]
struct EcdsaSignature<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

/// The orders of P-256, P-384 and P-521 (SP 800-186 3.2.1), the curves whose signatures are verified here.
const ORDERS: [&[u8]; 3] = [
    b"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    b"ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    b"1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
];

/// Returns the fingerprints of the certificate with its ECDSA signature's twin, one for each possible curve of the
/// issuer's key. There are none for other signatures.
pub(super) fn twin_fingerprints(tbs: &[u8], algorithm: &[u8], signature: &[u8]) -> Vec<Fingerprint> {
    let Ok(EcdsaSignature { r, s }) = EcdsaSignature::from_der(signature) else { return Vec::new() };
    let s = BigUint::from_bytes_be(s.as_bytes());
    let orders = ORDERS.iter().filter_map(|order| BigUint::parse_bytes(order, 16));
    let twins = orders.filter(|order| s < *order).map(|order| order - &s);
    twins.filter_map(|twin| fingerprint_with(tbs, algorithm, r, &twin).ok()).collect()
}

fn fingerprint_with(tbs: &[u8], algorithm: &[u8], r: UintRef<'_>, s: &BigUint) -> der::Result<Fingerprint> {
    let s = s.to_bytes_be();
    let signature = EcdsaSignature { r, s: UintRef::new(&s)? }.to_der()?;
    let bits = [&[0], signature.as_slice()].concat();
    let bits = AnyRef::new(Tag::BitString, &bits)?.to_der()?;
    let certificate = [tbs, algorithm, &bits].concat();
    Ok(Fingerprint::of(&AnyRef::new(Tag::Sequence, &certificate)?.to_der()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twin_of_the_twin_is_the_certificate_itself() {
        let tbs = [0x30, 0];
        let algorithm = [0x30, 0];
        for (order, length) in ORDERS.into_iter().zip([32, 48, 66]) {
            let order = BigUint::parse_bytes(order, 16).unwrap();
            // Of the length that only this curve's signatures have.
            let s = &order - BigUint::from(7_u8);
            assert_eq!(s.to_bytes_be().len(), length);
            let r = UintRef::new(&[5]).unwrap();
            let encode = |s: &BigUint| {
                let s = s.to_bytes_be();
                EcdsaSignature { r, s: UintRef::new(&s).unwrap() }.to_der().unwrap()
            };
            let own = fingerprint_with(&tbs, &algorithm, r, &s).unwrap();
            let twin = fingerprint_with(&tbs, &algorithm, r, &BigUint::from(7_u8)).unwrap();
            assert_ne!(own, twin);
            assert!(twin_fingerprints(&tbs, &algorithm, &encode(&s)).contains(&twin));
            assert!(twin_fingerprints(&tbs, &algorithm, &encode(&BigUint::from(7_u8))).contains(&own));
        }
    }

    #[test]
    fn a_signature_of_another_algorithm_has_no_twin() {
        for signature in [&[][..], &[7; 256], &[7; 64], &[0x30, 3, 2, 1, 1]] {
            assert_eq!(twin_fingerprints(&[0x30, 0], &[0x30, 0], signature), []);
        }
    }
}
