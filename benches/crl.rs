//! The cost of a CRL of a million entries: the time to load it and to look one certificate up, and the memory while
//! it is loaded and afterwards.
//!
//! `cargo bench --bench crl`; the memory is printed first, as the kernel counts it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench fails by panicking")]

mod million;

use divan::{Bencher, black_box};
use million::{ENTRIES, forget_peak, memory};
use portcullis::certificate::Certificate;
use portcullis::clock::UnixTime;
use portcullis::revocation::{CrlStore, RevocationRule, check};
use portcullis::validation::{PresentedChain, TrustSet, ValidatedChain, ValidationRule, validate};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SigningKey,
};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use tempfile::TempDir;

/// 2026-11-22T09:30:00Z, the date of the CRL.
const NOW: UnixTime = UnixTime::from_seconds(1_795_339_800);

/// The chain of a client certificate, and a file with the CA's CRL.
struct Bench {
    _folder: TempDir,
    files: Vec<PathBuf>,
    bytes: usize,
    chain: Arc<ValidatedChain>,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Root");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let root = Certificate::from_der(params.self_signed(&key).unwrap().der()).unwrap();
    let crl = million::crl(&root, NOW, |tbs| key.sign(tbs).unwrap());
    let issuer = Issuer::new(params, key);

    let mut params = CertificateParams::default();
    params.serial_number = Some(vec![0x19; 16].into());
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let leaf = params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    let presented = Arc::new(PresentedChain::parse(&[leaf.der().clone()]).unwrap());
    let trust = TrustSet::new(vec![root], Vec::new());
    let chain = validate(&presented, &trust, &ValidationRule::default(), NOW).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("million.crl");
    std::fs::write(&file, &crl).unwrap();
    Bench { _folder: folder, files: vec![file], bytes: crl.len(), chain: Arc::new(chain) }
});

fn main() {
    let (files, bytes) = (&BENCH.files, BENCH.bytes);
    // The peak of the preparation is forgotten, so that only that of loading is measured.
    let before = memory("VmRSS");
    forget_peak();
    let store = CrlStore::load(files).unwrap();
    let (peak, after) = (memory("VmHWM"), memory("VmRSS"));
    assert!(check(&BENCH.chain, &RevocationRule::default(), &TrustSet::default(), &store, NOW).is_ok());
    println!("file {} kB, {ENTRIES} entries", bytes / 1024);
    println!("memory: {} kB at the peak of loading, {} kB afterwards", peak - before, after - before);
    drop(store);
    divan::main();
}

/// Reads, decodes, indexes and hashes the CRL. The signature is verified at the first lookup.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn load() -> CrlStore {
    CrlStore::load(&BENCH.files).unwrap()
}

/// The check of a chain of two certificates, most of which is the lookup.
#[divan::bench]
fn look_up(bencher: Bencher<'_, '_>) {
    let store = CrlStore::load(&BENCH.files).unwrap();
    let (rule, trust) = (RevocationRule::default(), TrustSet::default());
    bencher.bench_local(|| check(black_box(&BENCH.chain), &rule, &trust, &store, NOW).is_ok());
}
