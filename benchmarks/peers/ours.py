"""cmpcodec itself, once per engine. Knows the public interface only."""

from __future__ import annotations

from typing import Any

from benchmarks.peers import Peer
from benchmarks.reading import Description, Inner, Leaf
from tests.engines import load_engine


class Ours(Peer):
    """The package with one engine."""

    def __init__(self, engine: str) -> None:
        self.name = engine
        self.title = f"cmpcodec, {'Cython' if engine == 'cython' else 'pure Python'}"
        self.package: Any = load_engine(engine)
        self.decode = self.package.decode

    def encode(self, message: Any) -> bytes:
        """Build every record anew from its components: `.der` would hand back the bytes that were decoded."""
        return bytes(self._rebuilt(message).der)

    def _rebuilt(self, value: Any) -> Any:
        asn1 = self.package.asn1
        if isinstance(value, asn1.Sequence):
            names = [child.name for child in self.package.children(value)]
            return type(value)(**{name: self._rebuilt(getattr(value, name)) for name in names})
        if isinstance(value, asn1.Choice):
            return type(value)(**{value.name: self._rebuilt(value.value)})
        if isinstance(value, asn1.SequenceOf | asn1.SetOf):
            return type(value)([self._rebuilt(item) for item in value])
        return value

    def describe(self, value: Any) -> Description:
        package, asn1 = self.package, self.package.asn1
        if isinstance(value, asn1.Choice):
            return Inner([(f"{{}}.{value.name}", value.value)])
        if isinstance(value, asn1.Sequence):
            fields = [(name, getattr(value, name)) for name in type(value).__annotations__]
            return Inner([(f"{{}}.{name}", part) for name, part in fields if part is not None])
        if isinstance(value, asn1.SequenceOf | asn1.SetOf):
            return Inner([(f"{{}}[{index}]", part) for index, part in enumerate(value)])
        if isinstance(value, package.TLV):
            return Leaf("{}.der")
        if isinstance(value, package.BitString) and not value.unused_bits:
            return Leaf("{}.data")
        return Leaf()

    def normal(self, leaf: Any) -> Any:
        package = self.package
        if isinstance(leaf, package.BitString):
            return int.from_bytes(leaf.data, "big") >> leaf.unused_bits
        if isinstance(leaf, package.NamedBits):
            length = leaf.bit_length()
            bits = int(f"{int(leaf):b}"[::-1], 2)
            return bits if length % 8 else bits.to_bytes(length // 8, "big")
        return None if isinstance(leaf, package.Null) or leaf == b"\x05\x00" else leaf

    def build(self, plain: dict[str, Any]) -> bytes:
        """In one go from dicts and lists, as other libraries do; nothing is encoded before."""
        package = self.package
        bits, null = package.BitString, package.Null()
        before, after = plain["validity"]
        parameters = {
            "salt": plain["salt"],
            "owf": {"algorithm": plain["owf"]},
            "iteration_count": plain["iterations"],
            "mac": {"algorithm": plain["mac"]},
        }
        header = {
            "pvno": plain["pvno"],
            "sender": {"directory_name": _name(plain["sender"])},
            "recipient": {"directory_name": _name(plain["recipient"])},
            "message_time": plain["message_time"],
            "protection_alg": {"algorithm": plain["protection_algorithm"], "parameters": parameters},
            "sender_kid": plain["sender_kid"],
            "transaction_id": plain["transaction_id"],
            "sender_nonce": plain["sender_nonce"],
        }
        template = {
            "validity": {"not_before": {"utc_time": before}, "not_after": {"utc_time": after}},
            "subject": _name(plain["subject"]),
            "public_key": {
                "algorithm": {"algorithm": plain["key_algorithm"], "parameters": null},
                "subject_public_key": bits(plain["public_key"]),
            },
            "extensions": [{"extn_id": extension, "extn_value": content} for extension, content in plain["extensions"]],
        }
        proof = {
            "algorithm_identifier": {"algorithm": plain["signature_algorithm"], "parameters": null},
            "signature": bits(plain["signature"]),
        }
        request = {
            "cert_req": {"cert_req_id": plain["cert_req_id"], "cert_template": template},
            "popo": {"signature": proof},
        }
        message = package.PKIMessage.from_plain(
            {"header": header, "body": {"ir": [request]}, "protection": bits(plain["protection"])}
        )
        return bytes(message.der)


def _name(parts: list[tuple[str, str, str]]) -> list[list[dict[str, Any]]]:
    return [
        [{"type": kind_of, "value": {"utf8_string": text} if kind == "UTF8String" else text}]
        for kind_of, kind, text in parts
    ]


def make(name: str) -> Peer:
    """Give the engine of that name."""
    return Ours(name)
