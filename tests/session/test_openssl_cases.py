"""What the installed `openssl cmp` can ask of `serve` beside the documented session; and what goes wrong, over plain HTTP.

One server with a profile for each case serves nearly all tests; those that need it to end start their own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import cmpcodec as cmp
from cmpcodec.messages import cert_hash
from cmpcodec.pkix import Certificate, Name
from tests.openssl import needs_openssl
from tests.server.support import KEYS, Device, cert_request, certificates, pkcs10, rejected, responses, rev_details

from .support import OPENSSL, Served, Wire, in_order, run

pytestmark = needs_openssl

CONFIGURATION = """
[server.limits]
sweep = 0.2

[authority.ec]
create = true
subject = "CN=EC CA"
[authority.rsa]
create = true
algorithm = "rsa-2048"
subject = "CN=RSA CA"

[profile.czertainly]
authority = "ec"
secret = "pass:mySecret"

[profile.rsa]
authority = "rsa"
secret = "pass:secretOf-rsa"
extra_certs = true

[profile.several]
authority = "ec"
secrets = { "device-1" = "pass:severalFirst", "device-2" = "pass:severalSecond" }

[profile.open]
authority = "ec"
secret = "pass:secretOf-open"
secrets = { "device-1" = "pass:openFirst" }
unprotected_errors = true

[profile.strict]
authority = "ec"
strict = true
secrets = { "device-1" = "pass:strictFirst" }

[profile.slow]
authority = "ec"
secret = "pass:secretOf-slow"
[profile.slow.delay]
time = 1
which = ["issue"]
reason = "somebody has to look at it"

[profile.hasty]
authority = "ec"
secret = "pass:secretOf-hasty"
confirm_wait = 1
"""
VALIDATED = "successfully validated PBM-based CMP message protection"
IR = ("-cmd", "ir", "-newkey", "ec.pem", "-subject", "/CN=device-1")


def make_keys(folder: Path) -> None:
    run("openssl ecparam -name prime256v1 -genkey -noout -out ec.pem", folder)
    run("openssl genrsa -out rsa.pem 2048", folder)
    for kind in ("ec", "rsa"):
        request = f"openssl req -new -key {kind}.pem -subj /CN=asked-{kind} -addext subjectAltName=DNS:{kind}.example"
        run(f"{request} -out {kind}.csr", folder)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "cmpcodec.toml").write_text(CONFIGURATION)
    make_keys(folder)
    with Served(folder, ("--config", "cmpcodec.toml")) as served:
        yield served
    log = served.log()
    assert "Traceback" not in log
    for secret in ("mySecret", "secretOf", "severalFirst", "severalSecond", "openFirst", "strictFirst"):
        assert secret not in log


@pytest.fixture
def folder(server: Served, tmp_path: Path) -> Path:
    """A folder with the keys and requests."""
    for file in server.folder.glob("*.[pc][es][mr]"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def openssl(
    server: Served,
    folder: Path,
    *arguments: str,
    profile: str = "czertainly",
    secret: str | None = None,
    code: int | None = 0,
) -> str:
    """Run its client against a profile, with that profile's secret; what it says."""
    secret = secret or ("mySecret" if profile == "czertainly" else f"secretOf-{profile}")
    where = ["-server", f"127.0.0.1:{server.port}", "-path", f"api/v1/protocols/cmp/raProfile/{profile}"]
    common = ["-config", "", "-verbosity", "8", "-secret", f"pass:{secret}", "-certout", "new.pem"]
    sender = [] if "-subject" in arguments else ["-subject", "/CN=device-1"]  # it wants to name itself
    return run([*OPENSSL, *where, *common, *sender, *arguments], folder, code)


def issued(folder: Path, file: str = "new.pem") -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / file).read_bytes())


def revoked(server: Served, profile: str = "czertainly") -> dict[int, x509.RevokedCertificate]:
    return {entry.serial_number: entry for entry in x509.load_der_x509_crl(server.crl(profile))}


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


# --- HTTP's refusals ---

POST = "/api/v1/protocols/cmp/raProfile/czertainly"


@pytest.mark.parametrize(
    ("method", "path", "size", "media", "status"),
    [
        ("POST", "/api/v1/protocols/cmp/raProfile/nobody", 100, "application/pkixcmp", 404),
        ("POST", "/api/v1/protocols/cmp/nobody", 100, "application/pkixcmp", 404),
        ("POST", "/.well-known/cmp/p/nobody", 100, "application/pkixcmp", 404),
        ("POST", "/nowhere", 100, "application/pkixcmp", 404),
        ("POST", POST, 262144, "application/pkixcmp", 200),
        ("POST", POST, 262145, "application/pkixcmp", 413),
        ("POST", POST, 1 << 24, "application/pkixcmp", 413),
        ("POST", POST, 100, "application/octet-stream", 415),
        ("POST", POST, 100, "application/pkixcmp-poll", 415),
        ("POST", POST, 100, "", 415),
        ("GET", POST, 0, "application/pkixcmp", 405),
        ("PUT", POST, 100, "application/pkixcmp", 405),
        ("DELETE", POST, 0, "application/pkixcmp", 405),
    ],
)
def test_http_refusals(server: Served, method: str, path: str, size: int, media: str, status: int) -> None:
    body = b"0" * size if size else None
    got, headers, answer = server.request(method, path, body, **({"Content_Type": media} if media else {}))
    assert got == status
    if status == 405:
        assert "POST" in headers["allow"]
    if status == 200:
        assert cmp.decode(answer).body.error.pki_status_info.fail_info == cmp.PKIFailureInfo.BAD_DATA_FORMAT
    else:
        assert headers["content-type"].startswith("text/plain")
        assert b"\n" in answer


