//! The report of `portcullis check --online` about a realm's directory.

use crate::support::{PeopleDirectory, TestConfig, pki};
use assert_cmd::Command;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Returns the exit code, the checks of the directory at `url` with their results, and the whole report.
async fn check(url: &str, password: &str, base: &str) -> (i32, Vec<(String, String)>, Value) {
    let folder = TempDir::new().unwrap();
    pki().write_to(folder.path()).unwrap();
    std::fs::write(folder.path().join("password"), password).unwrap();
    let directory = format!(
        "[realm.staff.directory]\nurl = \"{url}\"\nca = \"pki/server-ca.pem\"\nbase_dn = \"{base}\"\n\
         bind_dn = \"CN=svc-ldap,DC=corp,DC=example\"\nbind_password = {{ file = \"password\" }}\n"
    );
    let setup = TestConfig {
        more: directory,
        backend: "headers = { sets = [] }".to_owned(),
        ..TestConfig::default()
    };
    std::fs::write(folder.path().join("proxy.toml"), setup.proxy_toml("http://127.0.0.1:9")).unwrap();
    let mut command = Command::cargo_bin("portcullis").unwrap();
    command.current_dir(folder.path()).args(["check", "--online", "--json"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    let findings = report["findings"].as_array().unwrap().iter();
    let of_realm = findings.filter(|one| one["component"].as_str().unwrap().starts_with("realm staff"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let verdicts = of_realm.map(|one| (text(&one["check"]), text(&one["result"]))).collect();
    (output.status.code().unwrap(), verdicts, report)
}

const BASE: &str = "DC=corp,DC=example";

#[tokio::test]
async fn each_check_of_an_available_directory_is_reported() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let url = directory.server().to_string();
    let (_, verdicts, report) = check(&url, PeopleDirectory::PASSWORD, BASE).await;
    let tried: Vec<_> = verdicts.iter().map(|(what, _)| what.as_str()).collect();
    let expected = ["account", "base", "domain", "clock", "account lockout", "altSecurityIdentities"];
    assert_eq!(tried, expected, "{report:#}");
    assert_eq!(report["findings"][0]["detail"], "binds as CN=svc-ldap,DC=corp,DC=example");
    // The server's clock does not advance.
    let clock = &report["findings"][3];
    assert_eq!(clock["result"], "warning", "{report:#}");
}

#[tokio::test]
async fn a_failed_check_is_reported_with_the_key_to_change() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let url = directory.server().to_string();
    for (url, password, base, fix) in [
        (url.as_str(), "wrong", BASE, "password"),
        (&url, PeopleDirectory::PASSWORD, "OU=Nowhere,DC=corp,DC=example", "`base_dn`"),
        ("ldaps://127.0.0.1:9", PeopleDirectory::PASSWORD, BASE, "firewall"),
    ] {
        let (code, verdicts, report) = check(url, password, base).await;
        assert_eq!((code, verdicts.len()), (1, 1), "{report:#}");
        assert_eq!(report["findings"][0]["result"], json!("failed"), "{report:#}");
        assert!(report["findings"][0]["fix"][0].as_str().unwrap().contains(fix), "{report:#}");
    }
}
