//! Takes a client's headers, leaves those that may go to a backend. Sets none itself.

use super::ReservedHeaders;
use super::hop_by_hop::{connection_options, is_hop_by_hop};
use super::reserved_headers::Disposition;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};

/// How many names were removed, each counted once however many lines it had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Fields of the connection.
    pub hop_by_hop: usize,
    /// Others that `Connection` named.
    pub named_by_connection: usize,
    /// Spellings of headers that only the gate sets.
    pub owned: usize,
    /// Names with anything but letters, digits and hyphens.
    pub odd: usize,
    /// Fields that must not stand in trailers; always zero for headers.
    pub forbidden_in_trailers: usize,
}

/// Why a request is turned away for its headers: 400 `malformed-request`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderRefusal {
    /// `Connection` names a field that is meant for the server. Removing it would change who asks, what, or how much.
    #[error("Connection names `{name}`, which is meant for the server")]
    ConnectionNamesEndToEnd {
        /// The field.
        name: HeaderName,
    },
    /// `Connection` holds what is no field name.
    #[error("Connection holds an option that is no token")]
    ConnectionMalformed,
    /// The body is coded in another way than in chunks. The chunks are undone here and the body is framed anew, so that
    /// the server would get what is inside without a word of how to read it.
    #[error("Transfer-Encoding is something else than `chunked`")]
    TransferCoding,
}

/// Fields that `Connection` cannot take away from a request.
const NEVER_NAMED: [HeaderName; 4] = [AUTHORIZATION, HOST, CONTENT_LENGTH, COOKIE];

/// Removes what ends at the gate (RFC 9110 7.6.1) and every spelling of what only the gate may say.
///
/// # Errors
///
/// Refuses a `Connection` that names `Authorization`, `Host`, `Content-Length` or `Cookie`, or holds no tokens, and a
/// `Transfer-Encoding` other than `chunked`; the headers are then as they were.
pub fn strip(headers: &mut HeaderMap, owned: &ReservedHeaders) -> Result<Dropped, HeaderRefusal> {
    check_transfer_coding(headers)?;
    let named = named_by_connection(headers)?;
    let mut dropped = Dropped::default();
    for name in named {
        dropped.named_by_connection += usize::from(headers.remove(name).is_some());
    }
    remove_by_disposition(headers, owned, &mut dropped);
    Ok(dropped)
}

/// Removes the client's `Authorization` and says whether there was one.
///
/// For every request that goes over a shared connection: NTLM and Negotiate authenticate the connection, not the
/// request (RFC 4559 6), so the next person's request would run as this one.
pub fn strip_authorization(headers: &mut HeaderMap) -> bool {
    headers.remove(AUTHORIZATION).is_some()
}

/// Makes one `Cookie` line of several. HTTP/2 lets a client send one for each cookie, HTTP/1.1 knows only one line, and
/// a server that reads only the first would lose the others (RFC 9113 8.2.3).
pub fn join_cookies(headers: &mut HeaderMap) {
    let lines: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() < 2 {
        return;
    }
    let joined =
        HeaderValue::from_bytes(&lines.join(&b"; "[..])).expect("its parts are values, and `; ` is visible");
    headers.insert(COOKIE, joined);
}

/// Removes all that [`ReservedHeaders::disposition`] does not keep. Allocates only where something is removed.
pub(super) fn remove_by_disposition(headers: &mut HeaderMap, owned: &ReservedHeaders, dropped: &mut Dropped) {
    let mut unwanted: Vec<HeaderName> = Vec::new();
    for name in headers.keys() {
        match owned.disposition(name) {
            Disposition::Kept => continue,
            Disposition::HopByHop => dropped.hop_by_hop += 1,
            Disposition::Reserved => dropped.owned += 1,
            Disposition::Nonstandard => dropped.odd += 1,
        }
        unwanted.push(name.clone());
    }
    for name in unwanted {
        headers.remove(name);
    }
}

/// Whether the body comes in chunks and in nothing else (RFC 9112 6.1). Two lines of `chunked` are chunks in chunks.
fn check_transfer_coding(headers: &HeaderMap) -> Result<(), HeaderRefusal> {
    let mut lines = headers.get_all(TRANSFER_ENCODING).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        (Some(_), _) => Err(HeaderRefusal::TransferCoding),
    }
}

/// The end-to-end fields that `Connection` names. `close` and `keep-alive` name fields too, harmlessly.
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

#[cfg(test)]
mod tests;
