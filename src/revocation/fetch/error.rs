//! The errors of a fetch. They are cached and compared, so causes are stored as text.

use http::StatusCode;
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use thiserror::Error;

/// Why a fetch failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FetchError {
    /// The URL has no host, or has user information, or an LDAP URL does not name one CRL.
    #[error("cannot fetch {url:?}: not a valid http or ldap URL")]
    MalformedUrl {
        /// The URL.
        url: String,
    },
    /// The scheme is not supported.
    #[error("{scheme} URLs are not supported, only http and, for CRLs, ldap and ldaps")]
    Scheme {
        /// Its scheme.
        scheme: String,
    },
    /// The scheme is `ldaps`, and no authority for directory servers is configured.
    #[error("no authority for {host} is configured: set `ldaps_ca`")]
    NoAuthority {
        /// The host.
        host: String,
    },
    /// An LDAP URL without a server, as Windows CAs write them for members of their domain.
    #[error("{url:?} has no server: add one with `rewrite`")]
    NoServer {
        /// The URL.
        url: String,
    },
    /// The configuration does not allow the host.
    #[error("the host {host} is not allowed: add it to `hosts`")]
    HostNotListed {
        /// The host, as it is compared.
        host: String,
    },
    /// The name has no address.
    #[error("cannot resolve {host} ({kind})")]
    Unresolved {
        /// The name.
        host: String,
        /// The error of the resolver.
        kind: io::ErrorKind,
    },
    /// The address is a loopback, link-local, multicast or unspecified one, and the configuration does not allow it.
    #[error("{host} has the address {address}, which is not allowed: add it to `addresses`")]
    AddressRefused {
        /// The name.
        host: String,
        /// Its address.
        address: IpAddr,
    },
    /// No address accepts the connection.
    #[error("cannot connect to {host} ({kind})")]
    Unreachable {
        /// The host.
        host: String,
        /// The error of the last address.
        kind: io::ErrorKind,
    },
    /// The response is incomplete or violates the protocol.
    #[error("{host} sent an invalid response: {reason}")]
    Broken {
        /// The host.
        host: String,
        /// The error.
        reason: String,
    },
    /// The status of the response is not 200.
    #[error("{host} returned {status}")]
    Status {
        /// The host.
        host: String,
        /// The status.
        status: StatusCode,
    },
    /// The directory server rejected the bind or the search.
    #[error("directory server {host} returned result code {code}")]
    Directory {
        /// The host.
        host: String,
        /// RFC 4511 A.1: 32 is noSuchObject, 50 insufficientAccessRights, 10 referral.
        code: u32,
    },
    /// The entry does not exist, is not readable, or has no CRL.
    #[error("directory server {host} returned no {attribute}")]
    NoValue {
        /// The host.
        host: String,
        /// The requested attribute.
        attribute: String,
    },
    /// The response is too large.
    #[error("the response exceeds {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: usize,
    },
    /// The fetch did not end in time.
    #[error("no complete response within {limit:?}")]
    Timeout {
        /// The limit.
        limit: Duration,
    },
    /// Too many redirects.
    #[error("more than {limit} redirects")]
    TooManyRedirects {
        /// The limit.
        limit: usize,
    },
    /// The redirect has no usable target.
    #[error("{host} sent a redirect without a valid URL")]
    BadRedirect {
        /// The host that redirects.
        host: String,
    },
}
