//! The people of the demo. Takes the time, gives the profile of each one's card; never signs anything.

use const_oid::ObjectIdentifier;

use super::authority::{DAY, YEAR, serial_number};
use super::{CardProfile, DOMAIN, DOMAIN_SID, ExtraExtension, KeyKind, OTHER_POLICY, Signer};
use crate::clock::UnixTime;

/// In the documentation arc of IANA's enterprise numbers; no reader can know it.
const UNKNOWN_EXTENSION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.1");

/// The names of the cards that the issuing authority's first revocation list holds.
pub(super) const REVOKED: [&str; 1] = ["bob"];

/// One card that is good, in each kind of key, and one for each way of being wrong.
pub(super) fn demo_cards(now: UnixTime) -> Vec<CardProfile> {
    let card = |name| CardProfile::of(name, now);
    let alice = card("alice");
    let as_alice = |name: &str, key| CardProfile {
        name: name.to_owned(),
        serial_number: serial_number(name),
        key,
        ..alice.clone()
    };
    let before = |span| UnixTime::from(now.since_epoch().saturating_sub(span));
    let unknown = ExtraExtension { identifier: UNKNOWN_EXTENSION, critical: true, value: vec![0x05, 0x00] };
    vec![
        as_alice("alice-rsa", KeyKind::Rsa2048),
        card("bob"),
        CardProfile { not_before: before(YEAR), not_after: before(DAY), ..card("carol") },
        card("dave").without_smartcard_logon(),
        CardProfile { not_before: now.plus(DAY), ..card("erin") },
        CardProfile { upns: Vec::new(), sid: None, ..card("frank") },
        CardProfile { policies: vec![OTHER_POLICY], ..card("grace") },
        CardProfile {
            upns: vec![format!("heidi@{DOMAIN}"), format!("administrator@{DOMAIN}")],
            ..card("heidi")
        },
        CardProfile { upns: vec!["ivan@elsewhere.example".to_owned()], sid: None, ..card("ivan") },
        CardProfile { key: KeyKind::EcdsaP384, ..card("judy") },
        CardProfile { key: KeyKind::Ed25519, ..card("ken") },
        CardProfile { upns: Vec::new(), sid: Some(format!("{DOMAIN_SID}-1120")), ..card("leo") },
        CardProfile { upns: Vec::new(), sid: None, ..card("mia") },
        // The very names and serial number of alice's card, from authorities with the very names of ours.
        CardProfile { name: "mallory".to_owned(), signer: Signer::Foreign, ..alice.clone() },
        CardProfile { extra_extensions: vec![unknown], ..card("critical") },
        alice,
    ]
}

/// The card that is to become an X.509 version 1 certificate.
pub(super) fn version_one(now: UnixTime) -> CardProfile {
    CardProfile::of("version-one", now)
}
