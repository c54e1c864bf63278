"""Hostile messages from somebody who knows the secret, over HTTP: mutants get a new MAC, so that they reach what lies behind it.

Invariant: each POST is answered by status 200 and a PKIMessage that our codec and OpenSSL's read, or by a 4xx; the process lives, its
memory is bounded, nothing in it fails (no traceback, no systemFailure), and no secret gets into its log. CMPCODEC_MUTANTS says how many.
"""

from __future__ import annotations

import collections
import ctypes
import ctypes.util
import datetime
import hmac
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import cmpcodec as cmp
from cmpcodec import oids
from cmpcodec._engine import pbm_key
from cmpcodec.messages import NULL_DN, cert_hash
from cmpcodec.pkix import Certificate, CertificationRequestInfo, Name
from tests.mutations import Element, Mutator, tlv
from tests.protection.by_hand import algorithm, announcing, integer, pbm_algorithm
from tests.protection.test_verify import EVERY_OID, NEARLY, TOO_FEW, TOO_MANY, VALUES
from tests.server.support import KEYS, cert_request, certificates, pkcs10, rejected, rev_details

from .support import Served, Wire

MUTANTS = int(os.environ.get("CMPCODEC_MUTANTS", "20000" if cmp.engine == "cython" else "4000"))
VECTORS = Path(__file__).resolve().parents[1] / "vectors"
SECRET = b"a canary that no log may show"
THREADS = 3
SALT, ITERATIONS = os.urandom(16), 100
KEY = pbm_key(SECRET, SALT, "sha256", ITERATIONS)
ALGORITHM = cmp.AlgorithmIdentifier.decode(pbm_algorithm(SALT))
ECDSA = tlv(0x30, cmp.AlgorithmIdentifier(algorithm=oids.ECDSA_WITH_SHA256).der[2:])
SHARED = cmp.PasswordBasedMAC(SECRET)


def attribute(oid: bytes, value: bytes) -> bytes:
    return tlv(0x31, tlv(0x30, tlv(6, oid), value))


def directory_name(*attributes: bytes) -> bytes:
    return tlv(0xA4, tlv(0x30, *attributes))


