"""TrustedSigners: whose signatures are believed. RFC 9810, 5.1.3.3 and 8.9; RFC 9483, 3.1, 3.3 and 3.5.

What a message brings along in extraCerts helps to find the way to a trust anchor and is never one. It knows messages
and certificates, no clock: the time comes with the question. What belongs to a refused message is not kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import chain, islice
from typing import Final, NamedTuple

from ..cmp import PKIHeader, PKIMessage
from ..errors import InvalidProtection, MissingProtection, ProtectionError, UnsupportedAlgorithm, UntrustedSigner
from ..pkix import Certificate
from .certificates import Opened, opened
from .core import Signer
from .keys import PublicKey, cost
from .paths import Path, find_path
from .policy import ProtectionPolicy
from .signatures import Scheme, admit, read, verify_with
from .spending import Spending

MAX_EXTRA_CERTS: Final = 32
"""So many of extraCerts are looked at."""
MAX_CANDIDATES: Final = 4
"""With the keys of so many certificates a signature is tried."""


class _Known(NamedTuple):
    """A signer whose path was found before."""

    opened: Opened
    key: PublicKey
    not_before: datetime
    not_after: datetime
    policy: ProtectionPolicy
    signer: Signer

    def holds(self, time: datetime, policy: ProtectionPolicy) -> bool:
        """Whether the path holds at that time, under a policy that differs at most in what signatures may cost."""
        return self.not_before <= time <= self.not_after and (
            policy is self.policy or policy == self.policy._replace(max_signature_hashes=policy.max_signature_hashes)
        )


class TrustedSigners:
    """Verifies signatures, and trusts those whose certificate leads to one of `anchors`, or is one of `signers`.

    `anchors` are certificates of CAs that are trusted, self-signed or not; an anchor may itself be the signer.
    `untrusted` are certificates that help to build paths, beside the extraCerts of the message. `signers` are
    certificates that are trusted themselves, without a path: for them only validity and usage are checked.

    Of a signer's certificate is demanded: validity at the `time` that `verify` is given, as of all certificates of the
    path; if it has a keyUsage, digitalSignature in it (unless `check_usage` is False); if `purposes` (OIDs, such as
    ``oids.ID_KP_CMC_RA``) are given, at least one of them in its extKeyUsage. The header's sender has to be its
    subject (unless `check_sender` is False), and senderKID its subjectKeyIdentifier, where both are there (unless
    `check_sender_kid` is False).

    The paths of the last `cached_signers` signers are remembered, with the time from when until when they hold.
    Certificates in extraCerts that cannot be read are passed over.

    Raises ValueError if a certificate given here cannot be read, or if nobody would be trusted.
    """

    def __init__(
        self,
        anchors: Iterable[Certificate] = (),
        *,
        untrusted: Iterable[Certificate] = (),
        signers: Iterable[Certificate] = (),
        purposes: Iterable[str] = (),
        check_usage: bool = True,
        check_sender: bool = True,
        check_sender_kid: bool = True,
        cached_signers: int = 64,
    ) -> None:
        self._anchors = {one.der: opened(one) for one in anchors}
        self._signers = {one.der: opened(one) for one in signers}
        self._untrusted = {one.der: opened(one) for one in untrusted}
        if not self._anchors and not self._signers:
            raise ValueError("neither anchors nor signers: nobody would be trusted")
        self._purposes = frozenset(purposes)
        self._check_usage = check_usage
        self._check_sender = check_sender
        self._check_sender_kid = check_sender_kid
        self._size = cached_signers
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    def authenticate(
        self, message: PKIMessage, octets: bytes, policy: ProtectionPolicy, time: datetime | None
    ) -> Signer:
        """Return who signed `octets`, if the protection of `message` is a signature of somebody trusted at `time`.

        Raises UnsupportedAlgorithm before anything is computed if it is no signature that the policy admits,
        InvalidProtection if no certificate of the sender is there or the signature does not fit, UntrustedSigner if it
        fits, but is not trusted (TooCostly: not within the policy's bound); TypeError or ValueError without an aware
        datetime. Their `hashes` tell what it cost.
        """
        if time is None:
            raise TypeError("time: a signature cannot be verified without it; give verify() an aware datetime")
        if time.tzinfo is None:
            raise ValueError("time: expected an aware datetime, as datetime.now(UTC) is")
        if message.header.protection_alg is None or message.protection is None:
            raise MissingProtection("the message carries no protection")
        scheme = read(message.header.protection_alg)
        admit(scheme, policy)
        known = self._remembered(message, policy, time)
        if known is not None:
            known.opened.admit(message.header.protection_alg)
            try:
                verify_with(known.key, scheme, octets, message.protection)
            except ProtectionError as error:
                error.hashes = cost(known.key)
                raise
            return known.signer
        spending = Spending(policy.max_signature_hashes)
        try:
            return self._judged(message, scheme, octets, policy, time, spending)
        except ProtectionError as error:
            error.hashes = spending.spent
            raise

    def judge(
        self,
        certificate: Certificate,
        others: Iterable[Certificate],
        policy: ProtectionPolicy,
        time: datetime,
        *,
        purpose: str,
    ) -> Signer:
        """Return whose certificate that is, if what he signs, other than messages, is believed at `time`.

        `others` help to find the path; `purpose` (an OID) has to be in its extKeyUsage, in place of those that messages
        need. Raises UntrustedSigner if he is not trusted for that, UnsupportedAlgorithm as `authenticate`: if the
        policy does not admit his key, too.
        """
        at_hand = []
        for one in islice(others, MAX_EXTRA_CERTS):
            with suppress(ValueError):
                at_hand.append(opened(Certificate(one.der)))
        try:
            who = opened(certificate)
        except ValueError as error:
            raise UntrustedSigner("the certificate of the signer cannot be read") from error
        who.public_key(policy)
        self._check_purpose(who, frozenset((purpose,)))
        return _signer(who, self._path(who, at_hand, policy, time, None))

    # --- signers that are known already ---

    def _remembered(self, message: PKIMessage, policy: ProtectionPolicy, time: datetime) -> _Known | None:
        """The signer, if it is the first of extraCerts, as RFC 9483, 3.3 wants it, and its path is known and holds."""
        extra = message.extra_certs
        which = extra[0].der if extra else b""
        known = self._known.get(which)
        if known is None or not known.holds(time, policy) or not self._meant(message.header, known.opened):
            return None
        try:
            self._known.move_to_end(which)
        except KeyError:  # another thread has forgotten it
            return None
        return known

    def _remember(self, known: _Known) -> None:
        if self._size > 0:
            self._known[known.opened.der] = known
            while len(self._known) > self._size:
                with suppress(KeyError):  # another thread was quicker
                    self._known.popitem(last=False)

    # --- all others ---

    def _judged(
        self,
        message: PKIMessage,
        scheme: Scheme,
        octets: bytes,
        policy: ProtectionPolicy,
        time: datetime,
        spending: Spending,
    ) -> Signer:
        extra = {one.der: one for one in self._read(message, spending)}
        who, key = self._who_signed(message, extra, scheme, octets, policy, spending)
        self._check_purpose(who, self._purposes)
        path = self._path(who, extra.values(), policy, time, spending)
        signer = _signer(who, path)
        self._remember(_Known(who, key, path.not_before, path.not_after, policy, signer))
        return signer

    def _read(self, message: PKIMessage, spending: Spending) -> Iterator[Opened]:
        """Of extraCerts, those that can be read."""
        for one in islice(message.extra_certs or (), MAX_EXTRA_CERTS):
            spending.read()
            with suppress(ValueError):
                yield opened(Certificate(one.der))

    def _who_signed(
        self,
        message: PKIMessage,
        extra: dict[bytes, Opened],
        scheme: Scheme,
        octets: bytes,
        policy: ProtectionPolicy,
        spending: Spending,
    ) -> tuple[Opened, PublicKey]:
        """The certificate among those of the sender whose key made the signature, and the key."""
        algorithm = message.header.protection_alg
        assert algorithm is not None
        assert message.protection is not None
        at_hand = {**self._signers, **extra, **self._untrusted, **self._anchors}
        meant = [one for one in at_hand.values() if self._meant(message.header, one)]
        refused: UnsupportedAlgorithm | None = None
        for one in meant[:MAX_CANDIDATES]:
            try:
                key = one.public_key(policy)
                one.admit(algorithm)
                spending.verify(key)
                verify_with(key, scheme, octets, message.protection)
            except InvalidProtection:
                continue
            except UnsupportedAlgorithm as error:
                refused = error
                continue
            return one, key
        if refused is not None:
            raise refused
        if meant:
            raise InvalidProtection("the signature does not fit: another key, or a message that was altered")
        raise InvalidProtection("no certificate is there of whom the header names as sender")

    def _meant(self, header: PKIHeader, one: Opened) -> bool:
        """Whether the header may speak of the owner of that certificate."""
        if self._check_sender_kid:
            kid = header.sender_kid
            if kid is not None and one.key_identifier is not None and kid != one.key_identifier:
                return False
        if not self._check_sender:
            return True
        name = header.sender.directory_name
        return name is not None and one.subject.matches(name)

    def _path(
        self, who: Opened, others: Iterable[Opened], policy: ProtectionPolicy, time: datetime, spending: Spending | None
    ) -> Path:
        if who.der in self._signers:
            return find_path(who, self._signers, (), policy, time, spending)
        return find_path(who, self._anchors, (*self._untrusted.values(), *others), policy, time, spending)

    def _check_purpose(self, signer: Opened, purposes: frozenset[str]) -> None:
        if self._check_usage and signer.usage is not None and not signer.usage.digital_signature:
            raise UntrustedSigner(f"the certificate of {signer.text} may not be used to sign (keyUsage)")
        if purposes and not purposes & (signer.purposes or frozenset()):
            raise UntrustedSigner(f"the certificate of {signer.text} is not for this purpose (extKeyUsage)")

    def __repr__(self) -> str:
        names = ", ".join(one.text for one in chain(self._anchors.values(), self._signers.values()))
        return f"TrustedSigners({names})"


def _signer(who: Opened, path: Path) -> Signer:
    return Signer(who.certificate, tuple(one.certificate for one in path.certificates[1:]))
