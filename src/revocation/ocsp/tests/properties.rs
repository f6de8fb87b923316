//! Arbitrary responses: validation never panics, and rejects a changed response.

use super::draft::{delegate, nonce};
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::LazyLock;

static FIXTURE: LazyLock<(OcspFixture, Vec<u8>)> = LazyLock::new(|| {
    let fixture = OcspFixture::new();
    let singles = vec![fixture.single().unknown(), fixture.single().revoked(Some(1))];
    let draft = ResponseDraft { singles, extensions: vec![nonce(&[7; 32])], ..fixture.good() };
    let der = draft.sign_by(&delegate(&fixture.ca, |_| {}));
    (fixture, der)
});

proptest! {
    #[test]
    fn random_bytes_are_rejected(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(FIXTURE.0.validate(&bytes, &OcspSettings::default()).is_err());
    }

    /// A byte of the signature's own DER, of the certificate's outer parts or of what is signed: nothing that is
    /// changed makes a revoked certificate good.
    #[test]
    fn a_changed_response_is_never_good(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let (fixture, der) = &*FIXTURE;
        let mut changed = der.clone();
        for (at, byte) in changes {
            let at = at.index(changed.len());
            changed[at] = byte;
        }
        let length = changed.len() - cut.index(changed.len()) / 8;
        for bytes in [&changed[..], &changed[..length]] {
            let validated = fixture.validate(bytes, &OcspSettings::default());
            let is_revoked = validated.map(|response| matches!(response.status, CertStatus::Revoked { .. }));
            prop_assert!(is_revoked != Ok(false));
        }
    }
}
