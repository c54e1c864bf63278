"""Recipients that share a secret with the sender: a password (RFC 5652, 6.2.4), or a key for key wrap (6.2.3).

What a password costs is decided by the sender: iterations and salt are held against the policy before the first hash.
No representation shows a secret.
"""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from .. import oids
from ..asn1 import Null
from ..cms import (
    CMSVersion,
    KEKIdentifier,
    KEKRecipientInfo,
    PasswordRecipientInfo,
    PBKDF2_params,
    RecipientInfo,
    Salt,
)
from ..errors import UnsupportedAlgorithm, counted
from ..pkix import AlgorithmIdentifier
from ..protection.digests import COSTS, HMACS, SIZES, lookup
from ..protection.passwords import admit_cost
from ..protection.policy import ProtectionPolicy
from .algorithms import hash_of
from .contents import new_cipher
from .wrapping import new_wrap, password_octets, password_unwrap, password_wrap, unwrap, wrap, wrap_octets

_PRFS = {"sha256": oids.HMAC_WITH_SHA256, "sha384": oids.HMAC_WITH_SHA384, "sha512": oids.HMAC_WITH_SHA512}
_SALT_OCTETS = 16


class PasswordRecipient:
    """Whoever knows `password` (octets: encode text as UTF-8 yourself). The key comes from PBKDF2.

    `pwri_kek` encrypts the content key with id-alg-PWRI-KEK, the only way that OpenSSL knows, instead of AES-256 key
    wrap, which RFC 9481, 4.3 lists. Raises ValueError for an unknown `digest`, or `iterations` below 1.
    """

    __slots__ = ("_digest", "_iterations", "_password", "_pwri_kek")

    def __init__(
        self, password: bytes, *, iterations: int = 10_000, digest: str = "sha256", pwri_kek: bool = False
    ) -> None:
        if not isinstance(password, bytes | bytearray):
            raise TypeError(f"password: expected bytes, not {type(password).__name__}; encode text as UTF-8")
        if digest not in _PRFS:
            raise ValueError(f"digest: {digest!r} is none of {', '.join(_PRFS)}")
        if iterations < 1:
            raise ValueError("iterations: at least 1")
        self._password = bytes(password)
        self._iterations = iterations
        self._digest = digest
        self._pwri_kek = pwri_kek

    def recipient_info(self, content_key: bytes) -> RecipientInfo:
        """The content key for this recipient, under a key that a fresh salt gives."""
        algorithm = new_wrap(32)
        if self._pwri_kek:
            algorithm = AlgorithmIdentifier(algorithm=oids.ID_ALG_PWRI_KEK, parameters=new_cipher("aes256"))
        salt = os.urandom(_SALT_OCTETS)
        parameters = PBKDF2_params(
            salt=Salt(specified=salt),
            iteration_count=self._iterations,
            key_length=32,
            prf=AlgorithmIdentifier(algorithm=_PRFS[self._digest], parameters=Null()),
        )
        kek = _pbkdf2(self._password, self._digest, salt, self._iterations, 32)
        info = PasswordRecipientInfo(
            version=CMSVersion.V0,
            key_derivation_algorithm=AlgorithmIdentifier(algorithm=oids.ID_PBKDF2, parameters=parameters),
            key_encryption_algorithm=algorithm,
            encrypted_key=password_wrap(algorithm, kek, content_key),
        )
        return RecipientInfo(pwri=info)


class SharedKey:
    """Whoever has this AES key of 16, 24 or 32 octets, which `identifier` names: recipient and key in one.

    RFC 9810 has no use for it; other users of CMS do. Raises ValueError for another length.
    """

    __slots__ = ("_key", "identifier")

    def __init__(self, key: bytes, identifier: bytes) -> None:
        if len(key) not in (16, 24, 32):
            raise ValueError(f"key: {counted(len(key), 'octet')}, not 16, 24 or 32")
        self._key = bytes(key)
        self.identifier = identifier

    def recipient_info(self, content_key: bytes) -> RecipientInfo:
        """The content key for whoever shares this key."""
        info = KEKRecipientInfo(
            version=CMSVersion.V4,
            kekid=KEKIdentifier(key_identifier=self.identifier),
            key_encryption_algorithm=new_wrap(len(self._key)),
            encrypted_key=wrap(self._key, content_key),
        )
        return RecipientInfo(kekri=info)

    def recover(self, info: KEKRecipientInfo) -> bytes:
        """The content key; UnsupportedAlgorithm if it is for another key, DecryptionError if it cannot be unwrapped."""
        if wrap_octets(info.key_encryption_algorithm) != len(self._key):
            raise UnsupportedAlgorithm("the envelope is for a shared key of another length")
        if info.kekid.key_identifier != self.identifier:
            raise UnsupportedAlgorithm("the envelope is for a shared key of another name")
        return unwrap(self._key, info.encrypted_key)


def recover(info: PasswordRecipientInfo, password: bytes, policy: ProtectionPolicy) -> bytes:
    """The content key. UnsupportedAlgorithm before, DecryptionError after anything is computed."""
    algorithm = info.key_encryption_algorithm
    octets = password_octets(algorithm)
    derivation = info.key_derivation_algorithm
    if derivation is None or derivation.algorithm != oids.ID_PBKDF2:
        raise UnsupportedAlgorithm("the key of a password recipient is not derived by id-PBKDF2")
    parameters = derivation.parameters
    if not isinstance(parameters, PBKDF2_params):
        raise UnsupportedAlgorithm("the parameters of id-PBKDF2 are no PBKDF2-params")
    digest, salt = _admit(parameters, octets, policy)
    kek = _pbkdf2(password, digest, salt, parameters.iteration_count, octets)
    return password_unwrap(algorithm, kek, info.encrypted_key)


def _admit(parameters: PBKDF2_params, octets: int, policy: ProtectionPolicy) -> tuple[str, bytes]:
    """The hash of the pseudorandom function, and the salt, where the policy admits all that they cost."""
    salt, iterations = parameters.salt.specified, parameters.iteration_count
    digest = lookup(HMACS, parameters.prf, "prf")
    if digest not in policy.prfs and not (digest == "sha1" and policy.legacy_encryption):
        raise UnsupportedAlgorithm(f"prf HMAC-{digest} is not admitted by the policy")
    if salt is None:
        raise UnsupportedAlgorithm("the salt of PBKDF2 has another source than the message")
    if parameters.key_length not in (None, octets):
        raise UnsupportedAlgorithm("keyLength of PBKDF2 is not the length of the key that it derives")
    blocks = -(-octets // SIZES[digest])
    admit_cost((digest, iterations, salt, octets), 2 * COSTS[digest] * blocks, policy)
    return digest, salt


def _pbkdf2(password: bytes, digest: str, salt: bytes, iterations: int, octets: int) -> bytes:
    return PBKDF2HMAC(hash_of(digest), octets, salt, iterations).derive(password)
