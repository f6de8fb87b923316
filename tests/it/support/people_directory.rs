//! A directory with accounts: OpenLDAP's slapd with the attributes of Active Directory, on free ports.
//!
//! Like Active Directory it accepts a bind with a name and an empty password. Unlike Active Directory it stores
//! tokenGroups, and a bind requires a distinguished name.

mod entries;

use super::{pki, record_skip, wait_for};
use entries::{entries, entry, schema};
use portcullis::directory::{AccountSchema, DirectoryLimits, DirectorySettings, Sid};
use portcullis::ldap::{LdapEncryption, LdapServer, client_config};
use portcullis::secret::Secret;
use std::fs::{DirEntry, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The path of the program in Debian, which only root has in PATH.
const PROGRAM: &str = "/usr/sbin/slapd";
const CONFIGURATION: &str = "\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include FOLDER/people.schema
modulepath /usr/lib/ldap
moduleload back_mdb.so
TLSCertificateFile FOLDER/server.pem
TLSCertificateKeyFile FOLDER/server.key
rootDSE FOLDER/root.ldif
allow bind_anon_dn
defaultsearchbase \"DC=corp,DC=example\"
database mdb
suffix \"DC=corp,DC=example\"
directory FOLDER/database
maxsize 16777216
dbnosync
access to attrs=userPassword by anonymous auth by * none
access to * by users read
";
const DOMAIN_SID: &str = "S-1-5-21-1-2-3";
const BASE: &str = "DC=corp,DC=example";

/// A running directory. It stops when dropped.
pub(crate) struct PeopleDirectory {
    child: Option<Child>,
    ldap: SocketAddr,
    ldaps: SocketAddr,
    folder: TempDir,
}

impl PeopleDirectory {
    /// The password of every account.
    pub(crate) const PASSWORD: &str = "Passw0rd!Lab";
    /// The gateway's account.
    pub(crate) const SERVICE_DN: &str = "CN=svc-ldap,DC=corp,DC=example";

    /// Writes the file `ldap-password` with the password of the gateway's account.
    pub(crate) fn write_bind_password(folder: &Path) {
        std::fs::write(folder.join("ldap-password"), Self::PASSWORD).unwrap();
    }

    /// Starts the directory. Records the skip and returns `None` if slapd is not installed.
    pub(crate) async fn start() -> Option<Self> {
        Self::referring_to("ldap://127.0.0.1:1").await
    }

    /// As [`start`](Self::start), with a referral to the server at `url`.
    pub(crate) async fn referring_to(url: &str) -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            record_skip("slapd is not installed");
            return None;
        }
        let folder = TempDir::new().unwrap();
        // The AppArmor profile of Debian's slapd denies access to other folders, so a copy runs instead. `cp` makes the
        // copy, because a file that this process has open for writing cannot be executed, and a child that another test
        // is starting may inherit the descriptor.
        let copied = Command::new("cp").arg(PROGRAM).arg(folder.path().join("slapd")).status().unwrap();
        assert!(copied.success());
        write_files(folder.path(), url);
        let add = ["-T", "add", "-f", "slapd.conf", "-l", "entries.ldif"];
        let added =
            Command::new(folder.path().join("slapd")).args(add).current_dir(&folder).output().unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let [ldap, ldaps] = free_ports();
        let mut directory = Self { child: None, ldap, ldaps, folder };
        directory.restart().await;
        Some(directory)
    }

    /// Returns settings for LDAPS, with timeouts that a test can wait for.
    pub(crate) fn settings(&self) -> DirectorySettings {
        self.settings_by(LdapEncryption::Ldaps)
    }

    /// Returns settings for LDAPS or StartTLS, with timeouts that a test can wait for.
    pub(crate) fn settings_by(&self, encryption: LdapEncryption) -> DirectorySettings {
        let address = match encryption {
            LdapEncryption::Ldaps => self.ldaps,
            LdapEncryption::StartTls => self.ldap,
        };
        settings("corp", vec![server(address, encryption)])
    }

    /// Returns the address for LDAP without TLS, which the gateway uses with StartTLS only.
    pub(crate) fn plain_address(&self) -> SocketAddr {
        self.ldap
    }

    /// Returns the server at the address for LDAPS.
    pub(crate) fn server(&self) -> LdapServer {
        server(self.ldaps, LdapEncryption::Ldaps)
    }

    /// Stops the process: from now on the server accepts connections and never responds.
    pub(crate) async fn hang(&self) {
        self.signal("-STOP");
        let tasks = format!("/proc/{}/task", self.process());
        // proc(5): the state follows the name; T if a signal has stopped the thread.
        let stopped = |task: std::io::Result<DirEntry>| {
            std::fs::read_to_string(task.unwrap().path().join("stat")).is_ok_and(|stat| stat.contains(") T "))
        };
        wait_for("the stop", || std::fs::read_dir(&tasks).unwrap().all(stopped).then_some(())).await;
    }

    /// Continues the process after [`hang`](Self::hang).
    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    /// Kills the server, which closes its connections.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts the server again on the same ports.
    pub(crate) async fn restart(&mut self) {
        self.kill();
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        let urls = format!("ldap://{} ldaps://{}", self.ldap, self.ldaps);
        let mut command = Command::new(self.folder.path().join("slapd"));
        command.args(["-f", "slapd.conf", "-d", "stats", "-h", &urls]).current_dir(&self.folder);
        self.child = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        wait_for("slapd", || TcpStream::connect(self.ldaps).ok().map(drop)).await;
    }

    /// Returns the logged requests of this kind since the first start: `SRCH base="…" scope=2 …`, `BIND dn="…" method=128`.
    pub(crate) fn requests(&self, kind: &str) -> Vec<String> {
        let log = std::fs::read_to_string(self.log_file()).unwrap();
        let request = |line: &str| line.split_once(kind).map(|(_, rest)| format!("{kind}{rest}"));
        let lines = log.lines().filter(|line| !line.contains("attr=") && !line.contains("mech="));
        lines.filter_map(request).collect()
    }

    fn process(&self) -> String {
        self.child.as_ref().unwrap().id().to_string()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.process()]).status().unwrap().success());
    }
}

