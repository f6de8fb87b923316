//! The lab's Active Directory: a Samba domain controller with accounts for every case, which `tests/run` starts. Takes
//! the folder that `PORTCULLIS_LAB` names, gives where the directory is and who is in it, and changes it as its
//! administrator would.
//!
//! Who the accounts are is told in `tests/lab/accounts.py`. A test that changes an account or a group needs one that no
//! other test uses, since tests run side by side and the directory outlives them:
//!
//! | account or group | whose |
//! | --- | --- |
//! | spare01, Spare1 | `identity::active_directory`: whether changes arrive |
//! | spare02, spare03, Spare2 | `identity::people`: whether changes are read; passwords |
//! | spare04, spare05 | `identity::accounts`: mappings, and how soon changes are felt |
//! | spare06, spare07 | `identity::passwords_of_active_directory`: whose passwords are guessed |
//! | spare08 to spare20 | free; write yourself in here |
//! | spare21 | `backends::delegation`: how long a ticket serves |
//! | spare22 to spare27 | `backends::changed_accounts`: renamed, exchanged, deleted and made anew |
//! | spare28 | `backends::delegation`: whose keytab is stale |
//! | spare29, spare30 | free, for tests under `backends::` |
//! | user001 to user200 | crowds; nobody changes them |

use super::{lab_program, record_skip};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis::directory::Sid;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The running directory.
pub(crate) struct ActiveDirectory {
    folder: PathBuf,
    /// The controller's address, without a port.
    address: String,
}

impl ActiveDirectory {
    /// The base of the domain.
    pub(crate) const BASE: &str = "DC=corp,DC=example";
    /// The account that reads the directory. It does not see the account `hidden`.
    pub(crate) const SERVICE_DN: &str = "CN=svc-ldap,OU=Services,DC=corp,DC=example";
    /// Everybody's password, the service's among them.
    pub(crate) const PASSWORD: &str = "Passw0rd!Lab";

    /// `None` where no lab runs; the test is then recorded as skipped.
    pub(crate) fn running() -> Option<Self> {
        let Some(folder) = std::env::var_os("PORTCULLIS_LAB").map(PathBuf::from) else {
            record_skip("no lab runs; tests/run starts it, or tests/lab/active-directory");
            return None;
        };
        let network = std::fs::read_to_string(folder.join("network")).expect("the lab was started");
        Some(Self { folder, address: format!("{}.10", network.trim_end()) })
    }

    /// The controller's address, by which its certificate names it too.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// LDAP inside TLS.
    pub(crate) fn ldaps_url(&self) -> String {
        format!("ldaps://{}:636", self.address)
    }

    /// LDAP that begins TLS when asked to. Takes no password before.
    pub(crate) fn start_tls_url(&self) -> String {
        format!("ldap://{}:389", self.address)
    }

    /// The global catalogue inside TLS.
    pub(crate) fn global_catalog_url(&self) -> String {
        format!("ldaps://{}:3269", self.address)
    }

    /// The CA of the controller's certificate, which names its address and `dc1.corp.example`.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// What Kerberos clients need, for `KRB5_CONFIG`. The KDC is the controller.
    pub(crate) fn krb5_conf(&self) -> PathBuf {
        self.folder.join("krb5.conf")
    }

    /// `gw`, `untrusted` or `rms`; see `tests/lab/active-directory`.
    pub(crate) fn keytab(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.keytab"))
    }

    /// The lab's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The SID of an account or a group as text.
    pub(crate) fn sid(&self, name: &str) -> String {
        let sids = std::fs::read_to_string(self.folder.join("sids")).unwrap();
        let of_name =
            |line: &str| line.split_once(' ').filter(|(_, who)| *who == name).map(|(sid, _)| sid.to_owned());
        sids.lines().find_map(of_name).unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    /// Replaces every value of an attribute; without values, deletes it.
    pub(crate) fn set(&self, user: &str, attribute: &str, values: &[&str]) {
        self.change(&[&[user, attribute], values].concat());
    }

    /// The same with a value that is no text, such as `logonHours`.
    pub(crate) fn set_bytes(&self, user: &str, attribute: &str, value: &[u8]) {
        self.change(&["--base64", user, attribute, &STANDARD.encode(value)]);
    }

    /// Disables an account that has no flags.
    pub(crate) fn disable(&self, user: &str) {
        self.change(&["--disable", user]);
    }

    /// Takes [`Self::disable`] back.
    pub(crate) fn enable(&self, user: &str) {
        self.change(&["--enable", user]);
    }

    /// Has the directory lock an account, by as many wrong passwords as that takes.
    pub(crate) fn lock(&self, user: &str) {
        self.change(&["--lock", user]);
    }

    /// Unlocks an account, as an administrator does.
    pub(crate) fn unlock(&self, user: &str) {
        self.change(&["--unlock", user]);
    }

    /// Gives the account that was made as `user` another sAMAccountName and UPN.
    pub(crate) fn rename(&self, user: &str, name: &str) {
        self.set(user, "sAMAccountName", &[name]);
        self.set(user, "userPrincipalName", &[&format!("{name}@corp.example")]);
    }

    /// Deletes an account.
    pub(crate) fn delete(&self, user: &str) {
        self.change(&["--delete", user]);
    }

    /// Makes an account of this name, with a SID that no account had before.
    pub(crate) fn create(&self, user: &str) {
        self.change(&["--create", user]);
    }

    /// The SID that an account has now, which a test may have made anew.
    pub(crate) fn sid_now(&self, user: &str) -> String {
        let sid = STANDARD.decode(self.change(&["--sid", user]).trim()).unwrap();
        Sid::from_bytes(&sid).unwrap().to_string()
    }

    /// The value of an attribute that is a number.
    pub(crate) fn number(&self, user: &str, attribute: &str) -> u32 {
        self.change(&["--number", user, attribute]).trim().parse().unwrap()
    }

    /// Makes an account a member of a group.
    pub(crate) fn add_member(&self, group: &str, user: &str) {
        self.change(&["--member", group, "add", user]);
    }

    /// Ends the membership.
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
