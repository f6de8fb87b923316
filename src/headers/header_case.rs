//! The letter case in which the client wrote its header names, for the request to the backend.
//!
//! Field names are case-insensitive (RFC 9110 5.1), but old servers and CGI programs compare them case-sensitively. HTTP/2
//! has lower case only (RFC 9113 8.2); such names, and those that the gateway sets, are written `Like-This`.

use http::Extensions;

/// The letter case of the names in a request's headers. A name that was removed from the headers is not written.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderCase(Extensions);

impl HeaderCase {
    /// Takes it from a request as hyper's server returned it. The type in which hyper keeps it is private, so all other
    /// extensions are removed instead. Nothing is taken if the client sent a header that only the gateway sets
    /// (`sent_reserved`): the client would choose the letter case of the gateway's own header.
    pub(crate) fn of(extensions: &mut Extensions, sent_reserved: bool) -> Self {
        let mut spelling = std::mem::take(extensions);
        if sent_reserved {
            return Self::default();
        }
        spelling.remove::<hyper::upgrade::OnUpgrade>();
        spelling.remove::<hyper::ext::Protocol>();
        Self(spelling)
    }

    /// The extensions of the request to the backend.
    pub(crate) fn into_extensions(self) -> Extensions {
        self.0
    }
}
