//! The keys of pass-through authentication, and its effect on HTTP/2.

use super::{SMALLEST, only_diagnostic, smallest};
use crate::config::schema::ConfigDocument;
use std::time::Duration;

const REQUIRE: &str = "client_certificate = \"require\"";
const BACKEND: &str = "client_certificate = \"accept\"\npassword = \"backend\"";

/// The smallest file with these lines on its path, this line in its site, and these at its end.
fn with(path: &str, site: &str, tables: &str) -> String {
    let text = SMALLEST.replacen(REQUIRE, path, 1).replacen("[[site]]", &format!("[[site]]\n{site}"), 1);
    format!("{text}{tables}")
}

fn offers_http2(text: &str) -> bool {
    let (document, diagnostics) = ConfigDocument::parse("proxy.toml", text);
    assert!(!diagnostics.has_errors());
    document.unwrap().site[0].offers_http2()
}

#[test]
fn http2_is_offered_by_default_unless_a_path_uses_pass_through_authentication() {
    assert!(offers_http2(&with(REQUIRE, "", "")));
    assert!(!offers_http2(&with(BACKEND, "", "")));
    assert!(offers_http2(&with(BACKEND, "http2 = true", "")));
    assert!(!offers_http2(&with(REQUIRE, "http2 = false", "")));
}

#[test]
fn pass_through_limits_have_safe_defaults() {
    let backend = smallest().backend[0].clone();
    assert_eq!(
        (backend.max_pinned_connections.value, backend.max_pinned_connections_per_address.value),
        (1000, 64)
    );
    let attempts = backend.login_throttle;
    assert_eq!((attempts.max_failures_per_account.value, attempts.max_failures_per_address.value), (4, 100));
    assert_eq!(attempts.window.value, Duration::from_secs(15 * 60));
}

#[test]
fn pass_through_limits_without_such_a_path_are_an_error() {
    for key in [
        "max_pinned_connections = 5",
        "max_pinned_connections_per_address = 5",
        "login_throttle = { max_failures_per_account = 2 }",
    ] {
        let name = key.split(' ').next().unwrap();
        assert_eq!(
            only_diagnostic(&with(REQUIRE, "", &format!("\n{key}\n"))),
            format!(
                "Error backend.rms.{name}: `{name}` does nothing: no path uses pass-through authentication at this backend \
                 (write password = \"backend\" in a [[site.path]], or remove it)"
            )
        );
        assert!(
            !ConfigDocument::parse("proxy.toml", &with(BACKEND, "", &format!("\n{key}\n"))).1.has_errors()
        );
    }
}
