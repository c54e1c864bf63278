"""The plain values from which every peer builds the headline ir: strings, numbers, bytes, times.

A name is a list of (OID, string type, text). The public key is what a crypto library hands over for a
SubjectPublicKeyInfo: an algorithm and the bits of its key. Knows cmpcodec, which reads them out of the real
message, and no peer.
"""

from __future__ import annotations

import functools
from typing import Any

from benchmarks.messages import MAIN
from tests.engines import load_engine

_KINDS = {"utf8_string": "UTF8String", "printable_string": "PrintableString"}


@functools.cache
def plain_values() -> dict[str, Any]:
    """Read the values out of the headline message."""
    message = load_engine("python").decode(MAIN.data)
    header = message.header
    pbm = header.protection_alg.parameters
    (request,) = message.body.ir
    template = request.cert_req.cert_template
    proof = request.popo.signature
    return {
        "pvno": int(header.pvno),
        "sender": _name(header.sender.directory_name),
        "recipient": _name(header.recipient.directory_name),
        "message_time": header.message_time,
        "protection_algorithm": str(header.protection_alg.algorithm),
        "salt": pbm.salt,
        "owf": str(pbm.owf.algorithm),
        "iterations": pbm.iteration_count,
        "mac": str(pbm.mac.algorithm),
        "sender_kid": header.sender_kid,
        "transaction_id": header.transaction_id,
        "sender_nonce": header.sender_nonce,
        "cert_req_id": request.cert_req.cert_req_id,
        "validity": (template.validity.not_before.utc_time, template.validity.not_after.utc_time),
        "subject": _name(template.subject),
        "key_algorithm": str(template.public_key.algorithm.algorithm),
        "public_key": template.public_key.subject_public_key.data,
        "extensions": [(str(extension.extn_id), extension.extn_value) for extension in template.extensions],
        "signature_algorithm": str(proof.algorithm_identifier.algorithm),
        "signature": proof.signature.data,
        "protection": message.protection.data,
    }


def _name(name: Any) -> list[tuple[str, str, str]]:
    parts = []
    for ((pair),) in name:
        if isinstance(pair.value, str):
            parts.append((str(pair.type), "PrintableString", pair.value))
        else:
            parts.append((str(pair.type), _KINDS[pair.value.name], pair.value.value))
    return parts