UNKNOWN = b"\x2a\3\4"
COMMON_NAME = b"\x55\4\3"
SENDER = cmp.GeneralName.decode(
    directory_name(attribute(COMMON_NAME, tlv(0x0C, b"device")), attribute(UNKNOWN, tlv(0x0C, b"text")))
)
CONFIGURATION = f"""
[server.limits]
vain_hashes_per_second = false
[authority.ca]
create = true
[profile.czertainly]
secret = "pass:{SECRET.decode()}"
confirm_wait = "1h"
max_unconfirmed = false
[profile.czertainly.certificates]
wildcards = true
drop_unaccepted = true
alt_names = ["dns_name", "ip_address", "rfc822_name", "uniform_resource_identifier", "directory_name", "registered_id", "other_name"]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("mutants")
    (folder / "cmpcodec.toml").write_text(CONFIGURATION)
    with Served(folder, ("--config", "cmpcodec.toml")) as served:
        yield served
        assert served.process.poll() is None
    log = served.log()
    for word in ("Traceback", SECRET.decode(), SECRET.hex(), KEY.hex(), "systemFailure"):
        assert word not in log, log[max(0, log.index(word) - 500) :][:3000]


# --- Messages ---


def header(transaction_id: bytes, **fields: Any) -> bytes:
    plain = {
        "pvno": 2,
        "sender": NULL_DN,
        "recipient": NULL_DN,
        "message_time": datetime.datetime.now(datetime.UTC).replace(microsecond=0),
        "protection_alg": ALGORITHM,
        "transaction_id": transaction_id,
        "sender_nonce": os.urandom(16),
    }
    return cmp.PKIHeader.from_plain(plain | fields).der


def protected(part: bytes) -> bytes:
    """A message of these octets, which should be header and body, with the right MAC."""
    mac = hmac.digest(KEY, tlv(0x30, part), "sha256")
    return tlv(0x30, part, tlv(0xA0, tlv(3, b"\0", mac)))


def signed(key: ec.EllipticCurvePrivateKey, octets: bytes) -> bytes:
    return tlv(3, b"\0", key.sign(octets, ec.ECDSA(hashes.SHA256())))


# --- Answers ---


def libcrypto() -> Callable[[bytes], bool]:
    """Whether OpenSSL reads these octets as a PKIMessage, all of them, and writes them the same."""
    library = ctypes.CDLL(ctypes.util.find_library("crypto"))
    read, write, free = library.d2i_OSSL_CMP_MSG, library.i2d_OSSL_CMP_MSG, library.OSSL_CMP_MSG_free
    read.restype = ctypes.c_void_p
    read.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_char_p), ctypes.c_long]
    write.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    free.argtypes = [ctypes.c_void_p]

    def reads(der: bytes) -> bool:
        place = ctypes.c_char_p(der)
        message = read(None, ctypes.byref(place), len(der))
        if not message:
            return False
        try:
            size: int = write(message, None)
            return size == len(der)
        finally:
            free(message)

    return reads


READS = libcrypto()
ANSWERS = frozenset(("ip", "cp", "kup", "rp", "pkiconf", "poll_rep", "error"))


def test_the_oracle_is_awake() -> None:
    good = (VECTORS / "ir-pbm-ec.2-ip.der").read_bytes()
    assert READS(good)
    assert not READS(good[:-1])
    assert not READS(good + b"\0")
    assert not READS(b"\x30\0")


class Verdicts:
    """Sends messages and judges the answers; counts what came."""

    def __init__(self, server: Served) -> None:
        self._server = server
        self.kinds: collections.Counter[str] = collections.Counter()
        self.authenticated = 0
        self.certificates: list[bytes] = []
        self.failures: list[str] = []

    def send(self, wire: Wire, message: bytes) -> cmp.PKIMessage | None:
        """The answer, None if HTTP refused the message."""
        status, media, body = wire.exchange(message)
        if 400 <= status < 500:
            self.kinds[f"HTTP {status}"] += 1
            return None
        assert (status, media) == (200, "application/pkixcmp"), (status, media, message.hex())
        answer = cmp.decode(body)
        assert READS(body), (message.hex(), body.hex())  # whatever names the request had
        assert answer.body.name in ANSWERS, message.hex()
        fail_info = ""
        if answer.body.error is not None:
            info = answer.body.error.pki_status_info.fail_info
            assert info is not None, message.hex()
            fail_info = ",".join(info.names)
            if "SYSTEM" in fail_info:  # something failed that nobody foresaw; what, the log says
                self.failures.append(message.hex())
        if answer.protection is not None:
            with suppress(cmp.ProtectionError):
                cmp.verify(answer, SHARED)
                self.authenticated += 1
        self.kinds[f"{answer.body.name} {fail_info}".strip()] += 1
        for response in (
            answer.body.ip or answer.body.cp or answer.body.kup or cmp.CertRepMessage(response=[])
        ).response:
            pair = response.certified_key_pair
            if pair is not None and pair.cert_or_enc_cert.certificate is not None:  # else it is encrypted
                self.certificates.append(pair.cert_or_enc_cert.certificate.der)
        return answer

    def send_all(self, messages: Callable[[Random], Iterator[bytes]], number: int, seed: int) -> float:
        """Messages of a generator, over several connections at once; how many a second."""

        def work(seed: int) -> None:
            with Wire(self._server.port) as wire:
                made = messages(Random(seed))
                for _ in range(number // THREADS):
                    self.send(wire, next(made))

        began = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as pool:
            for one in [pool.submit(work, seed + thread) for thread in range(THREADS)]:
                one.result()
        return number / (time.perf_counter() - began)

    def check_certificates(self) -> None:
        """However a request was mutated: one key of ours, no CA, no power over other certificates."""
        own = [key.public_key() for key in KEYS]
        vectors = b"".join(file.read_bytes() for file in sorted(VECTORS.glob("*.der")))
        for der in self.certificates:
            certificate = x509.load_der_x509_certificate(der)
            extensions = certificate.extensions
            assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
            usage = [one.value for one in extensions if isinstance(one.value, x509.KeyUsage)]
            assert not any(one.key_cert_sign or one.crl_sign for one in usage)
            key = certificate.public_key()
            # or the key of a vector whose CertReqMsg, with its proof of possession, got into a mutant as a whole
            octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            assert key in own or octets in vectors, der.hex()
            self.kinds["foreign keys"] += key not in own
            assert certificate.not_valid_after_utc - certificate.not_valid_before_utc < datetime.timedelta(days=1100)
        serials = [x509.load_der_x509_certificate(der).serial_number for der in self.certificates]
        assert len(set(serials)) == len(serials)


def resident(process: int) -> int:
    """Memory of a process, in octets."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- Vectors and malformed parameters ---


