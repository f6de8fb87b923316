//! The fields that apply to one connection and are not forwarded (RFC 9110 7.6.1).

use http::HeaderMap;
use http::header::CONNECTION;

/// Whether this is a hop-by-hop field, even if `Connection` does not name it. `HTTP2-Settings` is from RFC 7540 3.2.1;
/// `Proxy-Connection` is in no RFC but in many requests.
pub(super) fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// The options of all `Connection` lines, without white space and empty elements (RFC 9110 5.6.1).
pub(super) fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(CONNECTION).into_iter();
    let options = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    options.map(<[u8]>::trim_ascii).filter(|option| !option.is_empty())
}
