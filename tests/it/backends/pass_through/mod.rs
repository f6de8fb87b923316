//! The backend's own password dialogue, passed through: clients log in by NTLM at a server that authenticates
//! connections, as IIS does, and nobody ever gets another's connection.

mod any_configuration;
mod crowd;
mod curl;
mod domain;
mod http2;
mod limits;
mod server;
mod wire;

use crate::support::TestConfig;

/// A path of each kind that leads into the dialogue, and the same without it.
const PATHS: &str = r#"
[[site.path]]
path = "/ignore/*"
client_certificate = "ignore"
password = "backend"
max_body = "12MiB"

[[site.path]]
path = "/early401/*"
client_certificate = "ignore"
password = "backend"
max_body = "12MiB"

[[site.path]]
path = "/accept/*"
client_certificate = "accept"
password = "backend"
max_body = "12MiB"

[[site.path]]
path = "/nameless/*"
client_certificate = "ignore"

[[site.path]]
path = "/require/*"
client_certificate = "require"
"#;

/// These paths in front of `backend`.
fn before(backend: std::net::SocketAddr) -> TestConfig {
    TestConfig {
        paths: PATHS.to_owned(),
        servers: format!("[\"http://{backend}\"]"),
        ..TestConfig::default()
    }
}
