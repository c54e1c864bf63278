"""Who sends the messages: whom a header names, how that is verified, and who it was. RFC 9810, 5.1.3; RFC 9483, 3.1.

It knows headers and credentials; nothing of profiles and transactions. Secrets stay inside credentials.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final, Protocol

from .. import oids
from ..asn1 import BitString
from ..cmp import PKIHeader, PKIMessage
from ..cms import PBKDF2_params, PBMAC1_params
from ..crmf import PBMParameter
from ..enveloping import PasswordRecipient, Recipient, recipient_for
from ..errors import ProtectionError, UnsupportedAlgorithm, UntrustedSigner
from ..pkix import AlgorithmIdentifier, Certificate
from ..protection import PasswordBasedMAC, ProtectionPolicy, Protector, Signer, Verifier
from ..protection.certificates import signed_part
from ..protection.digests import HMACS
from ..protection.mac import MacChecker
from ..protection.pbm import MACS, OWFS
from ..protection.pbmac1 import PBMAC1, PRFS
from ..protection.signing import Signature
from ..protection.trust import TrustedSigners

_ANSWERS_PER_SALT: Final = 1000
_ITERATIONS: Final = 1000


class Party(Protocol):
    """Someone who sent a message that was verified, and to whom answers can be protected."""

    @property
    def identity(self) -> str:
        """A name that never changes and, within a profile, is nobody else's: certificates belong to it."""
        ...

    @property
    def certificate(self) -> Certificate | None:
        """The certificate whose key signed the message; None where it was a MAC."""
        ...

    @property
    def is_ra(self) -> bool:
        """Whether it is a registration authority: it may vouch for possession, and speak for all requesters."""
        ...

    @property
    def shared_secret(self) -> MacChecker | None:
        """Checks MACs under the secret that it shares with us, such as publicKeyMAC; None if there is none."""
        ...

    def answering(self, header: PKIHeader) -> Protector:
        """Protects the answer to a message with that header, in kind; the header names what the policy admits."""
        ...

    def recipient(self, *, pwri_kek: bool) -> Recipient:
        """Who can open what is encrypted for it, by what protected its message; `pwri_kek`: see `PasswordRecipient`.

        Raises UnsupportedAlgorithm or DecodeError if that is for nothing but signatures.
        """
        ...


class Claimant(Protocol):
    """Someone whom a header names as its sender, before anything is verified."""

    @property
    def credential(self) -> Verifier:
        """Verifies what this claimant sends."""
        ...

    @property
    def refusing(self) -> Protector | None:
        """Protects the answer to somebody who was not authenticated; None if nothing that we have may.

        A shared secret may not: a stranger could try passwords on such an answer.
        """
        ...

    def authenticated(self, signer: Signer | None) -> Party:
        """Who it was that `credential` has verified."""
        ...


Lookup = Callable[[PKIHeader], Claimant | Awaitable[Claimant | None] | None]
"""Who claims to have sent the message with this header? None: nobody that is known. It may be a coroutine function."""


class SharedSecretVerifier:
    """Verifies PasswordBasedMac and PBMAC1 by the same secret."""

    __slots__ = ("_kinds",)

    def __init__(self, secret: bytes) -> None:
        self._kinds: dict[str, PasswordBasedMAC | PBMAC1] = {
            oids.ID_PASSWORD_BASED_MAC: PasswordBasedMAC(secret),
            oids.ID_PBMAC1: PBMAC1(secret),
        }

    def authenticate(
        self, message: PKIMessage, octets: bytes, policy: ProtectionPolicy, time: datetime | None
    ) -> Signer | None:
        """Return if the MAC fits; see `protection.verify`. PasswordBasedMac says what is wrong with what is neither."""
        return self._for(message.header.protection_alg).authenticate(message, octets, policy, time)

    def check(
        self, algorithm: AlgorithmIdentifier, octets: bytes, protection: BitString, policy: ProtectionPolicy
    ) -> None:
        """Return if `protection` is the MAC of `octets`; else raise what `MacCredential.check` does."""
        self._for(algorithm).check(algorithm, octets, protection, policy)

    def _for(self, algorithm: AlgorithmIdentifier | None) -> PasswordBasedMAC | PBMAC1:
        kind = oids.ID_PASSWORD_BASED_MAC if algorithm is None else algorithm.algorithm
        return self._kinds.get(kind) or self._kinds[oids.ID_PASSWORD_BASED_MAC]

    def cost(self, header: PKIHeader, policy: ProtectionPolicy) -> int:
        """What it costs to find out that such a message is not of this party, in hashes of SHA-256."""
        algorithm = header.protection_alg
        credential = None if algorithm is None else self._kinds.get(algorithm.algorithm)
        if algorithm is not None and credential is not None:
            with suppress(UnsupportedAlgorithm):
                return credential.cost(algorithm, policy)
        return 0


