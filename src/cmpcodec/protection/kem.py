"""KemBasedMac: a MAC whose key comes out of a key encapsulation. RFC 9810, 5.1.1.5 and 5.1.3.4; RFC 9629.

Anybody can encapsulate, only the holder of the private key gets the secret out: so the holder protects, and who
encapsulated verifies, never the other way round. The key is for one transaction; whose it is has to be known before.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple, NoReturn, Protocol, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm as NotInThisOpenSSL
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF

from .. import oids
from .._engine.values import ObjectIdentifier
from ..asn1 import BitString
from ..cmp import (
    InfoTypeAndValue,
    KemBMParameter,
    KemCiphertextInfo,
    KemOtherInfo,
    PKIFreeText,
    PKIHeader,
    PKIMessage,
)
from ..errors import InvalidProtection, MissingProtection, UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier
from .digests import HASHES as HASH_NAMES
from .digests import lookup, named, no_parameters
from .mac import MACS, Mac, admit_key_octets, admit_mac, expect, fresh_mac, read_mac
from .policy import ProtectionPolicy
from .signatures import HASHES

_KEMS: Final = {
    "MLKEM512": oids.ID_ALG_ML_KEM_512,
    "MLKEM768": oids.ID_ALG_ML_KEM_768,
    "MLKEM1024": oids.ID_ALG_ML_KEM_1024,
}
"""The KEM of a key of `cryptography`, by the beginning of the name of its class: older versions have no such class."""

_HKDFS: Final = {
    oids.ID_ALG_HKDF_WITH_SHA256: "sha256",
    oids.ID_ALG_HKDF_WITH_SHA384: "sha384",
    oids.ID_ALG_HKDF_WITH_SHA512: "sha512",
    oids.ID_ALG_HKDF_WITH_SHA3_224: "sha3_224",
    oids.ID_ALG_HKDF_WITH_SHA3_256: "sha3_256",
    oids.ID_ALG_HKDF_WITH_SHA3_384: "sha3_384",
    oids.ID_ALG_HKDF_WITH_SHA3_512: "sha3_512",
}
_HKDF_OIDS: Final = {name: oid for oid, name in _HKDFS.items()}
_KDFS: Final = {oids.ID_KDF_KDF2: "kdf2", oids.ID_KDF_KDF3: "kdf3"}
_MAX_CONTEXT: Final = 1024


class PublicKey(Protocol):
    """A public key that encapsulates, as `cryptography` has it for ML-KEM."""

    def encapsulate(self) -> tuple[bytes, bytes]:
        """A fresh secret, and its ciphertext."""
        ...


class PrivateKey(Protocol):
    """A private key that decapsulates, as `cryptography` has it for ML-KEM."""

    def decapsulate(self, ciphertext: bytes, /) -> bytes:
        """The secret of a ciphertext."""
        ...


class _Use(NamedTuple):
    """What a KemBMParameter asks for."""

    kdf: str
    digest: str
    context: bytes | None
    octets: int
    mac: Mac


_Secret: TypeAlias = tuple[bytes, bytes]
"""The encapsulated secret, and the transactionID that it is for."""


class KemProtector:
    """Protects the messages of one transaction: the end that holds the private key.

    `info` came from the peer, in generalInfo or in a genp (`ciphertext_in` finds it), in a message with that
    `transaction_id`. The key is derived by HKDF with the hash `kdf`; `mac` is an HMAC by its hash ("sha256"), or
    "aes128_gmac" and the like.

    Raises InvalidProtection if the ciphertext is not for this key, ValueError or TypeError for arguments that make no
    sense.
    """

    __slots__ = ("_sender_kid", "_shared", "kdf", "mac")

    def __init__(
        self,
        key: PrivateKey,
        info: KemCiphertextInfo,
        transaction_id: bytes,
        *,
        sender_kid: bytes | None = None,
        kdf: str = "sha256",
        mac: str = "sha256",
    ) -> None:
        if kdf not in _HKDF_OIDS:
            raise ValueError(f"kdf: {kdf!r} is none of {', '.join(_HKDF_OIDS)}")
        if mac not in MACS:
            raise ValueError(f"mac: {mac!r} is none of {', '.join(MACS)}")
        if info.kem.algorithm != _kem_of(key) or not no_parameters(info.kem, null=False):
            raise InvalidProtection("the ciphertext is of another KEM than the private key")
        try:
            self._shared = key.decapsulate(info.ct), transaction_id
        except ValueError:
            raise InvalidProtection("the ciphertext is not for this private key") from None
        self._sender_kid = sender_kid
        self.kdf = kdf
        self.mac = mac

    @property
    def certificates(self) -> None:
        """None: what the peer needs is known to it before."""

    def prepare(self, header: PKIHeader) -> PKIHeader:
        """The header with protectionAlg and, if there is one, senderKID."""
        mac = fresh_mac(self.mac)
        parameter = KemBMParameter(
            kdf=AlgorithmIdentifier(algorithm=_HKDF_OIDS[self.kdf]), len=read_mac(mac).key_octets, mac=mac
        )
        algorithm = AlgorithmIdentifier(algorithm=oids.ID_KEM_BASED_MAC, parameters=parameter)
        kid = header.sender_kid if self._sender_kid is None else self._sender_kid
        return header.replace(protection_alg=algorithm, sender_kid=kid)

    def compute(self, algorithm: AlgorithmIdentifier, octets: bytes) -> BitString:
        """The MAC of `octets`."""
        use = _read(algorithm)
        return BitString(use.mac.compute(_derive(self._shared, use), octets))

    def __repr__(self) -> str:
        return f"KemProtector(<secret>, sender_kid={self._sender_kid!r}, kdf={self.kdf!r}, mac={self.mac!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a KemProtector holds a secret and cannot be pickled")


class KemVerifier:
    """Verifies the messages of one transaction: the end that knows the peer's public key, and encapsulates to it.

    `info` is to be sent to the peer, as `ciphertext_info` writes it, in a message with that `transaction_id`. Raises
    TypeError for a key of another kind, UnsupportedAlgorithm if this OpenSSL has no such KEM.
    """

    __slots__ = ("_shared", "info")

    def __init__(self, key: PublicKey, transaction_id: bytes) -> None:
        kem = _kem_of(key)
        try:
            secret, ciphertext = key.encapsulate()
        except NotInThisOpenSSL as error:
            raise UnsupportedAlgorithm(f"{named(kem)} cannot be computed by this OpenSSL") from error
        self._shared = secret, transaction_id
        self.info = KemCiphertextInfo(kem=AlgorithmIdentifier(algorithm=kem), ct=ciphertext)

    def authenticate(self, message: PKIMessage, octets: bytes, policy: ProtectionPolicy, time: datetime | None) -> None:
        """Return if the protection of `message` is the MAC of `octets`, by who holds the private key.

        Raises UnsupportedAlgorithm before anything is computed, InvalidProtection if the MAC differs.
        """
        algorithm, protection = message.header.protection_alg, message.protection
        if algorithm is None or protection is None:
            raise MissingProtection("the message carries no protection")
        use = _read(algorithm)
        _admit(use, policy)
        expect(use.mac.compute(_derive(self._shared, use), octets), protection)

    def __repr__(self) -> str:
        return "KemVerifier(<secret>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a KemVerifier holds a secret and cannot be pickled")


def ciphertext_info(info: KemCiphertextInfo | None = None) -> InfoTypeAndValue:
    """The item of generalInfo, genm or genp that carries a ciphertext or asks for one. RFC 9810, 5.1.1.5."""
    return InfoTypeAndValue(info_type=oids.ID_IT_KEM_CIPHERTEXT_INFO, info_value=info)


def ciphertext_in(message: PKIMessage) -> KemCiphertextInfo | None:
    """The ciphertext that a message carries in generalInfo or as genm or genp; None if it carries none."""
    body = message.body
    for one in (*(message.header.general_info or ()), *(body.genm or ()), *(body.genp or ())):
        if one.info_type == oids.ID_IT_KEM_CIPHERTEXT_INFO and isinstance(one.info_value, KemCiphertextInfo):
            return one.info_value
    return None


def _kem_of(key: object) -> ObjectIdentifier:
    for name, oid in _KEMS.items():
        if type(key).__name__.startswith(name) and (hasattr(key, "encapsulate") or hasattr(key, "decapsulate")):
            return oid
    raise TypeError(f"key: expected an ML-KEM key, not {type(key).__name__}")


def _read(algorithm: AlgorithmIdentifier) -> _Use:
    if algorithm.algorithm != oids.ID_KEM_BASED_MAC:
        raise UnsupportedAlgorithm(f"protected by {named(algorithm.algorithm)}, not by id-KemBasedMac")
    parameter = algorithm.parameters
    if not isinstance(parameter, KemBMParameter):
        raise UnsupportedAlgorithm("the parameters of id-KemBasedMac are no KemBMParameter")
    kdf, digest = _read_kdf(parameter.kdf)
    return _Use(kdf, digest, parameter.kem_context, parameter.len, read_mac(parameter.mac))


def _read_kdf(algorithm: AlgorithmIdentifier) -> tuple[str, str]:
    """The key derivation and its hash. PBKDF2 is none here: it has no place for KemOtherInfo."""
    oid = algorithm.algorithm
    if oid in _HKDFS:
        if not no_parameters(algorithm, null=False):
            raise UnsupportedAlgorithm(f"kdf {named(oid)} takes no parameters")
        return "hkdf", _HKDFS[oid]
    if oid not in _KDFS:
        raise UnsupportedAlgorithm(f"kdf {named(oid)} is not supported")
    if not isinstance(algorithm.parameters, AlgorithmIdentifier):
        raise UnsupportedAlgorithm(f"the parameters of {named(oid)} name no hash function")
    return _KDFS[oid], lookup(HASH_NAMES, algorithm.parameters, "kdf: hash function")


def _admit(use: _Use, policy: ProtectionPolicy) -> None:
    if use.kdf not in policy.kdfs:
        raise UnsupportedAlgorithm(f"kdf {use.kdf} is not admitted by the policy")
    if use.digest not in policy.owfs:
        raise UnsupportedAlgorithm(f"kdf {use.kdf} with {use.digest} is not admitted by the policy")
    admit_mac(use.mac, policy)
    admit_key_octets(use.mac, use.octets, "len")
    if use.context is not None and len(use.context) > _MAX_CONTEXT:
        raise UnsupportedAlgorithm(f"kemContext is longer than {_MAX_CONTEXT} octets")


def _derive(shared: _Secret, use: _Use) -> bytes:
    """The key of the MAC: KDF(secret, len, KemOtherInfo). RFC 9810, 5.1.3.4."""
    secret, transaction_id = shared
    info = KemOtherInfo(
        static_string=PKIFreeText(["CMP-KEM"]), transaction_id=transaction_id, kem_context=use.context
    ).der
    digest = HASHES[use.digest]()
    derivations: dict[str, Callable[[], HKDF | X963KDF | ConcatKDFHash]] = {
        "hkdf": lambda: HKDF(digest, use.octets, None, info),
        "kdf2": lambda: X963KDF(digest, use.octets, info),
        "kdf3": lambda: ConcatKDFHash(digest, use.octets, info),
    }
    return derivations[use.kdf]().derive(secret)
