//! Suggestions of a known word for an unknown one. A wrong suggestion costs an operator more than none.

/// Longer than any key or name; longer words are not compared.
const LONGEST_WORD: usize = 64;

/// Returns the candidate nearest to `word`, if it is near enough to be a typing error.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = folded(word);
    if written.is_empty() || written.len() > LONGEST_WORD {
        return None;
    }
    // A word of two letters may have no wrong one, otherwise any other word would match.
    let length = word.chars().count();
    let allowed = (length / 3).min(3);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST_WORD)
        // The distance is at least the difference in length.
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= allowed)
        .map(|candidate| (strsim::damerau_levenshtein(&written, &folded(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Case and the choice between `-`, `_` and a space do not count.
fn folded(word: &str) -> String {
    word.to_ascii_lowercase().replace(['-', ' '], "_")
}

/// Returns the help for an unknown `word`: the nearest of the known words, or `otherwise` if none is near.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    nearest(word, known).map_or_else(otherwise, |near| format!("did you mean {near:?}?"))
}

/// Returns the words as a list to choose from: `"a", "b" or "c"`.
pub(crate) fn alternatives<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
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
    fn a_typing_error_is_recognised() {
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
    fn alternatives_are_listed_as_in_a_sentence() {
        assert_eq!(alternatives(["a", "b", "c"]), r#""a", "b" or "c""#);
        assert_eq!(alternatives(["a"]), r#""a""#);
    }
}
