//! Content negotiation by `Accept` and `Accept-Language` (RFC 9110 sections 12.4.2, 12.5.1, 12.5.4). A malformed
//! header is ignored.

use super::words::Locale;

/// The most ranges of one header that are looked at; people send about ten.
const RANGES: usize = 32;

/// How much something is liked: 0 (not at all) to 1000.
type Quality = u16;

/// One element of a list header.
struct Range<'a> {
    name: &'a str,
    quality: Quality,
}

/// The language to answer in: the one that is liked best, the earlier of two that are liked alike, English where none
/// is liked. A range stands for its language whatever its region (RFC 4647 3.4): `nl-BE` is Dutch.
pub(super) fn locale(accept_language: Option<&str>) -> Locale {
    let ranges: Vec<Range<'_>> = ranges(accept_language).collect();
    let liked = |locale: Locale| {
        let place_and_quality = |name: &str| {
            let named =
                ranges.iter().enumerate().filter(|(_, range)| primary(range.name).eq_ignore_ascii_case(name));
            // `max_by_key` gives the last of equals, hence the places in reverse.
            named.map(|(place, range)| (range.quality, std::cmp::Reverse(place))).max()
        };
        place_and_quality(locale.tag()).or_else(|| place_and_quality("*"))
    };
    let wanted = Locale::ALL.into_iter().rev().filter_map(|locale| Some((liked(locale)?, locale)));
    let best = wanted.filter(|((quality, _), _)| *quality > 0).max_by_key(|(liked, _)| *liked);
    best.map_or(Locale::English, |(_, locale)| locale)
}

/// Whether JSON is liked better than a page. Of two that are liked alike it is the one that is named more exactly:
/// `application/json, */*` wants JSON, `*/*` a page.
pub(super) fn json_before_page(accept: Option<&str>) -> bool {
    let ranges: Vec<Range<'_>> = ranges(accept).collect();
    let json =
        ["application/json", "application/problem+json"].map(|name| liking(&ranges, name)).into_iter().max();
    json.flatten().is_some_and(|json| json.quality > 0 && Some(json) > liking(&ranges, "text/html"))
}

/// How much a media type is liked, and by how exact a range. The order of the fields is the order of importance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Liking {
    quality: Quality,
    exactness: u8,
}

/// The most exact range that matches decides (RFC 9110 12.5.1).
fn liking(ranges: &[Range<'_>], media_type: &str) -> Option<Liking> {
    let (kind, _) = media_type.split_once('/')?;
    let exactness = |name: &str| match name.split_once('/')? {
        _ if name.eq_ignore_ascii_case(media_type) => Some(2),
        (of, "*") if of.eq_ignore_ascii_case(kind) => Some(1),
        ("*", "*") => Some(0),
        _ => None,
    };
    let matching = ranges
        .iter()
        .filter_map(|range| Some(Liking { exactness: exactness(range.name)?, quality: range.quality }));
    matching.max_by_key(|liking| liking.exactness)
}

fn ranges(header: Option<&str>) -> impl Iterator<Item = Range<'_>> {
    header.unwrap_or_default().split(',').take(RANGES).filter_map(range)
}

/// A range and its weight; parameters other than `q` are not looked at. A weight that cannot be read likes nothing.
fn range(element: &str) -> Option<Range<'_>> {
    let mut parts = element.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    Some(Range { name, quality: weight.map_or(Some(1000), quality).unwrap_or(0) })
}

/// `0`, `1`, or either with at most three decimals (RFC 9110 12.4.2), in thousandths.
fn quality(weight: &str) -> Option<Quality> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: Quality = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

fn primary(language_range: &str) -> &str {
    language_range.split('-').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_that_is_liked_best_is_chosen() {
        for (header, expected) in [
            ("nl", Locale::Dutch),
            ("NL-be", Locale::Dutch),
            ("nl-NL,nl;q=0.9,en-US;q=0.8,en;q=0.7", Locale::Dutch),
            ("en-US,en;q=0.9,nl;q=0.8", Locale::English),
            ("en;q=0.5, nl;q=0.501", Locale::Dutch),
            ("nl, en", Locale::Dutch),
            ("en, nl", Locale::English),
            ("de, nl;q=0.1", Locale::Dutch),
            ("de", Locale::English),
            ("*", Locale::English),
            ("en;q=0, *", Locale::Dutch),
            ("nl;q=0, *", Locale::English),
            ("nl;q=0", Locale::English),
            ("nl;q=2, en;q=0.1", Locale::English),
            ("nl;q=0.1234", Locale::English),
            ("nln", Locale::English),
            ("", Locale::English),
            (",;q=,,", Locale::English),
        ] {
            assert_eq!(locale(Some(header)), expected, "{header}");
        }
        assert_eq!(locale(None), Locale::English);
    }

    #[test]
    fn json_is_chosen_only_when_it_is_liked_better_than_a_page() {
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
            assert_eq!(json_before_page(Some(header)), expected, "{header}");
        }
        assert!(!json_before_page(None));
    }
}
