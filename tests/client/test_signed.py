"""Requests that are signed and answers that are: who is named, what is sent along, whom the client believes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import cmpcodec as cmp
from cmpcodec import errors
from cmpcodec.client import Enrolment, SecretOrSignature, Settings, revoke
from tests.client import test_enrolment
from tests.client.peer import CA, NOW, OLD, Change, Peer, Reports, drive, shared
from tests.protection import pki

TIMES = {"since": NOW - timedelta(days=1), "until": NOW + timedelta(days=1)}
ROOT = pki.ca("PKI", **TIMES)
BELOW = pki.ca("PKI below", ROOT, **TIMES)
DEVICE = pki.owner("manufactured", BELOW, **TIMES)
SERVER = pki.owner("server", BELOW, **TIMES)
STRANGE_ROOT = pki.ca("PKI", number=1, **TIMES)
STRANGER = pki.owner("server", STRANGE_ROOT, number=1, **TIMES)
EVERY = ("ir", "cr", "kur", "p10cr", "rr")


def signature(who: pki.Owner, *chain: pki.Owner) -> cmp.Signature:
    return cmp.Signature(who.key, who.certificate, [one.certificate for one in chain])


class SigningPeer(Peer):
    """The server, with a certificate of its own; it believes who has one below the same root."""

    def __init__(self, *changes: Change | None, who: pki.Owner = SERVER, chain: Any = (BELOW,), **options: Any) -> None:
        super().__init__(*changes, **options)
        self.credential: Any = signature(who, *chain)

    def __call__(self, request: cmp.PKIMessage) -> cmp.PKIMessage:
        cmp.verify(cmp.decode(request.der), cmp.TrustedSigners([ROOT.certificate]), time=NOW)
        self.received.append(request)
        answer, change = self.answer(request), self.changes.pop(0) if self.changes else None
        return cmp.decode((answer if change is None else change(request, answer)).der)


def ask(body: str = "ir", **given: Any) -> Any:
    more = {"clock": lambda: NOW, "answers": cmp.TrustedSigners([ROOT.certificate])} | given.pop("more", {})
    given = {"credential": signature(DEVICE, BELOW), "settings": Settings(**more)} | given
    return revoke(OLD, **given) if body == "rr" else test_enrolment.ask(body, **given)


@pytest.mark.parametrize("body", EVERY)
def test_a_signed_transaction(body: str) -> None:
    peer, reports = SigningPeer(), Reports()
    result = drive(ask(body, more={"report": reports}), peer)
    assert result.signer == cmp.protection.Signer(SERVER.certificate, (BELOW.certificate, ROOT.certificate))
    assert peer.kinds == ([body, "cert_conf"] if isinstance(result, Enrolment) else ["rr"])
    for request in peer.received:
        assert request.header.sender.directory_name == cmp.Name.decode(DEVICE.x509.subject.public_bytes())
        assert request.header.sender_kid == DEVICE.kid
        assert [one.der for one in request.extra_certs or ()] == [DEVICE.certificate.der, BELOW.certificate.der]
    assert reports.lines.count("debug successfully validated signature-based CMP message protection") == len(
        peer.received
    )


@pytest.mark.parametrize("body", EVERY)
def test_who_signs_has_to_say_whom_to_believe(body: str) -> None:
    with pytest.raises(errors.LocalProtocolError, match=r"Settings\(answers=TrustedSigners"):
        ask(body, more={"answers": None})


def test_another_sender_is_the_callers_choice() -> None:
    flow = ask(more={"sender": "CN=someone else", "extra_certs": [ROOT.certificate, BELOW.certificate]})
    request = next(flow)
    assert request.header.sender.directory_name.rfc4514() == "CN=someone else"
    sent = [one.der for one in request.extra_certs]
    assert sent == [one.certificate.der for one in (DEVICE, BELOW, ROOT)], "own ones first, none twice"


def resigned(who: pki.Owner, *chain: pki.Owner) -> Change:
    """The right answer, signed by somebody else."""

    def change(request: cmp.PKIMessage, answer: cmp.PKIMessage) -> cmp.PKIMessage:
        name = cmp.GeneralName(directory_name=cmp.Name([]))
        bare = answer.replace(header=answer.header.replace(sender=name, sender_kid=None), extra_certs=None)
        return cmp.protect(bare, signature(who, *chain))

    return change


def altered(request: cmp.PKIMessage, answer: cmp.PKIMessage) -> cmp.PKIMessage:
    return answer.replace(header=answer.header.replace(sender_nonce=b"altered"))


@pytest.mark.parametrize("when", [0, 1], ids=["ip", "pkiconf"])
@pytest.mark.parametrize(
    ("change", "error"),
    [
        (resigned(STRANGER, STRANGE_ROOT), cmp.UntrustedSigner),
        (resigned(pki.owner("server", STRANGE_ROOT, own_key=SERVER.key, **TIMES), STRANGE_ROOT), cmp.UntrustedSigner),
        (resigned(pki.owner("server", **TIMES)), cmp.UntrustedSigner),
        (resigned(pki.owner("below", DEVICE, **TIMES), DEVICE, BELOW), cmp.UntrustedSigner),
        (altered, errors.InvalidProtection),
        (lambda request, answer: cmp.protect(answer, shared()), errors.UnsupportedAlgorithm),
        (lambda request, answer: request, errors.CMPError),
    ],
    ids=["strange root", "right key", "self-signed", "below a device", "altered", "MAC", "reflected"],
)
def test_whom_the_client_does_not_believe(change: Change, error: type[Exception], when: int) -> None:
    peer = SigningPeer(*[None] * when, change)
    with pytest.raises(error):
        drive(ask(), peer)
    assert len(peer.received) == when + 1, "nothing more is sent to a stranger"


def test_ca_pubs_are_not_trusted() -> None:
    """The ip is authentic and brings a root; who signs pkiConf below that root is not believed for it."""

    def with_strange_root(request: cmp.PKIMessage, answer: cmp.PKIMessage) -> cmp.PKIMessage:
        content = answer.body.value.replace(ca_pubs=[cmp.CMPCertificate(STRANGE_ROOT.certificate.der)])
        return cmp.protect(answer.replace(body=cmp.PKIBody(ip=content)), signature(SERVER, BELOW))

    with pytest.raises(cmp.UntrustedSigner):
        drive(ask(), SigningPeer(with_strange_root, resigned(STRANGER, STRANGE_ROOT)))


def test_the_clock_of_the_settings_judges() -> None:
    later = {"clock": lambda: NOW + timedelta(days=2)}
    with pytest.raises(cmp.UntrustedSigner, match="has expired"):
        drive(ask(more=later), SigningPeer())


def test_the_expected_sender() -> None:
    assert drive(ask(more={"expected_sender": "CN=SERVER"}), SigningPeer()).signer is not None
    with pytest.raises(errors.RemoteProtocolError, match="not from the expected sender CN=other"):
        drive(ask(more={"expected_sender": "CN=other"}), SigningPeer())


def test_secret_or_signature() -> None:
    """A client with a secret: the server may sign or not, if signers are trusted."""
    signers = cmp.TrustedSigners([ROOT.certificate])
    common: dict[str, Any] = {"credential": shared()}
    both = {"answers": SecretOrSignature(shared(), signers)}
    assert drive(ask(more=both, **common), Peer()).signer is None
    assert drive(ask(more=both, **common), Peer(resigned(SERVER, BELOW))).signer.certificate == SERVER.certificate
    only_secret = {"answers": SecretOrSignature(shared(), None)}
    with pytest.raises(errors.UnsupportedAlgorithm, match="signed, and nobody is trusted to sign"):
        drive(ask(more=only_secret, **common), Peer(resigned(SERVER, BELOW)))
    only_signers = {"answers": SecretOrSignature(None, signers)}
    with pytest.raises(errors.UnsupportedAlgorithm, match="by a MAC, and there is no secret"):
        drive(ask(more=only_signers, **common), Peer())
    with pytest.raises(cmp.UntrustedSigner):
        drive(ask(more=both, **common), Peer(resigned(STRANGER, STRANGE_ROOT)))
    with pytest.raises(errors.InvalidProtection):
        drive(ask(more=both, **common), Peer(lambda request, answer: cmp.protect(answer, shared(b"a guess"))))


def test_extra_certs_of_the_answer_are_no_anchors() -> None:
    """Nor is what stands in Settings.untrusted, which helps with the chain of the new certificate only."""
    with pytest.raises(cmp.UntrustedSigner):
        drive(
            ask(more={"untrusted": [STRANGE_ROOT.certificate, cmp.Certificate(CA.der)]}),
            SigningPeer(resigned(STRANGER, STRANGE_ROOT)),
        )
