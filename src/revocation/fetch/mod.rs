//! Takes a URL of a proven certificate and what the operator allows, gives the bytes behind it.
//!
//! Every URL is somebody else's text: whoever makes certificates would otherwise choose whom the gate talks to. So the
//! host must be listed, the address is looked at when it is connected to, every redirect is judged like the first URL,
//! and bytes and time have limits. Never uses a proxy, sends no cookie and no credential. HTTP is spoken in the
//! clear: what is fetched here is signed, and TLS to fetch it would need revocation itself (RFC 5280 8).

mod address;
mod error;
mod fetcher;
mod host;
mod ldap;
mod rules;
#[cfg(test)]
mod tests;
mod url;

pub use error::FetchError;
pub use fetcher::Fetcher;
pub use host::{AllowedHost, MalformedAllowedHost};
pub use ldap::tls::DirectoryTls;
pub use rules::{FetchRules, UrlRewrite};
