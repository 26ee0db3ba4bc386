"""A certificate that the server makes for itself: it encrypts, and proves who is who to those only
who were given it."""

from __future__ import annotations

import ipaddress
import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Nobody would notice that it is to be renewed before nobody can connect any more.
_VALID = timedelta(days=3650)
# The clock of a peer may be slow.
_BEFORE = timedelta(days=1)
_LOOPBACK = ("127.0.0.1", "::1")


def make_certificate(path: Path) -> None:
    """Write a self-signed certificate and its key to *path*, a PEM file that nobody else can read.
    It is for this machine's name and for loopback.

    Raises:
        OSError: it cannot be written.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem += _signed(key).public_bytes(serialization.Encoding.PEM)
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    unfinished.replace(path)


def _signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "trio-chat")])
    now, public = datetime.now(UTC), key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + _VALID)
    )
    for extension, critical in (
        (x509.SubjectAlternativeName(_names()), False),
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (_USAGE, True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False),
    ):
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, hashes.SHA256())


def _names() -> list[x509.GeneralName]:
    own = socket.gethostname()
    names = {"localhost", own} if own.isascii() and own else {"localhost"}
    addresses = [x509.IPAddress(ipaddress.ip_address(text)) for text in _LOOPBACK]
    return [*(x509.DNSName(name) for name in sorted(names)), *addresses]


_USAGE = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
