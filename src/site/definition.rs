//! Sites: host names with one TLS configuration, one realm and a list of path rules, like an IIS web site.

use super::host_table::HostTable;
use super::path_table::PathTable;
use super::realm::Realm;
use crate::backend::{BackendSettings, KerberosDelegation, PinnedLimiter};
use crate::delegation::assertion::AssertionSigner;
use crate::delegation::user_certificates::UserCertificates;
use crate::headers::identity_headers::IdentityHeaderSettings;
use crate::login_throttle::LoginThrottle;
use crate::policy::AccessRule;
use crate::request::{Authority, HostName, HostPattern, PathCase};
use crate::telemetry::{BackendMetrics, SiteMetrics};
use crate::tls::SiteTls;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// One site.
#[derive(Debug)]
pub struct Site {
    /// The name in audit records and metrics.
    pub name: Arc<str>,
    /// The host names of the site.
    pub hosts: Vec<HostPattern>,
    /// The first host that is neither a wildcard nor a loopback name.
    pub public_host: Option<Authority>,
    /// The settings of TLS handshakes.
    pub tls: Arc<SiteTls>,
    /// The realm; `None` if every path ignores certificates.
    pub realm: Option<Arc<Realm>>,
    /// Whether letter case is significant in paths.
    pub case: PathCase,
    /// The path rules. A path that matches none is not found.
    pub paths: PathTable<PathRule>,
    /// The maximum age of a proof of possession.
    pub card_reauth_interval: Duration,
    /// The metrics of the site.
    pub metrics: SiteMetrics,
    /// The contact of the help desk, for error pages.
    pub help_desk: Option<String>,
    /// The response to plain HTTP.
    pub http_action: HttpAction,
}

impl Site {
    /// Returns the host that is sent to a backend for a request to `requested`, which has no port but the listener's: the
    /// same host, unless it is a loopback name. IIS and ASP.NET treat a request to `localhost` as local and enable more for it
    /// (HttpPostLocalhost).
    pub fn host_for_backend<'a>(&'a self, requested: &'a Authority) -> &'a Authority {
        match &self.public_host {
            Some(public) if requested.host().is_loopback() => public,
            Some(_) | None => requested,
        }
    }

    /// Returns the host for a request without one: the public host, or else the first host that is not a wildcard.
    pub fn default_host(&self) -> Option<Authority> {
        let exact = |host: &HostPattern| match host {
            HostPattern::Exact(name) => Some(Authority::from(name.clone())),
            HostPattern::OneLabelBelow(_) => None,
        };
        self.public_host.clone().or_else(|| self.hosts.iter().find_map(exact))
    }
}

/// The rule and the backend of one path.
#[derive(Clone, Debug)]
pub struct PathRule {
    /// The access rule.
    pub rule: Arc<AccessRule>,
    /// The backend that requests are forwarded to.
    pub backend: Arc<Backend>,
}

/// A group of backend servers, and how the user's identity is passed to them.
#[derive(Debug)]
pub struct Backend {
    /// The index in the list of backends, the same in every worker.
    pub index: usize,
    /// The servers and the limits.
    pub settings: Arc<BackendSettings>,
    /// The `Host` header that replaces the requested one.
    pub host: Option<Authority>,
    /// How the user's identity is passed, in addition to headers.
    pub identity: BackendIdentity,
    /// The identity headers that are sent.
    pub identity_headers: Arc<IdentityHeaderSettings>,
    /// The signer of assertions, if it receives any.
    pub assertions: Option<Arc<AssertionSigner>>,
    /// The limit on pinned connections.
    pub pinned_limiter: Arc<PinnedLimiter>,
    /// The count of failed logins with pass-through authentication.
    pub login_throttle: Arc<LoginThrottle>,
    /// The metrics of the backend.
    pub metrics: BackendMetrics,
}

/// How the user's identity is passed to a backend, in addition to headers.
#[derive(Clone, Debug)]
pub enum BackendIdentity {
    /// By headers only.
    Headers,
    /// By Kerberos delegation.
    Kerberos(Arc<KerberosDelegation>),
    /// By user certificates.
    Certificate(Arc<UserCertificates>),
}

/// The response to a request over plain HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpAction {
    /// 403.4.
    Reject,
    /// A redirect to the same path over TLS with the status 308, which keeps the method.
    Redirect,
}

/// The sites of one listener.
#[derive(Debug)]
pub struct ListenerSites {
    /// The indexes in `sites` by host name.
    pub hosts: HostTable,
    /// The sites.
    pub sites: Vec<Arc<Site>>,
    /// The index of the site for clients that send no server name.
    pub default: Option<usize>,
}

impl ListenerSites {
    /// Returns the site that serves this host.
    pub fn for_host(&self, host: &HostName) -> Option<&Arc<Site>> {
        self.sites.get(self.hosts.find(host)?)
    }

    /// Returns the site for a TLS server name. Without one, it is the site that serves the local address as a host, or else
    /// the default site.
    pub fn for_server_name(&self, name: Option<&HostName>, local: SocketAddr) -> Option<&Arc<Site>> {
        match name {
            Some(name) => self.for_host(name),
            None => self.for_host(&HostName::from(local.ip())).or_else(|| self.default_site()),
        }
    }

    /// Returns the site for clients that send no host name.
    pub fn default_site(&self) -> Option<&Arc<Site>> {
        self.sites.get(self.default?)
    }
}

/// The sites of all listeners, by listening address.
#[derive(Debug, Default)]
pub struct SiteTable {
    /// The sites of TLS listeners.
    pub tls: HashMap<SocketAddr, ListenerSites>,
    /// The sites of plain HTTP listeners.
    pub http: HashMap<SocketAddr, ListenerSites>,
}
