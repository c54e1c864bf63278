"""A server that is killed while clients enrol, and a book of what the clients were told, held against what is left of it.

``python -m tests.session.crashing POINT CALL [OPTION OF SERVE...]`` is a server that kills itself at the named point, the CALL-th
time that it gets there once the file ``armed`` lies in its folder. With ``swapped`` before POINT it makes the mistake that the harness
has to notice: it stores an answer after that has left.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509

import cmpcodec as cmp
from cmpcodec.messages import IMPLICIT_CONFIRM, cert_hash
from cmpcodec.pkix import Name
from tests.server.support import KEYS, Device, cert_request, certificates, rev_details, spki
from tests.session.support import PATIENCE, Gone, Served, Wire

ARMED = "armed"
STATEMENTS = (
    "INSERT INTO transactions",
    "INSERT INTO answers",
    "INSERT INTO certificates",
    "UPDATE transactions",
    "UPDATE certificates",
    "COMMIT",
)
POINTS = tuple(f"{when} {what}" for what in ("sign", *STATEMENTS, "send") for when in ("before", "after"))
SECRET = b"mySecret"


# --- The server that kills itself ---


class Fault:
    """Ends this process when it has come to a point often enough."""

    def __init__(self, point: str, call: int) -> None:
        if point not in (*POINTS, "nowhere"):
            raise SystemExit(f"no point {point!r}")
        self._point = point
        self._left = call
        self._lock = threading.Lock()

    def reached(self, point: str) -> None:
        """The process is at this point."""
        if point == self._point and os.path.exists(ARMED):
            with self._lock:
                self._left -= 1
                if self._left <= 0:
                    os.kill(os.getpid(), signal.SIGKILL)

    def around(self, what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, with a point before and one after it."""

        def watched(*args: Any, **kwargs: Any) -> Any:
            self.reached(f"before {what}")
            result = call(*args, **kwargs)
            self.reached(f"after {what}")
            return result

        return watched


def serve(point: str, call: int, swapped: bool, arguments: list[str]) -> int:
    """`cmpcodec serve`, with the points in its authority, its database and its HTTP connections."""
    from cmpcodec.authority import LocalAuthority
    from cmpcodec.cli.serve import serve as run_server
    from cmpcodec.http.connection import Connection
    from cmpcodec.http.gateway import Reply
    from cmpcodec.server.ports import Change
    from cmpcodec.store import SQLiteStore

    fault = Fault(point, call)

    class Watched(sqlite3.Connection):
        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            words = " ".join(statement.split())
            what = next((one for one in STATEMENTS if words.startswith(one)), None)
            return (
                fault.around(what, super().execute)(statement, *values) if what else super().execute(statement, *values)
            )

    connect = sqlite3.connect
    sqlite3.connect = lambda *args, **kwargs: connect(*args, factory=Watched, **kwargs)  # type: ignore[assignment]
    LocalAuthority.issue = fault.around("sign", LocalAuthority.issue)  # type: ignore[method-assign]
    Connection._write = fault.around("send", Connection._write)  # type: ignore[method-assign]
    if swapped:
        apply, write = SQLiteStore.apply, Connection._write
        deferred: dict[bytes | None, tuple[SQLiteStore, Change]] = {}

        def write_then_apply(self: Connection, reply: Reply, keep: bool) -> None:
            write(self, reply, keep)
            if reply.body in deferred:
                apply(*deferred.pop(reply.body))

        def defer(self: SQLiteStore, change: Change) -> None:
            deferred[change.answer] = self, change

        SQLiteStore.apply = defer  # type: ignore[method-assign]
        Connection._write = write_then_apply  # type: ignore[method-assign]
    return run_server(arguments, "crashing")


# --- The book ---


