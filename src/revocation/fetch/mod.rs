//! The fetching of CRLs and OCSP responses from the URLs of validated certificates.
//!
//! A URL in a certificate was chosen by another party, which must not be able to make the gateway connect to any
//! address. So the host must be allowed, the address is checked when connecting, every redirect is checked like the
//! first URL, and bytes and time are limited. No proxy, cookie or credential is used. HTTP is not encrypted: the
//! responses are signed, and TLS would need a revocation check of its own (RFC 5280 8).

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
pub(crate) use host::AllowedHost;
pub(crate) use ldap::tls::DirectoryTls;
pub use rules::FetchRules;
pub(crate) use rules::UrlRewrite;
