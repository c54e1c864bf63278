"""Whole runs of the verb `cmp`, with answers from files: what it prints, saves, refuses, and how it ends. No sockets."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

import cmpcodec
from cmpcodec import Null, oids
from cmpcodec.cmp import (
    CertifiedKeyPair,
    CertOrEncCert,
    CertRepMessage,
    CertResponse,
    CMPCertificate,
    ErrorMsgContent,
    InfoTypeAndValue,
    PKIBody,
    PKIConfirmContent,
    PKIFailureInfo,
    PKIHeader,
    PKIMessage,
    PKIStatus,
    PKIStatusInfo,
    PollRep,
    RevRepContent,
)
from cmpcodec.messages import NULL_DN
from tests.cli.conftest import Result, Run

SECRET = b"mySecret"
unix = pytest.mark.skipif(os.name == "nt", reason="needs Unix")


class Party:
    """A key and a certificate for it."""

    def __init__(self, name: str, issuer: Party | None = None) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer = issuer or self
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(signer.name, self.name, self.key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = builder.sign(signer.key, hashes.SHA256())
        self.der = self.certificate.public_bytes(serialization.Encoding.DER)
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_octets(self, password: bytes | None = None, form: str = "PEM") -> bytes:
        return self.key.private_bytes(
            getattr(serialization.Encoding, form),
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption(),
        )


class Bench:
    """A folder with a key, certificates and answers, and the command line in it."""

    def __init__(self, folder: Path, run: Run) -> None:
        self.folder = folder
        self._run = run
        self.count = 0

    root = Party("root")
    ca = Party("ca", root)
    device = Party("device", ca)

    def write(self, name: str, data: bytes) -> str:
        (self.folder / name).write_bytes(data)
        return name

    def answer(
        self, body: PKIBody, *, secret: bytes | None = SECRET, implicit: bool = False, extra: bool = False
    ) -> str:
        """An answer of another transaction, in a file."""
        info = InfoTypeAndValue(info_type=oids.ID_IT_IMPLICIT_CONFIRM, info_value=Null())
        message = PKIMessage(
            header=PKIHeader(
                pvno=2,
                sender=NULL_DN,
                recipient=NULL_DN,
                transaction_id=b"another",
                sender_nonce=os.urandom(16),
                recip_nonce=os.urandom(16),
                general_info=[info] if implicit else None,
            ),
            body=body,
            extra_certs=[CMPCertificate(self.ca.der), CMPCertificate(self.root.der)] if extra else None,
        )
        if secret is not None:
            message = cmpcodec.protect(message, cmpcodec.PasswordBasedMAC(secret))
        self.count += 1
        return self.write(f"answer-{self.count}.der", message.der)

    def ip(
        self, kind: str = "ip", status: PKIStatus = PKIStatus.ACCEPTED, der: bytes | None = None, **how: bool
    ) -> str:
        pair = CertifiedKeyPair(cert_or_enc_cert=CertOrEncCert(certificate=CMPCertificate(der or self.device.der)))
        response = CertResponse(
            cert_req_id=0 if kind != "p10" else -1,
            status=PKIStatusInfo(status=status),
            certified_key_pair=None if status is PKIStatus.WAITING else pair,
        )
        content = CertRepMessage(ca_pubs=[CMPCertificate(self.root.der)], response=[response])
        return self.answer(PKIBody.from_plain({kind if kind != "p10" else "cp": content}), **how)

    def pkiconf(self) -> str:
        return self.answer(PKIBody(pkiconf=PKIConfirmContent()))

    def run(
        self, *arguments: str, answers: list[str] | None = None, stdin: bytes = b"", secret: str = "pass:mySecret"
    ) -> Result:
        common = ["-config", "", "-verbosity", "8", "-secret", secret]
        files = ["-rspin", ",".join(answers)] if answers else []
        return self._run("cmp", *common, *files, *arguments, stdin=stdin)

    def enrol(self, *more: str, **how: bool) -> Result:
        """An ir that works."""
        arguments = ["-cmd", "ir", "-newkey", "key.pem", "-subject", "/CN=device", "-certout", "new.pem"]
        return self.run(*arguments, *more, answers=[self.ip(extra=True, **how), self.pkiconf()])


@pytest.fixture
def bench(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.chdir(tmp_path)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    bench = Bench(tmp_path, run)
    bench.write("key.pem", bench.device.key_octets())
    bench.write("old.pem", bench.device.pem)
    return bench


def lines(result: Result) -> list[str]:
    return [line for line in result.err.splitlines() if "actually using" not in line and "with ID=" not in line]


MILESTONES = """\
CMP info: will not contact any server
CMP info: sending IR
CMP info: received IP
CMP DEBUG: validating CMP message
CMP DEBUG: successfully validated PBM-based CMP message protection
CMP DEBUG: trying to build chain for newly enrolled cert
CMP DEBUG: success building approximate chain for newly enrolled cert
CMP info: sending CERTCONF
CMP info: received PKICONF
CMP DEBUG: validating CMP message
CMP DEBUG: successfully validated PBM-based CMP message protection
CMP info: received 1 newly enrolled certificate(s), saving to file 'new.pem'
"""


def test_enrolment(bench: Bench) -> None:
    result = bench.enrol()
    assert (result.code, result.out) == (0, "")
    assert lines(result) == MILESTONES.splitlines()
    assert (bench.folder / "new.pem").read_bytes() == bench.device.pem


def test_verbosity(bench: Bench) -> None:
    assert lines(bench.enrol("-verbosity", "6")) == [one for one in MILESTONES.splitlines() if "DEBUG" not in one]
    assert bench.enrol("-verbosity", "4").err == ""
    assert bench.enrol("-verbosity", "9").err == "CMP error: -verbosity takes 0 to 8\n"
    result = bench.run("-cmd", "genm", "-verbosity", "0")
    assert (result.code, result.err) == (1, "")


@pytest.mark.parametrize(("kind", "command"), [("ip", "ir"), ("cp", "cr"), ("kup", "kur")])
def test_kinds(bench: Bench, kind: str, command: str) -> None:
    answers = [bench.ip(kind), bench.pkiconf()]
    arguments = ["-newkey", "key.pem", "-subject", "/CN=x", "-certout", "new.pem", "-oldcert", "old.pem"]
    result = bench.run("-cmd", command, *arguments, answers=answers)
    assert result.code == 0
    assert f"CMP info: sending {command.upper()}\n" in result.err
    assert f"CMP info: received {kind.upper()}\n" in result.err


def csr(bench: Bench) -> str:
    made = x509.CertificateSigningRequestBuilder(bench.device.name).sign(bench.device.key, hashes.SHA256())
    return bench.write("request.csr", made.public_bytes(serialization.Encoding.PEM))


def test_p10cr(bench: Bench) -> None:
    answers = [bench.ip("p10"), bench.pkiconf()]
    result = bench.run(
        "-cmd", "p10cr", "-csr", csr(bench), "-newkey", "nothing", "-certout", "new.pem", answers=answers
    )
    assert result.code == 0
    assert "CMP warning: -newkey option is ignored for p10cr\n" in result.err
    assert (bench.folder / "new.pem").read_bytes() == bench.device.pem


def test_implicit_and_no_confirmation(bench: Bench) -> None:
    common = ["-cmd", "ir", "-newkey", "key.pem", "-subject", "/CN=x", "-certout", "new.pem"]
    assert bench.run(*common, "-implicit_confirm", answers=[bench.ip(implicit=True)]).code == 0
    assert bench.run(*common, "-disable_confirm", answers=[bench.ip()]).code == 0
    result = bench.run(*common, answers=[bench.ip(implicit=True)])  # granted, but not asked for
    assert result.code == 1
    assert "sending CERTCONF" in result.err
    assert result.err.endswith("CMP error: there is no -server to send to, and no file of -rspin is left\n")


def test_polling(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    poll_rep = bench.answer(PKIBody.from_plain({"poll_rep": [PollRep(cert_req_id=0, check_after=7, reason=["later"])]}))
    answers = [bench.ip(status=PKIStatus.WAITING), poll_rep, bench.ip(), bench.pkiconf()]
    arguments = [
        "-cmd",
        "ir",
        "-newkey",
        "key.pem",
        "-subject",
        "/CN=x",
        "-certout",
        "new.pem",
        "-total_timeout",
        "600",
    ]
    result = bench.run(*arguments, answers=answers)
    assert result.code == 0
    assert waited == [7]
    assert "CMP info: received polling response with reason = 'later'; checkAfter = 7 seconds\n" in result.err


# --- what is saved ---


def test_what_is_saved(bench: Bench) -> None:
    result = bench.enrol("-chainout", "chain.pem", "-extracertsout", "extra.pem", "-cacertsout", "ca.pem")
    assert result.code == 0
    assert (bench.folder / "chain.pem").read_bytes() == bench.ca.pem
    assert (bench.folder / "extra.pem").read_bytes() == bench.ca.pem + bench.root.pem
    assert (bench.folder / "ca.pem").read_bytes() == bench.root.pem
    assert result.err.endswith(
        "CMP info: received 1 newly enrolled certificate(s), saving to file 'new.pem'\n"
        "CMP info: received 1 chain certificate(s), saving to file 'chain.pem'\n"
        "CMP info: received 2 extra certificate(s), saving to file 'extra.pem'\n"
        "CMP info: received 1 CA certificate(s), saving to file 'ca.pem'\n"
    )
    result = bench.enrol("-chainout", "new.pem")
    assert (bench.folder / "new.pem").read_bytes() == bench.device.pem + bench.ca.pem
    assert "received 2 newly enrolled cert and chain certificate(s), saving to file 'new.pem'\n" in result.err
    result = bench.enrol("-certform", "der", "-extracertsout", "extra.der")
    assert (bench.folder / "new.pem").read_bytes() == bench.device.der
    assert (bench.folder / "extra.der").read_bytes() == bench.ca.der + bench.root.der
    assert "CMP warning: saving more than one certificate in non-PEM format\n" in result.err


def test_old_content_is_replaced_or_kept(bench: Bench) -> None:
    bench.write("new.pem", b"old" * 1000)
    bench.write("chain.pem", b"old" * 1000)
    assert bench.enrol("-total_timeout", "0", "-cmd", "cr").code == 1  # ip is no answer to cr
    assert (bench.folder / "new.pem").read_bytes() == b"old" * 1000
    assert bench.enrol().code == 0
    assert (bench.folder / "new.pem").read_bytes() == bench.device.pem
    assert not list(bench.folder.glob("*.tmp"))


@unix
def test_links_and_devices(bench: Bench) -> None:
    bench.write("real.pem", b"")
    os.symlink("real.pem", bench.folder / "new.pem")
    assert bench.enrol("-chainout", "/dev/null").code == 0
    assert (bench.folder / "new.pem").is_symlink()
    assert (bench.folder / "real.pem").read_bytes() == bench.device.pem
    assert not stat.S_ISREG(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize(
    ("path", "words"), [("none/new.pem", "-certout: there is no folder "), (".", "-certout: . is a folder\n")]
)
def test_outputs_are_looked_at_first(bench: Bench, path: str, words: str) -> None:
    result = bench.enrol("-certout", path)
    assert result.code == 1
    assert words in result.err
    assert "sending IR" not in result.err


# --- revocation ---


def revocation(bench: Bench, status: PKIStatus, *arguments: str, **how: bool) -> Result:
    info = PKIStatusInfo(status=status)
    answer = bench.answer(PKIBody(rp=RevRepContent(status=[info])), **how)
    return bench.run("-cmd", "rr", *arguments, answers=[answer])


def test_revocation(bench: Bench) -> None:
    result = revocation(bench, PKIStatus.REVOCATION_NOTIFICATION, "-oldcert", "old.pem", "-revreason", "1")
    assert result.code == 0
    assert lines(result)[-2:] == [
        "CMP warning: revocation accepted (PKIStatus=revocationNotification)",
        "CMP warning: received PKIStatus: revocation notification - a revocation of the cert has occurred; "
        "<no failure info>",
    ]
    result = revocation(bench, PKIStatus.ACCEPTED, "-oldcert", "old.pem", "-newkey", "unused")
    assert result.code == 0
    assert "CMP warning: -newkey option is ignored for rr\n" in result.err
    assert lines(result)[-1] == "CMP info: revocation accepted (PKIStatus=accepted)"
    result = revocation(bench, PKIStatus.GRANTED_WITH_MODS, "-issuer", "/CN=ca", "-serial", "0xAB", "-server", "u:p@h")
    assert result.code == 0
    assert lines(result)[-1] == "CMP info: received from h PKIStatus: granted with modifications"
    result = revocation(bench, PKIStatus.REJECTION, "-csr", csr(bench))
    assert result.code == 1
    assert lines(result)[-1] == "CMP error: request rejected by server:PKIStatus: rejection; <no failure info>"


# --- refusals by the server ---


def rejection(bench: Bench, **how: bytes | None) -> str:
    info = PKIStatusInfo(
        status=PKIStatus.REJECTION,
        status_string=["no \x1b[31m", "second"],
        fail_info=PKIFailureInfo.BAD_POP | PKIFailureInfo.BAD_TIME,
    )
    return bench.answer(PKIBody(error=ErrorMsgContent(pki_status_info=info)), **how)


SAID = r"""PKIStatus: rejection; PKIFailureInfo: badTime, badPOP; StatusString: "no \x1b[31m", "second""" + '"'


