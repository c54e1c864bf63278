"""Proof by answering a challenge: a number that only the owner of the key can read. RFC 9810, 5.2.8.3.3.

Whoever answers checks that the challenger knew the number (witness) and who he says he is, so that nobody makes him
decrypt what came from elsewhere. Every failure to read has one wording.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import rsa

from ..asn1 import TLV
from ..cmp import Challenge, POPODecKeyChallContent, POPODecKeyRespContent, Rand
from ..enveloping.algorithms import load_encryption_key
from ..enveloping.envelopes import envelop, open_envelope
from ..enveloping.recipients import DecryptionKey, recipient_for_key
from ..enveloping.transport import PKCS1, rsa_decrypt, rsa_encrypt
from ..errors import DecodeError, DecryptionError, PopError, UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier, GeneralName, SubjectPublicKeyInfo
from ..protection.digests import HASH_OIDS, HASHES, lookup
from ..protection.policy import ProtectionPolicy

_DEFAULT_POLICY: Final = ProtectionPolicy()
_BITS: Final = 128
_OWF: Final = "sha256"


class Challenged(NamedTuple):
    """Challenges to send, and the numbers that only the owners of the keys can find in them."""

    content: POPODecKeyChallContent
    numbers: tuple[int, ...]

    def __repr__(self) -> str:
        return f"Challenged({len(self.numbers)} numbers)"


def challenge(public_keys: Iterable[SubjectPublicKeyInfo], sender: GeneralName, *, legacy: bool = False) -> Challenged:
    """A popdecc with one challenge for each key, in their order; `sender` is ours, as the header will say it.

    `legacy` encrypts the number with RSA itself (PKCS #1 v1.5), for requesters whose pvno is 2; then `sender` has to
    be short enough for the key. Else it is EnvelopedData, which takes pvno 3. Raises UnsupportedAlgorithm if nothing
    can be encrypted for a key.
    """
    numbers, made = [], []
    for public_key in public_keys:
        number = secrets.randbits(_BITS)
        numbers.append(number)
        made.append(_challenge(public_key, Rand(int=number, sender=sender), legacy))
    return Challenged(POPODecKeyChallContent(made), tuple(numbers))


def check_response(numbers: Sequence[int], response: POPODecKeyRespContent) -> None:
    """Return if a popdecr has all the numbers of a `challenge`, in their order; PopError if not."""
    answered = list(response)
    if len(answered) != len(numbers):
        raise PopError(f"{len(answered)} answers to {len(numbers)} challenges")
    # All are compared, in constant time; a number beyond 128 bits is never right and becomes one that cannot be.
    same = [hmac.compare_digest(_fixed(ours), _fixed(theirs)) for ours, theirs in zip(numbers, answered, strict=True)]
    if not all(same) or not numbers:
        raise PopError("the answer to a challenge is wrong")


def respond(
    content: POPODecKeyChallContent,
    keys: Sequence[DecryptionKey],
    sender: GeneralName,
    policy: ProtectionPolicy = _DEFAULT_POLICY,
) -> POPODecKeyRespContent:
    """The popdecr that answers a popdecc with our private keys, in the order of our requests.

    `sender` is that of the challenge's header. Raises UnsupportedAlgorithm before anything is computed (`policy`
    decides on challenges without EnvelopedData); PopError if there are not as many challenges as keys; DecryptionError
    if a challenge cannot be read, is not for us to read, or its witness does not fit.
    """
    if len(content) != len(keys) or not keys:
        raise PopError(f"{len(content)} challenges for {len(keys)} keys")
    answers, owf = [], None
    for one, key in zip(content, keys, strict=True):
        owf = one.owf or owf
        answers.append(_answer(one, key, owf, sender, policy))
    return POPODecKeyRespContent(answers)


def _challenge(public_key: SubjectPublicKeyInfo, rand: Rand, legacy: bool) -> Challenge:
    owf = AlgorithmIdentifier(algorithm=HASH_OIDS[_OWF])
    witness = hashlib.new(_OWF, _encoded(rand.int)).digest()
    if not legacy:
        data = envelop(rand.der, recipient_for_key(public_key))
        return Challenge(owf=owf, witness=witness, challenge=b"", encrypted_rand=data)
    key = load_encryption_key(public_key)
    if not isinstance(key, rsa.RSAPublicKey):
        raise UnsupportedAlgorithm("challenges without EnvelopedData are for RSA keys only")
    return Challenge(owf=owf, witness=witness, challenge=rsa_encrypt(key, PKCS1, rand.der))


def _answer(
    one: Challenge,
    key: DecryptionKey,
    owf: AlgorithmIdentifier | None,
    sender: GeneralName,
    policy: ProtectionPolicy,
) -> int:
    if owf is None:
        raise UnsupportedAlgorithm("the first challenge names no owf")
    name = lookup(HASHES, owf, "owf")
    if name not in policy.owfs and not (name == "sha1" and policy.legacy_encryption):
        raise UnsupportedAlgorithm(f"owf {name} is not admitted by the policy")
    if one.encrypted_rand is not None:
        if one.challenge:
            raise UnsupportedAlgorithm("a challenge is encrypted in two ways at once")
        octets = open_envelope(one.encrypted_rand, key, policy).octets
    elif isinstance(key, rsa.RSAPrivateKey):
        octets = rsa_decrypt(key, PKCS1, one.challenge, policy)
    else:
        raise UnsupportedAlgorithm("the challenge is for an RSA key, which this is not")
    try:
        rand = Rand.decode(octets)
    except DecodeError:
        raise DecryptionError from None
    witness = hashlib.new(name, _encoded(rand.int), usedforsecurity=name != "sha1").digest()
    if not hmac.compare_digest(witness, one.witness) or rand.sender != sender:
        raise DecryptionError
    return rand.int


def _encoded(number: int) -> bytes:
    """DER of an INTEGER: what the one-way function is applied to."""
    return TLV(POPODecKeyRespContent([number]).der).content


def _fixed(number: int) -> bytes:
    size = _BITS // 8 + 1
    return number.to_bytes(size, "big") if 0 <= number < 1 << _BITS else b"\xff" * size
