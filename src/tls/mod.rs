//! Ends TLS for a site: asks for the card where the site wants one, proves that the client holds its key, and hands
//! the chain on unjudged.
//!
//! Never decides whether a certificate is good. A chain that nobody trusts still completes the handshake and is
//! answered over HTTP with a reason, as http.sys does, unless the site asks for alerts.

mod accept;
mod certificates;
mod hints;
mod possession;
mod server;
mod tickets;

pub use accept::{Accepted, HandshakeError, HandshakeLimits, HandshakeStage, TlsFacts, accept};
pub use certificates::{CertificateChooser, KeyPairError, ServerKeyPair};
pub use hints::{HintSize, HintsTooLong};
pub use possession::HandshakeJudge;
pub use server::{CardRequest, SiteTls, SiteTlsError, SiteTlsSettings, TlsVersion};
pub use tickets::{TicketKeys, TicketKeysError};
