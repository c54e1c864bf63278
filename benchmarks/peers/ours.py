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

    def prepare(self, plain: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The message as nested dicts and lists, and its values: bit strings and NULL as our own objects."""
        bits = self.package.BitString
        ready = dict(plain, null=self.package.Null())
        for name in ("public_key", "signature", "protection"):
            ready[name] = bits(plain[name])
        return _nested(ready), ready

    def build(self, prepared: tuple[dict[str, Any], dict[str, Any]]) -> bytes:
        """In one go from nested dicts and lists; nothing is encoded before."""
        return bytes(self.package.PKIMessage.from_plain(prepared[0]).der)

    def construct(self, prepared: tuple[dict[str, Any], dict[str, Any]]) -> bytes:
        """By the constructor of each record, as a type checker likes it."""
        values, p = prepared[1], self.package
        algorithm = p.AlgorithmIdentifier
        header = p.PKIHeader(
            pvno=values["pvno"],
            sender=p.GeneralName(directory_name=self._name(values["sender"])),
            recipient=p.GeneralName(directory_name=self._name(values["recipient"])),
            message_time=values["message_time"],
            protection_alg=algorithm(
                algorithm=values["protection_algorithm"],
                parameters=p.PBMParameter(
                    salt=values["salt"],
                    owf=algorithm(algorithm=values["owf"]),
                    iteration_count=values["iterations"],
                    mac=algorithm(algorithm=values["mac"]),
                ),
            ),
            sender_kid=values["sender_kid"],
            transaction_id=values["transaction_id"],
            sender_nonce=values["sender_nonce"],
        )
        before, after = values["validity"]
        template = p.CertTemplate(
            validity=p.OptionalValidity(not_before=p.pkix.Time(utc_time=before), not_after=p.pkix.Time(utc_time=after)),
            subject=self._name(values["subject"]),
            public_key=p.SubjectPublicKeyInfo(
                algorithm=algorithm(algorithm=values["key_algorithm"], parameters=values["null"]),
                subject_public_key=values["public_key"],
            ),
            extensions=p.Extensions(
                [p.Extension(extn_id=extension, extn_value=octets) for extension, octets in values["extensions"]]
            ),
        )
        proof = p.POPOSigningKey(
            algorithm_identifier=algorithm(algorithm=values["signature_algorithm"], parameters=values["null"]),
            signature=values["signature"],
        )
        request = p.CertReqMsg(
            cert_req=p.CertRequest(cert_req_id=values["cert_req_id"], cert_template=template),
            popo=p.ProofOfPossession(signature=proof),
        )
        body = p.PKIBody(ir=p.CertReqMessages([request]))
        return bytes(p.PKIMessage(header=header, body=body, protection=values["protection"]).der)

    def _name(self, parts: list[tuple[str, str, str]]) -> Any:
        pkix = self.package.pkix
        rdn, pair, text_of = pkix.RelativeDistinguishedName, pkix.AttributeTypeAndValue, pkix.DirectoryString
        return pkix.Name(
            [
                rdn([pair(type=oid, value=text_of(utf8_string=text) if kind == "UTF8String" else text)])
                for oid, kind, text in parts
            ]
        )


def _nested(values: dict[str, Any]) -> dict[str, Any]:
    before, after = values["validity"]
    parameters = {
        "salt": values["salt"],
        "owf": {"algorithm": values["owf"]},
        "iteration_count": values["iterations"],
        "mac": {"algorithm": values["mac"]},
    }
    header = {
        "pvno": values["pvno"],
        "sender": {"directory_name": _nested_name(values["sender"])},
        "recipient": {"directory_name": _nested_name(values["recipient"])},
        "message_time": values["message_time"],
        "protection_alg": {"algorithm": values["protection_algorithm"], "parameters": parameters},
        "sender_kid": values["sender_kid"],
        "transaction_id": values["transaction_id"],
        "sender_nonce": values["sender_nonce"],
    }
    template = {
        "validity": {"not_before": {"utc_time": before}, "not_after": {"utc_time": after}},
        "subject": _nested_name(values["subject"]),
        "public_key": {
            "algorithm": {"algorithm": values["key_algorithm"], "parameters": values["null"]},
            "subject_public_key": values["public_key"],
        },
        "extensions": [{"extn_id": extension, "extn_value": octets} for extension, octets in values["extensions"]],
    }
    proof = {
        "algorithm_identifier": {"algorithm": values["signature_algorithm"], "parameters": values["null"]},
        "signature": values["signature"],
    }
    request = {
        "cert_req": {"cert_req_id": values["cert_req_id"], "cert_template": template},
        "popo": {"signature": proof},
    }
    return {"header": header, "body": {"ir": [request]}, "protection": values["protection"]}


def _nested_name(parts: list[tuple[str, str, str]]) -> list[list[dict[str, Any]]]:
    return [
        [{"type": kind_of, "value": {"utf8_string": text} if kind == "UTF8String" else text}]
        for kind_of, kind, text in parts
    ]


def make(name: str) -> Peer:
    """Give the engine of that name."""
    return Ours(name)
