"""An authority with its key in this process: it issues certificates and signs CRLs. RFC 5280.

It holds the CA's key, which no representation and no pickle shows, and decides by `CertificateRules`. Who may ask for
what is decided before it is asked; that a certificate counts only when it is stored, after.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, NoReturn

from cryptography.hazmat.primitives.asymmetric import ec, rsa, x448, x25519

from .. import oids
from ..asn1 import Null
from ..cmp import PKIFailureInfo
from ..crmf import OptionalValidity
from ..enveloping.agreement import exchange
from ..enveloping.algorithms import EncryptionPublicKey, load_encryption_key
from ..errors import DecodeError, DecryptionError, UnsupportedAlgorithm
from ..pkix import (
    AuthorityKeyIdentifier,
    Certificate,
    CRLReason,
    ECParameters,
    Name,
    SubjectPublicKeyInfo,
    Version,
)
from ..protection.signatures import (
    PrivateKey,
    PublicKey,
    algorithm_for,
    digest_for,
    load_public_key,
    read,
    sign_with,
)
from ..server.ports import CertificateStatus, Issue, IssuedCertificate, Order, Refused
from .building import fresh_serial, key_identifier, opened, signed, time_for, time_of
from .extensions import Chooser
from .names import check_subject
from .rules import CertificateRules
from .schema import SignedCertificateList, TBSCertificate, TBSCertList, extension
from .trust import check_ca, find

_NULL_DN: Final = Name([])
_DEFAULT_RULES: Final = CertificateRules()
_CURVES: Final = {"secp256r1": "ec-p256", "secp384r1": "ec-p384", "secp521r1": "ec-p521"}
_PLAIN: Final = {
    oids.ID_ED25519: "ed25519",
    oids.ID_ED448: "ed448",
    oids.ID_X25519: "x25519",
    oids.ID_X448: "x448",
    oids.ID_ML_DSA_44: "ml-dsa-44",
    oids.ID_ML_DSA_65: "ml-dsa-65",
    oids.ID_ML_DSA_87: "ml-dsa-87",
    oids.ID_ALG_ML_KEM_768: "ml-kem-768",
    oids.ID_ALG_ML_KEM_1024: "ml-kem-1024",
}
"""Kinds of keys whose algorithm has no parameters."""
_FOR_ENCRYPTION_ONLY: Final = frozenset(
    (oids.ID_X25519, oids.ID_X448, oids.ID_ALG_ML_KEM_512, oids.ID_ALG_ML_KEM_768, oids.ID_ALG_ML_KEM_1024)
)
_REASONS: Final = {
    reason.value: extension(oids.ID_CE_CRL_REASONS, reason)
    for reason in CRLReason
    if reason is not CRLReason.REMOVE_FROM_CRL
}
"""reasonCode extensions of CRL entries. removeFromCRL is for delta CRLs alone."""


class LocalAuthority:
    """A `server.ports.Authority` with a private key at hand: EC (P-256, P-384, P-521), RSA, Ed25519 or Ed448.

    `certificate` is the CA's, `chain` those of its issuers as far as they are known, the root last. Raises ValueError
    if the key is not that of the certificate, if the certificate is no CA's or may not sign, or if the chain does not
    hold together; TypeError for a key of another kind.
    """

    __slots__ = (
        "_algorithm", "_authority_key", "_chain", "_chooser", "_info",
        "_key", "_name", "_not_after", "_not_before", "_rules",
    )  # fmt: skip

    def __init__(
        self,
        key: PrivateKey,
        certificate: Certificate,
        chain: Sequence[Certificate] = (),
        rules: CertificateRules = _DEFAULT_RULES,
    ) -> None:
        self._key = key
        self._algorithm = algorithm_for(key, digest_for(key))
        self._chain = (certificate, *chain)
        self._rules = rules
        content = opened(certificate).tbs_certificate
        self._name = content.subject
        self._info = content.subject_public_key_info
        check_ca(self._chain, key)
        self._not_before, self._not_after = time_of(content.validity.not_before), time_of(content.validity.not_after)
        identifier = find(content, oids.ID_CE_SUBJECT_KEY_IDENTIFIER)
        if not isinstance(identifier, bytes):
            identifier = key_identifier(self._info)
        self._authority_key = extension(
            oids.ID_CE_AUTHORITY_KEY_IDENTIFIER, AuthorityKeyIdentifier(key_identifier=identifier)
        )
        self._chooser = Chooser(rules, self._authority_key)

    @property
    def chain(self) -> tuple[Certificate, ...]:
        """The CA's certificate, then those of its issuers as far as they are known, the root last."""
        return self._chain

    @property
    def name(self) -> Name:
        """The subject of the CA's certificate."""
        return self._name

    @property
    def rules(self) -> CertificateRules:
        """What it grants."""
        return self._rules

    def issue(self, order: Order, now: datetime) -> Issue:
        """Sign a certificate with a fresh random serial number, or raise Refused and say why."""
        kind = self._check_key(order.public_key)
        subject = order.subject or _NULL_DN
        if len(subject):
            check_subject(subject, self._rules)
            if subject.matches(self._name):
                raise Refused(PKIFailureInfo.BAD_CERT_TEMPLATE, "the subject is the name of the CA itself")
        subject_key = extension(oids.ID_CE_SUBJECT_KEY_IDENTIFIER, key_identifier(order.public_key))
        extensions, modified = self._chooser.choose(order.extensions, kind, subject_key, nameless=not len(subject))
        start, end, clipped = self._validity(order.validity, now)
        content = TBSCertificate.from_plain(
            {
                "version": Version.V3,
                "serial_number": fresh_serial(),
                "signature": self._algorithm,
                "issuer": self._name,
                "validity": {"not_before": time_for(start), "not_after": time_for(end)},
                "subject": subject,
                "subject_public_key_info": order.public_key,
                "extensions": extensions,
            }
        )
        certificate = signed(content, self._key)
        try:
            loaded = certificate.load()
        except DecodeError:  # an object identifier beyond all measure, for instance
            raise Refused(
                PKIFailureInfo.BAD_CERT_TEMPLATE, "what is asked for would make a certificate that others cannot read"
            ) from None
        return Issue(certificate, modified or clipped, loaded)

    def revoke(self, certificate: IssuedCertificate, reason: int | None, now: datetime, asked_at: datetime) -> None:
        """Consent, if the certificate is of this authority and the reason is one of RFC 5280; raises Refused if not."""
        if certificate.issuer != self._name.der:
            raise Refused(PKIFailureInfo.WRONG_AUTHORITY, "the certificate is not of this authority")
        if reason is not None and reason not in _REASONS and reason != CRLReason.REMOVE_FROM_CRL:
            raise Refused(PKIFailureInfo.BAD_REQUEST, "there is no such reason: CRLReason is 0 to 6 or 8 to 10")

    def sign_crl(self, entries: Iterable[IssuedCertificate], number: int, now: datetime) -> tuple[bytes, datetime]:
        """The DER of a CRL with those entries, and its nextUpdate."""
        this_update = now.astimezone(UTC).replace(microsecond=0)
        next_update = this_update + self._rules.crl_validity
        content = TBSCertList.from_plain(
            {
                "version": Version.V2,
                "signature": self._algorithm,
                "issuer": self._name,
                "this_update": time_for(this_update),
                "next_update": time_for(next_update),
                "revoked_certificates": [_entry(one) for one in entries] or None,
                "crl_extensions": [self._authority_key, extension(oids.ID_CE_CRL_NUMBER, number)],
            }
        )
        signature = sign_with(self._key, read(self._algorithm), content.der)
        whole = SignedCertificateList(tbs_cert_list=content, signature_algorithm=self._algorithm, signature=signature)
        return whole.der, next_update

    def _check_key(self, info: SubjectPublicKeyInfo) -> str:
        """Which of `KEY_KINDS` a public key is; Refused if it is none that may be certified."""
        try:
            key = _load(info)
        except UnsupportedAlgorithm as error:
            raise Refused(PKIFailureInfo.BAD_CERT_TEMPLATE, str(error)) from None
        kind = _kind(info, key)
        if kind is None or kind not in self._rules.keys:
            raise Refused(
                PKIFailureInfo.BAD_CERT_TEMPLATE,
                f"keys of this kind ({_described(info, key)}) are not certified here, "
                f"only {', '.join(sorted(self._rules.keys))}",
            )
        if isinstance(key, rsa.RSAPublicKey):
            _check_rsa(key, self._rules.min_rsa_bits)
        if info == self._info:
            raise Refused(PKIFailureInfo.BAD_CERT_TEMPLATE, "this is the public key of the CA itself")
        return kind

    def _validity(self, asked: OptionalValidity | None, now: datetime) -> tuple[datetime, datetime, bool]:
        """First and last second of a certificate, and whether they differ from what was asked for."""
        rules = self._rules
        now = now.astimezone(UTC).replace(microsecond=0)
        if now >= self._not_after:
            raise Refused(PKIFailureInfo.SYSTEM_UNAVAIL, "the certificate of the CA has expired")
        wanted_start = time_of(asked.not_before) if asked and asked.not_before else None
        wanted_end = time_of(asked.not_after) if asked and asked.not_after else None
        earliest, latest = max(now - rules.backdate, self._not_before), now + rules.max_delay
        start = max(min(wanted_start or earliest, latest), earliest)
        longest = min(rules.max_validity, self._not_after - start)
        end = start + min(rules.validity, longest) if wanted_end is None else min(wanted_end, start + longest)
        if end <= start:
            raise Refused(PKIFailureInfo.BAD_CERT_TEMPLATE, "the certificate would end before it begins")
        return start, end, wanted_start not in (None, start) or wanted_end not in (None, end)

    def __repr__(self) -> str:
        return f"LocalAuthority({self._name.rfc4514()!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a LocalAuthority holds a private key and cannot be pickled")


