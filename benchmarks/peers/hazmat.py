"""cryptography.hazmat.asn1, with the declarations of `hazmat_types`. Knows cryptography only."""

from __future__ import annotations

import dataclasses
from typing import Any

from cryptography import __version__, x509
from cryptography.hazmat import asn1

from benchmarks.der import content
from benchmarks.peers import Peer, undecoded
from benchmarks.peers import hazmat_types as types
from benchmarks.reading import Description, Inner, Leaf

_PBM = "1.2.840.113533.7.66.13"
_TYPED_CONTROLS = {"1.3.6.1.5.5.7.5.1.5": types.CertId}


class Hazmat(Peer):
    """A declarative encoder and decoder in Rust."""

    name = "hazmat"
    title = "cryptography.hazmat.asn1"
    note = "decodes less deep: optional ANY, recursion and types chosen by OIDs stay raw; no error paths"

    def decode(self, data: bytes) -> Any:
        return asn1.decode_der(types.Message, data)

    def encode(self, message: Any) -> bytes:
        return asn1.encode_der(message)

    def describe(self, value: Any) -> Description:
        if isinstance(value, types.Algorithm) and value.algorithm.dotted_string == _PBM:
            return _parsed(value, "algorithm", "parameters", "PBMParameter", types.PBMParameter)
        if isinstance(value, types.Control) and value.type.dotted_string in _TYPED_CONTROLS:
            return _parsed(value, "type", "value", "CertId", types.CertId)
        if dataclasses.is_dataclass(value):
            fields = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
            return Inner([(f"{{}}.{name}", part) for name, part in fields if part is not None])
        if isinstance(value, list):
            return Inner([(f"{{}}[{index}]", part) for index, part in enumerate(value)])
        if isinstance(value, asn1.SetOf):
            items = value.as_list()
            if len(items) == 1:
                return Inner([("{}.as_list()[0]", items[0])])
            return Inner([("{}.as_list()", items)])
        return Leaf(_spelling(value))

    def reading_namespace(self) -> dict[str, Any]:
        return {"PBMParameter": types.PBMParameter, "CertId": types.CertId}

    def normal(self, leaf: Any) -> Any:
        if isinstance(leaf, asn1.BitString):
            bits = int.from_bytes(leaf.as_bytes(), "big") >> leaf.padding_bits()
            length = 8 * len(leaf.as_bytes()) - leaf.padding_bits()
            return bits if length % 8 else leaf.as_bytes()
        return None if isinstance(leaf, asn1.Null) else leaf

    def same(self, expected: Any, leaf: Any) -> bool:
        """A TLV gives its content only, so compare that."""
        whole = [expected, *undecoded(expected)]
        return expected == leaf or leaf in [content(one) for one in whole if isinstance(one, bytes) and len(one) > 1]

    def prepare(self, plain: dict[str, Any]) -> dict[str, Any]:
        """OIDs, times, bit strings and NULL as its own objects."""
        oid, bits = x509.ObjectIdentifier, asn1.BitString
        before, after = plain["validity"]
        ready = dict(plain, null=asn1.Null(), message_time=asn1.GeneralizedTime(plain["message_time"]))
        ready["validity"] = asn1.UTCTime(before), asn1.UTCTime(after)
        for name in ("protection_algorithm", "owf", "mac", "key_algorithm", "signature_algorithm"):
            ready[name] = oid(plain[name])
        for name in ("public_key", "signature", "protection"):
            ready[name] = bits(plain[name], 0)
        for name in ("sender", "recipient", "subject"):
            ready[name] = [(oid(kind_of), _STRINGS[kind](text)) for kind_of, kind, text in plain[name]]
        ready["extensions"] = [(oid(extension), octets) for extension, octets in plain["extensions"]]
        return ready

    def build(self, prepared: dict[str, Any]) -> bytes:
        parameters = types.PBMParameter(
            salt=prepared["salt"],
            owf=types.Algorithm(algorithm=prepared["owf"]),
            iteration_count=prepared["iterations"],
            mac=types.Algorithm(algorithm=prepared["mac"]),
        )
        header = types.Header(
            pvno=prepared["pvno"],
            sender=types.DirectoryName(names=_name(prepared["sender"])),
            recipient=types.DirectoryName(names=_name(prepared["recipient"])),
            message_time=prepared["message_time"],
            protection_alg=types.PBMAlgorithm(algorithm=prepared["protection_algorithm"], parameters=parameters),
            sender_kid=prepared["sender_kid"],
            transaction_id=prepared["transaction_id"],
            sender_nonce=prepared["sender_nonce"],
        )
        before, after = prepared["validity"]
        null = prepared["null"]
        template = types.CertTemplate(
            validity=types.OptionalValidity(not_before=before, not_after=after),
            subject=_name(prepared["subject"]),
            public_key=types.PublicKeyInfo(
                algorithm=types.Algorithm(algorithm=prepared["key_algorithm"], parameters=null),
                public_key=prepared["public_key"],
            ),
            extensions=[
                types.Extension(extn_id=extension, extn_value=octets) for extension, octets in prepared["extensions"]
            ],
        )
        request = types.CertReqMsg(
            cert_req=types.CertRequest(cert_req_id=prepared["cert_req_id"], cert_template=template),
            popo=types.POPOSigningKey(
                algorithm_identifier=types.Algorithm(algorithm=prepared["signature_algorithm"], parameters=null),
                signature=prepared["signature"],
            ),
        )
        message = types.Message(header=header, body=types.Ir(ir=[request]), protection=prepared["protection"])
        return asn1.encode_der(message)


_STRINGS: dict[str, Any] = {
    "UTF8String": str,
    "PrintableString": asn1.PrintableString,
    "IA5String": asn1.IA5String,
}


def _name(parts: list[tuple[Any, Any]]) -> Any:
    return [asn1.SetOf([types.AttributeTypeAndValue(type=oid, value=value)]) for oid, value in parts]


def _parsed(value: Any, oid: str, raw: str, name: str, spec: type) -> Inner:
    """Describe a record whose raw TLV is parsed by hand as another record."""
    return Inner([(f"{{}}.{oid}", getattr(value, oid)), (f"{{}}.{raw}.parse({name})", getattr(value, raw).parse(spec))])


def _spelling(value: Any) -> str:
    if isinstance(value, x509.ObjectIdentifier):
        return "{}.dotted_string"
    if isinstance(value, asn1.BitString):
        return "{}" if value.padding_bits() else "{}.as_bytes()"
    if isinstance(value, asn1.PrintableString | asn1.IA5String):
        return "{}.as_str()"
    if isinstance(value, asn1.UTCTime | asn1.GeneralizedTime):
        return "{}.as_datetime()"
    if isinstance(value, asn1.TLV):
        return "bytes({}.data)"
    return "{}"


def make(name: str) -> Peer:
    """Give the peer."""
    peer = Hazmat()
    peer.title = f"cryptography.hazmat.asn1 {__version__}"
    return peer
