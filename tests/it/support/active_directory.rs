//! The Active Directory of the lab: a Samba domain controller, which `tests/run` starts and `PORTCULLIS_LAB` names by
//! its folder.
//!
//! `tests/lab/accounts.py` describes the accounts. A test that changes an account or a group needs one that no other
//! test uses, since tests run concurrently and the directory outlives them:
//!
//! | account or group | used by |
//! | --- | --- |
//! | spare01, Spare1 | `identity::active_directory`: changes of an account |
//! | spare02, spare03, Spare2 | `identity::active_directory_accounts`: changes of an account; passwords |
//! | spare04, spare05 | `identity::accounts`: mappings, and the delay until changes take effect |
//! | spare06, spare07 | `identity::active_directory_passwords`: guessed passwords |
//! | spare08 to spare20 | free; reserve them in this table |
//! | spare21 | `backends::delegation`: the lifetime of a ticket |
//! | spare22 to spare27 | `backends::changed_accounts`: renamed, exchanged, deleted and recreated accounts |
//! | spare28 | `backends::delegation`: a stale keytab |
//! | spare29, spare30 | free, for tests under `backends::` |
//! | user001 to user200 | concurrent users; never changed |

use super::{lab_program, record_skip};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis::directory::Sid;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct ActiveDirectory {
    folder: PathBuf,
    /// The address of the controller, without a port.
    address: String,
}

impl ActiveDirectory {
    pub(crate) const BASE: &str = "DC=corp,DC=example";
    /// The account that reads the directory. It has no read access to the account `hidden`.
    pub(crate) const SERVICE_DN: &str = "CN=svc-ldap,OU=Services,DC=corp,DC=example";
    /// The password of every account, including the service account.
    pub(crate) const PASSWORD: &str = "Passw0rd!Lab";

    /// Records the skip and returns `None` if no lab is running.
    pub(crate) fn running() -> Option<Self> {
        let Some(folder) = std::env::var_os("PORTCULLIS_LAB").map(PathBuf::from) else {
            record_skip("no lab is running; tests/run or tests/lab/active-directory starts it");
            return None;
        };
        let network = std::fs::read_to_string(folder.join("network")).expect("the lab was started");
        Some(Self { folder, address: format!("{}.10", network.trim_end()) })
    }

    /// Returns the address of the domain controller, which its certificate contains.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Returns the URL for LDAPS.
    pub(crate) fn ldaps_url(&self) -> String {
        format!("ldaps://{}:636", self.address)
    }

    /// Returns the URL for StartTLS; the server rejects a bind with a password before StartTLS.
    pub(crate) fn start_tls_url(&self) -> String {
        format!("ldap://{}:389", self.address)
    }

    /// Returns the URL of the global catalog for LDAPS.
    pub(crate) fn global_catalog_url(&self) -> String {
        format!("ldaps://{}:3269", self.address)
    }

    /// Returns the path of the CA of the controller's certificate, whose names are its address and `dc1.corp.example`.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Returns the path of the configuration of Kerberos clients, for `KRB5_CONFIG`. The controller is the KDC.
    pub(crate) fn krb5_conf(&self) -> PathBuf {
        self.folder.join("krb5.conf")
    }

    /// Returns the path of the keytab `gw`, `untrusted` or `rms`; see `tests/lab/active-directory`.
    pub(crate) fn keytab(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.keytab"))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the SID that an account or a group had when the domain was provisioned.
    pub(crate) fn sid(&self, name: &str) -> String {
        let sids = std::fs::read_to_string(self.folder.join("sids")).unwrap();
        let of_name =
            |line: &str| line.split_once(' ').filter(|(_, who)| *who == name).map(|(sid, _)| sid.to_owned());
        sids.lines().find_map(of_name).unwrap_or_else(|| panic!("no account or group is called {name}"))
    }

    /// Replaces every value of an attribute; without values, deletes it.
    pub(crate) fn set(&self, user: &str, attribute: &str, values: &[&str]) {
        self.change(&[&[user, attribute], values].concat());
    }

    /// As [`set`](Self::set), with a binary value, such as that of `logonHours`.
    pub(crate) fn set_bytes(&self, user: &str, attribute: &str, value: &[u8]) {
        self.change(&["--base64", user, attribute, &STANDARD.encode(value)]);
    }

    /// Disables an account that has no flags.
    pub(crate) fn disable(&self, user: &str) {
        self.change(&["--disable", user]);
    }

    pub(crate) fn enable(&self, user: &str) {
        self.change(&["--enable", user]);
    }

    /// Locks an account with as many wrong passwords as the lockout policy needs.
    pub(crate) fn lock(&self, user: &str) {
        self.change(&["--lock", user]);
    }

    /// Unlocks an account, as an administrator does.
    pub(crate) fn unlock(&self, user: &str) {
        self.change(&["--unlock", user]);
    }

    /// Changes the sAMAccountName and the UPN of the account that was created as `user`.
    pub(crate) fn rename(&self, user: &str, name: &str) {
        self.set(user, "sAMAccountName", &[name]);
        self.set(user, "userPrincipalName", &[&format!("{name}@corp.example")]);
    }

    pub(crate) fn delete(&self, user: &str) {
        self.change(&["--delete", user]);
    }

    /// Creates an account with a new SID.
    pub(crate) fn create(&self, user: &str) {
        self.change(&["--create", user]);
    }

    /// Returns the present SID of an account, which a test may have recreated.
    pub(crate) fn sid_now(&self, user: &str) -> String {
        let sid = STANDARD.decode(self.change(&["--sid", user]).trim()).unwrap();
        Sid::from_bytes(&sid).unwrap().to_string()
    }

    /// Returns the value of a numeric attribute.
    pub(crate) fn number(&self, user: &str, attribute: &str) -> u32 {
        self.change(&["--number", user, attribute]).trim().parse().unwrap()
    }

    pub(crate) fn add_member(&self, group: &str, user: &str) {
        self.change(&["--member", group, "add", user]);
    }

    pub(crate) fn remove_member(&self, group: &str, user: &str) {
        self.change(&["--member", group, "remove", user]);
    }

    fn change(&self, arguments: &[&str]) -> String {
        let output =
            Command::new(lab_program("directory-set")).arg(&self.folder).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}
