//! The revocation of a realm: its requirements, its CRLs and its OCSP client.

use super::compiler::Compiler;
use crate::config::parse::values;
use crate::config::schema::realm::RealmSection;
use crate::config::schema::revocation::RevocationSection;
use crate::revocation::fetch::{DirectoryTls, FetchRules, UrlRewrite};
use crate::revocation::ocsp::{ConfiguredResponder, OcspClient, OcspSettings};
use crate::revocation::{DownloadSettings, IssuerRule, LiveCrls, RevocationRule};
use std::sync::Arc;

impl Compiler<'_> {
    pub(super) fn revocation_rule(&mut self, raw: &RevocationSection) -> RevocationRule {
        let issuers = raw.issuers.iter().filter_map(|issuer| {
            let key = self.certificate(&issuer.certificate)?.key_id();
            Some(IssuerRule { key, demand: issuer.mode.value })
        });
        RevocationRule { mode: raw.mode.value, grace: raw.grace.value, issuers: issuers.collect() }
    }

    /// Loads the CRLs of a realm, with those that the same realm of an earlier configuration has fetched.
    pub(super) fn crls(&mut self, realm: &RealmSection) -> Option<Arc<LiveCrls>> {
        let (name, raw) = (realm.head.name.value.as_str(), &realm.revocation);
        let paths = raw.crl.iter().map(|path| self.path(&path.value)).collect();
        let directory_tls = self.directory_tls(raw);
        let settings = raw.fetch.value.then(|| DownloadSettings {
            realm: name.into(),
            rules: FetchRules { directory_tls, ..fetch_rules(raw) },
            cache_folder: raw.cache_dir.as_ref().map(|folder| self.path(&folder.value)),
        });
        let (earlier, now) = (self.context.crls(name), self.context.clock.now());
        let loaded = LiveCrls::load(paths, settings, earlier.as_deref(), now);
        let crls = Arc::new(self.ok_at(raw.span(), loaded)?);
        for note in crls.store().notes() {
            self.diagnostics.warning(raw.span(), note.to_string());
        }
        self.context.remember_crls(name, &crls);
        Some(crls)
    }

    pub(super) fn ocsp_client(&mut self, raw: &RevocationSection) -> Option<Arc<OcspClient>> {
        let responder = raw.ocsp_responder.as_ref().map(|responder| ConfiguredResponder {
            url: responder.url.value.clone(),
            certificate: responder.certificate.as_ref().and_then(|path| self.certificate(path)),
        });
        let settings = OcspSettings {
            nonce: raw.ocsp_nonce.value,
            responder,
            grace: raw.grace.value,
            cache_bytes: self.document.caches.ocsp.value,
            ..OcspSettings::default()
        };
        raw.ocsp.value.then(|| Arc::new(OcspClient::new(settings, fetch_rules(raw))))
    }

    fn directory_tls(&mut self, raw: &RevocationSection) -> Option<DirectoryTls> {
        let path = raw.ldaps_ca.as_ref()?;
        let authorities = self.chain(path)?;
        self.ok_at(path.span, DirectoryTls::trusting(authorities))
    }
}

fn fetch_rules(raw: &RevocationSection) -> FetchRules {
    let rewrite = raw.rewrite.iter();
    FetchRules {
        hosts: values(&raw.hosts),
        addresses: values(&raw.addresses),
        rewrite: rewrite
            .map(|url| UrlRewrite { from: url.from.value.clone(), to: url.to.value.clone() })
            .collect(),
        max_bytes: raw.max_crl.value,
        timeout: raw.fetch_timeout.value,
        ..FetchRules::default()
    }
}