def test_openssl_and_a_profile_that_is_not_there(server: Served, folder: Path) -> None:
    output = openssl(server, folder, *IR, profile="nobody", code=1)
    assert "404" in output


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\0", b"\x30", b"\x30\x80\0\0", b"GET / HTTP/1.0\r\n\r\n", os.urandom(1000), b"\x30\x84\xff\xff\xff\xff", b"\x30\x00"],
    ids=["nothing", "NUL", "one octet", "indefinite", "HTTP", "random", "long", "empty SEQUENCE"],
)  # fmt: skip
def test_garbage(server: Served, garbage: bytes) -> None:
    answer = cmp.decode(server.post(garbage))
    assert answer.protection is None
    assert answer.body.error.pki_status_info.fail_info == cmp.PKIFailureInfo.BAD_DATA_FORMAT
    assert answer.header.recipient.directory_name == Name([])


# --- Transactions ---


@pytest.fixture
def wire(server: Served) -> Iterator[Wire]:
    with Wire(server.port) as wire:
        yield wire


def status_of(server: Served, certificate: Certificate) -> str:
    """Whether the certificate is in the CRL; certificates that wait for confirmation are not yet."""
    return "revoked" if certificate.load().serial_number in revoked(server) else "good"


def test_transaction_id_in_use(server: Served, wire: Wire) -> None:
    """Another request of the same transactionID is refused; the transaction goes on as if nothing had come."""
    device = wire.device()
    certificate = device.enroll()
    other = wire.device()
    other.transaction_id = device.transaction_id
    for body in ({"ir": [cert_request(subject="other")]}, {"p10cr": pkcs10()}, {"cr": [cert_request()]}):
        assert other.refused(body) == "TRANSACTION_ID_IN_USE"
    assert other.refused({"rr": [rev_details(Name.decode(certificate.load().issuer.public_bytes()), 1)]}) == (
        "TRANSACTION_ID_IN_USE"
    )
    assert device.confirm((0, certificate)).body.name == "pkiconf"
    assert other.refused({"ir": [cert_request(subject="other")]}) == "TRANSACTION_ID_IN_USE"
    assert status_of(server, certificate) == "good"


def test_a_stranger_in_the_middle(server: Served, wire: Wire) -> None:
    """Messages of the right transactionID from somebody without the secret change nothing, an error least of all."""
    device = wire.device()
    certificate = device.enroll()
    stranger = wire.device(b"guess")
    stranger.transaction_id, stranger.server_nonce = device.transaction_id, device.server_nonce
    failed = {"pki_status_info": {"status": cmp.PKIStatus.REJECTION}}
    for body in (
        {"error": failed},
        {"cert_conf": [{"cert_hash": b"wrong", "cert_req_id": 0}]},
        {"cert_conf": []},
        {"poll_req": [{"cert_req_id": 0}]},
    ):
        for credential in (stranger.credential, None):
            wire.post(stranger.message(body, credential=credential))
    assert device.confirm((0, certificate)).body.name == "pkiconf"
    assert status_of(server, certificate) == "good"


def test_replayed_nonce(server: Served, wire: Wire) -> None:
    """A certConf has to bring back the senderNonce of the answer that it follows, not an older one."""
    device = wire.device()
    certificate = device.enroll()
    fresh = device.server_nonce
    for nonce in (None, os.urandom(16), wire.device().enroll() and os.urandom(16)):
        device.server_nonce = nonce
        assert "BAD_RECIPIENT_NONCE" in device.refused(
            {"cert_conf": [{"cert_hash": cert_hash(certificate), "cert_req_id": 0}]}
        )
    device.server_nonce = fresh
    assert device.confirm((0, certificate)).body.name == "pkiconf"
    assert status_of(server, certificate) == "good"


def test_nonce_of_another_transaction(server: Served, wire: Wire) -> None:
    first, second = wire.device(), wire.device()
    one, _ = first.enroll(), second.enroll()
    first.server_nonce, right = second.server_nonce, first.server_nonce
    assert first.refused({"cert_conf": [{"cert_hash": cert_hash(one), "cert_req_id": 0}]}) == "BAD_RECIPIENT_NONCE"
    first.server_nonce = right
    assert first.confirm((0, one)).body.name == "pkiconf"


