"""Paths of certificates from a signer to a trust anchor. RFC 5280, 6.1, as far as CMP needs it.

Depth, certificates and signatures are bounded, whatever a stranger sends: certificates that call each other issuer end
soon. There is no revocation, and no name constraint or policy is evaluated: a certificate that demands that is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from cryptography import x509

from ..errors import TooCostly, UnsupportedAlgorithm, UntrustedSigner
from .certificates import Opened
from .policy import ProtectionPolicy
from .spending import Spending

MAX_DEPTH: Final = 10
"""Most certificates of a path, signer and trust anchor included."""
MAX_SIGNATURES: Final = 32
"""Most signatures of certificates that are computed to find one path."""


class Path(NamedTuple):
    """A path that holds."""

    certificates: tuple[Opened, ...]
    """The signer first, the trust anchor last."""

    @property
    def not_before(self) -> datetime:
        """When the last of its certificates becomes valid."""
        return max(one.not_before for one in self.certificates)

    @property
    def not_after(self) -> datetime:
        """When the first of its certificates expires."""
        return min(one.not_after for one in self.certificates)


def find_path(
    signer: Opened,
    anchors: Mapping[bytes, Opened],
    others: Iterable[Opened],
    policy: ProtectionPolicy,
    time: datetime,
    spending: Spending | None = None,
) -> Path:
    """A path from `signer` to one of `anchors` (by DER) over `others`, valid at `time`; UntrustedSigner if none is."""
    search = _Search(anchors, others, policy, time, spending or Spending(policy.max_signature_hashes))
    search.check_valid(signer)
    if signer.der in anchors:
        return Path((signer,))
    found = search.extend((signer,))
    if found is None:
        raise UntrustedSigner(search.reason or f"no certificate is there of the issuer of {signer.text}")
    return Path(found)


class _Search:
    """The search for one path: what is at hand, what may still be spent, and why it went wrong last."""

    def __init__(
        self,
        anchors: Mapping[bytes, Opened],
        others: Iterable[Opened],
        policy: ProtectionPolicy,
        time: datetime,
        spending: Spending,
    ) -> None:
        self._anchors = anchors
        self._policy = policy
        self._time = time
        self._spending = spending
        self._left = MAX_SIGNATURES
        self._by_subject: dict[bytes, list[Opened]] = {}
        for one in {one.der: one for one in (*anchors.values(), *others)}.values():
            self._by_subject.setdefault(one.subject.der, []).append(one)
        self.reason = ""

    def extend(self, path: tuple[Opened, ...]) -> tuple[Opened, ...] | None:
        """The path, continued to a trust anchor; None if that cannot be done. Depth first, anchors before others."""
        last = path[-1]
        if len(path) == MAX_DEPTH:
            self.reason = f"a path of more than {MAX_DEPTH} certificates is not followed"
            return None
        for issuer in self._issuers(last):
            if issuer in path:
                continue
            try:
                self._check_issuer(issuer, path)
            except TooCostly:
                raise
            except (UntrustedSigner, UnsupportedAlgorithm) as error:
                self.reason = str(error)
                continue
            if issuer.der in self._anchors:
                return (*path, issuer)
            found = self.extend((*path, issuer))
            if found is not None:
                return found
        return None

    def _issuers(self, certificate: Opened) -> list[Opened]:
        """Who may have issued it, by name and, where both name one, key identifier."""
        wanted = certificate.authority_key
        return [
            one
            for one in self._by_subject.get(certificate.issuer.der, ())
            if wanted is None or one.key_identifier is None or one.key_identifier == wanted
        ]

    def check_valid(self, certificate: Opened) -> None:
        """Raise UntrustedSigner if the certificate is not valid now, or says something that is not understood."""
        if certificate.obstacle is not None:
            raise UntrustedSigner(f"the certificate of {certificate.text} {certificate.obstacle}")
        if self._time < certificate.not_before:
            raise UntrustedSigner(f"the certificate of {certificate.text} is not valid yet")
        if self._time > certificate.not_after:
            raise UntrustedSigner(f"the certificate of {certificate.text} has expired")

    def _check_issuer(self, issuer: Opened, path: tuple[Opened, ...]) -> None:
        """Raise if `issuer` may not issue, or did not issue, the last certificate of the path."""
        self.check_valid(issuer)
        self._check_authority(issuer, sum(not one.self_issued for one in path[1:]))
        if not self._left:
            raise UntrustedSigner(f"no path was found after {MAX_SIGNATURES} signatures")
        self._left -= 1
        if not issuer.issued(path[-1], self._policy, self._spending):
            raise UntrustedSigner(f"the certificate of {path[-1].text} was not signed by the key of {issuer.text}")

    def _check_authority(self, issuer: Opened, below: int) -> None:
        """Raise if that is no CA's certificate, or not for `below` further ones; anchors of version 1 cannot say so."""
        constraints = issuer.constraints
        old_anchor = issuer.der in self._anchors and issuer.x509.version is x509.Version.v1
        if constraints is None or not constraints.ca:
            if not old_anchor:
                raise UntrustedSigner(f"the certificate of {issuer.text} is not that of a CA")
        elif constraints.path_length is not None and constraints.path_length < below:
            raise UntrustedSigner(f"the certificate of {issuer.text} does not allow a path of that length")
        if issuer.usage is not None and not issuer.usage.key_cert_sign:
            raise UntrustedSigner(f"the certificate of {issuer.text} may not be used to sign certificates")
