//! Tests of the lookup of path rules, in particular that no path below a file gets a weaker rule.

use super::*;
use crate::request::{InvalidPath, RequestTarget};
use http::Uri;
use proptest::prelude::*;

/// The paths that RMS clients use ([MS-RMPR] 3.1.4.1), as rules.
const PIPELINES: [&str; 8] = [
    "/_wmcs/certification/certification.asmx",
    "/_wmcs/certification/server.asmx",
    "/_wmcs/certification/ServiceLocator.asmx",
    "/_wmcs/licensing/License.asmx",
    "/_wmcs/licensing/publish.asmx",
    "/_wmcs/licensing/server.asmx",
    "/_wmcs/licensing/ServiceLocator.asmx",
    "/_wmcs/licensing/templateDistribution.asmx",
];

/// Returns a table whose rules are the texts of their patterns.
fn table(case: PathCase, patterns: &[&str]) -> Result<PathTable<String>, Vec<PathTableError>> {
    PathTable::build(
        case,
        patterns.iter().map(|text| (PathPattern::parse(text).unwrap(), (*text).to_owned())),
    )
}

/// Returns the rule and the forwarded path for a raw path, or the error.
fn verdict(table: &PathTable<String>, raw: &str) -> Result<(String, String), String> {
    let path = CanonicalPath::parse(raw, table.case()).map_err(|bad| bad.to_string())?;
    let found = table.find(&path).map_err(|missing| missing.to_string())?;
    Ok((found.rule.clone(), found.forward(&path).to_owned()))
}

fn found(rule: &str, forward: &str) -> Result<(String, String), String> {
    Ok((rule.to_owned(), forward.to_owned()))
}

fn missing(reason: NoPathRule) -> Result<(String, String), String> {
    Err(reason.to_string())
}

#[test]
fn the_most_specific_rule_applies_in_any_order() {
    let mut patterns = ["/*", "/a/*", "/a/b/*", "/a/b/c", "/a/", "/"];
    for _ in 0..patterns.len() {
        patterns.rotate_left(1);
        let table = table(PathCase::Fold, &patterns).unwrap();
        assert_eq!(verdict(&table, "/"), found("/", "/"));
        assert_eq!(verdict(&table, "/x"), found("/*", "/x"));
        assert_eq!(verdict(&table, "/ab/c"), found("/*", "/ab/c"));
        assert_eq!(verdict(&table, "/a/"), found("/a/", "/a/"));
        assert_eq!(verdict(&table, "/a"), found("/a/*", "/a"));
        assert_eq!(verdict(&table, "/a/bc"), found("/a/*", "/a/bc"));
        assert_eq!(verdict(&table, "/a/b"), found("/a/b/*", "/a/b"));
        assert_eq!(verdict(&table, "/a/b/"), found("/a/b/*", "/a/b/"));
        assert_eq!(verdict(&table, "/a/b/d/e/f"), found("/a/b/*", "/a/b/d/e/f"));
        assert_eq!(verdict(&table, "/a/b/c"), found("/a/b/c", "/a/b/c"));
        assert_eq!(verdict(&table, "/a/b/c/"), missing(NoPathRule::BelowExactRule));
        assert_eq!(verdict(&table, "/a/b/c/d"), missing(NoPathRule::BelowExactRule));
    }
}

#[test]
fn no_path_is_found_in_an_empty_table() {
    let table = table(PathCase::Fold, &[]).unwrap();
    for raw in ["/", "/a", "/a/"] {
        assert_eq!(verdict(&table, raw), missing(NoPathRule::NoRule));
    }
}

#[test]
fn an_exact_rule_forwards_its_configured_spelling_and_a_directory_the_canonical_one() {
    let table = table(PathCase::Fold, &["/_wmcs/licensing/License.asmx", "/Scripts/*"]).unwrap();
    let license = "/_wmcs/licensing/License.asmx";
    assert_eq!(verdict(&table, "/_WMCS/LICENSING/license.ASMX"), found(license, license));
    assert_eq!(verdict(&table, "/SCRIPTS/Map.js"), found("/Scripts/*", "/scripts/map.js"));
}

