//! The files of a test PKI. Files with private keys are readable by the owner only; the authorities' keys are not written.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::PkiError;
use super::key::{KeyedChain, certificate_pem};
use super::profile::Signer;
use super::test_pki::Pki;
use super::users;

const OWNER_ONLY: u32 = 0o600;
const WORLD_READABLE: u32 = 0o644;

/// The paths of the files of a PKI.
#[derive(Clone, Debug)]
pub struct PkiFiles {
    /// The trust anchor of the client certificates.
    pub root: PathBuf,
    /// The policy authority.
    pub policy: PathBuf,
    /// The issuing authority.
    pub issuing: PathBuf,
    /// Issuing and policy authority in one file.
    pub intermediates: PathBuf,
    /// The trust anchor of the server certificates.
    pub server_ca: PathBuf,
    /// The ECDSA server certificate.
    pub server_ecdsa: PathBuf,
    /// Its private key.
    pub server_ecdsa_key: PathBuf,
    /// The RSA server certificate.
    pub server_rsa: PathBuf,
    /// Its private key.
    pub server_rsa_key: PathBuf,
    /// The folder of the CRLs: `root.crl`, `policy.crl`, `issuing.crl` (DER).
    pub crl: PathBuf,
    /// The folder of the client certificates: for each, `NAME.crt` (chain), `NAME.key` (PKCS#8) and `NAME.pem` (both, for curl).
    pub cards: PathBuf,
}

impl PkiFiles {
    fn below(folder: &Path) -> Self {
        Self {
            root: folder.join("root.pem"),
            policy: folder.join("policy.pem"),
            issuing: folder.join("issuing.pem"),
            intermediates: folder.join("intermediates.pem"),
            server_ca: folder.join("server-ca.pem"),
            server_ecdsa: folder.join("server-ecdsa.pem"),
            server_ecdsa_key: folder.join("server-ecdsa.key"),
            server_rsa: folder.join("server-rsa.pem"),
            server_rsa_key: folder.join("server-rsa.key"),
            crl: folder.join("crl"),
            cards: folder.join("cards"),
        }
    }

    /// Returns the path of the file with chain and key of a client certificate, as for `curl --cert`.
    pub fn card(&self, name: &str) -> PathBuf {
        self.cards.join(format!("{name}.pem"))
    }
}

impl Pki {
    /// Writes all files into the folder `pki` below `dir`, replaces existing ones, and returns their paths.
    ///
    /// # Errors
    /// If a file or folder cannot be written.
    pub fn write_to(&self, dir: &Path) -> Result<PkiFiles, PkiError> {
        let files = PkiFiles::below(&dir.join("pki"));
        for folder in [&files.crl, &files.cards] {
            fs::create_dir_all(folder).map_err(|source| write_error(folder, source))?;
        }
        self.write_authorities(&files)?;
        self.write_crls(&files.crl)?;
        write_server(self.server_ecdsa(), &files.server_ecdsa, &files.server_ecdsa_key)?;
        write_server(self.server_rsa(), &files.server_rsa, &files.server_rsa_key)?;
        for card in self.cards() {
            write_card(card, &files.cards)?;
        }
        Ok(files)
    }

    fn write_authorities(&self, files: &PkiFiles) -> Result<(), PkiError> {
        let policy = certificate_pem(self.policy())?;
        let issuing = certificate_pem(self.issuing())?;
        write(&files.root, WORLD_READABLE, certificate_pem(self.root())?.as_bytes())?;
        write(&files.intermediates, WORLD_READABLE, format!("{issuing}{policy}").as_bytes())?;
        write(&files.policy, WORLD_READABLE, policy.as_bytes())?;
        write(&files.issuing, WORLD_READABLE, issuing.as_bytes())?;
        write(&files.server_ca, WORLD_READABLE, certificate_pem(self.server_ca())?.as_bytes())
    }

    fn write_crls(&self, folder: &Path) -> Result<(), PkiError> {
        let root = self.crl(Signer::Root, &[], self.created)?;
        let policy = self.crl(Signer::Policy, &[], self.created)?;
        let issuing = self.issuing_crl(&users::REVOKED, self.created)?;
        write(&folder.join("root.crl"), WORLD_READABLE, &root)?;
        write(&folder.join("policy.crl"), WORLD_READABLE, &policy)?;
        write(&folder.join("issuing.crl"), WORLD_READABLE, &issuing)
    }
}

fn write_server(server: &KeyedChain, certificate: &Path, key: &Path) -> Result<(), PkiError> {
    write(certificate, WORLD_READABLE, server.chain_pem()?.as_bytes())?;
    write(key, OWNER_ONLY, server.key_pem()?.as_bytes())
}

fn write_card(card: &KeyedChain, folder: &Path) -> Result<(), PkiError> {
    let file = |ending: &str| folder.join(format!("{}.{ending}", card.name));
    write(&file("crt"), WORLD_READABLE, card.chain_pem()?.as_bytes())?;
    write(&file("key"), OWNER_ONLY, card.key_pem()?.as_bytes())?;
    write(&file("pem"), OWNER_ONLY, card.bundle_pem()?.as_bytes())
}

/// Creates the file with `mode`. An existing file is removed first: the mode would not apply to it, and a private key
/// would stay readable by other users.
fn write(path: &Path, mode: u32, content: &[u8]) -> Result<(), PkiError> {
    if let Err(source) = fs::remove_file(path)
        && source.kind() != std::io::ErrorKind::NotFound
    {
        return Err(write_error(path, source));
    }
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(content))
        .map_err(|source| write_error(path, source))
}

fn write_error(path: &Path, source: std::io::Error) -> PkiError {
    PkiError::File { path: path.to_owned(), source }
}
