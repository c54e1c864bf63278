"""Certificates that a requester names: by issuer and serial number, and only its own.

It knows the store's certificates and who asks; it changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ..cmp import PKIFailureInfo
from ..pkix import Certificate, Name
from .parties import Party
from .ports import CertificateStatus, IssuedCertificate, Refused, Store
from .transactions import Received

_LARGEST_SERIAL: Final = 1 << 159  # 20 octets: RFC 5280, 4.1.2.2


def own_certificate(received: Received, issuer: Name | None, serial: int) -> IssuedCertificate:
    """The certificate of that issuer and serial number, if it was issued to this requester; Refused if not.

    A requester who signed has also the certificate that it signed with (RFC 9483, 4.1.3 and 4.2); a registration
    authority speaks for all requesters of the profile.

    Somebody else's certificate gets the answer of one that does not exist, so that nobody can find out which do.
    """
    ours = received.profile.authority.name.der
    if issuer is not None and issuer.der == ours and 0 < serial < _LARGEST_SERIAL:
        found = received.store.certificate(ours, serial)
        if (
            found is not None
            and found.transaction.profile == received.key.profile
            and _speaks_for(received.party, found)
        ):
            return found
    raise Refused(PKIFailureInfo.BAD_CERT_ID, "no certificate of this requester has that issuer and serial number")


def _speaks_for(party: Party, certificate: IssuedCertificate) -> bool:
    signed_with = party.certificate is not None and party.certificate.der == certificate.der
    return certificate.requester == party.identity or signed_with or party.is_ra


def check_signer(store: Store, party: Party) -> None:
    """Refuse a party that signed with a certificate of ours that is not in force, which its path does not tell.

    Issuer and serial number are what revokes it: its octets may differ, as anybody can make a second signature by ECDSA
    of the one that is there.
    """
    if party.certificate is None:
        return
    signer = party.certificate.load()
    found = store.certificate(signer.issuer.public_bytes(), signer.serial_number)
    if found is None or found.status is CertificateStatus.VALID:
        return
    why = {
        CertificateStatus.UNCONFIRMED: "was never confirmed",
        CertificateStatus.HELD: "is on hold",
        CertificateStatus.REVOKED: "is revoked",
    }[found.status]
    raise Refused(PKIFailureInfo.SIGNER_NOT_TRUSTED, f"the certificate that the message is signed with {why}")


def subject_of(certificate: IssuedCertificate) -> Name:
    """The subject of a certificate that we issued."""
    return Name.decode(Certificate(certificate.der).load().subject.public_bytes())


def has_expired(certificate: IssuedCertificate, now: datetime) -> bool:
    """Whether a certificate that we issued is past its notAfter."""
    return Certificate(certificate.der).load().not_valid_after_utc < now
