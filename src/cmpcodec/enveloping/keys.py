"""Private keys under way: those that a CA generated for the requester (RFC 9483, 4.1.6), and any in PKCS #8 form.

A generated key is an AsymmetricKeyPackage (RFC 5958) in SignedData in EnvelopedData. Who signed is handed back; whether
he may generate keys (id-kp-cmKGA) is decided elsewhere. No text shows anything of a key.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

from cryptography.hazmat.primitives.asymmetric import x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from .. import oids
from ..asn1 import Sequence
from ..cms import AsymmetricKeyPackage, OneAsymmetricKey, SignedData, Version
from ..crmf import EncryptedKey, PrivateKeyInfo
from ..errors import DecodeError, DecryptionError, UnsupportedAlgorithm
from ..pkix import Certificate
from ..protection.policy import ProtectionPolicy
from ..protection.signatures import DIGESTS, PrivateKey
from .algorithms import ENCRYPTION_KEYS, UNREADABLE, Decapsulator, public_key_info
from .certificates import Subject
from .envelopes import envelop, open_envelope
from .recipients import DecryptionKey, Recipient
from .signed import sign_data, verify_data
from .values import decrypt_value

AnyPrivateKey: TypeAlias = PrivateKey | x25519.X25519PrivateKey | x448.X448PrivateKey | Decapsulator
"""A private key that can be certified: to sign, to decrypt or to agree on keys with."""

_KINDS: Final = ENCRYPTION_KEYS | {
    oids.ID_ED25519,
    oids.ID_ED448,
    oids.ID_ML_DSA_44,
    oids.ID_ML_DSA_65,
    oids.ID_ML_DSA_87,
}
_MAX_OCTETS: Final = 8192
"""Longest private key that is read."""
_MAX_RSA_BITS: Final = 4096
"""Longest RSA modulus of a private key that is read: whether its factors are primes is tested, which with 8192 bits
takes ten seconds, and half a minute where one factor is much longer than the other."""
_BALANCE: Final = 16
"""By how many bits twice the longer factor may be longer than the modulus."""

_DEFAULT_POLICY: Final = ProtectionPolicy()


class _RSAPrivateKey(Sequence):
    """What costs time in a private RSA key. RFC 8017, A.1.2."""

    version: int
    modulus: int
    public_exponent: int
    private_exponent: int
    prime1: int
    prime2: int
    exponent1: int
    exponent2: int
    coefficient: int


class DeliveredKey(NamedTuple):
    """A private key that somebody else generated for us."""

    key: AnyPrivateKey
    signer: Certificate | None
    """The certificate of who signed it; nobody has judged it yet. None where an EncryptedValue carried the key."""
    certificates: tuple[Certificate, ...]
    """All certificates that came with it, perhaps the chain of the signer."""
    fits: bool
    """Whether it is the private key of the certificate that was issued with it."""


def deliver_key(
    key: AnyPrivateKey,
    recipient: Recipient,
    *,
    signing_key: PrivateKey,
    certificate: Certificate,
    chain: Iterable[Certificate] = (),
    cipher: str = "aes256",
    digest: str = "sha256",
    signing_time: datetime | None = None,
) -> EncryptedKey:
    """Sign and encrypt a generated private key for its owner: the privateKey of a CertifiedKeyPair.

    `certificate` is that of `signing_key`, of the Key Generation Authority; it goes along, as does its `chain`.
    """
    package = AsymmetricKeyPackage([key_record(key)])
    signed = sign_data(
        package.der,
        signing_key,
        certificate,
        content_type=oids.ID_CT_KP_A_KEY_PACKAGE,
        chain=chain,
        digest=digest,
        signing_time=signing_time,
    )
    return EncryptedKey(enveloped_data=envelop(signed.der, recipient, content_type=oids.ID_SIGNED_DATA, cipher=cipher))


def receive_key(
    encrypted: EncryptedKey,
    key: DecryptionKey,
    certificate: Certificate,
    *,
    certificates: Iterable[Certificate] = (),
    policy: ProtectionPolicy = _DEFAULT_POLICY,
    digests: frozenset[str] = DIGESTS,
) -> DeliveredKey:
    """Open what `deliver_key` made, with our own `key` or password, beside the new `certificate`.

    The signer's certificate may be among `certificates` instead of in the envelope. Raises UnsupportedAlgorithm,
    DecryptionError (also if the content is no signed key package), or InvalidProtection if the signature does not fit.
    An EncryptedValue, which nobody signs, is read only if the policy admits it.
    """
    if encrypted.enveloped_data is None:
        assert encrypted.encrypted_value is not None
        found = read_key(decrypt_value(encrypted.encrypted_value, key, policy))
        return DeliveredKey(found, None, (), _fits(found, certificate))
    content = open_envelope(encrypted.enveloped_data, key, policy)
    if content.content_type != oids.ID_SIGNED_DATA:
        raise UnsupportedAlgorithm("the envelope holds no SignedData, so that nobody vouches for the key")
    try:
        data = SignedData.decode(content.octets)
    except DecodeError:
        raise DecryptionError from None
    signed = verify_data(data, certificates=certificates, digests=digests)
    found = _packaged(signed.content_type, signed.content)
    return DeliveredKey(found, signed.signer, signed.certificates, _fits(found, certificate))


def key_record(key: AnyPrivateKey) -> OneAsymmetricKey:
    """A private key with its public key, after RFC 5958."""
    info = private_key_info(key)
    return OneAsymmetricKey(
        version=Version.V2,
        private_key_algorithm=info.private_key_algorithm,
        private_key=info.private_key,
        public_key=public_key_info(key).subject_public_key,
    )


def private_key_info(key: AnyPrivateKey) -> PrivateKeyInfo:
    """A private key after PKCS #8."""
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return PrivateKeyInfo.decode(der)


