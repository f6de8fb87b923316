//! Pseudo-random choices, the same in every run.

/// A generator of random choices: SplitMix64, whose seed identifies a failed case.
///
/// It is not from a crate, because a new version of one may have another sequence, and the kinds of disagreement that
/// [`crate::differential`] explains belong to this one.
pub(crate) struct TestRng(u64);

impl TestRng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    /// Returns true in one of `cases` cases.
    pub(crate) fn one_in(&mut self, cases: usize) -> bool {
        self.below(cases) == 0
    }

    pub(crate) fn choose<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Returns between one and `most` different elements in the order of `from`.
    pub(crate) fn sample<T: Clone>(&mut self, from: &[T], most: usize) -> Vec<T> {
        let count = 1 + self.below(most);
        let mut left: Vec<usize> = (0..from.len()).collect();
        let mut chosen: Vec<usize> = (0..count).map(|_| left.remove(self.below(left.len()))).collect();
        chosen.sort_unstable();
        chosen.into_iter().map(|index| from[index].clone()).collect()
    }
}

#[test]
fn a_sample_has_different_elements_in_their_order() {
    for seed in 0..100 {
        let sample = TestRng::new(seed).sample(&[1, 2, 3, 4, 5], 5);
        assert!((1..=5).contains(&sample.len()), "{sample:?}");
        assert!(sample.is_sorted_by(|one, next| one < next), "{sample:?}");
    }
}
