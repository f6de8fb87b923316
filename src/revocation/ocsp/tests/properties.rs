//! Answers from anybody: whatever the bytes, judging ends, and what was changed is not believed.

use super::draft::{delegate, nonce};
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::LazyLock;

static SCENE: LazyLock<(OcspFixture, Vec<u8>)> = LazyLock::new(|| {
    let scene = OcspFixture::new();
    let singles = vec![scene.single().unknown(), scene.single().revoked(Some(1))];
    let draft = ResponseDraft { singles, extensions: vec![nonce(&[7; 32])], ..scene.good() };
    let der = draft.sign_by(&delegate(&scene.ca, |_| {}));
    (scene, der)
});

proptest! {
    #[test]
    fn random_bytes_are_refused(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(SCENE.0.judge(&bytes, &OcspSettings::default()).is_err());
    }

    /// A byte of the signature's own DER, of the certificate's outer parts or of what is signed: nothing that is
    /// changed makes a revoked card good.
    #[test]
    fn a_changed_answer_never_says_good(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let (scene, der) = &*SCENE;
        let mut changed = der.clone();
        for (at, byte) in changes {
            let at = at.index(changed.len());
            changed[at] = byte;
        }
        let length = changed.len() - cut.index(changed.len()) / 8;
        for bytes in [&changed[..], &changed[..length]] {
            let judged = scene.judge(bytes, &OcspSettings::default());
            let is_revoked = judged.map(|answer| matches!(answer.status, CertStatus::Revoked { .. }));
            prop_assert!(is_revoked != Ok(false));
        }
    }
}
