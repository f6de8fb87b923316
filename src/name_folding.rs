//! The folded form of a name, in which all spellings that a directory may treat as one name are equal.
//!
//! Only for rules that deny and for counters: a deny rule, an excluded subtree, a count of failed logins. There, two spellings
//! that differ here but not in the directory would bypass the rule. A rule that permits must not use it, because it makes
//! different names equal.

mod base_letters;

use base_letters::base_letters;
use unicode_normalization::UnicodeNormalization;
use unicode_security::skeleton;

/// Folds a name.
///
/// RFC 4518 prepares strings for caseless match: it maps white space, drops invisible characters, normalizes (NFKC),
/// folds case, and leaves out insignificant space. Active Directory compares wider still: without diacritical marks,
/// width and kana type ([MS-UCODEREF], `NORM_IGNORENONSPACE`, `NORM_IGNOREWIDTH`, `NORM_IGNOREKANATYPE`), so that José is
/// Jose. A stroke or a hook through a letter counts as such a mark, and a small capital as its letter. Windows drops dots
/// at the end of names. A letter of another script that looks like an ASCII letter (UTS 39) is that letter: a person who
/// reads a list of names sees no difference.
pub fn fold_name(name: &str) -> String {
    let mut folded = fold_part(name);
    folded.truncate(folded.trim_end_matches(['.', ' ']).len());
    folded
}

/// Folds a part of a name: as [`fold_name`], but dots at its end are kept.
pub fn fold_part(part: &str) -> String {
    let mut letters = String::with_capacity(part.len());
    if part.is_ascii() {
        letters.push_str(&part.to_ascii_lowercase());
    } else {
        part.nfkd()
            .filter(|letter| !is_ignored(*letter))
            .for_each(|letter| push_folded(letter, &mut letters));
    }
    letters.retain(|letter| letter.is_whitespace() || !letter.is_control());
    let words: Vec<&str> = letters.split_whitespace().collect();
    without_space_at_separators(&words.join(" "))
}

/// Removes what Windows ignores beside the separators of a domain, an account name and a UPN suffix: white space, and dots
/// at the end of a part.
fn without_space_at_separators(name: &str) -> String {
    let mut parts = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((part, next)) = rest.find(['\\', '@']).and_then(|end| rest.split_at_checked(end)) {
        parts.push_str(part.trim_end_matches(['.', ' ']));
        let mut next = next.chars();
        parts.extend(next.next());
        rest = next.as_str().trim_start();
    }
    parts.push_str(rest);
    parts
}

