//! The results of the pipeline's steps, as they become known.

use crate::headers::RemovedHeaders;
use crate::identity::MappingTrace;
use crate::policy::{AccessRule, Evidence};
use crate::request::CanonicalPath;
use crate::site::{PathRule, Realm, Site};
use crate::telemetry::audit::CertificateFacts;
use crate::validation::{PresentedChain, ValidatedChain};
use http::HeaderValue;
use std::sync::Arc;
use std::time::Duration;

/// Receives the results of the pipeline's steps, in the order of the steps: `serve` fills the audit record with them,
/// `explain` its report. No observer affects the decision.
///
/// A step that a cached verdict replaces is not reported.
pub trait PipelineObserver {
    /// The site of the requested host.
    fn site(&mut self, _site: &Site) {}

    /// The path that the rules are applied to and that is forwarded.
    fn canonical_path(&mut self, _path: &CanonicalPath) {}

    /// The redirect of a request over plain HTTP.
    fn redirect(&mut self, _location: HeaderValue) {}

    /// The rule of the path.
    fn rule(&mut self, _rule: &PathRule) {}

    /// The rule rejects the request for the client's address, or for the request's method, query or length.
    fn rejected_by_form(&mut self, _rule: &AccessRule) {}

    /// The number of headers that were removed because no backend may receive them.
    fn removed_headers(&mut self, _removed: &RemovedHeaders) {}

    /// A certificate is about to be authenticated in this realm.
    fn presented_chain(&mut self, _realm: &Realm, _chain: &PresentedChain) {}

    /// The certificate as audit records contain it.
    fn certificate(&mut self, _facts: &Arc<CertificateFacts>) {}

    /// The chain is valid in the realm.
    fn validated_chain(&mut self, _chain: &ValidatedChain) {}

    /// The certificate was mapped to an account, or to none.
    fn mapping(&mut self, _mapping: &MappingTrace) {}

    /// The time that authentication took: of a certificate, a password, or each of both.
    fn authentication_time(&mut self, _took: Duration) {}

    /// The evidence of the certificate alone.
    fn certificate_evidence(&mut self, _evidence: &Evidence) {}

    /// The evidence that the decision is made on.
    fn evidence(&mut self, _evidence: &Evidence) {}
}

/// Observes nothing.
impl PipelineObserver for () {}
