//! Password authentication with the lab's Active Directory.

use super::passwords::{rejected_of_fifty_guesses, send_password, setup, start_gateway};
use crate::support::{ActiveDirectory, TestClient, TestGateway, run};

const PASSWORD: &str = ActiveDirectory::PASSWORD;

/// Starts a gateway that uses the lab's directory.
fn lab(directory: &ActiveDirectory) -> TestGateway {
    let keys = format!(
        "url = \"{}\"\nca = {:?}\nbind_dn = \"{}\"\nbase_dn = \"{}\"",
        directory.ldaps_url(),
        directory.ca_file(),
        ActiveDirectory::SERVICE_DN,
        ActiveDirectory::BASE
    );
    start_gateway(setup(&keys, "default_domain = \"CORP\""))
}

#[tokio::test]
async fn a_password_is_accepted_with_each_form_of_the_user_name() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let lab = lab(&directory);
    for (login, user) in [
        ("alice@corp.example", r"CORP\alice"),
        ("ALICE@CORP.EXAMPLE", r"CORP\alice"),
        (r"CORP\alice", r"CORP\alice"),
        (r"corp.example\alice", r"CORP\alice"),
        ("alice", r"CORP\alice"),
        ("nina.mueller@people.example", r"CORP\nina"),
        (r"CORP\bob", r"CORP\bob"),
    ] {
        for client in [TestClient::new(&lab).http1(), TestClient::new(&lab).http2()] {
            let response = send_password(&client, "/accept/echo", login, PASSWORD).await;
            assert_eq!(response.status_and_id(), "200 permit", "{login}");
            assert_eq!(response.received_header("x-remote-user"), [user], "{login}");
            assert_eq!(response.received_header("x-remote-authentication"), ["password"]);
        }
    }
    // Percent-encoded, as are all identity headers with characters beyond ASCII.
    let response =
        send_password(&TestClient::new(&lab), "/accept/echo", "jürgen@corp.example", PASSWORD).await;
    assert_eq!(response.status_and_id(), "200 permit");
    let record = lab.record(&response.request_id()).await;
    assert_eq!(record["account"]["user"], r"CORP\jürgen");
    assert_eq!(record["account"]["sid"], directory.sid("jürgen"));
}

#[tokio::test]
async fn the_reason_why_an_account_may_not_log_in_is_in_the_record_only() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let lab = lab(&directory);
    for (user, why) in [
        ("heidi", r"of CORP\heidi: disabled"),
        ("ivan", r"of CORP\ivan: locked"),
        ("judy", r"of CORP\judy: account-expired"),
        ("kim", r"of CORP\kim: must-change-password"),
        ("quinn", r"of CORP\quinn: outside-logon-hours"),
        ("spare07", r"of CORP\spare07: wrong-or-unknown"),
        ("hidden", "no directory account has this user name"),
        ("nobody", "no directory account has this user name"),
    ] {
        let password = if user == "spare07" { "wrong" } else { PASSWORD };
        let response = send_password(&TestClient::new(&lab), "/accept/echo", user, password).await;
        assert_eq!(response.status_and_id(), "401 invalid-password", "{user}");
        let record = lab.record(&response.request_id()).await;
        let detail = record["detail"].as_str().unwrap();
        assert!(detail.ends_with(why), "{user}: {detail}");
    }
    let right = send_password(&TestClient::new(&lab), "/accept/echo", "spare07", PASSWORD).await;
    assert_eq!(right.status_and_id(), "200 permit");
}

/// The directory locks accounts after five wrong passwords.
#[tokio::test]
async fn fifty_wrong_guesses_through_the_gateway_lock_no_account() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let lab = lab(&directory);
    let names = ["spare06", "SPARE06", r"CORP\spare06", r"corp.example\spare06", "spare06@corp.example"];
    assert_eq!(rejected_of_fifty_guesses(&lab, names).await, 3);
    let standing = of_themselves(&directory, "spare06");
    assert!(standing.is_none_or(|found| found.contains("\nmsDS-User-Account-Control-Computed: 0\n")));
}

/// Returns the status that the directory reports to an account that logs in with its right password.
fn of_themselves(directory: &ActiveDirectory, user: &str) -> Option<String> {
    let (url, ca) = (directory.ldaps_url(), directory.ca_file().display().to_string());
    let (name, filter) = (format!("{user}@corp.example"), format!("(sAMAccountName={user})"));
    let arguments = ["-LLL", "-x", "-H", &url, "-D", &name, "-w", PASSWORD, "-b", ActiveDirectory::BASE];
    let more = [&filter, "msDS-User-Account-Control-Computed"];
    let ran = run("ldapsearch", &[("LDAPTLS_CACERT", &ca)], &[&arguments[..], &more].concat(), b"")?;
    Some(ran.output())
}
