//! A directory with CRLs: OpenLDAP's slapd in a folder of its own and on a free port.

use super::{pki, record_skip, wait_for};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The path of the program in Debian, which only root has in PATH.
const PROGRAM: &str = "/usr/sbin/slapd";
const CONFIGURATION: &str = "\
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb.so
database mdb
suffix \"O=Corp Example\"
directory FOLDER/database
maxsize 16777216
dbnosync
access to * by anonymous read
";

/// A running directory. It stops when dropped.
pub(crate) struct Slapd {
    child: Child,
    address: SocketAddr,
    scheme: &'static str,
    _folder: TempDir,
}

impl Slapd {
    /// Starts a directory with an entry below `O=Corp Example` for each name. Its CRL, if any, is the value of
    /// `certificateRevocationList;binary`. Records the skip and returns `None` if slapd is not installed.
    pub(crate) async fn start(entries: &[(&str, Option<&[u8]>)]) -> Option<Self> {
        Self::start_with("ldap", entries).await
    }

    /// As [`start`](Self::start), over LDAPS with a server certificate of the demo's PKI.
    pub(crate) async fn start_tls(entries: &[(&str, Option<&[u8]>)]) -> Option<Self> {
        Self::start_with("ldaps", entries).await
    }

    async fn start_with(scheme: &'static str, entries: &[(&str, Option<&[u8]>)]) -> Option<Self> {
        let program = Path::new(PROGRAM);
        if !program.exists() {
            record_skip("slapd is not installed");
            return None;
        }
        let folder = TempDir::new().unwrap();
        // The AppArmor profile of Debian's slapd denies access to other folders, so a copy runs instead.
        let copy = folder.path().join("slapd");
        std::fs::copy(program, &copy).unwrap();
        let configuration = folder.path().join("slapd.conf");
        std::fs::create_dir(folder.path().join("database")).unwrap();
        let mut text = CONFIGURATION.replace("FOLDER", &folder.path().display().to_string());
        if scheme == "ldaps" {
            let server = pki().server_rsa();
            let (chain, key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
            std::fs::write(&chain, server.chain_pem().unwrap()).unwrap();
            std::fs::write(&key, server.key_pem().unwrap()).unwrap();
            let files =
                format!("TLSCertificateFile {}\nTLSCertificateKeyFile {}\n", chain.display(), key.display());
            text.insert_str(0, &files);
        }
        std::fs::write(&configuration, text).unwrap();
        add(&copy, &configuration, entries);
        let (child, address) = listening(&copy, &configuration, scheme).await;
        Some(Self { child, address, scheme, _folder: folder })
    }

    /// Returns the URL of an entry's CRL, with this attribute description.
    pub(crate) fn url(&self, name: &str, attribute: &str) -> String {
        let query = format!("{attribute}?base?objectClass=cRLDistributionPoint");
        format!("{}://{}/CN={},O=Corp%20Example?{query}", self.scheme, self.address, name.replace(' ', "%20"))
    }

    /// Stops the process: from now on the server accepts connections and never responds.
    pub(crate) fn hang(&self) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args(["-STOP", &process]).status().unwrap().success());
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn add(program: &Path, configuration: &Path, entries: &[(&str, Option<&[u8]>)]) {
    let mut ldif = "dn: O=Corp Example\nobjectClass: organization\nO: Corp Example\n".to_owned();
    for (name, crl) in entries {
        let head = format!("dn: CN={name},O=Corp Example\nobjectClass: cRLDistributionPoint\ncn: {name}\n");
        let crl = crl.map(|crl| format!("certificateRevocationList;binary:: {}\n", STANDARD.encode(crl)));
        ldif = format!("{ldif}\n{head}{}", crl.unwrap_or_default());
    }
    let file = configuration.with_file_name("entries.ldif");
    std::fs::write(&file, ldif).unwrap();
    // Quick mode does not check values, so that an entry may contain something other than a CRL.
    let adding =
        Command::new(program).args(["-T", "add", "-q", "-f"]).arg(configuration).arg("-l").arg(file).output();
    let added = adding.unwrap();
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
}

/// Starts the server on a free port, and again on another one if another process takes the port before it.
async fn listening(program: &Path, configuration: &Path, scheme: &str) -> (Child, SocketAddr) {
    let start = || {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(program);
        command.arg("-f").arg(configuration).args(["-d", "0", "-h", &format!("{scheme}://{address}")]);
        (command.stderr(Stdio::null()).spawn().unwrap(), address)
    };
    let (mut child, mut address) = start();
    wait_for("slapd", || {
        if child.try_wait().unwrap().is_some() {
            (child, address) = start();
        }
        TcpStream::connect(address).ok().map(drop)
    })
    .await;
    (child, address)
}
