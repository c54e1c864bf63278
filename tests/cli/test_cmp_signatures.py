"""Signed requests and answers at the command line: against openssl's server, and against answers that must not be believed."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

import cmpcodec
from cmpcodec import CertRepMessage, PKIBody, PKIMessage
from cmpcodec.cli.cmp.exchange import Originals
from cmpcodec.cmp import CertifiedKeyPair, CertOrEncCert, CertResponse, CMPCertificate, PKIConfirmContent, PKIStatusInfo
from cmpcodec.protection import protected_part
from tests.cli.conftest import Result, Run
from tests.cli.test_cmp_document import SERVE, namespace, ours
from tests.openssl import HAS_CMP, needs_openssl
from tests.protection import pki

NOW = datetime.now(UTC)
TIMES: dict[str, Any] = {"since": NOW - pki.DAY, "until": NOW + pki.DAY}
OVER: dict[str, Any] = {"since": NOW - 2 * pki.DAY, "until": NOW - pki.DAY}
ROOT = pki.ca("Root", **TIMES)
BELOW = pki.ca("Issuing", ROOT, **TIMES)
OTHER_ROOT = pki.ca("Root", number=1, **TIMES)
SERVER = pki.owner("Server", BELOW, **TIMES)
SERVER_NAME = cmpcodec.Name.decode(SERVER.x509.subject.public_bytes())
NEW = pki.owner("device-1", BELOW, number=7, **TIMES)
KINDS = ("rsa", "p256", "p384")


def pem(*owners: pki.Owner) -> bytes:
    return b"".join(one.x509.public_bytes(serialization.Encoding.PEM) for one in owners)


def key_pem(key: Any, password: bytes | None = None) -> bytes:
    return bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption(),
        )
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signed")
    files = {"root.pem": pem(ROOT), "below.pem": pem(BELOW), "other-root.pem": pem(OTHER_ROOT), "new.pem": pem(NEW)}
    files |= {"new.key": key_pem(NEW.key), "server.pem": pem(SERVER), "server.key": key_pem(SERVER.key)}
    for kind in (*KINDS, "ed25519"):
        device = pki.owner("device-1", BELOW, kind=kind, **TIMES)
        files |= {f"{kind}.pem": pem(device), f"{kind}.key": key_pem(device.key)}
        files |= {f"{kind}-chain.pem": pem(device, BELOW)}
        files |= {f"{kind}-locked.key": key_pem(device.key, b"open sesame")}
        server = pki.owner("Server", BELOW, kind=kind, number=1, **TIMES)
        files |= {f"{kind}-server.pem": pem(server), f"{kind}-server.key": key_pem(server.key)}
        both = pkcs12.serialize_key_and_certificates(
            None, device.key, device.x509, [BELOW.x509], serialization.BestAvailableEncryption(b"open sesame")
        )
        files |= {f"{kind}.p12": both}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    arguments = ["req", "-new", "-key", "new.key", "-subj", "/CN=device-1", "-out", "new.csr"]
    if HAS_CMP:
        (folder / "empty.cnf").write_text("[req]\ndistinguished_name = dn\n[dn]\n")
        subprocess.run(["openssl", *arguments, "-config", "empty.cnf"], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder, as the current one, with nothing left of the test before."""
    monkeypatch.chdir(folder)
    yield folder
    for name in ("certout.pem", "signer.pem", "ours.der", "theirs.der"):
        (folder / name).unlink(missing_ok=True)


# --- openssl's server ---

needs_namespace = pytest.mark.skipif(not namespace(), reason="needs openssl, and a network namespace of our own")
COMMANDS = {
    "ir": "-newkey new.key -certout certout.pem",
    "cr": "-newkey new.key -certout certout.pem -subject /CN=device-1",
    "kur": "-oldcert new.pem -newkey new.key -certout certout.pem",
    "p10cr": "-csr new.csr -certout certout.pem",
    "rr": "-oldcert new.pem -revreason 1",
}


