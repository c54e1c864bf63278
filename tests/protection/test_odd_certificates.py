"""Certificates that are signed and readable, and yet not what RFC 5280 and RFC 4055 have: whose signatures are not believed.

They are made from records, since no library would make them.
"""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509

import cmpcodec
from cmpcodec import Certificate, DecodeError, TrustedSigners, UnsupportedAlgorithm, UntrustedSigner, oids, verify
from cmpcodec.authority.building import opened, signed
from cmpcodec.authority.schema import TBSCertificate
from cmpcodec.pkix import AlgorithmIdentifier
from cmpcodec.protection import certificates, protected_part
from cmpcodec.protection.signatures import algorithm_for, read, sign_with
from tests.protection.pki import BARE, NOW, Owner, ca, key, owner

ROOT = ca("root")
RSA_KEY = key("rsa", 7)


def content(of: Owner) -> TBSCertificate:
    return opened(of.certificate).tbs_certificate


def message(certificate: Certificate, algorithm: AlgorithmIdentifier, own: Any) -> cmpcodec.PKIMessage:
    """A message that the holder of that key signed, in whatever way."""
    tbs = opened(certificate).tbs_certificate
    sender = cmpcodec.GeneralName(directory_name=tbs.subject)
    bare = BARE.replace(
        header=BARE.header.replace(sender=sender, protection_alg=algorithm),
        extra_certs=[cmpcodec.CMPCertificate(certificate.der)],
    )
    protection = sign_with(own, read(algorithm), protected_part(bare))
    return cmpcodec.decode(bare.replace(protection=protection).der)


def judge(one: cmpcodec.PKIMessage) -> None:
    verify(one, TrustedSigners([ROOT.certificate]), time=NOW)


def test_a_certificate_that_names_two_algorithms() -> None:
    """What is signed says SHA-384, what stands beside it SHA-256, and the signature is one with SHA-256."""
    device = owner("device", ROOT)
    for inner, believed in ((oids.ECDSA_WITH_SHA256, True), (oids.ECDSA_WITH_SHA384, False)):
        tbs = content(device).replace(signature=AlgorithmIdentifier(algorithm=inner))
        outer = AlgorithmIdentifier(algorithm=oids.ECDSA_WITH_SHA256)
        octets = sign_with(ROOT.key, read(outer), tbs.der)
        whole = opened(device.certificate).replace(tbs_certificate=tbs, signature_algorithm=outer, signature=octets)
        one = message(Certificate(whole.der), algorithm_for(device.key), device.key)
        if believed:
            judge(one)
        else:
            with pytest.raises(UntrustedSigner, match="names two algorithms"):
                judge(one)


def pss(digest: str, salt: int) -> AlgorithmIdentifier:
    algorithm = algorithm_for(RSA_KEY, digest, pss=True)
    return algorithm.replace(parameters=algorithm.parameters.replace(salt_length=salt))


def restricted(parameters: Any) -> Certificate:
    """A certificate for an RSA key that is for RSASSA-PSS only (RFC 4055, 1.2), within those parameters."""
    tbs = content(owner("device", ROOT, own_key=RSA_KEY))
    info = tbs.subject_public_key_info
    algorithm = AlgorithmIdentifier(algorithm=oids.ID_RSASSA_PSS, parameters=parameters)
    return signed(tbs.replace(subject_public_key_info=info.replace(algorithm=algorithm)), ROOT.key)


FREE, BOUND = None, pss("sha256", 32).parameters


@pytest.mark.parametrize(
    ("parameters", "algorithm", "why"),
    [
        (FREE, pss("sha256", 32), None),
        (FREE, pss("sha512", 0), None),
        (FREE, algorithm_for(RSA_KEY), "is for RSASSA-PSS only"),
        (BOUND, pss("sha256", 32), None),
        (BOUND, pss("sha256", 40), None),
        (BOUND, pss("sha256", 31), "another hash or a longer salt"),
        (BOUND, pss("sha512", 64), "another hash or a longer salt"),
        (BOUND, algorithm_for(RSA_KEY), "is for RSASSA-PSS only"),
    ],
)
def test_a_key_for_rsassa_pss_only(parameters: Any, algorithm: AlgorithmIdentifier, why: str | None) -> None:
    certificate = restricted(parameters)
    try:
        certificate.load().public_key()
    except ValueError:
        pytest.skip("this cryptography reads no such key")
    one = message(certificate, algorithm, RSA_KEY)
    if why is None:
        judge(one)
    else:
        with pytest.raises(UnsupportedAlgorithm, match=why):
            judge(one)


def test_a_known_signer_keeps_to_its_key_too() -> None:
    trusted = TrustedSigners([ROOT.certificate])
    certificate = restricted(FREE)
    verify(message(certificate, pss("sha256", 32), RSA_KEY), trusted, time=NOW)
    with pytest.raises(UnsupportedAlgorithm, match="for RSASSA-PSS only"):
        verify(message(certificate, algorithm_for(RSA_KEY), RSA_KEY), trusted, time=NOW)


def test_what_cryptography_warns_of_is_an_error_of_ours() -> None:
    """Warnings are errors in these tests, as they may be in a program: what is raised is typed all the same."""
    device = owner("device", ROOT)
    tbs = content(device)
    with pytest.warns(UserWarning, match="length"):
        country = x509.Name([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "Utopia", _validate=False)])
    strange = {
        "serial 0": tbs.replace(serial_number=0),
        "negative serial": tbs.replace(serial_number=-5),
        "country of six letters": tbs.replace(subject=cmpcodec.Name.decode(country.public_bytes())),
    }
    for what, one in strange.items():
        certificate = signed(one, ROOT.key)
        with pytest.raises(ValueError):  # noqa: PT011  # in whose words depends on the version of cryptography
            certificates.opened(certificate)
        if "serial" in what:
            with pytest.raises(DecodeError, match=r"not an X\.509 certificate"):
                certificate.load()
        with pytest.raises(cmpcodec.InvalidProtection):
            judge(message(certificate, algorithm_for(device.key), device.key))
