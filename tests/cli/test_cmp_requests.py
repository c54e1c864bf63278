"""With the same options our client makes the same request as `openssl cmp`: names, template, controls, generalInfo.

What differs by nature is left out: transactionID, nonces, times, salt, signature. No sockets: requests go to files.
"""

from __future__ import annotations

import shlex
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import cmpcodec
from cmpcodec.crmf import CertReqMsg
from cmpcodec.pop import verify_request
from tests.cli.conftest import Run
from tests.openssl import needs_openssl

pytestmark = needs_openssl

CONFIG = """
[cmp]
[ext]
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectAltName = DNS:from.section
[usage]
keyUsage = keyAgreement
[pol]
certificatePolicies = 1.2.3.4, 1.2.3.5
[full]
subject = /CN=from file
newkey = key.pem
recipient = /CN=the CA
days = 3
sans = host.example
[dn]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys, certificates, requests for both clients."""
    folder = tmp_path_factory.mktemp("requests")
    (folder / "openssl.conf").write_text(f"[req]\ndistinguished_name = dn\n{CONFIG}")

    def openssl(line: str) -> None:
        subprocess.run(["openssl", *shlex.split(line)], cwd=folder, check=True, capture_output=True)

    for name in ("key", "ca"):
        openssl(f"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}.pem")
    openssl("pkey -in key.pem -pubout -out public.pem")
    openssl("pkcs8 -topk8 -in key.pem -out locked.pem -passout pass:open")
    openssl("genrsa -out rsa.pem 2048")
    openssl("genpkey -algorithm ED25519 -out ed25519.pem")
    openssl("req -x509 -config openssl.conf -key ca.pem -subj /O=Example/CN=CA -out ca.crt -days 30")
    openssl("req -new -config openssl.conf -key key.pem -subj /C=DE/CN=csr -out plain.csr")
    extension = "-addext subjectAltName=DNS:a.example,IP:10.0.0.1 -addext keyUsage=digitalSignature"
    openssl(f"req -new -config openssl.conf -key key.pem -subj /C=DE/CN=csr {extension} -out full.csr -outform DER")
    (folder / "v3.cnf").write_text("subjectAltName=DNS:old.example\n")
    openssl("x509 -req -in plain.csr -CA ca.crt -CAkey ca.pem -set_serial 4711 -extfile v3.cnf -out old.crt -days 30")
    openssl("x509 -req -in plain.csr -CA ca.crt -CAkey ca.pem -set_serial 4712 -out plain.crt -days 30")
    return folder


BASE = "-config openssl.conf -secret pass:mySecret"


def theirs(folder: Path, line: str) -> tuple[cmpcodec.PKIMessage, int]:
    """The first request of openssl's client; how it goes on with its mock server does not matter."""
    (folder / "theirs.der").unlink(missing_ok=True)
    mock = "-use_mock_srv -srv_ref x -srv_secret pass:mySecret -rsp_cert plain.crt -accept_raverified"
    command = ["openssl", "cmp", *shlex.split(f"{BASE} {line} {mock} -reqout theirs.der -certout out.crt")]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert (folder / "theirs.der").exists(), done.stderr.decode()
    return cmpcodec.decode((folder / "theirs.der").read_bytes()), done.returncode


def ours(run: Run, folder: Path, line: str, monkeypatch: pytest.MonkeyPatch) -> cmpcodec.PKIMessage:
    monkeypatch.chdir(folder)
    result = run("cmp", *shlex.split(f"{BASE} {line} -reqout_only ours.der"))
    assert result.code == 0, result.err
    return cmpcodec.decode((folder / "ours.der").read_bytes())


def essence(message: cmpcodec.PKIMessage) -> dict[str, Any]:
    header, body = message.header, message.body
    found: dict[str, Any] = {
        "body": body.name,
        "pvno": header.pvno,
        "sender": header.sender.der.hex(),
        "recipient": header.recipient.der.hex(),
        "senderKID": header.sender_kid,
        "generalInfo": header.general_info and header.general_info.der.hex(),
        "protected": message.protection is not None,
    }
    if body.name in ("ir", "cr", "kur"):
        request: CertReqMsg = body.value[0]
        template = request.cert_req.cert_template
        found["certReqId"] = request.cert_req.cert_req_id
        found["template"] = template.replace(validity=None).der.hex()
        found["validity"] = template.validity and _length(template.validity)
        found["controls"] = request.cert_req.controls and request.cert_req.controls.der.hex()
        found["popo"] = request.popo and request.popo.name
        if request.popo is not None and request.popo.signature is not None:
            found["popo"] = request.popo.signature.algorithm_identifier.der.hex()
            verify_request(request)
    else:
        found["content"] = body.value.der.hex()
    return found


def _length(validity: Any) -> timedelta:
    return validity.not_after.value - validity.not_before.value


