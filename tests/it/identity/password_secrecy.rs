//! No output contains a password: the program runs with every kind of log and record, which are searched.

use super::passwords::{basic, directory_keys, setup};
use crate::support::{PeopleDirectory, TestConfig, pki, run, wait_for};
use portcullis::demo::rms::Rms;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// No other text contains any part of it.
const WRONG: &str = "Xyzzy-Plugh-1";

#[tokio::test]
async fn a_password_is_in_no_record_log_line_metric_or_page() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let folder = TempDir::new().unwrap();
    pki().write_to(folder.path()).unwrap();
    PeopleDirectory::write_bind_password(folder.path());
    let rms = Rms::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let [listen, admin] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [listen, admin] = [listen, admin].map(|socket| socket.local_addr().unwrap());
    let any_port = "listen = [\"127.0.0.1:0\"]";
    let text = TestConfig {
        top: "log = { filter = \"trace\" }".to_owned(),
        ..setup(&directory_keys(&directory), "")
    }
    .proxy_toml(&format!("http://{}", rms.address()))
    .replacen(any_port, &format!("listen = [\"{admin}\"]"), 1)
    .replacen(any_port, &format!("listen = [\"{listen}\"]"), 1);
    fs::write(folder.path().join("proxy.toml"), text).unwrap();
    let _program = Program::start(folder.path());
    wait_for("the gateway", || std::net::TcpStream::connect(listen).ok()).await;

    let mut shown = String::new();
    let ca = folder.path().join("pki/server-ca.pem").display().to_string();
    let resolve = format!("rms.corp.example:{}:127.0.0.1", listen.port());
    let url = format!("https://rms.corp.example:{}/accept/echo", listen.port());
    // In the last one the user entered the password instead of the name.
    for (user, password) in
        [("alice", PeopleDirectory::PASSWORD), ("alice", WRONG), ("nobody", WRONG), (WRONG, "x")]
    {
        for version in ["--http1.1", "--http2"] {
            let user = format!("{user}:{password}");
            let arguments = ["-s", "--cacert", &ca, "--resolve", &resolve, "-u", &user, version, &url];
            let Some(ran) = run("curl", &[], &arguments, b"") else { return };
            assert_eq!(ran.code, 0, "{}", ran.output());
            shown.push_str(&ran.stdout);
        }
    }
    let metrics = format!("http://{admin}/metrics");
    let Some(metrics) = run("curl", &[], &["-s", &metrics], b"") else { return };
    shown.push_str(&metrics.stdout);
    let written = wait_for("eight records", || {
        let records = fs::read_to_string(folder.path().join("audit.jsonl")).ok()?;
        (records.matches('\n').count() == 8).then_some(records)
    })
    .await;
    shown.push_str(&written);
    shown.push_str(&fs::read_to_string(folder.path().join("log")).unwrap());

    assert!(shown.contains("password_verdicts_total{verdict=\"wrong\"}"));
    assert!(shown.contains("\"authentication\":\"password\"") && shown.contains("TRACE"));
    for secret in [
        PeopleDirectory::PASSWORD,
        WRONG,
        &basic("alice", PeopleDirectory::PASSWORD)["Basic ".len()..],
        &basic("alice", WRONG)["Basic ".len()..],
        &basic("nobody", WRONG)["Basic ".len()..],
        &basic(WRONG, "x")["Basic ".len()..],
    ] {
        let found = shown.lines().find(|line| line.contains(secret));
        assert_eq!(found, None);
    }
}

/// The running gateway, which ends with the test.
struct Program(Child);

impl Program {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(["serve", "--config", "proxy.toml"]).current_dir(folder);
        let log = fs::File::create(folder.join("log")).unwrap();
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
