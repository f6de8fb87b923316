//! `http` URLs that may be fetched: of an allowed host, without user information.

use super::error::FetchError;
use super::host::normal;
use super::rules::FetchRules;
use http::Uri;
use http::uri::{Authority, PathAndQuery};
use url::Url;

/// A URL whose host is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedUrl {
    /// Without brackets, in lower case.
    pub(super) host: String,
    pub(super) port: u16,
    /// The value of the Host field.
    pub(super) authority: Authority,
    /// The origin-form (RFC 9112 3.2.1).
    pub(super) target: PathAndQuery,
}

impl ListedUrl {
    pub(super) fn parse(text: &str, rules: &FetchRules) -> Result<Self, FetchError> {
        let malformed = || FetchError::MalformedUrl { url: text.to_owned() };
        // The parser rejects LDAP names, and reads a URL without the slashes as an authority.
        let (scheme, rest) = text.split_once(':').ok_or_else(malformed)?;
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(FetchError::Scheme { scheme: scheme.to_ascii_lowercase() });
        }
        if !rest.starts_with("//") {
            return Err(malformed());
        }
        let parts = text.parse::<Uri>().map_err(|_| malformed())?.into_parts();
        let authority = parts.authority.ok_or_else(malformed)?;
        if authority.as_str().contains('@') {
            return Err(malformed());
        }
        let host = normal(authority.host().trim_start_matches('[').trim_end_matches(']'));
        if !rules.allows_host(&host) {
            return Err(FetchError::HostNotListed { host });
        }
        let target = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(Self { host, port: authority.port_u16().unwrap_or(80), authority, target })
    }

    /// Returns the URL in a `Location` (RFC 9110 10.2.2), resolved against this one (RFC 3986 5) and checked like the
    /// first.
    pub(super) fn redirected(&self, location: &str, rules: &FetchRules) -> Result<Self, FetchError> {
        let bad = || FetchError::BadRedirect { host: self.host.clone() };
        let own = Url::parse(&format!("http://{}{}", self.authority, self.target)).map_err(|_| bad())?;
        // An empty reference would be this URL again.
        let location = Some(location).filter(|location| !location.is_empty()).ok_or_else(bad)?;
        let mut url = own.join(location).map_err(|_| bad())?;
        url.set_fragment(None);
        Self::parse(url.as_str(), rules)
    }
}
