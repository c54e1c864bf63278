"""asn1tools, with ASN.1 text exported from our own schema. Knows asn1tools and our op table.

Its values carry no types of their own (dicts, tuples, lists), so what is read from them follows the op beside
each.
"""

from __future__ import annotations

import datetime
from typing import Any

import asn1tools

import cmpcodec
from benchmarks.peers import Peer
from benchmarks.peers.notation import Notation, identifier
from benchmarks.reading import Description, Inner, Leaf


class _At:
    """A value with the part of the op table that describes it."""

    def __init__(self, part: Any, value: Any) -> None:
        self.part = part
        self.value = value


class Asn1Tools(Peer):
    """A compiler from ASN.1 text to Python closures."""

    name = "asn1tools"
    title = "asn1tools"
    note = "open types are decoded by a second call when they are read"

    def __init__(self) -> None:
        root: Any = cmpcodec.asn1.compile_type(cmpcodec.PKIMessage).root
        self._notation = Notation()
        self._notation.add(root.op)
        self._root = root
        self._spec = asn1tools.compile_string(self._notation.module("Exported"), "der")

    def decode(self, data: bytes) -> Any:
        return self._spec.decode("PKIMessage", data)

    def encode(self, message: Any) -> bytes:
        return bytes(self._spec.encode("PKIMessage", message))

    def reading_namespace(self) -> dict[str, Any]:
        return {"decode": self._spec.decode}

    def describe(self, value: Any) -> Description:
        part, value = (value.part, value.value) if isinstance(value, _At) else (self._root, value)
        op = part.op
        kind = op.kind.name
        if kind == "CHOICE":
            chosen = next(one for one in op.parts if identifier(one.name) == value[0])
            return Inner([("{}[1]", _At(chosen, value[1]))])
        if kind == "SEQUENCE":
            return Inner([self._component(op, one, value) for one in op.parts if identifier(one.name) in value])
        if kind in ("SEQUENCE_OF", "SET_OF"):
            return Inner([(f"{{}}[{index}]", _At(op.parts[0], item)) for index, item in enumerate(value)])
        if kind == "ANY":
            return Leaf("bytes({})")
        if kind == "BITS":
            return Leaf("{}" if value[1] % 8 else "{}[0]")
        return Leaf()

    def _component(self, op: Any, part: Any, values: dict[str, Any]) -> tuple[str, _At]:
        name = identifier(part.name)
        value, spelling = values[name], f"{{}}[{name!r}]"
        opened = part.opens.part(values[identifier(op.parts[part.by].name)]) if part.opens is not None else None
        if opened is None:
            return spelling, _At(part, value)
        type_name = self._notation.add(opened.op)
        return f"decode({type_name!r}, {spelling})", _At(opened, self._spec.decode(type_name, value))

    def normal(self, leaf: Any) -> Any:
        if isinstance(leaf, tuple):
            return int.from_bytes(leaf[0], "big") >> (-leaf[1] % 8)
        if isinstance(leaf, datetime.datetime):
            return leaf.replace(tzinfo=datetime.UTC)
        return None if leaf == b"\x05\x00" else leaf

    def build(self, prepared: dict[str, Any]) -> bytes:
        encode = self._spec.encode
        null = b"\x05\x00"
        parameters = {
            "salt": prepared["salt"],
            "owf": {"algorithm": prepared["owf"]},
            "iteration-count": prepared["iterations"],
            "mac": {"algorithm": prepared["mac"]},
        }
        header = {
            "pvno": prepared["pvno"],
            "sender": ("directory-name", self._name(prepared["sender"])),
            "recipient": ("directory-name", self._name(prepared["recipient"])),
            "message-time": prepared["message_time"],
            "protection-alg": {
                "algorithm": prepared["protection_algorithm"],
                "parameters": encode("PBMParameter", parameters),
            },
            "sender-kid": prepared["sender_kid"],
            "transaction-id": prepared["transaction_id"],
            "sender-nonce": prepared["sender_nonce"],
        }
        before, after = prepared["validity"]
        template = {
            "validity": {"not-before": ("utc-time", before), "not-after": ("utc-time", after)},
            "subject": self._name(prepared["subject"]),
            "public-key": {
                "algorithm": {"algorithm": prepared["key_algorithm"], "parameters": null},
                "subject-public-key": _bits(prepared["public_key"]),
            },
            "extensions": [{"extn-id": oid, "extn-value": content} for oid, content in prepared["extensions"]],
        }
        proof = {
            "algorithm-identifier": {"algorithm": prepared["signature_algorithm"], "parameters": null},
            "signature": _bits(prepared["signature"]),
        }
        request = {
            "cert-req": {"cert-req-id": prepared["cert_req_id"], "cert-template": template},
            "popo": ("signature", proof),
        }
        message = {"header": header, "body": ("ir", [request]), "protection": _bits(prepared["protection"])}
        return bytes(encode("PKIMessage", message))

    def _name(self, parts: list[tuple[str, str, str]]) -> Any:
        encode = self._spec.encode
        names = []
        for oid, kind, text in parts:
            if kind == "UTF8String":
                value = encode("DirectoryString", ("utf8-string", text))
            else:
                value = encode("Plain-" + kind, text)
            names.append([{"type": oid, "value": value}])
        return names


def _bits(data: bytes) -> tuple[bytes, int]:
    return data, 8 * len(data)


def make(name: str) -> Peer:
    """Give the peer."""
    return Asn1Tools()
