"""Our client against the mock server of the installed `openssl cmp`, over HTTP, in a network namespace of its own.

Needs `unshare -rn` and `ip` (Linux that lets users make namespaces); skipped where they are not to be had.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import load_pem_x509_certificate

from tests.openssl import needs_openssl
from tests.protection import pki

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120


def namespaces() -> bool:
    try:
        return not subprocess.run(
            ["unshare", "-rn", "ip", "link", "set", "lo", "up"], check=False, capture_output=True
        ).returncode
    except FileNotFoundError:
        return False


pytestmark = [
    needs_openssl,
    pytest.mark.skipif(not namespaces(), reason="no network namespaces here: openssl would listen on all interfaces"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys and certificates: new.* for our key, issued by ca.*; other.pem for another key."""
    folder = tmp_path_factory.mktemp("keys")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=PATIENCE)

    (folder / "empty.cnf").write_text("[req]\ndistinguished_name = dn\n[dn]\n")
    for name in ("new", "other", "ca", "root"):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{name}.key")
    made = ("req", "-config", "empty.cnf", "-new")
    openssl(*made, "-x509", "-key", "root.key", "-subj", "/CN=Root", "-out", "root.pem")
    for name, subject, issuer in (("ca", "Issuing", "root"), ("new", "device-1", "ca"), ("other", "device-1", "ca")):
        openssl(*made, "-key", f"{name}.key", "-subj", f"/CN={subject}", "-out", f"{name}.csr")
        signer = ("-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-CAcreateserial")
        openssl("x509", "-req", "-in", f"{name}.csr", *signer, "-out", f"{name}.pem")
    openssl("x509", "-in", "new.pem", "-outform", "DER", "-out", "new.cer")
    return folder


