"""pyasn1 with the RFC 9810 module of pyasn1-alt-modules. Knows those two only."""

from __future__ import annotations

from typing import Any

from pyasn1.codec.der import decoder, encoder
from pyasn1.type import base, char, univ, useful
from pyasn1_alt_modules import rfc4210, rfc9810

from benchmarks.der import content
from benchmarks.peers import Peer
from benchmarks.reading import Description, Inner, Leaf


class PyASN1(Peer):
    """Decodes without open types, its fastest way; with them when every field is read."""

    name = "pyasn1"
    title = "pyasn1 + alt-modules"
    note = "decodes certificates too; a certificate counts as read when its object is touched"

    def __init__(self) -> None:
        self._spec = rfc9810.PKIMessage()

    def decode(self, data: bytes) -> Any:
        return decoder.decode(data, asn1Spec=self._spec)[0]

    def decode_open(self, data: bytes) -> Any:
        return decoder.decode(data, asn1Spec=self._spec, decodeOpenTypes=True)[0]

    def encode(self, message: Any) -> bytes:
        return bytes(encoder.encode(message))

    def describe(self, value: Any) -> Description:
        if isinstance(value, rfc4210.CMPCertificate):
            return Leaf()
        if isinstance(value, univ.Choice):
            return Inner([(f"{{}}[{value.getName()!r}]", value.getComponent())])
        if isinstance(value, univ.SequenceAndSetBase):
            present = [name for name in value if value[name].isValue]
            return Inner([(f"{{}}[{name!r}]", value[name]) for name in present])
        if isinstance(value, univ.SequenceOfAndSetOfBase):
            return Inner([(f"{{}}[{index}]", value[index]) for index in range(len(value))])
        return Leaf(_spelling(value))

    def normal(self, leaf: Any) -> Any:
        if isinstance(leaf, univ.Null):
            return None
        if isinstance(leaf, base.ConstructedAsn1Type):
            der = bytes(encoder.encode(leaf))
            return content(der) if der[0] == 0xA0 else der
        return None if leaf == b"\x05\x00" else leaf

    def prepare(self, plain: dict[str, Any]) -> dict[str, Any]:
        """Times as text, bit strings, strings of names and NULL as its own objects; it makes an OID of text itself."""
        before, after = plain["validity"]
        ready = dict(plain, null=univ.Any(b"\x05\x00"))
        ready["message_time"] = plain["message_time"].strftime("%Y" + _UTC_TIME[2:])
        ready["validity"] = before.strftime(_UTC_TIME), after.strftime(_UTC_TIME)
        for name in ("public_key", "signature"):
            ready[name] = univ.BitString.fromOctetString(plain[name])
        ready["protection"] = self._spec.clone()["protection"].clone(hexValue=plain["protection"].hex())
        for name in ("sender", "recipient", "subject"):
            ready[name] = [(oid, _STRINGS[kind](text)) for oid, kind, text in plain[name]]
        return ready

    def build(self, prepared: dict[str, Any]) -> bytes:
        message = self._spec.clone()
        _fill_header(message["header"], prepared)
        request = message["body"]["ir"][0]
        request["certReq"]["certReqId"] = prepared["cert_req_id"]
        template = request["certReq"]["certTemplate"]
        before, after = prepared["validity"]
        template["validity"]["notBefore"]["utcTime"] = before
        template["validity"]["notAfter"]["utcTime"] = after
        _fill_name(template["subject"], prepared["subject"])
        public_key = template["publicKey"]
        public_key["algorithm"]["algorithm"] = prepared["key_algorithm"]
        public_key["algorithm"]["parameters"] = prepared["null"]
        public_key["subjectPublicKey"] = prepared["public_key"]
        for index, (oid, octets) in enumerate(prepared["extensions"]):
            extension = template["extensions"][index]
            extension["extnID"] = oid
            extension["extnValue"] = octets
        proof = request["popo"]["signature"]
        proof["algorithmIdentifier"]["algorithm"] = prepared["signature_algorithm"]
        proof["algorithmIdentifier"]["parameters"] = prepared["null"]
        proof["signature"] = prepared["signature"]
        message["protection"] = prepared["protection"]
        return bytes(encoder.encode(message))


def _fill_header(header: Any, prepared: dict[str, Any]) -> None:
    header["pvno"] = prepared["pvno"]
    _fill_name(header["sender"]["directoryName"], prepared["sender"])
    _fill_name(header["recipient"]["directoryName"], prepared["recipient"])
    header["messageTime"] = prepared["message_time"]
    header["protectionAlg"]["algorithm"] = prepared["protection_algorithm"]
    parameters = rfc9810.PBMParameter()
    parameters["salt"] = prepared["salt"]
    parameters["owf"]["algorithm"] = prepared["owf"]
    parameters["iterationCount"] = prepared["iterations"]
    parameters["mac"]["algorithm"] = prepared["mac"]
    header["protectionAlg"]["parameters"] = univ.Any(encoder.encode(parameters))
    header["senderKID"] = prepared["sender_kid"]
    header["transactionID"] = prepared["transaction_id"]
    header["senderNonce"] = prepared["sender_nonce"]


_UTC_TIME = "%y%m%d%H%M%SZ"
_STRINGS = {
    "UTF8String": char.UTF8String,
    "PrintableString": char.PrintableString,
    "IA5String": char.IA5String,
}


def _fill_name(name: Any, parts: list[tuple[str, Any]]) -> None:
    sequence = name["rdnSequence"]
    for index, (oid, value) in enumerate(parts):
        pair = sequence[index][0]
        pair["type"] = oid
        pair["value"] = univ.Any(encoder.encode(value))


def _spelling(value: Any) -> str:
    if isinstance(value, univ.BitString):
        return "{}.asInteger()" if len(value) % 8 else "{}.asOctets()"
    if isinstance(value, useful.TimeMixIn):
        return "{}.asDateTime"
    if isinstance(value, univ.Null):
        return "{}"
    if isinstance(value, univ.Boolean):
        return "bool({})"
    if isinstance(value, univ.Integer):
        return "int({})"
    if isinstance(value, univ.ObjectIdentifier | char.AbstractCharacterString):
        return "str({})"
    return "{}.asOctets()"


def make(name: str) -> Peer:
    """Give the peer."""
    return PyASN1()
