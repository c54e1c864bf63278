"""Keys and certificates for the tests of signatures, made by `cryptography`'s own builder; messages by by_hand.

Knows nothing of what is trusted: a test gives every extension that it cares about.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

import cmpcodec
from cmpcodec import Certificate, GeneralName, Name, PKIMessage
from cmpcodec.protection.keys import mldsa
from tests.protection.by_hand import CONFIRMATION

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NULL_DN = GeneralName(directory_name=Name([]))
BARE = CONFIRMATION.replace(header=CONFIRMATION.header.replace(sender=NULL_DN, protection_alg=None, sender_kid=None))
"""A message of nobody: its sender is the NULL-DN."""
HAS_ML_DSA = hasattr(mldsa.MLDSA44PrivateKey, "generate")
KINDS = (
    "rsa",
    "p256",
    "p384",
    "p521",
    "ed25519",
    "ed448",
    *(("ml-dsa-44", "ml-dsa-65", "ml-dsa-87") if HAS_ML_DSA else ()),
)


@cache
def key(kind: str, number: int = 0) -> Any:
    """The same key every time that kind and number are the same."""
    curves: dict[str, Any] = {
        "p192": ec.SECP192R1,
        "p224": ec.SECP224R1,
        "p256": ec.SECP256R1,
        "p384": ec.SECP384R1,
        "p521": ec.SECP521R1,
    }
    if kind in curves:
        return ec.generate_private_key(curves[kind]())
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:] or 2048))
    if kind.startswith("ml-dsa"):
        return getattr(mldsa, f"MLDSA{kind[-2:]}PrivateKey").generate()
    return {"ed25519": ed25519.Ed25519PrivateKey, "ed448": ed448.Ed448PrivateKey}[kind].generate()


class Owner(NamedTuple):
    """A name, a key, and a certificate for both."""

    key: Any
    x509: x509.Certificate

    @property
    def certificate(self) -> Certificate:
        return Certificate(self.x509.public_bytes(Encoding.DER))

    @property
    def kid(self) -> bytes:
        return self.x509.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


CA = x509.BasicConstraints(ca=True, path_length=None)


def usage(*names: str) -> x509.KeyUsage:
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    every += ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: name in names for name in every})


def owner(
    name: str,
    issuer: Owner | None = None,
    *,
    kind: str = "p256",
    number: int | None = None,
    own_key: Any = None,
    extensions: tuple[tuple[Any, bool], ...] = (),
    since: datetime = NOW - DAY,
    until: datetime = NOW + DAY,
    kid: bool = True,
    issuer_name: str | None = None,
    authority_key: bool = True,
    digest: Any = SHA256,
) -> Owner:
    """A certificate for CN=`name`, self-signed or by `issuer`, whose name may be given otherwise."""
    mine = own_key or key(kind, hash(name) if number is None else number)
    builder = (
        x509.CertificateBuilder()
        .subject_name(dn(name))
        .issuer_name(dn(issuer_name) if issuer_name else issuer.x509.subject if issuer else dn(name))
        .public_key(mine.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )
    if kid:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(mine.public_key()), critical=False)
    if issuer is not None and authority_key:
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
        builder = builder.add_extension(above, critical=False)
    for value, critical in extensions:
        builder = builder.add_extension(value, critical=critical)
    signer = issuer.key if issuer else mine
    plain = type(signer).__name__.startswith(("Ed", "ML"))
    return Owner(mine, builder.sign(signer, None if plain else digest()))


def dn(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])


def ca(name: str, issuer: Owner | None = None, length: int | None = None, **options: Any) -> Owner:
    """A CA that says what a CA has to say."""
    constraints = x509.BasicConstraints(ca=True, path_length=length)
    return owner(name, issuer, extensions=((constraints, True), (usage("key_cert_sign", "crl_sign"), True)), **options)


def signed(who: Owner, *chain: Owner, message: PKIMessage = BARE, **options: Any) -> PKIMessage:
    """A message of `who`, as it comes out of the wire."""
    credential = cmpcodec.Signature(who.key, who.certificate, [one.certificate for one in chain], **options)
    return cmpcodec.decode(cmpcodec.protect(message, credential).der)