def test_every_vector(server: Served) -> None:
    """As it is; and with a header of today and the right MAC: then all bodies there are get behind the protection."""
    verdicts = Verdicts(server)
    files = sorted(VECTORS.rglob("*.der"))
    assert len(files) > 250
    with Wire(server.port) as wire:
        for file in files:
            der = file.read_bytes()
            verdicts.send(wire, der)
            message = cmp.decode(der)
            for fields in ({}, {"recip_nonce": bytes(16)}, {"general_info": message.header.general_info}):
                before = verdicts.authenticated
                verdicts.send(wire, protected(header(os.urandom(16), **fields) + message.body.der))
                assert verdicts.authenticated == before + 1, file.name
    print(dict(verdicts.kinds))
    assert verdicts.kinds["ip"] + verdicts.kinds["cp"] > 10
    assert len(verdicts.kinds) >= 8


def malformed_algorithms() -> Iterator[bytes]:
    for value in VALUES.values():
        yield algorithm(oids.ID_PASSWORD_BASED_MAC, value)
        if value not in (b"", VALUES["NULL"]):
            yield pbm_algorithm(owf=algorithm(oids.SHA256, value))
            yield pbm_algorithm(mac=algorithm(oids.HMAC_WITH_SHA256, value))
        for oid in (oids.ID_DH_BASED_MAC, oids.ID_PBMAC1, oids.SHA256_WITH_RSA_ENCRYPTION, oids.ECDSA_WITH_SHA256):
            yield algorithm(oid, value)
    for parts in NEARLY.values():
        yield algorithm(oids.ID_PASSWORD_BASED_MAC, tlv(0x30, *parts))
    for count in TOO_FEW + TOO_MANY:
        yield pbm_algorithm(count=integer(count))
    for octets in (b"\x7f" * 1024, b"\x80" * 1024, b"\x01" + bytes(2047), b"\x7f" * 2049, b"\x7f" * 60_000):
        yield pbm_algorithm(count=tlv(2, octets))
    for size in (0, 1, 7, 65, 1024, 1025, 100_000):
        yield pbm_algorithm(salt=bytes(size))
    for oid in EVERY_OID:
        yield pbm_algorithm(owf=algorithm(oid)) if oid not in (oids.SHA256,) else pbm_algorithm(owf=tlv(0x30))
        yield algorithm(oid, VALUES["NULL"])


def test_every_malformed_protection(server: Served) -> None:
    """None of them is worth a hash, so all are refused in little time; none of them ends the server (CVE-2026-63076)."""
    verdicts = Verdicts(server)
    began = time.process_time()
    count = 0
    with Wire(server.port) as wire:
        for der in malformed_algorithms():
            count += 1
            answer = verdicts.send(wire, announcing(der).der)
            assert answer is not None
            assert answer.body.error is not None
            verdict = ",".join(answer.body.error.pki_status_info.fail_info.names)
            assert verdict in ("BAD_ALG", "BAD_MESSAGE_CHECK", "BAD_DATA_FORMAT"), (verdict, der.hex())
    print(count, dict(verdicts.kinds), time.process_time() - began)
    assert verdicts.kinds["error BAD_ALG"] > count // 2
    assert count > 700


# --- Mutants ---


def bodies(serial: int, issuer: Name) -> dict[str, bytes]:
    """Bodies that the server would serve, and some that it would not."""
    plain: dict[str, dict[str, Any]] = {
        "ir": {"ir": [cert_request(0), cert_request(1, "second", KEYS[1])]},
        "cr": {"cr": [cert_request(0)]},
        "kur": {"kur": [cert_request(0, old=(issuer, serial))]},
        "p10cr": {"p10cr": pkcs10(sans=["device.example"])},
        "rr": {"rr": [rev_details(issuer, serial, 1)]},
        "cert_conf": {"cert_conf": [{"cert_hash": bytes(32), "cert_req_id": 0, "status_info": {"status": 0}}]},
        "poll_req": {"poll_req": [{"cert_req_id": 0}]},
        "error": {"error": {"pki_status_info": {"status": 2, "status_string": ["%s%n"], "fail_info": 4}}},
    }
    return {name: cmp.PKIBody.from_plain(one).der for name, one in plain.items()}


