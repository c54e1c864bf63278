"""Inputs that are conversations: a series of TLVs, one for each step, whose tag says how its content becomes a message.

What a fuzzer cannot know stands in for itself: a signature, a hash, a serial number that is MARK is exchanged for the
right one before the message is protected. Knows TLVs and CMP's types, neither server nor client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from fuzz._mutator import elements

MARK = b"MARK"
SERIAL = int.from_bytes(MARK, "big")
KEY = ec.derive_private_key(0x4D41524B, ec.SECP256R1())
"""Of everybody who asks for a certificate: the same in each process, so that inputs keep their meaning."""
MOST = 12
"""Steps that are looked at."""


def steps(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each step."""
    for one in elements(data, 0, len(data))[:MOST]:
        yield data[one.start], data[one.content : one.end]


def sign(octets: bytes) -> bytes:
    """A signature of KEY."""
    return KEY.sign(octets, ec.ECDSA(hashes.SHA256()))


def proven(cmp: Any, body: Any) -> Any:
    """The body, with right signatures where MARK stands for one: proofs of possession, that of a PKCS #10 request."""
    requests = body.ir or body.cr or body.kur
    if requests is not None:
        return cmp.PKIBody(**{body.name: [_proven_request(cmp, one) for one in requests]})
    if body.p10cr is not None and body.p10cr.signature.data == MARK:
        info = body.p10cr.certification_request_info
        return cmp.PKIBody(p10cr=body.p10cr.replace(signature=cmp.BitString(sign(info.der))))
    return body


def _proven_request(cmp: Any, request: Any) -> Any:
    proof = request.popo.signature if request.popo is not None else None
    if proof is None or proof.signature.data != MARK:
        return request
    signed = request.cert_req.der if proof.poposk_input is None else proof.poposk_input.der
    return request.replace(popo=cmp.ProofOfPossession(signature=proof.replace(signature=cmp.BitString(sign(signed)))))


def named(cmp: Any, oid: str, body: Any, serial: int) -> Any:
    """The body, with that serial number where MARK stands for one: in rr, and in the control `oid`, oldCertID."""
    if body.rr is not None:
        details = [
            one.replace(cert_details=one.cert_details.replace(serial_number=serial))
            if one.cert_details.serial_number == SERIAL
            else one
            for one in body.rr
        ]
        return cmp.PKIBody(rr=details)
    if body.kur is not None:
        return cmp.PKIBody(kur=[_renamed(one, oid, serial) for one in body.kur])
    return body


def _renamed(request: Any, oid: str, serial: int) -> Any:
    controls = request.cert_req.controls
    if controls is None:
        return request
    changed = [
        one.replace(value=one.value.replace(serial_number=serial))
        if one.type == oid and getattr(one.value, "serial_number", None) == SERIAL
        else one
        for one in controls
    ]
    return request.replace(cert_req=request.cert_req.replace(controls=changed))


def put_right(body: Any, *changes: Callable[[Any], Any], failing: tuple[type[Exception], ...]) -> Any:
    """The body after these changes, each of them left out where the body is too strange for it."""
    for change in changes:
        with suppress(*failing):
            body = change(body)
    return body
