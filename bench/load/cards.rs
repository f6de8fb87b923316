//! Client certificates: one from a file, or many that are issued for the measurement.

use clap::Args;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose, SanType};
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use time::{Duration, OffsetDateTime};

/// The object identifier of a UPN in the subject alternative names.
const USER_PRINCIPAL_NAME: [u64; 10] = [1, 3, 6, 1, 4, 1, 311, 20, 2, 3];
/// Smart card logon.
const SMARTCARD_LOGON: [u64; 10] = [1, 3, 6, 1, 4, 1, 311, 20, 2, 2];

/// Where the client certificates come from.
#[derive(Args)]
pub(crate) struct CardArgs {
    /// PEM file with a client certificate, the certificates above it, and its private key.
    #[arg(long)]
    card: PathBuf,
    /// Presents so many different certificates in turn, all for the key of --card, instead of the one in its file.
    #[arg(long, requires_all = ["issuer_key", "issuer_name"])]
    distinct: Option<usize>,
    /// PEM file with the private key of the CA that issues them.
    #[arg(long)]
    issuer_key: Option<PathBuf>,
    /// Common name of that CA, its only attribute.
    #[arg(long)]
    issuer_name: Option<String>,
}

/// The client certificates of a measurement, presented in turn.
pub(crate) struct Cards {
    all: Vec<Arc<dyn ResolvesClientCert>>,
    next: AtomicUsize,
}

impl Cards {
    pub(crate) fn load(args: &CardArgs) -> Self {
        let key = any_supported_type(&PrivateKeyDer::from_pem_file(&args.card).unwrap()).unwrap();
        let chains = match (args.distinct, &args.issuer_key, &args.issuer_name) {
            (Some(count), Some(issuer_key), Some(name)) => {
                issue(count, &args.card, &issuer(issuer_key, name))
            }
            _ => vec![certificates(&args.card)],
        };
        let resolver = |chain| -> Arc<dyn ResolvesClientCert> {
            Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key.clone())))
        };
        Self { all: chains.into_iter().map(resolver).collect(), next: AtomicUsize::new(0) }
    }

    /// Returns the next certificate in turn.
    pub(crate) fn next(&self) -> Arc<dyn ResolvesClientCert> {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.all.len();
        self.all.get(number).unwrap().clone()
    }

    /// Returns the number of different certificates.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }
}

/// Returns the certificates of a PEM file.
pub(crate) fn certificates(file: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(file).unwrap().map(Result::unwrap).collect()
}

/// Returns the CA of this name with the key of a PEM file.
pub(crate) fn issuer(key: &Path, name: &str) -> Issuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    Issuer::new(params, key_pair(key))
}

/// Returns the private key of a PEM file, which may contain certificates too.
fn key_pair(file: &Path) -> KeyPair {
    KeyPair::try_from(&PrivateKeyDer::from_pem_file(file).unwrap()).unwrap()
}

/// Issues certificates for the key of a card, each with a UPN of its own.
fn issue(count: usize, card: &Path, issuer: &Issuer<'_, KeyPair>) -> Vec<Vec<CertificateDer<'static>>> {
    let key = key_pair(card);
    let above: Vec<_> = certificates(card).into_iter().skip(1).collect();
    let now = OffsetDateTime::now_utc();
    let one = |number| {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, format!("user{number}"));
        params.not_before = now - Duration::HOUR;
        params.not_after = now + Duration::DAY;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::Other(SMARTCARD_LOGON.to_vec()),
        ];
        let name = format!("user{number}@corp.example").into();
        params.subject_alt_names = vec![SanType::OtherName((USER_PRINCIPAL_NAME.to_vec(), name))];
        let mut chain = vec![params.signed_by(&key, issuer).unwrap().der().clone()];
        chain.extend(above.iter().cloned());
        chain
    };
    (0..count).map(one).collect()
}
