//! Takes a request's headers, says whether a browser sends it on behalf of another site's page.
//!
//! A card is ambient authority: the browser presents it to whoever asks, so a page of any site could have a person's
//! browser call a governed path as that person. Browsers say who started a request, in two headers that scripts cannot
//! set: `Origin` (Fetch 3.2, all browsers, on every POST and every request across origins with CORS) and
//! `Sec-Fetch-Site` (Fetch Metadata 2.3, since 2020-2023, on every request to HTTPS). RMS clients, .NET and curl send
//! neither: they run no pages, so there is nothing to protect them from.

use crate::request::{Authority, HostPattern};
use http::header::ORIGIN;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const HTTPS_PORT: u16 = 443;

/// Who started a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchSite {
    /// A page of this site, the person by address bar or bookmark, or a program that is no browser.
    SameOriginOrNotABrowser,
    /// A page of another site.
    OtherSite {
        /// The header that says so.
        evidence: CrossSiteEvidence,
    },
}

/// By what a request was seen to come from another site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossSiteEvidence {
    /// `Origin` names another host, scheme or port, or nothing that can be read.
    ForeignOrigin,
    /// `Origin` is `null`: a sandboxed frame, a local file, or a redirect through another site.
    NullOrigin,
    /// More than one `Origin`, which no browser sends.
    SeveralOrigins,
    /// No `Origin`, and `Sec-Fetch-Site` says neither `same-origin` nor `none`.
    FetchMetadata,
}

impl fmt::Display for CrossSiteEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ForeignOrigin => "Origin names another site",
            Self::NullOrigin => "Origin is null",
            Self::SeveralOrigins => "there is more than one Origin",
            Self::FetchMetadata => "Sec-Fetch-Site says another site",
        })
    }
}

/// Takes the request's headers, the hosts of the site that it came to over TLS, and the authority that it asked for.
///
/// `Origin` goes first, since it names the site and the other header does not: `https`, one of `site_hosts`, and the
/// port that was asked for. A `same-site` request without `Origin` is turned away too: other hosts of one's domain, or
/// other ports of one's host, are often run by others.
pub fn fetch_site(headers: &HeaderMap, site_hosts: &[HostPattern], asked: &Authority) -> FetchSite {
    let mut origins = headers.get_all(ORIGIN).into_iter();
    let evidence = match (origins.next(), origins.next()) {
        (Some(_), Some(_)) => Some(CrossSiteEvidence::SeveralOrigins),
        (Some(origin), None) if origin == "null" => Some(CrossSiteEvidence::NullOrigin),
        (Some(origin), None) => {
            (!is_own_origin(origin, site_hosts, asked)).then_some(CrossSiteEvidence::ForeignOrigin)
        }
        (None, _) => (!is_own_fetch(headers)).then_some(CrossSiteEvidence::FetchMetadata),
    };
    match evidence {
        Some(evidence) => FetchSite::OtherSite { evidence },
        None => FetchSite::SameOriginOrNotABrowser,
    }
}

fn is_own_origin(origin: &HeaderValue, site_hosts: &[HostPattern], asked: &Authority) -> bool {
    let authority = origin.to_str().ok().and_then(|origin| origin.strip_prefix("https://"));
    let Some(Ok(authority)) = authority.map(Authority::parse) else { return false };
    let port = |authority: &Authority| authority.port().unwrap_or(HTTPS_PORT);
    port(&authority) == port(asked) && site_hosts.iter().any(|host| host.matches(authority.host()))
}

fn is_own_fetch(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all(SEC_FETCH_SITE).into_iter();
    sites.all(|site| site == "same-origin" || site == "none")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(lines: &[(&'static str, &'static str)]) -> FetchSite {
        let line = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let headers: HeaderMap = lines.iter().map(line).collect();
        let hosts = ["rms.example", "*.apps.example"].map(|host| HostPattern::parse(host).unwrap());
        fetch_site(&headers, &hosts, &Authority::parse("rms.example").unwrap())
    }

    fn other(evidence: CrossSiteEvidence) -> FetchSite {
        FetchSite::OtherSite { evidence }
    }

    #[test]
    fn a_program_that_is_no_browser_is_let_through() {
        assert_eq!(judged(&[("user-agent", "MSIPC")]), FetchSite::SameOriginOrNotABrowser);
    }

    #[test]
    fn the_sites_own_pages_are_let_through() {
        for origin in [
            "https://rms.example",
            "https://rms.example:443",
            "https://a.apps.example",
            "https://RMS.example",
        ] {
            assert_eq!(judged(&[("origin", origin)]), FetchSite::SameOriginOrNotABrowser, "{origin}");
        }
        for site in ["same-origin", "none"] {
            assert_eq!(judged(&[("sec-fetch-site", site)]), FetchSite::SameOriginOrNotABrowser, "{site}");
        }
    }

    #[test]
    fn another_origin_is_another_site() {
        for origin in [
            "https://evil.example",
            "http://rms.example",
            "https://rms.example:8443",
            "https://rms.example.evil.example",
            "https://apps.example",
            "https://a.b.apps.example",
            "https://rms.example/",
            "https://user@rms.example",
            "rms.example",
            "",
            "HTTPS://rms.example",
            "https://rms.example https://evil.example",
            "chrome-extension://abc",
        ] {
            assert_eq!(judged(&[("origin", origin)]), other(CrossSiteEvidence::ForeignOrigin), "{origin}");
        }
        assert_eq!(judged(&[("origin", "null")]), other(CrossSiteEvidence::NullOrigin));
    }

    #[test]
    fn a_kind_word_in_the_second_header_does_not_excuse_a_foreign_origin() {
        let lines = [("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")];
        assert_eq!(judged(&lines), other(CrossSiteEvidence::ForeignOrigin));
    }

    #[test]
    fn two_origins_are_another_site() {
        let lines = [("origin", "https://rms.example"), ("origin", "https://evil.example")];
        assert_eq!(judged(&lines), other(CrossSiteEvidence::SeveralOrigins));
    }

    #[test]
    fn without_origin_the_fetch_metadata_decide() {
        for site in ["cross-site", "same-site", "Same-Origin", "", "anything"] {
            assert_eq!(
                judged(&[("sec-fetch-site", site)]),
                other(CrossSiteEvidence::FetchMetadata),
                "{site}"
            );
        }
        let lines = [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")];
        assert_eq!(judged(&lines), other(CrossSiteEvidence::FetchMetadata));
    }
}
