//! What a request and its response have in common on every connection.

pub(super) mod framing;
