"""OpenSSL's own client against the stand-alone server: the transaction, the refusals, and the delayed acknowledgement.

The client sends header and body in two segments. On a kept connection that used to cost 40 ms for each transaction; see
`Connection._acknowledge`. Times are compared with one another, never with a clock.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cmpcodec.authority import LocalAuthority, create_ca
from cmpcodec.http.gateway import Gateway
from cmpcodec.http.runner import server_tls
from cmpcodec.server import Profile, Responder, SharedSecrets
from cmpcodec.store import MemoryStore
from tests.http import support
from tests.openssl import needs_openssl

OPENSSL = shutil.which("openssl") or ""
ROUNDS = 200


pytestmark = needs_openssl


@pytest.fixture
def responder() -> Responder:
    key, certificate = create_ca("CN=Test CA", "ec-p256")
    authority = LocalAuthority(key, certificate)
    profile = Profile(name="czertainly", authority=authority, lookup=SharedSecrets({}, default=b"mySecret"))
    return Responder([profile], MemoryStore())


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "key.pem"
    subprocess.run(
        [OPENSSL, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(file)],
        check=True, capture_output=True,
    )  # fmt: skip
    return file


def ir(
    port: int, key: Path, *more: str, path: str = "api/v1/protocols/cmp/raProfile/czertainly"
) -> subprocess.CompletedProcess[str]:
    """Run the client."""
    return subprocess.run(
        [OPENSSL, "cmp", "-cmd", "ir", "-server", f"127.0.0.1:{port}", "-path", path, "-secret", "pass:mySecret",
         "-newkey", str(key), "-subject", "/CN=cmp-certificate", "-certout", str(key.with_name("cert.pem")), *more],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=600,
    )  # fmt: skip


def seconds(port: int, key: Path, *more: str, rounds: int = ROUNDS) -> float:
    """How long many transactions take."""
    began = time.monotonic()
    done = ir(port, key, "-repeat", str(rounds), "-verbosity", "3", *more)
    taken = time.monotonic() - began
    assert done.returncode == 0, done.stdout
    return taken


def test_transaction_as_documented(responder: Responder, key: Path) -> None:
    """The log of the document: the connection is kept from ir to certConf, and ended by it."""
    with support.running(Gateway(responder)) as server:
        done = ir(server.listening.port, key, "-verbosity", "8")
    assert done.returncode == 0, done.stdout
    expected = (
        "sending IR", "connecting to CMP server", "finished reading response from CMP server", "received IP",
        "successfully validated PBM-based CMP message protection", "sending CERTCONF", "disconnected from CMP server",
        "finished reading response from CMP server", "received PKICONF", "enrolled certificate(s), saving",
    )  # fmt: skip
    position = 0
    for line in expected:
        position = done.stdout.find(line, position) + 1
        assert position, f"{line!r} is missing, or in the wrong place:\n{done.stdout}"
    assert done.stdout.count("connecting to CMP server") == 1


@pytest.mark.parametrize(
    "path",
    [".well-known/cmp", ".well-known/cmp/initialization", ".well-known/cmp/p/czertainly", "ejbca/publicweb/cmp/czertainly",
     "/api/v1/protocols/cmp/czertainly", "pkix/"],
)  # fmt: skip
def test_paths(responder: Responder, key: Path, path: str) -> None:
    with support.running(Gateway(responder, aliases={"/pkix/": "czertainly"})) as server:
        done = ir(server.listening.port, key, path=path)
    assert done.returncode == 0, done.stdout


def test_tls(responder: Responder, key: Path, certificates: dict[str, Path]) -> None:
    tls = server_tls(certificates["server"], certificates["server"])
    with support.running(Gateway(responder), tls=tls) as server:
        done = ir(
            server.listening.port, key, "-tls_used", "-tls_trusted", str(certificates["server"]), "-verbosity", "8"
        )
    assert done.returncode == 0, done.stdout
    assert "using TLS" in done.stdout


def test_refusals(responder: Responder, key: Path) -> None:
    with support.running(Gateway(responder, max_body=300)) as server:
        done = ir(server.listening.port, key, path="api/v1/protocols/cmp/raProfile/unknown")
        assert done.returncode != 0
        assert "code=404" in done.stdout, done.stdout
        done = ir(server.listening.port, key)
        assert done.returncode != 0
        assert "code=413" in done.stdout, done.stdout


def test_kept_connections_cost_nothing(responder: Responder, key: Path) -> None:
    """200 transactions take about as long with -keep_alive 0 as without; before the remedy it was eight times as long."""
    with support.running(Gateway(responder)) as server:
        port = server.listening.port
        ratios = []
        for _ in range(4):  # a busy machine may spoil a measurement, not four
            closed = seconds(port, key, "-keep_alive", "0")
            kept = seconds(port, key)
            ratios.append(kept / closed)
            if ratios[-1] < 2:
                break
    print(f"kept: {kept:.2f} s, closed: {closed:.2f} s, for {ROUNDS} transactions")
    assert min(ratios) < 2, ratios


@contextlib.contextmanager
def without_the_remedy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr("cmpcodec.http.connection.QUICKACK", None)
        yield


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels delay otherwise")
def test_the_measurement_sees_the_delay(responder: Responder, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the remedy the same client is slow: else the test above would show nothing."""
    with support.running(Gateway(responder)) as server:
        port = server.listening.port
        with_remedy = seconds(port, key, rounds=50)
        with without_the_remedy(monkeypatch):
            without = seconds(port, key, rounds=50)
    print(f"with the remedy: {with_remedy:.2f} s, without: {without:.2f} s")
    assert without - with_remedy > 50 * 0.02, "the kernel does not delay acknowledgements here"
