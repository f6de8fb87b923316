//! Connections that serve one client connection only, for pass-through authentication.

pub(super) mod connection;
pub(super) mod limit;
pub(super) mod register;
pub(super) mod state;
