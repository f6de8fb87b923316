//! A backend: its servers, its limits, and the means by which it learns the user's identity.

use super::compiler::Compiler;
use crate::backend::tls::{BackendTls, ClientIdentity, client_config};
use crate::backend::{
    BackendSettings, ConnectionShares, KerberosDelegation, PinnedLimits, ServerAddress, ServerTransport,
};
use crate::config::parse::{ServerScheme, ServerUrl, Spanned, value, values};
use crate::config::schema::backend::{
    BackendSection, HeaderSet, HeadersSection, IdentityMode, SecretHeaderSection, UserCertificatesSection,
};
use crate::delegation::kerberos::{AcceptedEncryption, DelegatorSettings, KerberosDelegator, Keytab};
use crate::delegation::user_certificates::{
    IssuanceSettings, ProtectedAccounts, SubordinateCa, UserCertificates,
};
use crate::headers::identity_headers::{AccountHeaderNames, IdentityHeaderSettings};
use crate::headers::secret_header::SecretHeader;
use crate::login_throttle::LoginThrottleLimits;
use crate::site::{Backend, BackendIdentity};
use crate::telemetry::display_chain;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use std::path::PathBuf;
use std::sync::Arc;

impl Compiler<'_> {
    /// Returns the compiled backend, or `None` after recording its errors.
    pub(super) fn backend(&mut self, raw: &BackendSection) -> Option<Backend> {
        let limits = &self.document.limits;
        let name = &raw.head.name.value;
        let is_https = |server: &Spanned<ServerUrl>| server.value.scheme == ServerScheme::Https;
        let tls = if raw.servers.iter().any(is_https) { Some(self.backend_tls(raw)?) } else { None };
        let servers = raw.servers.iter().map(|server| self.server_address(server, tls.as_ref()));
        let settings = BackendSettings {
            connect_timeout: raw.connect_timeout.value,
            first_byte_timeout: raw.first_byte_timeout.value,
            idle_timeout: raw.idle_timeout.value,
            body_idle_timeout: raw.body_idle_timeout.value,
            max_connections: raw.max_connections.value,
            shares: shares(raw),
            body_buffer: limits.body_buffer.value,
            minimum_rate: limits.minimum_rate(),
            queue_timeout: raw.queue_timeout.value,
            queue_length: raw.queue_length.value,
            pinned: PinnedLimits {
                total: raw.max_pinned_connections.value,
                per_address: raw.max_pinned_connections_per_address.value,
            },
            max_header_bytes: limits.max_header_bytes.value,
            max_header_fields: limits.max_header_fields.value,
            ..BackendSettings::new(name.clone(), servers.collect::<Option<_>>()?)
        };
        let throttle = LoginThrottleLimits {
            per_account: raw.login_throttle.max_failures_per_account.value,
            per_address: raw.login_throttle.max_failures_per_address.value,
            window: raw.login_throttle.window.value,
            ..LoginThrottleLimits::default()
        };
        Some(Backend {
            index: self.backends.len(),
            settings: Arc::new(settings),
            host: value(&raw.host),
            identity: self.backend_identity(raw)?,
            identity_headers: Arc::new(self.identity_headers(&raw.headers)?),
            assertions: self.signer.clone().filter(|_| raw.headers.sends(HeaderSet::Assertion)),
            pinned_limiter: self.context.pinned_limiter(name),
            login_throttle: self.context.login_throttle("backend", name, throttle),
            metrics: self.context.metrics.backend(name),
        })
    }

    fn backend_identity(&mut self, raw: &BackendSection) -> Option<BackendIdentity> {
        Some(match raw.identity.value {
            IdentityMode::Headers => BackendIdentity::Headers,
            IdentityMode::Kerberos => BackendIdentity::Kerberos(Arc::new(self.delegation(raw)?)),
            IdentityMode::Certificate => {
                let identities = self.user_certificates(raw.user_certificates.as_ref()?)?;
                BackendIdentity::Certificate(Arc::new(identities))
            }
        })
    }

    fn user_certificates(&mut self, raw: &UserCertificatesSection) -> Option<UserCertificates> {
        let certificate = raw.certificate.as_ref()?;
        let (chain, key) = self.identity(certificate, raw.private_key.as_ref()?)?;
        let settings = IssuanceSettings {
            lifetime: raw.lifetime.value,
            backdate: raw.backdate.value,
            crl_distribution_point: value(&raw.crl_distribution_point),
        };
        let authority = SubordinateCa::new(&chain, &key, settings, self.context.clock.now());
        let authority = self.ok_in(certificate, authority)?;
        let bytes = self.document.caches.issued_certificates.value;
        let identities = UserCertificates::new(authority, bytes, self.context.metrics.issuing_cache.clone());
        Some(identities.for_protected_accounts(match raw.unsafe_issue_for_protected_accounts.value {
            true => ProtectedAccounts::UnsafeIssued,
            false => ProtectedAccounts::Refused,
        }))
    }

    fn delegation(&mut self, raw: &BackendSection) -> Option<KerberosDelegation> {
        let library = self.context.kerberos();
        let library = self.ok_at(raw.identity.span, library)?;
        let options = &raw.kerberos;
        let settings = DelegatorSettings {
            principal: value(&options.principal),
            accepted_encryption: match options.unsafe_allow_rc4.value {
                true => AcceptedEncryption::AesAndUnsafeRc4,
                false => AcceptedEncryption::Aes,
            },
            timeout: options.timeout.value,
            cache_bytes: self.document.caches.tickets.value,
            ..DelegatorSettings::new(self.keytab(raw)?)
        };
        Some(KerberosDelegation {
            delegator: Arc::new(KerberosDelegator::new(library, settings)),
            service: value(&raw.spn)?,
            realm: options.rule_realm(),
            persist: options.persist.value,
            unsafe_skip_mutual_authentication: options.unsafe_skip_mutual_authentication.value,
        })
    }

    /// Returns the path of the keytab, if it has a key of the gateway's account.
    fn keytab(&mut self, raw: &BackendSection) -> Option<PathBuf> {
        let keytab = raw.keytab.as_ref()?;
        let path = self.path(&keytab.value);
        self.check_permissions(keytab);
        let principal = raw.kerberos.principal.as_ref().map(|principal| principal.value.as_str());
        if let Err(error) = Keytab::read(&path).and_then(|entries| entries.account(principal)) {
            let message = format!("{} cannot be used: {}", keytab.value.display(), display_chain(&error));
            self.diagnostics.error(keytab.span, message).help(error.hint());
            return None;
        }
        Some(path)
    }

    fn backend_tls(&mut self, raw: &BackendSection) -> Option<Arc<ClientConfig>> {
        let ca = raw.ca.as_ref()?;
        let authorities = self.chain(ca)?;
        let identity = match (&raw.client_certificate, &raw.private_key) {
            (Some(certificate), Some(key)) => {
                let (chain, key) = self.identity(certificate, key)?;
                Some(ClientIdentity { chain, key })
            }
            (_, _) => None,
        };
        self.ok_at(ca.span, client_config(authorities, identity))
    }

    /// `tls` is for a server over TLS.
    fn server_address(
        &mut self,
        server: &Spanned<ServerUrl>,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Option<ServerAddress> {
        let ServerUrl { scheme, host, port } = server.value.clone();
        let Some(config) = tls.filter(|_| scheme == ServerScheme::Https) else {
            return Some(ServerAddress { host, port, transport: ServerTransport::Plain });
        };
        let Ok(server_name) = ServerName::try_from(host.clone()) else {
            let message = format!("{host:?} cannot be the name in a server certificate");
            self.diagnostics.error(server.span, message).help("write a host name or an IP address");
            return None;
        };
        let transport = ServerTransport::Tls(BackendTls { config: Arc::clone(config), server_name });
        Some(ServerAddress { host, port, transport })
    }

    fn identity_headers(&mut self, raw: &HeadersSection) -> Option<IdentityHeaderSettings> {
        let secret = match &raw.secret {
            Some(raw) => Some(self.secret_header(raw)?),
            None => None,
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
                user: names.user.value.clone(),
                upn: names.upn.value.clone(),
                sid: names.sid.value.clone(),
                groups: names.groups.value.clone(),
                mapping: names.mapping.value.clone(),
                authentication: names.authentication.value.clone(),
                certificate_sha256: names.certificate_sha256.value.clone(),
            },
            send_groups: values(&raw.send_groups),
        })
    }

    fn secret_header(&mut self, raw: &SecretHeaderSection) -> Option<SecretHeader> {
        let (name, file) = (raw.name.as_ref()?, raw.file.as_ref()?);
        let secret = self.secret(file)?;
        let message = |error| format!("{}: {error}", file.value.display());
        let help = "such as the output of `openssl rand -base64 33`";
        let header = SecretHeader::new(name.value.clone(), secret.expose());
        header.map_err(|error| _ = self.diagnostics.error(file.span, message(error)).help(help)).ok()
    }
}

fn shares(raw: &BackendSection) -> ConnectionShares {
    let all = raw.max_connections.value;
    let default = ConnectionShares::of(all);
    let share = |written: Option<Spanned<usize>>, default| written.map_or(default, |it| it.value.min(all));
    ConnectionShares {
        per_connection: default.per_connection,
        per_address: share(raw.max_connections_per_address, default.per_address),
        per_account: share(raw.max_connections_per_account, default.per_account),
        anonymous: share(raw.max_anonymous_connections, default.anonymous),
    }
}
