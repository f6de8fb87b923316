//! `portcullis check --online` with a server that requires Kerberos.

use crate::support::{ActiveDirectory, KerberosSite, TestConfig, pki};
use assert_cmd::Command;
use portcullis::demo::rms::Rms;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use tempfile::TempDir;

/// Checks a backend at `server`, configured with `keys`, for `user`. Returns the exit code and the report.
fn check(directory: &ActiveDirectory, server: SocketAddr, keys: &str, user: &str) -> (i32, Value) {
    check_with(&directory.krb5_conf(), server, keys, user)
}

fn check_with(krb5_conf: &Path, server: SocketAddr, keys: &str, user: &str) -> (i32, Value) {
    let folder = TempDir::new().unwrap();
    pki().write_to(folder.path()).unwrap();
    let setup = TestConfig { backend: keys.to_owned(), ..TestConfig::default() };
    std::fs::write(folder.path().join("proxy.toml"), setup.proxy_toml(&format!("http://{server}"))).unwrap();
    let output = Command::cargo_bin("portcullis")
        .unwrap()
        .current_dir(folder.path())
        .env("KRB5_CONFIG", krb5_conf)
        .args(["check", "--online", "--json", "--as", user])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text} {stderr}"));
    (output.status.code().unwrap(), report)
}

fn kerberos(directory: &ActiveDirectory, account: &str, service: &str) -> String {
    let keytab = directory.keytab(account);
    format!(
        "identity = \"kerberos\"\nspn = \"{service}\"\nkeytab = \"{}\"\nkerberos = {{ realm = \"CORP.EXAMPLE\" }}",
        keytab.display()
    )
}

/// Returns the findings that did not pass: the check and its first fix.
fn failed_checks(report: &Value) -> Vec<(String, String)> {
    let findings = report["findings"].as_array().unwrap().iter();
    let failed = findings.filter(|one| one["result"] != "passed");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    failed.map(|one| (text(&one["check"]), text(&one["fix"][0]))).collect()
}

#[test]
fn a_kdc_that_hangs_is_skipped() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let rms = Rms::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let Some(site) = KerberosSite::start(&directory, rms.address()) else { return };
    // Accepts connections and never responds. Without the relay the library waits ten seconds for it with each request.
    let hung = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let first = format!("kdc = {}\n    kdc = ", hung.local_addr().unwrap());
    let folder = TempDir::new().unwrap();
    let krb5_conf = folder.path().join("krb5.conf");
    let usual = std::fs::read_to_string(directory.krb5_conf()).unwrap();
    std::fs::write(&krb5_conf, usual.replacen("kdc = ", &first, 1)).unwrap();
    let keys = kerberos(&directory, "gw", "HTTP/rms.corp.example");
    let (code, report) = check_with(&krb5_conf, site.per_request(), &keys, "alice@CORP.EXAMPLE");
    assert_eq!((code, failed_checks(&report)), (0, Vec::new()), "{report:#}");
}

#[test]
fn every_step_of_a_working_delegation_passes() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let rms = Rms::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let Some(site) = KerberosSite::start(&directory, rms.address()) else { return };
    let keys = kerberos(&directory, "gw", "HTTP/rms.corp.example");
    for user in ["alice@CORP.EXAMPLE", "CORP\\alice", "alice"] {
        let (code, report) = check(&directory, site.per_request(), &keys, user);
        assert_eq!((code, failed_checks(&report)), (0, Vec::new()), "{report:#}");
        let last = report["findings"].as_array().unwrap().last().unwrap();
        assert_eq!(last["check"], "ticket accepted");
        assert!(last["detail"].as_str().unwrap().ends_with("the server authenticated itself"), "{last}");
    }
}

#[test]
fn each_defect_is_reported_with_the_setting_to_change() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let rms = Rms::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let Some(site) = KerberosSite::start(&directory, rms.address()) else { return };
    let s4u = "ticket to the service in the user's name (S4U2Proxy)";
    let cases = [
        ("gw", "HTTP/elsewhere.corp.example", "alice", s4u, "msDS-AllowedToDelegateTo"),
        ("gw", "HTTP/rms.corp.example", "peggy", s4u, "sensitive"),
        (
            "gw",
            "HTTP/rms.corp.example",
            "nobody",
            "ticket to the gateway in the user's name (S4U2Self)",
            "sAMAccountName",
        ),
        ("untrusted", "HTTP/rms.corp.example", "alice", s4u, "TRUSTED_TO_AUTH_FOR_DELEGATION"),
        ("rms", "HTTP/rms.corp.example", "alice", "login", ""),
    ];
    for (account, service, user, step, fix) in cases {
        let keys = kerberos(&directory, account, service);
        let (code, report) = check(&directory, site.per_request(), &keys, user);
        let failed = failed_checks(&report);
        let (check, proposed) = failed.last().unwrap_or_else(|| panic!("{report:#}"));
        assert_eq!(code, 1, "{report:#}");
        assert!(check.starts_with(step) && proposed.contains(fix), "{account} {service} {user}: {failed:?}");
    }
}

#[test]
fn a_new_challenge_after_a_valid_ticket_is_reported_with_its_three_likely_causes() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let rms = Rms::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let Some(site) = KerberosSite::start(&directory, rms.address()) else { return };
    // A ticket for another service than the server's.
    let keys = kerberos(&directory, "gw", "HTTP/rc4.corp.example");
    let keys = keys.replace("realm =", "unsafe_allow_rc4 = true, realm =");
    let (code, report) = check(&directory, site.per_request(), &keys, "alice");
    assert_eq!(code, 1, "{report:#}");
    let last = report["findings"].as_array().unwrap().last().unwrap();
    let fixes: Vec<_> = last["fix"].as_array().unwrap().iter().map(|fix| fix.as_str().unwrap()).collect();
    for cause in ["setspn", "useAppPoolCredentials", "tokenChecking"] {
        assert!(fixes.iter().any(|fix| fix.contains(cause)), "{cause}: {report:#}");
    }
}
