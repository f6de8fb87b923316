//! A backend's servers, limits and identity headers.

use super::context::Context;
use super::files::Files;
use crate::backend::tls::{BackendTls, ClientIdentity, client_config};
use crate::backend::{
    BackendSettings, ConnectionShares, KerberosDelegation, PinnedLimits, ServerAddress, ServerTransport,
};
use crate::config::parse::Diagnostics;
use crate::config::parse::Spanned;
use crate::config::parse::addresses::{Scheme, ServerUrl};
use crate::config::parse::span::values;
use crate::config::schema::backend::{self as raw, HeaderSet, IdentityMode, LoginThrottle, UserCertificates};
use crate::config::schema::limits::Limits;
use crate::delegation::assertion::Signer;
use crate::delegation::kerberos::{AcceptedEncryption, Delegator, DelegatorSettings, Keytab};
use crate::delegation::user_certificates::{
    MintedIdentities, MintingSettings, ProtectedAccounts, SubordinateCa,
};
use crate::headers::identity_headers::{AccountHeaderNames, IdentityHeaderSettings};
use crate::headers::secret_header::SecretHeader;
use crate::login_throttle::LoginThrottleLimits;
use crate::request::Authority;
use crate::site::{Backend, BackendIdentity};
use crate::telemetry::display_chain;
use http::HeaderName;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use std::path::PathBuf;
use std::sync::Arc;

pub(super) fn compile(
    raw: &raw::Backend,
    index: usize,
    limits: &Limits,
    files: &mut Files,
    signer: Option<&Arc<Signer>>,
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
        shares: shares(raw),
        body_buffer: usize::try_from(limits.body_buffer.value).unwrap_or(usize::MAX),
        minimum_rate: super::minimum_rate(limits),
        queue_timeout: raw.queue_timeout.value,
        queue_length: raw.queue_length.value,
        pinned: PinnedLimits {
            total: raw.max_pinned_connections.value,
            per_address: raw.max_pinned_connections_per_address.value,
        },
        max_header_bytes: usize::try_from(limits.max_header_bytes.value).unwrap_or(usize::MAX),
        max_header_fields: limits.max_header_fields.value,
        ..BackendSettings::new(raw.head.name.value.clone(), servers)
    };
    Some(Backend {
        index,
        settings: Arc::new(settings),
        host: host(raw, diagnostics)?,
        identity: identity(raw, files, context, diagnostics)?,
        identity_headers: identity_headers(&raw.headers, files, diagnostics)?,
        assertions: signer.filter(|_| raw.headers.sends(HeaderSet::Assertion)).cloned(),
        pinned_limiter: context.pinned_limiter(&raw.head.name.value),
        login_throttle: context.attempts(
            "backend",
            &raw.head.name.value,
            attempt_limits(&raw.login_throttle),
        ),
        metrics: context.metrics.backend(&raw.head.name.value),
    })
}

fn shares(raw: &raw::Backend) -> ConnectionShares {
    let all = raw.max_connections.value;
    let default = ConnectionShares::of(all);
    let share =
        |written: &Option<Spanned<usize>>, default| written.map_or(default, |share| share.value.min(all));
    ConnectionShares {
        per_connection: default.per_connection,
        per_address: share(&raw.max_connections_per_address, default.per_address),
        per_account: share(&raw.max_connections_per_account, default.per_account),
        anonymous: share(&raw.max_anonymous_connections, default.anonymous),
    }
}

fn attempt_limits(raw: &LoginThrottle) -> LoginThrottleLimits {
    let number = |written: &Spanned<usize>| u32::try_from(written.value).unwrap_or(u32::MAX);
    LoginThrottleLimits {
        per_account: number(&raw.max_failures_per_account),
        per_address: number(&raw.max_failures_per_address),
        window: raw.window.value,
        ..LoginThrottleLimits::default()
    }
}

fn identity(
    raw: &raw::Backend,
    files: &mut Files,
    context: &mut Context,
    diagnostics: &mut Diagnostics,
) -> Option<BackendIdentity> {
    match raw.identity.value {
        IdentityMode::Headers => Some(BackendIdentity::Headers),
        IdentityMode::Kerberos => {
            let delegation = delegation(raw, files, context, diagnostics)?;
            Some(BackendIdentity::Kerberos(Arc::new(delegation)))
        }
        IdentityMode::Certificate => {
            let identities = identities(raw.user_certificates.as_ref()?, files, context, diagnostics)?;
            Some(BackendIdentity::Certificate(Arc::new(identities)))
        }
    }
}

