"""The test material: a root, an issuing CA with its CRL, a server, and client certificates, made with openssl."""
import subprocess
from dataclasses import dataclass
from pathlib import Path

HOST = "rms.corp.example"
ISSUING = "Bench Issuing CA"
# A fixed key identifier, so that a CRL can be made for this CA without reading its certificate.
ISSUING_KEY_ID = "60" * 20
DAYS = "30"

CONFIGURATION = """
[req]
distinguished_name = subject
prompt = no
string_mask = utf8only
[subject]
CN = bench
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[issuing]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = {key_id}
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:{host},IP:127.0.0.1
[card]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth,msSmartcardLogin
subjectAltName = otherName:1.3.6.1.4.1.311.20.2.3;UTF8:${{ENV::ACCOUNT}}@corp.example
[users]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
[ca]
default_ca = authority
[authority]
default_md = sha256
database = {folder}/index.txt
crlnumber = {folder}/crlnumber
default_crl_days = {days}
crl_extensions = crl
[crl]
authorityKeyIdentifier = keyid
"""
P256 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
RSA2048 = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
KEYS = {"p256": P256, "rsa2048": RSA2048}


@dataclass(frozen=True)
class Pki:
    """The paths of the files. The file of a card contains its certificate, the issuing CA's, and the private key."""

    folder: Path

    def card(self, name):
        """The file of a client certificate: `p256`, `rsa2048`, `revoked` or `foreign`."""
        return self.folder / f"card-{name}.pem"

    @property
    def crl(self):
        """The folder of the CRLs: each as DER, and all together as PEM."""
        return self.folder / "crl"

    def show(self, fields):
        """One property of the P-256 card's certificate, as openssl prints it."""
        return openssl("x509", "-noout", *fields.split(), "-in", self.card("p256")).partition("=")[2].strip()


def make(folder, authority_key="p256"):
    """Creates the material in a folder. `authority_key` is the kind of key of both CAs."""
    (folder / "crl").mkdir(parents=True)
    pki = Pki(folder)
    text = CONFIGURATION.format(folder=folder, host=HOST, key_id=ISSUING_KEY_ID, days=DAYS)
    (folder / "openssl.cnf").write_text(text)
    (folder / "index.txt").write_text("")
    (folder / "crlnumber").write_text("01\n")
    authority = KEYS[authority_key]

    certificate(folder, "root", "Bench Root CA", authority, "root")
    certificate(folder, "issuing", ISSUING, authority, "issuing", "root")
    certificate(folder, "server", HOST, P256, "server", "issuing")
    certificate(folder, "users", "Bench User CA", P256, "users", "root")
    for name, kind in (("p256", P256), ("rsa2048", RSA2048), ("revoked", P256)):
        certificate(folder, name, "alice", kind, "card", "issuing")
        join(pki.card(name), folder / f"{name}.pem", folder / "issuing.pem", folder / f"{name}.key")
    certificate(folder, "foreign", "alice", P256, "card")
    join(pki.card("foreign"), folder / "foreign.pem", folder / "foreign.key")

    join(folder / "authorities.pem", folder / "issuing.pem", folder / "root.pem")
    (folder / "server.pem").write_text((folder / "server.pem").read_text() + (folder / "issuing.pem").read_text())
    join(folder / "server-with-key.pem", folder / "server.pem", folder / "server.key")
    revoke(folder, "revoked")
    for name in ("root", "issuing"):
        issue_crl(folder, name)
    join(pki.crl / "all.pem", folder / "issuing-crl.pem", folder / "root-crl.pem")
    return pki


def certificate(folder, name, subject, kind, profile, issuer=None):
    """Creates a key and a certificate, self-signed without an issuer."""
    key, request = folder / f"{name}.key", folder / f"{name}.csr"
    openssl("genpkey", *kind, "-out", key)
    account = {"ACCOUNT": subject.split(" ")[0].lower()}
    config = folder / "openssl.cnf"
    openssl("req", "-new", "-config", config, "-subj", f"/CN={subject}", "-key", key, "-out", request, **account)
    signer = ["-CA", folder / f"{issuer}.pem", "-CAkey", folder / f"{issuer}.key"] if issuer else ["-signkey", key]
    serial = "0x" + openssl("rand", "-hex", "15").strip()
    openssl(
        "x509", "-req", "-in", request, *signer, "-days", DAYS, "-sha256", "-set_serial", serial,
        "-extfile", config, "-extensions", profile, "-out", folder / f"{name}.pem", **account,
    )


def revoke(folder, name):
    """Lists a certificate in the next CRL."""
    signer = ["-cert", folder / "issuing.pem", "-keyfile", folder / "issuing.key"]
    config = folder / "openssl.cnf"
    openssl("ca", "-config", config, *signer, "-revoke", folder / f"{name}.pem", ACCOUNT="none")


def issue_crl(folder, name):
    """Issues the CRL of a CA, as PEM beside the CA and as DER in the folder of the CRLs."""
    pem, config = folder / f"{name}-crl.pem", folder / "openssl.cnf"
    signer = ["-cert", folder / f"{name}.pem", "-keyfile", folder / f"{name}.key"]
    openssl("ca", "-config", config, "-gencrl", *signer, "-out", pem, ACCOUNT="none")
    openssl("crl", "-in", pem, "-outform", "DER", "-out", folder / "crl" / f"{name}.crl")


def join(path, *parts):
    """Writes several PEM files into one."""
    path.write_text("".join(part.read_text() for part in parts))


def openssl(*arguments, **environment):
    """Runs openssl, and returns its standard output."""
    result = subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "ACCOUNT": "none", **environment},
    )
    if result.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]} failed: {result.stderr.strip()}")
    return result.stdout
