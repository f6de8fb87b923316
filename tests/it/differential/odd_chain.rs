//! Pseudo-random chains in which any field that RFC 5280 6.1 uses may be right or wrong.

use crate::support::TestRng;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use const_oid::ObjectIdentifier;
use portcullis::certificate::Certificate;
use portcullis::clock::UnixTime;
use portcullis::validation::{
    ChainError, PresentedChain, TrustSet, ValidatedChain, ValidationRule, validate,
};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls_pki_types::CertificateDer;
use std::sync::{Arc, LazyLock};

/// 2026-11-22T09:30:00Z.
pub(super) const NOW: UnixTime = UnixTime::from_seconds(1_795_339_800);

const POLICIES: [&str; 4] =
    ["2.16.840.1.101.3.2.1.48.1", "2.16.840.1.101.3.2.1.48.2", "2.16.840.1.101.3.2.1.48.3", ANY_POLICY];
const ANY_POLICY: &str = "2.5.29.32.0";

/// GeneralNames of leaves, and bases of subtrees, by tag.
const NAMES: [(u8, &[u8]); 18] = [
    (0x81, b"alice@corp.example"),
    (0x81, b"Alice@eu.corp.example"),
    (0x81, b"alice@evil.example"),
    (0x82, b"CORP.example"),
    (0x82, b"a.corp.example"),
    (0x82, b"*.corp.example"),
    (0x82, b"evilcorp.example"),
    (0x86, b"https://corp.example/x"),
    (0x86, b"https://a.corp.example:443/"),
    (0x86, b"urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
    (0x87, &[192, 0, 2, 7]),
    (0x87, &[10, 0, 0, 1]),
    (0x81, b"\"a@evil\"@corp.example"),
    (0x82, b"a.corp.example."),
    (0x82, b"*.example"),
    (0x86, b"https://192.0.2.7/"),
    (0xa0, b"\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03\xa0\x0e\x0c\x0calice@x.evil"),
    (0x88, &[42, 4]),
];
const SUBTREES: [(u8, &[u8]); 14] = [
    (0x81, b"corp.example"),
    (0x81, b".corp.example"),
    (0x81, b"alice@corp.example"),
    (0x82, b"corp.example"),
    (0x82, b"a.corp.example"),
    (0x82, b""),
    (0x86, b"corp.example"),
    (0x86, b".corp.example"),
    (0x87, &[192, 0, 2, 0, 255, 255, 255, 0]),
    (0x87, &[0, 0, 0, 0, 0, 0, 0, 0]),
    (0xa4, CORP),
    (0x88, &[42, 3]),
    (0x82, b".corp.example"),
    (0xa0, b"\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03\xa0\x08\x0c\x06x.evil"),
];
/// O=Corp
const CORP: &[u8] = &[0x30, 15, 0x31, 13, 0x30, 11, 6, 3, 0x55, 4, 10, 0x0c, 4, b'C', b'o', b'r', b'p'];

/// Five keys that all chains share, since generating one takes longer than signing.
static KEYS: LazyLock<Vec<KeyPair>> =
    LazyLock::new(|| (0..5).map(|_| KeyPair::generate().unwrap()).collect());

/// A chain and the inputs to its validation.
pub(super) struct OddChain {
    /// The leaf first, the anchor last.
    certificates: Vec<Vec<u8>>,
    initial_policies: Vec<&'static str>,
    explicit_policy: bool,
    inhibit_mapping: bool,
    inhibit_any: bool,
}

impl OddChain {
    pub(super) fn generate(rng: &mut TestRng) -> Self {
        let mut certificates = Vec::new();
        let depth = 1 + rng.below(3);
        let mut above = authority(rng, "CA 0", 0);
        certificates.push(above.self_signed(&KEYS[0]).unwrap().der().to_vec());
        let mut name = "CA 0".to_owned();
        for level in 1..=depth {
            if !rng.one_in(5) {
                name = format!("CA {level}");
            }
            let params = authority(rng, &name, level);
            // Occasionally another key than that of the CA above signs the certificate.
            let signer = if rng.one_in(40) { &KEYS[4] } else { &KEYS[level - 1] };
            let issuer = Issuer::from_params(&above, signer);
            certificates.push(params.signed_by(&KEYS[level], &issuer).unwrap().der().to_vec());
            above = params;
        }
        let issuer = Issuer::from_params(&above, &KEYS[depth]);
        certificates.push(leaf(rng).signed_by(&KEYS[4], &issuer).unwrap().der().to_vec());
        certificates.reverse();
        let initial_policies = if rng.one_in(3) { rng.sample(&POLICIES, 2) } else { vec![ANY_POLICY] };
        Self {
            certificates,
            initial_policies,
            explicit_policy: rng.one_in(3),
            inhibit_mapping: rng.one_in(5),
            inhibit_any: rng.one_in(5),
        }
    }

    pub(super) fn validate(&self) -> Result<ValidatedChain, ChainError> {
        let (anchor, presented) = self.certificates.split_last().unwrap();
        let ders: Vec<_> = presented.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let trust = TrustSet::new(vec![Certificate::from_der(anchor).unwrap()], Vec::new());
        let rule = ValidationRule {
            extended_key_usages: Vec::new(),
            initial_policies: self.initial_policies.iter().map(|policy| policy.parse().unwrap()).collect(),
            explicit_policy_required: self.explicit_policy,
            policy_mapping_inhibited: self.inhibit_mapping,
            any_policy_inhibited: self.inhibit_any,
            ..ValidationRule::default()
        };
        validate(&Arc::new(PresentedChain::parse(&ders).unwrap()), &trust, &rule, NOW)
    }

    pub(super) fn openssl_options(&self) -> Vec<String> {
        let flags = [
            (self.explicit_policy, "-explicit_policy"),
            (self.inhibit_mapping, "-inhibit_map"),
            (self.inhibit_any, "-inhibit_any"),
        ];
        let flags = flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag);
        let policies = self.initial_policies.iter().flat_map(|policy| ["-policy", policy]);
        flags.chain(policies).map(ToOwned::to_owned).collect()
    }

    pub(super) fn leaf_pem(&self) -> String {
        pem(&self.certificates[0])
    }

    pub(super) fn anchor_pem(&self) -> String {
        pem(self.certificates.last().unwrap())
    }

    pub(super) fn intermediates_pem(&self) -> String {
        self.certificates[1..self.certificates.len() - 1].iter().map(|der| pem(der)).collect()
    }
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines(&STANDARD.encode(der)))
}