class SharedSecretParty:
    """A party that shares a secret with us; answers mirror the algorithms of its PasswordBasedMac or PBMAC1.

    Answers use one salt for 1000 messages, so that their key is derived once: what a MAC costs, the request costs.
    """

    __slots__ = ("_answering", "_credential", "_identity", "_secret")

    def __init__(self, identity: str, secret: bytes) -> None:
        self._identity = identity
        self._secret = secret
        self._credential = SharedSecretVerifier(secret)
        self._answering: dict[tuple[str, str, str], PasswordBasedMAC | PBMAC1] = {}

    @property
    def identity(self) -> str:
        """The name under which its transactions and certificates are kept."""
        return self._identity

    @property
    def credential(self) -> SharedSecretVerifier:
        """Verifies its messages."""
        return self._credential

    @property
    def shared_secret(self) -> SharedSecretVerifier:
        """The same: it checks any MAC under the secret."""
        return self._credential

    @property
    def certificate(self) -> None:
        """It has none."""

    @property
    def is_ra(self) -> bool:
        """It is not: a secret is shared with end entities."""
        return False

    @property
    def refusing(self) -> None:
        """Nothing: see `Claimant`."""

    def authenticated(self, signer: Signer | None) -> SharedSecretParty:
        """Itself: who knows the secret is the party."""
        return self

    def answering(self, header: PKIHeader) -> PasswordBasedMAC | PBMAC1:
        """The same secret with the request's algorithms (SHA-256 where it names none that we have)."""
        which = _mirrored(header)
        # As many entries as there are kinds and pairs of functions, at most, and a policy admits fewer.
        credential = self._answering.get(which)
        if credential is None:
            credential = self._answering[which] = _answering(self._secret, *which)
        return credential

    def recipient(self, *, pwri_kek: bool) -> PasswordRecipient:
        """Who knows the secret."""
        return PasswordRecipient(self._secret, pwri_kek=pwri_kek)

    def __repr__(self) -> str:
        return f"SharedSecretParty({self._identity!r}, <secret>)"


def _mirrored(header: PKIHeader) -> tuple[str, str, str]:
    """The kind of MAC and its two functions in a header that was verified, or stands for one that was not."""
    parameters = None if header.protection_alg is None else header.protection_alg.parameters
    if isinstance(parameters, PBMAC1_params):
        kdf = parameters.key_derivation_func.parameters
        prf = HMACS.get(kdf.prf.algorithm) if isinstance(kdf, PBKDF2_params) else None
        mac = HMACS.get(parameters.message_auth_scheme.algorithm)
        return oids.ID_PBMAC1, prf if prf in PRFS else "sha256", mac if mac in PRFS else "sha256"
    if isinstance(parameters, PBMParameter):
        owf, mac = OWFS.get(parameters.owf.algorithm), MACS.get(parameters.mac.algorithm)
        return oids.ID_PASSWORD_BASED_MAC, owf or "sha256", mac or "sha256"
    return oids.ID_PASSWORD_BASED_MAC, "sha256", "sha256"


def _answering(secret: bytes, kind: str, first: str, mac: str) -> PasswordBasedMAC | PBMAC1:
    if kind == oids.ID_PBMAC1:
        return PBMAC1(secret, prf=first, mac=mac, messages_per_salt=_ANSWERS_PER_SALT, cached_keys=1)
    return PasswordBasedMAC(
        secret,
        owf=first,
        mac=mac,
        iterations=_ITERATIONS,
        messages_per_salt=_ANSWERS_PER_SALT,
        cached_keys=1,
    )


class SharedSecrets:
    """Looks parties up by senderKID; `default` serves those who name none (as OpenSSL's client without -ref)."""

    __slots__ = ("_default", "_parties")

    def __init__(self, secrets: Mapping[bytes, bytes], default: bytes | None = None) -> None:
        self._parties = {kid: SharedSecretParty(f"kid:{kid.hex()}", secret) for kid, secret in secrets.items()}
        self._default = None if default is None else SharedSecretParty("default", default)

    def __call__(self, header: PKIHeader) -> SharedSecretParty | None:
        """The party of that senderKID, None if there is none."""
        if not header.sender_kid:
            return self._default
        return self._parties.get(header.sender_kid)


