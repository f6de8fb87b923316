//! A CRL of a million entries, and the memory of this process.

use der::Encode;
use der::asn1::UtcTime;
use portcullis::certificate::Certificate;
use portcullis::clock::UnixTime;
use std::time::Duration;

/// The number of entries of the CRL.
pub(crate) const ENTRIES: u32 = 1_000_000;

const LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// A CRL of `issuer` with serial numbers of 16 bytes and a common prefix, as of AD CS; every third entry has no reason.
/// `sign` signs with ECDSA and SHA-256.
pub(crate) fn crl(
    issuer: &Certificate,
    this_update: UnixTime,
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let ecdsa_with_sha256 = element(0x30, &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]);
    let parts = [
        element(0x02, &[1]),
        ecdsa_with_sha256.clone(),
        issuer.subject().der().to_vec(),
        date(this_update),
        date(this_update.plus(LIFETIME)),
        element(0x30, &entries(this_update)),
    ];
    let tbs = element(0x30, &parts.concat());
    let signature = element(0x03, &[&[0], sign(&tbs).as_slice()].concat());
    element(0x30, &[tbs, ecdsa_with_sha256, signature].concat())
}

/// A line of `/proc/self/status`, in kB.
pub(crate) fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Resets `VmHWM`, the peak of resident memory.
pub(crate) fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

fn entries(revoked_at: UnixTime) -> Vec<u8> {
    let reasons =
        [1, 4].map(|code| element(0x30, &element(0x30, &[0x06, 3, 0x55, 0x1d, 21, 4, 3, 0x0a, 1, code])));
    let reasons = [&[][..], &reasons[0], &reasons[1]];
    let date = date(revoked_at);
    let mut entries = Vec::new();
    for number in 0..ENTRIES {
        let mut serial = [0x19; 16];
        // Distinct numbers, spread over all bytes, because the multiplier is odd.
        serial[8..].copy_from_slice(&u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let reason = reasons[usize::try_from(number % 3).unwrap()];
        entries.extend(element(0x30, &[&element(0x02, &serial), date.as_slice(), reason].concat()));
    }
    entries
}

fn date(time: UnixTime) -> Vec<u8> {
    UtcTime::from_unix_duration(Duration::from_secs(time.seconds())).unwrap().to_der().unwrap()
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let header = match content.len() {
        0..=0x7f => vec![tag, length[3]],
        0x80..=0xff => vec![tag, 0x81, length[3]],
        0x100..=0xffff => vec![tag, 0x82, length[2], length[3]],
        _ => vec![tag, 0x84, length[0], length[1], length[2], length[3]],
    };
    [header.as_slice(), content].concat()
}