fn lines(base64: &str) -> String {
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    lines.join("\n")
}

fn named(rng: &mut TestRng, common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, *rng.choose(&["Corp", "Corp", "corp", "Evil"]));
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(if rng.one_in(60) { 2025 } else { 2040 }, 1, 1);
    params.use_authority_key_identifier_extension = true;
    params
}

/// The anchor, at level 0, is always regular: OpenSSL and RFC 5280 use much less of it.
fn authority(rng: &mut TestRng, common_name: &str, level: usize) -> CertificateParams {
    let mut params = named(rng, common_name);
    if level == 0 {
        params.not_after = rcgen::date_time_ymd(2040, 1, 1);
    }
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    if level == 0 {
        return params;
    }
    if rng.one_in(6) {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(u8::try_from(rng.below(3)).unwrap()));
    }
    if rng.one_in(50) {
        params.key_usages = vec![KeyUsagePurpose::CrlSign];
    }
    if rng.one_in(50) {
        params.is_ca = IsCa::ExplicitNoCa;
    }
    let mut add = |id: u64, content: Vec<u8>| {
        let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, id], content);
        extension.set_criticality(id != 33);
        params.custom_extensions.push(extension);
    };
    if rng.one_in(3) {
        add(30, name_constraints(rng));
    }
    if !rng.one_in(8) {
        add(32, policies(rng, 3));
    }
    if rng.one_in(3) {
        add(33, mappings(rng));
    }
    if rng.one_in(4) {
        let skip = |rng: &mut TestRng, tag| element(tag, &[u8::try_from(rng.below(3)).unwrap()]);
        let (explicit, mapping) = (skip(rng, 0x80), skip(rng, 0x81));
        add(36, element(0x30, &[explicit, mapping][rng.below(2)..].concat()));
    }
    if rng.one_in(5) {
        add(54, element(2, &[u8::try_from(rng.below(3)).unwrap()]));
    }
    if rng.one_in(60) {
        add(9_999, vec![5, 0]);
    }
    params
}

fn leaf(rng: &mut TestRng) -> CertificateParams {
    let mut params = named(rng, "Alice Example");
    if rng.one_in(4) {
        let address = rng.choose(&["alice@corp.example", "alice@evil.example"]);
        let value = rcgen::DnValue::Ia5String((*address).try_into().unwrap());
        params.distinguished_name.push(DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]), value);
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let names: Vec<_> = rng.sample(&NAMES, 3).iter().map(|(tag, content)| element(*tag, content)).collect();
    let names = element(0x30, &names.concat());
    params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 17], names));
    if !rng.one_in(8) {
        let policies = policies(rng, 2);
        params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 32], policies));
    }
    params
}

fn policies(rng: &mut TestRng, most: usize) -> Vec<u8> {
    // anyPolicy, the last one, often enough to be effective.
    let mut chosen = rng.sample(&POLICIES, most);
    if rng.one_in(3) && !chosen.contains(&ANY_POLICY) {
        chosen.push(ANY_POLICY);
    }
    element(0x30, &chosen.iter().map(|policy| element(0x30, &oid(policy))).collect::<Vec<_>>().concat())
}

fn mappings(rng: &mut TestRng) -> Vec<u8> {
    let count = 1 + rng.below(3);
    // anyPolicy is mapped occasionally only, because it makes the path invalid.
    let named = |rng: &mut TestRng| oid(if rng.one_in(40) { ANY_POLICY } else { POLICIES[rng.below(3)] });
    let mapping = |_| {
        let pair = [named(rng), named(rng)];
        element(0x30, &pair.concat())
    };
    element(0x30, &(0..count).map(mapping).collect::<Vec<_>>().concat())
}

fn name_constraints(rng: &mut TestRng) -> Vec<u8> {
    let mut list = |tag| {
        let subtrees = rng.sample(&SUBTREES, 3);
        let subtree = |(tag, content): &(u8, &[u8])| element(0x30, &element(*tag, content));
        element(tag, &subtrees.iter().map(subtree).collect::<Vec<_>>().concat())
    };
    let (permitted, excluded) = (list(0xa0), list(0xa1));
    let lists = match rng.below(5) {
        0 => vec![permitted, excluded],
        1 | 2 => vec![excluded],
        _ => vec![permitted],
    };
    element(0x30, &lists.concat())
}

fn oid(text: &str) -> Vec<u8> {
    element(6, text.parse::<ObjectIdentifier>().unwrap().as_bytes())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = match content.len() {
        0..128 => vec![tag, length[1]],
        128..256 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [head.as_slice(), content].concat()
}