class Breeder:
    """Makes mutants of three depths: of the whole message, of its body alone, and of what a client signs itself."""

    def __init__(self, serial: int, issuer: Name) -> None:
        donors: list[Element] = []
        for file in sorted(VECTORS.glob("*.der"))[::5]:
            donors += Mutator(file.read_bytes()).elements
        self._bodies = [Mutator(der, donors) for der in bodies(serial, issuer).values()]
        message = cmp.decode((VECTORS / "built-genm-full-header.der").read_bytes())
        self._info = message.header.general_info
        self._donors = donors
        sans = x509.SubjectAlternativeName([x509.DNSName("a.example"), x509.RFC822Name("a@example")]).public_bytes()
        usage = x509.KeyUsage(True, False, True, False, True, False, False, False, False).public_bytes()
        extensions = [
            {"extn_id": oids.ID_CE_SUBJECT_ALT_NAME, "extn_value": sans},
            {"extn_id": oids.ID_CE_KEY_USAGE, "critical": True, "extn_value": usage},
        ]
        validity = {"not_after": {"general_time": datetime.datetime(2026, 12, 31, tzinfo=datetime.UTC)}}
        requests = [
            (0xA0, cert_request(0)),
            (0xA0, cert_request(0, extensions=extensions)),
            (0xA2, cert_request(0, issuer=issuer, validity=validity, extensions=extensions)),
            (0xA7, cert_request(0, None, old=(issuer, serial))),
        ]
        self._requests = [(tag, Mutator(one.cert_req.der, donors)) for tag, one in requests]
        self._pkcs10 = Mutator(pkcs10(sans=["a.example"]).certification_request_info.der, donors)

    def mutants(self, random: Random) -> Iterator[bytes]:
        while True:
            transaction_id, way = random.randbytes(16), random.random()
            if way < 0.25:
                fields = {"general_info": self._info} if random.random() < 0.3 else {}
                if random.random() < 0.5:
                    fields["sender"] = SENDER
                start = header(transaction_id, **fields)
                whole = Mutator(start + random.choice(self._bodies).data, self._donors)
                yield protected(mutant(whole, random, lambda part: cmp.decode(tlv(0x30, part))))
            elif way < 0.6:
                body = mutant(random.choice(self._bodies), random, cmp.PKIBody.decode)
                yield protected(header(transaction_id) + body)
            elif way < 0.9:
                tag, request = random.choice(self._requests)
                asked = mutant(request, random, cmp.CertRequest.decode)
                proof = tlv(0xA1, ECDSA, signed(KEYS[0], asked))
                yield protected(header(transaction_id) + tlv(tag, tlv(0x30, tlv(0x30, asked, proof))))
            else:
                info = mutant(self._pkcs10, random, CertificationRequestInfo.decode)
                yield protected(header(transaction_id) + tlv(0xA4, tlv(0x30, info, ECDSA, signed(KEYS[0], info))))


def mutant(mutator: Mutator, random: Random, decode: Callable[[bytes], object]) -> bytes:
    """A mutant; every other one is chosen so that it is right DER of its type, and what it means is wrong at most."""
    made = mutator.mutant(random)
    for _ in range(random.choice((0, 8))):
        if made != mutator.data:
            with suppress(cmp.DecodeError):
                decode(made)
                break
        made = mutator.mutant(random)
    return made


def enrolled(server: Served) -> tuple[int, Name]:
    """A certificate to be renewed and revoked by mutants."""
    with Wire(server.port) as wire:
        device = wire.device(SECRET)
        certificate = device.enroll()
        device.confirm((0, certificate))
    loaded = certificate.load()
    return loaded.serial_number, Name.decode(loaded.issuer.public_bytes())


