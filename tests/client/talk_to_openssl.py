"""Conversations of our client with the mock server of `openssl cmp`, over HTTP.

To be run in a network namespace of its own, because that server listens on all interfaces (test_openssl_server.py does it).
Each line of standard input is a scenario in JSON: the folder of the keys, options of the server, the request, its arguments. Each
line of the output says how it ended.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate, load_pem_x509_csr

import cmpcodec as cmp
from cmpcodec import errors
from cmpcodec.adapters.driving import run, run_async
from cmpcodec.client import Enrolment, Settings, enroll, request_pkcs10, revoke, update_key
from cmpcodec.http.async_transport import AsyncHttpTransport
from cmpcodec.http.transport import HttpTransport
from tests.client.peer import Reports

PORT = 8080
URL = f"http://127.0.0.1:{PORT}/"
PATIENCE = 60.0


def certificate_in(file: Path) -> cmp.Certificate:
    return cmp.Certificate.decode(load_pem_x509_certificate(file.read_bytes()).public_bytes(Encoding.DER))


def flow_of(scenario: dict[str, Any], folder: Path, reports: Reports) -> Any:
    key: Any = load_pem_private_key((folder / "new.key").read_bytes(), None)
    certificate = cmp.Certificate.decode((folder / "new.cer").read_bytes())
    secret = scenario.get("secret", "mySecret").encode()
    credential: Any = cmp.PasswordBasedMAC(secret, sender_kid=b"device-1")
    answers = None
    if "signs" in scenario:
        kind = scenario["signs"]
        signing: Any = load_pem_private_key((folder / f"{kind}.key").read_bytes(), None)
        credential = cmp.Signature(
            signing, certificate_in(folder / f"{kind}.pem"), [certificate_in(folder / "sub.pem")]
        )
        answers = cmp.TrustedSigners([certificate_in(folder / "anchor.pem")])
    common: dict[str, Any] = {
        "credential": credential,
        "settings": Settings(report=reports, answers=answers, **scenario.get("settings", {})),
        **scenario.get("arguments", {}),
    }
    if scenario["request"] == "rr":
        return revoke(certificate, **common)
    if scenario["request"] == "p10cr":
        request = load_pem_x509_csr((folder / "new.csr").read_bytes())
        return request_pkcs10(cmp.CertificationRequest.decode(request.public_bytes(Encoding.DER)), **common)
    if scenario["request"] == "kur":
        return update_key(certificate, key=key, **common)
    return enroll(key=key, subject="CN=device-1", body=scenario["request"], **common)


def converse(scenario: dict[str, Any], flow: Any, reports: Reports) -> Any:
    options: dict[str, Any] = {"timeout": PATIENCE, "report": reports} | scenario.get("transport", {})
    if not scenario.get("async"):
        with HttpTransport(URL, **options) as send:
            return run(flow, send, total_timeout=PATIENCE)

    async def program() -> Any:
        async with AsyncHttpTransport(URL, **options) as send:
            return await run_async(flow, send, total_timeout=PATIENCE)

    return asyncio.run(program())


def outcome(scenario: dict[str, Any], folder: Path) -> dict[str, Any]:
    reports = Reports()
    told: dict[str, Any] = {"reports": reports.lines}
    try:
        result = converse(scenario, flow_of(scenario, folder, reports), reports)
    except cmp.CMPError as error:
        told |= {"end": type(error).__name__, "text": str(error)}
        if isinstance(error, errors.RequestRejected):
            told |= {"authenticated": error.authenticated}
    else:
        told |= {"end": type(result).__name__, "status": int(result.status_info.status)}
        told |= {"signer": result.signer and result.signer.certificate.der.hex()}
        if isinstance(result, Enrolment):
            told |= {
                "confirmation": result.confirmation.value,
                "certificate": result.certificate.der.hex(),
                **{
                    name: [one.der.hex() for one in getattr(result, name)]
                    for name in ("chain", "ca_pubs", "extra_certs")
                },
            }
    return told


def wait_until_it_listens(server: subprocess.Popen[bytes], log: Path) -> None:
    """It says so. A connection to try it out would make it sleep for a second."""
    for _ in range(int(PATIENCE / 0.01)):
        assert server.poll() is None, "the server of openssl has ended"
        if b"ACCEPT" in log.read_bytes():
            return
        time.sleep(0.01)
    raise AssertionError("the server of openssl does not say that it listens")


def talk(scenario: dict[str, Any]) -> dict[str, Any]:
    folder = Path(scenario["folder"])
    identity = [] if "signs" in scenario else ["-srv_secret", "pass:mySecret", "-srv_ref", "server"]
    options = [*identity, *scenario.get("server", [])]
    if "-rsp_cert" not in options:
        options += ["-rsp_cert", "new.pem"]
    command = ["openssl", "cmp", "-config", "", "-port", str(PORT), *options]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            wait_until_it_listens(server, folder / "server.log")
            return outcome(scenario, folder)
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(talk(json.loads(line))), flush=True)