def talk(folder: Path, arguments: str, server: str) -> Result:
    """Our client beside a server of openssl with these options."""
    common = "-srv_trusted root.pem -rsp_cert new.pem -srv_untrusted below.pem"
    script = SERVE.replace("-srv_ref mock -srv_secret pass:mySecret $1", f"{common} {server}")
    command = ours(f'openssl cmp -config "" -server 127.0.0.1:8080 -verbosity 7 {arguments}')
    done = subprocess.run(
        ["unshare", "-rn", "sh", "-c", script, "sh", "", command],
        cwd=folder, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode != 99, (folder / "server.log").read_text()
    return Result(done.returncode, done.stdout, done.stderr)


@needs_namespace
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", KINDS)
def test_openssl_server(here: Path, kind: str, command: str) -> None:
    result = talk(
        here,
        f"-cmd {command} {COMMANDS[command]} -cert {kind}-chain.pem -key {kind}.key -trusted root.pem "
        "-srvcertout signer.pem",
        f"-srv_cert {kind}-server.pem -srv_key {kind}-server.key",
    )
    assert result.code == 0, result.err
    assert result.err.count("successfully validated signature-based CMP message protection") == 1 + (command != "rr")
    assert (here / "signer.pem").read_bytes() == (here / f"{kind}-server.pem").read_bytes()
    if command != "rr":
        assert (here / "certout.pem").read_bytes() == (here / "new.pem").read_bytes()


@needs_namespace
@pytest.mark.parametrize(
    ("arguments", "server"),
    [
        ("-cert p256.pem -untrusted below.pem -key p256-locked.key -keypass 'pass:open sesame'", ""),
        ("-cert p256.p12 -key p256.p12 -keypass 'pass:open sesame' -digest sha512", ""),
        ("-cert p256-chain.pem -key p256.key -own_trusted root.pem -out_trusted root.pem", ""),
        ("-cert p256.pem -extracerts below.pem -key p256.key -ref ignored -implicit_confirm", "-grant_implicitconf"),
        ("-secret pass:mySecret -subject /CN=x -ref x", "-srv_secret pass:mySecret -srv_ref y"),
        ("-unprotected_requests -subject /CN=device-1", "-accept_unprotected"),
    ],
)
def test_other_ways_to_openssl(here: Path, arguments: str, server: str) -> None:
    server = server if "-srv_secret" in server else f"{server} -srv_cert p256-server.pem -srv_key p256-server.key"
    result = talk(here, f"-cmd ir -newkey new.key -certout certout.pem -trusted root.pem {arguments}", server)
    assert result.code == 0, result.err
    assert (here / "certout.pem").exists()


# --- what openssl's client sends ---

BOTH = "-newkey new.key -cert p256-chain.pem -key p256.key -trusted root.pem"
SAME = [
    f"-cmd ir {BOTH}",
    f"-cmd ir {BOTH} -subject /CN=other -recipient /CN=somebody -extracerts other-root.pem,below.pem",
    f"-cmd ir {BOTH} -issuer /CN=somebody -own_trusted root.pem -ref reference",
    f"-cmd ir {BOTH} -oldcert rsa.pem -digest sha384",
    f"-cmd cr {BOTH} -srvcert server.pem -recipient /CN=ignored",
    "-cmd cr -cert p256.pem -untrusted below.pem,root.pem -key p256.key -srvcert server.pem",
    "-cmd ir -cert p256.pem -key p256.key -srvcert server.pem -sans host.example",
    f"-cmd ir {BOTH} -secret pass:mySecret -ref reference",
    f"-cmd ir {BOTH} -unprotected_requests",
    "-cmd kur -cert p256-chain.pem -key p256.key -trusted root.pem",
    f"-cmd kur {BOTH} -oldcert rsa.pem",
    f"-cmd p10cr {BOTH} -csr new.csr",
    f"-cmd rr {BOTH} -oldcert rsa.pem",
    "-cmd rr -cert p256.pem -key p256.key -oldcert rsa.pem -srvcert server.pem -revreason 1",
    "-cmd ir -cert p256.p12 -key p256.p12 -keypass 'pass:open sesame' -trusted root.pem",
    "-cmd ir -cert rsa.pem -key rsa.key -csr new.csr -newkey new.key -trusted root.pem",
]


def told(path: Path) -> dict[str, Any]:
    """What a request says, without what is new in each."""
    message = cmpcodec.decode(path.read_bytes())
    header, body = message.header, message.body
    found: dict[str, Any] = {
        name: getattr(header, name) for name in ("pvno", "sender", "recipient", "sender_kid", "general_info")
    }
    algorithm = header.protection_alg
    found["algorithm"] = None if algorithm is None else algorithm.algorithm
    found["extra_certs"] = [one.der for one in message.extra_certs or ()]
    found["body"] = body.name
    if body.name in ("ir", "cr", "kur"):
        (request,) = body.value
        found["request"] = request.cert_req.cert_template, request.cert_req.controls
        found["popo"] = request.popo.signature.algorithm_identifier.algorithm
    else:
        found["request"] = body.value
    return found


@needs_openssl
@pytest.mark.parametrize("arguments", SAME)
def test_requests_are_those_of_openssl(here: Path, run: Run, arguments: str) -> None:
    words = [*shlex.split(arguments), "-config", ""]
    words += [] if "-cmd rr" in arguments else ["-certout", "certout.pem"]
    mock = ["-use_mock_srv", "-srv_cert", "server.pem", "-srv_key", "server.key", "-rsp_cert", "new.pem"]
    outputs = ["-reqout", "theirs.der,theirs-2.der"]
    said = subprocess.run(["openssl", "cmp", *words, *mock, *outputs], capture_output=True, text=True, check=False)
    assert (here / "theirs.der").exists(), said
    result = run("cmp", *words, "-reqout_only", "ours.der")
    assert result.code == 0, result.err
    assert told(here / "ours.der") == told(here / "theirs.der")


# --- whom we believe ---


def answer(body: PKIBody, who: pki.Owner, *along: pki.Owner) -> bytes:
    """An answer of another transaction, which the client fits into its own."""
    bare = PKIMessage(header=pki.BARE.header.replace(transaction_id=b"another"), body=body)
    return pki.signed(who, *along, message=bare).der


def ip(der: bytes = b"") -> PKIBody:
    pair = CertifiedKeyPair(cert_or_enc_cert=CertOrEncCert(certificate=CMPCertificate(der or NEW.certificate.der)))
    response = CertResponse(cert_req_id=0, status=PKIStatusInfo(status=0), certified_key_pair=pair)
    return PKIBody(ip=CertRepMessage(ca_pubs=[CMPCertificate(OTHER_ROOT.certificate.der)], response=[response]))


def enrol(here: Path, run: Run, who: pki.Owner, along: tuple[pki.Owner, ...], options: str) -> Result:
    (here / "ip.der").write_bytes(answer(ip(), who, *along))
    (here / "conf.der").write_bytes(answer(PKIBody(pkiconf=PKIConfirmContent()), who, *along))
    common = (
        "-cmd ir -config '' -newkey new.key -cert p256.pem -key p256.key -rspin ip.der,conf.der -certout certout.pem"
    )
    return run("cmp", *shlex.split(common), *shlex.split(options))


NO_SIGNING = ((pki.usage("key_agreement"), True),)
REFUSED = {
    "expired": (pki.owner("Server", BELOW, **OVER), (BELOW,), "-trusted root.pem", "has expired"),
    "chain expired": (pki.owner("Server", pki.ca("Old", ROOT, **OVER), **TIMES), (pki.ca("Old", ROOT, **OVER),),
                      "-trusted root.pem", "has expired"),
    "another root": (SERVER, (BELOW,), "-trusted other-root.pem", "was not signed by the key of|no certificate is"),
    "usage": (pki.owner("Server", BELOW, extensions=NO_SIGNING, **TIMES), (BELOW,), "-trusted root.pem", "(keyUsage)"),
    "no chain": (SERVER, (), "-trusted root.pem", "no certificate is there of the issuer of"),
    "attacker's root": (pki.owner("Server", OTHER_ROOT, **TIMES), (OTHER_ROOT,), "-trusted root.pem", "signed by the key"),
    "untrusted root": (pki.owner("Server", OTHER_ROOT, **TIMES), (), "-trusted root.pem -untrusted other-root.pem",
                       "signed by the key"),
    "self-signed": (pki.owner("Server", **TIMES), (), "-trusted root.pem", "no certificate is there of the issuer of"),
    "pinned another": (pki.owner("Server", BELOW, number=2, **TIMES), (BELOW,), "-srvcert server.pem", "no certificate is"),
    "below the pinned": (SERVER, (BELOW,), "-srvcert below.pem -expect_sender /CN=Server", "no certificate is"),
    "other sender": (SERVER, (BELOW,), "-trusted root.pem -expect_sender /CN=Else", "expected sender CN=Else"),
    "no trust": (SERVER, (BELOW,), "-unprotected_errors", "nobody is trusted to sign"),
    "only a secret": (SERVER, (BELOW,), "-secret pass:x", "nobody is trusted to sign"),
    "refused by us": (SERVER, (BELOW,), "-trusted root.pem -out_trusted other-root.pem", "does not lead to -out_trusted"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_answers_that_are_not_believed(here: Path, run: Run, case: str) -> None:
    who, along, options, words = REFUSED[case]
    before = sorted(here.iterdir())
    result = enrol(here, run, who, along, f"{options} -srvcertout signer.pem -cacertsout ca.pem")
    assert result.code == 1, result.err
    last = [line for line in result.err.splitlines() if line.startswith("CMP error: ")]
    assert any(one in line for one in words.split("|") for line in last), result.err
    assert sorted({*here.iterdir()} - {here / "ip.der", here / "conf.der"}) == [
        one for one in before if one.name not in ("ip.der", "conf.der")
    ], "nothing was written"


@pytest.mark.parametrize(
    ("who", "along", "options"),
    [
        (SERVER, (BELOW,), "-trusted root.pem"),
        (SERVER, (), "-trusted other-root.pem,root.pem -untrusted below.pem"),
        (SERVER, (), "-srvcert server.pem"),
        (SERVER, (BELOW,), "-trusted server.pem"),
        (SERVER, (BELOW,), "-secret pass:x -trusted root.pem"),
        (pki.owner("Server", BELOW, extensions=NO_SIGNING, **TIMES), (BELOW,), "-trusted root.pem -ignore_keyusage"),
        (SERVER, (BELOW,), "-trusted root.pem -expect_sender /CN=Server -out_trusted root.pem"),
        (pki.owner("Server", BELOW, kind="ed25519", **TIMES), (BELOW,), "-trusted root.pem"),
    ],
)
def test_answers_that_are_believed(here: Path, run: Run, who: pki.Owner, along: Any, options: str) -> None:
    result = enrol(here, run, who, along, f"{options} -srvcertout signer.pem")
    assert result.code == 0, result.err
    assert (here / "certout.pem").read_bytes() == pem(NEW)
    assert (here / "signer.pem").read_bytes() == pem(who)


def test_ed25519_signs(here: Path, run: Run) -> None:
    """OpenSSL 3.0 cannot, so that nobody else is here to ask. The hash of -digest is none of this signature's."""
    words = "-cmd ir -config '' -cert ed25519-chain.pem -key ed25519.key -digest sha384 -reqout_only ours.der"
    result = run("cmp", *shlex.split(words))
    assert result.code == 0, result.err
    request = cmpcodec.decode((here / "ours.der").read_bytes())
    signer = cmpcodec.verify(request, cmpcodec.TrustedSigners([ROOT.certificate]), time=NOW)
    assert signer is not None
    assert signer.chain == (BELOW.certificate, ROOT.certificate)


def test_srvcertout_without_a_signature(here: Path, run: Run) -> None:
    (here / "signer.pem").write_bytes(b"as it was")
    content = PKIBody(rp=cmpcodec.RevRepContent.from_plain({"status": [{"status": 0}]}))
    message = PKIMessage(header=pki.BARE.header, body=content)
    (here / "rp.der").write_bytes(cmpcodec.protect(message, cmpcodec.PasswordBasedMAC(b"x")).der)
    words = "-cmd rr -config '' -oldcert new.pem -secret pass:x -rspin rp.der -srvcertout signer.pem"
    result = run("cmp", *shlex.split(words))
    assert result.code == 0, result.err
    assert "CMP warning: nobody has signed the answer" in result.err
    assert (here / "signer.pem").read_bytes() == b"as it was"


def test_the_pinned_name_binds_macs_too(here: Path, run: Run) -> None:
    """With -srvcert and -secret an answer with the right MAC still has to name the pinned one as its sender."""
    content = PKIBody(rp=cmpcodec.RevRepContent.from_plain({"status": [{"status": 0}]}))
    words = shlex.split("-cmd rr -config '' -oldcert new.pem -secret pass:x -srvcert server.pem -rspin rp.der")
    for sender, code in ((pki.NULL_DN, 1), (cmpcodec.GeneralName(directory_name=SERVER_NAME), 0)):
        message = PKIMessage(header=pki.BARE.header.replace(sender=sender), body=content)
        (here / "rp.der").write_bytes(cmpcodec.protect(message, cmpcodec.PasswordBasedMAC(b"x")).der)
        result = run("cmp", *words)
        assert result.code == code, result.err
        assert ("not from the expected sender CN=Server" in result.err) is bool(code)


def test_only_the_answer_from_the_file_is_judged_as_it_was() -> None:
    """The next one, which the server may have sent, stands for itself."""
    seen: list[tuple[PKIMessage, bytes]] = []

    class Recorder:
        def authenticate(self, message: PKIMessage, octets: bytes, policy: Any, time: Any) -> None:
            seen.append((message, octets))

    secret = cmpcodec.PasswordBasedMAC(b"x")
    original, fitting, other = (
        cmpcodec.protect(PKIMessage(header=pki.BARE.header.replace(transaction_id=which), body=pki.BARE.body), secret)
        for which in (b"1", b"2", b"3")
    )
    originals = Originals(Recorder())
    originals.remember(fitting, original)
    cmpcodec.verify(fitting, originals)
    cmpcodec.verify(other, originals)
    cmpcodec.verify(cmpcodec.decode(fitting.der), originals)
    assert [message.header.transaction_id for message, _ in seen] == [b"1", b"3", b"2"]
    assert [octets for _, octets in seen] == [protected_part(message) for message, _ in seen]


# --- options that do not do ---

LOCKED = "-cert p256.pem -key p256-locked.key -trusted root.pem"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("-cert p256.pem -trusted root.pem", "-key is missing: -cert and -key are both needed"),
        ("-key p256.key -trusted root.pem", "-cert is missing: -cert and -key are both needed"),
        ("-trusted root.pem", "-secret is missing: the shared secret that protects the messages; or -cert and -key"),
        ("-cert p256.pem -key p256.key", "-secret, -trusted and -srvcert are missing: one of them has to say"),
        ("-cert p256.pem -key rsa.key -trusted root.pem", "-cert and -key do not do: the certificate is not that of"),
        ("-secret pass:x -cert p256.pem -key rsa.key", "-cert and -key do not do: the certificate is not that of"),
        (f"{LOCKED} -batch", "-key: p256-locked.key is encrypted; name its pass phrase by -keypass"),
        (f"{LOCKED} -keypass pass:canary", "-key: p256-locked.key cannot be decrypted: is the pass phrase right?"),
        (f"{LOCKED} -keypass env:NOT_THERE_77", "-keypass"),
        (
            "-cert p256.p12 -key p256.key -trusted root.pem",
            "-cert: p256.p12 is encrypted; name its pass phrase by -keypass",
        ),
        (
            "-cert p256.pem -key p256.key -trusted p256.p12 -otherpass pass:canary",
            "-trusted: p256.p12 cannot be decrypted: is the pass phrase right?",
        ),
        (
            "-cert p256.pem -key p256.key -srvcert p256.p12",
            "-srvcert: p256.p12 is encrypted; name its pass phrase by -otherpass",
        ),
        ("-cert p256.pem -key p256.key -trusted none.pem", "-trusted: none.pem cannot be read: No such file"),
        ("-cert p256.key -key p256.key -trusted root.pem", "-cert: p256.key holds no certificate"),
        ("-cert p256.pem -key p256.pem -trusted root.pem", "-key: p256.pem holds no key"),
        ("-cert p256.pem -key p256.key -trusted root.pem -own_trusted root.pem", "-own_trusted: -cert is not to be"),
        (
            "-cert p256-chain.pem -key p256.key -trusted root.pem -own_trusted other-root.pem",
            "-own_trusted: -cert is not to be trusted: ",
        ),
        ("-cert p256.pem -key p256.key -trusted root.pem -digest md5", "-digest: 'md5' is not supported"),
        ("-cert p256.pem -key p256.key -trusted root.pem -srvcertout no/x.pem", "-srvcertout: there is no folder"),
    ],
)
def test_options_that_do_not_do(here: Path, run: Run, arguments: str, words: str) -> None:
    common = "-cmd ir -config '' -newkey new.key -server h -certout certout.pem"
    result = run("cmp", *shlex.split(common), *shlex.split(arguments))
    assert result.code == 1
    assert result.err.splitlines()[-1].startswith(f"CMP error: {words}"), result.err
    assert "canary" not in result.err
    assert not (here / "certout.pem").exists()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("-cmd rr", "-oldcert is missing: the certificate to revoke"),
        ("-cmd kur -secret pass:x", "-oldcert is missing: the certificate that kur renews"),
        ("-cmd ir -secret pass:x -certout certout.pem", "-newkey is missing: the key to be certified"),
    ],
)
def test_what_cert_and_key_do_not_stand_for(here: Path, run: Run, command: str, words: str) -> None:
    common = "-config '' -server h -certout certout.pem -trusted root.pem"
    more = "" if "-secret" in command else "-cert p256.pem -key p256.key"
    more += " -newkey new.key" if "kur" in command else ""
    result = run("cmp", *shlex.split(command), *shlex.split(common), *shlex.split(more))
    assert result.code == 1
    assert result.err.splitlines()[-1].startswith(f"CMP error: {words}"), result.err
