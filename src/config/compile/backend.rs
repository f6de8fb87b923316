//! A backend's servers, limits and identity headers.

use super::super::address::{Scheme, ServerUrl};
use super::super::backend::{self as raw, HeaderSet};
use super::super::compiled::Context;
use super::super::diagnostic::Diagnostics;
use super::super::kerberos::{IdentityMeans, Kerberos};
use super::super::span::Spanned;
use super::files::Files;
use super::realm::values;
use crate::backend::tls::{BackendTls, ClientIdentity, client_config};
use crate::backend::{BackendSettings, Delegation, ServerAddress, Transport};
use crate::headers::identity_headers::{AccountHeaderNames, IdentityHeaderSettings};
use crate::kerberos::{AcceptedEncryption, Delegator, DelegatorSettings};
use crate::observability::with_causes;
use crate::policy::{Backend, BackendIdentity};
use crate::request::Authority;
use http::HeaderName;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use std::sync::Arc;

pub(super) fn compile(
    raw: &raw::Backend,
    index: usize,
    files: &mut Files,
    context: &mut Context,
    diagnostics: &mut Diagnostics,
) -> Option<Backend> {
    let tls = if raw.servers.iter().any(|server| server.value.scheme == Scheme::Https) {
        Some(tls(raw, files, diagnostics)?)
    } else {
        None
    };
    let servers =
        raw.servers.iter().map(|server| address(server, tls.as_ref(), diagnostics)).collect::<Option<_>>()?;
    let settings = BackendSettings {
        connect_timeout: raw.connect_timeout.value,
        first_byte_timeout: raw.first_byte_timeout.value,
        idle_timeout: raw.idle_timeout.value,
        body_idle_timeout: raw.body_idle_timeout.value,
        max_connections: raw.max_connections.value,
        queue_timeout: raw.queue_timeout.value,
        queue_length: raw.queue_length.value,
        ..BackendSettings::new(raw.name.value.clone(), servers)
    };
    Some(Backend {
        index,
        settings: Arc::new(settings),
        host: host(raw, diagnostics)?,
        identity: identity(raw, files, context, diagnostics)?,
        identity_headers: identity_headers(&raw.headers),
        metrics: context.metrics.backend(&raw.name.value),
    })
}

fn identity(
    raw: &raw::Backend,
    files: &mut Files,
    context: &mut Context,
    diagnostics: &mut Diagnostics,
) -> Option<BackendIdentity> {
    match (raw.identity.value, &raw.kerberos) {
        (IdentityMeans::Headers, _) => Some(BackendIdentity::Headers),
        (IdentityMeans::Kerberos, None) => None,
        (IdentityMeans::Kerberos, Some(kerberos)) => {
            let delegation = delegation(raw, kerberos, files, context, diagnostics)?;
            Some(BackendIdentity::Kerberos(Arc::new(delegation)))
        }
    }
}

fn delegation(
    raw: &raw::Backend,
    kerberos: &Kerberos,
    files: &mut Files,
    context: &mut Context,
    diagnostics: &mut Diagnostics,
) -> Option<Delegation> {
    let library = context
        .kerberos()
        .map_err(|error| {
            diagnostics.error(raw.identity.span, with_causes(&error));
        })
        .ok()?;
    let options = &kerberos.options;
    let settings = DelegatorSettings {
        principal: options.principal.as_ref().map(|principal| principal.value.clone()),
        accepted_encryption: match options.unsafe_allow_rc4.value {
            true => AcceptedEncryption::AesAndUnsafeRc4,
            false => AcceptedEncryption::Aes,
        },
        ..DelegatorSettings::new(files.present(&kerberos.keytab, diagnostics)?)
    };
    Some(Delegation {
        delegator: Arc::new(Delegator::new(library, settings)),
        service: kerberos.spn.value.clone(),
        realm: options.realm.as_ref().map(|realm| realm.value.clone()),
        persist: options.persist.value,
        unsafe_skip_mutual_authentication: options.unsafe_skip_mutual_authentication.value,
    })
}

/// `None` where it is wrong; `Some(None)` where there is none.
fn host(raw: &raw::Backend, diagnostics: &mut Diagnostics) -> Option<Option<Authority>> {
    let Some(host) = &raw.host else { return Some(None) };
    match Authority::parse(&host.value) {
        Ok(authority) => Some(Some(authority)),
        Err(error) => {
            diagnostics.error(host.span, with_causes(&error));
            None
        }
    }
}

fn tls(raw: &raw::Backend, files: &mut Files, diagnostics: &mut Diagnostics) -> Option<Arc<ClientConfig>> {
    let ca = raw.ca.as_ref()?;
    let authorities = files.chain(ca, diagnostics)?;
    let identity = match (&raw.client_certificate, &raw.private_key) {
        (Some(certificate), Some(key)) => {
            let chain = files.chain(certificate, diagnostics);
            let key = files.private_key(key, diagnostics);
            Some(ClientIdentity { chain: chain?, key: key? })
        }
        (_, _) => None,
    };
    client_config(authorities, identity)
        .map_err(|error| _ = diagnostics.error(ca.span, with_causes(&error)))
        .ok()
}

fn address(
    server: &Spanned<ServerUrl>,
    tls: Option<&Arc<ClientConfig>>,
    diagnostics: &mut Diagnostics,
) -> Option<ServerAddress> {
    let ServerUrl { scheme, host, port } = server.value.clone();
    let transport = match (scheme, tls) {
        (Scheme::Https, Some(config)) => match ServerName::try_from(host.clone()) {
            Ok(server_name) => Transport::Tls(BackendTls { config: Arc::clone(config), server_name }),
            Err(_) => {
                let message = format!("{host:?} cannot stand in a server certificate");
                diagnostics.error(server.span, message).help("write a host name or an IP address");
                return None;
            }
        },
        (Scheme::Https | Scheme::Http, _) => Transport::Plain,
    };
    Some(ServerAddress { host, port, transport })
}

fn identity_headers(raw: &raw::Headers) -> IdentityHeaderSettings {
    let sent = |set: HeaderSet| raw.sets.iter().any(|entry| entry.value == set);
    let own = AccountHeaderNames::default();
    let chosen = |name: &Option<Spanned<HeaderName>>, own: HeaderName| {
        name.as_ref().map_or(own, |name| name.value.clone())
    };
    let names = &raw.names;
    IdentityHeaderSettings {
        account: sent(HeaderSet::Account),
        rfc9440: sent(HeaderSet::Rfc9440),
        xfcc: sent(HeaderSet::Xfcc),
        xfcc_chain: false,
        arr: sent(HeaderSet::Arr),
        names: AccountHeaderNames {
            user: chosen(&names.user, own.user),
            upn: chosen(&names.upn, own.upn),
            sid: chosen(&names.sid, own.sid),
            groups: chosen(&names.groups, own.groups),
            mapping: chosen(&names.mapping, own.mapping),
            authentication: chosen(&names.authentication, own.authentication),
            certificate_sha256: chosen(&names.certificate_sha256, own.certificate_sha256),
        },
        send_groups: values(&raw.send_groups),
    }
}
