//! Users of a real domain: NTLM by Samba's own code, and the users' own Kerberos tickets.

use super::super::kerberos::Tickets;
use super::in_front_of;
use crate::support::{
    ActiveDirectory, KerberosSite, NtlmSite, ProgramOutput, TEST_TIMEOUT, TestGateway, curl, run,
};
use portcullis::demo::rms::Rms;
use serde_json::Value;
use std::net::Ipv4Addr;

#[test]
fn the_domain_decides_who_logs_in_by_ntlm() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let Some(site) = NtlmSite::of_domain(&directory) else { return };
    let lab = TestGateway::with(in_front_of(site.address()));
    for (user, is_permitted) in [("bob", true), ("heidi", false), ("nobody", false)] {
        let credentials = format!("CORP\\{user}:{}", ActiveDirectory::PASSWORD);
        let url = lab.url("/accept/x");
        let Some(ran) = curl(&lab, &["--ntlm", "--user", &credentials, &url]) else { return };
        assert_eq!(ran.stdout.contains(&format!("CORP\\\\{user}")), is_permitted, "{}", ran.output());
    }
}

#[test]
fn a_users_own_ticket_authenticates_requests_or_the_connection() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let rms = Rms::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let Some(site) = KerberosSite::start(&directory, rms.address()) else { return };
    let service = "HTTP/rms.corp.example";
    for (address, user) in [(site.per_request(), "alice"), (site.per_connection(), "oscar")] {
        let Some(tickets) = Tickets::delegated(&directory, "gw", user, service) else { return };
        let lab = TestGateway::with(in_front_of(address));
        let Some(ran) = negotiate(&lab, "/accept/echo", &tickets) else { return };
        let response: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.output()));
        let headers: Vec<(String, String)> = serde_json::from_value(response["headers"].clone()).unwrap();
        let seen = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-remote-user"));
        assert_eq!(seen.map(|(_, user)| user.as_str()), Some(&*format!("{user}@CORP.EXAMPLE")));
    }
}

fn negotiate(lab: &TestGateway, path: &str, tickets: &Tickets) -> Option<ProgramOutput> {
    let limit = TEST_TIMEOUT.as_secs().to_string();
    let ca = lab.pki_files.server_ca.display().to_string();
    let name = format!("rms.corp.example:{}:127.0.0.1", lab.address().port());
    let url = lab.url(path);
    let args = ["--silent", "--show-error", "--max-time", &limit, "--cacert", &ca, "--resolve", &name];
    let args = [&args[..], &["--negotiate", "--user", ":", &url]].concat();
    run("curl", &tickets.environment(), &args, b"")
}
