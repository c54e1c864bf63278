"""What LocalAuthority issues: judged by cryptography and by openssl, and octet by octet against the request."""

from __future__ import annotations

import os
import pickle
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cmpcodec import oids
from cmpcodec.asn1 import BitString
from cmpcodec.authority import CertificateRules, LocalAuthority, create_ca
from cmpcodec.authority.building import fresh_serial, opened, signed, time_for
from cmpcodec.authority.schema import extension
from cmpcodec.crmf import OptionalValidity
from cmpcodec.pkix import BasicConstraints, Certificate, DirectoryString, KeyUsage, Name
from cmpcodec.protection.signatures import sign
from cmpcodec.server.ports import Refused
from tests.authority.making import (
    DEVICE,
    GENERATE,
    NOW,
    authority,
    ca,
    dns,
    info,
    name,
    openssl,
    order,
    pem,
    private_key,
    run_openssl,
)

CAS = ("ec-p256", "ec-p384", "ec-p521", "rsa-2048", "ed25519", "ed448")


@openssl
@pytest.mark.parametrize("algorithm", CAS)
def test_every_kind_of_ca_and_key(algorithm: str, tmp_path: Path) -> None:
    own = authority(algorithm)
    root = ca(algorithm)[1]
    anchor = pem(tmp_path, "ca.pem", root)
    assert run_openssl("verify", "-x509_strict", "-check_ss_sig", "-CAfile", anchor, anchor).returncode == 0
    for kind in GENERATE:
        issue = own.issue(order(kind, dns("device-1.example")), NOW)
        loaded = issue.certificate.load()
        loaded.verify_directly_issued_by(root.load())
        assert loaded.public_key() == private_key(kind).public_key()
        assert not issue.modified
        done = run_openssl("verify", "-x509_strict", "-CAfile", anchor, pem(tmp_path, "ee.pem", issue.certificate))
        assert done.returncode == 0, (kind, done.stderr)


def test_what_is_in_it() -> None:
    own = authority()
    loaded = own.issue(order(), NOW).certificate.load()
    assert loaded.version is x509.Version.v3
    assert loaded.issuer == own.chain[0].load().subject
    assert loaded.issuer.public_bytes() == own.name.der
    assert 0 < loaded.serial_number < 2**159
    found = {one.oid.dotted_string: one for one in loaded.extensions}
    assert found.keys() == {
        oids.ID_CE_BASIC_CONSTRAINTS,
        oids.ID_CE_KEY_USAGE,
        oids.ID_CE_SUBJECT_KEY_IDENTIFIER,
        oids.ID_CE_AUTHORITY_KEY_IDENTIFIER,
    }
    constraints = found[oids.ID_CE_BASIC_CONSTRAINTS]
    assert (constraints.critical, constraints.value) == (True, x509.BasicConstraints(ca=False, path_length=None))
    public = private_key().public_key()
    assert found[oids.ID_CE_SUBJECT_KEY_IDENTIFIER].value == x509.SubjectKeyIdentifier.from_public_key(public)
    above = own.chain[0].load().extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert found[oids.ID_CE_AUTHORITY_KEY_IDENTIFIER].value == (
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above)
    )


SUBJECTS = {
    "utf8": DEVICE,
    "printable": name((oids.COMMON_NAME, DirectoryString(printable_string="device"))),
    "bmp": name((oids.COMMON_NAME, DirectoryString(bmp_string="Gerät"))),
    "teletex": name((oids.ORGANIZATION_NAME, DirectoryString(teletex_string="device"))),
    "universal": name((oids.ORGANIZATION_NAME, DirectoryString(universal_string="Gerät"))),
    "many": Name(
        rdn
        for part in (
            name((oids.COMMON_NAME, "twice"), (oids.COMMON_NAME, DirectoryString(printable_string="twice"))),
            Name.from_plain([[{"type": oids.COUNTRY_NAME, "value": "DE"}, {"type": oids.SERIAL_NUMBER, "value": "1"}]]),
            Name.from_plain([[{"type": oids.DOMAIN_COMPONENT, "value": "example"}]]),
        )
        for rdn in part
    ),
    "unicode": name((oids.COMMON_NAME, "Prüfgerät № 7 測試")),
    "injection": name((oids.COMMON_NAME, "'; DROP TABLE certificates; -- %s{0}")),
}


@pytest.mark.parametrize("kind", SUBJECTS)
def test_subject_and_key_are_kept_octet_by_octet(kind: str) -> None:
    """Another string type is another name to those who compare octets: the requester gets the one that it asked for."""
    subject = SUBJECTS[kind]
    content = opened(authority().issue(order(subject=subject), NOW).certificate).tbs_certificate
    assert content.subject.der == subject.der
    assert content.subject_public_key_info.der == info(private_key()).der
    assert content.issuer.der == authority().name.der


