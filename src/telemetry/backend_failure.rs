//! The ways in which a backend fails a request, by the words of the metric.

/// How a backend failed a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendFailure {
    /// No connection could be opened.
    Connect,
    /// No connection was open in time.
    ConnectTimeout,
    /// The server's TLS or its certificate was refused.
    Tls,
    /// Every connection is taken and the queue is full or too slow.
    Busy,
    /// The answer did not begin in time.
    FirstByteTimeout,
    /// The answer began and stood still for too long.
    IdleTimeout,
    /// The connection broke before the answer was whole.
    Interrupted,
    /// The answer is not HTTP, or asks for what cannot be passed on.
    Protocol,
    /// No proof of the user's identity could be had for it, or it gave none of its own.
    Identity,
}

impl BackendFailure {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 9] = [
        Self::Connect,
        Self::ConnectTimeout,
        Self::Tls,
        Self::Busy,
        Self::FirstByteTimeout,
        Self::IdleTimeout,
        Self::Interrupted,
        Self::Protocol,
        Self::Identity,
    ];

    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls",
            Self::Busy => "busy",
            Self::FirstByteTimeout => "first_byte_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::Interrupted => "interrupted",
            Self::Protocol => "protocol",
            Self::Identity => "identity",
        }
    }
}