def read_key(der: bytes) -> AnyPrivateKey:
    """The key in a decrypted PrivateKeyInfo; DecryptionError if it is none."""
    try:
        return load_key(PrivateKeyInfo.decode(der))
    except DecodeError:
        raise DecryptionError from None


def load_key(info: PrivateKeyInfo | OneAsymmetricKey) -> AnyPrivateKey:
    """The private key in a record that was decrypted; DecryptionError if it cannot be read, or not at a fair cost.

    RSA keys have at most 4096 bits, and two factors of about one length.
    """
    if info.private_key_algorithm.algorithm not in _KINDS or len(info.private_key) > _MAX_OCTETS:
        raise DecryptionError
    if info.private_key_algorithm.algorithm == oids.RSA_ENCRYPTION:
        _check_rsa(info.private_key)
    plain = PrivateKeyInfo(version=0, private_key_algorithm=info.private_key_algorithm, private_key=info.private_key)
    try:
        key = load_der_private_key(plain.der, None)
    except UNREADABLE:
        raise DecryptionError from None
    if not isinstance(key, AnyPrivateKey):
        raise DecryptionError
    return key


def _check_rsa(octets: bytes) -> None:
    """Return if the key can be read without long tests of its factors; else DecryptionError."""
    try:
        key = _RSAPrivateKey.decode(octets)
    except DecodeError:
        raise DecryptionError from None
    bits, longest = key.modulus.bit_length(), max(key.prime1.bit_length(), key.prime2.bit_length())
    if bits > _MAX_RSA_BITS or 2 * longest > bits + _BALANCE:
        raise DecryptionError


def _packaged(content_type: str, octets: bytes) -> AnyPrivateKey:
    """The one key of a key package; its public key, where it is there, has to be that of the private key."""
    if content_type != oids.ID_CT_KP_A_KEY_PACKAGE:
        raise UnsupportedAlgorithm("what is signed is no AsymmetricKeyPackage")
    try:
        package = AsymmetricKeyPackage.decode(octets)
    except DecodeError:
        raise DecryptionError from None
    if len(package) != 1:
        raise UnsupportedAlgorithm("a key package for one certificate holds one key, this one does not")
    key = load_key(package[0])
    stated = package[0].public_key
    if stated is not None and stated != public_key_info(key).subject_public_key:
        raise DecryptionError
    return key


def _fits(key: AnyPrivateKey, certificate: Certificate) -> bool:
    return public_key_info(key) == Subject(certificate).public_key
