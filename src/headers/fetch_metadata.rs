//! Whether a browser sends a request on behalf of another site's page (cross-site request forgery).
//!
//! A client certificate is ambient authority: the browser presents it with any request, so a page of another site could
//! have a user's browser call a protected path as that user. Browsers report who started a request in two headers that
//! scripts cannot set: `Origin` (Fetch 3.2, all browsers, on every POST and every cross-origin request with CORS) and
//! `Sec-Fetch-Site` (Fetch Metadata 2.3, since 2020-2023, on every request to HTTPS). RMS clients, .NET and curl send
//! neither; they run no pages, so they need no protection.

use crate::request::{Authority, HostPattern};
use http::header::ORIGIN;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const HTTPS_PORT: u16 = 443;

/// The site whose page started a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FetchSite {
    /// This site, the user by address bar or bookmark, or a program that is not a browser.
    SameOriginOrNotABrowser,
    /// Another site.
    OtherSite {
        /// The header that shows it.
        evidence: CrossSiteEvidence,
    },
}

/// How a request was recognized as cross-site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossSiteEvidence {
    /// `Origin` names another host, scheme or port, or cannot be read.
    ForeignOrigin,
    /// `Origin` is `null`: a sandboxed frame, a local file, or a redirect through another site.
    NullOrigin,
    /// More than one `Origin`, which no browser sends.
    SeveralOrigins,
    /// No `Origin`, and `Sec-Fetch-Site` is neither `same-origin` nor `none`.
    FetchMetadata,
}

impl fmt::Display for CrossSiteEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ForeignOrigin => "Origin names another site",
            Self::NullOrigin => "Origin is null",
            Self::SeveralOrigins => "the request has more than one Origin",
            Self::FetchMetadata => "Sec-Fetch-Site reports another site",
        })
    }
}

/// Compares a request's headers with the hosts of its site and the authority that it requested.
///
/// `Origin` has precedence, since it names the site: it must be `https`, one of `site_hosts`, and the requested port. A
/// `same-site` request without `Origin` is cross-site too: other hosts of a domain, or other ports of a host, are often
/// run by other parties.
pub(crate) fn fetch_site(
    headers: &HeaderMap,
    site_hosts: &[HostPattern],
    requested: &Authority,
) -> FetchSite {
    let mut origins = headers.get_all(ORIGIN).into_iter();
    let evidence = match (origins.next(), origins.next()) {
        (Some(_), Some(_)) => Some(CrossSiteEvidence::SeveralOrigins),
        (Some(origin), None) if origin == "null" => Some(CrossSiteEvidence::NullOrigin),
        (Some(origin), None) => {
            (!is_own_origin(origin, site_hosts, requested)).then_some(CrossSiteEvidence::ForeignOrigin)
        }
        (None, _) => (!is_own_fetch(headers)).then_some(CrossSiteEvidence::FetchMetadata),
    };
    match evidence {
        Some(evidence) => FetchSite::OtherSite { evidence },
        None => FetchSite::SameOriginOrNotABrowser,
    }
}

fn is_own_origin(origin: &HeaderValue, site_hosts: &[HostPattern], requested: &Authority) -> bool {
    let authority = origin.to_str().ok().and_then(|origin| origin.strip_prefix("https://"));
    let Some(Ok(authority)) = authority.map(Authority::parse) else { return false };
    let port = |authority: &Authority| authority.port().unwrap_or(HTTPS_PORT);
    port(&authority) == port(requested) && site_hosts.iter().any(|host| host.matches(authority.host()))
}

fn is_own_fetch(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all(SEC_FETCH_SITE).into_iter();
    sites.all(|site| site == "same-origin" || site == "none")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site_of(lines: &[(&'static str, &'static str)]) -> FetchSite {
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
    fn a_program_that_is_not_a_browser_is_allowed() {
        assert_eq!(site_of(&[("user-agent", "MSIPC")]), FetchSite::SameOriginOrNotABrowser);
    }

    #[test]
    fn the_sites_own_pages_are_allowed() {
        for origin in [
            "https://rms.example",
            "https://rms.example:443",
            "https://a.apps.example",
            "https://RMS.example",
        ] {
            assert_eq!(site_of(&[("origin", origin)]), FetchSite::SameOriginOrNotABrowser, "{origin}");
        }
        for site in ["same-origin", "none"] {
            assert_eq!(site_of(&[("sec-fetch-site", site)]), FetchSite::SameOriginOrNotABrowser, "{site}");
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
            assert_eq!(site_of(&[("origin", origin)]), other(CrossSiteEvidence::ForeignOrigin), "{origin}");
        }
        assert_eq!(site_of(&[("origin", "null")]), other(CrossSiteEvidence::NullOrigin));
    }

    #[test]
    fn same_origin_fetch_metadata_does_not_excuse_a_foreign_origin() {
        let lines = [("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")];
        assert_eq!(site_of(&lines), other(CrossSiteEvidence::ForeignOrigin));
    }

    #[test]
    fn two_origins_are_another_site() {
        let lines = [("origin", "https://rms.example"), ("origin", "https://evil.example")];
        assert_eq!(site_of(&lines), other(CrossSiteEvidence::SeveralOrigins));
    }

    #[test]
    fn without_origin_the_fetch_metadata_are_decisive() {
        for site in ["cross-site", "same-site", "Same-Origin", "", "anything"] {
            assert_eq!(
                site_of(&[("sec-fetch-site", site)]),
                other(CrossSiteEvidence::FetchMetadata),
                "{site}"
            );
        }
        let lines = [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")];
        assert_eq!(site_of(&lines), other(CrossSiteEvidence::FetchMetadata));
    }
}
