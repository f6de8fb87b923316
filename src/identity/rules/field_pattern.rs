//! Patterns of IIS many-to-one rules (`matchCriteria`).
//!
//! `*` matches any number of characters and is allowed only at the start and at the end, as in IIS. A `*` elsewhere is
//! an error, because the pattern would not match as intended.

use crate::name_folding::fold_part;
use thiserror::Error;

/// Whether the case of letters is significant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LetterCase {
    /// `A` differs from `a`: the default of IIS (`compareCaseSensitive`).
    #[default]
    Exact,
    /// `A` equals `a`, in every script.
    Folded,
    /// All spellings that a directory may treat as one name are equal ([`fold_part`]). For rules that deny: one more
    /// space or accent must not evade them.
    AnySpelling,
}

/// The reason for which a text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FieldPatternError {
    /// It has no text, and would match only an empty value.
    #[error("the pattern is empty")]
    Empty,
    /// A `*` is neither first nor last.
    #[error("`*` is only allowed as the first and the last character")]
    StarInside,
}

/// The pattern of a field's value: `Contoso*`, `*Issuing CA`, `*staff*`, `alice`, or `*` for any value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPattern {
    literal: String,
    open_start: bool,
    open_end: bool,
    case: LetterCase,
}

impl FieldPattern {
    /// Parses match criteria.
    ///
    /// # Errors
    /// The text is empty or has a `*` in the middle.
    pub fn parse(text: &str, case: LetterCase) -> Result<Self, FieldPatternError> {
        if text.is_empty() {
            return Err(FieldPatternError::Empty);
        }
        let (open_start, rest) = text.strip_prefix('*').map_or((false, text), |rest| (true, rest));
        // A single `*` is open at both ends.
        let (open_end, literal) = match rest.strip_suffix('*') {
            Some(literal) => (true, literal),
            None => (rest.is_empty(), rest),
        };
        if literal.contains('*') {
            return Err(FieldPatternError::StarInside);
        }
        let mut folded = fold(literal, case);
        if case == LetterCase::AnySpelling && !folded.is_empty() {
            if open_start && literal.starts_with(char::is_whitespace) {
                folded.insert(0, ' ');
            }
            if open_end && literal.ends_with(char::is_whitespace) {
                folded.push(' ');
            }
        }
        Ok(Self { literal: folded, open_start, open_end, case })
    }

    /// Returns whether the pattern matches the whole of `text`.
    pub fn matches(&self, text: &str) -> bool {
        if self.case == LetterCase::AnySpelling {
            return self.matches_folded(text);
        }
        let text = fold(text, self.case);
        match (self.open_start, self.open_end) {
            (false, false) => text == self.literal,
            (true, false) => text.ends_with(&self.literal),
            (false, true) => text.starts_with(&self.literal),
            (true, true) => text.contains(&self.literal),
        }
    }

    /// Returns whether the pattern matches any spelling of `text`. A space of the pattern at an open end also matches
    /// the end of the text, as in substring matches of directories (RFC 4518 2.6.1): `Contoso *` matches `Contoso`.
    /// Dots at a closed end are ignored, as at the end of a name.
    fn matches_folded(&self, text: &str) -> bool {
        let text = fold_part(text);
        let closed_end = |text: &str| text.trim_end_matches(['.', ' ']).to_owned();
        match (self.open_start, self.open_end) {
            (false, false) => closed_end(&text) == closed_end(&self.literal),
            (true, false) => format!(" {}", closed_end(&text)).ends_with(&closed_end(&self.literal)),
            (false, true) => format!("{text} ").starts_with(&self.literal),
            (true, true) => format!(" {text} ").contains(&self.literal),
        }
    }
}