impl Drop for PeopleDirectory {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns settings for these servers, whose certificates belong to the demo's PKI.
pub(crate) fn settings(name: &str, servers: Vec<LdapServer>) -> DirectorySettings {
    DirectorySettings {
        name: name.into(),
        servers,
        global_catalog: Vec::new(),
        tls: client_config([pki().server_ca().clone()]).unwrap(),
        bind_dn: PeopleDirectory::SERVICE_DN.to_owned(),
        bind_password: Secret::new(PeopleDirectory::PASSWORD.into()),
        base: BASE.to_owned(),
        schema: AccountSchema::ActiveDirectory,
        upn_suffixes: Vec::new(),
        sid_domains: Vec::new(),
        limits: DirectoryLimits {
            connect: Duration::from_secs(1),
            operation: Duration::from_secs(1),
            lookup: Duration::from_secs(5),
            ..DirectoryLimits::default()
        },
    }
}

pub(crate) fn server(address: SocketAddr, encryption: LdapEncryption) -> LdapServer {
    LdapServer::new(&address.ip().to_string(), address.port(), encryption).unwrap()
}

/// Returns the SID of an account or group of the directory.
pub(crate) fn sid(number: u32) -> Sid {
    Sid::parse(&format!("{DOMAIN_SID}-{number}")).unwrap()
}

fn free_ports() -> [SocketAddr; 2] {
    // Both are bound at the same time, so that they differ.
    [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap()).map(|socket| socket.local_addr().unwrap())
}

fn write_files(folder: &Path, elsewhere: &str) {
    std::fs::create_dir(folder.join("database")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("slapd.conf", &CONFIGURATION.replace("FOLDER", &folder.display().to_string()));
    write("people.schema", &schema());
    write("entries.ldif", &entries(elsewhere));
    let root = [
        ("objectClass", &[&b"top"[..], b"OpenLDAProotDSE"][..]),
        ("defaultNamingContext", &[BASE.as_bytes()]),
        ("configurationNamingContext", &[b"CN=Configuration,DC=corp,DC=example"]),
        ("currentTime", &[b"20261122093000.0Z"]),
    ];
    write("root.ldif", &entry("", &root));
    let server = pki().server_rsa();
    write("server.pem", &server.chain_pem().unwrap());
    write("server.key", &server.key_pem().unwrap());
}
