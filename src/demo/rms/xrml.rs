//! Deterministic XrML documents of realistic structure and size (MS-RMPR 4.5), without a valid signature.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quick_xml::escape::escape;

/// The kind of an XrML document, its `type` attribute.
#[derive(Clone, Copy)]
pub(super) enum XrmlKind {
    /// The certificate of the server that signs licences.
    ServerLicensor,
    /// The result of `Certify` for an account.
    RightsAccount,
    /// Permits a client to publish offline.
    ClientLicensor,
    /// Permits one account to open one document.
    UseLicence,
    /// The rights of a document.
    PublishingLicence,
}

impl XrmlKind {
    fn object_type(self) -> &'static str {
        match self {
            Self::ServerLicensor => "Server-Licensor-Certificate",
            Self::RightsAccount => "Group-Identity-Credential",
            Self::ClientLicensor => "Client-Licensor-Certificate",
            Self::UseLicence => "MS-DRM-UL",
            Self::PublishingLicence => "MS-DRM-Publishing-License",
        }
    }
}

/// The size of each of the three certificates above a leaf.
const ISSUER_BYTES: usize = 4_000;

/// Returns the `<Certificate>` elements of a chain: a leaf for `principal`, then its issuers; at least `bytes` bytes.
pub(super) fn chain(kind: XrmlKind, principal: &str, bytes: usize) -> String {
    static ISSUERS: LazyLock<String> = LazyLock::new(|| {
        let issuer = |name| certificate(XrmlKind::ServerLicensor, name, ISSUER_BYTES);
        ["Demo RMS cluster", "Demo enrolment authority", "Demo RMS root"].map(issuer).concat()
    });
    certificate(kind, principal, bytes.saturating_sub(ISSUERS.len())) + &ISSUERS
}

/// Returns one `<Certificate>` element of at least `bytes` bytes.
pub(super) fn certificate(kind: XrmlKind, principal: &str, bytes: usize) -> String {
    let object_type = kind.object_type();
    let principal = escape(principal);
    let head = format!(
        "<Certificate><XrML xmlns=\"\" version=\"1.2\"><BODY type=\"LICENSE\" version=\"3.0\">\
         <ISSUEDTIME>2026-01-01T00:00</ISSUEDTIME>\
         <DESCRIPTOR><OBJECT type=\"{object_type}\"><ID type=\"MS-GUID\">\
         {{00000000-0000-0000-0000-000000000000}}</ID></OBJECT></DESCRIPTOR>\
         <ISSUER><OBJECT type=\"MS-DRM-Server\"><NAME>Demo RMS cluster</NAME></OBJECT></ISSUER>\
         <ISSUEDPRINCIPALS><PRINCIPAL internal-id=\"1\"><OBJECT type=\"Group-Identity\"><NAME>{principal}</NAME>\
         </OBJECT></PRINCIPAL></ISSUEDPRINCIPALS></BODY><SIGNATURE><VALUE encoding=\"base64\">"
    );
    let tail = "</VALUE></SIGNATURE></XrML></Certificate>";
    let filling = bytes.saturating_sub(head.len() + tail.len());
    head + &meaningless_base64(filling) + tail
}

/// Returns deterministic Base64 text of `length` characters that does not compress, as a signature.
pub(super) fn meaningless_base64(length: usize) -> String {
    let mut state = digest(&SHA256, b"portcullis demo");
    let mut text = String::with_capacity(length + 44);
    while text.len() < length {
        // 30 bytes are encoded as 40 characters without padding.
        STANDARD.encode_string(state.as_ref().get(..30).unwrap_or_default(), &mut text);
        state = digest(&SHA256, state.as_ref());
    }
    text.truncate(length);
    text
}