/// Whether a directory ignores the mark, or the character is invisible.
fn is_ignored(letter: char) -> bool {
    matches!(letter,
        // Diacritical marks (but the iota subscript, which has a case), Hebrew points, Arabic vowels, sounds of kana.
        '\u{300}'..='\u{344}' | '\u{346}'..='\u{36f}' | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}'
        | '\u{5c4}' | '\u{5c5}' | '\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{6d6}'..='\u{6dc}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{3099}' | '\u{309a}' | '\u{fe20}'..='\u{fe2f}'
        // Soft hyphen, joiners, directions of writing, variation selectors, fillers, tags.
        | '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffc}' | '\u{16fe4}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether the character is drawn as white space without being one: an empty Braille cell, notehead or hieroglyph.
fn is_blank(letter: char) -> bool {
    matches!(letter, '\u{2800}' | '\u{1d159}' | '\u{13441}' | '\u{13442}')
}

/// Folds through upper case, so that letters with two lower cases (s and long s, the two sigmas) become one.
fn push_folded(letter: char, folded: &mut String) {
    let upper = letter.to_lowercase().flat_map(char::to_uppercase);
    for lower in upper.flat_map(char::to_lowercase) {
        match lower {
            // It looks like p, but directories spell it out.
            'þ' => folded.push_str("th"),
            katakana @ '\u{30a1}'..='\u{30f6}' => {
                folded.push(char::from_u32(u32::from(katakana) - 0x60).unwrap_or(katakana));
            }
            lower if is_ignored(lower) => {}
            lower if is_blank(lower) => folded.push(' '),
            lower => match (resembled(lower), base_letters(lower)) {
                (same, Some(base)) if same == lower => folded.push_str(base),
                (letter, _) => folded.push(letter),
            },
        }
    }
}

/// The ASCII letter or digit that a letter looks like in one of its two cases, or the letter itself.
fn resembled(lower: char) -> char {
    if lower.is_ascii() {
        return lower;
    }
    let forms = [lower].into_iter().chain(lower.to_uppercase());
    let mut prototypes = forms.filter_map(|form| {
        let mut buffer = [0; 4];
        let mut prototype = skeleton(form.encode_utf8(&mut buffer));
        prototype.next().filter(|first| first.is_ascii_alphanumeric() && prototype.next().is_none())
    });
    prototypes.next().map_or(lower, |prototype| prototype.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_spellings_of_one_name_have_one_folded_form() {
        for (folded, spellings) in [
            (
                "contoso ltd",
                &[
                    "Contoso Ltd",
                    "CONTOSO  LTD.",
                    " contoso\tltd ",
                    "Contoso\u{a0}Ltd",
                    "Con\u{ad}toso\u{200b} Ltd",
                ][..],
            ),
            (
                "contoso",
                &[
                    "Ｃｏｎｔｏｓｏ",
                    "сontоsо",
                    "Cοntοsο",
                    "𝐂𝐨𝐧𝐭𝐨𝐬𝐨",
                    "contoso..",
                    "contoso .",
                    "contoso\u{feff}",
                ],
            ),
            ("cafe", &["Café", "Cafe\u{301}", "CAFÉ", "CAFE\u{301}", "cafe"]),
            ("strasse", &["Straße", "STRASSE", "STRAẞE", "ſtraſſe"]),
            ("aether th o l d", &["Æther Þ Ø Ł Đ", "æther þ ø ł đ"]),
            ("oedhtoe", &["ŒÐĦŦŒ", "œðħŧœ"]),
            ("abchijlopsuz", &["ⱥƀȼħɨɉłɵᵽꞩʉƶ", "ȺɃȻĦƗɈŁƟⱣꞨɄƵ", "ᴀʙᴄʜɪᴊʟᴏᴘꜱᴜᴢ"]),
            ("bcekhu", &["ɓꞓɇƙɦꭎ", "ɓꞓɇ\u{a740}ɦʉ"]),
            ("con toso", &["Con\u{2800}toso", "con toso\u{2800}", "con\u{1d159}toso"]),
            ("istanbul", &["İstanbul", "ISTANBUL", "ıstanbul"]),
            ("boh", &["ВОН", "вон", "BOH"]),
            ("かすう", &["カズウ", "がすう", "ｶｽｳ"]),
            ("corp\\alice", &["CORP\\alice", "corp\\ＡLICE"]),
            ("corp\\alice", &["CORP \\ alice", " corp.\\\talice ."]),
            (
                "alice@corp.example",
                &["alice @corp.example", "alice@ corp.example", "Alice.\u{1} @\u{a0}CORP.example."],
            ),
            ("a b", &["a \u{1} b"]),
            ("", &["", " ", ".", "\u{200b}"]),
        ] {
            for spelling in spellings {
                assert_eq!(fold_name(spelling), folded, "{spelling:?}");
            }
        }
    }

    #[test]
    fn names_that_differ_in_ascii_have_different_folded_forms() {
        let names =
            ["user1", "userl", "useri", "user10", "userlo", "rn", "m", "a b", "ab", "a.b", "a-b", "a_b"];
        for (index, one) in names.iter().enumerate() {
            for other in names.iter().skip(index + 1) {
                assert_ne!(fold_name(one), fold_name(other));
            }
        }
        assert_eq!(fold_part("Ltd. "), "ltd.");
    }

    proptest! {
        #[test]
        fn neither_case_nor_normal_form_changes_the_folded_form(name in "[a-zA-ZäöüßÉéçøØƀɃɨƗʉɄɓⱥʙᴏΑ-Ωα-ωςА-Яа-яё 0-9.@\\\\]{0,20}") {
            let folded = fold_name(&name);
            prop_assert_eq!(fold_name(&name.to_uppercase()), folded.clone());
            prop_assert_eq!(fold_name(&name.to_lowercase()), folded.clone());
            prop_assert_eq!(fold_name(&name.nfd().collect::<String>()), folded.clone());
            prop_assert_eq!(fold_name(&name.nfc().collect::<String>()), folded.clone());
            prop_assert_eq!(fold_name(&folded), folded.clone());
        }

        #[test]
        fn every_name_can_be_folded(name in any::<String>()) {
            fold_name(&name);
        }
    }
}
