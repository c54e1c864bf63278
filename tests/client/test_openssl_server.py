"""Our client against the mock server of the installed `openssl cmp`, over HTTP, in a network namespace of its own.

Needs `unshare -rn` and `ip` (Linux that lets users make namespaces); skipped where they are not to be had.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120


def namespaces() -> bool:
    try:
        return not subprocess.run(
            ["unshare", "-rn", "ip", "link", "set", "lo", "up"], check=False, capture_output=True
        ).returncode
    except FileNotFoundError:
        return False


pytestmark = pytest.mark.skipif(
    not namespaces(), reason="no network namespaces here: openssl would listen on all interfaces"
)


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


def talk(folder: Path, request: str, *server: str, **scenario: Any) -> dict[str, Any]:
    """How a conversation ended: see talk_to_openssl.py."""
    scenario |= {"request": request, "server": server, "folder": str(folder)}
    program = [sys.executable, "-m", "tests.client.talk_to_openssl", json.dumps(scenario)]
    shell = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *program]
    done = subprocess.run(shell, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr + (folder / "server.log").read_text()
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def issued(folder: Path) -> str:
    return (folder / "new.cer").read_bytes().hex()


@pytest.mark.parametrize("request_", ["ir", "cr", "kur", "p10cr"])
@pytest.mark.parametrize("in_loop", [False, True], ids=["sync", "async"])
def test_certificate(folder: Path, request_: str, in_loop: bool) -> None:
    told = talk(folder, request_, **{"async": in_loop})
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


def test_certificates_beside_it(folder: Path) -> None:
    told = talk(folder, "ir", "-rsp_capubs", "root.pem", "-rsp_extracerts", "ca.pem")
    assert [len(told[name]) for name in ("ca_pubs", "extra_certs", "chain")] == [1, 1, 1]
    assert told["chain"] == told["extra_certs"]


def test_implicit_confirmation(folder: Path) -> None:
    told = talk(folder, "ir", "-grant_implicitconf", arguments={"implicit_confirm": True})
    assert told["confirmation"] == "implicit"
    assert "info sending CERTCONF" not in told["reports"]
    told = talk(folder, "ir", arguments={"implicit_confirm": True})
    assert told["confirmation"] == "confirmed"


@pytest.mark.parametrize("request_", ["ir", "kur", "p10cr"])
def test_polling(folder: Path, request_: str) -> None:
    told = talk(folder, request_, "-poll_count", "3", "-check_after", "0")
    assert told["confirmation"] == "confirmed"
    assert told["reports"].count("info sending POLLREQ") == 3
    assert "info received final response after polling" in told["reports"]


@pytest.mark.parametrize("request_", ["ir", "rr"])
def test_rejection(folder: Path, request_: str) -> None:
    told = talk(folder, request_, "-pkistatus", "2", "-failure", "17", "-statusstring", "not today")
    assert (told["end"], told["authenticated"]) == ("RequestRejected", True)
    assert "ADD_INFO_NOT_AVAILABLE" in told["text"]
    assert "not today" in told["text"]


def test_granted_with_mods(folder: Path) -> None:
    told = talk(folder, "ir", "-pkistatus", "1")
    assert (told["end"], told["status"], told["confirmation"]) == ("Enrolment", 1, "confirmed")


def test_error(folder: Path) -> None:
    told = talk(folder, "ir", "-send_error", "-failure", "25")
    assert (told["end"], told["authenticated"]) == ("RequestRejected", True)
    assert "SYSTEM_FAILURE" in told["text"]


def test_wrong_secret(folder: Path) -> None:
    told = talk(folder, "ir", secret="guess")
    assert told["end"] == "InvalidProtection"


def test_unprotected_answers(folder: Path) -> None:
    for shown in (False, True):
        told = talk(folder, "ir", "-send_unprotected", settings={"unprotected_errors": shown})
        assert told["end"] == "MissingProtection"


def test_unprotected_errors(folder: Path) -> None:
    options = ("-send_unprot_err", "-send_error", "-failure", "25")
    assert talk(folder, "ir", *options)["end"] == "MissingProtection"
    told = talk(folder, "ir", *options, settings={"unprotected_errors": True})
    assert (told["end"], told["authenticated"]) == ("RequestRejected", False)
    assert "SYSTEM_FAILURE" in told["text"]


def test_certificate_of_another_key(folder: Path) -> None:
    told = talk(folder, "ir", "-rsp_cert", "other.pem")
    assert told["end"] == "RemoteProtocolError"
    assert told["reports"][-1] == "info received PKICONF", "the server has taken our refusal"


@pytest.mark.parametrize(("options", "end"), [((), "RequestRejected"), (("-accept_raverified",), "Enrolment")])
def test_verified_by_the_ra(folder: Path, options: tuple[str, ...], end: str) -> None:
    assert talk(folder, "ir", *options, arguments={"proof": 0})["end"] == end


@pytest.mark.parametrize("arguments", [{}, {"reason": 1}])
@pytest.mark.parametrize("in_loop", [False, True], ids=["sync", "async"])
def test_revocation(folder: Path, arguments: dict[str, Any], in_loop: bool) -> None:
    told = talk(folder, "rr", arguments=arguments, **{"async": in_loop})
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


def test_wrong_path(folder: Path) -> None:
    told = talk(folder, "ir", transport={"path": "nowhere"})
    assert told["end"] == "TransportError"
    assert "404" in told["text"]
