//! Signs short-lived statements of who a request is from (RFC 7519), and publishes the keys that prove them (RFC 7517).
