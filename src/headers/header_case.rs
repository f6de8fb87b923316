//! Takes what hyper recorded beside a request's headers, gives what a request to a backend needs of it: the letter case
//! in which the client wrote each name.
//!
//! Field names are case-insensitive (RFC 9110 5.1), and yet old servers and CGI programs compare them letter by letter.
//! HTTP/2 has lower case only (RFC 9113 8.2); such names, and those that the gateway sets, are written `Like-This`.

use http::Extensions;

/// The letter case of the names in a request's headers. A name that was removed from them is not written because of it.
#[derive(Clone, Debug, Default)]
pub struct HeaderCase(Extensions);

impl HeaderCase {
    /// Takes it from a request as hyper's server gave it. The type that hyper keeps it in has no public name, so everything
    /// else is taken out. Nothing is taken where the client sent a header that only the gateway sets (`sent_owned`): it
    /// would choose the letter case of the gateway's own.
    pub fn of(extensions: &mut Extensions, sent_owned: bool) -> Self {
        let mut spelling = std::mem::take(extensions);
        if sent_owned {
            return Self::default();
        }
        spelling.remove::<hyper::upgrade::OnUpgrade>();
        spelling.remove::<hyper::ext::Protocol>();
        Self(spelling)
    }

    /// For a request to a backend.
    pub(crate) fn into_extensions(self) -> Extensions {
        self.0
    }
}
