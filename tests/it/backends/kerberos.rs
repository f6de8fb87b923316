//! The delegation settings of the lab's KDC, checked with MIT's clients.

use crate::support::{ActiveDirectory, ProgramOutput, run};
use tempfile::TempDir;

#[test]
fn the_kdc_delegates_as_the_accounts_permit() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let refused = Some("KDC can't fulfill requested option");
    let cases = [
        ("gw", "alice", "HTTP/rms.corp.example", None),
        ("gw", "oscar", "HTTP/rms.corp.example", None),
        // quinn is outside the logon hours. The KDC does not check them for S4U, so the gateway must.
        ("gw", "quinn", "HTTP/rms.corp.example", None),
        ("gw", "alice", "HTTP/rc4.corp.example", None),
        ("gw", "alice", "HTTP/elsewhere.corp.example", refused),
        ("gw", "peggy", "HTTP/rms.corp.example", refused),
        ("gw", "judy", "HTTP/rms.corp.example", Some("expired")),
        ("gw", "nobody", "HTTP/rms.corp.example", Some("not found in Kerberos database")),
        ("untrusted", "alice", "HTTP/rms.corp.example", refused),
    ];
    for (keytab, user, service, refusal) in cases {
        let Some((ran, _)) = delegate(&directory, keytab, user, service) else { return };
        assert_eq!(ran.code == 0, refusal.is_none(), "{user} to {service}: {}", ran.stderr);
        assert!(ran.stderr.contains(refusal.unwrap_or_default()), "{user} to {service}: {}", ran.stderr);
    }
}

/// Tickets of one user for one service, obtained by the account `svc-NAME` without the user's password.
pub(super) struct Tickets {
    configuration: String,
    cache: String,
    _folder: TempDir,
}

impl Tickets {
    /// Obtains the tickets; returns `None` if no Kerberos client is installed. The test is then recorded as skipped.
    pub(super) fn delegated(
        directory: &ActiveDirectory,
        name: &str,
        user: &str,
        service: &str,
    ) -> Option<Self> {
        let (ran, tickets) = delegate(directory, name, user, service)?;
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        Some(tickets)
    }

    /// Returns the environment variables with which a program uses them.
    pub(super) fn environment(&self) -> [(&str, &str); 2] {
        [("KRB5_CONFIG", &self.configuration), ("KRB5CCNAME", &self.cache)]
    }
}

fn delegate(
    directory: &ActiveDirectory,
    name: &str,
    user: &str,
    service: &str,
) -> Option<(ProgramOutput, Tickets)> {
    let folder = TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (own, cache) = (file("own"), file("delegated"));
    let configuration = directory.krb5_conf().display().to_string();
    let environment = [("KRB5_CONFIG", configuration.as_str()), ("KRB5CCNAME", own.as_str())];
    let keytab = directory.keytab(name).display().to_string();
    let ran = run("kinit", &environment, &["-k", "-t", &keytab, &format!("svc-{name}")], b"")?;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let delegation = ["-k", &keytab, "-U", user, "-P", "--out-cache", &cache, service];
    let ran = run("kvno", &environment, &delegation, b"")?;
    Some((ran, Tickets { configuration, cache, _folder: folder }))
}
