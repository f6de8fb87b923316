//! What a realm demands of revocation, its CRLs, and whom it asks.

use super::context::Context;
use super::files::Files;
use crate::config::parse::Diagnostics;
use crate::config::parse::span::values;
use crate::config::schema::realm::Realm;
use crate::config::schema::revocation::Revocation;
use crate::revocation::fetch::{DirectoryTls, FetchRules, UrlRewrite};
use crate::revocation::ocsp::{ConfiguredResponder, OcspClient, OcspSettings};
use crate::revocation::{DownloadSettings, IssuerRule, LiveCrls, RevocationRule};
use crate::telemetry::display_chain;
use std::sync::Arc;

pub(super) fn rule(raw: &Revocation, files: &mut Files, diagnostics: &mut Diagnostics) -> RevocationRule {
    let issuers = raw.issuers.iter().filter_map(|issuer| {
        let key = files.certificate(&issuer.certificate, diagnostics)?.key_id();
        Some(IssuerRule { key, demand: issuer.mode.value })
    });
    RevocationRule { mode: raw.mode.value, grace: raw.grace.value, issuers: issuers.collect() }
}

/// Loads the CRLs. The same realm's of an earlier configuration hand over what they have fetched.
pub(super) fn crls(
    raw: &Realm,
    files: &mut Files,
    context: &mut Context,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<LiveCrls>> {
    let (name, raw) = (raw.head.name.value.as_str(), &raw.revocation);
    let paths = raw.crl.iter().map(|path| files.path(&path.value)).collect();
    let directory_tls = directory_tls(raw, files, diagnostics);
    let settings = raw.fetch.value.then(|| DownloadSettings {
        realm: name.into(),
        rules: FetchRules { directory_tls, ..fetch_rules(raw) },
        cache_folder: raw.cache_dir.as_ref().map(|folder| files.path(&folder.value)),
    });
    let now = context.clock.now();
    match LiveCrls::load(paths, settings, context.crls(name).as_deref(), now) {
        Ok(crls) => {
            for note in crls.store().notes() {
                diagnostics.warning(raw.span(), note.to_string());
            }
            let crls = Arc::new(crls);
            context.remember_crls(name, &crls);
            Some(crls)
        }
        Err(error) => {
            diagnostics.error(raw.span(), display_chain(&error));
            None
        }
    }
}

/// Whom to ask, and how.
pub(super) fn ocsp(
    raw: &Revocation,
    cache_bytes: u64,
    files: &mut Files,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<OcspClient>> {
    let responder = raw.ocsp_responder.as_ref().map(|responder| ConfiguredResponder {
        url: responder.url.value.clone(),
        certificate: responder.certificate.as_ref().and_then(|path| files.certificate(path, diagnostics)),
    });
    let settings = OcspSettings {
        nonce: raw.ocsp_nonce.value,
        responder,
        grace: raw.grace.value,
        cache_bytes,
        ..OcspSettings::default()
    };
    raw.ocsp.value.then(|| Arc::new(OcspClient::new(settings, fetch_rules(raw))))
}

fn directory_tls(raw: &Revocation, files: &mut Files, diagnostics: &mut Diagnostics) -> Option<DirectoryTls> {
    let path = raw.ldaps_ca.as_ref()?;
    let authorities = files.chain(path, diagnostics)?;
    DirectoryTls::trusting(authorities)
        .map_err(|error| _ = diagnostics.error(path.span, display_chain(&error)))
        .ok()
}

fn fetch_rules(raw: &Revocation) -> FetchRules {
    let rewrites = raw.rewrite.iter();
    FetchRules {
        hosts: values(&raw.hosts),
        addresses: values(&raw.addresses),
        rewrite: rewrites
            .map(|url| UrlRewrite { from: url.from.value.clone(), to: url.to.value.clone() })
            .collect(),
        max_bytes: usize::try_from(raw.max_crl.value).unwrap_or(usize::MAX),
        timeout: raw.fetch_timeout.value,
        ..FetchRules::default()
    }
}
