"""Signed messages of ours, which the installed openssl accepts as client and as server; and its own, which we accept.

No sockets: its client reads our answers from files (-rspin), its mock server our requests (-reqin). Certificates are made
by pki, valid now. Skipped where `openssl cmp` is not installed.
"""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import cmpcodec
from cmpcodec import (
    Certificate,
    InvalidProtection,
    PKIMessage,
    Signature,
    TrustedSigners,
    UntrustedSigner,
    protect,
    verify,
)
from tests.openssl import needs_openssl
from tests.protection.pki import DAY, NULL_DN, Owner, ca, owner, usage

pytestmark = needs_openssl

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
TODAY = datetime.now(UTC)
VALID: dict[str, Any] = {"since": TODAY - DAY, "until": TODAY + DAY}
ACCEPTED = "genp contains ITAV of type: id-it-caCerts"
"""What its client says once the answer has been verified; of signatures alone it says nothing."""
SIGNING = ((usage("digital_signature"), True),)
KINDS = ("rsa", "p256", "p384", "p521")
"""openssl 3.0 signs protection with a digest always, and so not with Ed25519 and Ed448."""


class Parties:
    """A PKI of one kind of key, in files, and openssl as either end."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.folder = folder
        self.root = ca("root", kind=kind, number=1, **VALID)
        self.sub = ca("sub", self.root, kind=kind, number=2, **VALID)
        self.device = owner("device", self.sub, kind=kind, number=3, extensions=SIGNING, **VALID)
        self.server = owner("server", self.sub, kind=kind, number=4, extensions=SIGNING, **VALID)
        self.stranger = ca("root", kind=kind, number=5, **VALID)
        for name in ("root", "sub", "device", "server", "stranger"):
            one: Owner = getattr(self, name)
            (folder / f"{name}.pem").write_bytes(one.x509.public_bytes(Encoding.PEM))
            secret = one.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            (folder / f"{name}.key").write_bytes(secret)
        self.client = folder / "device.pem"
        """Whose certificate its client uses."""
        (folder / "empty.cnf").write_text("")

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            ["openssl", "cmp", "-config", "empty.cnf", "-section", "", "-verbosity", "8", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.stdout + done.stderr

    def mock(self, trusted: str, *more: str) -> tuple[PKIMessage, str]:
        """What its client asked with -reqin or by itself, and what its mock server answers."""
        ours = ("-cert", "device.pem", "-key", "device.key", "-untrusted", "sub.pem", "-trusted", "root.pem")
        theirs = (
            "-srv_cert",
            "server.pem",
            "-srv_key",
            "server.key",
            "-srv_untrusted",
            "sub.pem",
            "-srv_trusted",
            trusted,
        )
        output = self.run(
            "-use_mock_srv",
            "-cmd",
            "genm",
            *ours,
            *theirs,
            "-rsp_cert",
            str(VECTORS / "pki" / "dev-ec.cer"),
            "-rspout",
            "answer.der",
            *more,
        )
        return cmpcodec.decode((self.folder / "answer.der").read_bytes()), output

    def serve(self, request: PKIMessage, trusted: str = "root.pem") -> PKIMessage:
        """The answer of its mock server to a request of ours."""
        (self.folder / "request.der").write_bytes(request.der)
        return self.mock(trusted, "-reqin", "request.der")[0]

    def believe(self, answer: PKIMessage, *trust: str) -> str:
        """What its client says of an answer of ours."""
        (self.folder / "ours.der").write_bytes(answer.der)
        credential = ("-cert", str(self.client), "-key", str(self.client.with_suffix(".key")))
        return self.run("-cmd", "genm", "-server", "127.0.0.1:9", *credential, *trust, "-rspin", "ours.der")


def bare(vector: str) -> PKIMessage:
    """A vector without protection and sender."""
    message = cmpcodec.decode((VECTORS / f"{vector}.der").read_bytes())
    header = message.header.replace(protection_alg=None, sender_kid=None, sender=NULL_DN)
    return message.replace(header=header, protection=None, extra_certs=None)


def signing(one: Owner, *chain: Owner, **options: Any) -> Signature:
    return Signature(one.key, one.certificate, [each.certificate for each in chain], **options)


@pytest.fixture(scope="module", params=KINDS)
def parties(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Parties:
    return Parties(request.param, tmp_path_factory.mktemp("openssl"))


def test_its_server_accepts_our_requests(parties: Parties) -> None:
    """And answers by a signature that we accept; a request whose root it does not trust, it refuses."""
    trusted = TrustedSigners([parties.root.certificate])
    for vector, body in (("genm-pbm-caCerts.1-genm", "genp"), ("ir-pbm-ec.1-ir", "ip"), ("rr-pbm.1-rr", "rp")):
        request = protect(bare(vector), signing(parties.device, parties.sub))
        answer = parties.serve(request)
        assert answer.body.name == body, answer.body
        signer = verify(answer, trusted, time=TODAY)
        assert signer.certificate == parties.server.certificate
        assert parties.serve(request, "stranger.pem").body.name == "error"
    changed = request.replace(header=request.header.replace(message_time=None))
    assert parties.serve(changed).body.name == "error"


def test_its_client_accepts_our_answers(parties: Parties) -> None:
    for options in ({}, {"digest": "sha224"}, {"digest": "sha512"}):
        answer = protect(bare("genm-pbm-caCerts.2-genp"), signing(parties.server, parties.sub, **options))
        assert parties.believe(answer, "-trusted", "root.pem").count(ACCEPTED) == 1
        assert parties.believe(answer, "-srvcert", "server.pem").count(ACCEPTED) == 1
        assert ACCEPTED not in parties.believe(answer, "-trusted", "stranger.pem")
        assert ACCEPTED not in parties.believe(answer, "-srvcert", "device.pem")
    missing = protect(bare("genm-pbm-caCerts.2-genp"), signing(parties.server))
    assert ACCEPTED not in parties.believe(missing, "-trusted", "root.pem")
    assert ACCEPTED in parties.believe(missing, "-trusted", "root.pem", "-untrusted", "sub.pem")


def test_we_accept_what_its_client_signs(parties: Parties) -> None:
    for digest in ("sha256", "sha384", "sha512"):
        answer, _ = parties.mock("root.pem", "-reqout", "asked.der", "-digest", digest)
        assert answer.body.name == "genp"
        asked = cmpcodec.decode((parties.folder / "asked.der").read_bytes())
        assert digest in cmpcodec.oids.name(asked.header.protection_alg.algorithm).lower()
        signer = verify(asked, TrustedSigners([parties.root.certificate]), time=TODAY)
        assert signer == (parties.device.certificate, (parties.sub.certificate, parties.root.certificate))
        pinned = TrustedSigners(signers=[Certificate(parties.device.certificate.der)])
        assert verify(asked, pinned, time=TODAY).chain == ()
        with pytest.raises(UntrustedSigner):
            verify(asked, TrustedSigners([parties.stranger.certificate]), time=TODAY)
        with pytest.raises(InvalidProtection):
            verify(asked.replace(body=bare("ir-pbm-ec.1-ir").body), pinned, time=TODAY)


def test_its_client_accepts_pss(tmp_path: Path) -> None:
    """Openssl 3.0 verifies RSASSA-PSS, although it cannot sign messages so."""
    parties = Parties("rsa", tmp_path)
    for digest in ("sha256", "sha512"):
        answer = protect(bare("genm-pbm-caCerts.2-genp"), signing(parties.server, parties.sub, pss=True, digest=digest))
        output = parties.believe(answer, "-trusted", "root.pem")
        assert ACCEPTED in output, output


@pytest.mark.parametrize("kind", ["ed25519", "ed448"])
def test_edwards_keys(kind: str, tmp_path: Path) -> None:
    """It verifies what it cannot sign: its own messages are signed with another key."""
    parties, others = Parties(kind, tmp_path), tmp_path / "others"
    others.mkdir()
    parties.client = Parties("p256", others).client
    answer = protect(bare("genm-pbm-caCerts.2-genp"), signing(parties.server, parties.sub))
    output = parties.believe(answer, "-trusted", "root.pem")
    assert ACCEPTED in output, output
