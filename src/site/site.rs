//! One or more host names served with one TLS configuration, one realm and a list of path rules: an IIS web site.

use super::host_table::HostTable;
use super::path_table::PathTable;
use super::realm::Realm;
use crate::backend::{BackendSettings, Delegation, PinnedPlaces};
use crate::delegation::assertion::Signer;
use crate::delegation::user_certificates::MintedIdentities;
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

/// A site.
#[derive(Debug)]
pub struct Site {
    /// For records and metrics.
    pub name: Arc<str>,
    /// The names that it answers to.
    pub hosts: Vec<HostPattern>,
    /// The first of them that is neither a pattern nor this machine.
    pub public_host: Option<Authority>,
    /// How its handshakes go.
    pub tls: Arc<SiteTls>,
    /// How cards are judged; `None` on a site whose paths all ignore them.
    pub realm: Option<Arc<Realm>>,
    /// Whether letter case counts in paths.
    pub case: PathCase,
    /// What each path demands. A path without a rule is nobody's.
    pub paths: PathTable<PathRule>,
    /// How long one signature of the card serves.
    pub card_reauth_interval: Duration,
    /// What is counted for it.
    pub metrics: SiteMetrics,
    /// Where to turn for help; shown on the pages of denials.
    pub help: Option<String>,
    /// What plain HTTP is answered with.
    pub plain: HttpAction,
}

impl Site {
    /// The host that a backend is told for a request that asked for `asked`: the same, but never a loopback one. IIS
    /// takes a request for `localhost` for its own machine's, and opens doors to it (domain facts: HttpPostLocalhost).
    pub fn host_for_backend<'a>(&'a self, asked: &'a Authority) -> &'a Authority {
        match &self.public_host {
            Some(public) if asked.host().is_loopback() => public,
            Some(_) | None => asked,
        }
    }
}

impl Site {
    /// The host that a request is for which names none: the first that is neither a pattern nor this machine, else the
    /// first that is no pattern.
    pub fn unnamed_host(&self) -> Option<Authority> {
        let exact = |host: &HostPattern| match host {
            HostPattern::Exact(name) => Some(Authority::from(name.clone())),
            HostPattern::OneLabelBelow(_) => None,
        };
        self.public_host.clone().or_else(|| self.hosts.iter().find_map(exact))
    }
}

/// What one path demands and where it leads.
#[derive(Clone, Debug)]
pub struct PathRule {
    /// The demands.
    pub rule: Arc<AccessRule>,
    /// The servers.
    pub backend: Arc<Backend>,
}

/// A backend: its servers and how they are told who the user is.
#[derive(Debug)]
pub struct Backend {
    /// Its place in the list of backends, the same in every worker.
    pub index: usize,
    /// Servers and limits.
    pub settings: Arc<BackendSettings>,
    /// The `Host` that is sent in place of the one that the client asked for.
    pub host: Option<Authority>,
    /// How it is told who the user is, beyond those headers.
    pub identity: BackendIdentity,
    /// The identity headers it gets.
    pub identity_headers: IdentityHeaderSettings,
    /// Signs the statements that it gets, where it gets any.
    pub assertions: Option<Arc<Signer>>,
    /// Who has a connection to it of his own.
    pub pinned_places: Arc<PinnedPlaces>,
    /// Failed log-ins at the backend itself.
    pub attempts: Arc<LoginThrottle>,
    /// What is counted for it.
    pub metrics: BackendMetrics,
}

/// How a backend is told who the user is, beyond headers.
#[derive(Clone, Debug)]
pub enum BackendIdentity {
    /// Not at all: by headers alone.
    Headers,
    /// By Kerberos tickets in the user's name.
    Kerberos(Arc<Delegation>),
    /// By certificates in the user's name.
    Certificate(Arc<MintedIdentities>),
}

/// What a request over plain HTTP gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpAction {
    /// 403.4.
    Refuse,
    /// 308 to the same path over TLS, so that a POST stays a POST.
    Redirect,
}

/// The sites that one listening address serves.
#[derive(Debug)]
pub struct ListenerSites {
    /// Places in `sites`, by host name.
    pub hosts: HostTable,
    /// The sites.
    pub sites: Vec<Arc<Site>>,
    /// The place of the site for clients that send no server name.
    pub default: Option<usize>,
}

impl ListenerSites {
    /// The site that has this host.
    pub fn for_host(&self, host: &HostName) -> Option<&Arc<Site>> {
        self.sites.get(self.hosts.find(host)?)
    }

    /// The site for a TLS server name; without one, the site that has the local address as a host, else the default.
    pub fn for_server_name(&self, name: Option<&HostName>, local: SocketAddr) -> Option<&Arc<Site>> {
        match name {
            Some(name) => self.for_host(name),
            None => self.for_host(&HostName::from(local.ip())).or_else(|| self.default_site()),
        }
    }

    /// The site for clients that name none.
    pub fn default_site(&self) -> Option<&Arc<Site>> {
        self.sites.get(self.default?)
    }
}

/// All sites, by the address they are served on.
#[derive(Debug, Default)]
pub struct SiteTable {
    /// TLS listeners.
    pub tls: HashMap<SocketAddr, ListenerSites>,
    /// Plain HTTP listeners.
    pub plain: HashMap<SocketAddr, ListenerSites>,
}
