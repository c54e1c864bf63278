"""What the mutants of test_mutants are made of, and who judges the answers to them.

All messages carry the right MAC, whatever else is wrong with them. CONFIGURATION is that of the server that they are for.
"""

from __future__ import annotations

import collections
import ctypes
import ctypes.util
import datetime
import hmac
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import cmpcodec as cmp
from cmpcodec import oids
from cmpcodec._engine import pbm_key
from cmpcodec.enveloping import receive_key
from cmpcodec.messages import NULL_DN
from cmpcodec.pkix import CertificationRequestInfo, Name
from tests.mutations import Element, Mutator, tlv
from tests.protection.by_hand import pbm_algorithm
from tests.server.challenged import challenged
from tests.server.support import KEYS, cert_request, pkcs10, rev_details
from tests.server.test_key_generation import wanting

from .support import Served, Wire

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
THREADS = 3
SECRET = b"a canary that no log may show"
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
[profile.czertainly.central_key_generation]
keys = ["ec-p256", "x25519"]
[profile.czertainly.certificates]
wildcards = true
drop_unaccepted = true
alt_names = ["dns_name", "ip_address", "rfc822_name", "uniform_resource_identifier", "directory_name", "registered_id", "other_name"]
"""


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
ANSWERS = frozenset(("ip", "cp", "kup", "rp", "pkiconf", "poll_rep", "popdecc", "error"))
ENVELOPED = bytes.fromhex("2a864886f70d0107")
"""Begins the content types of CMS: OpenSSL 3.0 does not know that an answer can hold EnvelopedData."""


class Verdicts:
    """Sends messages and judges the answers; counts what came."""

    def __init__(self, server: Served) -> None:
        self._server = server
        self.kinds: collections.Counter[str] = collections.Counter()
        self.authenticated = 0
        self.certificates: list[bytes] = []
        self.keys: list[object] = []
        """Those that the server made."""
        self.failures: list[str] = []

    def send(self, wire: Wire, message: bytes) -> cmp.PKIMessage | None:
        """The answer, None if HTTP refused the message."""
        status, media, body = wire.exchange(message)
        if 400 <= status < 500:
            self.kinds[f"HTTP {status}"] += 1
            return None
        assert (status, media) == (200, "application/pkixcmp"), (status, media, message.hex())
        answer = cmp.decode(body)
        assert ENVELOPED in body or READS(body), (message.hex(), body.hex())  # whatever names the request had
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
            if pair is not None and pair.private_key is not None:
                assert answer.header.pvno == 3
                found = receive_key(pair.private_key, SECRET, pair.cert_or_enc_cert.certificate)
                assert found.fits
                self.keys.append(found.key)
            elif pair is not None and pair.cert_or_enc_cert.certificate is not None:  # else it is encrypted
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
        "a key to be made": {"ir": [wanting("ec-p256"), wanting(number=1)]},
        "challenges": {"cr": [challenged(KEYS[0]), challenged(KEYS[1], 1)]},
        "popdecr": {"popdecr": [1]},
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
                fields: dict[str, Any] = {"general_info": self._info} if random.random() < 0.3 else {}
                fields["pvno"] = random.choice((2, 3))
                if random.random() < 0.5:
                    fields["sender"] = SENDER
                start = header(transaction_id, **fields)
                whole = Mutator(start + random.choice(self._bodies).data, self._donors)
                yield protected(mutant(whole, random, lambda part: cmp.decode(tlv(0x30, part))))
            elif way < 0.6:
                body = mutant(random.choice(self._bodies), random, cmp.PKIBody.decode)
                yield protected(header(transaction_id, pvno=random.choice((2, 3))) + body)
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