def test_rejections(bench: Bench) -> None:
    arguments = ["-cmd", "ir", "-newkey", "key.pem", "-subject", "/CN=x", "-certout", "new.pem"]
    result = bench.run(*arguments, answers=[rejection(bench)])
    assert result.code == 1
    assert lines(result)[-1] == f"CMP error: request rejected by server:{SAID}"
    result = bench.run(*arguments, answers=[rejection(bench, secret=None)])
    assert result.code == 1
    assert "badPOP" not in result.err
    assert "CMP error: the message carries no protection" in result.err
    assert "unprotected_errors would show it" in result.err
    result = bench.run(*arguments, "-unprotected_errors", answers=[rejection(bench, secret=None)])
    assert result.code == 1
    assert lines(result)[-1].startswith(f"CMP error: request rejected by server:{SAID} (not authenticated")
    assert not (bench.folder / "new.pem").exists()


def test_a_wrong_secret(bench: Bench) -> None:
    arguments = ["-cmd", "ir", "-newkey", "key.pem", "-subject", "/CN=x", "-certout", "new.pem"]
    result = bench.run(*arguments, secret="pass:other", answers=[bench.ip(), bench.pkiconf()])
    assert result.code == 1
    assert "CMP error: the MAC does not fit: another secret, or a message that was altered\n" in result.err
    assert not (bench.folder / "new.pem").exists()


