"""Whether a certificate may serve as a CA's, and whether its chain holds together. RFC 5280, 4.2.1.3 and 4.2.1.9.

Asked once, when an authority starts: mistakes of the operator show then, in words, and not in each certificate.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .. import oids
from ..errors import DecodeError
from ..pkix import BasicConstraints, Certificate, KeyUsage
from ..protection.signatures import PrivateKey
from .building import opened
from .schema import TBSCertificate

_MAX_CHAIN = 10


def find(content: TBSCertificate, oid: str) -> object:
    """The value of the extension of that OID, None if there is none; ValueError if it does not hold one DER value."""
    for one in content.extensions or ():
        if one.extn_id == oid:
            try:
                return one.opened()
            except DecodeError as error:
                raise ValueError(f"extension {oids.name(oid)} cannot be read: {error}") from error
    return None


def check_ca(chain: Sequence[Certificate], key: PrivateKey) -> None:
    """Raise ValueError if the first of these is not the certificate of a CA with that key, or the next no issuer's."""
    content = opened(chain[0]).tbs_certificate
    own = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if content.subject_public_key_info.der != own:
        raise ValueError("the private key is not that of the CA's certificate")
    constraints = find(content, oids.ID_CE_BASIC_CONSTRAINTS)
    if not isinstance(constraints, BasicConstraints) or not constraints.ca:
        raise ValueError("the certificate is no CA's: its basicConstraints do not say CA:TRUE")
    usage = find(content, oids.ID_CE_KEY_USAGE)
    needed = KeyUsage.KEY_CERT_SIGN | KeyUsage.CRL_SIGN
    if usage is not None and not (isinstance(usage, KeyUsage) and needed in usage):
        raise ValueError("the CA's keyUsage does not allow to sign both certificates (keyCertSign) and CRLs (cRLSign)")
    if not len(content.subject):
        raise ValueError("the CA's certificate has no subject")
    if len(chain) > _MAX_CHAIN:
        raise ValueError(f"more than {_MAX_CHAIN} certificates in the chain")
    for lower, upper in pairwise(chain):
        try:
            lower.load().verify_directly_issued_by(upper.load())
        except (InvalidSignature, ValueError, TypeError) as error:
            name = opened(lower).tbs_certificate.subject.rfc4514()
            raise ValueError(f"chain: the certificate behind that of {name} is not its issuer's") from error