fn fold(text: &str, case: LetterCase) -> String {
    match case {
        LetterCase::Exact => text.to_owned(),
        LetterCase::Folded => text.to_lowercase(),
        LetterCase::AnySpelling => fold_part(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Matches a `*` at any position by trying every length for it.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, _) => text.is_empty(),
            (Some(('*', rest)), _) => (0..=text.len()).any(|skipped| naive(rest, &text[skipped..])),
            (Some(_), None) => false,
            (Some((wanted, rest)), Some((found, others))) => wanted == found && naive(rest, others),
        }
    }

    fn matches(pattern: &str, text: &str) -> bool {
        FieldPattern::parse(pattern, LetterCase::Exact).unwrap().matches(text)
    }

    #[test]
    fn a_pattern_without_a_star_matches_the_whole_text_only() {
        assert!(matches("Contoso", "Contoso"));
        assert!(!matches("Contoso", "Contoso Ltd"));
        assert!(!matches("Contoso", "contoso"));
    }

    #[test]
    fn a_single_star_matches_any_text() {
        assert!(matches("*", ""));
        assert!(matches("*", "anything"));
        assert!(matches("**", "anything"));
    }

    #[test]
    fn letters_beyond_ascii_are_folded_too() {
        let pattern = FieldPattern::parse("*ÉCOLE*", LetterCase::Folded).unwrap();
        assert!(pattern.matches("La école normale"));
    }

    #[test]
    fn a_pattern_of_any_spelling_is_not_evaded_by_another_spelling() {
        let matches =
            |pattern, text| FieldPattern::parse(pattern, LetterCase::AnySpelling).unwrap().matches(text);
        for (pattern, texts) in [
            (
                "Contoso Ltd",
                &["contoso  ltd", " Contoso Ltd.", "Contoso\u{a0}Ltd", "Cóntoso Ltd", "Соntoso Ltd"][..],
            ),
            ("Contoso*", &["CONTOSO Ltd", " contoso", "Ｃontoso"]),
            ("Contoso *", &["Contoso Ltd", "Contoso", "contoso\u{3000}Ltd"]),
            ("*Ltd.", &["Contoso Ltd", "Ltd", "Contoso LTD. "]),
            ("* Staff *", &["Staff", "x staff", "x \u{200b} staff  y"]),
            ("*", &["", "anything"]),
            ("* *", &["", "anything"]),
        ] {
            for text in texts {
                assert!(matches(pattern, text), "{pattern:?} {text:?}");
            }
        }
        for (pattern, text) in [
            ("Contoso", "Contoso Ltd"),
            ("Contoso *", "Contosos"),
            ("* Staff *", "staffing"),
            ("*Ltd", "Ltd x"),
        ] {
            assert!(!matches(pattern, text), "{pattern:?} {text:?}");
        }
    }

    #[test]
    fn a_star_in_the_middle_and_an_empty_pattern_are_errors() {
        assert_eq!(FieldPattern::parse("a*b", LetterCase::Exact), Err(FieldPatternError::StarInside));
        assert_eq!(FieldPattern::parse("***", LetterCase::Exact), Err(FieldPatternError::StarInside));
        assert_eq!(FieldPattern::parse("", LetterCase::Exact), Err(FieldPatternError::Empty));
    }

    proptest! {
        #[test]
        fn a_pattern_of_any_spelling_matches_every_text_that_the_exact_pattern_matches(
            pattern in "\\*?[aA .é\u{301}\u{200b}ß]{0,4}\\*?", text in "[aA .é\u{301}\u{200b}ß]{0,7}"
        ) {
            prop_assume!(!pattern.is_empty());
            let of = |case| FieldPattern::parse(&pattern, case).unwrap().matches(&text);
            prop_assert!(of(LetterCase::AnySpelling) || !of(LetterCase::Exact) && !of(LetterCase::Folded));
        }

        #[test]
        fn a_pattern_matches_what_a_naive_matcher_matches(
            pattern in "\\*?[ab]{0,4}\\*?", text in "[ab]{0,7}"
        ) {
            prop_assume!(!pattern.is_empty());
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &text), naive(&chars(&pattern), &chars(&text)));
        }

        #[test]
        fn no_pattern_and_no_text_cause_a_panic(pattern in any::<String>(), text in any::<String>()) {
            for case in [LetterCase::Exact, LetterCase::Folded, LetterCase::AnySpelling] {
                if let Ok(pattern) = FieldPattern::parse(&pattern, case) {
                    pattern.matches(&text);
                }
            }
        }
    }
}
