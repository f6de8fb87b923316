//! The ASCII letters from which other Latin letters are made by a stroke, a bar, a hook, a tail or another form, which
//! Unicode does not decompose.

/// Returns the base of a letter in lower case: `"b"` of ƀ, ɓ and ʙ.
///
/// Generated from the names of Unicode 18: all letters without a decomposition whose name is `LATIN`, `SMALL` or
/// `CAPITAL`, `LETTER` or `LIGATURE`, a form, a base, and `BAR`, `ROTUNDA`, or any words after `WITH`, each optional but
/// the base. A form is small capital, barred, dotless, or one of old scripts (script, insular, blackletter, long,
/// Visigothic, Anglicana, …). A base is one letter, a ligature of two (aa, ae, ao, au, av, ay, ll, oe, oo, ou, tz, vy,
/// th), eth (d) or thorn (th). Turned, reversed and open letters are other letters.
pub(super) fn base_letters(lower: char) -> Option<&'static str> {
    Some(match lower {
        'ᴀ' | 'ᶏ' | 'ⱥ' | '\u{1df40}' | '\u{1df41}' | '\u{1df80}' => "a",
        'ꜳ' => "aa",
        'æ' | 'ᴁ' => "ae",
        'ꜵ' => "ao",
        'ꜷ' => "au",
        'ꜹ' | 'ꜻ' => "av",
        'ꜽ' => "ay",
        'ƀ' | 'ƃ' | 'ɓ' | 'ʙ' | 'ᴃ' | 'ᵬ' | 'ᶀ' | 'ꞗ' => "b",
        'ƈ' | 'ȼ' | 'ɕ' | 'ᴄ' | 'ꞓ' | 'ꞔ' | '𝼝' | '\u{1df90}' | '\u{1df91}' | '\u{1df92}' => "c",
        'ð' | 'đ' | 'ƌ' | 'ȡ' | 'ɖ' | 'ɗ' | 'ᴅ' | 'ᴆ' | 'ᵭ' | 'ᶁ' | 'ᶑ' | 'ꝺ' | 'ꟈ' | '\u{1df25}'
        | '\u{1df2d}' | '\u{1df2f}' | '\u{1df93}' => "d",
        'ɇ' | 'ᴇ' | 'ᶒ' | 'ⱸ' | 'ꬲ' | 'ꬳ' | 'ꬴ' | '\u{1df43}' | '\u{1df81}' => "e",
        'ƒ' | 'ᵮ' | 'ᶂ' | 'ꜰ' | 'ꝼ' | 'ꞙ' | 'ꬵ' => "f",
        'ǥ' | 'ɠ' | 'ɡ' | 'ɢ' | 'ʛ' | 'ᵹ' | 'ᶃ' | 'ꞡ' | 'ꟑ' | 'ꬶ' | '\u{1df30}' | '\u{1df45}' => {
            "g"
        }
        'ħ' | 'ɦ' | 'ʜ' | 'ⱨ' | 'ꞕ' | '\u{1df32}' | '\u{1df46}' | '\u{1df47}' => "h",
        'ɨ' | 'ɪ' | 'ᵻ' | 'ᶖ' | '𝼚' | '\u{1df70}' => "i",
        'ȷ' | 'ɉ' | 'ɟ' | 'ʄ' | 'ʝ' | 'ᴊ' => "j",
        'ƙ' | 'ᴋ' | 'ᶄ' | 'ⱪ' | 'ꝁ' | 'ꝃ' | 'ꝅ' | 'ꞣ' | '\u{1df48}' | '\u{1df49}' => "k",
        'ł' | 'ƚ' | 'ȴ' | 'ɫ' | 'ɬ' | 'ɭ' | 'ʟ' | 'ᴌ' | 'ᶅ' | 'ⱡ' | 'ꝇ' | 'ꝉ' | 'ꞎ' | 'ꬷ' | 'ꬸ' | 'ꬹ'
        | '𝼄' | '𝼑' | '𝼓' | '\u{1df26}' => "l",
        'ỻ' => "ll",
        'ɱ' | 'ᴍ' | 'ᵯ' | 'ᶆ' | 'ꬺ' | '\u{1df4a}' | '\u{1df4b}' | '\u{1df4c}' => "m",
        'ƞ' | 'ȵ' | 'ɲ' | 'ɳ' | 'ɴ' | 'ᵰ' | 'ᶇ' | 'ꞑ' | 'ꞥ' | 'ꬻ' | '\u{1df27}' | '\u{1df4d}'
        | '\u{1df4e}' => "n",
        'ø' | 'ɵ' | 'ᴏ' | 'ⱺ' | 'ꝋ' | 'ꝍ' | 'ꟁ' | 'ꬽ' | 'ꬾ' | '𝼛' | '\u{1df72}' | '\u{1df73}' => {
            "o"
        }
        'œ' | 'ɶ' => "oe",
        'ꝏ' => "oo",
        'ȣ' | 'ᴕ' => "ou",
        'ƥ' | 'ᴘ' | 'ᵱ' | 'ᵽ' | 'ᶈ' | 'ꝑ' | 'ꝓ' | 'ꝕ' => "p",
        'ɋ' | 'ʠ' | 'ꝗ' | 'ꝙ' | 'ꞯ' | '\u{1df34}' => "q",
        'ɍ' | 'ɼ' | 'ɽ' | 'ɾ' | 'ʀ' | 'ᵲ' | 'ᵳ' | 'ᶉ' | 'ꝛ' | 'ꞃ' | 'ꞧ' | '\u{a7e2}' | 'ꭅ' | 'ꭆ' | 'ꭉ'
        | 'ꭋ' | 'ꭌ' | '\u{ab6c}' | '\u{ab6d}' | '𝼖' | '\u{1df28}' | '\u{1df35}' | '\u{1df37}'
        | '\u{1df61}' | '\u{1df94}' => "r",
        'ȿ' | 'ʂ' | 'ᵴ' | 'ᶊ' | 'ẜ' | 'ẝ' | 'ꜱ' | 'ꞅ' | 'ꞩ' | 'ꟊ' | '\u{a7cc}' | '\u{a7cd}' | 'ꟗ' | 'ꟙ'
        | '𝼞' | '\u{1df29}' | '\u{1df96}' => "s",
        'ŧ' | 'ƫ' | 'ƭ' | 'ȶ' | 'ʈ' | 'ᴛ' | 'ᵵ' | 'ⱦ' | 'ꞇ' | '𝼉' | '\u{1df2a}' => "t",
        'þ' | 'ᵺ' | 'ꝥ' | 'ꝧ' => "th",
        'ꜩ' => "tz",
        'ʉ' | 'ᴜ' | 'ᵾ' | 'ᶙ' | 'ꞹ' | 'ꭎ' | 'ꭏ' | 'ꭒ' | '\u{1df7a}' | '\u{1df7b}' | '\u{1df7c}'
        | '\u{1df7d}' => "u",
        'ʋ' | 'ᴠ' | 'ᶌ' | 'ỽ' | 'ⱱ' | 'ⱴ' | 'ꝟ' | '\u{1df39}' | '\u{1df51}' | '\u{1df52}' => "v",
        'ꝡ' => "vy",
        'ᴡ' | 'ⱳ' | 'ꟃ' | '\u{1df3f}' => "w",
        'ᶍ' | 'ꭖ' | 'ꭗ' | 'ꭘ' | 'ꭙ' => "x",
        'ƴ' | 'ɏ' | 'ʏ' | 'ỿ' | 'ꭚ' | '\u{1df55}' => "y",
        'ƶ' | 'ȥ' | 'ɀ' | 'ʐ' | 'ʑ' | 'ᴢ' | 'ᵶ' | 'ᶎ' | 'ⱬ' | 'ꝣ' => "z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes_hooks_and_small_capitals_have_a_base() {
        let letters = [
            ("a", "ⱥᶏᴀ"),
            ("b", "ƀɓʙᴃ"),
            ("c", "ȼƈꞓᴄ"),
            ("d", "đðɖɗ"),
            ("e", "ɇᴇ"),
            ("h", "ħⱨ"),
            ("i", "ɨɪᵻ"),
            ("j", "ɉȷ"),
            ("l", "łƚɫⱡ"),
            ("o", "øɵᴏ"),
            ("p", "ᵽƥ"),
            ("t", "ŧⱦʈ"),
            ("u", "ʉᵾ"),
            ("z", "ƶȥ"),
            ("ae", "æᴁ"),
            ("th", "þꝥ"),
        ];
        for (base, letters) in letters {
            for letter in letters.chars() {
                assert_eq!(base_letters(letter), Some(base), "{letter}");
            }
        }
    }

    #[test]
    fn other_letters_have_none() {
        for letter in "aé1əɐɔŋʃʒßжλ".chars() {
            assert_eq!(base_letters(letter), None, "{letter}");
        }
    }
}
