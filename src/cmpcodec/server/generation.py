"""Keys that the server generates for those who ask for one: central key generation. RFC 9483, 4.1.6; RFC 9810, 5.3.4.

A generated key lives for as long as its answer is made, and leaves only signed and encrypted for the requester: it is
neither kept nor shown. Which certificate goes with it is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .. import oids
from ..cmp import PKIFailureInfo
from ..crmf import CertReqMsg, EncryptedKey
from ..enveloping import Recipient, deliver_key
from ..enveloping.certificates import Subject
from ..enveloping.generating import KEY_KINDS
from ..enveloping.keys import AnyPrivateKey
from ..errors import CMPError
from ..pkix import AlgorithmIdentifier, Certificate
from ..protection.certificates import opened
from ..protection.signatures import PrivateKey
from .parties import Party
from .ports import Refused


class KeyGeneration:
    """What a profile needs to generate keys: which kinds, and the Key Generation Authority that signs them.

    `kinds` are names of `KEY_KINDS`; the first is made for those who name no algorithm, and the first RSA key for those
    who want RSA. `key` signs, `certificate` is its certificate, with the extended key usage id-kp-cmKGA, and `chain`
    those of its issuers: they go along. `pwri_kek`: encrypt with passwords in the way that OpenSSL knows
    (id-alg-PWRI-KEK) instead of that of RFC 9481 (AES key wrap).

    Raises ValueError for an unknown kind, or if the certificate is not that of the key or not for this purpose;
    UnsupportedAlgorithm for a kind that this `cryptography` has not got.
    """

    __slots__ = ("_certificate", "_chain", "_key", "_kinds", "_pwri_kek")

    def __init__(
        self,
        kinds: Sequence[str],
        key: PrivateKey,
        certificate: Certificate,
        chain: Sequence[Certificate] = (),
        *,
        pwri_kek: bool = False,
    ) -> None:
        for kind in kinds:
            if kind not in KEY_KINDS:
                raise ValueError(f"keys: {kind!r} is none of {', '.join(KEY_KINDS)}")
            if kind.startswith("ml-"):
                KEY_KINDS[kind].generate()
        if not kinds:
            raise ValueError("keys: at least one kind of keys has to be generated")
        if oids.ID_KP_CM_KGA not in (opened(certificate).purposes or ()):
            raise ValueError("the certificate does not entitle to generate keys: its extKeyUsage lacks id-kp-cmKGA")
        own = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if Subject(certificate).public_key.der != own:
            raise ValueError("the private key is not that of the certificate")
        self._kinds = tuple(kinds)
        self._key = key
        self._certificate = certificate
        self._chain = tuple(chain)
        self._pwri_kek = pwri_kek

    def recipient(self, party: Party) -> Recipient:
        """Who is to open the envelope: the requester, by what protected his message; Refused if that cannot decrypt."""
        try:
            return party.recipient(pwri_kek=self._pwri_kek)
        except CMPError as error:
            raise Refused(PKIFailureInfo.BAD_REQUEST, f"no key can be sent to you: {error}") from None

    def generate(self, asked: AlgorithmIdentifier | None) -> AnyPrivateKey:
        """A new key of the algorithm that was asked for, or None for any; Refused if such keys are not made."""
        for kind in self._kinds:
            if asked is None or KEY_KINDS[kind].is_meant(asked):
                return KEY_KINDS[kind].generate()
        raise Refused(
            PKIFailureInfo.BAD_CERT_TEMPLATE, f"keys of this kind are not made here, only {', '.join(self._kinds)}"
        )

    def deliver(self, key: AnyPrivateKey, recipient: Recipient) -> EncryptedKey:
        """The key as it goes beside its certificate: signed, then encrypted."""
        return deliver_key(key, recipient, signing_key=self._key, certificate=self._certificate, chain=self._chain)

    def __repr__(self) -> str:
        return f"KeyGeneration({', '.join(self._kinds)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a KeyGeneration holds a private key and cannot be pickled")


def asks_for_key(request: CertReqMsg) -> bool:
    """Whether a request leaves the key to the server: no publicKey or an empty one, and nothing to prove.

    RFC 4211, 6.6 and RFC 9483, 4.1.6. A registration authority may say raVerified in place of nothing.
    """
    public_key, popo = request.cert_req.cert_template.public_key, request.popo
    if popo is not None and popo.ra_verified is None:
        return False
    return public_key is None or not public_key.subject_public_key.data