Talk = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def talk(folder: Path) -> Iterator[Talk]:
    """How a conversation ended: `talk(request, *options of the server, **scenario)`, see talk_to_openssl.py."""
    shell = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    program = [sys.executable, "-m", "tests.client.talk_to_openssl"]
    pipe = subprocess.PIPE
    with subprocess.Popen([*shell, *program], cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None

        def talk(request: str, *server: str, **scenario: Any) -> dict[str, Any]:
            scenario |= {"request": request, "server": server, "folder": str(folder)}
            print(json.dumps(scenario), file=child.stdin, flush=True)
            line = child.stdout.readline()
            assert line, "the conversation failed; its output tells why, and " + (folder / "server.log").read_text()
            told: dict[str, Any] = json.loads(line)
            return told

        yield talk
        child.stdin.close()


def issued(folder: Path) -> str:
    return (folder / "new.cer").read_bytes().hex()


@pytest.mark.parametrize("request_", ["ir", "cr", "kur", "p10cr"])
@pytest.mark.parametrize("in_loop", [False, True], ids=["sync", "async"])
def test_certificate(talk: Talk, folder: Path, request_: str, in_loop: bool) -> None:
    told = talk(request_, **{"async": in_loop})
    assert told["end"] == "Enrolment", told
    assert told["confirmation"] == "confirmed"
    assert told["certificate"] == issued(folder)
    answer = {"ir": "IP", "cr": "CP", "kur": "KUP", "p10cr": "CP"}[request_]
    assert told["reports"][1:] == [
        f"info sending {request_.upper()}",
        "debug connecting to CMP server 127.0.0.1:8080",
        "debug finished reading response from CMP server",
        f"info received {answer}",
        "debug validating CMP message",
        "debug successfully validated PBM-based CMP message protection",
        "debug trying to build chain for newly enrolled cert",
        "debug success building approximate chain for newly enrolled cert",
        "info sending CERTCONF",
        "debug disconnected from CMP server",
        "debug finished reading response from CMP server",
        "info received PKICONF",
        "debug validating CMP message",
        "debug successfully validated PBM-based CMP message protection",
    ], "the order of openssl's own client"


def test_certificates_beside_it(talk: Talk) -> None:
    told = talk("ir", "-rsp_capubs", "root.pem", "-rsp_extracerts", "ca.pem")
    assert [len(told[name]) for name in ("ca_pubs", "extra_certs", "chain")] == [1, 1, 1]
    assert told["chain"] == told["extra_certs"]


def test_implicit_confirmation(talk: Talk) -> None:
    told = talk("ir", "-grant_implicitconf", arguments={"implicit_confirm": True})
    assert told["confirmation"] == "implicit"
    assert "info sending CERTCONF" not in told["reports"]
    told = talk("ir", arguments={"implicit_confirm": True})
    assert told["confirmation"] == "confirmed"


@pytest.mark.parametrize("request_", ["ir", "kur", "p10cr"])
def test_polling(talk: Talk, request_: str) -> None:
    told = talk(request_, "-poll_count", "3", "-check_after", "0")
    assert told["confirmation"] == "confirmed"
    assert told["reports"].count("info sending POLLREQ") == 3
    assert "info received final response after polling" in told["reports"]


@pytest.mark.parametrize("request_", ["ir", "rr"])
def test_rejection(talk: Talk, request_: str) -> None:
    told = talk(request_, "-pkistatus", "2", "-failure", "17", "-statusstring", "not today")
    assert (told["end"], told["authenticated"]) == ("RequestRejected", True)
    assert "ADD_INFO_NOT_AVAILABLE" in told["text"]
    assert "not today" in told["text"]


def test_granted_with_mods(talk: Talk) -> None:
    told = talk("ir", "-pkistatus", "1")
    assert (told["end"], told["status"], told["confirmation"]) == ("Enrolment", 1, "confirmed")


def test_error(talk: Talk) -> None:
    told = talk("ir", "-send_error", "-failure", "25")
    assert (told["end"], told["authenticated"]) == ("RequestRejected", True)
    assert "failInfo" in told["text"]


def test_wrong_secret(talk: Talk) -> None:
    told = talk("ir", secret="guess")
    assert told["end"] == "InvalidProtection"


def test_unprotected_answers(talk: Talk) -> None:
    for shown in (False, True):
        told = talk("ir", "-send_unprotected", settings={"unprotected_errors": shown})
        assert told["end"] == "MissingProtection"


def test_unprotected_errors(talk: Talk) -> None:
    options = ("-send_unprot_err", "-send_error", "-failure", "25")
    assert talk("ir", *options)["end"] == "MissingProtection"
    told = talk("ir", *options, settings={"unprotected_errors": True})
    assert (told["end"], told["authenticated"]) == ("RequestRejected", False)
    assert "failInfo" in told["text"]


def test_certificate_of_another_key(talk: Talk) -> None:
    told = talk("ir", "-rsp_cert", "other.pem")
    assert told["end"] == "RemoteProtocolError"
    assert told["reports"][-1] == "info received PKICONF", "the server has taken our refusal"


@pytest.mark.parametrize(("options", "end"), [((), "RequestRejected"), (("-accept_raverified",), "Enrolment")])
def test_verified_by_the_ra(talk: Talk, options: tuple[str, ...], end: str) -> None:
    assert talk("ir", *options, arguments={"proof": 0})["end"] == end


@pytest.mark.parametrize("arguments", [{}, {"reason": 1}])
@pytest.mark.parametrize("in_loop", [False, True], ids=["sync", "async"])
def test_revocation(talk: Talk, arguments: dict[str, Any], in_loop: bool) -> None:
    told = talk("rr", arguments=arguments, **{"async": in_loop})
    assert (told["end"], told["status"]) == ("Revocation", 0)
    assert told["reports"][1:] == [
        "info sending RR",
        "debug connecting to CMP server 127.0.0.1:8080",
        "debug disconnected from CMP server",
        "debug finished reading response from CMP server",
        "info received RP",
        "debug validating CMP message",
        "debug successfully validated PBM-based CMP message protection",
        "info revocation accepted (PKIStatus=accepted)",
    ]


@pytest.fixture(scope="module")
def pki_files(folder: Path) -> Path:
    """A hierarchy of its own for signatures, beside the other files: anchor, sub, and who is below it."""
    now = datetime.now(UTC)
    times: dict[str, Any] = {"since": now - pki.DAY, "until": now + pki.DAY}
    anchor = pki.ca("Anchor", **times)
    sub = pki.ca("Sub", anchor, **times)
    owners = {"anchor": anchor, "sub": sub, "signer": pki.owner("signer", sub, **times)}
    owners |= {kind: pki.owner("device-1", sub, kind=kind, **times) for kind in ("rsa", "p256", "p521")}
    for name, one in owners.items():
        (folder / f"{name}.pem").write_bytes(one.x509.public_bytes(Encoding.PEM))
        plain = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name}.key").write_bytes(one.key.private_bytes(*plain))
    return folder


SIGNING = ("-srv_cert", "signer.pem", "-srv_key", "signer.key", "-srv_untrusted", "sub.pem", "-srv_trusted")


@pytest.mark.parametrize("request_", ["ir", "cr", "kur", "p10cr", "rr"])
@pytest.mark.parametrize("kind", ["rsa", "p256", "p521"])
def test_signed(talk: Talk, pki_files: Path, kind: str, request_: str) -> None:
    told = talk(request_, *SIGNING, "anchor.pem", signs=kind)
    assert told["end"] in ("Enrolment", "Revocation"), told
    signer = load_pem_x509_certificate((pki_files / "signer.pem").read_bytes())
    assert told["signer"] == signer.public_bytes(Encoding.DER).hex()
    if request_ != "rr":
        assert (told["certificate"], told["confirmation"]) == (issued(pki_files), "confirmed")


def test_openssl_does_not_believe_us(talk: Talk, pki_files: Path) -> None:
    told = talk("ir", *SIGNING, "root.pem", signs="p256")
    assert (told["end"], told["authenticated"]) == ("RequestRejected", True)


def test_wrong_path(talk: Talk) -> None:
    told = talk("ir", transport={"path": "nowhere"})
    assert told["end"] == "TransportError"
    assert "404" in told["text"]
