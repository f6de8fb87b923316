//! The texts of every denial in every language: what happened and what the reader can do, for a person who has never
//! heard of a gateway. They never name servers, files, rules or data of others.

mod dutch;
mod english;

use super::text::{Hint, Labels, Words};
use crate::policy::DenialId;

/// A language that answers are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locale {
    English,
    Dutch,
}

impl Locale {
    /// All of them. The first is used where nothing else is wanted.
    pub(super) const ALL: [Self; 2] = [Self::English, Self::Dutch];

    /// The language tag (RFC 5646).
    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Dutch => "nl",
        }
    }

    /// What to say about this denial.
    pub(super) const fn words(self, denial: DenialId) -> Words {
        match self {
            Self::English => english::words(denial),
            Self::Dutch => dutch::words(denial),
        }
    }

    /// What to say about this hint.
    pub(super) const fn hint(self, hint: Hint) -> &'static str {
        match self {
            Self::English => english::hint(hint),
            Self::Dutch => dutch::hint(hint),
        }
    }

    /// The page's own words.
    pub(super) const fn labels(self) -> Labels {
        match self {
            Self::English => english::LABELS,
            Self::Dutch => dutch::LABELS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const HINTS: [Hint; 3] = [Hint::Tls13WithoutPss, Hint::PasswordTaken, Hint::CardProofEnded];

    #[test]
    fn every_denial_has_whole_sentences_in_every_language() {
        for (locale, denial) in Locale::ALL.iter().flat_map(|l| DenialId::ALL.iter().map(move |d| (*l, *d))) {
            let Words { title, what, steps } = locale.words(denial);
            assert!(!title.is_empty() && !title.ends_with('.'), "{denial} {locale:?}: {title}");
            assert!(!steps.is_empty(), "{denial} {locale:?} says nothing to do");
            for sentence in steps.iter().chain([&what]) {
                assert!(sentence.ends_with('.') && sentence.len() > 8, "{denial} {locale:?}: {sentence}");
                assert_eq!(sentence.trim(), *sentence, "{denial} {locale:?}");
                assert!(!sentence.contains("  "), "{denial} {locale:?}: {sentence}");
            }
        }
    }

    #[test]
    fn no_text_stands_in_both_languages() {
        let all = |locale: Locale| -> HashSet<&str> {
            let of = |denial: &DenialId| {
                let words = locale.words(*denial);
                words.steps.iter().copied().chain([words.title, words.what]).collect::<Vec<_>>()
            };
            DenialId::ALL.iter().flat_map(of).chain(HINTS.map(|hint| locale.hint(hint))).collect()
        };
        let common: Vec<_> = all(Locale::English).intersection(&all(Locale::Dutch)).copied().collect();
        assert_eq!(common, Vec::<&str>::new());
    }

    #[test]
    fn no_two_denials_have_the_same_title() {
        for locale in Locale::ALL {
            let titles: HashSet<&str> =
                DenialId::ALL.iter().map(|denial| locale.words(*denial).title).collect();
            assert_eq!(titles.len(), DenialId::ALL.len(), "{locale:?}");
        }
    }
}