def _load(info: SubjectPublicKeyInfo) -> PublicKey | EncryptionPublicKey:
    """The key, if it is sound and of a kind that there may be a certificate for; else UnsupportedAlgorithm."""
    if info.algorithm.algorithm not in _FOR_ENCRYPTION_ONLY:
        return load_public_key(info)
    key = load_encryption_key(info)
    if isinstance(key, x25519.X25519PublicKey | x448.X448PublicKey):
        agrees = x25519.X25519PrivateKey if isinstance(key, x25519.X25519PublicKey) else x448.X448PrivateKey
        try:
            exchange(agrees.generate(), key)
        except DecryptionError:
            raise UnsupportedAlgorithm("the public key is a point of small order: anybody can agree with it") from None
    return key


def _kind(info: SubjectPublicKeyInfo, key: PublicKey | EncryptionPublicKey) -> str | None:
    """Which of `KEY_KINDS` a key is, if its SubjectPublicKeyInfo is written as the RFC of its kind demands.

    RFC 3279, 5480, 8410, 9881 (ML-DSA) and 9935 (ML-KEM).
    """
    algorithm = info.algorithm
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa" if algorithm.algorithm == oids.RSA_ENCRYPTION and isinstance(algorithm.parameters, Null) else None
    if isinstance(key, ec.EllipticCurvePublicKey):
        named = isinstance(algorithm.parameters, ECParameters) and algorithm.parameters.named_curve is not None
        return _CURVES.get(key.curve.name) if named and algorithm.algorithm == oids.ID_EC_PUBLIC_KEY else None
    return _PLAIN.get(algorithm.algorithm) if algorithm.parameters is None else None


