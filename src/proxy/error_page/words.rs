//! The texts of all denials in all languages, for users without technical knowledge. They contain no names of servers, files
//! or rules, and no data of other users.

mod dutch;
mod english;

use super::text::{DenialHint, DenialText, PageLabels, PageLanguage};
use crate::policy::DenialId;

/// Returns the text about `denial` in `language`.
pub(super) const fn denial_text(language: PageLanguage, denial: DenialId) -> DenialText {
    match language {
        PageLanguage::English => english::denial_text(denial),
        PageLanguage::Dutch => dutch::denial_text(denial),
    }
}

/// Returns the text of `hint` in `language`.
pub(super) const fn hint_text(language: PageLanguage, hint: DenialHint) -> &'static str {
    match language {
        PageLanguage::English => english::hint_text(hint),
        PageLanguage::Dutch => dutch::hint_text(hint),
    }
}

/// Returns the labels of the HTML page in `language`.
pub(super) const fn labels(language: PageLanguage) -> PageLabels {
    match language {
        PageLanguage::English => english::LABELS,
        PageLanguage::Dutch => dutch::LABELS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const HINTS: [DenialHint; 3] =
        [DenialHint::Tls13WithoutPss, DenialHint::PasswordAccepted, DenialHint::ProofExpired];

    #[test]
    fn every_denial_has_complete_sentences_in_every_language() {
        let languages = PageLanguage::ALL.iter();
        for (language, denial) in languages.flat_map(|l| DenialId::ALL.iter().map(move |d| (*l, *d))) {
            let DenialText { title, explanation, steps } = denial_text(language, denial);
            assert!(!title.is_empty() && !title.ends_with('.'), "{denial} {language:?}: {title}");
            assert!(!steps.is_empty(), "{denial} {language:?} has no steps");
            for sentence in steps.iter().chain([&explanation]) {
                assert!(sentence.ends_with('.') && sentence.len() > 8, "{denial} {language:?}: {sentence}");
                assert_eq!(sentence.trim(), *sentence, "{denial} {language:?}");
                assert!(!sentence.contains("  "), "{denial} {language:?}: {sentence}");
            }
        }
    }

    #[test]
    fn every_text_is_translated() {
        let all = |language: PageLanguage| -> HashSet<&str> {
            let of = |denial: &DenialId| {
                let text = denial_text(language, *denial);
                text.steps.iter().copied().chain([text.title, text.explanation]).collect::<Vec<_>>()
            };
            let hints = HINTS.map(|hint| hint_text(language, hint));
            DenialId::ALL.iter().flat_map(of).chain(hints).collect()
        };
        let common: Vec<_> =
            all(PageLanguage::English).intersection(&all(PageLanguage::Dutch)).copied().collect();
        assert_eq!(common, Vec::<&str>::new());
    }

    #[test]
    fn no_two_denials_have_the_same_title() {
        for language in PageLanguage::ALL {
            let titles: HashSet<&str> =
                DenialId::ALL.iter().map(|denial| denial_text(language, *denial).title).collect();
            assert_eq!(titles.len(), DenialId::ALL.len(), "{language:?}");
        }
    }
}