#[test]
fn letter_case_is_significant_if_the_site_specifies_it() {
    let table = table(PathCase::Exact, &["/a/License.asmx", "/a/license.asmx"]).unwrap();
    assert_eq!(verdict(&table, "/a/License.asmx"), found("/a/License.asmx", "/a/License.asmx"));
    assert_eq!(verdict(&table, "/a/license.asmx"), found("/a/license.asmx", "/a/license.asmx"));
    assert_eq!(verdict(&table, "/a/LICENSE.asmx"), missing(NoPathRule::NoRule));
}

#[test]
fn a_duplicate_pattern_is_an_error() {
    let faults = table(PathCase::Fold, &["/a/b", "/c/*", "/A/B", "/C/*"]).unwrap_err();
    let twice =
        |pattern: &str, first, again| PathTableError::Duplicate { pattern: pattern.into(), first, again };
    assert_eq!(faults, [twice("/A/B", 0, 2), twice("/C/*", 1, 3)]);
}

#[test]
fn a_directory_at_or_below_an_exact_rule_is_an_error() {
    let faults = table(PathCase::Fold, &["/a/b/c/*", "/A", "/x/*", "/x", "/a/d/*"]).unwrap_err();
    let unreachable =
        |directory: &str, directory_position, exact: &str, exact_position| PathTableError::Unreachable {
            directory: directory.into(),
            exact: exact.into(),
            directory_position,
            exact_position,
        };
    let expected = [
        unreachable("/x/*", 2, "/x", 3),
        unreachable("/a/b/c/*", 0, "/A", 1),
        unreachable("/a/d/*", 4, "/A", 1),
    ];
    assert_eq!(faults, expected);
}