def _described(info: SubjectPublicKeyInfo, key: PublicKey | EncryptionPublicKey) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC, {key.curve.name}"
    return oids.name(info.algorithm.algorithm) or str(info.algorithm.algorithm)


def _check_rsa(key: rsa.RSAPublicKey, min_bits: int) -> None:
    """Refused for a modulus that is too short or even, or an exponent that is not odd and at least 65537."""
    numbers = key.public_numbers()
    if key.key_size < min_bits:
        raise Refused(
            PKIFailureInfo.BAD_CERT_TEMPLATE, f"an RSA key of {key.key_size} bits is too short: {min_bits} are needed"
        )
    if numbers.n % 2 == 0 or numbers.e % 2 == 0 or numbers.e < 65537:
        raise Refused(PKIFailureInfo.BAD_CERT_TEMPLATE, "the RSA key has an even modulus or a weak exponent")


def _entry(certificate: IssuedCertificate) -> dict[str, object]:
    """The entry of a certificate in a CRL, as plain values. RFC 5280, 5.3."""
    reason = CRLReason.CERTIFICATE_HOLD if certificate.status is CertificateStatus.HELD else certificate.reason
    extensions = []
    if reason in _REASONS and reason != CRLReason.UNSPECIFIED:  # 5.3.1: leave unspecified out
        extensions.append(_REASONS[reason])
    if certificate.invalidity_date is not None:
        date = certificate.invalidity_date.astimezone(UTC).replace(microsecond=0)
        extensions.append(extension(oids.ID_CE_INVALIDITY_DATE, date))
    if certificate.revoked_at is None:
        raise ValueError(f"the certificate with the serial number {certificate.serial:x} is not revoked")
    return {
        "user_certificate": certificate.serial,
        "revocation_date": time_for(certificate.revoked_at.astimezone(UTC).replace(microsecond=0)),
        "crl_entry_extensions": extensions or None,
    }
