//! A site: its hosts, its TLS configuration and its paths.

use super::compiler::Compiler;
use crate::config::parse::{value, values};
use crate::config::schema::site::{OnBadCertificate, SiteSection};
use crate::proxy::authenticate_in_handshake;
use crate::request::{Authority, HostPattern};
use crate::site::{HostTable, Realm, Site};
use crate::telemetry::display_chain;
use crate::tls::{
    ClientCertificateRequest, ServerKeyPair, SiteTls, SiteTlsError, SiteTlsSettings, TlsVersion,
    WeakClientSignatures, default_client_signatures,
};
use aws_lc_rs::digest;
use rustls::SignatureScheme;
use std::sync::Arc;

impl Compiler<'_> {
    /// Returns the compiled site, or `None` after recording its errors.
    pub(super) fn site(&mut self, raw: &SiteSection) -> Option<Site> {
        let realm = self.realm_named(raw.realm.as_ref());
        let paths = self.path_table(raw);
        let key_pairs = self.key_pairs(raw);
        // Without a realm no certificate can be requested; its errors are reported already.
        let certificate_request = match (&realm, raw.requests_certificates()) {
            (Some(realm), true) => Some(self.certificate_request(raw, realm)),
            (None, true) => return None,
            (_, false) => None,
        };
        let hosts = values(&raw.hosts);
        let tls = self.site_tls(raw, key_pairs?, certificate_request, realm.as_deref())?;
        Some(Site {
            name: raw.name().into(),
            public_host: public_host(&hosts),
            hosts,
            tls: Arc::new(tls),
            realm,
            case: raw.path_case.value,
            paths: paths?,
            card_reauth_interval: raw.card_reauth_interval.value,
            metrics: self.context.metrics.site(raw.name()),
            help_desk: value(&raw.help_desk),
            http_action: raw.http_action.value,
        })
    }

    fn key_pairs(&mut self, raw: &SiteSection) -> Option<Vec<ServerKeyPair>> {
        let errors = self.diagnostics.errors();
        let mut pairs = Vec::new();
        for (certificate, key) in raw.certificate.iter().zip(&raw.private_key) {
            let Some((chain, private_key)) = self.identity(certificate, key) else { continue };
            match ServerKeyPair::new(chain, &private_key) {
                Ok(pair) => pairs.push(pair),
                Err(error) => {
                    let help = "certificates and private keys pair up in the order in which they are listed";
                    let error = self.diagnostics.error(key.span, display_chain(&error));
                    error.label(certificate.span, "the certificate").help(help);
                }
            }
        }
        (self.diagnostics.errors() == errors).then_some(pairs)
    }

    fn certificate_request(&mut self, raw: &SiteSection, realm: &Arc<Realm>) -> ClientCertificateRequest {
        let subjects = realm.trust.anchors().iter().map(|anchor| anchor.subject().der().to_vec());
        ClientCertificateRequest {
            hints: if raw.ca_hints.value { subjects.collect() } else { Vec::new() },
            signatures: self.client_signatures(raw, realm),
            validator: match raw.on_bad_certificate.value {
                OnBadCertificate::Respond => None,
                OnBadCertificate::Alert => {
                    Some(authenticate_in_handshake(Arc::clone(realm), self.context.clock.clone()))
                }
            },
        }
    }

    fn client_signatures(&mut self, raw: &SiteSection, realm: &Realm) -> Vec<SignatureScheme> {
        let weak = match realm.validation.unsafe_allow_sha1_and_rsa_1024 {
            true => WeakClientSignatures::UnsafelyAllowed,
            false => WeakClientSignatures::Refused,
        };
        if weak == WeakClientSignatures::UnsafelyAllowed && raw.tls.max.value == TlsVersion::Tls13 {
            let message =
                "cards with RSA keys of 1024 bits, or that sign with SHA-1, cannot be used under TLS 1.3";
            let help = "write tls = { max = \"1.2\" } for the site of such cards";
            self.diagnostics.warning(raw.tls.max.span, message).help(help);
        }
        let written = &raw.tls.client_signature_algorithms;
        if written.is_empty() {
            return default_client_signatures(raw.tls.max.value, weak);
        }
        for scheme in written.iter().filter(|_| weak == WeakClientSignatures::Refused) {
            if scheme.value == SignatureScheme::RSA_PKCS1_SHA1 {
                let message = "signatures with SHA-1 can be forged, and the site's realm does not allow them";
                let help = "remove it, or write unsafe_allow_sha1_and_rsa_1024 = true in the realm";
                self.diagnostics.error(scheme.span, message).help(help);
            }
        }
        written.iter().map(|scheme| scheme.value).collect()
    }

    fn site_tls(
        &mut self,
        raw: &SiteSection,
        key_pairs: Vec<ServerKeyPair>,
        certificate_request: Option<ClientCertificateRequest>,
        realm: Option<&Realm>,
    ) -> Option<SiteTls> {
        let sessions = self.context.sessions(raw.name(), raw.tls.session_cache.value);
        let settings = SiteTlsSettings {
            key_pairs,
            min: raw.tls.min.value,
            max: raw.tls.max.value,
            http2: raw.offers_http2(),
            certificate_request,
            sessions: self.ok_at(raw.head.span, sessions)?,
            binding: session_binding(raw, realm),
            card_reauth_interval: raw.card_reauth_interval.value,
        };
        let tls = SiteTls::new(settings, self.context.clock.clone());
        if let Err(SiteTlsError::Hints(error)) = tls {
            let span = raw.realm.as_ref().map_or(raw.head.span, |realm| realm.span);
            let help = "write ca_hints = false, or trust fewer anchors here";
            self.diagnostics.error(span, error.to_string()).help(help);
            return None;
        }
        let tls = self.ok_at(raw.head.span, tls)?;
        self.check_handshake_size(raw, &tls);
        Some(tls)
    }

    fn check_handshake_size(&mut self, raw: &SiteSection, tls: &SiteTls) {
        let size = tls.hint_size();
        if tls.requests_certificate() && size.exceeds_schannel_limit() {
            let sizes = format!("chain ({} bytes) and the CA hints ({} bytes)", size.chain, size.hints);
            let effect = "Windows clients close the connection above 32 KB";
            let message = format!("the server's {sizes} are long: {effect}");
            self.diagnostics.warning(raw.ca_hints.span, message).help("write ca_hints = false");
        }
    }

    /// Returns the hosts of the sites that share an address, each with the index of its site.
    pub(super) fn host_table(&mut self, entries: &[&(&SiteSection, Arc<Site>)]) -> Option<HostTable> {
        let sites = entries.iter().enumerate();
        let hosts =
            sites.flat_map(|(index, (_, site))| site.hosts.iter().map(move |host| (host.clone(), index)));
        let first = entries.first().map(|(raw, _)| raw.head.span).unwrap_or_default();
        let record = |host: &_| _ = self.diagnostics.error(first, ToString::to_string(host));
        HostTable::build(hosts).map_err(|duplicates| duplicates.iter().for_each(record)).ok()
    }
}

/// Returns the digest of the configuration under which a session of this site is valid: its name, and the certificates
/// that it trusts.
fn session_binding(raw: &SiteSection, realm: Option<&Realm>) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut add = |part: &[u8]| {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part);
    };
    add(raw.name().as_bytes());
    add(&[
        u8::from(raw.requests_certificates()),
        u8::from(raw.on_bad_certificate.value == OnBadCertificate::Alert),
    ]);
    if let Some(realm) = realm {
        add(realm.name.as_bytes());
        for certificate in realm.trust.anchors().iter().chain(realm.trust.intermediates()) {
            add(certificate.der());
        }
    }
    let mut binding = [0; 32];
    binding.copy_from_slice(context.finish().as_ref());
    binding
}

fn public_host(hosts: &[HostPattern]) -> Option<Authority> {
    let exact = hosts.iter().find_map(|pattern| match pattern {
        HostPattern::Exact(host) if !host.is_loopback() => Some(host.clone()),
        HostPattern::Exact(_) | HostPattern::OneLabelBelow(_) => None,
    });
    exact.map(Authority::from)
}
