"""What we protect, the installed openssl accepts, as client and as server; with another secret it does not.

No sockets: its client reads our answers from files (-rspin), its mock server our requests (-reqin). Skipped where
`openssl cmp`, which exists since 3.0, is not installed; `./dev test --install-tools` installs it.
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

import cmpcodec
from cmpcodec.cmp import CertOrEncCert, CMPCertificate
from tests.openssl import needs_openssl

pytestmark = needs_openssl

VECTORS = Path(__file__).resolve().parent / "vectors"
DEVICE_CERTIFICATE = VECTORS / "pki" / "dev-ec.cer"
VALIDATED = "successfully validated PBM-based CMP message protection"
WRONG = "wrong pbm value"

COMBINATIONS = [
    ("sha256", "sha1", 500),
    ("sha256", "sha1", 1024),
    ("sha256", "sha256", 1000),
    ("sha384", "sha384", 100),
    ("sha512", "sha512", 2000),
    ("sha224", "sha224", 777),
    ("sha3_256", "sha512", 600),
    ("sha1", "sha1", 100),
    ("sha256", "sha512", 100_000),
]

every_combination = pytest.mark.parametrize(("owf", "mac", "iterations"), COMBINATIONS)


class OpenSSL:
    """Runs openssl in a directory of its own, which holds a new key and a certificate for it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "empty.cnf").write_text("[req]\ndistinguished_name = dn\n[dn]\n")
        self.run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "new.key")
        request = ("req", "-config", "empty.cnf", "-x509", "-key", "new.key", "-subj", "/CN=device-1")
        self.run(*request, "-outform", "DER", "-out", "new.cer")

    def run(self, *arguments: str, expect: int | None = 0) -> str:
        """Everything that openssl printed; fails unless it ends as expected (None: however it ends)."""
        done = subprocess.run(
            ["openssl", *arguments],
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        output = done.stdout + done.stderr
        assert expect is None or done.returncode == expect, output
        return output

    def client(self, command: str, answers: list[cmpcodec.PKIMessage], secret: str, *, expect: int = 0) -> str:
        """Run its client, which gets these answers to its requests."""
        files = [f"answer-{number}.der" for number in range(len(answers))]
        for file, answer in zip(files, answers, strict=True):
            (self.directory / file).write_bytes(answer.der)
        options = ["-config", "empty.cnf", "-section", "", "-verbosity", "8", "-server", "127.0.0.1:9"]
        credential = ["-ref", "device-1", "-secret", f"pass:{secret}"]
        return self.run(
            "cmp", "-cmd", *shlex.split(command), *options, *credential, "-rspin", ",".join(files), expect=expect
        )

    def server(self, request: cmpcodec.PKIMessage, secret: str) -> cmpcodec.PKIMessage:
        """What its mock server answers to this request."""
        (self.directory / "request.der").write_bytes(request.der)
        self.run(
            *("cmp", "-config", "empty.cnf", "-section", "", "-use_mock_srv", "-cmd", "genm"),
            *(
                "-ref",
                "device-1",
                "-secret",
                f"pass:{secret}",
                "-reqin",
                "request.der",
                "-rspout",
                "answer.der",
            ),
            *("-srv_ref", "server", "-srv_secret", f"pass:{secret}", "-rsp_cert", str(DEVICE_CERTIFICATE)),
            expect=None,  # the client behind it waits for a genp; what counts is the server
        )
        return cmpcodec.decode((self.directory / "answer.der").read_bytes())


@pytest.fixture(scope="module")
def openssl(tmp_path_factory: pytest.TempPathFactory) -> OpenSSL:
    return OpenSSL(tmp_path_factory.mktemp("openssl"))


def bare(vector: str) -> cmpcodec.PKIMessage:
    """A vector without its protection."""
    message = cmpcodec.decode((VECTORS / f"{vector}.der").read_bytes())
    header = message.header.replace(protection_alg=None, sender_kid=None)
    return message.replace(header=header, protection=None)


def issuing(message: cmpcodec.PKIMessage, certificate: bytes) -> cmpcodec.PKIMessage:
    """An ip with another certificate in it."""
    content = message.body.ip
    assert content is not None
    (response,) = content.response
    assert response.certified_key_pair is not None
    pair = response.certified_key_pair.replace(cert_or_enc_cert=CertOrEncCert(certificate=CMPCertificate(certificate)))
    content = content.replace(response=[response.replace(certified_key_pair=pair)])
    return message.replace(body=cmpcodec.PKIBody(ip=content))


def shared(secret: str = "mySecret", kid: bytes | None = b"server") -> cmpcodec.PasswordBasedMAC:
    return cmpcodec.PasswordBasedMAC(secret.encode(), sender_kid=kid)


# --- as a client ---


@every_combination
def test_client_validates_our_answer(openssl: OpenSSL, owf: str, mac: str, iterations: int) -> None:
    credential = cmpcodec.PasswordBasedMAC(b"mySecret", owf=owf, mac=mac, iterations=iterations)
    answer = cmpcodec.protect(bare("genm-pbm-caCerts.2-genp"), credential)
    output = openssl.client("genm", [answer], "mySecret")
    assert output.count(VALIDATED) == 1
    output = openssl.client("genm", [answer], "mySecret2", expect=1)
    assert VALIDATED not in output
    assert WRONG in output


@pytest.mark.parametrize("secret", ["x", "geheim €", "s" * 300])
def test_client_validates_with_any_secret(openssl: OpenSSL, secret: str) -> None:
    answer = cmpcodec.protect(bare("genm-pbm-caCerts.2-genp"), shared(secret))
    assert VALIDATED in openssl.client("genm", [answer], secret)


def test_client_refuses_what_was_changed_after_we_protected_it(openssl: OpenSSL) -> None:
    answer = cmpcodec.protect(bare("genm-pbm-caCerts.2-genp"), shared())
    assert answer.header.transaction_id is not None
    flipped = bytes(octet ^ 1 for octet in answer.header.transaction_id)
    changed = answer.replace(header=answer.header.replace(transaction_id=flipped))
    output = openssl.client("genm", [changed], "mySecret", expect=1)
    assert VALIDATED not in output
    assert WRONG in output


def test_client_enrols_with_our_ip_and_pkiconf(openssl: OpenSSL) -> None:
    certificate = (openssl.directory / "new.cer").read_bytes()
    ip = cmpcodec.protect(issuing(bare("ir-pbm-ec.2-ip"), certificate), shared())
    pkiconf = cmpcodec.protect(bare("ir-pbm-ec.4-pkiconf"), shared())
    output = openssl.client("ir -newkey new.key -subject /CN=device-1 -certout out.pem", [ip, pkiconf], "mySecret")
    assert output.count(VALIDATED) == 2
    assert "sending CERTCONF" in output
    openssl.run("x509", "-in", "out.pem", "-outform", "DER", "-out", "out.cer")
    assert (openssl.directory / "out.cer").read_bytes() == certificate


def test_client_polls_with_our_answers(openssl: OpenSSL) -> None:
    certificate = (openssl.directory / "new.cer").read_bytes()
    session = "ir-pbm-poll"
    messages = [bare(f"{session}.{part}") for part in ("2-ip", "4-pollRep", "6-ip", "8-pkiconf")]
    messages[2] = issuing(messages[2], certificate)
    answers = [cmpcodec.protect(message, shared()) for message in messages]
    output = openssl.client("ir -newkey new.key -subject /CN=device-1 -certout out.pem", answers, "mySecret")
    assert output.count(VALIDATED) == 4
    assert "sending POLLREQ" in output


def test_client_validates_our_rp(openssl: OpenSSL) -> None:
    answer = cmpcodec.protect(bare("rr-pbm-notification.2-rp"), shared())
    output = openssl.client(f"rr -oldcert {shlex.quote(str(DEVICE_CERTIFICATE))} -revreason 1", [answer], "mySecret")
    assert VALIDATED in output
    assert "revocation accepted (PKIStatus=revocationNotification)" in output


def test_client_validates_our_error(openssl: OpenSSL) -> None:
    answer = cmpcodec.protect(bare("ir-pbm-error.2-error"), shared())
    output = openssl.client("genm", [answer], "mySecret", expect=1)
    assert VALIDATED in output
    assert "received ERROR" in output
    output = openssl.client("genm", [answer], "other", expect=1)
    assert VALIDATED not in output


# --- as a server ---


@every_combination
def test_server_validates_our_request(openssl: OpenSSL, owf: str, mac: str, iterations: int) -> None:
    credential = cmpcodec.PasswordBasedMAC(b"mySecret", owf=owf, mac=mac, iterations=iterations)
    request = cmpcodec.protect(bare("genm-pbm-caCerts.1-genm"), credential)
    answer = openssl.server(request, "mySecret")
    assert answer.body.name == "genp"
    assert answer.header.transaction_id == request.header.transaction_id
    cmpcodec.verify(answer, shared())
    refusal = openssl.server(request, "mySecret2")
    assert refusal.body.error is not None
    assert list(refusal.body.error.pki_status_info.status_string or ()) == [WRONG]


@pytest.mark.parametrize(
    ("vector", "body"),
    [
        ("ir-pbm-ec.1-ir", "ip"),
        ("cr-pbm.1-cr", "cp"),
        ("p10cr-pbm.1-p10cr", "cp"),
        ("kur-pbm.1-kur", "kup"),
        ("rr-pbm.1-rr", "rp"),
        ("ir-pbm-extracerts.1-ir", "ip"),
        ("ir-pbm-geninfo.1-ir", "ip"),
    ],
)
def test_server_serves_each_request_that_we_protect(openssl: OpenSSL, vector: str, body: str) -> None:
    request = cmpcodec.protect(bare(vector), shared(kid=b"device-1"))
    answer = openssl.server(request, "mySecret")
    assert answer.body.name == body
    cmpcodec.verify(answer, shared())
    assert openssl.server(request, "mySecret2").body.name == "error"