def test_mutants_with_the_right_mac(server: Served, record_property: Callable[[str, object], None]) -> None:
    verdicts, breeder = Verdicts(server), Breeder(*enrolled(server))
    verdicts.send_all(breeder.mutants, MUTANTS // 10, seed=1)
    before = resident(server.process.pid)
    pace = verdicts.send_all(breeder.mutants, MUTANTS, seed=100)
    grown = resident(server.process.pid) - before
    figures = f"{MUTANTS} mutants, {pace:.0f}/s, {len(verdicts.certificates)} certificates, grown by {grown >> 10} kB"
    record_property("figures", figures)
    print(figures, dict(verdicts.kinds.most_common()), *verdicts.failures, sep="\n")
    assert grown < 32 << 20
    assert verdicts.failures == []
    verdicts.check_certificates()
    # A harness that has fallen asleep shows here.
    assert verdicts.authenticated > MUTANTS // 3
    assert len(verdicts.certificates) > MUTANTS // 50
    assert len(verdicts.kinds) > 10


BAD_TEXTS = {
    "UTF8String": tlv(0x0C, b"d\xffvice"),
    "PrintableString": tlv(0x13, b"d\xffvice"),
    "IA5String": tlv(0x16, b"d\xffvice"),
    "BMPString of odd length": tlv(0x1E, b"dev"),
    "BMPString with half a character": tlv(0x1E, b"\xd8\x00"),
    "UniversalString": tlv(0x1C, b"abc"),
    "UniversalString beyond Unicode": tlv(0x1C, b"\xff\xff\xff\xff"),
    "BOOLEAN": tlv(1, b"\xff"),
    "no DER": tlv(1, b"\1\1"),
    "private": tlv(0xC5, b"x"),
    "context": tlv(0xA3, tlv(0x0C, b"device")),
    "SEQUENCE": tlv(0x30, tlv(0x0C, b"device")),
    "GeneralizedTime": tlv(0x18, b"never"),
    "TeletexString": tlv(0x14, b"d\xffvice"),
}
NAMES = {
    **{f"{name}, unknown attribute": directory_name(attribute(UNKNOWN, value)) for name, value in BAD_TEXTS.items()},
    **{f"{name}, commonName": directory_name(attribute(COMMON_NAME, value)) for name, value in BAD_TEXTS.items()},
    "other name": tlv(0xA0, tlv(6, UNKNOWN), tlv(0xA0, tlv(0x0C, b"d\xff"))),
    "x400": tlv(0xA3, tlv(0x30, tlv(0xA0))),
    "edi": tlv(0xA5, tlv(0xA1, tlv(0x0C, b"party"))),
    "mail": tlv(0x81, b"device@example"),
    "mail of zeros": tlv(0x81, bytes(3)),
    "address": tlv(0x87, b"12345"),
    "identifier": tlv(0x88, b"\x2a" + b"\xff" * 18 + b"\x7f"),
}


@pytest.mark.parametrize("form", NAMES)
def test_names_that_others_cannot_read(server: Served, form: str) -> None:
    """Neither the sender nor the issuer of an rr is repeated unless everybody can read it: see `Verdicts.send`."""
    verdicts = Verdicts(server)
    name = cmp.GeneralName.decode(NAMES[form])
    rr = cmp.PKIBody.from_plain({"rr": [rev_details(name.directory_name or NULL_DN.directory_name, 5, 1)]})
    for fields, kind in (({"sender": name}, "ip"), ({"sender": NULL_DN}, "rp")):
        body = rr if kind == "rp" else cmp.PKIBody.from_plain({"ir": [cert_request(0)]})
        with Wire(server.port) as wire:
            answer = verdicts.send(wire, protected(header(os.urandom(16), **fields) + body.der))
        assert answer is not None
        assert answer.body.name == kind
        assert answer.header.recipient in (fields["sender"], NULL_DN)


def nested_value(levels: int) -> bytes:
    value = tlv(0x0C, b"device")
    for _ in range(levels):
        value = tlv(0x30, value)
    return value


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        (b"\x2a" + b"\xff" * 18 + b"\x7f", tlv(0x0C, b"device")),
        (b"\x2a" * 128, tlv(0x0C, b"device")),
        (b"\x55\4\3", nested_value(20)),
    ],
    ids=["one large arc", "many arcs", "deep"],
)
def test_subjects_that_no_certificate_can_have(server: Served, oid: bytes, value: bytes) -> None:
    """Met among the mutants: the CA signed these, and what it had signed `cryptography` could not read again."""
    subject = Name.decode(tlv(0x30, tlv(0x31, tlv(0x30, tlv(6, oid), value))))
    request = cert_request(0, None).cert_req
    request = request.replace(cert_template=request.cert_template.replace(subject=subject)).der
    proof = tlv(0xA1, ECDSA, signed(KEYS[0], request))
    verdicts = Verdicts(server)
    with Wire(server.port) as wire:
        body = tlv(0xA0, tlv(0x30, tlv(0x30, request, proof)))
        answer = verdicts.send(wire, protected(header(os.urandom(16)) + body))
    assert answer is not None
    assert not verdicts.failures
    if not verdicts.certificates:
        assert rejected(answer) == "BAD_CERT_TEMPLATE"


# --- Mutants within a transaction ---


