"""The PKI that the gateway trusts: a root, an issuing CA, a server, and certificate holders, one of them revoked."""
import datetime
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from . import der

HOST = "rms.corp.example"
DOMAIN = "corp.example"
HOLDERS = 20
USER_PRINCIPAL_NAME = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
NOW = datetime.datetime.now(datetime.timezone.utc)
NOT_BEFORE = NOW - datetime.timedelta(days=1)
NOT_AFTER = NOW + datetime.timedelta(days=30)


@dataclass(frozen=True)
class Pki:
    """The paths of the files. The file of a holder contains the certificate and its key."""

    folder: Path

    @property
    def holders(self):
        """The well-behaved certificate holders."""
        return [self.folder / f"holder-{number}.pem" for number in range(HOLDERS)]

    @property
    def insider(self):
        """A valid certificate of another account: an attacker with access."""
        return self.folder / "insider.pem"

    @property
    def revoked(self):
        """A certificate that the CRL lists."""
        return self.folder / "revoked.pem"

    @property
    def root(self):
        """The trust anchor."""
        return self.folder / "root.pem"


def make(folder):
    """Creates the PKI in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "crl").mkdir(exist_ok=True)
    root_key, root_name = new_key(), name("Attack Root CA")
    issuing_key, issuing_name = new_key(), name("Attack Issuing CA")
    root = sign(authority(root_name, root_name, root_key), root_key)
    issuing = sign(authority(issuing_name, root_name, issuing_key), root_key)
    write(folder / "root.pem", root)
    write(folder / "issuing.pem", issuing)

    server_key = new_key()
    server = entity(name(HOST), issuing_name, server_key, ExtendedKeyUsageOID.SERVER_AUTH)
    server = server.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
    write(folder / "server.pem", sign(server, issuing_key), issuing)
    (folder / "server.key").write_bytes(private_pem(server_key))

    revoked = None
    for account in (*(f"holder-{number}" for number in range(HOLDERS)), "insider", "revoked"):
        key = new_key()
        builder = entity(name(account), issuing_name, key, ExtendedKeyUsageOID.CLIENT_AUTH)
        upn = x509.OtherName(USER_PRINCIPAL_NAME, der.utf8_string(f"{account}@{DOMAIN}"))
        certificate = sign(builder.add_extension(x509.SubjectAlternativeName([upn]), critical=False), issuing_key)
        write(folder / f"{account}.pem", certificate, key=key)
        revoked = certificate
    write_crl(folder / "crl/root.crl", root_name, root_key, [])
    write_crl(folder / "crl/issuing.crl", issuing_name, issuing_key, [revoked.serial_number])
    return Pki(folder)


def new_key():
    """A P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def name(common_name):
    """A name of one attribute."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def authority(subject, issuer, key):
    """A CA certificate, unsigned."""
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    return common(subject, issuer, key).add_extension(constraints, critical=True).add_extension(usage, critical=True)


def entity(subject, issuer, key, purpose):
    """An end entity's certificate, unsigned."""
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    purposes = x509.ExtendedKeyUsage([purpose])
    return common(subject, issuer, key).add_extension(usage, critical=True).add_extension(purposes, critical=False)


def common(subject, issuer, key):
    """The fields that all certificates share."""
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    return builder.serial_number(x509.random_serial_number()).not_valid_before(NOT_BEFORE).not_valid_after(NOT_AFTER)


def sign(builder, key):
    """Signs a certificate."""
    return builder.sign(key, hashes.SHA256())


def private_pem(key):
    """A private key as PKCS #8 in PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write(path, *certificates, key=None):
    """Writes certificates and the key of the first one to a PEM file."""
    content = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
    path.write_bytes(content + (private_pem(key) if key else b""))


def write_crl(path, issuer, key, serials):
    """A CRL that lists these serial numbers."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer)
    builder = builder.last_update(NOT_BEFORE).next_update(NOT_AFTER)
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOT_BEFORE).build()
        builder = builder.add_revoked_certificate(entry)
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