def test_another_key(bench: Bench) -> None:
    """A certificate for a key that is not ours is refused."""
    arguments = ["-cmd", "ir", "-newkey", "key.pem", "-subject", "/CN=x", "-certout", "new.pem"]
    result = bench.run(*arguments, answers=[bench.ip(der=Bench.ca.der), bench.pkiconf()])
    assert result.code == 1
    assert "public key in new certificate does not match our enrollment key" in result.err
    assert not (bench.folder / "new.pem").exists()


# --- what is missing or wrong ---


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "-cmd is missing: it takes ir, cr, kur, p10cr, rr"),
        ("-cmd genm", "-cmd 'genm' is not supported: it takes ir, cr, kur, p10cr, rr"),
        ("-cmd ir", "-server is missing: the CMP server to contact, as http://host:port/path"),
        ("-cmd ir -server h", "-certout is missing: there is nowhere to save the new certificate"),
        ("-cmd ir -server h -certout c", "-newkey is missing: the key to be certified"),
        ("-cmd ir -server h -certout c -csr r.csr", "-csr: r.csr cannot be read: No such file or directory"),
        (
            "-cmd ir -server h -certout c -popo -1",
            "-newkey or -csr is missing: they tell the public key to be certified",
        ),
        ("-cmd ir -server h -certout c -popo 3", "-popo takes 1 (signature), 2 (decryption), 0 (raVerified) or -1"),
        ("-cmd ir -server h -certout c -popo 2", "-newkey is missing: the key to be certified"),
        ("-cmd ir -server h -certout c -centralkeygen", "-newkeyout is missing: there is nowhere to save the key"),
        ("-cmd ir -server h -certout c -newkeyout k -centralkeygen", "-trusted is missing: it has to say who may make"),
        ("-cmd ir -server h -certout c -newkeyout c -centralkeygen", "-newkeyout names the same file as -certout"),
        ("-cmd ir -server h -certout c -newkeyout k -centralkeygen -popo 1", "-popo 1 does not go with -centralkeygen"),
        (
            "-cmd ir -server h -certout c -newkeyout k -centralkeygen -trusted old.pem -newkey cut.pem",
            "-newkey: cut.pem",
        ),
        (
            "-cmd ir -server h -certout c -newkeyout k -centralkeygen -trusted old.pem -newkeypass env:NOT_THERE",
            "-newkeypass",
        ),
        ("-cmd kur -server h -certout c -newkey key.pem", "-oldcert is missing: the certificate that kur renews"),
        ("-cmd p10cr -server h -certout c", "-csr is missing: the PKCS #10 request that p10cr sends"),
        ("-cmd rr -server h", "-oldcert is missing: the certificate to revoke (or -issuer and -serial, or -csr)"),
        ("-cmd rr -server h -serial 1", "-serial names a certificate only together with -issuer"),
        ("-cmd rr -server h -issuer /CN=x -serial x", "-serial takes a number, in hexadecimal with 0x before it"),
        (
            "-cmd rr -server h -oldcert old.pem -revreason 7",
            "-revreason takes 0 to 6 or 8 to 10 (RFC 5280, 5.3.1), or -1",
        ),
        ("-cmd rr -server h -oldcert key.pem", "-oldcert: key.pem holds no certificate"),
        ("-cmd rr -server h -oldcert none", "-oldcert: none cannot be read: No such file or directory"),
        ("-cmd rr -server h -csr old.pem", "-csr: old.pem holds no PKCS #10 request"),
        ("-cmd rr -server h -oldcert old.pem -recipient CN=x", "-recipient has to be of the form /type=value"),
        (
            "-cmd rr -server h -oldcert old.pem -expect_sender /X=x",
            "-expect_sender has an attribute of unknown type 'X'",
        ),
        ("-cmd rr -server h -oldcert old.pem -geninfo 1.2:x:3", "-geninfo takes OID:int:NUMBER or OID:str:TEXT"),
        ("-cmd rr -server h -oldcert old.pem -digest md5", "-digest: 'md5' is not supported; there are sha1, sha256,"),
        (
            "-cmd rr -server h -oldcert old.pem -mac sha256",
            "-mac: 'sha256' is not supported; there are hmac-sha1, hmac-",
        ),
        ("-cmd rr -server h:x", "-server: "),
        ("-cmd rr -server ldap://h", "-server: expected http:// or https://, not ldap://"),
        ("-cmd rr -server h -keep_alive 3", "-keep_alive takes 0, 1 or 2"),
        ("-cmd rr -server h -msg_timeout 5 -total_timeout 4", "-total_timeout 4 is shorter than -msg_timeout 5"),
        ("-cmd rr -server h -certform P12", "-certform takes PEM or DER"),
        ("-cmd rr -server h -keyform ENGINE", "-keyform takes PEM, DER or P12; keys of engines are not supported"),
        ("-cmd rr -server h -proxy https://p", "-proxy: only http:// proxies are supported"),
        ("-cmd rr -server https://h -tls_cert old.pem", "-tls_key is missing: both are needed, or none"),
        ("-cmd rr -server https://h -tls_key key.pem", "-tls_cert is missing: both are needed, or none"),
        ("-cmd rr -server https://h -tls_trusted key.pem", "-tls_trusted: key.pem holds no certificate"),
        (
            "-cmd rr -server https://h -tls_cert old.pem -tls_key old.pem",
            "-tls_key: old.pem cannot be used with old.pem",
        ),
        ("-cmd ir -server h -certout c -newkey key.pem -sans DNS:x", "-sans: 'DNS:x': what kind of name it is shows"),
        ("-cmd ir -server h -certout c -newkey key.pem -reqexts x", "-reqexts names a section, but there is no config"),
        (
            "-cmd ir -server h -certout c -newkey key.pem -policy_oids x",
            "-policy_oids: 'x' is no OID in dotted decimal",
        ),
        ("-cmd ir -server h -certout c -newkey key.pem -policies x -policy_oids 1.2", "-policies names a section, but"),
        (
            "-cmd ir -server h -certout c -newkey key.pem -subject /CN=x -implicit_confirm -disable_confirm",
            "implicit_conf",
        ),
        ("-cmd ir -server h -certout c -newkey key.pem -subject /CN=x -reqin none", "-reqin: none cannot be read"),
    ],
)
def test_what_is_missing_or_wrong(bench: Bench, arguments: str, words: str) -> None:
    result = bench.run(*arguments.split())
    assert result.code == 1
    assert result.out == ""
    assert result.err.splitlines()[-1].startswith(f"CMP error: {words}"), result.err