@pytest.mark.parametrize("wrong", ["random", "of another certificate", "empty", "cut"])
def test_wrong_cert_hash(server: Served, wire: Wire, wrong: str) -> None:
    device = wire.device()
    certificate = device.enroll()
    right = cert_hash(certificate)
    value = {
        "random": os.urandom(32),
        "of another certificate": cert_hash(wire.device().enroll()),
        "empty": b"",
        "cut": right[:-1],
    }[wrong]
    assert device.refused({"cert_conf": [{"cert_hash": value, "cert_req_id": 0}]}) == "BAD_CERT_ID"
    assert status_of(server, certificate) == "revoked"
    device.server_nonce = cmp.decode(device.answer.der).header.sender_nonce
    assert device.refused({"cert_conf": [{"cert_hash": right, "cert_req_id": 0}]}) == "CERT_CONFIRMED"
    assert status_of(server, certificate) == "revoked"


def test_wrong_proof_of_possession(wire: Wire) -> None:
    answer = wire.device().send({"ir": [cert_request(0, prover=KEYS[1])]})
    assert rejected(answer) == "BAD_POP"


def test_several_requests_in_one_message(server: Served, wire: Wire) -> None:
    device = wire.device()
    answer = device.send({"ir": [cert_request(number, f"device-{number}") for number in range(4)]})
    assert [response.cert_req_id for response in responses(answer)] == [0, 1, 2, 3]
    made = certificates(answer)
    device.confirm(*enumerate(made[:3]))
    assert [status_of(server, one) for one in made] == ["good"] * 3 + ["revoked"]


# --- Retransmission ---


def all_kinds(device: Callable[[], Device]) -> list[tuple[bytes, bytes]]:
    """Messages of every kind, each with its answer."""
    exchanged: list[tuple[bytes, bytes]] = []

    def took(one: Device) -> None:
        assert one.answer is not None
        exchanged.append((one.last, one.answer.der))

    def finish(one: Device, certificate: Certificate, number: int = 0) -> None:
        took(one)
        assert one.confirm((number, certificate)).body.name == "pkiconf"
        took(one)

    for kind in ("ir", "cr"):
        one = device()
        finish(one, certificate := one.enroll(kind=kind))
    one = device()
    finish(one, certificates(one.send({"p10cr": pkcs10()}))[0], -1)
    issuer = Name.decode(certificate.load().issuer.public_bytes())
    one = device()
    finish(one, one.enroll(cert_request(old=(issuer, certificate.load().serial_number), subject=None), kind="kur"))
    one = device()
    one.enroll(implicit=True)
    took(one)
    one = device()
    one.send({"rr": [rev_details(issuer, certificate.load().serial_number, 1)]})
    took(one)
    one = device()
    one.enroll()
    took(one)
    assert one.send({"error": {"pki_status_info": {"status": cmp.PKIStatus.REJECTION}}}).body.name == "pkiconf"
    took(one)
    one = device()
    one.enroll()
    took(one)
    one.refused({"cert_conf": [{"cert_hash": b"wrong", "cert_req_id": 0}]})
    took(one)
    return exchanged


def polled(device: Device) -> list[tuple[bytes, bytes]]:
    """ir, ip (waiting), pollReq, pollRep."""
    exchanged = []
    for body in ({"ir": [cert_request()]}, {"poll_req": [{"cert_req_id": 0}]}):
        device.send(body)
        exchanged.append((device.last, device.answer.der))
    return exchanged


def test_every_message_again(tmp_path: Path) -> None:
    """The same octets get the same octets: at once, later, and from a server that was started again."""
    (tmp_path / "cmpcodec.toml").write_text(CONFIGURATION)
    arguments = ("--config", "cmpcodec.toml")
    with Served(tmp_path, arguments) as server, Wire(server.port) as wire, Wire(server.port, "slow") as slow:
        exchanged = all_kinds(wire.device)
        waiting = polled(slow.device(b"secretOf-slow"))
        for request, answer in reversed(exchanged):
            assert wire.post(request) == answer
        for request, answer in waiting:
            assert slow.post(request) == answer
        listed = set(revoked(server))
    assert len(exchanged) == 14
    with Served(tmp_path, arguments) as server, Wire(server.port) as wire, Wire(server.port, "slow") as slow:
        for request, answer in exchanged:
            assert wire.post(request) == answer
        for request, answer in waiting:
            assert slow.post(request) == answer
        assert set(revoked(server)) == listed
        assert server.log().count("repeated=true") == 2 * (len(exchanged) + len(waiting))


def test_one_octet_more_is_another_message(wire: Wire) -> None:
    """A retransmission is the same octets: extraCerts, which no MAC protects, make another message of it."""
    device = wire.device()
    device.enroll()
    message: Any = cmp.decode(device.last)
    changed = message.replace(extra_certs=cmp.ExtraCerts([cmp.CMPCertificate(b"\x30\x00")]))
    answer = cmp.decode(wire.post(changed.der))
    assert answer.body.error.pki_status_info.fail_info == cmp.PKIFailureInfo.TRANSACTION_ID_IN_USE
