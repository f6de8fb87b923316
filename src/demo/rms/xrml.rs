//! XrML documents of the right shape and size (MS-RMPR 4.5), signed by nobody. The same question gets the same bytes.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quick_xml::escape::escape;

/// What a document is, as XrML's `type` attributes name it.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// The certificate of the server that signs licences.
    ServerLicensor,
    /// What `Certify` gives to an account.
    RightsAccount,
    /// What lets a client publish off line.
    ClientLicensor,
    /// What opens one document for one account.
    UseLicence,
    /// What states who may do what with a document.
    PublishingLicence,
}

impl Kind {
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

/// The `<Certificate>` elements of a chain: a leaf that names `principal`, then its issuers, `bytes` in all or a
/// little more.
pub(super) fn chain(kind: Kind, principal: &str, bytes: usize) -> String {
    static ISSUERS: LazyLock<String> = LazyLock::new(|| {
        let issuer = |name| certificate(Kind::ServerLicensor, name, ISSUER_BYTES);
        ["Demo RMS cluster", "Demo enrolment authority", "Demo RMS root"].map(issuer).concat()
    });
    certificate(kind, principal, bytes.saturating_sub(ISSUERS.len())) + &ISSUERS
}

/// One `<Certificate>` element of `bytes` or a little more.
pub(super) fn certificate(kind: Kind, principal: &str, bytes: usize) -> String {
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

/// Base64 text of `length` characters that no compression makes small, and always the same.
pub(super) fn meaningless_base64(length: usize) -> String {
    let mut state = digest(&SHA256, b"portcullis demo");
    let mut text = String::with_capacity(length + 44);
    while text.len() < length {
        // 30 bytes give 40 characters and no padding.
        STANDARD.encode_string(state.as_ref().get(..30).unwrap_or_default(), &mut text);
        state = digest(&SHA256, state.as_ref());
    }
    text.truncate(length);
    text
}
