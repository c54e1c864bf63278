"""Every kind of body in every state of a transaction: what the table of `transactions` promises, tried by messages."""

from __future__ import annotations

from typing import Any

import pytest

import cmpcodec as cmp
from cmpcodec.authority import Delayed
from cmpcodec.cmp import PKIMessages
from cmpcodec.messages import cert_hash
from cmpcodec.server import BODIES, TransactionState
from cmpcodec.server.transactions import TABLE
from tests.server.challenged import answered, challenged
from tests.server.support import KEYS, Device, Server, authority, cert_request, certificates, pkcs10, rev_details

EXPECTED = {
    #            new         challenged   waiting      unconfirmed  finished
    "ir":        ("ip",       "IN_USE",    "IN_USE",    "IN_USE",    "IN_USE"),
    "cr":        ("cp",       "IN_USE",    "IN_USE",    "IN_USE",    "IN_USE"),
    "kur":       ("kup",      "IN_USE",    "IN_USE",    "IN_USE",    "IN_USE"),
    "p10cr":     ("cp",       "IN_USE",    "IN_USE",    "IN_USE",    "IN_USE"),
    "rr":        ("rp",       "IN_USE",    "IN_USE",    "IN_USE",    "IN_USE"),
    "cert_conf": ("BAD",      "BAD",       "BAD",       "pkiconf",   "CONFIRMED"),
    "poll_req":  ("BAD",      "BAD",       "poll_rep",  "BAD",       "BAD"),
    "popdecr":   ("BAD",      "ip",        "BAD",       "BAD",       "BAD"),
    "error":     ("pkiconf",  "pkiconf",   "pkiconf",   "pkiconf",   "pkiconf"),
}  # fmt: skip
FAIL_INFO = {"IN_USE": "TRANSACTION_ID_IN_USE", "BAD": "BAD_REQUEST", "CONFIRMED": "CERT_CONFIRMED"}
STATES = ("new", "challenged", "waiting", "unconfirmed", "finished")


def test_the_table_is_complete() -> None:
    assert set(TABLE) == {(state, kind) for state in (None, *TransactionState) for kind in BODIES}
    assert set(EXPECTED) == BODIES


class Prepared:
    """A transaction in one of the five states, and messages that would be right in some other."""

    def __init__(self, server: Server, state: str) -> None:
        self.server = server
        self.old = Device(server).whole(cert_request(subject="old"))
        self.device = Device(server)
        self.serial: int | None = None
        digest, response = b"", [1]
        if state == "challenged":
            challenges = self.device.send({"ir": [challenged(KEYS[2])]}, pvno=3)
            response = list(answered(challenges, KEYS[2]))
        elif state == "waiting":
            server.restart(authority=Delayed(authority(), 60))
            self.device.send({"ir": [cert_request()]})
        elif state != "new":
            certificate = self.device.enroll()
            self.serial = certificate.load().serial_number
            digest = cert_hash(certificate)
            if state == "finished":
                self.device.confirm((0, certificate))
        self.contents: dict[str, Any] = {
            "ir": [cert_request(key=KEYS[2])],
            "cr": [cert_request(key=KEYS[2])],
            "kur": [cert_request(subject="old", key=KEYS[2], old=(server.issuer, self.old))],
            "p10cr": pkcs10(KEYS[2]),
            "rr": [rev_details(server.issuer, self.old, 1)],
            "cert_conf": [{"cert_hash": digest, "cert_req_id": 0}],
            "poll_req": [{"cert_req_id": 0}],
            "popdecr": response,
            "error": {"pki_status_info": {"status": 2}},
        }

    def left(self) -> tuple[Any, ...]:
        """What a refused message must not change."""
        certificate = None if self.serial is None else self.server.status(self.serial)
        return certificate, self.server.status(self.old), self.server.store.revocations(self.server.issuer.der)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", EXPECTED)
def test_every_cell(server: Server, kind: str, state: str) -> None:
    expected = EXPECTED[kind][STATES.index(state)]
    prepared = Prepared(server, state)
    before = prepared.left()
    device = prepared.device
    if expected in FAIL_INFO:
        assert device.refused({kind: prepared.contents[kind]}) == FAIL_INFO[expected]
        assert prepared.left() == before
        go_on(prepared, state)
    else:
        answer = device.send({kind: prepared.contents[kind]})
        assert answer.body.name == expected
        if expected in ("ip", "cp", "kup"):
            assert certificates(answer)


def go_on(prepared: Prepared, state: str) -> None:
    """A transaction goes on undisturbed after a message that was refused."""
    device, server = prepared.device, prepared.server
    if state == "waiting":
        assert device.send({"poll_req": [{"cert_req_id": 0}]}).body.name == "poll_rep"
        server.clock.pass_(seconds=60)
        assert certificates(device.send({"poll_req": [{"cert_req_id": 0}]}))
    elif state == "challenged":
        assert certificates(device.send({"popdecr": prepared.contents["popdecr"]}))
    elif state == "unconfirmed":
        assert device.send({"cert_conf": prepared.contents["cert_conf"]}).body.name == "pkiconf"
    else:
        device.server_nonce = None
        if state == "new":
            assert device.enroll()


NEVER: dict[str, Any] = {
    "ip": {"response": []},
    "cp": {"response": []},
    "kup": {"response": []},
    "popdecc": [],
    "krr": [cert_request()],
    "krp": {"status": {"status": 0}},
    "rp": {"status": [{"status": 0}]},
    "ccr": [cert_request()],
    "ccp": {"response": []},
    "crlann": [],
    "pkiconf": cmp.PKIConfirmContent(),
    "genm": [],
    "genp": [],
    "poll_rep": [],
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", [*NEVER, "nested"])
def test_what_is_never_served(server: Server, kind: str, state: str) -> None:
    prepared = Prepared(server, state)
    before = prepared.left()
    content = NEVER.get(kind)
    if kind == "nested":
        content = PKIMessages([cmp.decode(Device(server).message({"ir": [cert_request()]}))])
    assert prepared.device.refused({kind: content}) == "BAD_REQUEST"
    assert prepared.left() == before
    go_on(prepared, state)


@pytest.mark.parametrize("kind", ["ir", "cr", "kur", "p10cr", "rr"])
def test_bodies_that_the_profile_does_not_allow(server: Server, kind: str) -> None:
    prepared = Prepared(server, "new")
    server.restart(bodies=BODIES - {kind})
    before = prepared.left()
    assert prepared.device.refused({kind: prepared.contents[kind]}) == "NOT_AUTHORIZED"
    assert prepared.left() == before


def test_an_rr_that_waits(server: Server) -> None:
    """The same row of the table, reached by another message."""
    prepared = Prepared(server, "new")
    device = prepared.device
    server.restart(authority=Delayed(authority(), 60))
    assert device.send({"rr": prepared.contents["rr"]}).body.error.pki_status_info.status == cmp.PKIStatus.WAITING
    assert device.refused({"cert_conf": []}) == "BAD_REQUEST"
    assert device.refused({"rr": prepared.contents["rr"]}) == "TRANSACTION_ID_IN_USE"
    assert device.send({"error": prepared.contents["error"]}).body.name == "pkiconf"
    server.clock.pass_(seconds=60)
    assert device.refused({"poll_req": [{"cert_req_id": -1}]}) == "BAD_REQUEST"
    assert server.status(prepared.old) == "valid"