class Book:
    """What clients sent and were told, and every contradiction that was found. Threads may share it."""

    def __init__(self) -> None:
        self.answers: dict[bytes, bytes] = {}
        self.order: list[bytes] = []
        self.certificates: dict[int, tuple[bytes, frozenset[str]]] = {}
        """Serial number -> DER, and the statuses that it may have as far as its owner knows."""
        self.violations: list[str] = []
        self.crl_number = 0
        self._lock = threading.Lock()

    def answered(self, request: bytes, answer: bytes) -> None:
        with self._lock:
            known = self.answers.setdefault(request, answer)
            if known is answer:
                self.order.append(request)
            elif known != answer:
                self.violations.append("a message that came again got another answer")

    def received(self, der: bytes, status: str) -> int:
        serial = x509.load_der_x509_certificate(der).serial_number
        with self._lock:
            if serial in self.certificates:
                self.violations.append(f"a second certificate with the serial number {serial:x}")
            self.certificates[serial] = der, frozenset((status,))
        return serial

    def expect(self, serial: int, *statuses: str) -> None:
        with self._lock:
            self.certificates[serial] = self.certificates[serial][0], frozenset(statuses)

    def violated(self, text: str) -> None:
        with self._lock:
            self.violations.append(text)

    # --- Held against the server, while no client works ---

    def check(self, server: Server, chance: random.Random) -> None:
        """What a restarted server has, says once more, and publishes."""
        stored = self._check_database(server.database)
        self._check_answers(server, chance)
        self._check_crl(server, stored)

    def _check_database(self, path: Path) -> dict[int, tuple[bytes, str]]:
        with closing(sqlite3.connect(path)) as connection:
            for question, right in (("integrity_check", [("ok",)]), ("foreign_key_check", [])):
                if (found := connection.execute(f"PRAGMA {question}").fetchall()) != right:
                    self.violated(f"{question}: {found[:3]}")
            rows = connection.execute("SELECT serial, der, status FROM certificates").fetchall()
            twice = connection.execute(
                "SELECT count(*) FROM (SELECT 1 FROM certificates GROUP BY transaction_id HAVING count(*) > 1)"
            ).fetchone()[0]
        if twice:
            self.violated(f"{twice} requests of one certificate got more than one")
        stored = {int.from_bytes(serial, "big", signed=True): (der, status) for serial, der, status in rows}
        if len(stored) != len(rows):
            self.violated("serial numbers repeat in the store")
        for serial, (der, statuses) in self.certificates.items():
            if serial not in stored:
                self.violated(f"a certificate that a client received is not in the store: {serial:x}")
            elif stored[serial][0] != der:
                self.violated(f"another certificate than the client received is in the store: {serial:x}")
            elif stored[serial][1] not in statuses:
                self.violated(f"a certificate is {stored[serial][1]}, not {' or '.join(sorted(statuses))}: {serial:x}")
        return stored

    def _check_answers(self, server: Server, chance: random.Random) -> None:
        old = self.order[:-60]
        with Wire(server.port) as wire:
            for request in (*self.order[-60:], *chance.sample(old, min(len(old), 30))):
                self.answered(request, wire.post(request))

    def _check_crl(self, server: Server, stored: dict[int, tuple[bytes, str]]) -> None:
        crl = x509.load_der_x509_crl(server.crl())
        authority = server.authority
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        if not crl.is_signature_valid(authority.public_key()) or crl.issuer != authority.subject:  # type: ignore[arg-type]
            self.violated("the CRL is not the CA's")
        if number < self.crl_number:
            self.violated("the CRL has an older number than the last one")
        self.crl_number = number
        listed = {entry.serial_number for entry in crl}
        if listed != {serial for serial, (_, status) in stored.items() if status in ("revoked", "held")}:
            self.violated("the CRL does not list what the store has as revoked")
        for serial, (_, statuses) in self.certificates.items():
            if (serial in listed) not in {status in ("revoked", "held") for status in statuses}:
                self.violated(f"a certificate is wrongly in the CRL, or missing there: {serial:x}")


# --- The clients ---


class Client:
    """A client that enrols, confirms, renews and revokes; when the server goes, it sends its last message again."""

    def __init__(self, book: Book, seed: int) -> None:
        self.book = book
        self._chance = random.Random(seed)
        self._talk = self._transactions()
        self._request = next(self._talk)

    def work(self, port: int, stop: threading.Event, heard: Callable[[], None] = lambda: None) -> None:
        """Go on until the server is gone or somebody says stop; call `heard` when an answer has come."""
        with Wire(port) as wire:
            while not stop.is_set():
                try:
                    answer = wire.post(self._request)
                except Gone:
                    return
                heard()
                self.book.answered(self._request, answer)
                self._request = self._talk.send(cmp.decode(answer))

    def _transactions(self) -> Generator[bytes, cmp.PKIMessage, None]:
        """Transactions without end: yields a message, gets its answer."""
        valid: list[int] = []
        while True:
            kind = self._chance.choice(("ir", "ir", "ir", "implicit", "reject", "kur", "rr"))
            if kind == "rr" and valid:
                yield from self._revoke(valid.pop(0))
                continue
            old = self._chance.choice(valid) if kind == "kur" and valid else None
            serial = yield from self._enrol(kind, old)
            if serial is not None:
                valid.append(serial)

    def _enrol(self, kind: str, old: int | None) -> Generator[bytes, cmp.PKIMessage, int | None]:
        """An ir or kur, and what confirms it; the serial number if the certificate is valid then."""
        device = Wire(0).device(SECRET)
        replaced = None if old is None else (self._issuer(old), old)
        request = cert_request(0, self._chance.choice(("a", "b")), KEYS[0], old=replaced)
        if replaced is not None:
            request = cert_request(0, None, KEYS[1], old=replaced)
        info = [IMPLICIT_CONFIRM] if kind == "implicit" else None
        answer = yield device.message({"ir" if replaced is None else "kur": [request]}, general_info=info)
        if not self._heard(device, answer, "ip" if replaced is None else "kup"):
            return None
        (certificate,) = certificates(answer)
        if spki(KEYS[0 if replaced is None else 1]).der not in certificate.der:
            self.book.violated("a certificate for another key")
        serial = self.book.received(certificate.der, "valid" if kind == "implicit" else "unconfirmed")
        if kind == "implicit":
            return serial
        status: dict[str, Any] = {"cert_hash": cert_hash(certificate), "cert_req_id": 0}
        after = "valid"
        if kind == "reject":
            status["status_info"] = {"status": cmp.PKIStatus.REJECTION}
            after = "revoked"
        self.book.expect(serial, "unconfirmed", after)
        answer = yield device.message({"cert_conf": [status]})
        if not self._heard(device, answer, "pkiconf"):
            return None
        self.book.expect(serial, after)
        return serial if after == "valid" else None

    def _revoke(self, serial: int) -> Generator[bytes, cmp.PKIMessage, None]:
        device = Wire(0).device(SECRET)
        self.book.expect(serial, "valid", "revoked")
        answer = yield device.message({"rr": [rev_details(self._issuer(serial), serial, 1)]})
        if self._heard(device, answer, "rp"):
            self.book.expect(serial, "revoked")

    def _issuer(self, serial: int) -> Name:
        issuer = x509.load_der_x509_certificate(self.book.certificates[serial][0]).issuer
        return Name.decode(issuer.public_bytes())

    def _heard(self, device: Device, answer: cmp.PKIMessage, body: str) -> bool:
        """Whether the answer is what it should be; anything else breaks a promise."""
        cmp.verify(answer, cmp.PasswordBasedMAC(SECRET))
        device.server_nonce = answer.header.sender_nonce
        if answer.header.transaction_id != device.transaction_id or answer.body.name != body:
            self.book.violated(f"a {answer.body.name} where {body} was due: {answer.body.value!r:.200}")
            return False
        return True