def test_serial_numbers_do_not_repeat() -> None:
    serials = [fresh_serial() for _ in range(20_000)]
    assert len(set(serials)) == len(serials)
    assert all(0 < serial < 2**159 for serial in serials)
    assert max(serials) > 2**158, "all bits are in use"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_serial_numbers_do_not_repeat_after_a_fork() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, b"".join(fresh_serial().to_bytes(20) for _ in range(100)))
        os._exit(0)
    own = {fresh_serial().to_bytes(20) for _ in range(100)}
    os.waitpid(child, 0)
    os.close(writing)
    theirs = os.read(reading, 2000)
    os.close(reading)
    assert len(own | {theirs[i : i + 20] for i in range(0, 2000, 20)}) == 200


# --- Validity ---


def validity(start: datetime | None = None, end: datetime | None = None) -> OptionalValidity:
    return OptionalValidity(
        not_before=None if start is None else time_for(start), not_after=None if end is None else time_for(end)
    )


T = datetime(2030, 6, 1, 12, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
RULES = {"validity": 30 * DAY, "max_validity": 90 * DAY, "backdate": 5 * MINUTE, "max_delay": 10 * DAY}

WINDOWS = [
    # asked from, until; got from, until; modified
    (None, None, T - 5 * MINUTE, T - 5 * MINUTE + 30 * DAY, False),
    (T, T + 60 * DAY, T, T + 60 * DAY, False),
    (T - 2 * MINUTE, None, T - 2 * MINUTE, T - 2 * MINUTE + 30 * DAY, False),
    (T - DAY, T + DAY, T - 5 * MINUTE, T + DAY, True),
    (None, T + DAY, T - 5 * MINUTE, T + DAY, False),
    (None, T + 1000 * DAY, T - 5 * MINUTE, T - 5 * MINUTE + 90 * DAY, True),
    (T + 5 * DAY, T + 6 * DAY, T + 5 * DAY, T + 6 * DAY, False),
    (T + 20 * DAY, T + 50 * DAY, T + 10 * DAY, T + 50 * DAY, True),
    (T, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), T, T + 90 * DAY, True),
    (datetime(1950, 1, 1, tzinfo=UTC), T + DAY, T - 5 * MINUTE, T + DAY, True),
]


@pytest.mark.parametrize(("start", "end", "got_start", "got_end", "modified"), WINDOWS)
def test_validity(
    start: datetime | None, end: datetime | None, got_start: datetime, got_end: datetime, modified: bool
) -> None:
    asked = None if start is end is None else validity(start, end)
    issue = authority(**RULES).issue(order(validity=asked), T + timedelta(microseconds=999_999))
    loaded = issue.certificate.load()
    assert (loaded.not_valid_before_utc, loaded.not_valid_after_utc) == (got_start, got_end)
    assert issue.modified == modified


@pytest.mark.parametrize(
    ("start", "end"), [(T, T), (T + DAY, T), (None, T - DAY), (T + 20 * DAY, T + 10 * DAY), (None, T - 5 * MINUTE)]
)
def test_validity_that_is_empty(start: datetime | None, end: datetime | None) -> None:
    with pytest.raises(Refused, match="end before it begins") as caught:
        authority(**RULES).issue(order(validity=validity(start, end)), T)
    assert caught.value.fail_info.names == ("BAD_CERT_TEMPLATE",)


def test_never_beyond_the_ca() -> None:
    key, root = create_ca("CN=Short", days=10, now=T)
    own = LocalAuthority(key, root)
    end = root.load().not_valid_after_utc
    silent = own.issue(order(), T)
    assert silent.certificate.load().not_valid_after_utc == end
    assert not silent.modified, "no end was asked for"
    asked = own.issue(order(validity=validity(None, T + 20 * DAY)), T)
    assert asked.certificate.load().not_valid_after_utc == end
    assert asked.modified
    early = LocalAuthority(key, root, rules=CertificateRules(backdate=2 * DAY))
    for wanted in (None, validity(T - 5 * DAY)):
        before = early.issue(order(validity=wanted), T).certificate.load()
        assert before.not_valid_before_utc == root.load().not_valid_before_utc
    for late in (T + 10 * DAY, T + 11 * DAY):
        with pytest.raises(Refused, match="CA has expired") as caught:
            own.issue(order(), late)
        assert caught.value.fail_info.names == ("SYSTEM_UNAVAIL",)


def test_times_are_written_as_rfc_5280_demands() -> None:
    own = authority(max_validity=timedelta(days=36500), validity=DAY)
    key, root = create_ca("CN=Long", days=36_000, now=T)
    own = LocalAuthority(key, root, rules=CertificateRules(max_validity=timedelta(days=30_000)))
    content = opened(own.issue(order(validity=validity(T, datetime(2050, 1, 1, tzinfo=UTC))), T).certificate)
    span = content.tbs_certificate.validity
    assert (span.not_before.name, span.not_after.name) == ("utc_time", "general_time")
    content = opened(
        own.issue(order(validity=validity(T, datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC))), T).certificate
    )
    assert content.tbs_certificate.validity.not_after.name == "utc_time"


# --- What the authority itself is ---