class SigningParty:
    """A party that proved who it is by a signature: each certificate is a party of its own.

    What counts of a certificate is what its issuer signed: with another signature below it, which anybody can make of
    one by ECDSA, it is the same party, and a message that was recorded is one of the same transaction.

    A certificate that renews another one is a new party; whoever holds it may renew and revoke it in turn.
    """

    __slots__ = ("_answers", "_certificate", "_identity", "_is_ra")

    def __init__(self, certificate: Certificate, answers: Protector, *, is_ra: bool) -> None:
        self._certificate = certificate
        self._identity = f"cert:{hashlib.sha256(signed_part(certificate)).hexdigest()}"
        self._answers = answers
        self._is_ra = is_ra

    @property
    def identity(self) -> str:
        """The name under which its transactions and certificates are kept: the SHA-256 of its TBSCertificate."""
        return self._identity

    @property
    def certificate(self) -> Certificate:
        """The certificate whose key signed."""
        return self._certificate

    @property
    def is_ra(self) -> bool:
        """Whether it is trusted as a registration authority."""
        return self._is_ra

    @property
    def shared_secret(self) -> None:
        """It has none."""

    def answering(self, header: PKIHeader) -> Protector:
        """The signature of this server."""
        return self._answers

    def recipient(self, *, pwri_kek: bool) -> Recipient:
        """The owner of the certificate, whose keyUsage has to admit it."""
        return recipient_for(self._certificate)

    def __repr__(self) -> str:
        return f"SigningParty({self._identity!r}, is_ra={self._is_ra})"


class SigningParties:
    """Looks up nobody: whoever signs is judged by the certificates that are trusted.

    `end_entities` speak for themselves. `registration_authorities` may also say raVerified and speak for others: whom
    the header names as sender does not matter to them (RFC 9483, 5.2.3), so give them ``check_sender=False``.
    `answers` signs for this server; what it signed itself is nobody's message.

    Raises ValueError if nobody is trusted.
    """

    __slots__ = ("_own", "_trusted", "answers")

    def __init__(
        self,
        answers: Signature,
        end_entities: TrustedSigners | None = None,
        registration_authorities: TrustedSigners | None = None,
    ) -> None:
        kinds = ((registration_authorities, True), (end_entities, False))
        self._trusted = [(signers, is_ra) for signers, is_ra in kinds if signers is not None]
        if not self._trusted:
            raise ValueError("neither end_entities nor registration_authorities: nobody would be trusted")
        self.answers = answers
        self._own = signed_part(Certificate(answers.certificates[0].der))

    def __call__(self, header: PKIHeader) -> _Signing:
        """Somebody; who it is, the signature will tell."""
        return _Signing(self)

    def judge(
        self, message: PKIMessage, octets: bytes, policy: ProtectionPolicy, time: datetime | None
    ) -> tuple[Signer, bool]:
        """Who signed, and whether it is a registration authority; the ProtectionError of the last kind if nobody."""
        *others, (last, last_is_ra) = self._trusted
        spent = 0
        for signers, is_ra in others:
            try:
                return self._foreign(signers.authenticate(message, octets, policy, time)), is_ra
            except ProtectionError as error:  # UnsupportedAlgorithm, too: of a key that only they know
                spent += error.hashes
        try:
            return self._foreign(last.authenticate(message, octets, policy, time)), last_is_ra
        except ProtectionError as error:
            error.hashes += spent
            raise

    def _foreign(self, signer: Signer) -> Signer:
        if signed_part(signer.certificate) == self._own:
            raise UntrustedSigner("the message is one of this server itself")
        return signer


class _Signing:
    """One message that may be signed: remembers in which role its signer is trusted."""

    def __init__(self, parties: SigningParties) -> None:
        self._parties = parties
        self._is_ra = False

    @property
    def credential(self) -> Verifier:
        return self

    @property
    def refusing(self) -> Protector:
        return self._parties.answers

    def authenticate(
        self, message: PKIMessage, octets: bytes, policy: ProtectionPolicy, time: datetime | None
    ) -> Signer:
        signer, self._is_ra = self._parties.judge(message, octets, policy, time)
        return signer

    def authenticated(self, signer: Signer | None) -> Party:
        if signer is None:
            raise UnsupportedAlgorithm("the message is not signed")
        return SigningParty(signer.certificate, self._parties.answers, is_ra=self._is_ra)


class Parties:
    """Shared secrets and signatures beside each other: the protectionAlg tells which of them a message needs."""

    __slots__ = ("_secrets", "_signing")

    def __init__(self, secrets: SharedSecrets, signing: SigningParties) -> None:
        self._secrets = secrets
        self._signing = signing

    def __call__(self, header: PKIHeader) -> Claimant | None:
        """The party that shares the secret, or somebody who signs."""
        algorithm = header.protection_alg
        if algorithm is None or algorithm.algorithm in MAC_ALGORITHMS:
            return self._secrets(header)
        return self._signing(header)


MAC_ALGORITHMS: Final = frozenset((oids.ID_PASSWORD_BASED_MAC, oids.ID_PBMAC1))
"""What is protected by a shared secret."""
