//! Pass-through authentication: clients log in by NTLM at a server that authenticates connections, as IIS does, and no
//! client ever uses the connection of another.

mod any_configuration;
mod crowd;
mod curl;
mod domain;
mod http2;
mod limits;
mod server;
mod wire;

use crate::support::TestConfig;

/// The paths: with and without pass-through authentication.
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

/// Returns the configuration of a gateway with these paths in front of `backend`.
fn in_front_of(backend: std::net::SocketAddr) -> TestConfig {
    TestConfig {
        paths: PATHS.to_owned(),
        servers: format!("[\"http://{backend}\"]"),
        ..TestConfig::default()
    }
}
