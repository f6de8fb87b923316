//! The order of the pipeline: routing, authentication, decision.

use super::connection_credential::current;
use super::context::{ReceivedRequest, RequestContext};
use super::observer::PipelineObserver;
use super::permitted_request::PermittedRequest;
use super::routing::{RoutedRequest, route};
use crate::policy::{Denial, Evidence, PasswordRejection, decide, password_fallback};
use crate::request::BasicCredentials;
use http::HeaderMap;
use std::sync::Arc;
use std::time::Instant;

/// Routes a request, authenticates its client and decides.
///
/// # Errors
/// The denial of the first step that rejects the request.
pub(crate) async fn authorize<'a>(
    context: &RequestContext<'a>,
    mut request: ReceivedRequest<'a, '_>,
    observer: &mut impl PipelineObserver,
) -> Result<PermittedRequest<'a>, Denial> {
    let routed = route(context, &mut request, observer)?;
    let (rule, site) = (&routed.matched.rule.rule, routed.site);
    let headers = &*request.headers;
    let (evidence, now) = current(context.clock, async || {
        let evidence =
            routed.credential.evidence(rule, site, context.authenticator, context.clock, observer).await;
        observer.certificate_evidence(&evidence);
        with_password(evidence, &routed, headers, context, observer).await
    })
    .await;
    observer.evidence(&evidence);
    let permit = decide(rule, &routed.facts, evidence, now)?;
    Ok(PermittedRequest::new(permit, routed, context, now))
}

/// Adds the verdict on a password to the evidence of the certificate, if the rule accepts passwords and the request has one.
/// The directory is not queried if no password could change the decision.
async fn with_password(
    evidence: Evidence,
    routed: &RoutedRequest<'_>,
    headers: &HeaderMap,
    context: &RequestContext<'_>,
    observer: &mut impl PipelineObserver,
) -> Evidence {
    // The configuration requires a realm with a directory for every path that takes passwords.
    let realm = routed.site.realm.as_deref().and_then(|realm| Some((realm, realm.directory.as_deref()?)));
    let rule = &routed.matched.rule.rule;
    let fallback = password_fallback(rule, &routed.facts, &evidence, context.clock.now());
    let (Some(fallback), Some((realm, directories))) = (fallback, realm) else { return evidence };
    let outcome = match BasicCredentials::of(headers) {
        Ok(None) => return evidence,
        Ok(Some(credentials)) => {
            let started = Instant::now();
            let client = context.connection.client;
            let outcome = context
                .authenticator
                .authenticate_password(realm, directories, &credentials, client, context.clock)
                .await;
            observer.authentication_time(started.elapsed());
            outcome
        }
        Err(error) => Err(Arc::new(PasswordRejection::Malformed(error))),
    };
    Evidence::Password { outcome, fallback }
}
