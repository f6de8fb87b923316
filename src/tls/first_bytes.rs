//! Recognizes, from the first bytes of a connection, two protocols that rustls cannot respond to: plain HTTP, and
//! clients that support TLS 1.1 at most; and the response to the first.

use super::version::UnsupportedVersion;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// The number of bytes that are inspected: the longest method in use (RFC 3253 `BASELINE-CONTROL`) and the space after it.
/// The version in a ClientHello ends earlier.
pub(super) const ENOUGH: usize = 17;

/// The bytes of a ClientHello up to its version: type, length, version.
const UP_TO_VERSION: u16 = 6;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstBytes {
    /// TLS, or bytes that are left to rustls.
    Tls,
    /// Possibly the beginning of an HTTP method.
    Undecided,
    /// The method of an HTTP request.
    PlainHttp {
        /// Whether the response must not have a body.
        head: bool,
    },
    /// A ClientHello of a client that supports at most this version.
    Old(UnsupportedVersion),
}

/// Returns the protocol to which the first bytes of a connection belong.
pub(super) fn look(bytes: &[u8]) -> FirstBytes {
    match bytes {
        // If the record ends before the version, as RFC 8446 5.1 allows, rustls decides.
        [HANDSHAKE, _, _, high, low, CLIENT_HELLO, _, _, _, major, minor, ..]
            if u16::from_be_bytes([*high, *low]) >= UP_TO_VERSION =>
        {
            old(*major, *minor)
        }
        // The ClientHello of SSL 2.0 (RFC 5246 appendix E.2), which Windows XP sends. rustls does not support it,
        // whatever version it offers.
        [length, _, CLIENT_HELLO, major, minor, ..] if *length >= 0x80 => {
            FirstBytes::Old(UnsupportedVersion::new(*major, *minor))
        }
        _ => plain_http(bytes),
    }
}

/// Returns `Old` for a version below TLS 1.2. RFC 8446 4.1.2: a client that supports TLS 1.2 or newer writes 3.3 here.
fn old(major: u8, minor: u8) -> FirstBytes {
    match (major, minor) < (3, 3) {
        true => FirstBytes::Old(UnsupportedVersion::new(major, minor)),
        false => FirstBytes::Tls,
    }
}

fn plain_http(bytes: &[u8]) -> FirstBytes {
    let end = bytes.iter().position(|byte| *byte == b' ');
    let method = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
    let is_method =
        !method.is_empty() && method.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'-');
    match end {
        Some(_) if is_method => FirstBytes::PlainHttp { head: method == b"HEAD" },
        None if is_method && bytes.len() < ENOUGH => FirstBytes::Undecided,
        Some(_) | None => FirstBytes::Tls,
    }
}

/// The body of the response to plain HTTP.
const BODY: &str = "This port speaks HTTPS only. Write https:// instead of http:// in the address.\n";

/// The bytes that are read after the response: closing a connection with unread bytes resets it, and the reset can
/// overtake the response (RFC 9112 9.6).
const LINGER_BYTES: usize = 64 * 1024;
const LINGER: Duration = Duration::from_secs(2);

/// Sends the response to a plain HTTP request, so that the user sees an explanation instead of the bytes of an alert, and
/// closes the connection, within `limit`. Errors are ignored.
pub(super) async fn reject_plain_http<IO: AsyncRead + AsyncWrite + Unpin>(
    io: &mut IO,
    head: bool,
    limit: Duration,
) {
    let body = if head { "" } else { BODY };
    let response = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        BODY.len()
    );
    let send = async {
        io.write_all(response.as_bytes()).await?;
        io.shutdown().await
    };
    if !matches!(timeout(limit, send).await, Ok(Ok(()))) {
        return;
    }
    let linger = async {
        let (mut left, mut unread) = (LINGER_BYTES, [0; 4096]);
        while let Ok(read @ 1..) = io.read(&mut unread).await {
            left = left.saturating_sub(read);
            if left == 0 {
                break;
            }
        }
    };
    let _ = timeout(LINGER.min(limit), linger).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: FirstBytes = FirstBytes::PlainHttp { head: false };

    #[test]
    fn plain_http_is_recognized_by_its_method() {
        for start in ["GET / HTTP/1.1\r\n", "POST /x", "PRI * HTTP/2.0\r\n", "VERSION-CONTROL /"] {
            assert_eq!(look(&start.as_bytes()[..start.len().min(ENOUGH)]), PLAIN, "{start}");
        }
        assert_eq!(look(b"HEAD / HTTP/1.0"), FirstBytes::PlainHttp { head: true });
        for start in [&b"G"[..], b"GET", b"VERSION-CONTROL"] {
            assert_eq!(look(start), FirstBytes::Undecided, "{start:?}");
        }
        for start in
            [&b" / HTTP/1.1"[..], b"SSH-2.0-OpenSSH x", b"\x16\x03\x01 \x20", b"NOMETHODISSOLONG/", b""]
        {
            assert_eq!(look(start), FirstBytes::Tls, "{start:?}");
        }
    }

    #[test]
    fn a_hello_that_offers_at_most_tls_1_1_is_recognized_by_its_version() {
        let hello = |minor| [22, 3, 1, 0, 200, 1, 0, 0, 196, 3, minor, 0];
        for (minor, name) in [(0, "SSL 3.0"), (1, "TLS 1.0"), (2, "TLS 1.1")] {
            let FirstBytes::Old(version) = look(&hello(minor)) else { panic!("{name} is not recognized") };
            assert_eq!(version.to_string(), name);
        }
        assert_eq!(look(&hello(3)), FirstBytes::Tls);
        // Each byte has its own record: at the position of the version is the header of another record.
        assert_eq!(look(&[22, 3, 1, 0, 1, 1, 22, 3, 1, 0, 1, 0]), FirstBytes::Tls);
        let FirstBytes::Old(version) = look(&[0x80, 46, 1, 3, 1, 0]) else {
            panic!("SSL 2.0 is not recognized")
        };
        assert_eq!((version.to_string().as_str(), version.on_the_wire()), ("TLS 1.0", [3, 1]));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_inspected_without_a_panic(bytes: Vec<u8>) {
            if let FirstBytes::Old(version) = look(&bytes) {
                proptest::prop_assert!(!version.to_string().is_empty());
            }
        }
    }
}
