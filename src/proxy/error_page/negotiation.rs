//! Content negotiation by `Accept` and `Accept-Language` (RFC 9110 section 12). A malformed field is ignored.

use super::text::PageLanguage;

/// The maximum number of ranges of one field that are parsed. Browsers send about ten.
const MAX_RANGES: usize = 32;

/// A quality value in thousandths, from 0 (not acceptable) to 1000.
type QualityValue = u16;

/// A language range or media range with its weight.
struct WeightedRange<'a> {
    name: &'a str,
    quality: QualityValue,
}

/// Returns the preferred language: the one with the highest weight, the first one of equals, or English if none is
/// acceptable. A range matches its language in every region (RFC 4647 section 3.4), so that `nl-BE` is Dutch.
pub(super) fn language(accept_language: Option<&str>) -> PageLanguage {
    let ranges: Vec<WeightedRange<'_>> = ranges(accept_language).collect();
    let preference = |language: PageLanguage| {
        let weight_of = |name: &str| {
            let named = ranges
                .iter()
                .enumerate()
                .filter(|(_, range)| primary_subtag(range.name).eq_ignore_ascii_case(name));
            // The first range is greater than later ones of the same weight.
            named.map(|(position, range)| (range.quality, std::cmp::Reverse(position))).max()
        };
        weight_of(language.tag()).or_else(|| weight_of("*"))
    };
    // `max_by_key` returns the last of equals, hence the reverse order.
    let accepted =
        PageLanguage::ALL.into_iter().rev().filter_map(|language| Some((preference(language)?, language)));
    let preferred =
        accepted.filter(|((quality, _), _)| *quality > 0).max_by_key(|(preference, _)| *preference);
    preferred.map_or(PageLanguage::English, |(_, language)| language)
}

/// Returns whether JSON is preferred to HTML. If both have the same weight, the more specific range decides:
/// `application/json, */*` prefers JSON, and `*/*` does not.
pub(super) fn prefers_json(accept: Option<&str>) -> bool {
    let ranges: Vec<WeightedRange<'_>> = ranges(accept).collect();
    let json = ["application/json", "application/problem+json"]
        .map(|name| media_type_preference(&ranges, name))
        .into_iter()
        .max();
    json.flatten()
        .is_some_and(|json| json.quality > 0 && Some(json) > media_type_preference(&ranges, "text/html"))
}

/// The preference for a media type. The derived order compares the weight first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct MediaTypePreference {
    quality: QualityValue,
    specificity: u8,
}

/// Returns the preference for `media_type`, which is that of the most specific range (RFC 9110 section 12.5.1).
fn media_type_preference(ranges: &[WeightedRange<'_>], media_type: &str) -> Option<MediaTypePreference> {
    let (kind, _) = media_type.split_once('/')?;
    let specificity = |name: &str| match name.split_once('/')? {
        _ if name.eq_ignore_ascii_case(media_type) => Some(2),
        (of, "*") if of.eq_ignore_ascii_case(kind) => Some(1),
        ("*", "*") => Some(0),
        _ => None,
    };
    let matching = ranges.iter().filter_map(|range| {
        Some(MediaTypePreference { specificity: specificity(range.name)?, quality: range.quality })
    });
    matching.max_by_key(|preference| preference.specificity)
}

fn ranges(field: Option<&str>) -> impl Iterator<Item = WeightedRange<'_>> {
    field.unwrap_or_default().split(',').take(MAX_RANGES).filter_map(weighted_range)
}

/// Parses a range and its weight, and ignores other parameters. A malformed weight counts as 0.
fn weighted_range(element: &str) -> Option<WeightedRange<'_>> {
    let mut parts = element.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    Some(WeightedRange { name, quality: weight.map_or(Some(1000), quality_value).unwrap_or(0) })
}

/// Parses a weight, which is `0` or `1` with at most three decimals (RFC 9110 section 12.4.2).
fn quality_value(weight: &str) -> Option<QualityValue> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: QualityValue = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

fn primary_subtag(language_range: &str) -> &str {
    language_range.split('-').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_with_the_highest_weight_is_selected() {
        for (header, expected) in [
            ("nl", PageLanguage::Dutch),
            ("NL-be", PageLanguage::Dutch),
            ("nl-NL,nl;q=0.9,en-US;q=0.8,en;q=0.7", PageLanguage::Dutch),
            ("en-US,en;q=0.9,nl;q=0.8", PageLanguage::English),
            ("en;q=0.5, nl;q=0.501", PageLanguage::Dutch),
            ("nl, en", PageLanguage::Dutch),
            ("en, nl", PageLanguage::English),
            ("de, nl;q=0.1", PageLanguage::Dutch),
            ("de", PageLanguage::English),
            ("*", PageLanguage::English),
            ("en;q=0, *", PageLanguage::Dutch),
            ("nl;q=0, *", PageLanguage::English),
            ("nl;q=0", PageLanguage::English),
            ("nl;q=2, en;q=0.1", PageLanguage::English),
            ("nl;q=0.1234", PageLanguage::English),
            ("nln", PageLanguage::English),
            ("", PageLanguage::English),
            (",;q=,,", PageLanguage::English),
        ] {
            assert_eq!(language(Some(header)), expected, "{header}");
        }
        assert_eq!(language(None), PageLanguage::English);
    }

    #[test]
    fn json_is_selected_only_if_it_is_preferred_to_html() {
        for (header, expected) in [
            ("application/json", true),
            ("application/problem+json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/json, text/plain, */*", true),
            ("application/json;q=0.9, text/html;q=0.8", true),
            ("application/*", true),
            ("text/html, application/json", false),
            ("text/html, application/json;q=0.9", false),
            ("application/json;q=0.5, */*", false),
            ("application/json;q=0", false),
            ("application/json;q=high", false),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false),
            ("*/*", false),
            ("image/png", false),
            ("", false),
        ] {
            assert_eq!(prefers_json(Some(header)), expected, "{header}");
        }
        assert!(!prefers_json(None));
    }
}
