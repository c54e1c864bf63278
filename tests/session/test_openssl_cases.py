"""What the installed `openssl cmp` can ask of `serve` beside the documented session.

One server with a profile for each case serves nearly all tests; those that need it to end start their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import cmpcodec as cmp
from tests.openssl import needs_openssl
from tests.server.support import cert_request

from .cases import IR, VALIDATED, issued, openssl, revoked
from .support import Served, Wire, in_order

pytestmark = needs_openssl


# --- What openssl can ask for ---


@pytest.mark.parametrize("profile", ["czertainly", "rsa"])
@pytest.mark.parametrize("kind", ["ec", "rsa"])
@pytest.mark.parametrize(("command", "answer"), [("ir", "IP"), ("cr", "CP")])
def test_ir_and_cr(server: Served, folder: Path, command: str, answer: str, kind: str, profile: str) -> None:
    """Keys of both kinds from CAs of both kinds; the chain that comes with it verifies the certificate."""
    sans = "device.example, 192.0.2.7, https://device.example/x"
    output = openssl(
        server, folder, "-cmd", command, "-newkey", f"{kind}.pem", "-subject", "/O=Org/CN=device-1", "-sans", sans,
        "-cacertsout", "ca.pem", "-chainout", "chain.pem", profile=profile,
    )  # fmt: skip
    in_order([f"sending {command.upper()}", f"received {answer}", "sending CERTCONF", "received PKICONF"], output)
    assert output.count(VALIDATED) == 2
    certificate = issued(folder)
    assert certificate.subject.rfc4514_string() == "CN=device-1,O=Org"
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey if kind == "ec" else rsa.RSAPublicKey)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["device.example"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.7"]
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["https://device.example/x"]
    certificate.verify_directly_issued_by(issued(folder, "ca.pem"))
    assert certificate.issuer.rfc4514_string() == f"CN={'RSA' if profile == 'rsa' else 'EC'} CA"
    assert certificate.serial_number not in revoked(server, profile)


@pytest.mark.parametrize("profile", ["czertainly", "rsa"])
@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_p10cr(server: Served, folder: Path, kind: str, profile: str) -> None:
    output = openssl(server, folder, "-cmd", "p10cr", "-csr", f"{kind}.csr", profile=profile)
    in_order(["sending P10CR", "received CP", "sending CERTCONF", "received PKICONF"], output)
    certificate = issued(folder)
    assert certificate.subject.rfc4514_string() == f"CN=asked-{kind}"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [f"{kind}.example"]


def test_kur_and_rr_in_another_profile(server: Served, folder: Path) -> None:
    """A certificate belongs to those who got it, even where the CA is the same."""
    openssl(server, folder, *IR, "-certout", "old.pem")
    renew = ("-cmd", "kur", "-oldcert", "old.pem", "-newkey", "rsa.pem")
    openssl(server, folder, *renew)
    assert issued(folder).subject == issued(folder, "old.pem").subject
    output = openssl(server, folder, *renew, profile="open", code=1)
    assert "badCertId" in output
    output = openssl(server, folder, "-cmd", "rr", "-oldcert", "old.pem", "-revreason", "1", profile="open", code=1)
    assert "PKIStatus: rejection" in output
    assert issued(folder, "old.pem").serial_number not in revoked(server)
    output = openssl(server, folder, "-cmd", "rr", "-oldcert", "old.pem", "-revreason", "5")
    assert "revocation accepted (PKIStatus=accepted)" in output
    entry = revoked(server)[issued(folder, "old.pem").serial_number]
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.cessation_of_operation
    output = openssl(server, folder, "-cmd", "rr", "-oldcert", "old.pem", code=1)
    assert "certRevoked" in output
    output = openssl(server, folder, *renew, code=1)
    assert "certRevoked" in output


@pytest.mark.parametrize(
    ("request_", "answer"),
    [(IR, "IP"), (("-cmd", "cr", *IR[2:]), "CP"), (("-cmd", "p10cr", "-csr", "ec.csr"), "CP")],
    ids=["ir", "cr", "p10cr"],
)
def test_polling(server: Served, folder: Path, request_: tuple[str, ...], answer: str) -> None:
    output = openssl(server, folder, *request_, profile="slow")
    in_order(
        [
            f"received {answer}",
            "sending POLLREQ",
            "received POLLREP",
            "received polling response.*somebody has to look at it",
            "sending POLLREQ",
            f"received {answer}",
            "sending CERTCONF",
            "received PKICONF",
        ],
        output,
    )
    assert issued(folder)


def test_polling_with_a_deadline(server: Served, folder: Path) -> None:
    output = openssl(server, folder, *IR, "-total_timeout", "1", profile="slow", code=1)
    assert "total timeout" in output
    assert not (folder / "new.pem").exists()


def test_implicit_confirm(server: Served, folder: Path) -> None:
    output = openssl(server, folder, *IR, "-implicit_confirm", profile="hasty")
    assert "CERTCONF" not in output
    time.sleep(1.5)  # longer than confirm_wait
    assert issued(folder).serial_number not in revoked(server, "hasty")
    openssl(server, folder, "-cmd", "rr", "-oldcert", "new.pem", profile="hasty")


def test_disable_confirm(server: Served, folder: Path) -> None:
    """Nobody confirms, so the certificate is revoked after confirm_wait."""
    output = openssl(server, folder, *IR, "-disable_confirm", profile="hasty")
    assert "CERTCONF" not in output
    serial = issued(folder).serial_number
    until(lambda: serial in revoked(server, "hasty"))
    output = openssl(server, folder, "-cmd", "kur", "-oldcert", "new.pem", "-newkey", "ec.pem", profile="hasty", code=1)
    assert "certRevoked" in output


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("profile", ["several", "strict"])
def test_secrets_by_reference(server: Served, folder: Path, profile: str) -> None:
    openssl(server, folder, *IR, "-ref", "device-1", profile=profile, secret=f"{profile}First")
    assert issued(folder).subject.rfc4514_string() == "CN=device-1"
    if profile == "several":
        openssl(server, folder, *IR, "-ref", "device-2", profile=profile, secret="severalSecond")
        output = openssl(server, folder, *IR, "-ref", "device-2", profile=profile, secret="severalFirst", code=1)
        assert "wrong pbm value" in output


def test_strict_wants_to_know_the_sender(server: Served, folder: Path) -> None:
    request = ("-cmd", "ir", "-newkey", "ec.pem", "-subject", "/CN=somebody else", "-ref", "device-1")
    output = openssl(server, folder, *request, profile="strict", secret="strictFirst", code=1)
    assert "badMessageCheck" in output
    assert "the commonName of sender is not the senderKID" in output
    assert not (folder / "new.pem").exists()


# --- Strangers ---


def test_wrong_secret(server: Served, folder: Path) -> None:
    """The answer is protected by a secret that nobody has; told to, the client shows what it says in spite of that."""
    output = openssl(server, folder, *IR, secret="yourSecret", code=1)
    in_order(["received ERROR", "wrong pbm value"], output)
    assert "badMessageCheck" not in output
    output = openssl(server, folder, *IR, "-unprotected_errors", secret="yourSecret", code=1)
    in_order(["received ERROR", "ignoring invalid protection of error response", "badMessageCheck"], output)
    assert not (folder / "new.pem").exists()


def test_wrong_secret_with_open_errors(server: Served, folder: Path) -> None:
    output = openssl(server, folder, *IR, secret="yourSecret", profile="open", code=1)
    in_order(["received ERROR", "missing protection"], output)
    output = openssl(server, folder, *IR, "-unprotected_errors", secret="yourSecret", profile="open", code=1)
    in_order(["received ERROR", "badMessageCheck"], output)
    assert "the protection does not fit" in output


def anonymous(output: str) -> list[str]:
    """What openssl says, without what differs from run to run."""
    return [line for line in output.splitlines() if "transaction with ID" not in line and "will contact" not in line]


@pytest.mark.parametrize(("profile", "options"), [("several", ()), ("open", ()), ("open", ("-unprotected_errors",))])
def test_unknown_reference_looks_like_a_wrong_secret(
    server: Served, folder: Path, profile: str, options: tuple[str, ...]
) -> None:
    shown = [
        openssl(server, folder, *IR, *options, "-ref", reference, secret="guess", profile=profile, code=1)
        for reference in ("device-1", "device-9")
    ]
    first, second = map(anonymous, shown)
    assert [line.partition(":error:")[2] or line for line in first] == [
        line.partition(":error:")[2] or line for line in second
    ]
    with Wire(server.port, profile) as wire:
        answers = []
        for kid in (b"device-1", b"device-9"):
            device = wire.device(b"guess", kid)
            answers.append(cmp.decode(wire.post(device.message({"ir": [cert_request()]}))))
        for one in answers:
            assert one.body.der == answers[0].body.der
            assert len(one.der) == len(answers[0].der)


def test_openssl_and_a_profile_that_is_not_there(server: Served, folder: Path) -> None:
    output = openssl(server, folder, *IR, profile="nobody", code=1)
    assert "404" in output
