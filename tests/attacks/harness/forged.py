"""Certificates that any client can create: self-signed, with long names, or in chains that are costly to verify.

Each function writes PEM files for a TLS client: the certificates, then the private key of the first one.
"""
import base64
import datetime
import itertools
import random

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import der, pki

# Object identifiers with a NULL-less AlgorithmIdentifier (RFC 5758).
ECDSA_SHA256 = der.sequence(der.object_identifier("1.2.840.10045.4.3.2"))
ECDSA_SHA512 = der.sequence(der.object_identifier("1.2.840.10045.4.3.4"))
VALIDITY = der.sequence(
    der.utc_time(pki.NOT_BEFORE), der.utc_time(pki.NOT_BEFORE + datetime.timedelta(days=365))
)
IS_AUTHORITY = der.explicit(3, der.sequence(der.sequence(
    der.object_identifier("2.5.29.19"), der.element(0x01, b"\xff"),
    der.octet_string(der.sequence(der.element(0x01, b"\xff"))),
)))
# Unique serial numbers, so that no two certificates are equal.
SERIALS = itertools.count(random.getrandbits(60))
# The gateway accepts 64 KiB and 16 certificates per chain.
CHAIN_AUTHORITIES = 15


def common_name(text):
    """A name of one attribute, of any length."""
    attribute = der.sequence(der.object_identifier("2.5.4.3"), der.utf8_string(text))
    return der.sequence(der.element(0x31, attribute))


def public_key(key):
    """The SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def certificate(subject, issuer, subject_key, sign, algorithm=ECDSA_SHA256, extensions=b""):
    """A certificate in DER; `sign` returns the signature of its argument."""
    to_be_signed = der.sequence(
        der.explicit(0, der.integer(2)), der.integer(next(SERIALS)), algorithm, issuer, VALIDITY, subject,
        subject_key, extensions,
    )
    return der.sequence(to_be_signed, algorithm, der.bit_string(sign(to_be_signed)))


def signer(key, algorithm=None):
    """A function that signs with an EC key."""
    algorithm = ec.ECDSA(algorithm or hashes.SHA256())
    return lambda message: key.sign(message, algorithm)


def no_signature(_message):
    """Random bytes, for certificates whose signature is never verified."""
    return random.randbytes(71)


def pem(*certificates):
    """Certificates as PEM."""
    blocks = []
    for content in certificates:
        text = base64.b64encode(content)
        lines = [text[start:start + 64] for start in range(0, len(text), 64)]
        blocks += [b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----"]
    return b"\n".join(blocks) + b"\n"


def with_long_names(path, letter, length=30_000):
    """Writes a self-signed certificate whose subject and issuer repeat one letter."""
    key = pki.new_key()
    text = common_name(letter * (length // len(letter.encode())))
    content = certificate(text, text, public_key(key), signer(key))
    path.write_bytes(pem(content) + pki.private_pem(key))
    return path


def beside_junk(folder, good, count, size=40_000):
    """Writes a valid certificate, followed in each file by another unrelated one."""
    folder.mkdir(exist_ok=True)
    before, marker, key_pem = good.read_bytes().partition(b"-----BEGIN PRIVATE KEY-----")
    junk_key = public_key(pki.new_key())
    for number in range(count):
        subject = common_name(f"{number:08}" + "x" * size)
        junk = certificate(subject, common_name("No Such CA"), junk_key, no_signature)
        path = folder / f"junk-{number}.pem"
        path.write_bytes(before + pem(junk) + marker + key_pem)
        yield path


def distinct(folder, count, size=55_000, certificates=1):
    """Writes distinct self-signed certificates, or chains, of this size in bytes."""
    folder.mkdir(exist_ok=True)
    key = pki.new_key()
    key_pem, spki, sign = pki.private_pem(key), public_key(key), signer(key)
    length = size // certificates - 300
    for number in range(count):
        subject = common_name(f"{number:08}" + "y" * length)
        chain = [certificate(subject, common_name("No Such CA"), spki, sign)]
        chain += [certificate(subject, common_name("No Such CA"), spki, no_signature) for _ in range(certificates - 1)]
        path = folder / f"forged-{number}.pem"
        path.write_bytes(pem(*chain) + key_pem)
        yield path


def costly_chains(folder, count):
    """Writes chains of a leaf below fifteen P-521 CAs with one name, so that each CA may be the issuer of each other.

    Path building must verify a signature with every key at every step. The first steps have valid signatures,
    new for every chain, so that a cache of signatures does not help.
    """
    folder.mkdir(exist_ok=True)
    leaf_key = pki.new_key()
    leaf_pem, leaf_spki = pki.private_pem(leaf_key), public_key(leaf_key)
    keys = [ec.generate_private_key(ec.SECP521R1()) for _ in range(CHAIN_AUTHORITIES)]
    spkis = [public_key(key) for key in keys]
    signers = [signer(key, hashes.SHA512()) for key in keys]
    issuer = common_name("Forged CA")
    signed_steps = 6

    def authority(index, sign):
        return certificate(issuer, issuer, spkis[index], sign, ECDSA_SHA512, IS_AUTHORITY)

    unsigned = [authority(index, signers[0]) for index in range(signed_steps, CHAIN_AUTHORITIES)]
    for number in range(count):
        leaf = certificate(common_name(f"forged {number}"), issuer, leaf_spki, signers[0], ECDSA_SHA512)
        signed = [authority(index, signers[index + 1]) for index in range(signed_steps)]
        # The real issuer is last, so that all others are tried first.
        path = folder / f"costly-{number}.pem"
        path.write_bytes(pem(leaf, *unsigned, *reversed(signed)) + leaf_pem)
        yield path
