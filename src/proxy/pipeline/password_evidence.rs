//! Adds the verdict on a password to the evidence of the certificate, if the rule accepts passwords and the request has
//! one. The directory is not queried if no password could change the decision.

use super::context::RequestContext;
use super::observer::PipelineObserver;
use super::routing::RoutedRequest;
use crate::policy::{Evidence, PasswordRejection, password_fallback};
use crate::request::BasicCredentials;
use http::HeaderMap;
use std::sync::Arc;
use std::time::Instant;

/// The evidence of a request whose certificate has given `evidence`.
pub(super) async fn with_password(
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