SAME = [
    "-cmd ir -newkey key.pem -subject /CN=cmp-certificate",
    "-cmd cr -newkey key.pem -subject /CN=cmp-certificate",
    "-cmd ir -newkey rsa.pem -subject /CN=x",
    "-cmd ir -newkey ed25519.pem -subject /CN=x",
    "-cmd ir -newkey key.pem -subject /CN=x -ref 4711",
    "-cmd ir -newkey key.pem -subject '/C=DE/O=\u00d6l/CN=a+OU=b\\/c'",
    "-cmd ir -newkey key.pem -subject / -ref r",
    "-cmd ir -newkey key.pem -ref r",
    "-cmd ir -newkey key.pem -subject /CN=x -issuer '/CN=The CA'",
    "-cmd ir -newkey key.pem -subject /CN=x -issuer '/CN=The CA' -recipient /CN=other",
    "-cmd ir -newkey key.pem -subject /CN=x -recipient /",
    "-cmd ir -newkey key.pem -subject /CN=x -days 30",
    "-cmd ir -newkey key.pem -subject /CN=x -sans 'host.example 10.0.0.1,https://x/y'",
    "-cmd ir -newkey key.pem -subject /CN=x -sans 'critical host.example ::1'",
    "-cmd ir -newkey key.pem -subject / -ref r -sans host.example",
    "-cmd ir -newkey key.pem -subject /CN=x -reqexts ext",
    "-cmd ir -newkey key.pem -subject /CN=x -policies pol",
    "-cmd ir -newkey key.pem -subject /CN=x -policy_oids '1.2.3.4 1.2.3.5'",
    "-cmd ir -newkey key.pem -subject /CN=x -policy_oids 1.2.3.4 -policy_oids_critical",
    "-cmd ir -newkey key.pem -subject /CN=x -popo 0",
    "-cmd ir -newkey public.pem -subject /CN=x -popo 0",
    "-cmd ir -newkey public.pem -subject /CN=x -popo -1",
    "-cmd ir -newkey key.pem -subject /CN=x -implicit_confirm",
    "-cmd ir -newkey key.pem -subject /CN=x -geninfo 1.2.3.4:int:56789",
    "-cmd ir -newkey key.pem -subject /CN=x -geninfo 1.2.3.4:int:-129",
    "-cmd ir -newkey key.pem -subject /CN=x -digest sha512",
    "-cmd ir -newkey key.pem -subject /CN=x -unprotected_requests",
    "-cmd ir -newkey locked.pem -newkeypass pass:open -subject /CN=x",
    "-cmd ir -newkey key.pem -subject /CN=x -oldcert old.crt",
    "-cmd ir -ref r -newkey key.pem -oldcert old.crt -san_nodefault",
    "-cmd ir -ref r -newkey key.pem -oldcert old.crt -sans new.example",
    "-cmd ir -ref r -newkey key.pem -oldcert plain.crt",
    "-cmd ir -ref r -newkey key.pem -csr plain.csr",
    "-cmd ir -ref r -newkey key.pem -csr full.csr",
    "-cmd ir -ref r -newkey key.pem -csr full.csr -reqexts usage",
    "-cmd ir -ref r -newkey key.pem -csr plain.csr -sans host.example",
    "-cmd ir -ref r -csr full.csr -popo 0",
    "-cmd kur -ref r -newkey key.pem -oldcert old.crt",
    "-cmd kur -newkey key.pem -oldcert plain.crt -subject /CN=new",
    "-cmd kur -ref r -newkey key.pem -oldcert old.crt -san_nodefault -issuer /CN=other",
    "-cmd kur -newkey key.pem -oldcert plain.crt -subject /CN=x -recipient /CN=y -ref k",
    "-cmd p10cr -csr full.csr -subject /CN=x",
    "-cmd p10cr -csr full.csr -ref r -subject /CN=x",
    "-cmd rr -oldcert old.crt -ref r -subject /CN=x",
    "-cmd ir -newkey key.pem -csr plain.csr -subject /CN=x -ref r",
    "-cmd ir -newkey key.pem -subject /CN=x -sans critical",
    "-cmd ir -newkey key.pem -subject /CN=x -mac hmac-sha1",
    "-cmd p10cr -csr full.csr -ref r -implicit_confirm",
    "-cmd rr -oldcert old.crt -subject /CN=x",
    "-cmd rr -oldcert old.crt -subject /CN=x -revreason 1",
    "-cmd rr -oldcert old.crt -ref r -revreason 8",
    "-cmd rr -oldcert old.crt -ref r -revreason -1",
    "-cmd rr -csr plain.csr -ref r",
    "-section full -cmd ir",
    "-section full -cmd ir -days 5 -sans ''",
]


@pytest.mark.parametrize("line", SAME)
def test_the_same_request(run: Run, folder: Path, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, _ = theirs(folder, line)
    found = ours(run, folder, line, monkeypatch)
    assert essence(found) == essence(expected)
    if found.protection is not None:
        cmpcodec.verify(found, cmpcodec.PasswordBasedMAC(b"mySecret"))
