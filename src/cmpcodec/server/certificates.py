"""Certificates that a requester names: by issuer and serial number, and only its own.

It knows the store's certificates and who asks; it changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ..cmp import PKIFailureInfo
from ..pkix import Certificate, Name
from .ports import IssuedCertificate, Refused
from .transactions import Received

_LARGEST_SERIAL: Final = 1 << 159  # 20 octets: RFC 5280, 4.1.2.2


def own_certificate(received: Received, issuer: Name | None, serial: int) -> IssuedCertificate:
    """The certificate of that issuer and serial number, if it was issued to this requester; Refused if not.

    Somebody else's certificate gets the answer of one that does not exist, so that nobody can find out which do.
    """
    ours = received.profile.authority.name.der
    if issuer is not None and issuer.der == ours and 0 < serial < _LARGEST_SERIAL:
        found = received.store.certificate(ours, serial)
        if (
            found is not None
            and found.transaction.profile == received.key.profile
            and found.requester == received.party.identity
        ):
            return found
    raise Refused(PKIFailureInfo.BAD_CERT_ID, "no certificate of this requester has that issuer and serial number")


def subject_of(certificate: IssuedCertificate) -> Name:
    """The subject of a certificate that we issued."""
    return Name.decode(Certificate(certificate.der).load().subject.public_bytes())


def has_expired(certificate: IssuedCertificate, now: datetime) -> bool:
    """Whether a certificate that we issued is past its notAfter."""
    return Certificate(certificate.der).load().not_valid_after_utc < now
