//! The connection of a client, as far as its requests depend on it: the addresses, the TLS session, and the site that
//! the client connected to.

use super::connection_credential::ConnectionCredential;
use crate::limits::AddressKey;
use crate::policy::{Denial, DenialId};
use crate::proxy::snapshot::Snapshot;
use crate::request::{Authority, HostName};
use crate::site::{ListenerSites, Site};
use std::net::SocketAddr;
use std::sync::Arc;

/// The two addresses of a client connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionEndpoints {
    /// The address of the listener, as configured.
    pub listener: SocketAddr,
    /// The client's address.
    pub peer: SocketAddr,
}

/// One client connection.
pub(crate) struct ClientConnection {
    /// Its addresses.
    pub endpoints: ConnectionEndpoints,
    /// The client's address as limits count it.
    pub client: AddressKey,
    /// With or without TLS.
    pub channel: ClientChannel,
}

/// Whether a connection uses TLS.
pub(crate) enum ClientChannel {
    /// It does not: its requests are redirected or rejected.
    Plain,
    /// It does.
    Tls {
        /// The local address of the socket, by which a client that sends no server name selects a site.
        local: SocketAddr,
        /// The server name of the handshake.
        server_name: Option<HostName>,
        /// The client certificate of the handshake. Boxed, since it is much larger than the rest.
        credential: Box<ConnectionCredential>,
    },
}

impl ClientConnection {
    /// The client certificate; `None` without TLS.
    pub(crate) fn credential(&self) -> Option<&ConnectionCredential> {
        match &self.channel {
            ClientChannel::Plain => None,
            ClientChannel::Tls { credential, .. } => Some(credential),
        }
    }

    /// Returns the port at which the client arrived.
    pub(super) fn port(&self) -> u16 {
        match &self.channel {
            ClientChannel::Plain => self.endpoints.listener.port(),
            ClientChannel::Tls { local, .. } => local.port(),
        }
    }

    /// The site that the client connected to, in this snapshot; `None` without TLS.
    pub(crate) fn site<'s>(&self, snapshot: &'s Snapshot) -> Option<&'s Arc<Site>> {
        match &self.channel {
            ClientChannel::Plain => None,
            ClientChannel::Tls { local, server_name, .. } => {
                self.sites(snapshot)?.for_server_name(server_name.as_ref(), *local)
            }
        }
    }

    /// The site of the requested host, which must be the one of the handshake: a certificate and a TLS session of one
    /// site are worthless at another.
    pub(super) fn requested_site<'s>(
        &self,
        snapshot: &'s Snapshot,
        connected: Option<&'s Arc<Site>>,
        authority: &Authority,
    ) -> Result<&'s Arc<Site>, Denial> {
        let requested = self.sites(snapshot).and_then(|sites| sites.for_host(authority.host()));
        match (&self.channel, requested, connected) {
            (ClientChannel::Plain, Some(requested), _) => Ok(requested),
            (ClientChannel::Tls { .. }, Some(requested), Some(connected))
                if Arc::ptr_eq(requested, connected) =>
            {
                Ok(requested)
            }
            (ClientChannel::Plain | ClientChannel::Tls { .. }, _, _) => {
                let detail =
                    format!("{} is not a host of the site that the client connected to", authority.host());
                Err(Denial::new(DenialId::MisdirectedRequest, detail))
            }
        }
    }

    /// The host of an HTTP/1.0 request without one, on the default site of the listener.
    pub(super) fn default_host(
        &self,
        snapshot: &Snapshot,
        connected: Option<&Arc<Site>>,
    ) -> Option<Authority> {
        let default = self.sites(snapshot)?.default_site()?;
        match &self.channel {
            ClientChannel::Plain => default.default_host(),
            ClientChannel::Tls { .. } if !connected.is_some_and(|site| Arc::ptr_eq(site, default)) => None,
            ClientChannel::Tls { server_name: Some(name), .. } => Some(Authority::from(name.clone())),
            ClientChannel::Tls { server_name: None, .. } => default.default_host(),
        }
    }

    fn sites<'s>(&self, snapshot: &'s Snapshot) -> Option<&'s ListenerSites> {
        let listeners = match &self.channel {
            ClientChannel::Plain => &snapshot.sites.http,
            ClientChannel::Tls { .. } => &snapshot.sites.tls,
        };
        listeners.get(&self.endpoints.listener)
    }
}
