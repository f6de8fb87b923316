//! Removes from a client's headers those that must not reach a backend. Sets none.

use super::ReservedHeaders;
use super::hop_by_hop::{connection_options, is_hop_by_hop};
use super::reserved_headers::HeaderDisposition;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};

/// How many names were removed, each counted once however many lines it had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemovedHeaders {
    /// Hop-by-hop fields.
    pub hop_by_hop: usize,
    /// Other fields that `Connection` named.
    pub named_by_connection: usize,
    /// Spellings of headers that only the gateway may set.
    pub reserved: usize,
    /// Names with other characters than letters, digits and hyphens.
    pub nonstandard: usize,
    /// Fields that RFC 9110 forbids in trailers; always zero for headers.
    pub forbidden_in_trailers: usize,
}

/// Why a request is rejected because of its headers: 400 `malformed-request`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderRefusal {
    /// `Connection` names an end-to-end field. Removing it would change the user, the target or the length of the request.
    #[error("Connection names the end-to-end field `{name}`")]
    ConnectionNamesEndToEnd {
        /// The field.
        name: HeaderName,
    },
    /// An option of `Connection` is not a field name.
    #[error("Connection has an option that is not a token")]
    ConnectionMalformed,
    /// The body has another coding than `chunked`. The gateway removes the chunks and frames the body again, so the server
    /// would get a coded body without the header that names its coding.
    #[error("Transfer-Encoding is not `chunked`")]
    TransferCoding,
}

/// Fields that `Connection` cannot remove from a request.
const NEVER_NAMED: [HeaderName; 4] = [AUTHORIZATION, HOST, CONTENT_LENGTH, COOKIE];

/// Removes hop-by-hop fields (RFC 9110 7.6.1) and every spelling of the headers that only the gateway may set.
///
/// # Errors
/// For a `Connection` that names `Authorization`, `Host`, `Content-Length` or `Cookie`, or has an option that is not a
/// token, and for a `Transfer-Encoding` other than `chunked`. The headers are then unchanged.
pub(crate) fn strip(
    headers: &mut HeaderMap,
    reserved: &ReservedHeaders,
) -> Result<RemovedHeaders, HeaderRefusal> {
    check_transfer_coding(headers)?;
    let named = named_by_connection(headers)?;
    let mut removed = RemovedHeaders::default();
    for name in named {
        removed.named_by_connection += usize::from(headers.remove(name).is_some());
    }
    remove_by_disposition(headers, reserved, &mut removed);
    Ok(removed)
}

/// Removes the client's `Authorization`; returns whether there was one.
///
/// Every request over a shared connection needs this: NTLM and Negotiate authenticate the connection, not the request
/// (RFC 4559 6), so the next user's request would run as this user.
pub(crate) fn strip_authorization(headers: &mut HeaderMap) -> bool {
    headers.remove(AUTHORIZATION).is_some()
}

/// Joins several `Cookie` lines into one. HTTP/2 allows one for each cookie, HTTP/1.1 only one line, and a server that
/// reads the first line only would lose the others (RFC 9113 8.2.3).
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let lines: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() < 2 {
        return;
    }
    let joined = HeaderValue::from_bytes(&lines.join(&b"; "[..]))
        .expect("the parts are header values, and `; ` is visible ASCII");
    headers.insert(COOKIE, joined);
}

/// Removes all headers that [`ReservedHeaders::disposition`] does not keep. Allocates only if one is removed.
pub(super) fn remove_by_disposition(
    headers: &mut HeaderMap,
    reserved: &ReservedHeaders,
    removed: &mut RemovedHeaders,
) {
    let mut unwanted: Vec<HeaderName> = Vec::new();
    for name in headers.keys() {
        match reserved.disposition(name) {
            HeaderDisposition::Kept => continue,
            HeaderDisposition::HopByHop => removed.hop_by_hop += 1,
            HeaderDisposition::Reserved => removed.reserved += 1,
            HeaderDisposition::Nonstandard => removed.nonstandard += 1,
        }
        unwanted.push(name.clone());
    }
    for name in unwanted {
        headers.remove(name);
    }
}

/// Accepts a chunked body and no other coding (RFC 9112 6.1). Two lines of `chunked` are chunks inside chunks.
fn check_transfer_coding(headers: &HeaderMap) -> Result<(), HeaderRefusal> {
    let mut lines = headers.get_all(TRANSFER_ENCODING).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        (Some(_), _) => Err(HeaderRefusal::TransferCoding),
    }
}

/// The end-to-end fields that `Connection` names. `close` and `keep-alive` are options, and harmless as names.
fn named_by_connection(headers: &HeaderMap) -> Result<Vec<HeaderName>, HeaderRefusal> {
    let mut named = Vec::new();
    for option in connection_options(headers) {
        let name = HeaderName::from_bytes(option).map_err(|_| HeaderRefusal::ConnectionMalformed)?;
        if NEVER_NAMED.contains(&name) {
            return Err(HeaderRefusal::ConnectionNamesEndToEnd { name });
        }
        if !is_hop_by_hop(name.as_str()) && headers.contains_key(&name) {
            named.push(name);
        }
    }
    Ok(named)
}

/// Returns whether a request expects `100 Continue`: the client waits for it before it sends the body. It is the only
/// expectation that is defined, compared case-insensitively (RFC 9110 10.1.1).
pub(crate) fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get_all(EXPECT).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

#[cfg(test)]
mod tests;