class Talk:
    """A transaction from ir to certConf, and mutants of its own messages in between; what may come of it."""

    def __init__(self, verdicts: Verdicts, wire: Wire) -> None:
        self._verdicts = verdicts
        self._wire = wire
        self.transaction_id = os.urandom(16)
        self.confirmed = self.ended = False
        self._nonce: bytes | None = None
        first = protected(header(self.transaction_id) + cmp.PKIBody.from_plain({"ir": [cert_request(0)]}).der)
        answer = verdicts.send(wire, first)
        assert answer is not None
        (self.certificate,) = certificates(answer)
        self.nonce = answer.header.sender_nonce
        self.first, self.answer = first, answer.der

    def own(self) -> Sequence[dict[str, Any]]:
        right = {"cert_hash": cert_hash(self.certificate), "cert_req_id": 0}
        return (
            {"cert_conf": [right]},
            {"cert_conf": [right | {"status_info": {"status": 0}}]},
            {"cert_conf": [right | {"status_info": {"status": 2}}]},
            {"poll_req": [{"cert_req_id": 0}]},
            {"error": {"pki_status_info": {"status": 2}}},
            {"ir": [cert_request(0)]},
        )

    def mutant(self, random: Random) -> bytes:
        plain = random.choice(self.own())
        part = header(self.transaction_id, recip_nonce=self.nonce) + cmp.PKIBody.from_plain(plain).der
        if random.random() < 0.6:
            body = cmp.PKIBody.from_plain(plain).der
            return protected(part[: -len(body)] + Mutator(body).mutant(random))
        return protected(Mutator(part).mutant(random))

    def say(self, message: bytes) -> str:
        """Send a message of this transaction, and note what follows from it if the answer is pkiConf."""
        answer = self._verdicts.send(self._wire, message)
        assert answer is not None
        try:
            sent = cmp.decode(message)
            cmp.verify(answer, SHARED)
        except (cmp.DecodeError, cmp.ProtectionError):
            return answer.body.name  # nobody was authenticated
        if sent.header.transaction_id != self.transaction_id:
            return answer.body.name
        conf = sent.body.cert_conf
        if answer.body.name == "pkiconf" and conf is not None and not self.ended:
            assert sent.header.recip_nonce == self.nonce
            (*_, status) = [*conf, None] if not len(conf) else conf
            accepted = status is not None and (status.status_info is None or status.status_info.status == 0)
            if accepted:
                assert status.cert_req_id == 0
                assert status.cert_hash == cert_hash(self.certificate, status.hash_alg)
            self.confirmed, self.ended = accepted, True
        elif answer.body.name == "pkiconf" and not self.ended:
            assert sent.body.error is not None
            self.ended = True
        elif answer.body.error is not None and not self.ended:
            info = answer.body.error.pki_status_info.fail_info
            assert info is not None
            self.ended = "BAD_CERT_ID" in info.names and "revoked" in str(answer.body.error)
        return answer.body.name


def test_mutants_within_transactions(server: Served, record_property: Callable[[str, object], None]) -> None:
    """A certificate is valid exactly if its hash was confirmed by one who could, whatever came before and after."""
    verdicts, random = Verdicts(server), Random(7)
    talks, ways = [], collections.Counter[str]()
    with Wire(server.port) as wire:
        for _ in range(max(MUTANTS // 100, 40)):
            talk = Talk(verdicts, wire)
            for _ in range(random.randrange(1, 12)):
                talk.say(talk.mutant(random))
            ended = talk.ended
            right = {"cert_conf": [{"cert_hash": cert_hash(talk.certificate), "cert_req_id": 0}]}
            body = cmp.PKIBody.from_plain(right).der
            said = talk.say(protected(header(talk.transaction_id, recip_nonce=talk.nonce) + body))
            assert said == ("error" if ended else "pkiconf")
            assert talk.ended
            ways["before the end" if ended else "confirmed in the end"] += 1
            ways["valid" if talk.confirmed else "revoked"] += 1
            for _ in range(3):
                talk.say(talk.mutant(random))
            assert wire.post(talk.first) == talk.answer
            talks.append(talk)
    with closing(sqlite3.connect(server.folder / "cmpcodec-data/cmp.sqlite")) as connection:
        for talk in talks:
            rows = connection.execute(
                "SELECT status, der FROM certificates WHERE transaction_id = ?", (talk.transaction_id,)
            ).fetchall()
            assert rows == [("valid" if talk.confirmed else "revoked", talk.certificate.der)]
    assert verdicts.failures == []
    listed = {entry.serial_number for entry in x509.load_der_x509_crl(server.crl())}
    for talk in talks:
        assert (Certificate(talk.certificate.der).load().serial_number in listed) is not talk.confirmed
    print(dict(ways), dict(verdicts.kinds))
    record_property("figures", dict(ways))
    assert min(ways.values()) >= len(talks) // 20
