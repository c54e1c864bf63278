"""SignedData: every key and hash, every altered octet, everything that must not verify."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmpcodec import oids
from cmpcodec.asn1 import TLV
from cmpcodec.cms import (
    Attribute,
    AttrValues,
    CertificateSet,
    EncapsulatedContentInfo,
    SignedAttributes,
    SignedData,
    SignerInfos,
)
from cmpcodec.enveloping import sign_data, verify_data
from cmpcodec.errors import CMPError, DecodeError, InvalidProtection, ProtectionError, UnsupportedAlgorithm
from cmpcodec.pkix import AlgorithmIdentifier, Certificate
from cmpcodec.protection.signatures import HASHES
from tests.enveloping.making import ODD_VALUES, SIGNING, certificate, identifier, key

ALL = frozenset(HASHES)
TIME = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def signed(kind: str = "p256", content: bytes = b"content", **options: object) -> SignedData:
    return sign_data(content, key(kind), certificate(kind), **options)  # type: ignore[arg-type]  # as the test says


@given(
    st.sampled_from(SIGNING),
    st.sampled_from(["sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "sha3_512"]),
    st.binary(max_size=100),
    st.sampled_from([oids.ID_DATA, oids.ID_CT_KP_A_KEY_PACKAGE, "1.2.3"]),
    st.booleans(),
    st.sampled_from([None, TIME, TIME.replace(year=2050)]),
)
@settings(deadline=None, max_examples=80)
def test_round_trip(kind: str, digest: str, content: bytes, what: str, ski: bool, when: datetime | None) -> None:
    own = certificate(kind, 0, ski)
    made = sign_data(content, key(kind), own, content_type=what, chain=[certificate("rsa", 5)], digest=digest, signing_time=when)  # fmt: skip
    data = SignedData.decode(made.der)
    found = verify_data(data, digests=ALL)
    assert (found.content_type, found.content, found.signer, found.signing_time) == (what, content, own, when)
    assert set(found.certificates) == {own, certificate("rsa", 5)}
    assert data.version == (1 if what == oids.ID_DATA and not ski else 3)
    assert data.signer_infos[0].version == (3 if ski else 1)
    if digest == "sha1" and not kind.startswith("ed"):
        with pytest.raises(UnsupportedAlgorithm, match="sha1"):
            verify_data(data)


@pytest.mark.parametrize("kind", SIGNING)
def test_every_altered_octet(kind: str) -> None:
    good = signed(kind, signing_time=TIME).der
    expected = verify_data(SignedData.decode(good))
    refused = harmless = 0
    for at in range(len(good)):
        bad = bytearray(good)
        bad[at] ^= 1 << at % 8
        try:
            found = verify_data(SignedData.decode(bytes(bad)))
        except DecodeError:
            continue
        except CMPError as error:
            assert isinstance(error, ProtectionError)
            refused += 1
        else:  # versions, digestAlgorithms, and what a certificate says beside its key: nobody has judged it yet
            assert found[:2] == expected[:2]
            harmless += 1
    assert refused > 100


def test_no_signer_never_verifies() -> None:
    """Bouncy Castle's CVE-2026-59639."""
    data = signed()
    for infos in ([], [*data.signer_infos] * 2):
        with pytest.raises(InvalidProtection, match="signers, not one"):
            verify_data(data.replace(signer_infos=SignerInfos(infos)))


