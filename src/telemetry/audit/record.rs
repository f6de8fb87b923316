//! What one audit record says. The field names are a contract with other people's scripts: a field is added, never
//! renamed.
//!
//! There is no field for a query, a header's value, a cookie, a password or a body: what has no field cannot leak. There
//! is no field that takes a `String` either: whatever a client can influence is [`BoundedText`].

use crate::clock::UnixTime;
use crate::telemetry::{BoundedText, Detail};
use std::sync::Arc;
use std::time::Duration;

/// A distinguished name as RFC 4514 writes it.
pub type NameText = BoundedText<192>;

/// One request and what became of it.
#[derive(Clone, Debug)]
pub struct AuditRecord {
    /// When the request's head was read.
    pub time: UnixTime,
    /// The id that the client sees on the page and the backend in `X-Request-Id`.
    pub request_id: BoundedText<32>,
    /// The site's name, where one was found.
    pub site: Option<BoundedText<128>>,
    /// The address of the socket that the connection came in on.
    pub listener: BoundedText<64>,
    /// The client's address and port.
    pub client: BoundedText<64>,
    /// The connection's TLS; `null` on a plain listener.
    pub tls: Option<Arc<TlsFacts>>,
    /// `1.0`, `1.1` or `2`.
    pub protocol: &'static str,
    /// The method as received.
    pub method: BoundedText<32>,
    /// The host that the request named, as received.
    pub host: Option<BoundedText<256>>,
    /// The path as received.
    pub received_path: ReceivedPath,
    /// The canonical path, where the request had one. It is what was judged and forwarded.
    pub path: Option<BoundedText<512>>,
    /// The path rule that was found, in the spelling of proxy.toml.
    pub rule: Option<BoundedText<512>>,
    /// The certificate that was presented.
    pub certificate: Option<Arc<CertificateFacts>>,
    /// What proved who sends the request: `certificate` or `password`; `null` where the request passed without a name, or not.
    pub authentication: Option<&'static str>,
    /// The account that the certificate names or the password is of.
    pub account: Option<AccountFacts>,
    /// How the certificate came to name it.
    pub mapping: Option<MappingFacts>,
    /// `permit`, or the stable id of the denial.
    pub decision: &'static str,
    /// The sub-status that IIS would have logged: 7 for 403.7.
    pub sub_status: Option<u8>,
    /// Why: the whole message, which the client does not get to see.
    pub detail: Option<Detail>,
    /// The status that the client got; `null` where it left before.
    pub status: Option<u16>,
    /// The server that the request was sent to.
    pub backend: Option<BoundedText<128>>,
    /// Bytes of the request's body that arrived.
    pub bytes_in: u64,
    /// Bytes of the answer's body that were sent.
    pub bytes_out: u64,
    /// How long it took.
    pub duration: RequestDuration,
}

/// What the connection's TLS handshake settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// `1.2` or `1.3`.
    pub version: &'static str,
    /// Whether an earlier session was resumed, so that no key signed.
    pub resumed: bool,
    /// The cipher suite, by its IANA name.
    pub cipher: BoundedText<64>,
    /// The protocol agreed on by ALPN.
    pub alpn: Option<BoundedText<16>>,
    /// Whether the client was asked for a certificate and whether it sent one.
    pub certificate: CertificateOffer,
}

/// Whether a certificate was asked for, and what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateOffer {
    /// The site has no path that looks at one.
    NotRequested,
    /// The client sent an empty list: it has none, its user chose none, or its card cannot sign what this version of
    /// TLS demands.
    NotPresented,
    /// The client sent one and proved that it holds the key.
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

/// The certificate that was presented. Rendered once for all requests of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// SHA-256 of the DER, in lower-case hexadecimal digits.
    pub sha256: BoundedText<64>,
    /// The subject.
    pub subject: NameText,
    /// The issuer.
    pub issuer: NameText,
    /// The serial number in lower-case hexadecimal digits.
    pub serial: BoundedText<64>,
    /// The end of its validity.
    pub not_after: UnixTime,
}

/// The account that the certificate names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFacts {
    /// `DOMAIN\sam`, else the UPN.
    pub user: BoundedText<192>,
    /// The user principal name.
    pub upn: Option<BoundedText<192>>,
    /// The security identifier.
    pub sid: Option<BoundedText<192>>,
}

/// How the certificate came to name its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingFacts {
    /// The mapping's name.
    pub method: BoundedText<64>,
    /// `strong` or `weak`.
    pub strength: BoundedText<16>,
    /// Whether the account is older than it may be and was used since the directory does not answer.
    pub stale: bool,
}

/// How long the request took.
#[derive(Clone, Copy, Debug)]
pub struct RequestDuration {
    /// From the request's head to the answer's last byte.
    pub total: Duration,
    /// Judging the certificate and the password, where they had to be judged.
    pub authentication: Option<Duration>,
    /// From the request sent to the backend to its answer's head.
    pub backend: Option<Duration>,
}

/// The path as the client wrote it: escaped, without query and user name, and cut at [`ReceivedPath::LIMIT`] bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedPath {
    pub(super) received_path: Arc<str>,
    pub(super) received_path_truncated: bool,
}

impl ReceivedPath {
    /// The most bytes that are kept; the escaped form is never longer.
    pub const LIMIT: usize = 512;

    /// Takes a request target in any of its four forms (RFC 9112 3.2). What may hold a secret is left out: the query,
    /// and the user information that an absolute-form may carry before its host. Bytes that are not printable ASCII,
    /// and the backslash, become `\x5c`.
    pub fn new(target: &[u8]) -> Self {
        let (scheme, path) = without_secrets(target);
        let mut text = String::new();
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

/// The target before its query, as the scheme and what follows the user information.
fn without_secrets(target: &[u8]) -> (&[u8], &[u8]) {
    let target = target.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    // An `@` in the path of an origin-form is a part of the path and stays. All else begins with an authority, after
    // `scheme://` or at once (CONNECT's form, or no form at all).
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
