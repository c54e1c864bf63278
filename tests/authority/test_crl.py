"""CRLs, consent to revocations, and delays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from cmpcodec.authority import Delayed, LocalAuthority
from cmpcodec.pkix import CertificateList
from cmpcodec.server.ports import Authority, CertificateStatus, NotYet, Refused
from tests.authority.making import NOW, authority, ca, issued, openssl, order, pem, run_openssl

CAS = ("ec-p256", "ec-p384", "ec-p521", "rsa-2048", "ed25519", "ed448")
HELD = CertificateStatus.HELD


def entry(crl: x509.CertificateRevocationList, serial: int) -> dict[str, Any]:
    found = crl.get_revoked_certificate_by_serial_number(serial)
    assert found is not None
    return {"at": found.revocation_date_utc} | {
        type(one.value).__name__: one.value for one in found.extensions if not one.critical
    }


def test_entries() -> None:
    own = authority()
    certificates = [own.issue(order(), NOW).certificate for _ in range(6)]
    early = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)
    entries = [
        issued(certificates[0], revoked_at=early),
        issued(certificates[1], reason=0),
        issued(certificates[2], reason=1, invalidity_date=early),
        issued(certificates[3], reason=6, status=HELD),
        issued(certificates[4], reason=None, status=HELD),
        issued(certificates[5], reason=5, revoked_at=datetime(2050, 1, 1, tzinfo=UTC)),
    ]
    der, next_update = own.sign_crl(entries, 2**100 + 7, NOW)
    crl = CertificateList.decode(der).load()
    assert len(crl) == 6
    serials = [one.serial for one in entries]
    assert entry(crl, serials[0]) == {"at": early.replace(microsecond=0)}, "in whole seconds, no reason"
    assert entry(crl, serials[1]).keys() == {"at"}, "unspecified is left out"
    assert entry(crl, serials[2])["CRLReason"].reason is x509.ReasonFlags.key_compromise
    assert entry(crl, serials[2])["InvalidityDate"].invalidity_date_utc == early.replace(microsecond=0)
    assert entry(crl, serials[3])["CRLReason"].reason is x509.ReasonFlags.certificate_hold
    assert entry(crl, serials[4])["CRLReason"].reason is x509.ReasonFlags.certificate_hold, "else it would be final"
    assert entry(crl, serials[5])["at"] == datetime(2050, 1, 1, tzinfo=UTC)
    found = {type(one.value): one for one in crl.extensions}
    assert found.keys() == {x509.CRLNumber, x509.AuthorityKeyIdentifier}
    assert found[x509.CRLNumber].value.crl_number == 2**100 + 7  # type: ignore[attr-defined]
    above = ca()[1].load().extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert found[x509.AuthorityKeyIdentifier].value == (
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above)
    )
    assert crl.last_update_utc == NOW.replace(microsecond=0)
    assert crl.next_update_utc == next_update == NOW.replace(microsecond=0) + timedelta(days=7)
    assert crl.issuer.public_bytes() == own.name.der
    assert crl.is_signature_valid(ca()[0].public_key())


def test_an_empty_crl() -> None:
    der, _ = authority(crl_validity=timedelta(hours=1)).sign_crl([], 1, NOW)
    crl = CertificateList.decode(der).load()
    assert len(crl) == 0
    assert crl.next_update_utc == NOW.replace(microsecond=0) + timedelta(hours=1)


def test_a_certificate_that_is_not_revoked_stays_out() -> None:
    own = authority()
    with pytest.raises(ValueError, match="is not revoked"):
        own.sign_crl([issued(own.issue(order(), NOW).certificate, revoked_at=None)], 1, NOW)


@openssl
@pytest.mark.parametrize("algorithm", CAS)
def test_openssl_follows_it(algorithm: str, tmp_path: Path) -> None:
    own = authority(algorithm)
    good, bad, held = (own.issue(order(), NOW).certificate for _ in range(3))
    der, _ = own.sign_crl([issued(bad, reason=4), issued(held, status=HELD)], 1, NOW)
    anchor = pem(tmp_path, "ca.pem", own.chain[0])
    (tmp_path / "crl.pem").write_bytes(CertificateList.decode(der).load().public_bytes(Encoding.PEM))
    crl = str(tmp_path / "crl.pem")
    told = run_openssl("crl", "-verify", "-CAfile", anchor, "-noout", "-text", "-in", crl)
    assert told.returncode == 0
    assert "verify OK" in told.stderr
    assert "Superseded" in told.stdout
    assert "Certificate Hold" in told.stdout
    for certificate, fine in ((good, True), (bad, False), (held, False)):
        file = pem(tmp_path, "ee.pem", certificate)
        done = run_openssl("verify", "-x509_strict", "-crl_check", "-CAfile", anchor, "-CRLfile", crl, file)
        assert (done.returncode == 0) == fine, done.stderr
        assert ("certificate revoked" in done.stderr) != fine


def test_large_crl() -> None:
    own = authority()
    one = issued(own.issue(order(), NOW).certificate, reason=1)
    der, _ = own.sign_crl([one._replace(serial=serial) for serial in range(1, 20_001)], 1, NOW)
    assert len(der) > 256 * 1024, "longer than any message that we read"
    assert len(x509.load_der_x509_crl(der)) == 20_000


# --- Consent ---


@pytest.mark.parametrize("reason", [None, 0, 1, 2, 3, 4, 5, 6, 8, 9, 10])
def test_consent(reason: int | None) -> None:
    own = authority()
    own.revoke(issued(own.issue(order(), NOW).certificate), reason, NOW, NOW)


@pytest.mark.parametrize("reason", [-1, 7, 11, 2**64, 10**5000], ids=range(5))
def test_no_such_reason(reason: int) -> None:
    own = authority()
    with pytest.raises(Refused) as caught:
        own.revoke(issued(own.issue(order(), NOW).certificate), reason, NOW, NOW)
    assert caught.value.fail_info.names == ("BAD_REQUEST",)


def test_another_authority_s_certificate() -> None:
    own, other = authority(), LocalAuthority(*ca("ed25519"))
    one = issued(other.issue(order(), NOW).certificate, issuer=b"another")
    with pytest.raises(Refused, match="not of this authority") as caught:
        own.revoke(one, 1, NOW, NOW)
    assert caught.value.fail_info.names == ("WRONG_AUTHORITY",)


# --- Delays ---


def test_delay() -> None:
    own: Authority = Delayed(authority(), 10, reason="four eyes")
    asked = order()
    for waited, left in ((0, 10), (0.5, 10), (9, 1), (9.999, 1), (-5, 15)):
        with pytest.raises(NotYet) as caught:
            own.issue(asked, NOW + timedelta(seconds=waited))
        assert (caught.value.check_after, caught.value.reason) == (left, "four eyes")
    issue = own.issue(asked, NOW + timedelta(seconds=10))
    one = issued(issue.certificate)
    with pytest.raises(NotYet):
        own.revoke(one, 1, NOW, NOW)
    own.revoke(one, 1, NOW + timedelta(seconds=10), NOW)
    assert own.chain == authority().chain
    assert own.name == authority().name
    assert own.sign_crl([one], 1, NOW)[0]


def test_delay_of_one_kind() -> None:
    issuing, revoking = Delayed(authority(), 10, {"issue"}), Delayed(authority(), 10, {"revoke"})
    one = issued(revoking.issue(order(), NOW).certificate)
    issuing.revoke(one, 1, NOW, NOW)
    with pytest.raises(NotYet):
        issuing.issue(order(), NOW)
    with pytest.raises(NotYet):
        revoking.revoke(one, 1, NOW, NOW)
    Delayed(authority(), 0).issue(order(), NOW)


def test_refusals_pass_through() -> None:
    with pytest.raises(Refused):
        Delayed(authority(), 0).issue(order(subject=None), NOW)


@pytest.mark.parametrize(("seconds", "which"), [(-1, {"issue"}), (10**10, {"issue"}), (1, {"sign"}), (1, "issue")])
def test_delays_that_make_no_sense(seconds: float, which: Any) -> None:
    with pytest.raises(ValueError, match=r"seconds|which"):
        Delayed(authority(), seconds, which)
