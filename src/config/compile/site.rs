//! A site: its TLS, its path table and what each path demands.

use super::Parts;
use super::admission;
use super::context::Context;
use super::files::Files;
use crate::config::parse::Diagnostics;
use crate::config::parse::span::values;
use crate::config::schema::path::PathRule as RawPath;
use crate::config::schema::site as raw;
use crate::policy::{AccessRule, CertificateConditions, PasswordRule, UnmappedCertificateRule};
use crate::proxy::authenticate_in_handshake;
use crate::request::{Authority, HostPattern, PathCase, PathPattern};
use crate::site::{HostTable, PathRule, PathTable, PathTableError, Realm, Site};
use crate::telemetry::display_chain;
use crate::tls::{
    ClientCertificateRequest, ServerKeyPair, SiteTls, SiteTlsError, SiteTlsSettings, TlsVersion,
    WeakClientSignatures, default_client_signatures,
};
use aws_lc_rs::digest;
use rustls::SignatureScheme;
use std::sync::Arc;

pub(super) fn compile(
    raw: &raw::Site,
    parts: &Parts,
    files: &mut Files,
    context: &mut Context,
    diagnostics: &mut Diagnostics,
) -> Option<Site> {
    let realm = raw.realm.as_ref().and_then(|name| parts.realms.get(&name.value)).cloned();
    let case = raw.path_case.value;
    let paths = path_table(raw, case, parts, files, diagnostics);
    let key_pairs = key_pairs(raw, files, diagnostics);
    // With errors in its realm there is nothing to ask a card for, and those errors are told already.
    let certificate_request = match (&realm, raw.requests_certificates()) {
        (Some(realm), true) => Some(certificate_request(raw, realm, context, diagnostics)),
        (None, true) => return None,
        (_, false) => None,
    };
    let hosts = hosts(raw, diagnostics)?;
    let tls = site_tls(raw, key_pairs?, certificate_request, realm.as_deref(), context, diagnostics)?;
    Some(Site {
        name: raw.name().into(),
        public_host: public_host(&hosts),
        hosts,
        tls: Arc::new(tls),
        realm,
        case,
        paths: paths?,
        card_reauth_interval: raw.card_reauth_interval.value,
        metrics: context.metrics.site(raw.name()),
        help_desk: raw.help_desk.as_ref().map(|help| help.value.clone()),
        http_action: raw.http_action.value,
    })
}

