//! The fields of an audit record. Their names are a public contract: fields are added, never renamed.
//!
//! There is no field for a query, a header value, a cookie, a password or a body: data without a field cannot leak. No
//! field is a `String`: all text that a client can influence is [`BoundedText`].

use crate::clock::UnixTime;
use crate::telemetry::{BoundedText, Detail};
use std::sync::Arc;
use std::time::Duration;

/// A distinguished name as RFC 4514 writes it.
pub(crate) type NameText = BoundedText<192>;

/// One request and its outcome.
#[derive(Clone, Debug)]
pub(crate) struct AuditRecord {
    /// When the request's head was read.
    pub time: UnixTime,
    /// The id on the error page and in `X-Request-Id` towards the backend.
    pub request_id: BoundedText<32>,
    /// The name of the site, if one was found.
    pub site: Option<BoundedText<128>>,
    /// The listening address of the connection.
    pub listener: BoundedText<64>,
    /// The client's address and port.
    pub client: BoundedText<64>,
    /// The TLS session; `null` on a plain HTTP listener.
    pub tls: Option<Arc<TlsFacts>>,
    /// `1.0`, `1.1` or `2`.
    pub protocol: &'static str,
    /// The method as received.
    pub method: BoundedText<32>,
    /// The requested host, as received.
    pub host: Option<BoundedText<256>>,
    /// The path as received.
    pub received_path: ReceivedPath,
    /// The canonical path, if the request has one: the path that was authorized and forwarded.
    pub path: Option<BoundedText<512>>,
    /// The path rule, as written in proxy.toml.
    pub rule: Option<BoundedText<512>>,
    /// The client certificate.
    pub certificate: Option<Arc<CertificateFacts>>,
    /// How the user was authenticated: `certificate` or `password`; `null` for anonymous and denied requests.
    pub authentication: Option<&'static str>,
    /// The account of the certificate or password.
    pub account: Option<Arc<AccountFacts>>,
    /// How the certificate was mapped to the account.
    pub mapping: Option<Arc<MappingFacts>>,
    /// `permit`, or the id of the denial.
    pub decision: &'static str,
    /// The sub-status that IIS would have logged: 7 for 403.7.
    pub sub_status: Option<u8>,
    /// The reason of the denial, which is never sent to the client.
    pub detail: Option<Detail>,
    /// The status that was sent; `null` if the client disconnected before.
    pub status: Option<u16>,
    /// The backend server that the request was sent to.
    pub backend: Option<BoundedText<128>>,
    /// Bytes of the request body that were received.
    pub bytes_in: u64,
    /// Bytes of the response body that were sent.
    pub bytes_out: u64,
    /// The durations of the request and of its parts.
    pub duration: RequestDuration,
}

/// The parameters of the TLS session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFacts {
    /// `1.2` or `1.3`.
    pub version: &'static str,
    /// Whether an earlier session was resumed, without a new proof of possession.
    pub resumed: bool,
    /// The cipher suite, by its IANA name.
    pub cipher: BoundedText<64>,
    /// The protocol negotiated by ALPN.
    pub alpn: Option<BoundedText<16>>,
    /// Whether a client certificate was requested and presented.
    pub certificate: CertificateOffer,
}

/// Whether a client certificate was requested and presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CertificateOffer {
    /// No path of the site uses client certificates.
    NotRequested,
    /// The client sent an empty list: it has no certificate, the user selected none, or the card supports none of the
    /// signature algorithms of this TLS version.
    NotPresented,
    /// The client presented a certificate and proved possession of its key.
    Presented,
}

impl CertificateOffer {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NotRequested => "not_requested",
            Self::NotPresented => "not_presented",
            Self::Presented => "presented",
        }
    }
}

/// The client certificate, rendered once per connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// SHA-256 of the DER, in lower-case hexadecimal digits.
    pub sha256: BoundedText<64>,
    /// The distinguished name of the subject.
    pub subject: NameText,
    /// The distinguished name of the issuer.
    pub issuer: NameText,
    /// The serial number in lower-case hexadecimal digits.
    pub serial: BoundedText<64>,
    /// notAfter.
    pub not_after: UnixTime,
}

/// The account of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountFacts {
    /// `DOMAIN\sam`, else the UPN.
    pub user: BoundedText<192>,
    /// The user principal name.
    pub upn: Option<BoundedText<192>>,
    /// The security identifier.
    pub sid: Option<BoundedText<192>>,
}

/// How a certificate was mapped to its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MappingFacts {
    /// The mapper, as in `mapping.order`.
    pub method: BoundedText<64>,
    /// `strong` or `weak`.
    pub strength: BoundedText<16>,
    /// Whether an expired account was used because the directory does not respond (`unsafe_stale_accounts`).
    pub stale: bool,
}

/// The durations of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestDuration {
    /// From the request head to the last byte of the response.
    pub total: Duration,
    /// Authentication of the certificate or password, if it was not cached.
    pub authentication: Option<Duration>,
    /// From sending the request to the backend to the head of its response.
    pub backend: Option<Duration>,
}

/// The path as received: escaped, without query and user information, cut at [`ReceivedPath::LIMIT`] bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReceivedPath {
    pub(super) received_path: Arc<str>,
    pub(super) received_path_truncated: bool,
}

impl ReceivedPath {
    /// The most bytes of the escaped form.
    pub(crate) const LIMIT: usize = 512;

    /// Accepts a request target in any of its four forms (RFC 9112 section 3.2). The parts that may hold a secret are
    /// omitted: the query, and user information before the host of an absolute-form. Bytes that are not printable ASCII,
    /// and the backslash, are written as `\x5c`.
    pub(crate) fn new(target: &[u8]) -> Self {
        let (scheme, path) = without_secrets(target);
        let mut text = String::with_capacity(target.len().min(Self::LIMIT));
        for byte in scheme.iter().chain(path).copied() {
            let plain = matches!(byte, 0x20..0x7f) && byte != b'\\';
            if text.len() + if plain { 1 } else { ESCAPED_LENGTH } > Self::LIMIT {
                return Self { received_path: text.into(), received_path_truncated: true };
            }
            if plain {
                text.push(char::from(byte));
            } else {
                text.push_str(&format!("\\x{byte:02x}"));
            }
        }
        Self { received_path: text.into(), received_path_truncated: false }
    }
}

/// The length of `\x5c`.
const ESCAPED_LENGTH: usize = 4;

/// Returns the scheme, and the target after the user information and before the query.
fn without_secrets(target: &[u8]) -> (&[u8], &[u8]) {
    let target = target.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    // An `@` in an origin-form belongs to the path. All other forms have an authority, after `scheme://` or at the beginning
    // (authority-form of CONNECT, or an invalid target).
    if target.starts_with(b"/") {
        return (b"", target);
    }
    let first_slash = target.iter().position(|byte| *byte == b'/').unwrap_or(target.len());
    let (scheme, rest) = match target.split_at_checked(first_slash + 2) {
        Some((scheme, rest)) if scheme.ends_with(b"://") => (scheme, rest),
        _ => (&b""[..], target),
    };
    let authority_length = rest.iter().position(|byte| matches!(byte, b'/' | b'\\')).unwrap_or(rest.len());
    let authority = rest.get(..authority_length).unwrap_or(rest);
    let host_start = authority.iter().rposition(|byte| *byte == b'@').map_or(0, |at| at + 1);
    (scheme, rest.get(host_start..).unwrap_or_default())
}
