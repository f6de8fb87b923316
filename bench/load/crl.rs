//! A large CRL, with serial numbers of 16 bytes and a common prefix as of AD CS; every third entry has no reason.

use crate::cards::issuer;
use clap::Args;
use rcgen::{
    CertificateRevocationListParams, KeyIdMethod, RevocationReason, RevokedCertParams, SerialNumber,
};
use std::path::PathBuf;
use time::{Duration, OffsetDateTime};

#[derive(Args)]
pub(crate) struct CrlArgs {
    /// PEM file with the private key of the CA.
    #[arg(long)]
    issuer_key: PathBuf,
    /// Common name of the CA, its only attribute.
    #[arg(long)]
    issuer_name: String,
    /// The CA's subject key identifier, hexadecimal.
    #[arg(long)]
    issuer_key_id: String,
    #[arg(long, default_value_t = 1_000_000)]
    entries: u32,
    /// The number of the CRL; a CRL with a higher number is newer.
    #[arg(long, default_value_t = 1)]
    number: u32,
    /// The file for DER; that for PEM has the extension `pem`.
    #[arg(long)]
    out: PathBuf,
}

/// Writes the CRL.
pub(crate) fn write(args: &CrlArgs) {
    let this_update = OffsetDateTime::now_utc() - Duration::HOUR + Duration::seconds(args.number.into());
    let key_id = args
        .issuer_key_id
        .as_bytes()
        .chunks(2)
        .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap())
        .collect();
    let revoked = |number: u32| {
        let mut serial = [0x19; 16];
        // Distinct numbers, spread over all bytes, because the multiplier is odd.
        let spread = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        serial.get_mut(8..).unwrap().copy_from_slice(&spread);
        let reason_code = match number % 3 {
            0 => None,
            1 => Some(RevocationReason::KeyCompromise),
            _ => Some(RevocationReason::Superseded),
        };
        RevokedCertParams {
            serial_number: SerialNumber::from_slice(&serial),
            revocation_time: this_update,
            reason_code,
            invalidity_date: None,
        }
    };
    let params = CertificateRevocationListParams {
        this_update,
        next_update: this_update + Duration::WEEK,
        crl_number: u64::from(args.number).into(),
        issuing_distribution_point: None,
        revoked_certs: (0..args.entries).map(revoked).collect(),
        key_identifier_method: KeyIdMethod::PreSpecified(key_id),
    };
    let crl = params.signed_by(&issuer(&args.issuer_key, &args.issuer_name)).unwrap();
    std::fs::write(&args.out, crl.der()).unwrap();
    std::fs::write(args.out.with_extension("pem"), crl.pem().unwrap()).unwrap();
}