fn key_pairs(
    raw: &raw::Site,
    files: &mut Files,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<ServerKeyPair>> {
    let mut pairs = Vec::new();
    let mut whole = true;
    for (certificate, key) in raw.certificate.iter().zip(&raw.private_key) {
        let chain = files.chain(certificate, diagnostics);
        let private_key = files.private_key(key, diagnostics);
        let (Some(chain), Some(private_key)) = (chain, private_key) else {
            whole = false;
            continue;
        };
        match ServerKeyPair::new(chain, &private_key) {
            Ok(pair) => pairs.push(pair),
            Err(error) => {
                whole = false;
                diagnostics
                    .error(key.span, display_chain(&error))
                    .label(certificate.span, "the certificate")
                    .help("certificates and private keys pair up in the order in which they are listed");
            }
        }
    }
    whole.then_some(pairs)
}

fn certificate_request(
    raw: &raw::Site,
    realm: &Arc<Realm>,
    context: &Context,
    diagnostics: &mut Diagnostics,
) -> ClientCertificateRequest {
    let subjects = realm.trust.anchors().iter().map(|anchor| anchor.subject().der().to_vec());
    ClientCertificateRequest {
        hints: if raw.ca_hints.value { subjects.collect() } else { Vec::new() },
        signatures: client_signatures(raw, realm, diagnostics),
        validator: match raw.on_bad_certificate.value {
            raw::OnBadCertificate::Respond => None,
            raw::OnBadCertificate::Alert => {
                Some(authenticate_in_handshake(Arc::clone(realm), context.clock.clone()))
            }
        },
    }
}

fn client_signatures(raw: &raw::Site, realm: &Realm, diagnostics: &mut Diagnostics) -> Vec<SignatureScheme> {
    let weak = match realm.validation.unsafe_allow_sha1_and_rsa_1024 {
        true => WeakClientSignatures::UnsafelyAllowed,
        false => WeakClientSignatures::Refused,
    };
    if weak == WeakClientSignatures::UnsafelyAllowed && raw.tls.max.value == TlsVersion::Tls13 {
        let message =
            "cards with RSA keys of 1024 bits, or that sign with SHA-1, cannot be used under TLS 1.3";
        diagnostics
            .warning(raw.tls.max.span, message)
            .help("write tls = { max = \"1.2\" } for the site of such cards");
    }
    let written = &raw.tls.client_signature_algorithms;
    if written.is_empty() {
        return default_client_signatures(raw.tls.max.value, weak);
    }
    for sha1 in written.iter().filter(|scheme| scheme.value == SignatureScheme::RSA_PKCS1_SHA1) {
        if weak == WeakClientSignatures::Refused {
            diagnostics
                .error(
                    sha1.span,
                    "signatures with SHA-1 can be forged, and the site's realm does not allow them",
                )
                .help("remove it, or write unsafe_allow_sha1_and_rsa_1024 = true in the realm");
        }
    }
    written.iter().map(|scheme| scheme.value).collect()
}

fn site_tls(
    raw: &raw::Site,
    key_pairs: Vec<ServerKeyPair>,
    certificate_request: Option<ClientCertificateRequest>,
    realm: Option<&Realm>,
    context: &mut Context,
    diagnostics: &mut Diagnostics,
) -> Option<SiteTls> {
    let sessions = context
        .sessions(raw.name(), raw.tls.session_cache.value)
        .map_err(|error| _ = diagnostics.error(raw.head.span, display_chain(&error)))
        .ok()?;
    let settings = SiteTlsSettings {
        key_pairs,
        min: raw.tls.min.value,
        max: raw.tls.max.value,
        http2: raw.offers_http2(),
        certificate_request,
        sessions,
        binding: binding(raw, realm),
        card_reauth_interval: raw.card_reauth_interval.value,
    };
    match SiteTls::new(settings, context.clock.clone()) {
        Ok(tls) => {
            warn_of_long_handshake(raw, &tls, diagnostics);
            Some(tls)
        }
        Err(SiteTlsError::Hints(error)) => {
            diagnostics
                .error(raw.realm.as_ref().map_or(raw.head.span, |realm| realm.span), error.to_string())
                .help("write ca_hints = false, or trust fewer anchors here");
            None
        }
        Err(error @ (SiteTlsError::NoVersion | SiteTlsError::Rustls(_))) => {
            diagnostics.error(raw.head.span, display_chain(&error));
            None
        }
    }
}

fn warn_of_long_handshake(raw: &raw::Site, tls: &SiteTls, diagnostics: &mut Diagnostics) {
    let size = tls.hint_size();
    if tls.requests_certificate() && size.exceeds_schannel_limit() {
        let message = format!(
            "the server's chain ({} bytes) and the CA hints ({} bytes) are long: Windows clients break off above 32 KB",
            size.chain, size.hints
        );
        diagnostics.warning(raw.ca_hints.span, message).help("write ca_hints = false");
    }
}

/// What a session of this site was made under: whoever it names, and whom it trusts.
fn binding(raw: &raw::Site, realm: Option<&Realm>) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut add = |part: &[u8]| {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part);
    };
    add(raw.name().as_bytes());
    add(&[
        u8::from(raw.requests_certificates()),
        u8::from(raw.on_bad_certificate.value == raw::OnBadCertificate::Alert),
    ]);
    if let Some(realm) = realm {
        add(realm.name.as_bytes());
        for certificate in realm.trust.anchors().iter().chain(realm.trust.intermediates()) {
            add(certificate.der());
        }
    }
    let mut bound = [0; 32];
    bound.copy_from_slice(context.finish().as_ref());
    bound
}

fn path_table(
    raw: &raw::Site,
    case: PathCase,
    parts: &Parts,
    files: &mut Files,
    diagnostics: &mut Diagnostics,
) -> Option<PathTable<PathRule>> {
    let mut rules = Vec::new();
    let mut whole = true;
    for path in &raw.path {
        let pattern = match PathPattern::parse(&path.path.value) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                diagnostics.error(path.path.span, display_chain(&error));
                None
            }
        };
        let rule = path_rule(raw, path, parts, files, diagnostics);
        match (pattern, rule) {
            (Some(pattern), Some(rule)) => rules.push((pattern, rule)),
            (_, _) => whole = false,
        }
    }
    // With one left out the positions of the others would point to the wrong lines.
    if !whole {
        return None;
    }
    PathTable::build(case, rules).map_err(|faults| tell(&faults, raw, diagnostics)).ok()
}