# --- Both together ---


class Server(Served):
    """A server with the points, on a folder that outlives it."""

    def __init__(self, folder: Path, point: str = "nowhere", call: int = 1, swapped: bool = False) -> None:
        mistake = ("swapped",) if swapped else ()
        program = (sys.executable, "-m", "tests.session.crashing", *mistake, point, str(call))
        super().__init__(folder, program=program, expect=None)
        (folder / ARMED).unlink(missing_ok=True)

    @property
    def database(self) -> Path:
        return self.folder / "cmpcodec-data/cmp.sqlite"

    @property
    def authority(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.folder / "cmpcodec-data/ca.pem").read_bytes())

    def arm(self) -> None:
        """From now on, its point counts."""
        (self.folder / ARMED).touch()


class Campaign:
    """Crashes of one server, one after the other: the next start checks what the last one left."""

    def __init__(self, folder: Path, seed: int = 1, clients: int = 3, swapped: bool = False) -> None:
        self.folder = folder
        self.book = Book()
        self.kills = 0
        self._chance = random.Random(seed)
        self._clients = [Client(self.book, seed * 100 + number) for number in range(clients)]
        self._swapped = swapped

    def crash(self, point: str | None = None) -> None:
        """Start the server, hold it against the book, let the clients work; it dies at a point.

        Without one it is killed at random: at any time, or at the moment when a client has got an answer.
        """
        server = Server(self.folder, point or "nowhere", self._chance.randint(1, 5), self._swapped)
        with server:
            self.book.check(server, self._chance)
            left = itertools.count(self._chance.randint(1, 40), -1)
            by_answer = point is None and self._chance.random() < 0.75

            def heard() -> None:
                if by_answer and next(left) == 0:
                    server.process.kill()

            with self._working(server, heard):
                if point is not None:
                    server.arm()
                elif not by_answer:
                    time.sleep(self._chance.uniform(0.02, 0.3))
                    server.process.kill()
                try:
                    code = server.process.wait(PATIENCE)
                finally:
                    server.process.kill()
            assert code == -signal.SIGKILL, (code, server.log()[-2000:])
        self.kills += 1

    @contextmanager
    def _working(self, server: Server, heard: Callable[[], None] = lambda: None) -> Iterator[None]:
        """All clients at work."""
        stop = threading.Event()
        threads = [threading.Thread(target=client.work, args=(server.port, stop, heard)) for client in self._clients]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def finish(self) -> None:
        """A last start: look, let the clients work in peace for a moment, look again."""
        with Server(self.folder, swapped=self._swapped) as server:
            self.book.check(server, self._chance)
            with self._working(server):
                time.sleep(0.3)
            self.book.check(server, self._chance)
            assert "Traceback" not in server.log()
            assert SECRET.decode() not in server.log()


if __name__ == "__main__":
    given = sys.argv[1:]
    mistaken = given[0] == "swapped"
    where, number, *rest = given[mistaken:]
    sys.exit(serve(where, int(number), mistaken, rest))
