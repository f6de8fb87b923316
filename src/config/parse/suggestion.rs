//! The known word that an unknown one was probably meant to be. A wrong suggestion costs an operator more than none.

/// Longer than any key or name: comparing it with each of them would only cost time.
const LONGEST_WORD: usize = 64;

/// The candidate nearest to `word`, when it is near enough to be a slip of the fingers.
pub(in crate::config) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written = folded(word);
    if written.is_empty() || written.len() > LONGEST_WORD {
        return None;
    }
    // Of two letters, one may not be wrong: any other word would do.
    let allowed = (word.chars().count() / 3).min(3);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST_WORD)
        .map(|candidate| (strsim::damerau_levenshtein(&written, &folded(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Case and the choice between `-`, `_` and a blank are no difference worth a distance.
fn folded(word: &str) -> String {
    word.to_ascii_lowercase().replace(['-', ' '], "_")
}

/// The words as a list to choose from: `"a", "b" or "c"`.
pub(in crate::config) fn alternatives<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut quoted: Vec<String> = words.into_iter().map(|word| format!("{word:?}")).collect();
    match quoted.pop() {
        None => String::new(),
        Some(last) if quoted.is_empty() => last,
        Some(last) => format!("{} or {last}", quoted.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_fingers_is_recognised() {
        let keys = ["realm", "backend", "client_certificate"];
        assert_eq!(nearest("relam", keys), Some("realm"));
        assert_eq!(nearest("Client-Certificate", keys), Some("client_certificate"));
        assert_eq!(nearest("backends", keys), Some("backend"));
    }

    #[test]
    fn another_word_gets_no_suggestion() {
        assert_eq!(nearest("proxy", ["realm", "backend"]), None);
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(nearest("X", ["C", "CN"]), None);
    }

    #[test]
    fn alternatives_are_written_as_a_sentence_lists_them() {
        assert_eq!(alternatives(["a", "b", "c"]), r#""a", "b" or "c""#);
        assert_eq!(alternatives(["a"]), r#""a""#);
    }
}
