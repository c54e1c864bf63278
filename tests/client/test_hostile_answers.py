"""What a client believes: nothing that is forged, replayed, for somebody else, out of turn, or unprotected.

The last tests let the machine make up the conversation: whatever comes, the flow ends with a result or a documented exception.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

import cmpcodec as cmp
from cmpcodec import errors
from cmpcodec.client import Confirmation, Enrolment, Revocation, Settings, Wait
from tests.client import test_enrolment, test_revocation
from tests.client.peer import (
    CA,
    NOW,
    OLD,
    ROOT,
    Change,
    Peer,
    Reports,
    both,
    drive,
    error_body,
    forged,
    shared,
    unprotected,
)
from tests.strategies import records

FLOWS = ("ir", "cr", "kur", "p10cr", "rr")
every_flow = pytest.mark.parametrize("body", FLOWS)


def ask(body: str, **more: Any) -> Any:
    if body == "rr":
        return test_revocation.ask(more=more)
    return test_enrolment.ask(body, settings=Settings(clock=lambda: NOW, **more))


# --- protection ---


@every_flow
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("errors_shown", [False, True])
def test_unprotected_answer(body: str, late: bool, errors_shown: bool) -> None:
    peer = Peer(unprotected)
    if late:
        peer = Peer(None, unprotected, delays=1)
    with pytest.raises(errors.MissingProtection):
        drive(ask(body, unprotected_errors=errors_shown), peer)
    assert peer.kinds == ([body, "poll_req"] if late else [body]), "nothing is said to a stranger"


@every_flow
@pytest.mark.parametrize("errors_shown", [False, True])
def test_forged_answer(body: str, errors_shown: bool) -> None:
    peer, reports = Peer(forged), Reports()
    with pytest.raises(errors.InvalidProtection):
        drive(ask(body, unprotected_errors=errors_shown, report=reports), peer)
    assert peer.kinds == [body]
    assert "warning verifying PBM-based CMP message protection failed" in reports


@every_flow
def test_altered_answer(body: str) -> None:
    """The MAC of the right answer over another one."""

    def altered(request: cmp.PKIMessage, answer: cmp.PKIMessage) -> cmp.PKIMessage:
        return answer.replace(header=answer.header.replace(message_time=None))

    with pytest.raises(errors.InvalidProtection):
        drive(ask(body), Peer(altered))


@every_flow
def test_costly_protection_is_refused(body: str) -> None:
    def costly(request: cmp.PKIMessage, answer: cmp.PKIMessage) -> cmp.PKIMessage:
        algorithm = cmp.AlgorithmIdentifier(
            algorithm=cmp.oids.ID_PASSWORD_BASED_MAC,
            parameters=answer.header.protection_alg.parameters.replace(iteration_count=2**31),
        )
        return answer.replace(header=answer.header.replace(protection_alg=algorithm))

    with pytest.raises(errors.UnsupportedAlgorithm):
        drive(ask(body), Peer(costly))


@pytest.mark.parametrize("spoiled", [unprotected, forged])
@pytest.mark.parametrize("position", [0, 1])
def test_negative_answers_without_protection(spoiled: Change, position: int) -> None:
    """Refused by default, with a hint; shown as what they are if the user says so."""
    peer = Peer()
    peer.changes = [None] * position + [both(peer.saying(error_body(text="who are you")), spoiled)]
    changes = list(peer.changes)
    with pytest.raises(errors.ProtectionError) as refused:
        drive(ask("ir"), peer)
    assert "unprotected_errors" in refused.value.__notes__[0]
    assert "who are you" not in str(refused.value)
    peer.changes, reports = changes, Reports()
    with pytest.raises(errors.RequestRejected, match=r"not authenticated: .*who are you") as shown:
        drive(ask("ir", unprotected_errors=True, report=reports), peer)
    assert shown.value.authenticated is False
    what = "missing" if spoiled is unprotected else "invalid"
    assert f"warning ignoring {what} protection of error response" in reports


def test_unprotected_error_of_a_server_that_could_not_read_us() -> None:
    """It knows neither transactionID nor nonce."""
    peer = Peer()
    change = peer.saying(error_body(), transaction_id=None, recip_nonce=None, pvno=3)
    peer.changes = [both(change, unprotected)]
    with pytest.raises(errors.RequestRejected) as caught:
        drive(ask("ir", unprotected_errors=True), peer)
    assert caught.value.authenticated is False


@pytest.mark.parametrize("body", ["ir", "rr"])
def test_unprotected_rejections(body: str) -> None:
    with pytest.raises(errors.RequestRejected) as caught:
        drive(ask(body, unprotected_errors=True), Peer(unprotected, status=cmp.PKIStatus.REJECTION))
    assert caught.value.authenticated is False
    with pytest.raises(errors.MissingProtection):
        drive(ask(body), Peer(unprotected, status=cmp.PKIStatus.REJECTION))


def test_unprotected_confirmation() -> None:
    with pytest.raises(errors.MissingProtection):
        drive(ask("ir"), Peer(None, unprotected))
    assert (
        drive(ask("ir", unprotected_errors=True), Peer(None, unprotected)).confirmation is Confirmation.UNAUTHENTICATED
    )


@pytest.mark.parametrize("field", ["transaction_id", "recip_nonce"])
def test_unprotected_confirmation_of_something_else(field: str) -> None:
    peer = Peer()
    peer.changes = [None, both(peer.with_header(**{field: bytes(16)}), unprotected)]
    with pytest.raises(errors.RemoteProtocolError, match=r"Nonce|ID"):
        drive(ask("ir", unprotected_errors=True), peer)


def test_unprotected_waiting_starts_no_polling() -> None:
    for answer in (error_body(cmp.PKIStatus.WAITING), None):
        peer = Peer(delays=0 if answer else 5)
        peer.changes = [unprotected if answer is None else both(peer.saying(answer), unprotected)]
        with pytest.raises(errors.MissingProtection):
            drive(ask("ir", unprotected_errors=True), peer)
        assert peer.kinds == ["ir"]


@pytest.mark.parametrize("position", [1, 2])
def test_forged_poll_rep(position: int) -> None:
    peer = Peer(*[None] * position, forged, delays=5, check_after=60)
    with pytest.raises(errors.InvalidProtection):
        drive(ask("ir", unprotected_errors=True), peer)


def test_unprotected_pki_conf_instead_of_a_certificate() -> None:
    peer = Peer()
    peer.changes = [both(peer.saying(cmp.PKIBody(pkiconf=cmp.PKIConfirmContent())), unprotected)]
    with pytest.raises(errors.RemoteProtocolError, match="expected IP, received PKICONF"):
        drive(ask("ir", unprotected_errors=True), peer)
    assert peer.kinds == ["ir"]


def test_without_a_credential_nothing_is_believed() -> None:
    peer = Peer()
    flow = test_enrolment.ask("ir", credential=None)
    request = next(flow)
    assert request.protection is request.header.protection_alg is None
    peer.received.append(request)
    with pytest.raises(errors.MissingProtection, match="no credential"):
        flow.send(peer.answer(request))


def test_another_credential_for_answers() -> None:
    peer = Peer()
    peer.credential = shared(b"the server's")
    more = Settings(clock=lambda: NOW, answers=shared(b"the server's"))
    flow = test_enrolment.ask("ir", credential=shared(b"the client's"), settings=more)
    request = next(flow)
    peer.received.append(request)
    confirmation = flow.send(peer.answer(request))
    cmp.verify(confirmation, shared(b"the client's"))
    with pytest.raises(StopIteration) as done:
        flow.send(peer.message(confirmation, cmp.PKIBody(pkiconf=cmp.PKIConfirmContent())))
    assert done.value.value.confirmation is Confirmation.CONFIRMED


# --- transaction and nonce ---


@every_flow
@pytest.mark.parametrize("field", ["transaction_id", "recip_nonce"])
@pytest.mark.parametrize("value", [None, b"", bytes(16), bytes(1000)])
def test_answer_of_another_transaction(body: str, field: str, value: bytes | None) -> None:
    """Well protected, but not the answer to what we asked."""
    peer = Peer()
    peer.changes = [peer.with_header(**{field: value})]
    with pytest.raises(errors.RemoteProtocolError, match=r"Nonce|ID"):
        drive(ask(body, unprotected_errors=True), peer)
    assert peer.kinds == [body]


@pytest.mark.parametrize("field", ["transaction_id", "recip_nonce"])
def test_authentic_error_of_another_transaction(field: str) -> None:
    """A replay of an error from before: nothing that we were told."""
    peer = Peer()
    peer.changes = [peer.saying(error_body(), **{field: bytes(16)})]
    with pytest.raises(errors.RemoteProtocolError, match=r"Nonce|ID"):
        drive(ask("ir", unprotected_errors=True), peer)


def test_replayed_answer() -> None:
    """The first answer comes again in place of the second, and of the first of another transaction."""
    kept: list[cmp.PKIMessage] = []

    def keep(request: cmp.PKIMessage, answer: cmp.PKIMessage) -> cmp.PKIMessage:
        kept.append(answer)
        return answer

    def replay(request: cmp.PKIMessage, answer: cmp.PKIMessage) -> cmp.PKIMessage:
        return kept[0]

    with pytest.raises(errors.RemoteProtocolError, match="recipNonce"):
        drive(ask("ir"), Peer(keep, replay))
    with pytest.raises(errors.RemoteProtocolError, match="transactionID"):
        drive(ask("ir"), Peer(replay))


@every_flow
def test_our_own_message_comes_back(body: str) -> None:
    """Whoever reflects our messages has the right MAC, and nothing else."""
    with pytest.raises(errors.RemoteProtocolError):
        drive(ask(body), lambda request: request)


@pytest.mark.parametrize("pvno", [-1, 0, 1, 4, 2**64])
def test_other_versions(pvno: int) -> None:
    peer = Peer()
    peer.changes = [peer.with_header(pvno=pvno)]
    with pytest.raises(errors.RemoteProtocolError, match="pvno"):
        drive(ask("ir"), peer)
    peer.changes = [peer.saying(error_body(fail_info=cmp.PKIFailureInfo.UNSUPPORTED_VERSION), pvno=pvno)]
    with pytest.raises(errors.RequestRejected, match="UNSUPPORTED_VERSION"):
        drive(ask("ir"), peer)


@pytest.mark.parametrize("status", [2**16000, -(2**16000)], ids=["plus", "minus"])
def test_error_with_a_status_beyond_all_numbers(status: int) -> None:
    """An INTEGER may be longer than what Python prints in decimal."""
    peer = Peer()
    peer.changes = [peer.saying(cmp.PKIBody.from_plain({"error": {"pki_status_info": {"status": status}}}))]
    with pytest.raises(errors.RequestRejected) as caught:
        drive(ask("ir"), peer)
    assert "PKIStatus" in str(caught.value)


def test_expected_sender() -> None:
    def named(text: str) -> Peer:
        name = cmp.GeneralName(directory_name=test_enrolment.csr().certification_request_info.subject)
        assert name.directory_name.rfc4514() == "CN=device-1"
        peer = Peer()
        peer.changes = [peer.with_header(sender=name), peer.with_header(sender=name)]
        assert drive(ask("ir", expected_sender=text), peer).confirmation is Confirmation.CONFIRMED
        return peer

    named("CN=device-1")
    named("CN=DEVICE-1")
    with pytest.raises(errors.RemoteProtocolError, match="expected sender"):
        named("CN=device-2")
    peer = Peer()
    peer.changes = [peer.with_header(sender=cmp.GeneralName(dns_name="device-1"))]
    with pytest.raises(errors.RemoteProtocolError, match="expected sender"):
        drive(ask("ir", expected_sender="CN=device-1"), peer)


# --- bodies ---


def certificate_message(kind: str, *numbers: int, **pair: Any) -> cmp.PKIBody:
    pair = pair or {"cert_or_enc_cert": {"certificate": OLD}}
    responses = [{"cert_req_id": one, "status": {"status": 0}, "certified_key_pair": pair} for one in numbers]
    return cmp.PKIBody.from_plain({kind: {"ca_pubs": [ROOT], "response": responses}})


@pytest.mark.parametrize("numbers", [(), (0, 0), (0, 1)])
def test_not_one_response(numbers: tuple[int, ...]) -> None:
    peer = Peer()
    peer.changes = [peer.saying(certificate_message("ip", *numbers))]
    with pytest.raises(errors.RemoteProtocolError, match="certificate responses to one request"):
        drive(ask("ir"), peer)
    assert peer.kinds == ["ir", "error"]


@pytest.mark.parametrize("number", [1, -1, 2**70])
def test_another_cert_req_id(number: int) -> None:
    peer = Peer(cert_req_id=number)
    with pytest.raises(errors.RemoteProtocolError, match="another certReqId"):
        drive(ask("ir"), peer)
    assert peer.kinds == ["ir", "error"]
    assert peer.received[1].body.error.pki_status_info.fail_info == cmp.PKIFailureInfo.BAD_REQUEST


@pytest.mark.parametrize(("number", "fits"), [(-1, True), (0, True), (1, False), (-2, False)])
def test_cert_req_id_of_p10cr(number: int, fits: bool) -> None:
    peer = Peer(cert_req_id=number)
    if fits:
        drive(ask("p10cr"), peer)
        assert peer.received[1].body.cert_conf[0].cert_req_id == number
    else:
        with pytest.raises(errors.RemoteProtocolError, match="another certReqId"):
            drive(ask("p10cr"), peer)


@pytest.mark.parametrize("what", ["nothing", "encrypted", "key"])
def test_no_certificate(what: str) -> None:
    value = {"encrypted_value": {"enc_value": cmp.BitString(b"x")}}
    if what == "nothing":
        response = {"cert_req_id": 0, "status": {"status": 0}}
        body = cmp.PKIBody.from_plain({"ip": {"response": [response]}})
    elif what == "encrypted":
        body = certificate_message("ip", 0, cert_or_enc_cert={"encrypted_cert": value})
    else:
        body = certificate_message("ip", 0, cert_or_enc_cert={"certificate": OLD}, private_key=value)
    peer = Peer()
    peer.changes = [peer.saying(body)]
    with pytest.raises(errors.RemoteProtocolError, match=r"no certificate came|encrypted"):
        drive(ask("ir"), peer)
    assert peer.kinds == ["ir", "error"]


def every_kind() -> dict[str, cmp.PKIBody]:
    """A body of each of the 27 kinds, those that answer something as good as can be."""
    pki_status = {"status": {"status": 0}}
    certificate = {"old_with_new": CA, "new_with_old": CA, "new_with_new": CA}
    template = {"cert_req": {"cert_req_id": 0, "cert_template": {}}}
    named = cmp.GeneralName(directory_name=cmp.Name([]))
    announced = {
        "status": 5,
        "cert_id": {"issuer": named, "serial_number": 1},
        "will_be_revoked_at": NOW,
        "bad_since_date": NOW,
    }
    plain: dict[str, Any] = {
        "popdecc": [],
        "popdecr": [],
        "krp": pki_status,
        "rr": [{"cert_details": {}}],
        "rp": {"status": [{"status": 0}]},
        "ckuann": {"ca_key_upd_ann_v2": certificate},
        "cann": CA,
        "rann": announced,
        "crlann": [],
        "pkiconf": cmp.PKIConfirmContent(),
        "genm": [],
        "genp": [],
        "error": {"pki_status_info": {"status": 2}},
        "cert_conf": [],
        "poll_req": [{"cert_req_id": 0}],
        "poll_rep": [{"cert_req_id": 0, "check_after": 1}],
        "p10cr": test_enrolment.csr(),
    }
    plain |= {kind: [template] for kind in ("ir", "cr", "kur", "krr", "ccr")}
    bodies = {kind: cmp.PKIBody.from_plain({kind: value}) for kind, value in plain.items()}
    bodies |= {kind: certificate_message(kind, 0) for kind in ("ip", "cp", "kup", "ccp")}
    message = Peer().message(next(ask("ir")), bodies["error"])
    bodies["nested"] = cmp.PKIBody.from_plain({"nested": [message]})
    return bodies


BODIES = every_kind()
RIGHT = {"ir": "ip", "cr": "cp", "kur": "kup", "p10cr": "cp", "rr": "rp", "cert_conf": "pkiconf"}


STATES = [
    (body, state)
    for body in FLOWS
    for state in ("first", "polling", "confirming")
    if (body, state) != ("rr", "confirming")
]


def steps_until_wait(flow: Any, send: Any) -> Any:
    """The first Wait of a flow, or the error that it ends with."""
    try:
        step = next(flow)
        while not isinstance(step, Wait):
            step = flow.send(send(step))
    except cmp.CMPError as error:
        return error
    flow.close()
    return step


def test_all_kinds_are_there() -> None:
    assert len(BODIES) == 27


@pytest.mark.parametrize("kind", sorted(BODIES))
@pytest.mark.parametrize(("body", "state"), STATES)
def test_every_body_in_every_state(body: str, state: str, kind: str) -> None:
    """Only the body that is due goes on; anything else ends the flow, and the server is told."""
    delays = {"first": 0, "polling": 1, "confirming": 0}[state]
    peer = Peer(delays=delays)
    peer.changes = [None] * (state != "first") + [peer.saying(BODIES[kind])]
    asked = "cert_conf" if state == "confirming" else body
    if kind == "poll_rep" and state == "polling":  # due, as long as it is about our request
        assert isinstance(steps_until_wait(ask(body), peer), Wait) is (body in ("ir", "cr", "kur"))
        return
    if kind == RIGHT[asked]:
        if body in ("ir", "cr", "kur", "p10cr") and asked != "cert_conf":
            with pytest.raises(errors.RemoteProtocolError, match="public key"):  # of the old certificate
                drive(ask(body), peer)
        else:
            drive(ask(body), peer)
        return
    expected = errors.RequestRejected if kind == "error" else errors.RemoteProtocolError
    with pytest.raises(expected) as caught:
        drive(ask(body), peer)
    assert caught.type is expected
    assert (peer.kinds[-1] == "error") == (kind != "error")


@pytest.mark.parametrize("numbers", [(), (0, 0), (1,), (-1,)])
def test_poll_rep_about_something_else(numbers: tuple[int, ...]) -> None:
    peer = Peer(delays=2)
    body = cmp.PKIBody.from_plain({"poll_rep": [{"cert_req_id": one, "check_after": 1} for one in numbers]})
    peer.changes = [None, peer.saying(body)]
    with pytest.raises(errors.RemoteProtocolError, match="pollRep"):
        drive(ask("ir"), peer)
    assert peer.kinds == ["ir", "poll_req", "error"]


@pytest.mark.parametrize("by_error", [True, False])
def test_waiting_again(by_error: bool) -> None:
    peer = Peer(delays=2)
    waiting = certificate_message("ip", 0).ip.response[0].replace(status={"status": 3}, certified_key_pair=None)
    body = error_body(cmp.PKIStatus.WAITING) if by_error else cmp.PKIBody.from_plain({"ip": {"response": [waiting]}})
    peer.changes = [None, peer.saying(body)]
    with pytest.raises(errors.RemoteProtocolError, match=r"waiting|WAITING"):
        drive(ask("ir"), peer)
    assert peer.kinds == ["ir", "poll_req", "error"]


def test_garbage_in_extra_certs_is_passed_over() -> None:
    peer = Peer()
    garbage = [cmp.CMPCertificate(b"\x30\x80"[:1] + bytes([n]) + bytes(n)) for n in range(20)]

    def spoil(request: cmp.PKIMessage, answer: cmp.PKIMessage) -> cmp.PKIMessage:
        return answer.replace(extra_certs=[*garbage, CA, CA])

    peer.changes = [spoil]
    assert drive(ask("ir"), peer).chain == (CA,)


# --- whatever comes ---


def outcome(flow: Any, answers: list[Any]) -> Any:
    """Run a flow with those answers, made for each request; the last one again and again."""
    steps, first = 0, None
    try:
        step = next(flow)
        while True:
            steps += 1
            assert steps < 200, "the flow does not end"
            if isinstance(step, Wait):
                step = flow.send(None)
                continue
            make = answers.pop(0) if len(answers) > 1 else answers[0]
            first = first or step
            made = make(step, first).der
            try:
                answer = cmp.decode(made)
            except cmp.LimitExceeded:  # nested too deep: no transport would hand it over
                reject()
            step = flow.send(answer)
    except StopIteration as done:
        assert isinstance(done.value, Enrolment | Revocation)
        return done.value
    except (errors.RequestRejected, errors.RemoteProtocolError, errors.ProtectionError) as error:
        assert str(error)
        return error


@st.composite
def an_answer(draw: st.DrawFn) -> Any:
    """Something that makes an answer to a request: well formed, and wrong in none, one or several respects."""
    body = draw(st.one_of(st.none(), st.none(), st.sampled_from(list(BODIES.values())), records(cmp.PKIBody)))
    header = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "transaction_id": st.sampled_from([None, bytes(16)]),
                "recip_nonce": st.sampled_from([None, bytes(16)]),
                "sender_nonce": st.sampled_from([None, b"", bytes(300)]),
                "pvno": st.integers(0, 4),
            },
        )
    )
    if body is None:  # the right answer, most often
        header = draw(st.sampled_from([{}, {}, {}, header]))
    late = draw(st.booleans())
    protection = draw(st.sampled_from(["right"] * 6 + ["none", "forged"]))
    granted = draw(st.booleans())

    def make(request: cmp.PKIMessage, first: cmp.PKIMessage) -> cmp.PKIMessage:
        peer = Peer(delay_by_error=granted)
        right = peer.final(first if request.body.poll_req is not None else request)
        if late and request.body.poll_req is not None:
            number = request.body.poll_req[0].cert_req_id
            right = cmp.PKIBody(poll_rep=[cmp.PollRep(cert_req_id=number, check_after=1)])
        elif late and request is first:
            right = peer.waiting(request)
        answer = peer.message(request, body or right, granted=granted, **header)
        return {"right": lambda a, b: b, "none": unprotected, "forged": forged}[protection](request, answer)

    return make


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    body=st.sampled_from(FLOWS),
    answers=st.lists(an_answer(), min_size=1, max_size=6),
    shown=st.booleans(),
    asks=st.booleans(),
)
def test_any_conversation(body: str, answers: list[Any], shown: bool, asks: bool) -> None:
    more = {"unprotected_errors": shown, "max_polls": 5}
    if body == "rr":
        flow = ask(body, **more)
    else:
        flow = test_enrolment.ask(body, implicit_confirm=asks, settings=Settings(clock=lambda: NOW, **more))
    result = outcome(flow, answers)
    if isinstance(result, errors.RequestRejected) and not shown:
        assert result.authenticated
