//! The request pipeline, from the request head to the request for the backend.
//!
//! `serve` and `explain` run the same functions, so that an explanation cannot differ from what the gateway does.
//! [`authorize`] routes a request, authenticates its client and decides; [`PermittedRequest::prepare`] writes the request
//! for the backend. Neither reads from the client's connection or opens one to a backend. A [`PipelineObserver`] sees
//! the result of each step.

mod authorize;
mod client_connection;
mod connection_credential;
mod context;
mod identity_delegation;
mod observer;
mod permitted_request;
mod routing;

pub(crate) use authorize::authorize;
pub(crate) use client_connection::{ClientChannel, ClientConnection, ConnectionEndpoints};
pub(crate) use connection_credential::ConnectionCredential;
pub(crate) use context::{ReceivedRequest, RequestContext};
pub(crate) use identity_delegation::IdentityDelegation;
pub(crate) use observer::PipelineObserver;
pub(crate) use permitted_request::{PermittedRequest, PreparedRequest};