fn identities(
    raw: &UserCertificates,
    files: &mut Files,
    context: &Context,
    diagnostics: &mut Diagnostics,
) -> Option<MintedIdentities> {
    let certificate = raw.certificate.as_ref()?;
    let chain = files.chain(certificate, diagnostics);
    let key = files.private_key(raw.private_key.as_ref()?, diagnostics)?;
    let settings = MintingSettings {
        lifetime: raw.lifetime.value,
        backdate: raw.backdate.value,
        crl_distribution_point: raw.crl_distribution_point.as_ref().map(|url| url.value.clone()),
    };
    let bytes = context.own_caches.issued_certificates;
    SubordinateCa::new(&chain?, &key, settings, context.clock.now())
        .map(|authority| {
            MintedIdentities::new(authority, bytes, context.metrics.issuing_cache.clone())
                .for_protected_accounts(match raw.unsafe_issue_for_protected_accounts.value {
                    true => ProtectedAccounts::UnsafeIssued,
                    false => ProtectedAccounts::Refused,
                })
        })
        .map_err(|error| {
            let message = format!("{}: {}", certificate.value.display(), display_chain(&error));
            diagnostics.error(certificate.span, message);
        })
        .ok()
}

fn delegation(
    raw: &raw::Backend,
    files: &mut Files,
    context: &mut Context,
    diagnostics: &mut Diagnostics,
) -> Option<KerberosDelegation> {
    let library = context
        .kerberos()
        .map_err(|error| {
            diagnostics.error(raw.identity.span, display_chain(&error));
        })
        .ok()?;
    let options = &raw.kerberos;
    let settings = DelegatorSettings {
        principal: options.principal.as_ref().map(|principal| principal.value.clone()),
        accepted_encryption: match options.unsafe_allow_rc4.value {
            true => AcceptedEncryption::AesAndUnsafeRc4,
            false => AcceptedEncryption::Aes,
        },
        timeout: options.timeout.value,
        cache_bytes: context.own_caches.tickets,
        ..DelegatorSettings::new(keytab(raw, files, diagnostics)?)
    };
    Some(KerberosDelegation {
        delegator: Arc::new(Delegator::new(library, settings)),
        service: raw.spn.as_ref()?.value.clone(),
        realm: options.rule_realm(),
        persist: options.persist.value,
        unsafe_skip_mutual_authentication: options.unsafe_skip_mutual_authentication.value,
    })
}

/// The keytab's path, once it is seen that it holds a key of the gate's account.
fn keytab(raw: &raw::Backend, files: &mut Files, diagnostics: &mut Diagnostics) -> Option<PathBuf> {
    let keytab = raw.keytab.as_ref()?;
    let path = files.path(&keytab.value);
    files.warn_of_readers(keytab, diagnostics);
    let principal = raw.kerberos.principal.as_ref().map(|principal| principal.value.as_str());
    match Keytab::read(&path).and_then(|entries| entries.account(principal)) {
        Ok(_) => Some(path),
        Err(flaw) => {
            let message = format!("{} cannot be used: {}", keytab.value.display(), display_chain(&flaw));
            diagnostics.error(keytab.span, message).help(flaw.hint());
            None
        }
    }
}

/// `None` where it is wrong; `Some(None)` where there is none.
fn host(raw: &raw::Backend, diagnostics: &mut Diagnostics) -> Option<Option<Authority>> {
    let Some(host) = &raw.host else { return Some(None) };
    match Authority::parse(&host.value) {
        Ok(authority) => Some(Some(authority)),
        Err(error) => {
            diagnostics.error(host.span, display_chain(&error));
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
        .map_err(|error| _ = diagnostics.error(ca.span, display_chain(&error)))
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
            Ok(server_name) => ServerTransport::Tls(BackendTls { config: Arc::clone(config), server_name }),
            Err(_) => {
                let message = format!("{host:?} cannot stand in a server certificate");
                diagnostics.error(server.span, message).help("write a host name or an IP address");
                return None;
            }
        },
        (Scheme::Https | Scheme::Http, _) => ServerTransport::Plain,
    };
    Some(ServerAddress { host, port, transport })
}

fn identity_headers(
    raw: &raw::Headers,
    files: &mut Files,
    diagnostics: &mut Diagnostics,
) -> Option<IdentityHeaderSettings> {
    let secret = match &raw.secret {
        Some(raw) => Some(secret(raw, files, diagnostics)?),
        None => None,
    };
    let own = AccountHeaderNames::default();
    let chosen = |name: &Option<Spanned<HeaderName>>, own: HeaderName| {
        name.as_ref().map_or(own, |name| name.value.clone())
    };
    let names = &raw.names;
    Some(IdentityHeaderSettings {
        account: raw.sends(HeaderSet::Account),
        rfc9440: raw.sends(HeaderSet::Rfc9440),
        xfcc: raw.sends(HeaderSet::Xfcc),
        xfcc_chain: false,
        arr: raw.sends(HeaderSet::Arr),
        assertion: raw.sends(HeaderSet::Assertion),
        secret,
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
    })
}

fn secret(raw: &raw::SecretHeader, files: &mut Files, diagnostics: &mut Diagnostics) -> Option<SecretHeader> {
    let (name, file) = (raw.name.as_ref()?, raw.file.as_ref()?);
    let secret = files.secret(file, diagnostics)?;
    SecretHeader::new(name.value.clone(), secret.expose())
        .map_err(|error| {
            diagnostics
                .error(file.span, format!("{}: {error}", file.value.display()))
                .help("such as the output of `openssl rand -base64 33`");
        })
        .ok()
}