#[test]
fn no_path_below_a_file_gets_a_weaker_rule() {
    let suffixes = [
        "/",
        "/x",
        "/AcquireLicense",
        "/x/",
        "/x/y",
        "/x.asmx",
        "/x.js",
        "/eurl.axd/0123456789abcdef/",
        "/-",
        "/_",
    ];
    let broader = ["/*", "/_wmcs/*", "/_wmcs/certification/*", "/_wmcs/licensing/*"];
    // With a wildcard script map, files without extension run scripts too (KB 275601).
    let exact_rules = PIPELINES.iter().copied().chain(["/_wmcs/certification/service", "/service"]);
    let mut checked = 0;
    for (exact, combination) in exact_rules.flat_map(|exact| (0_u8..16).map(move |bits| (exact, bits))) {
        let chosen =
            broader.iter().enumerate().filter(|(i, _)| combination >> i & 1 == 1).map(|(_, rule)| *rule);
        let patterns: Vec<&str> = chosen.chain([exact]).collect();
        for case in [PathCase::Fold, PathCase::Exact] {
            let table = table(case, &patterns).unwrap();
            assert_eq!(verdict(&table, exact), found(exact, exact));
            for suffix in suffixes {
                let path = CanonicalPath::parse(&format!("{exact}{suffix}"), case).unwrap();
                let missing = table.find(&path).unwrap_err();
                assert!(missing != NoPathRule::NoRule, "{patterns:?} {path}");
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 10 * 16 * 2 * 10);
}

#[test]
fn no_path_below_a_file_is_found_in_a_directory() {
    let table = table(PathCase::Fold, &["/*"]).unwrap();
    for raw in ["/_wmcs/licensing/license.asmx/x", "/license.asmx/", "/a.b/c/d"] {
        assert_eq!(verdict(&table, raw), missing(NoPathRule::BelowFile));
    }
}

/// Returns spellings of `/_wmcs/licensing/license.asmx` that once bypassed a check of IIS, ASP.NET, http.sys or a proxy.
fn hostile_spellings() -> Vec<Vec<u8>> {
    let texts = [
        "/_WMCS/Licensing/LICENSE.ASMX",
        "/%5fwmcs/licensing/license%2easmx",
        "/_wmcs/licensing%2flicense.asmx",
        "/_wmcs/licensing%2Flicense.asmx",
        "/_wmcs%5clicensing%5Clicense.asmx",
        "/_wmcs/licensing/%2e%2e/licensing/license.asmx",
        "/_wmcs/licensing/%252e%252e/license.asmx",
        "/_wmcs/licensing/license%25%32%65asmx",
        "/%u005fwmcs/licensing/license.asmx",
        "/_wmcs%u2215licensing/license.asmx",
        "/_wmcs%u002flicensing/license.asmx",
        "/_wmcs\\licensing\\license.asmx",
        "\\_wmcs\\licensing\\license.asmx",
        "//_wmcs///licensing//license.asmx",
        "//_wmcs/licensing/license.asmx",
        "/_wmcs/licensing//license.asmx",
        "/x/../_wmcs/licensing/./license.asmx",
        "/_wmcs/./licensing/license.asmx",
        "/_wmcs/licensing/x/../license.asmx",
        "/../_wmcs/licensing/license.asmx",
        "/_wmcs/licensing/license.asmx.",
        "/_wmcs/licensing/license.asmx..",
        "/_wmcs/licensing/license.asmx...",
        "/_wmcs/licensing/license.asmx%20",
        "/_wmcs/licensing/license.asmx ",
        "/_wmcs./licensing/license.asmx",
        "/_wmcs/licensing/license.asmx::$DATA",
        "/_wmcs/licensing/license.asmx:$DATA",
        "/_wmcs::$INDEX_ALLOCATION/licensing/license.asmx",
        "/_wmcs:$I30:$INDEX_ALLOCATION/licensing/license.asmx",
        "/_wmcs/LICENS~1/license.asmx",
        "/_wmcs/licensing/LICENS~1.ASM",
        "/_wmcs/licensing/license.asmx/AcquireLicense",
        "/_wmcs/licensing/license.asmx/",
        "/_wmcs/licensing/license.asmx//",
        "/(S(a))/_wmcs/licensing/license.asmx",
        "/_wmcs/(S(a))/licen/(S(a))sing/license.asmx",
        "/(abcdefghijklmnopqrstuvwx)/_wmcs/licensing/license.asmx",
        "/%28S%28a%29%29/_wmcs/licensing/license.asmx",
        "/_wmcs/licensing/license.asmx;x",
        "/_wmcs/licensing/license.asmx;.jpg",
        "/_wmcs/licensing/license.asmx;jsessionid=1",
        "/_wmcs/licensing/license.asmx%3bx",
        "/_wmcs%c0%aflicensing/license.asmx",
        "/_wmcs%e0%80%aflicensing/license.asmx",
        "/_wmcs/licensing/\u{ff4c}icense.asmx",
        "/_wmcs/licensing/\u{212a}.asmx",
        "/_wmcs/licensing/%ef%bd%8cicense.asmx",
        "/_wmcs/licensing/license.asmx%00",
        "/_wmcs/licensing/license.asmx%00.jpg",
        "/_wmcs/licensing/license.asmx%7f",
        "/_wmcs/licensing/license.asmx\0",
        "/_wmcs/licensing/license.asmx\u{7f}",
        "/_wmcs/licensing/license.asmx\t",
        "http://evil.example/_wmcs/licensing/license.asmx",
        "https://rms.example/_wmcs/licensing/license.asmx",
        "https://rms.example//_wmcs/licensing/license.asmx",
        "*",
        "rms.example:443",
        "",
        "/_wmcs/licensing/license.asmx?wsdl",
        "/_wmcs/licensing/license.asmx?x=/../..",
        "/_wmcs/licensing/license.asmx?",
        "/_wmcs/licensing/+license.asmx",
        "/_wmcs/licensing/license+.asmx",
        " /_wmcs/licensing/license.asmx",
        "/_wmcs/licensing/license.asmx#x",
        "/_wmcs/licensing/license.asmx%23x",
        "/_wmcs/licensing/lic ense.asmx",
        "/_wmcs/licensingexternal/license.asmx",
        "/_wmcs/licensing/license.asmx/eurl.axd/0123456789abcdef0123456789abcdef/",
        "/_wmcs/licensing/license.asmx&x",
        "/_wmcs/licensing/license.asmx<x>",
        "/_wmcs/licensing/license.asmx*",
        "/_wmcs/licensing/license.asmx|x",
    ];
    let long = format!("/_wmcs/licensing/license.asmx/{}", "a".repeat(16 * 1024));
    let overlong_raw = b"/_wmcs\xc0\xaflicensing/license.asmx".to_vec();
    let invalid_utf8 = b"/_wmcs/licensing/license.asmx\xff".to_vec();
    texts
        .iter()
        .map(|text| text.as_bytes().to_vec())
        .chain([long.into_bytes(), overlong_raw, invalid_utf8])
        .collect()
}

/// Returns the result for the request target of a request line: 400, 404, or the rule and the forwarded path.
fn verdict_of_target(table: &PathTable<String>, target: &[u8]) -> Result<(String, String), u16> {
    let uri = Uri::try_from(target).map_err(|_| 400_u16)?;
    let raw_path = RequestTarget::parse(&uri).map_err(|_: InvalidPath| 400_u16)?.raw_path().to_owned();
    let path = CanonicalPath::parse(&raw_path, table.case()).map_err(|_| 400_u16)?;
    let found = table.find(&path).map_err(|_| 404_u16)?;
    Ok((found.rule.clone(), found.forward(&path).to_owned()))
}

#[test]
fn every_hostile_spelling_is_rejected_or_treated_as_the_canonical_path() {
    let license = "/_wmcs/licensing/license.asmx";
    let strict = table(PathCase::Fold, &PIPELINES).unwrap();
    let with_weaker_rules =
        table(PathCase::Fold, &[license, "/*", "/_wmcs/*", "/_wmcs/licensing/*"]).unwrap();
    for target in hostile_spellings() {
        let shown = String::from_utf8_lossy(&target).into_owned();
        let of_file = |table: &PathTable<String>| verdict_of_target(table, license.as_bytes());
        match verdict_of_target(&strict, &target) {
            Err(status) => assert!(matches!(status, 400 | 404), "{shown}"),
            found => assert_eq!(found, of_file(&strict), "{shown}"),
        }
        match verdict_of_target(&with_weaker_rules, &target) {
            Err(status) => assert!(matches!(status, 400 | 404), "{shown}"),
            // A directory of its own, not a spelling of this file.
            Ok((rule, _)) if shown.contains("licensingexternal") => assert_eq!(rule, "/_wmcs/*"),
            found => assert_eq!(found, of_file(&with_weaker_rules), "{shown}"),
        }
    }
}

#[test]
fn a_path_below_a_file_is_404_and_a_malformed_one_400() {
    let table = table(PathCase::Fold, &PIPELINES).unwrap();
    let status = |target: &str| verdict_of_target(&table, target.as_bytes()).unwrap_err();
    assert_eq!(status("/_wmcs/licensing/license.asmx/AcquireLicense"), 404);
    assert_eq!(status("/_wmcs/licensing/license.asmx/"), 404);
    assert_eq!(status("/_wmcs/licensingexternal/license.asmx"), 404);
    assert_eq!(status("/_wmcs/licensing/license%2easmx"), 400);
    assert_eq!(status("/_wmcs//licensing/license.asmx"), 400);
    assert_eq!(status("/x/../_wmcs/licensing/license.asmx"), 400);
}

proptest! {
    #[test]
    fn the_result_does_not_depend_on_letter_case(
        raw in "(/(_wmcs|licensing|a|license\\.asmx|b\\.c)){1,4}/?", flips: u64,
    ) {
        let rules = ["/*", "/_wmcs/licensing/*", "/_wmcs/licensing/License.asmx", "/a/b.c"];
        let table = table(PathCase::Fold, &rules).unwrap();
        let flip = |(i, letter): (usize, char)| {
            if flips >> (i % 64) & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
        };
        let flipped: String = raw.chars().enumerate().map(flip).collect();
        prop_assert_eq!(verdict(&table, &raw), verdict(&table, &flipped));
    }

    #[test]
    fn the_lookup_agrees_with_a_search_of_all_rules(
        raw in "(/[ab]{1,2}){0,4}/?", rules in prop::collection::hash_set("(/[ab]){0,3}(/\\*)?", 0..6),
    ) {
        let patterns: Vec<&str> = rules.iter().map(String::as_str).filter(|rule| !rule.is_empty()).collect();
        let Ok(table) = table(PathCase::Exact, &patterns) else { return Ok(()) };
        let Ok(path) = CanonicalPath::parse(&raw, PathCase::Exact) else { return Ok(()) };
        let below = |directory: &str| raw == directory || raw.starts_with(&format!("{directory}/"));
        let exact = patterns.iter().find(|pattern| **pattern == raw);
        let ends_above = patterns.iter().any(|pattern| !pattern.ends_with("/*") && below(pattern));
        let directories = patterns.iter().filter(|pattern| pattern.strip_suffix("/*").is_some_and(below));
        let expected = match exact {
            Some(pattern) => Some(*pattern),
            None if ends_above => None,
            None => directories.max_by_key(|pattern| pattern.len()).copied(),
        };
        prop_assert_eq!(table.find(&path).ok().map(|found| found.rule.as_str()), expected);
    }
}
