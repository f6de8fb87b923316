//! That the lab's KDC delegates as the accounts say, by MIT's own clients.

use crate::support::{ActiveDirectory, Ran, run};
use tempfile::TempDir;

#[test]
fn the_kdc_delegates_where_the_account_says_so() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let refused = Some("KDC can't fulfill requested option");
    let cases = [
        ("gw", "alice", "HTTP/rms.corp.example", None),
        ("gw", "oscar", "HTTP/rms.corp.example", None),
        ("gw", "alice", "HTTP/elsewhere.corp.example", refused),
        ("gw", "peggy", "HTTP/rms.corp.example", refused),
        ("gw", "judy", "HTTP/rms.corp.example", Some("expired")),
        ("gw", "nobody", "HTTP/rms.corp.example", Some("not found in Kerberos database")),
        ("untrusted", "alice", "HTTP/rms.corp.example", refused),
    ];
    for (keytab, user, service, refusal) in cases {
        let Some(ran) = delegate(&directory, keytab, user, service) else { return };
        assert_eq!(ran.code == 0, refusal.is_none(), "{user} to {service}: {}", ran.stderr);
        assert!(ran.stderr.contains(refusal.unwrap_or_default()), "{user} to {service}: {}", ran.stderr);
    }
}

/// A ticket for `user` at `service`, got by the account `svc-{keytab}` without the user's password. `None` where there is
/// no Kerberos client.
fn delegate(directory: &ActiveDirectory, keytab: &str, user: &str, service: &str) -> Option<Ran> {
    let folder = TempDir::new().unwrap();
    let configuration = directory.krb5_conf().display().to_string();
    let tickets = folder.path().join("tickets").display().to_string();
    let environment = [("KRB5_CONFIG", configuration.as_str()), ("KRB5CCNAME", tickets.as_str())];
    let account = format!("svc-{keytab}");
    let keytab = directory.keytab(keytab).display().to_string();
    let ran = run("kinit", &environment, &["-k", "-t", &keytab, &account], b"")?;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    run("kvno", &environment, &["-k", &keytab, "-U", user, "-P", service], b"")
}
