"""What `ports.Store` promises, held against every store alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from threading import Barrier, Thread

import pytest

from cmpcodec.server.ports import (
    CertificateStatus,
    Change,
    Conflict,
    IssuedCertificate,
    Store,
    StoredCRL,
    Transaction,
    TransactionKey,
)
from tests.store.making import (
    ANY,
    FINISHED,
    HOUR,
    ISSUER,
    NOW,
    OTHER,
    WAITING,
    certificate,
    confirmation,
    digest,
    enrolment,
    key,
    move,
    transaction,
    valid,
)

VALID, HELD, REVOKED = CertificateStatus.VALID, CertificateStatus.HELD, CertificateStatus.REVOKED
MICROSECOND = timedelta(microseconds=1)


# --- Values come back as they went in ---

TRANSACTIONS = {
    "plain": transaction(),
    "full": transaction(
        state=WAITING,
        request=b"\x00 the first message \xff" * 100,
        asked_at=NOW,
        serials=((0, 1), (-1, 2**159 - 1), (2**80, 2**63), (7, 0)),
        nonce=b"",
        waiting=(0, -1, 2**31 - 1, -(2**31), 2**70),
        replaces=2**159 + 1,
    ),
    "replaces zero": transaction(replaces=0),
    "early": transaction(expires=datetime(1, 1, 1, tzinfo=UTC)),
    "late": transaction(expires=datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    "names": transaction(key=TransactionKey("ä\x00'; DROP TABLE transactions; --", "\U0001f600" * 1000, b"")),
    "long": transaction(key=TransactionKey("p", "r" * 1_000_000, b"\x00" * 10_000)),
}


@pytest.mark.parametrize("name", TRANSACTIONS)
def test_transaction_comes_back(store: Store, name: str) -> None:
    one = TRANSACTIONS[name]
    store.apply(Change(transaction=one))
    assert store.transaction(one.key) == one


CERTIFICATES = {
    "plain": certificate(),
    "valid": valid(),
    "largest serial": certificate(2**160 - 1),
    "negative serial": certificate(-(2**70)),
    "zero": certificate(0),
    "borders": certificate(-128, cert_req_id=-1),
    "huge certReqId": certificate(cert_req_id=2**1000),
    "empty": certificate(der=b"", issuer=b""),
}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_certificate_comes_back(store: Store, name: str) -> None:
    one = CERTIFICATES[name]
    store.apply(Change(issued=[one]))
    assert store.certificate(one.issuer, one.serial) == one
    assert store.certificate(one.issuer + b"x", one.serial) is None
    assert store.certificate(one.issuer, one.serial + 1) is None


@pytest.mark.parametrize("number", [127, 128, 255, 256, 2**63 - 1, 2**63, 2**64, -1, -127, -129, -(2**63) - 1])
def test_serial_numbers_are_told_apart(store: Store, number: int) -> None:
    neighbours = [certificate(number - 1), certificate(number), certificate(number + 1), certificate(-number - 300)]
    store.apply(Change(issued=neighbours))
    assert [store.certificate(ISSUER, one.serial) for one in neighbours] == neighbours


def test_times_of_other_zones_are_the_same_moments(store: Store) -> None:
    zone = timezone(timedelta(hours=5, minutes=45))
    store.apply(Change(transaction=transaction(expires=NOW.astimezone(zone))))
    found = store.transaction(key())
    assert found is not None
    assert found.expires == NOW


def test_nothing_is_there_at_first(store: Store) -> None:
    assert store.transaction(key()) is None
    assert store.answer(key(), digest(1)) is None
    assert store.certificate(ISSUER, 1) is None
    assert list(store.unconfirmed(NOW, 10)) == []
    assert store.forget(NOW) == 0
    assert store.revocations(ISSUER) == 0
    assert list(store.revoked(ISSUER)) == []
    assert store.crl(ISSUER) is None


# --- Transactions and answers ---


@pytest.mark.parametrize(
    "other",
    [key(2), key(profile="q"), key(requester="kid:02"), key(requester="KID:01"), TransactionKey("p", "kid:01", b"")],
)
def test_transactions_of_others_are_others(store: Store, other: TransactionKey) -> None:
    store.apply(Change(transaction=transaction(), request_digest=digest(1), answer=b"mine"))
    assert store.transaction(other) is None
    assert store.answer(other, digest(1)) is None
    store.apply(Change(transaction=transaction(key=other), request_digest=digest(1), answer=b"another's"))
    assert store.answer(key(), digest(1)) == b"mine"
    assert store.answer(other, digest(1)) == b"another's"


def test_answers_stay_while_the_transaction_goes_on(store: Store) -> None:
    for version in range(1, 6):
        store.apply(
            Change(
                transaction=transaction(version=version, nonce=bytes([version])),
                request_digest=digest(version),
                answer=b"answer %d" % version,
            )
        )
    found = store.transaction(key())
    assert found == transaction(version=5, nonce=b"\x05")
    assert [store.answer(key(), digest(version)) for version in range(1, 7)] == [
        *(b"answer %d" % version for version in range(1, 6)),
        None,
    ]


@pytest.mark.parametrize("version", [1, 2, 4, 100])
def test_a_version_follows_the_one_before(store: Store, version: int) -> None:
    store.apply(Change(transaction=transaction()))
    store.apply(Change(transaction=transaction(version=2)))
    assert_conflict(store, Change(transaction=transaction(version=version, state=FINISHED)))
    assert store.transaction(key()) == transaction(version=2)


def test_a_transaction_begins_with_version_1(store: Store) -> None:
    assert_conflict(store, Change(transaction=transaction(version=2)))
    assert store.transaction(key()) is None


def test_a_message_is_answered_once(store: Store) -> None:
    store.apply(Change(transaction=transaction(), request_digest=digest(1), answer=b"first"))
    assert_conflict(store, Change(transaction=transaction(version=2), request_digest=digest(1), answer=b"second"))
    assert store.answer(key(), digest(1)) == b"first"
    assert store.transaction(key()) == transaction()


def test_forget(store: Store) -> None:
    for number, expires in enumerate((NOW - MICROSECOND, NOW, NOW + MICROSECOND)):
        change = enrolment(number)
        assert change.transaction is not None
        store.apply(replace(change, transaction=replace(change.transaction, expires=expires)))
    assert store.forget(NOW) == 1
    assert store.forget(NOW) == 0
    assert store.transaction(key(0)) is None
    assert store.answer(key(0), digest(0)) is None
    assert store.answer(key(1), digest(1)) is not None
    assert store.certificate(ISSUER, 1) is not None, "certificates stay"
    store.apply(Change(transaction=transaction(0), request_digest=digest(0), answer=b"anew"))
    assert store.answer(key(0), digest(0)) == b"anew"


def test_forget_many(store: Store) -> None:
    """More than are dropped in one step."""
    for number in range(1003):
        store.apply(Change(transaction=transaction(number), request_digest=digest(number), answer=b"a"))
    assert store.forget(NOW + 2 * HOUR) == 1003
    assert store.transaction(key(1002)) is None


# --- Certificates ---


def issue(store: Store, *certificates: IssuedCertificate) -> None:
    store.apply(Change(issued=certificates))


def assert_conflict(store: Store, change: Change) -> None:
    with pytest.raises(Conflict):
        store.apply(change)


def test_serial_numbers_are_unique_per_issuer(store: Store) -> None:
    issue(store, certificate(7, der=b"first"))
    assert_conflict(store, Change(issued=[certificate(7, der=b"second")]))
    assert_conflict(store, Change(issued=[certificate(8), certificate(8)]))
    issue(store, certificate(7, issuer=OTHER, der=b"another issuer's"))
    found = [store.certificate(issuer, 7) for issuer in (ISSUER, OTHER)]
    assert [one and one.der for one in found] == [b"first", b"another issuer's"]
    assert store.certificate(ISSUER, 8) is None


def test_confirmation(store: Store) -> None:
    issue(store, certificate(1))
    store.apply(Change(moves=[move(1, VALID)]))
    assert store.certificate(ISSUER, 1) == valid(1)
    assert list(store.unconfirmed(NOW + 2 * HOUR, 10)) == []
    assert store.revocations(ISSUER) == 0


def test_unconfirmed_certificates_are_counted(store: Store) -> None:
    """By requester and profile, whatever becomes of them, also if one change issues and moves them."""
    own, other = key(1), key(2, requester="kid:02")
    issue(store, certificate(1), certificate(2), certificate(3), valid(4))
    issue(store, certificate(5, transaction=other), certificate(6, transaction=key(3, profile="q")))
    assert store.count_unconfirmed(own.profile, own.requester) == 3
    assert store.count_unconfirmed(own.profile, other.requester) == 1
    assert store.count_unconfirmed("q", own.requester) == 1
    assert store.count_unconfirmed("q", other.requester) == 0
    store.apply(Change(moves=[move(1, VALID), move(2, REVOKED), move(4, REVOKED)]))
    assert store.count_unconfirmed(own.profile, own.requester) == 1
    store.apply(Change(moves=[move(1, HELD), move(3, REVOKED)]))
    store.apply(Change(issued=[certificate(7)], moves=[move(7, VALID)]))
    assert store.count_unconfirmed(own.profile, own.requester) == 0


def test_revocation(store: Store) -> None:
    issue(store, valid(1), valid(2))
    store.apply(Change(moves=[move(1, REVOKED, reason=1, invalidity_date=NOW - HOUR)]))
    found = store.certificate(ISSUER, 1)
    assert found == replace(valid(1), status=REVOKED, revoked_at=NOW, reason=1, invalidity_date=NOW - HOUR)
    assert list(store.revoked(ISSUER)) == [found]
    assert store.revocations(ISSUER) == 1
    assert store.revocations(OTHER) == 0


@pytest.mark.parametrize("to", [HELD, REVOKED])
def test_what_is_over_is_left_out(store: Store, to: CertificateStatus) -> None:
    """Both expired and revoked before that time; a certificate whose end nobody knows never is."""
    ends = {1: NOW - 1 * HOUR, 2: NOW, 3: NOW + HOUR, 4: None, 5: NOW - 1 * HOUR}
    issue(store, *(valid(serial, not_after=end) for serial, end in ends.items()))
    for serial in ends:
        at = NOW + HOUR if serial == 5 else NOW - 2 * HOUR
        store.apply(Change(moves=[move(serial, to, at=at)]))
    found = {
        hours: {one.serial for one in store.revoked(ISSUER, NOW + hours * HOUR)} for hours in (-3, -1, 0, 0.5, 1.5)
    }
    assert found == {-3: set(ends), -1: set(ends), 0: {2, 3, 4, 5}, 0.5: {3, 4, 5}, 1.5: {4}}
    assert len(store.revoked(ISSUER)) == 5


def test_hold_and_release(store: Store) -> None:
    issue(store, valid(1))
    store.apply(Change(moves=[move(1, HELD, reason=6)]))
    assert [one.status for one in store.revoked(ISSUER)] == [HELD]
    store.apply(Change(moves=[move(1, VALID, [HELD])]))
    assert store.certificate(ISSUER, 1) == valid(1)
    assert list(store.revoked(ISSUER)) == []
    assert store.revocations(ISSUER) == 2, "leaving the CRL counts too"


def test_held_then_revoked_counts_from_the_hold(store: Store) -> None:
    issue(store, valid(1))
    store.apply(Change(moves=[move(1, HELD, reason=6, invalidity_date=NOW)]))
    store.apply(Change(moves=[move(1, REVOKED, at=NOW + HOUR, reason=4)]))
    found = store.certificate(ISSUER, 1)
    assert found == replace(valid(1), status=REVOKED, revoked_at=NOW, reason=4, invalidity_date=None)
    assert store.revocations(ISSUER) == 2


def test_unconfirmed_is_revoked(store: Store) -> None:
    issue(store, certificate(1))
    store.apply(Change(moves=[move(1, REVOKED, reason=5)]))
    found = store.certificate(ISSUER, 1)
    assert found is not None
    assert (found.status, found.confirm_before) == (REVOKED, None)
    assert list(store.unconfirmed(NOW + 2 * HOUR, 10)) == []


@pytest.mark.parametrize("to", [VALID, HELD, REVOKED])
def test_revoked_is_final(store: Store, to: CertificateStatus) -> None:
    issue(store, valid(1))
    store.apply(Change(moves=[move(1, REVOKED, reason=1)]))
    assert_conflict(store, Change(moves=[move(1, to, ANY, reason=2)]))
    found = store.certificate(ISSUER, 1)
    assert found is not None
    assert (found.status, found.reason) == (REVOKED, 1)
    assert store.revocations(ISSUER) == 1


@pytest.mark.parametrize("status", CertificateStatus)
@pytest.mark.parametrize("since", [s for s in CertificateStatus if s is not REVOKED])
def test_moves_begin_where_they_say(store: Store, status: CertificateStatus, since: CertificateStatus) -> None:
    issue(store, certificate(1))
    if status is not CertificateStatus.UNCONFIRMED:
        store.apply(Change(moves=[move(1, status)]))
    before = store.certificate(ISSUER, 1)
    change = Change(moves=[move(1, REVOKED, [since])])
    if since is status:
        store.apply(change)
        assert store.certificate(ISSUER, 1) != before
    else:
        assert_conflict(store, change)
        assert store.certificate(ISSUER, 1) == before


def test_unknown_certificates_do_not_move(store: Store) -> None:
    issue(store, valid(1))
    assert_conflict(store, Change(moves=[move(2, REVOKED)]))
    assert_conflict(store, Change(moves=[move(1, REVOKED, issuer=OTHER)]))
    assert store.revocations(ISSUER) == store.revocations(OTHER) == 0


def test_moves_follow_each_other(store: Store) -> None:
    """Also in one change, and on a certificate that it issues."""
    store.apply(Change(issued=[valid(1)], moves=[move(1, HELD, [VALID], reason=6), move(1, REVOKED, [HELD], reason=1)]))
    found = store.certificate(ISSUER, 1)
    assert found is not None
    assert (found.status, found.reason) == (REVOKED, 1)
    assert store.revocations(ISSUER) == 2
    assert_conflict(store, Change(issued=[valid(2)], moves=[move(2, REVOKED, [VALID]), move(2, HELD, [VALID])]))
    assert store.certificate(ISSUER, 2) is None


def test_unconfirmed_is_sorted_and_bounded(store: Store) -> None:
    due = {number: NOW + timedelta(seconds=number % 7, microseconds=number) for number in range(40)}
    issue(store, *(certificate(number, confirm_before=moment) for number, moment in due.items()))
    expected = sorted((moment, number) for number, moment in due.items() if moment < NOW + timedelta(seconds=3))
    found = store.unconfirmed(NOW + timedelta(seconds=3), 100)
    assert [one.serial for one in found] == [number for _, number in expected]
    assert [one.serial for one in store.unconfirmed(NOW + HOUR, 5)] == [number for _, number in expected[:5]]
    assert list(store.unconfirmed(NOW, 100)) == [], "the very moment is not before"
    assert list(store.unconfirmed(NOW + HOUR, 0)) == []


# --- All or nothing ---


@pytest.mark.parametrize(
    "change",
    [
        Change(
            transaction=transaction(9), request_digest=digest(9), answer=b"", issued=[certificate(9), certificate(1)]
        ),
        Change(transaction=transaction(9), issued=[certificate(9)], moves=[move(2, REVOKED), move(3, REVOKED)]),
        Change(transaction=transaction(1), issued=[certificate(9)], moves=[move(2, REVOKED)]),
        Change(transaction=transaction(9), moves=[move(2, REVOKED), move(2, REVOKED)]),
        Change(transaction=transaction(1, 2), request_digest=digest(1), answer=b"", moves=[move(2, REVOKED)]),
    ],
)
def test_a_conflict_changes_nothing(store: Store, change: Change) -> None:
    store.apply(Change(transaction=transaction(1), request_digest=digest(1), answer=b"", issued=[certificate(1)]))
    issue(store, certificate(2))
    assert_conflict(store, change)
    assert store.transaction(key(9)) is None
    assert store.transaction(key(1)) == transaction(1)
    assert store.answer(key(9), digest(9)) is None
    assert store.certificate(ISSUER, 9) is None
    assert store.certificate(ISSUER, 2) == certificate(2)
    assert store.revocations(ISSUER) == 0
    store.apply(Change(transaction=transaction(9)))


@pytest.mark.parametrize(
    "change",
    [
        Change(transaction=transaction(version=0)),
        Change(transaction=transaction(), answer=b"answer"),
        Change(transaction=transaction(), request_digest=digest(1)),
        Change(request_digest=digest(1), answer=b"answer"),
        Change(issued=[certificate(status=REVOKED)]),
        Change(issued=[certificate(status=HELD)]),
        Change(issued=[certificate(reason=1)]),
        Change(moves=[move(1, VALID, [])]),
        Change(moves=[move(1, VALID, [REVOKED])]),
        Change(moves=[move(1, CertificateStatus.UNCONFIRMED)]),
    ],
)
def test_senseless_changes(store: Store, change: Change) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        store.apply(change)
    assert store.transaction(key()) is None


def test_an_empty_change(store: Store) -> None:
    store.apply(Change())


# --- CRLs ---


def crl(number: int, der: bytes = b"crl") -> StoredCRL:
    return StoredCRL(
        number=number,
        der=der,
        this_update=NOW,
        next_update=NOW + HOUR,
        revocations=number * 2,
        signer=der + b"'s signer",
    )


def test_the_newest_crl_is_kept(store: Store) -> None:
    store.keep_crl(ISSUER, crl(1))
    store.keep_crl(ISSUER, crl(5, b"newer"))
    store.keep_crl(OTHER, crl(3, b"another's"))
    for number in (0, 1, 4, 5):
        with pytest.raises(Conflict):
            store.keep_crl(ISSUER, crl(number, b"too late"))
    assert store.crl(ISSUER) == crl(5, b"newer")
    assert store.crl(OTHER) == crl(3, b"another's")


# --- Threads ---


@pytest.mark.parametrize("first", [True, False])
def test_of_conflicting_changes_one_wins(store: Store, first: bool) -> None:
    """A retransmission that overtakes: each thread would issue a certificate of its own for the same transaction."""
    threads, rounds = 8, 12
    won: list[tuple[int, int]] = []
    strange: list[BaseException] = []
    barrier = Barrier(threads)

    def contend(me: int) -> None:
        for number in range(rounds):
            barrier.wait()
            one = transaction(number, 1 if first else 2, nonce=bytes([me]))
            serial = 1000 * (number + 1) + me
            try:
                store.apply(
                    Change(transaction=one, request_digest=digest(me), answer=bytes([me]), issued=[certificate(serial)])
                )
                won.append((number, me))
            except Conflict:
                pass
            except BaseException as error:
                strange.append(error)

    if not first:
        for number in range(rounds):
            store.apply(Change(transaction=transaction(number)))
    run([Thread(target=contend, args=(me,)) for me in range(threads)])
    assert not strange
    assert sorted(number for number, _ in won) == list(range(rounds)), "one winner for each"
    for number, winner in won:
        found = store.transaction(key(number))
        assert isinstance(found, Transaction)
        assert found.nonce == bytes([winner])
        serials = [1000 * (number + 1) + me for me in range(threads)]
        assert [me for me, serial in enumerate(serials) if store.certificate(ISSUER, serial)] == [winner]
        assert [me for me in range(threads) if store.answer(key(number), digest(me))] == [winner]


def test_of_conflicting_moves_one_wins(store: Store) -> None:
    """A confirmation races the sweeper that revokes what is unconfirmed."""
    threads, rounds = 6, 15
    issue(store, *(certificate(number) for number in range(rounds)))
    outcomes: list[tuple[int, bool]] = []
    barrier = Barrier(threads)

    def contend(me: int) -> None:
        for number in range(rounds):
            barrier.wait()
            to = VALID if me % 2 else REVOKED
            try:
                store.apply(Change(moves=[move(number, to, [CertificateStatus.UNCONFIRMED])]))
                outcomes.append((number, to is REVOKED))
            except Conflict:
                pass

    run([Thread(target=contend, args=(me,)) for me in range(threads)])
    assert sorted(number for number, _ in outcomes) == list(range(rounds))
    assert {one.serial for one in store.revoked(ISSUER)} == {number for number, revoked in outcomes if revoked}
    assert store.revocations(ISSUER) == sum(revoked for _, revoked in outcomes)


def test_readers_see_whole_changes(store: Store) -> None:
    """Whoever finds a transaction finds its answer and its certificate too."""
    torn: list[int] = []
    done = False

    def read() -> None:
        number = 0
        while number < 60 and not done:
            if store.transaction(key(number)) is None:
                continue
            if store.answer(key(number), digest(number)) is None or store.certificate(ISSUER, number + 1) is None:
                torn.append(number)
            number += 1

    readers = [Thread(target=read) for _ in range(3)]
    for one in readers:
        one.start()
    try:
        for number in range(60):
            store.apply(enrolment(number))
            store.apply(confirmation(number))
    finally:
        done = True
        for one in readers:
            one.join()
    assert not torn


def run(threads: list[Thread]) -> None:
    for one in threads:
        one.start()
    for one in threads:
        one.join()
