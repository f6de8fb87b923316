//! No text makes the reader or the rendering of its diagnostics panic.

use super::SMALLEST;
use crate::config::Colour;
use crate::config::schema::ConfigDocument;
use proptest::prelude::*;

/// Pieces of text with a meaning to some parser.
const PIECES: &[&str] = &[
    "[[site]]\n",
    "[[site.path]]\n",
    "[realm.a]\n",
    "[realm]\n",
    "[[realm.a.rule]]\n",
    "[backend.b]\n",
    "[limits]\n",
    "hosts = ",
    "listen = ",
    "path = ",
    "tls = { min = ",
    "account = ",
    "subject = ",
    "shutdown_timeout = ",
    "max_body = ",
    "revocation.mode = ",
    "servers = ",
    "\"",
    "'",
    "\"\"\"",
    "[",
    "]",
    "{",
    "}",
    ",",
    "=",
    ".",
    "\n",
    "\r\n",
    "#",
    "\\u",
    "\u{0}",
    "\u{feff}",
    "é",
    "\"0.0.0.0:443\"",
    "\"http://[\"",
    "\"1h\"",
    "\"1.5KiB\"",
    "\"99999999999999999999EiB\"",
    "0xffff_ffff_ffff_ffff_ff",
    "-1",
    "1e999",
    "inf",
    "1979-05-27",
    "true",
    "\"require\"",
    "\"sub:ject\"",
];

fn is_read_without_a_panic(text: &str) -> Result<(), TestCaseError> {
    let (document, diagnostics) = ConfigDocument::parse("proxy.toml", text);
    prop_assert!(document.is_some() || diagnostics.has_errors());
    prop_assert_eq!(diagnostics.render(Colour::Plain).is_empty(), diagnostics.iter().next().is_none());
    prop_assert!(serde_json::to_value(&diagnostics).is_ok());
    Ok(())
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s).{0,200}") {
        is_read_without_a_panic(&text)?;
    }

    #[test]
    fn no_pile_of_toml_pieces_makes_the_reader_panic(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40),
    ) {
        is_read_without_a_panic(&pieces.concat())?;
    }

    #[test]
    fn no_damage_to_a_good_file_makes_the_reader_panic(
        damage in proptest::collection::vec(
            (any::<proptest::sample::Index>(), 0..12_usize, proptest::sample::select(PIECES)), 1..6,
        ),
    ) {
        let mut letters: Vec<char> = SMALLEST.chars().collect();
        for (place, removed, piece) in damage {
            let start = place.index(letters.len() + 1);
            let end = (start + removed).min(letters.len());
            letters.splice(start..end, piece.chars());
        }
        is_read_without_a_panic(&letters.into_iter().collect::<String>())?;
    }
}
