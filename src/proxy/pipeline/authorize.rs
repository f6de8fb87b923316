//! The order of the pipeline: routing, authentication, decision.

use super::connection_credential::current;
use super::context::{ReceivedRequest, RequestContext};
use super::observer::PipelineObserver;
use super::password_evidence::with_password;
use super::permitted_request::PermittedRequest;
use super::routing::route;
use crate::policy::{Denial, decide};

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
