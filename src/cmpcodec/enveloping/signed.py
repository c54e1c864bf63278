"""SignedData with one signer and signed attributes, made and verified. RFC 5652, 5; RFC 8933; RFC 9483, 4.1.6.

The certificate of the signer is handed back: whether it is to be trusted, and for what, is decided elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ed448, ed25519

from .. import oids
from .._engine import children
from .._engine.values import ObjectIdentifier
from ..asn1 import TLV, BitString, Null
from ..cms import (
    Attribute,
    AttrValues,
    CertificateChoices,
    CertificateSet,
    CMSVersion,
    DigestAlgorithmIdentifiers,
    EncapsulatedContentInfo,
    SignedAttributes,
    SignedData,
    SignerIdentifier,
    SignerInfo,
    SignerInfos,
)
from ..errors import DecodeError, InvalidProtection, UnsupportedAlgorithm, counted
from ..pkix import AlgorithmIdentifier, AttributeTypeAndValue, Certificate, Time
from ..protection.digests import HASH_OIDS, HASHES, lookup, no_parameters
from ..protection.signatures import DIGESTS, PrivateKey, check, load_public_key, sign
from .certificates import Subject

_RSA_WITH: Final = {
    "sha1": oids.SHA1_WITH_RSA_ENCRYPTION,
    "sha224": oids.SHA224_WITH_RSA_ENCRYPTION,
    "sha256": oids.SHA256_WITH_RSA_ENCRYPTION,
    "sha384": oids.SHA384_WITH_RSA_ENCRYPTION,
    "sha512": oids.SHA512_WITH_RSA_ENCRYPTION,
    "sha3_224": oids.ID_RSASSA_PKCS1_V1_5_WITH_SHA3_224,
    "sha3_256": oids.ID_RSASSA_PKCS1_V1_5_WITH_SHA3_256,
    "sha3_384": oids.ID_RSASSA_PKCS1_V1_5_WITH_SHA3_384,
    "sha3_512": oids.ID_RSASSA_PKCS1_V1_5_WITH_SHA3_512,
}
_SHAKE256_OCTETS: Final = 64
_LAST_UTC_YEAR: Final = 2049


class Signed(NamedTuple):
    """What a SignedData held, and who signed it."""

    content_type: ObjectIdentifier
    content: bytes
    signer: Certificate
    """The certificate whose key signed; nobody has judged it yet."""
    certificates: tuple[Certificate, ...]
    """All certificates that came with it, perhaps the chain of the signer."""
    signing_time: datetime | None
    """When the signer says that it signed."""

    def __repr__(self) -> str:
        return f"Signed({self.content_type!r}, <{counted(len(self.content), 'octet')}>)"


def sign_data(
    content: bytes,
    key: PrivateKey,
    certificate: Certificate,
    *,
    content_type: str = oids.ID_DATA,
    chain: Iterable[Certificate] = (),
    digest: str = "sha256",
    signing_time: datetime | None = None,
) -> SignedData:
    """Sign `content` with content-type, message-digest and perhaps signing-time as signed attributes.

    `certificate` is that of `key`; it goes along, as does its `chain`. Ed25519 takes SHA-512 and Ed448 takes
    SHAKE256 in place of `digest`. Raises ValueError or TypeError for a hash or a key that cannot sign.
    """
    algorithm = _digest_algorithm(key, digest)
    rid = Subject(certificate).identifier
    attributes = [
        _attribute(oids.ID_CONTENT_TYPE, ObjectIdentifier(content_type)),
        _attribute(oids.ID_MESSAGE_DIGEST, _digest(algorithm, content)),
    ]
    if signing_time is not None:
        utc = signing_time.year <= _LAST_UTC_YEAR
        time = Time(utc_time=signing_time) if utc else Time(general_time=signing_time)
        attributes.append(_attribute(oids.ID_SIGNING_TIME, time))
    signed_attrs = SignedAttributes(attributes)
    signature_algorithm, signature = sign(key, signed_attrs.der, digest)
    signer = SignerInfo(
        version=CMSVersion.V3 if rid.subject_key_identifier is not None else CMSVersion.V1,
        sid=SignerIdentifier(
            issuer_and_serial_number=rid.issuer_and_serial_number, subject_key_identifier=rid.subject_key_identifier
        ),
        digest_algorithm=algorithm,
        signed_attrs=signed_attrs,
        signature_algorithm=signature_algorithm,
        signature=signature.data,
    )
    plain = content_type == oids.ID_DATA and signer.version == CMSVersion.V1
    return SignedData(
        version=CMSVersion.V1 if plain else CMSVersion.V3,
        digest_algorithms=DigestAlgorithmIdentifiers([algorithm]),
        encap_content_info=EncapsulatedContentInfo(e_content_type=ObjectIdentifier(content_type), e_content=content),
        certificates=CertificateSet(CertificateChoices(certificate=one) for one in (certificate, *chain)),
        signer_infos=SignerInfos([signer]),
    )


def verify_data(
    data: SignedData, *, certificates: Iterable[Certificate] = (), digests: frozenset[str] = DIGESTS
) -> Signed:
    """Return the content if its one signer signed it; his certificate may be among `certificates` instead of in `data`.

    Raises InvalidProtection if there is no signer or more than one, if his certificate is not there, if content-type
    or message-digest are not those of the content, or if the signature does not fit; UnsupportedAlgorithm if an
    algorithm is unknown or its hash is not among `digests`. Signed attributes are demanded: RFC 9483, 4.1.6.
    """
    info, content = data.encap_content_info, data.encap_content_info.e_content
    if content is None:
        raise InvalidProtection("the signed content is kept elsewhere")
    if len(data.signer_infos) != 1:
        raise InvalidProtection(f"there are {len(data.signer_infos)} signers, not one")
    signer = data.signer_infos[0]
    if signer.signed_attrs is None:
        raise InvalidProtection("there are no signed attributes")
    expected = _digest(signer.digest_algorithm, content, digests)
    if _one(signer.signed_attrs, oids.ID_CONTENT_TYPE) != info.e_content_type:
        raise InvalidProtection("the signed content-type is not that of the content")
    stated = _one(signer.signed_attrs, oids.ID_MESSAGE_DIGEST)
    if not isinstance(stated, bytes) or not hmac.compare_digest(stated, expected):
        raise InvalidProtection("the signature does not fit")
    carried = [one.certificate for one in data.certificates or () if one.certificate is not None]
    certificate, subject = _find(signer.sid, (*carried, *certificates))
    check(
        load_public_key(subject.public_key),
        _signature_algorithm(signer),
        signer.signed_attrs.der,
        BitString(signer.signature),
        digests,
    )
    return Signed(info.e_content_type, content, certificate, tuple(carried), _signing_time(signer.signed_attrs))


def _digest_algorithm(key: PrivateKey, digest: str) -> AlgorithmIdentifier:
    """The hash that goes with a key: its signature algorithm may fix it. RFC 8419, 2.3."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return AlgorithmIdentifier(algorithm=oids.SHA512)
    if isinstance(key, ed448.Ed448PrivateKey):
        return AlgorithmIdentifier(algorithm=oids.SHAKE256)
    if digest not in HASH_OIDS:
        raise ValueError(f"digest: {digest!r} is none of {', '.join(HASH_OIDS)}")
    return AlgorithmIdentifier(algorithm=HASH_OIDS[digest])


