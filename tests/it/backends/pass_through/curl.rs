//! curl logs in by NTLM through the gateway, with bodies of several sizes.

use super::in_front_of;
use crate::support::{ActiveDirectory, NtlmSite, TestGateway, curl, pattern, sha256};
use serde_json::Value;

/// Returns the JSON with which the site responds after the login.
fn logged_in(lab: &TestGateway, path: &str, more: &[&str]) -> Option<Value> {
    let user = format!("CORP\\alice:{}", ActiveDirectory::PASSWORD);
    let url = lab.url(path);
    let ran = curl(lab, &[&["--ntlm", "--user", &user, &url], more].concat())?;
    Some(serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.output())))
}

#[test]
fn a_user_without_a_certificate_logs_in_by_ntlm() {
    let Some(site) = NtlmSite::start() else { return };
    let lab = TestGateway::with(in_front_of(site.address()));
    for path in ["/ignore/x", "/accept/x"] {
        let Some(response) = logged_in(&lab, path, &[]) else { return };
        assert_eq!(response["user"], "CORP\\alice");
    }
}

#[test]
fn bodies_of_every_size_are_forwarded_whole_during_a_login() {
    let Some(site) = NtlmSite::start() else { return };
    let lab = TestGateway::with(in_front_of(site.address()));
    let file = lab.folder().join("body");
    let data = format!("@{}", file.display());
    for size in [0, 48 << 10, 10 << 20] {
        let body = pattern(size);
        std::fs::write(&file, &body).unwrap();
        for path in ["/ignore/x", "/accept/x", "/early401/x"] {
            // With chunked framing curl cannot send the empty body of the first message, and with both headers it fails
            // even without a gateway.
            for how in ["Expect: 100-continue", "Expect:", "Expect:\r\nTransfer-Encoding: chunked"] {
                let args: Vec<_> = how.split("\r\n").flat_map(|header| ["--header", header]).collect();
                let args = [&["--data-binary", &data], &args[..]].concat();
                let Some(response) = logged_in(&lab, path, &args) else { return };
                assert_eq!(response["user"], "CORP\\alice", "{size} {path} {how}");
                assert_eq!(response["body_sha256"], sha256(&body), "{size} {path} {how}");
            }
        }
    }
}

#[test]
fn all_challenges_are_forwarded_in_order() {
    let Some(site) = NtlmSite::start() else { return };
    let lab = TestGateway::with(in_front_of(site.address()));
    let url = lab.url("/accept/x");
    let Some(ran) = curl(&lab, &["--include", &url]) else { return };
    let challenges: Vec<_> =
        ran.stdout.lines().filter(|line| line.to_ascii_lowercase().starts_with("www-authenticate")).collect();
    assert_eq!(challenges, ["www-authenticate: Negotiate", "www-authenticate: NTLM"], "{}", ran.stdout);
}

#[test]
fn a_certificate_takes_precedence_over_a_login_at_the_backend() {
    let Some(site) = NtlmSite::start() else { return };
    let lab = TestGateway::with(in_front_of(site.address()));
    let (url, card) = (lab.url("/accept/x"), lab.card_file("alice"));
    let user = format!("CORP\\bob:{}", ActiveDirectory::PASSWORD);
    let args = ["--ntlm", "--user", &user, "--cert", &card, "--header", "Accept: application/json", &url];
    let Some(ran) = curl(&lab, &args) else { return };
    // The site ignores identity headers and requests a password, which a certificate holder is never asked for.
    let response: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(response["id"], "backend-rejected-identity", "{}", ran.output());
}
