"""Signature: the credential that is a private key with its certificate. RFC 9810, 5.1.3.3; RFC 9483, 3.1 to 3.3.

It protects; whom to believe is another question: see `trust`. The key appears in no representation and no error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..asn1 import BitString
from ..cmp import CMPCertificate, ExtraCerts, PKIHeader
from ..pkix import AlgorithmIdentifier, Certificate, GeneralName
from .certificates import opened
from .keys import UNREADABLE
from .signatures import PrivateKey, algorithm_for, digest_for, read, sign_with


class Signature:
    """A private key, its certificate, and how messages are signed with it.

    `chain` are certificates that lead from the own one towards the peer's trust anchor, nearest first; they are sent
    along in extraCerts. `digest` is a hashlib name, "shake128" or "shake256"; by default the hash that is as strong as
    the key. An RSA key signs by PKCS #1 v1.5, or by RSASSA-PSS if `pss`.

    Raises ValueError if the certificate cannot be read or is not the key's, or if the digest does not go with the key;
    TypeError for a key that cannot sign.
    """

    __slots__ = ("_algorithm", "_certificates", "_key", "_scheme", "_sender", "_sender_kid")

    def __init__(
        self,
        key: PrivateKey,
        certificate: Certificate,
        chain: Sequence[Certificate] = (),
        *,
        digest: str | None = None,
        pss: bool = False,
    ) -> None:
        self._algorithm = algorithm_for(key, digest_for(key) if digest is None else digest, pss=pss)
        self._scheme = read(self._algorithm)
        own = opened(certificate)
        try:
            certified = _octets(own.x509.public_key())
        except UNREADABLE as error:
            raise ValueError(f"the public key of the certificate cannot be read: {error}") from None
        if certified != _octets(key.public_key()):
            raise ValueError("the certificate is not that of the private key")
        self._key = key
        self._certificates = ExtraCerts([CMPCertificate(one.der) for one in (certificate, *chain)])
        self._sender = GeneralName(directory_name=own.subject)
        self._sender_kid = own.key_identifier

    @property
    def certificates(self) -> ExtraCerts:
        """The own certificate and its chain: what extraCerts begin with."""
        return self._certificates

    @property
    def sender_kid(self) -> bytes | None:
        """The subjectKeyIdentifier of the own certificate, None if it has none."""
        return self._sender_kid

    def prepare(self, header: PKIHeader) -> PKIHeader:
        """The header with protectionAlg and senderKID; its sender becomes our subject where it was the NULL-DN."""
        name = header.sender.directory_name
        return header.replace(
            sender=self._sender if name is not None and not len(name) else header.sender,
            protection_alg=self._algorithm,
            sender_kid=header.sender_kid if self._sender_kid is None else self._sender_kid,
        )

    def compute(self, algorithm: AlgorithmIdentifier, octets: bytes) -> BitString:
        """The signature of `octets`; ValueError if the key or this OpenSSL cannot make it."""
        return sign_with(self._key, self._scheme, octets)

    def __repr__(self) -> str:
        name = self._sender.directory_name
        return f"Signature(<key>, {'' if name is None else name.rfc4514()!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Signature holds a private key and cannot be pickled")


def _octets(key: object) -> bytes:
    der: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]  # all keys have it
    return der