def _digest(algorithm: AlgorithmIdentifier, content: bytes, admitted: frozenset[str] | None = None) -> bytes:
    if algorithm.algorithm == oids.SHAKE256 and no_parameters(algorithm, null=False):
        return hashlib.shake_256(content).digest(_SHAKE256_OCTETS)
    name = lookup(HASHES, algorithm, "hash function")
    if admitted is not None and name not in admitted:
        raise UnsupportedAlgorithm(f"signatures with {name} are not admitted")
    return hashlib.new(name, content, usedforsecurity=name != "sha1").digest()


def _signature_algorithm(signer: SignerInfo) -> AlgorithmIdentifier:
    """The signature algorithm with its hash, which rsaEncryption leaves to digestAlgorithm. RFC 3370, 3.2."""
    algorithm = signer.signature_algorithm
    if algorithm.algorithm != oids.RSA_ENCRYPTION:
        return algorithm
    if not no_parameters(algorithm):
        raise UnsupportedAlgorithm("rsaEncryption takes no parameters, or NULL")
    name = lookup(HASHES, signer.digest_algorithm, "hash function")
    return AlgorithmIdentifier(algorithm=_RSA_WITH[name], parameters=Null())


def _attribute(kind: ObjectIdentifier, value: object) -> Attribute:
    whole = AttributeTypeAndValue.decode(AttributeTypeAndValue(type=kind, value=value).der)
    place = tuple(children(whole))[1]
    return Attribute(attr_type=kind, attr_values=AttrValues([TLV(whole.der[place.start : place.end])]))


def _one(attributes: SignedAttributes, kind: ObjectIdentifier) -> object:
    """The value of an attribute that has to be there once, with one value. RFC 5652, 11."""
    found = [one for one in attributes if one.attr_type == kind]
    if len(found) != 1 or len(found[0].attr_values) != 1:
        raise InvalidProtection(f"{oids.name(kind)} is not there once, with one value")
    return found[0].opened()[0]


def _signing_time(attributes: SignedAttributes) -> datetime | None:
    if not any(one.attr_type == oids.ID_SIGNING_TIME for one in attributes):
        return None
    time = _one(attributes, oids.ID_SIGNING_TIME)
    if not isinstance(time, Time):
        raise InvalidProtection("signing-time is no time")
    return time.utc_time or time.general_time


def _find(sid: SignerIdentifier, certificates: Iterable[Certificate]) -> tuple[Certificate, Subject]:
    """The certificate that is meant; those that cannot be read are not."""
    for certificate in certificates:
        try:
            subject = Subject(certificate)
        except DecodeError:
            continue
        if sid.value in (subject.issuer_and_serial, subject.key_identifier):
            return certificate, subject
    raise InvalidProtection("the certificate of the signer is not there")