fn tell(faults: &[PathTableError], raw: &raw::Site, diagnostics: &mut Diagnostics) {
    let span = |position: usize| raw.path.get(position).map_or(raw.head.span, |path| path.path.span);
    for fault in faults {
        let (at, other) = match fault {
            PathTableError::Duplicate { first, again, .. } => (*again, *first),
            PathTableError::Unreachable { directory_position, exact_position, .. } => {
                (*directory_position, *exact_position)
            }
        };
        diagnostics.error(span(at), fault.to_string()).label(span(other), "the other rule");
    }
}

fn path_rule(
    site: &raw::Site,
    raw: &RawPath,
    parts: &Parts,
    files: &mut Files,
    diagnostics: &mut Diagnostics,
) -> Option<PathRule> {
    let errors = diagnostics.errors();
    let issuers = files.certificates(&raw.issuers, diagnostics);
    let admission = admission::compile(raw, files, diagnostics);
    if diagnostics.errors() > errors {
        return None;
    }
    let backend = raw.backend.as_ref().or(site.backend.as_ref())?;
    let realm = site.realm.as_ref().and_then(|name| parts.realms.get(&name.value));
    if realm.is_some_and(|realm| lacks_directory(raw, realm)) {
        let message = "the site's realm has no directory to judge passwords";
        diagnostics.error(raw.password.span, message).help(format!(
            "add a directory to the realm {:?}, or write password = \"never\"",
            site.realm.as_ref().map(|name| name.value.as_str()).unwrap_or_default()
        ));
        return None;
    }
    let rule = AccessRule {
        name: raw.path.value.clone(),
        methods: values(&raw.methods),
        client_certificate: raw.client_certificate.value,
        password: raw.password.value,
        unmapped_certificate: match raw.unsafe_allow_password_for_unmapped_card.value {
            false => UnmappedCertificateRule::Reject,
            true => UnmappedCertificateRule::AllowPassword,
        },
        conditions: CertificateConditions {
            extended_key_usages: values(&raw.extended_key_usage),
            certificate_policies: values(&raw.certificate_policies),
            issuers: issuers.iter().map(crate::certificate::Certificate::key_id).collect(),
        },
        access: admission,
        query: raw.query.value,
        cross_site: raw.cross_site.as_ref().unwrap_or(&site.cross_site).value,
        max_body: raw.max_body.value,
    };
    admission::refuse_names_of_nobody(raw, &rule, diagnostics);
    Some(PathRule { rule: Arc::new(rule), backend: Arc::clone(parts.backends.get(&backend.value)?) })
}

fn lacks_directory(raw: &RawPath, realm: &Realm) -> bool {
    raw.password.value == PasswordRule::Directory && realm.directory.is_none()
}

fn hosts(raw: &raw::Site, diagnostics: &mut Diagnostics) -> Option<Vec<HostPattern>> {
    let errors = diagnostics.errors();
    let hosts = raw.hosts.iter().filter_map(|host| {
        HostPattern::parse(&host.value)
            .map_err(|error| _ = diagnostics.error(host.span, display_chain(&error)))
            .ok()
    });
    let hosts = hosts.collect();
    (diagnostics.errors() == errors).then_some(hosts)
}

fn public_host(hosts: &[HostPattern]) -> Option<Authority> {
    let exact = hosts.iter().find_map(|pattern| match pattern {
        HostPattern::Exact(host) if !host.is_loopback() => Some(host.clone()),
        HostPattern::Exact(_) | HostPattern::OneLabelBelow(_) => None,
    });
    exact.map(Authority::from)
}

/// The hosts of the sites that share an address, each with the site's place.
pub(super) fn host_table(
    entries: &[&(&raw::Site, Arc<Site>)],
    diagnostics: &mut Diagnostics,
) -> Option<HostTable> {
    let places = entries.iter().enumerate();
    let hosts =
        places.flat_map(|(place, (_, site))| site.hosts.iter().map(move |host| (host.clone(), place)));
    let first = entries.first().map(|(raw, _)| raw.head.span).unwrap_or_default();
    HostTable::build(hosts)
        .map_err(|twice| twice.iter().for_each(|host| _ = diagnostics.error(first, host.to_string())))
        .ok()
}
