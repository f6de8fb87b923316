//! Reads the CRL of one entry from a directory server: anonymously, with one search, and without following referrals.
//!
//! Plain LDAP is sufficient: a CRL is signed, so an attacker who changes it in transit achieves no more than one who
//! interrupts the connection. `ldaps` authenticates the server, not the CRL.

pub(super) mod tls;
mod url;

pub(super) use self::url::{ListedLdapUrl, is_ldap};

use super::error::FetchError;
use crate::ldap::{
    ConnectionError, LdapEntry, LdapError, LdapRefusal, LdapStream, ProtocolError, SearchFilter,
    SearchRequest, SearchScope,
};
use crate::telemetry::display_chain;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

/// The maximum bytes of a message besides the CRL.
const MAXIMUM_ENVELOPE: usize = 64 * 1024;

/// Returns the value that the URL names.
pub(super) async fn read_crl<S: AsyncRead + AsyncWrite + Unpin>(
    url: &ListedLdapUrl,
    stream: S,
    max_bytes: usize,
) -> Result<Bytes, FetchError> {
    let request = SearchRequest {
        base: url.entry.clone(),
        scope: SearchScope::Base,
        filter: SearchFilter::present("objectClass"),
        attributes: vec![url.attribute.clone()],
        size_limit: 1,
    };
    let search = async {
        let mut stream = LdapStream::new(stream, max_bytes.saturating_add(MAXIMUM_ENVELOPE));
        stream.bind_anonymously().await?;
        stream.search(&request).await
    };
    let found = search.await.map_err(|error| fetch_error(url, &error, max_bytes))?;
    match found.entries.as_slice() {
        [entry] if !found.truncated => crl_of(url, entry, max_bytes),
        [] => Err(no_value(url)),
        [_, ..] => Err(broken(url, "the search returned several entries")),
    }
}

/// Returns the only value of the requested attribute: a distribution point has one CRL (RFC 5280 4.2.1.13).
fn crl_of(url: &ListedLdapUrl, entry: &LdapEntry, max_bytes: usize) -> Result<Bytes, FetchError> {
    let named = entry.attributes().filter(|(name, _)| url.requests(name.as_bytes()));
    let mut values = named.flat_map(|(_, values)| values);
    match (values.next(), values.next()) {
        (Some(value), None) if value.len() > max_bytes => Err(FetchError::TooLarge { max_bytes }),
        (Some(value), None) => Ok(value.clone()),
        (Some(_), Some(_)) => Err(broken(url, "the entry has several CRLs")),
        (None, _) => Err(no_value(url)),
    }
}

fn fetch_error(url: &ListedLdapUrl, error: &LdapError, max_bytes: usize) -> FetchError {
    match error {
        LdapError::Protocol(ProtocolError::MessageTooLong { .. } | ProtocolError::TooManyResults { .. }) => {
            FetchError::TooLarge { max_bytes }
        }
        LdapError::Refused { refusal: LdapRefusal::Result { code, .. }, .. }
        | LdapError::Connection(ConnectionError::ServerBusy(LdapRefusal::Result { code, .. })) => {
            FetchError::Directory { host: url.host.clone(), code: *code }
        }
        LdapError::Refused { .. }
        | LdapError::Protocol(_)
        | LdapError::Connection(_)
        | LdapError::Timeout { .. }
        | LdapError::Unsendable(_) => broken(url, &display_chain(error)),
    }
}

fn broken(url: &ListedLdapUrl, reason: &str) -> FetchError {
    FetchError::Broken { host: url.host.clone(), reason: reason.to_owned() }
}

fn no_value(url: &ListedLdapUrl) -> FetchError {
    FetchError::NoValue { host: url.host.clone(), attribute: url.attribute.clone() }
}
