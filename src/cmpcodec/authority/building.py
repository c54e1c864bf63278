"""Parts of certificates: serial numbers, key identifiers, times, and the way between closed and opened certificates."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime

from ..asn1 import Limits
from ..errors import DecodeError
from ..pkix import Certificate, SubjectPublicKeyInfo, Time
from ..protection.signatures import PrivateKey, read, sign_with
from .schema import SignedCertificate, TBSCertificate


def fresh_serial() -> int:
    """A random serial number of 159 bits: positive, at most 20 octets (RFC 5280, 4.1.2.2), and never met twice."""
    return int.from_bytes(os.urandom(20)) >> 1 or fresh_serial()


def key_identifier(info: SubjectPublicKeyInfo) -> bytes:
    """The usual name of a key: SHA-1 of its octets, by method 1 of RFC 5280, 4.2.1.2. No security rests on it."""
    return hashlib.sha1(info.subject_public_key.data, usedforsecurity=False).digest()


def time_for(moment: datetime) -> Time:
    """A time as RFC 5280, 4.1.2.5 wants it written: UTCTime until 2049."""
    return Time(utc_time=moment) if 1950 <= moment.year < 2050 else Time(general_time=moment)


def time_of(time: Time) -> datetime:
    """The moment that a Time means, in whole seconds."""
    moment: datetime = time.value
    return moment.astimezone(UTC).replace(microsecond=0)


def opened(certificate: Certificate) -> SignedCertificate:
    """A certificate with its inside; ValueError if it is not strict DER of one."""
    der = certificate.der
    try:
        return SignedCertificate.decode(der, limits=Limits(max_size=len(der)))
    except DecodeError as error:
        raise ValueError(f"the certificate cannot be read: {error}") from error


def signed(content: TBSCertificate, key: PrivateKey) -> Certificate:
    """The certificate of that content, whose `signature` names an algorithm of `key`."""
    algorithm = content.signature
    signature = sign_with(key, read(algorithm), content.der)
    whole = SignedCertificate(tbs_certificate=content, signature_algorithm=algorithm, signature=signature)
    return Certificate(whole.der)