def test_a_decoy_does_not_leak() -> None:
    key, root = create_ca("CN=Decoy")
    own = LocalAuthority(key, root)
    secret = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    number = key.private_numbers().private_value  # type: ignore[union-attr]  # an EC key
    shown = [repr(own), str(own)]
    with pytest.raises(TypeError, match="private key"):
        pickle.dumps(own)
    try:
        own.issue(order(public_key=info(private_key()).replace(subject_public_key=BitString(b"\x04"))), NOW)
    except Refused:
        shown.append("".join(traceback.format_exc()))
    for text in shown:
        for spelling in (str(number), f"{number:x}", f"{number:X}", secret.hex(), repr(secret)):
            assert spelling not in text
    assert repr(own) == "LocalAuthority('CN=Decoy')"
    assert not hasattr(own, "__dict__")


def crafted(constraints: BasicConstraints | None, usage: KeyUsage | None, subject: Name) -> Certificate:
    key, root = ca()
    content = opened(root).tbs_certificate
    extensions = []
    if constraints is not None:
        extensions.append(extension(oids.ID_CE_BASIC_CONSTRAINTS, constraints, critical=True))
    if usage is not None:
        extensions.append(extension(oids.ID_CE_KEY_USAGE, usage, critical=True))
    content = content.replace(extensions=extensions or None, subject=subject, signature=sign(key, b"")[0])
    return signed(content, key)


CA_USAGE = KeyUsage.KEY_CERT_SIGN | KeyUsage.CRL_SIGN
MISTAKES = {
    "no CA": (BasicConstraints(), CA_USAGE, DEVICE, "CA:TRUE"),
    "nothing said": (None, CA_USAGE, DEVICE, "CA:TRUE"),
    "no keyCertSign": (BasicConstraints(ca=True), KeyUsage.CRL_SIGN, DEVICE, "keyCertSign"),
    "no cRLSign": (BasicConstraints(ca=True), KeyUsage.KEY_CERT_SIGN, DEVICE, "cRLSign"),
    "no name": (BasicConstraints(ca=True), CA_USAGE, Name([]), "no subject"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_certificates_that_are_no_ca_s(mistake: str) -> None:
    constraints, usage, subject, text = MISTAKES[mistake]
    with pytest.raises(ValueError, match=text):
        LocalAuthority(ca()[0], crafted(constraints, usage, subject))


def test_without_key_usage_and_key_identifier() -> None:
    own = LocalAuthority(ca()[0], crafted(BasicConstraints(ca=True), None, DEVICE))
    loaded = own.issue(order(subject=name((oids.COMMON_NAME, "device-2"))), NOW).certificate.load()
    found = loaded.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert found == x509.AuthorityKeyIdentifier.from_issuer_public_key(ca()[0].public_key())


def test_key_and_certificate_have_to_fit() -> None:
    with pytest.raises(ValueError, match="not that of the CA"):
        LocalAuthority(private_key(), ca()[1])
    with pytest.raises(ValueError, match="cannot be read"):
        LocalAuthority(private_key(), Certificate(b"\x30\x00"))


@openssl
def test_chain(tmp_path: Path) -> None:
    root_key, root = create_ca("CN=Root")
    key, lonely = create_ca("CN=Issuing")
    content = opened(lonely).tbs_certificate
    above = opened(root).tbs_certificate
    root_two = signed(
        above.replace(
            extensions=[
                extension(oids.ID_CE_BASIC_CONSTRAINTS, BasicConstraints(ca=True), critical=True),
                extension(oids.ID_CE_KEY_USAGE, CA_USAGE, critical=True),
            ]
        ),
        root_key,
    )
    issuing = signed(content.replace(issuer=above.subject), root_key)
    own = LocalAuthority(key, issuing, [root_two])
    assert own.chain == (issuing, root_two)
    made = own.issue(order(), NOW).certificate
    done = run_openssl(
        "verify", "-CAfile", pem(tmp_path, "root.pem", root_two), "-untrusted", pem(tmp_path, "i.pem", issuing),
        pem(tmp_path, "ee.pem", made),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for wrong in ([lonely], [root_two, lonely], [issuing]):
        with pytest.raises(ValueError, match="not its issuer's"):
            LocalAuthority(key, issuing, wrong)
    with pytest.raises(ValueError, match="more than 10"):
        LocalAuthority(key, issuing, [root_two] * 10)


def test_create_ca_refuses() -> None:
    for subject in ("", "nonsense", "CN"):
        with pytest.raises(ValueError, match="subject"):
            create_ca(subject)
    with pytest.raises(ValueError, match=r"rsa-1024.*ec-p256"):
        create_ca("CN=x", "rsa-1024")
    for days in (0, -1, 10**6):
        with pytest.raises(ValueError, match="days"):
            create_ca("CN=x", days=days)


def test_create_ca_lasts_ten_years() -> None:
    loaded = create_ca("CN=x,O=y", now=T)[1].load()
    assert loaded.not_valid_before_utc <= T
    assert loaded.not_valid_after_utc == T + 3650 * DAY
    assert loaded.subject.rfc4514_string() == loaded.issuer.rfc4514_string() == "CN=x,O=y"
