//! Why nothing was fetched. Can be remembered and compared, so causes are kept as what they say.

use http::StatusCode;
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use thiserror::Error;

/// Why a URL gave no bytes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FetchError {
    /// It is no URL with a host, or names a user.
    #[error("{url:?} is no URL that can be fetched")]
    MalformedUrl {
        /// The text.
        url: String,
    },
    /// Only `http` is spoken, and `ldap` and `ldaps` for CRLs.
    #[error("{scheme} URLs are not fetched, only http ones and, for CRLs, ldap and ldaps ones")]
    Scheme {
        /// Its scheme.
        scheme: String,
    },
    /// The URL is `ldaps`, and no authority of directory servers is configured.
    #[error("no `ldaps_ca` is configured, which {host} must be verified with: set `ldaps_ca`")]
    NoAuthority {
        /// The host.
        host: String,
    },
    /// An LDAP URL without a server, as Windows CAs write them for members of their domain.
    #[error("{url:?} names no server: add one with `rewrite`")]
    NoServer {
        /// The URL.
        url: String,
    },
    /// The operator does not list the host.
    #[error("the host {host} is not listed")]
    HostNotListed {
        /// The host, as it is compared.
        host: String,
    },
    /// The name has no address.
    #[error("the name {host} cannot be resolved ({kind})")]
    Unresolved {
        /// The name.
        host: String,
        /// What the resolver says.
        kind: io::ErrorKind,
    },
    /// An address of this machine, its link or a group, and the operator does not list it.
    #[error("{host} is at {address}, which is not fetched from")]
    AddressRefused {
        /// The name.
        host: String,
        /// Its address.
        address: IpAddr,
    },
    /// Nobody takes the connection.
    #[error("{host} takes no connection ({kind})")]
    Unreachable {
        /// The host.
        host: String,
        /// What the system says of its last address.
        kind: io::ErrorKind,
    },
    /// The answer is not whole, or not in the protocol of its URL.
    #[error("the answer of {host} is broken: {reason}")]
    Broken {
        /// The host.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The answer is not 200.
    #[error("{host} answers {status}")]
    Status {
        /// The host.
        host: String,
        /// The status.
        status: StatusCode,
    },
    /// The directory server refused the bind or the search.
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
    /// The body goes on beyond the limit.
    #[error("the answer is larger than {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: usize,
    },
    /// Not done in time.
    #[error("it took longer than {limit:?}")]
    Timeout {
        /// The limit.
        limit: Duration,
    },
    /// One redirect too many.
    #[error("there are more than {limit} redirects")]
    TooManyRedirects {
        /// The limit.
        limit: usize,
    },
    /// A redirect that names nothing that can be fetched.
    #[error("{host} redirects to nowhere")]
    BadRedirect {
        /// The host that redirects.
        host: String,
    },
}
