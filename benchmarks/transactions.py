"""What a whole enrolment costs the server: ir -> ip -> certConf -> pkiConf, beside the floor of its cryptography.

    python -m benchmarks.transactions [--quick] [--write | --no-write]

The client of these transactions is OpenSSL's in all that matters: RSA-2048 key, PasswordBasedMac of 500 x SHA-256
with HMAC-SHA1. Its messages are made before, or between, and not timed. The floor is four such MACs, the verification
of the proof of possession and the signature of the certificate, called bare on keys that lie ready. What it costs to
keep anything stands beside it: two transactions of bare SQLite with the same settings, one row of an answer's size
each. Measured is CPU time of the thread, user and system, which counts no waiting for the disk; the time on the wall
stands beside it. Best of several rounds, floor and servers in turn; each engine runs in a process of its own. Over HTTP
the whole process of `cmpcodec serve` stands beside the mock server of `openssl cmp`, which hands out one certificate
that it was given, signs nothing and keeps nothing.
"""

from __future__ import annotations

import argparse
import datetime
import hmac
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns, thread_time_ns
from typing import Any

from benchmarks.transactions_chart import draw

ENGINES = ("cython", "python")
SECRET = b"mySecret"
_DOCS = Path(__file__).parent.parent / "docs"
_TARGETS = {"memory": 2.0, "SQLite": 3.0}
_COMMITS = "two commits"


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.transactions", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds; some ten seconds")
    parser.add_argument("--write", action=argparse.BooleanOptionalAction, help="write docs/transactions.json and .svg")
    parser.add_argument("--one-engine", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one_engine:
        json.dump(measure(5, 20) if options.quick else measure(15, 40), sys.stdout)
        return 0
    found: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "command": " ".join(["python -m benchmarks.transactions", *sys.argv[1:]]),
        "engines": {},
    }
    for engine in ENGINES:
        command = [sys.executable, "-m", "benchmarks.transactions", "--one-engine", *(["--quick"] * options.quick)]
        done = subprocess.run(
            command, env={**os.environ, "CMPCODEC_ENGINE": engine}, stdout=subprocess.PIPE, check=True
        )
        found["engines"][engine] = json.loads(done.stdout)
    found["http"] = over_http(60 if options.quick else 400)
    _print(found)
    if options.write if options.write is not None else not options.quick:
        (_DOCS / "transactions.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        (_DOCS / "transactions.svg").write_text(draw(found), encoding="utf-8")
        print("\nwrote docs/transactions.json and docs/transactions.svg")
    return 0


# --- Messages of the client ---


@dataclass
class Client:
    """Makes the messages of transactions; nothing here is timed."""

    template: Any

    @classmethod
    def create(cls) -> Client:
        """A client whose request is that of the recorded ir: only the header changes."""
        import cmpcodec as cmp
        from benchmarks.messages import MAIN

        return cls(cmp.decode(MAIN.data))

    def header(self, transaction: bytes, recip_nonce: bytes | None = None) -> Any:
        """A header of one transaction, as OpenSSL writes it."""
        now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        return self.template.header.replace(
            transaction_id=transaction,
            sender_nonce=os.urandom(16),
            recip_nonce=recip_nonce,
            message_time=now,
            sender_kid=None,
        )

    def protected(self, header: Any, body: Any) -> bytes:
        """The message with a MAC of 500 x SHA-256 and HMAC-SHA1."""
        import cmpcodec as cmp

        credential = cmp.PasswordBasedMAC(SECRET, mac="sha1", iterations=500)
        return bytes(cmp.protect(cmp.PKIMessage(header=header, body=body), credential).der)

    def ir(self, transaction: bytes) -> bytes:
        """The first message."""
        return self.protected(self.header(transaction), self.template.body)

    def cert_conf(self, transaction: bytes, answer: bytes) -> bytes:
        """The message that accepts the certificate of an ip."""
        import cmpcodec as cmp
        from cmpcodec.messages import cert_hash

        ip = cmp.decode(answer)
        assert ip.body.ip is not None, ip.body
        pair = ip.body.ip.response[0].certified_key_pair
        assert pair is not None, ip.body.ip.response[0].status
        status = cmp.CertStatus(cert_hash=cert_hash(pair.cert_or_enc_cert.certificate), cert_req_id=0)
        return self.protected(
            self.header(transaction, ip.header.sender_nonce), cmp.PKIBody(cert_conf=cmp.CertConfirmContent([status]))
        )


# --- Inside one process ---


def measure(rounds: int, transactions: int) -> dict[str, dict[str, dict[str, float]]]:
    """By CA and by what was timed ("floor", "two commits", "memory", "SQLite"): microseconds "cpu" and "wall"."""
    from cmpcodec.authority import LocalAuthority, create_ca
    from cmpcodec.server import Profile, Responder, SharedSecrets
    from cmpcodec.store import MemoryStore, SQLiteStore

    client = Client.create()
    found: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        for kind, title in (("ec-p256", "EC P-256"), ("rsa-2048", "RSA-2048")):
            key, certificate = create_ca("CN=Benchmark CA", kind)
            profile = Profile(
                name="p", authority=LocalAuthority(key, certificate), lookup=SharedSecrets({}, default=SECRET)
            )
            stores = {"memory": MemoryStore(), "SQLite": SQLiteStore(Path(folder) / f"{kind}.sqlite")}
            timed = {"floor": _floor(key, client), _COMMITS: _commits(Path(folder) / f"{kind}.bare", stack)}
            for name, store in stores.items():
                stack.callback(store.close)
                timed[name] = _served(Responder([profile], store), client)
            best = {name: {"cpu": float("inf"), "wall": float("inf")} for name in timed}
            for _ in range(rounds):
                for name, run in timed.items():
                    spent = run(transactions)
                    for clock, least in best[name].items():
                        best[name][clock] = min(least, spent[clock])
            found[title] = best
    return found


class _Watch:
    """Adds up what the thread spends between `start` and `stop`."""

    def __init__(self) -> None:
        self._spent = [0, 0]

    def start(self) -> None:
        self._since = thread_time_ns(), perf_counter_ns()

    def stop(self) -> None:
        for which, now in enumerate((thread_time_ns(), perf_counter_ns())):
            self._spent[which] += now - self._since[which]

    def microseconds(self, number: int) -> dict[str, float]:
        """For each of so many."""
        return {name: spent / number / 1000 for name, spent in zip(("cpu", "wall"), self._spent, strict=True)}


Run = Callable[[int], dict[str, float]]


def _served(responder: Any, client: Client) -> Run:
    handle = responder.handle

    def run(number: int) -> dict[str, float]:
        watch = _Watch()
        transactions = [os.urandom(16) for _ in range(number)]
        requests = [client.ir(transaction) for transaction in transactions]
        watch.start()
        answers = [handle(request) for request in requests]
        watch.stop()
        requests = [client.cert_conf(*one) for one in zip(transactions, answers, strict=True)]
        watch.start()
        for request in requests:
            handle(request)
        watch.stop()
        return watch.microseconds(number)

    run(3)
    return run


def _commits(path: Path, stack: ExitStack) -> Run:
    """Two durable transactions of bare SQLite, set as our store sets it: one row of an answer's size in each."""
    import sqlite3

    connection = sqlite3.connect(path, isolation_level=None)
    stack.callback(connection.close)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE bare (id INTEGER PRIMARY KEY, answer BLOB)")
    answer = os.urandom(1500)

    def run(number: int) -> dict[str, float]:
        watch = _Watch()
        watch.start()
        for _ in range(2 * number):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO bare (answer) VALUES (?)", (answer,))
            connection.execute("COMMIT")
        watch.stop()
        return watch.microseconds(number)

    run(3)
    return run


def _floor(ca_key: Any, client: Client) -> Run:
    """Four MACs with their derivation, one verification, one signature: on ready keys, the fastest way there is."""
    from benchmarks.pbm import ITERATIONS, SALT, TEXT
    from cmpcodec._engine import pbm_key
    from cmpcodec.pop import verify_request
    from cmpcodec.protection.signatures import sign

    request = client.template.body.ir[0]
    public = verify_request(request)
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.hashes import SHA256

    octets, signature = request.cert_req.der, request.popo.signature.signature.data
    certificate = os.urandom(700)

    def run(number: int) -> dict[str, float]:
        watch = _Watch()
        watch.start()
        for _ in range(number):
            for _ in range(4):
                hmac.digest(pbm_key(SECRET, SALT, "sha256", ITERATIONS), TEXT, "sha1")
            public.verify(signature, octets, padding.PKCS1v15(), SHA256())
            sign(ca_key, certificate)
        watch.stop()
        return watch.microseconds(number)

    return run


# --- Whole processes, over HTTP ---


def over_http(transactions: int) -> dict[str, float] | None:
    """CPU microseconds of the whole server process for a transaction; None where no network namespace can be had.

    The mock server listens on all interfaces, so both run in a network namespace of their own.
    """
    command = [
        "unshare",
        "-rn",
        sys.executable,
        "-c",
        "from benchmarks.transactions import inside; inside()",
        str(transactions),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def inside() -> None:
    """Runs in the namespace; prints the result as JSON."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    client, number = Client.create(), int(sys.argv[1])
    found = {}
    ours = "/api/v1/protocols/cmp/raProfile/czertainly"
    with tempfile.TemporaryDirectory() as folder:
        for name, start, path in (
            ("cmpcodec serve", _start_ours, ours),
            ("openssl cmp, mock server", _start_mock, "/"),
        ):
            process, port = start(Path(folder))
            try:
                _drive(client, port, path, 10)
                before = _cpu(process.pid)
                _drive(client, port, path, number)
                found[name] = (_cpu(process.pid) - before) / number * 1e6
            finally:
                process.kill()
                process.wait()
                if process.stdout is not None:
                    process.stdout.close()
    json.dump(found, sys.stdout)


def _start_ours(folder: Path) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-m", "cmpcodec", "serve", "--port", "0", "--secret", f"pass:{SECRET.decode()}"]
    command += ["--data", str(folder), "--log-level", "error"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port = 0
    for line in process.stdout:
        if " at http://" in line:
            port = int(line.split(" at http://")[1].split()[0].rpartition(":")[2])
        if line.startswith("Ctrl-C"):
            break
    return process, port


def _start_mock(folder: Path) -> tuple[subprocess.Popen[str], int]:
    import socket
    import time

    key = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mock", "-keyout", "mock.key"]
    subprocess.run([*key, "-out", "mock.pem"], cwd=folder, check=True, stderr=subprocess.DEVNULL)
    command = ["openssl", "cmp", "-config", "", "-port", "8079", "-srv_secret", f"pass:{SECRET.decode()}"]
    command += ["-srv_ref", "mock", "-rsp_cert", "mock.pem", "-verbosity", "0"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", 8079)).close()
            break
        except OSError:
            time.sleep(0.1)
    return process, 8079


def _drive(client: Client, port: int, path: str, number: int) -> None:
    import http.client

    for _ in range(number):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        transaction = os.urandom(16)
        try:
            answer = _post(connection, path, client.ir(transaction))
            _post(connection, path, client.cert_conf(transaction, answer))
        finally:
            connection.close()


def _post(connection: Any, path: str, body: bytes) -> bytes:
    connection.request("POST", path, body, {"Content-Type": "application/pkixcmp"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.status
    return bytes(answer.read())


def _cpu(process: int) -> float:
    """Seconds of user and system time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- Output ---


def rows(found: dict[str, Any]) -> Iterator[tuple[str, str, str, dict[str, float], float, bool | None]]:
    """Engine, CA, store, times, how many times the floor that is, and whether the target (of Cython) is met."""
    for engine, by_ca in found["engines"].items():
        for ca, times in by_ca.items():
            for store, target in _TARGETS.items():
                ratio = times[store]["cpu"] / times["floor"]["cpu"]
                yield engine, ca, store, times[store], ratio, ratio <= target if engine == "cython" else None


def _print(found: dict[str, Any]) -> None:
    print("ir -> ip -> certConf -> pkiConf, CPU of the server without HTTP, best round")
    print(f"{'engine':8} {'CA':10} {'store':12} {'CPU us':>8} {'x floor':>8} {'wall us':>8}")
    for engine, ca, store, spent, ratio, met in rows(found):
        verdict = "" if met is None else f"  at most {_TARGETS[store]:g}: {'met' if met else 'missed'}"
        print(f"{engine:8} {ca:10} {store:12} {spent['cpu']:8.0f} {ratio:8.2f} {spent['wall']:8.0f}{verdict}")
    for engine, by_ca in found["engines"].items():
        for ca, times in by_ca.items():
            for name in ("floor", _COMMITS):
                share = times[name]["cpu"] / times["floor"]["cpu"]
                print(f"{engine:8} {ca:10} {name:12} {times[name]['cpu']:8.0f} {share:8.2f} {times[name]['wall']:8.0f}")
    if found["http"] is None:
        print("over HTTP: not measured, no network namespace could be made (unshare -rn)")
    else:
        print(
            "over HTTP, CPU of the whole process: "
            + ", ".join(f"{name} {spent:.0f} us" for name, spent in found["http"].items())
        )


if __name__ == "__main__":
    sys.exit(main())