def test_the_secret_is_needed(bench: Bench) -> None:
    result = bench._run("cmp", "-config", "", "-cmd", "rr", "-oldcert", "old.pem", "-server", "h")
    assert result.code == 1
    assert result.err.startswith("CMP error: -secret is missing: the shared secret that protects the messages")


# --- secrets and keys ---


def test_sources_of_the_secret(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMP_SECRET", "mySecret")
    bench.write("secret", b"mySecret\nsecond line\n")
    arguments = ["-cmd", "ir", "-newkey", "key.pem", "-subject", "/CN=x", "-certout", "new.pem"]
    for source in ("env:CMP_SECRET", "file:secret", "stdin", "mySecret"):
        answers = [bench.ip(), bench.pkiconf()]
        result = bench.run(*arguments, secret=source, answers=answers, stdin=b"mySecret\nmore\n")
        assert result.code == 0, source
        assert ("better write pass: before it" in result.err) is (source == "mySecret")
    reading, writing = os.pipe()
    os.write(writing, b"mySecret\n")
    os.close(writing)
    assert bench.run(*arguments, secret=f"fd:{reading}", answers=[bench.ip(), bench.pkiconf()]).code == 0
    os.close(reading)
    for source, words in (
        ("env:CMP_NONE", "-secret env: names a variable that is not set"),
        ("file:none", "-secret: the source cannot be read: No such file or directory"),
        ("pass:", "-secret: the secret is empty"),
        ("stdin", "-secret: the secret is empty"),
        ("evn:x", "-secret takes pass:SECRET, env:VARIABLE, file:PATH or fd:NUMBER"),
    ):
        result = bench.run(*arguments, secret=source, answers=[bench.ip()])
        assert result.code == 1
        assert f"CMP error: {words}" in result.err


def keys(bench: Bench) -> dict[str, bytes]:
    device = bench.device
    sec1 = device.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    locked = serialization.BestAvailableEncryption(b"open")
    return {
        "pkcs8.der": device.key_octets(form="DER"),
        "sec1.pem": b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + sec1,
        "certificate-first.pem": device.pem + b"text\n" + device.key_octets(),
        "locked.pem": device.key_octets(b"open"),
        "locked.der": device.key_octets(b"open", "DER"),
        "locked.p12": pkcs12.serialize_key_and_certificates(b"x", device.key, device.certificate, None, locked),
        "open.p12": pkcs12.serialize_key_and_certificates(
            b"x", device.key, device.certificate, None, serialization.NoEncryption()
        ),
    }


def test_forms_of_the_key(bench: Bench) -> None:
    for name, data in keys(bench).items():
        bench.write(name, data)
        assert bench.enrol("-newkey", name, "-newkeypass", "pass:open").code == 0, name
        result = bench.enrol("-newkey", name, "-batch")
        assert (result.code == 1) is name.startswith("locked"), name
        if result.code:
            assert result.err.endswith(
                f"CMP error: -newkey: {name} is encrypted; name its pass phrase by -newkeypass\n"
            )
            result = bench.enrol("-newkey", name, "-newkeypass", "pass:shut")
            assert result.err.endswith(f"CMP error: -newkey: {name} cannot be decrypted: is the pass phrase right?\n")


def test_keys_that_do_not_do(bench: Bench) -> None:
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    public = bench.device.key.public_key().public_bytes(serialization.Encoding.PEM, spki)
    bench.write("public.pem", public)
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    bench.write("x25519.pem", x25519.X25519PrivateKey.generate().private_bytes(*plain))
    bench.write("dsa.pem", dsa.generate_private_key(1024).private_bytes(*plain))
    bench.write("broken.pem", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    bench.write("other.key", ed25519.Ed25519PrivateKey.generate().private_bytes_raw())
    for name, words in (
        ("public.pem", "holds a public key only; the proof of possession needs the private key, or -popo 0 or"),
        ("x25519.pem", "holds a key that cannot sign; -popo 2 proves its possession by decryption"),
        ("dsa.pem", "holds a key of a kind that is not supported"),
        ("old.pem", "holds no key in PEM, DER or PKCS #12 that can be read"),
        ("other.key", "holds no key in PEM, DER or PKCS #12 that can be read"),
        ("/dev/null", "holds no key in PEM, DER or PKCS #12 that can be read"),
    ):
        result = bench.enrol("-newkey", name)
        assert result.code == 1
        assert f"CMP error: -newkey: {name} {words}" in result.err
    assert "-newkey: the private key in broken.pem cannot be read\n" in bench.enrol("-newkey", "broken.pem").err
    assert bench.enrol("-newkey", "public.pem", "-popo", "0").code == 0
    assert bench.enrol("-newkey", "public.pem", "-popo", "-1").code == 0


@unix
def test_a_pass_phrase_from_the_terminal(bench: Bench) -> None:
    import pty

    bench.write("locked.pem", bench.device.key_octets(b"open sesame"))
    control, terminal = pty.openpty()
    command = [sys.executable, "-m", "cmpcodec", "cmp", "-config", "", "-cmd", "ir", "-newkey", "locked.pem"]
    command += ["-subject", "/CN=x", "-secret", "pass:x", "-reqout_only", "out.der"]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True) as process:
        os.close(terminal)
        shown = _until(control, b"locked.pem: ")
        os.write(control, b"open sesame\n")
        shown += _until(control, None)
        assert process.wait(60) == 0
    os.close(control)
    assert b"Enter pass phrase for locked.pem: " in shown
    assert b"sesame" not in shown
    assert cmpcodec.decode((bench.folder / "out.der").read_bytes()).body.ir is not None


def _until(terminal: int, end: bytes | None) -> bytes:
    """What appears on a terminal up to `end`, or until nobody holds the other side any more."""
    import select

    shown = b""
    while end is None or end not in shown:
        assert select.select([terminal], [], [], 60)[0], shown
        try:
            more = os.read(terminal, 1000)
        except OSError:  # Linux: the other side is closed
            more = b""
        if not more:
            assert end is None, shown
            break
        shown += more
    return shown


# --- files of messages ---


def test_messages_in_files(bench: Bench) -> None:
    answers = [bench.ip(), bench.pkiconf()]
    arguments = ["-cmd", "ir", "-newkey", "key.pem", "-subject", "/CN=x", "-certout", "new.pem"]
    result = bench.run(*arguments, "-reqout", "r1.der r2.der", "-rspout", "a1.der,a2.der", answers=answers)
    assert result.code == 0
    requests = [cmpcodec.decode((bench.folder / name).read_bytes()) for name in ("r1.der", "r2.der")]
    assert [one.body.name for one in requests] == ["ir", "cert_conf"]
    for name, answer in zip(("a1.der", "a2.der"), answers, strict=True):
        assert (bench.folder / name).read_bytes() == (bench.folder / answer).read_bytes()
    result = bench.run(*arguments, "-reqout", "r1.der", "-rspout", "a1.der", answers=answers)
    assert result.code == 0
    assert result.err.count("too few file names for -reqout") == result.err.count("too few file names for -rspout") == 1
    result = bench.run(*arguments, "-reqout", "none/r1.der", answers=answers)
    assert result.code == 1
    assert "CMP error: -reqout: none/r1.der cannot be written: No such file or directory\n" in result.err
    bench.write("junk.der", b"\x30\x00")
    result = bench.run(*arguments, answers=["junk.der"])
    assert result.code == 1
    assert "CMP error: -rspin: junk.der holds no CMP message: header: expected SEQUENCE" in result.err


def test_only_the_request(bench: Bench) -> None:
    result = bench.run(
        "-cmd", "ir", "-newkey", "key.pem", "-subject", "/CN=x", "-reqout_only", "r.der", "-profile", "tls"
    )
    assert result.code == 0
    assert "will not contact any server" in result.err
    request = cmpcodec.decode((bench.folder / "r.der").read_bytes())
    cmpcodec.verify(request, cmpcodec.PasswordBasedMAC(SECRET))
    assert request.header.general_info is not None
    assert request.header.general_info[0].info_type == oids.ID_IT_CERT_PROFILE
    assert list(request.header.general_info[0].info_value) == ["tls"]


def test_repeat(bench: Bench) -> None:
    answers = [bench.ip(), bench.pkiconf(), bench.ip(), bench.pkiconf()]
    arguments = ["-cmd", "ir", "-newkey", "key.pem", "-subject", "/CN=x", "-certout", "new.pem", "-repeat", "2"]
    result = bench.run(*arguments, "-reqout", "1,2,3,4", answers=answers)
    assert result.code == 0
    assert result.err.count("sending CERTCONF") == 2
    ids = [cmpcodec.decode((bench.folder / name).read_bytes()).header.transaction_id for name in "1234"]
    assert len(set(ids)) == 2 or ids == [ids[0], b"another", ids[2], b"another"]


# --- how it ends ---


@unix
def test_interruption_leaves_no_file(bench: Bench) -> None:
    import signal
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        command = [sys.executable, "-m", "cmpcodec", "cmp", "-config", "", "-cmd", "ir", "-newkey", "key.pem"]
        command += ["-subject", "/CN=x", "-certout", "new.pem", "-secret", "pass:x"]
        command += ["-server", f"127.0.0.1:{server.getsockname()[1]}"]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            connection, _ = server.accept()
            with connection:
                assert connection.recv(4) == b"POST"
                process.send_signal(signal.SIGINT)
                assert process.wait(60) == 130
            assert process.stderr
            assert b"Traceback" not in process.stderr.read()
    assert not (bench.folder / "new.pem").exists()


def test_nobody_there(bench: Bench) -> None:
    import socket

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        result = bench.run(
            "-cmd", "rr", "-oldcert", "old.pem", "-server", f"me:pw@127.0.0.1:{port}/a?b#c", "-path", "x/y"
        )
    assert result.code == 1
    assert f"CMP info: will contact http://127.0.0.1:{port}/x/y\n" in result.err
    assert f"CMP DEBUG: connecting to CMP server 127.0.0.1:{port}\n" in result.err
    assert result.err.endswith(f"CMP error: 127.0.0.1:{port}: Connection refused\n")
    assert "pw" not in result.err


def test_without_the_extra(bench: Bench) -> None:
    code = "import sys; sys.modules['h11'] = None; from cmpcodec.cli import main; sys.exit(main(sys.argv[1:]))"
    arguments = ["cmp", "-config", "", "-cmd", "rr", "-oldcert", "old.pem", "-secret", "pass:x", "-server", "h"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("CMP error: the HTTP client of cmpcodec needs the package h11: pip install ")


def test_will_contact(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it would go; an answer from a file keeps it from going."""
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    for arguments, url in (
        ("-server [::1]:8080/a/b?c", "http://[::1]:8080/a/b?c via proxy.example:3128"),
        ("-server host", "http://host:80/ via proxy.example:3128"),
        ("-server host -no_proxy other,host", "http://host:80/"),
        ("-server host -proxy u:p@10.0.0.1:1", "http://host:80/ via 10.0.0.1:1"),
        ("-server https://host/x", "https://host:443/x"),
        ("-server host:8443 -tls_used -path y", "https://host:8443/y"),
    ):
        result = revocation(bench, PKIStatus.ACCEPTED, "-oldcert", "old.pem", *arguments.split())
        assert result.code == 0
        only = " only if -rspin argument does not give enough filenames"
        assert f"CMP info: will contact {url}{only}\n" in result.err
        assert "connecting" not in result.err