def test_what_must_not_verify() -> None:
    data = signed()
    info, signer = data.encap_content_info, data.signer_infos[0]
    attributes = {one.attr_type: one for one in signer.signed_attrs or ()}
    content_type, digest = attributes[oids.ID_CONTENT_TYPE], attributes[oids.ID_MESSAGE_DIGEST]
    other = Attribute(attr_type=oids.ID_MESSAGE_DIGEST, attr_values=AttrValues([TLV(b"\x04\x01x")]))
    twice = content_type.replace(attr_values=AttrValues([*content_type.attr_values, *content_type.attr_values]))

    def with_attributes(*some: Attribute) -> SignedData:
        return data.replace(signer_infos=[signer.replace(signed_attrs=SignedAttributes(some))])

    for bad in (
        data.replace(encap_content_info=info.replace(e_content=b"other")),
        data.replace(encap_content_info=info.replace(e_content_type=oids.ID_CT_KP_A_KEY_PACKAGE)),
        data.replace(encap_content_info=EncapsulatedContentInfo(e_content_type=oids.ID_DATA)),
        data.replace(signer_infos=[signer.replace(signed_attrs=None)]),
        data.replace(signer_infos=[signer.replace(signature=b"")]),
        data.replace(signer_infos=[signer.replace(digest_algorithm=AlgorithmIdentifier(algorithm=oids.SHA384))]),
        data.replace(certificates=None),
        data.replace(certificates=CertificateSet([{"certificate": certificate("p256", 1)}])),
        with_attributes(content_type),
        with_attributes(digest),
        with_attributes(content_type, other),
        with_attributes(content_type, digest, digest),
        with_attributes(twice, digest),
        with_attributes(content_type, digest, Attribute(attr_type=oids.ID_SIGNING_TIME, attr_values=AttrValues([TLV(b"\x05\0")]))),
    ):  # fmt: skip
        with pytest.raises(InvalidProtection):
            verify_data(SignedData.decode(bad.der))


def test_signature_over_the_content_is_no_signature_over_attributes() -> None:
    """The octets of signed attributes, sold as content without attributes."""
    data = signed()
    signer = data.signer_infos[0]
    octets = signer.signed_attrs.der if signer.signed_attrs else b""
    sold = data.replace(
        encap_content_info=data.encap_content_info.replace(e_content=octets),
        signer_infos=[signer.replace(signed_attrs=None)],
    )
    with pytest.raises(InvalidProtection, match="no signed attributes"):
        verify_data(sold)


def test_certificate_from_elsewhere() -> None:
    data = signed().replace(certificates=None)
    found = verify_data(data, certificates=[certificate("rsa"), certificate("p256")])
    assert found.signer == certificate("p256")
    assert found.certificates == ()


def test_garbage_among_certificates() -> None:
    data = signed()
    odd = [
        {"certificate": Certificate(b"\x30\0")},
        *({"certificate": one.certificate} for one in data.certificates or ()),
    ]
    assert verify_data(data.replace(certificates=CertificateSet(odd))).content == b"content"


@pytest.mark.parametrize("kind", ["rsa", "p256", "ed25519"])
def test_parameters_of_every_type(kind: str) -> None:
    data = signed(kind)
    signer = data.signer_infos[0]
    digests = (signer.digest_algorithm.algorithm, oids.SHA512, oids.SHAKE256, oids.MD5, oids.SHAKE128, "1.2.3")
    signatures = (signer.signature_algorithm.algorithm, oids.RSA_ENCRYPTION, oids.ID_RSASSA_PSS, oids.ID_ALG_NO_SIGNATURE, oids.ID_DSA_WITH_SHA256)  # fmt: skip
    for values in ODD_VALUES:
        for field, numbers in (("digest_algorithm", digests), ("signature_algorithm", signatures)):
            for oid in numbers:
                odd = identifier(oid, values)
                if odd is None:
                    continue
                changed = data.replace(signer_infos=[signer.replace(**{field: odd})])
                if values in (b"", b"\x05\0"):  # absent and NULL may be two spellings of one algorithm
                    try:
                        verify_data(changed)
                    except ProtectionError:
                        pass
                    else:
                        assert oid in (getattr(signer, field).algorithm, oids.RSA_ENCRYPTION)
                else:
                    with pytest.raises(ProtectionError):
                        verify_data(changed)


def test_arguments() -> None:
    with pytest.raises(ValueError, match="none of"):
        signed(digest="md5")
    with pytest.raises(TypeError):
        sign_data(b"", key("x25519"), certificate("x25519"))
