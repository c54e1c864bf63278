"""asn1crypto, with the CMP bodies that are measured declared in its own style. Knows asn1crypto only."""

from __future__ import annotations

from typing import Any, ClassVar

from asn1crypto import core, x509

from benchmarks.peers import Peer
from benchmarks.reading import Description, Inner, Leaf


class AlgorithmOid(core.ObjectIdentifier):
    _map: ClassVar = {"1.2.840.113533.7.66.13": "password_based_mac"}


class Algorithm(core.Sequence):
    _fields: ClassVar = [("algorithm", core.ObjectIdentifier), ("parameters", core.Any, {"optional": True})]


class PBMParameter(core.Sequence):
    _fields: ClassVar = [
        ("salt", core.OctetString),
        ("owf", Algorithm),
        ("iteration_count", core.Integer),
        ("mac", Algorithm),
    ]


class ProtectionAlgorithm(core.Sequence):
    _fields: ClassVar = [("algorithm", AlgorithmOid), ("parameters", core.Any, {"optional": True})]
    _oid_pair = ("algorithm", "parameters")
    _oid_specs: ClassVar = {"password_based_mac": PBMParameter}


class PublicKeyInfo(core.Sequence):
    _fields: ClassVar = [("algorithm", Algorithm), ("public_key", core.OctetBitString)]


class FreeText(core.SequenceOf):
    _child_spec = core.UTF8String


class InfoTypeAndValue(core.Sequence):
    _fields: ClassVar = [("info_type", core.ObjectIdentifier), ("info_value", core.Any, {"optional": True})]


class GeneralInfo(core.SequenceOf):
    _child_spec = InfoTypeAndValue


class Header(core.Sequence):
    _fields: ClassVar = [
        ("pvno", core.Integer),
        ("sender", x509.GeneralName),
        ("recipient", x509.GeneralName),
        ("message_time", core.GeneralizedTime, {"explicit": 0, "optional": True}),
        ("protection_alg", ProtectionAlgorithm, {"explicit": 1, "optional": True}),
        ("sender_kid", core.OctetString, {"explicit": 2, "optional": True}),
        ("recip_kid", core.OctetString, {"explicit": 3, "optional": True}),
        ("transaction_id", core.OctetString, {"explicit": 4, "optional": True}),
        ("sender_nonce", core.OctetString, {"explicit": 5, "optional": True}),
        ("recip_nonce", core.OctetString, {"explicit": 6, "optional": True}),
        ("free_text", FreeText, {"explicit": 7, "optional": True}),
        ("general_info", GeneralInfo, {"explicit": 8, "optional": True}),
    ]


class OptionalValidity(core.Sequence):
    _fields: ClassVar = [
        ("not_before", x509.Time, {"explicit": 0, "optional": True}),
        ("not_after", x509.Time, {"explicit": 1, "optional": True}),
    ]


class Extension(core.Sequence):
    _fields: ClassVar = [
        ("extn_id", core.ObjectIdentifier),
        ("critical", core.Boolean, {"default": False}),
        ("extn_value", core.OctetString),
    ]


class Extensions(core.SequenceOf):
    _child_spec = Extension


class CertTemplate(core.Sequence):
    _fields: ClassVar = [
        ("version", core.Integer, {"implicit": 0, "optional": True}),
        ("serial_number", core.Integer, {"implicit": 1, "optional": True}),
        ("signing_alg", Algorithm, {"implicit": 2, "optional": True}),
        ("issuer", x509.Name, {"explicit": 3, "optional": True}),
        ("validity", OptionalValidity, {"implicit": 4, "optional": True}),
        ("subject", x509.Name, {"explicit": 5, "optional": True}),
        ("public_key", PublicKeyInfo, {"implicit": 6, "optional": True}),
        ("issuer_uid", core.BitString, {"implicit": 7, "optional": True}),
        ("subject_uid", core.BitString, {"implicit": 8, "optional": True}),
        ("extensions", Extensions, {"implicit": 9, "optional": True}),
    ]


class CertId(core.Sequence):
    _fields: ClassVar = [("issuer", x509.GeneralName), ("serial_number", core.Integer)]


class Control(core.Sequence):
    _fields: ClassVar = [("type", core.ObjectIdentifier), ("value", core.Any)]
    _oid_pair = ("type", "value")
    _oid_specs: ClassVar = {"1.3.6.1.5.5.7.5.1.5": CertId}


class Controls(core.SequenceOf):
    _child_spec = Control


class CertRequest(core.Sequence):
    _fields: ClassVar = [
        ("cert_req_id", core.Integer),
        ("cert_template", CertTemplate),
        ("controls", Controls, {"optional": True}),
    ]


class POPOSigningKeyInput(core.Sequence):
    _fields: ClassVar = [("auth_info", core.Any), ("public_key", PublicKeyInfo)]


class POPOSigningKey(core.Sequence):
    _fields: ClassVar = [
        ("poposk_input", POPOSigningKeyInput, {"implicit": 0, "optional": True}),
        ("algorithm_identifier", Algorithm),
        ("signature", core.OctetBitString),
    ]


class ProofOfPossession(core.Choice):
    _alternatives: ClassVar = [
        ("ra_verified", core.Null, {"implicit": 0}),
        ("signature", POPOSigningKey, {"implicit": 1}),
        ("key_encipherment", core.Any, {"explicit": 2}),
        ("key_agreement", core.Any, {"explicit": 3}),
    ]


class CertReqMsg(core.Sequence):
    _fields: ClassVar = [
        ("cert_req", CertRequest),
        ("popo", ProofOfPossession, {"optional": True}),
        ("reg_info", Controls, {"optional": True}),
    ]


class CertReqMessages(core.SequenceOf):
    _child_spec = CertReqMsg


class StatusInfo(core.Sequence):
    _fields: ClassVar = [
        ("status", core.Integer),
        ("status_string", FreeText, {"optional": True}),
        ("fail_info", core.BitString, {"optional": True}),
    ]


class CertOrEncCert(core.Choice):
    _alternatives: ClassVar = [
        ("certificate", x509.Certificate, {"explicit": 0}),
        ("encrypted_cert", core.Sequence, {"explicit": 1}),
    ]


class CertifiedKeyPair(core.Sequence):
    _fields: ClassVar = [
        ("cert_or_enc_cert", CertOrEncCert),
        ("private_key", core.Any, {"explicit": 0, "optional": True}),
        ("publication_info", core.Any, {"explicit": 1, "optional": True}),
    ]


class CertResponse(core.Sequence):
    _fields: ClassVar = [
        ("cert_req_id", core.Integer),
        ("status", StatusInfo),
        ("certified_key_pair", CertifiedKeyPair, {"optional": True}),
        ("rsp_info", core.OctetString, {"optional": True}),
    ]


class CertResponses(core.SequenceOf):
    _child_spec = CertResponse


class Certificates(core.SequenceOf):
    _child_spec = x509.Certificate


class CertRepMessage(core.Sequence):
    _fields: ClassVar = [
        ("ca_pubs", Certificates, {"explicit": 1, "optional": True}),
        ("response", CertResponses),
    ]


class RevDetails(core.Sequence):
    _fields: ClassVar = [
        ("cert_details", CertTemplate),
        ("crl_entry_details", Extensions, {"optional": True}),
    ]


class RevReqContent(core.SequenceOf):
    _child_spec = RevDetails


class Statuses(core.SequenceOf):
    _child_spec = StatusInfo


class CertIds(core.SequenceOf):
    _child_spec = CertId


class RevRepContent(core.Sequence):
    _fields: ClassVar = [
        ("status", Statuses),
        ("rev_certs", CertIds, {"explicit": 0, "optional": True}),
        ("crls", Certificates, {"explicit": 1, "optional": True}),
    ]


class ErrorMsgContent(core.Sequence):
    _fields: ClassVar = [
        ("pki_status_info", StatusInfo),
        ("error_code", core.Integer, {"optional": True}),
        ("error_details", FreeText, {"optional": True}),
    ]


class CertStatus(core.Sequence):
    _fields: ClassVar = [
        ("cert_hash", core.OctetString),
        ("cert_req_id", core.Integer),
        ("status_info", StatusInfo, {"optional": True}),
        ("hash_alg", Algorithm, {"explicit": 0, "optional": True}),
    ]


class CertConfirmContent(core.SequenceOf):
    _child_spec = CertStatus


class PollRequest(core.Sequence):
    _fields: ClassVar = [("cert_req_id", core.Integer)]


class PollReqContent(core.SequenceOf):
    _child_spec = PollRequest


class PollAnswer(core.Sequence):
    _fields: ClassVar = [
        ("cert_req_id", core.Integer),
        ("check_after", core.Integer),
        ("reason", FreeText, {"optional": True}),
    ]


class PollRepContent(core.SequenceOf):
    _child_spec = PollAnswer


class Attribute(core.Sequence):
    _fields: ClassVar = [("type", core.ObjectIdentifier), ("values", core.SetOf, {"spec": core.Any})]


class Attributes(core.SetOf):
    _child_spec = Attribute


class CertificationRequestInfo(core.Sequence):
    _fields: ClassVar = [
        ("version", core.Integer),
        ("subject", x509.Name),
        ("subject_pk_info", PublicKeyInfo),
        ("attributes", Attributes, {"implicit": 0, "optional": True}),
    ]


class CertificationRequest(core.Sequence):
    _fields: ClassVar = [
        ("certification_request_info", CertificationRequestInfo),
        ("signature_algorithm", Algorithm),
        ("signature", core.OctetBitString),
    ]


class Body(core.Choice):
    _alternatives: ClassVar = [
        ("ir", CertReqMessages, {"explicit": 0}),
        ("ip", CertRepMessage, {"explicit": 1}),
        ("cr", CertReqMessages, {"explicit": 2}),
        ("cp", CertRepMessage, {"explicit": 3}),
        ("p10cr", CertificationRequest, {"explicit": 4}),
        ("kur", CertReqMessages, {"explicit": 7}),
        ("kup", CertRepMessage, {"explicit": 8}),
        ("rr", RevReqContent, {"explicit": 11}),
        ("rp", RevRepContent, {"explicit": 12}),
        ("pkiconf", core.Null, {"explicit": 19}),
        ("genm", GeneralInfo, {"explicit": 21}),
        ("genp", GeneralInfo, {"explicit": 22}),
        ("error", ErrorMsgContent, {"explicit": 23}),
        ("cert_conf", CertConfirmContent, {"explicit": 24}),
        ("poll_req", PollReqContent, {"explicit": 25}),
        ("poll_rep", PollRepContent, {"explicit": 26}),
    ]


class Message(core.Sequence):
    _fields: ClassVar = [
        ("header", Header),
        ("body", Body),
        ("protection", core.OctetBitString, {"explicit": 0, "optional": True}),
        ("extra_certs", Certificates, {"explicit": 1, "optional": True}),
    ]


class Asn1Crypto(Peer):
    """Its `load` parses the outermost lengths only, so only "decode and read every field" compares."""

    name = "asn1crypto"
    title = "asn1crypto"
    note = "lazy: its bare decode looks at the outermost SEQUENCE only, so that row says little"

    def decode(self, data: bytes) -> Any:
        return Message.load(data, strict=True)

    def encode(self, message: Any) -> bytes:
        return bytes(message.dump(force=True))

    def describe(self, value: Any) -> Description:
        if isinstance(value, core.Any):
            return Leaf("{}.dump()")
        if isinstance(value, x509.Certificate):
            return Leaf("{}.untag().dump()")
        if isinstance(value, core.Choice):
            return Inner([("{}.chosen", value.chosen)])
        if isinstance(value, core.Sequence):
            present = [name for name, *_ in value._fields if not isinstance(value[name], core.Void)]
            return Inner([(f"{{}}[{name!r}]", value[name]) for name in present])
        if isinstance(value, core.SequenceOf | core.SetOf):
            return Inner([(f"{{}}[{index}]", value[index]) for index in range(len(value))])
        return Leaf(_spelling(value))

    def normal(self, leaf: Any) -> Any:
        if isinstance(leaf, tuple):
            bits = int("0" + "".join(map(str, leaf)), 2)
            return bits if len(leaf) % 8 else bits.to_bytes(len(leaf) // 8, "big")
        return None if leaf == b"\x05\x00" else leaf

    def build(self, prepared: dict[str, Any]) -> bytes:
        null = core.Null()
        parameters = PBMParameter(
            {
                "salt": prepared["salt"],
                "owf": {"algorithm": prepared["owf"]},
                "iteration_count": prepared["iterations"],
                "mac": {"algorithm": prepared["mac"]},
            }
        )
        header = {
            "pvno": prepared["pvno"],
            "sender": x509.GeneralName("directory_name", _name(prepared["sender"])),
            "recipient": x509.GeneralName("directory_name", _name(prepared["recipient"])),
            "message_time": prepared["message_time"],
            "protection_alg": {"algorithm": prepared["protection_algorithm"], "parameters": parameters},
            "sender_kid": prepared["sender_kid"],
            "transaction_id": prepared["transaction_id"],
            "sender_nonce": prepared["sender_nonce"],
        }
        before, after = prepared["validity"]
        template = {
            "validity": {
                "not_before": x509.Time("utc_time", before),
                "not_after": x509.Time("utc_time", after),
            },
            "subject": _name(prepared["subject"]),
            "public_key": {
                "algorithm": {"algorithm": prepared["key_algorithm"], "parameters": null},
                "public_key": prepared["public_key"],
            },
            "extensions": [{"extn_id": oid, "extn_value": content} for oid, content in prepared["extensions"]],
        }
        proof = POPOSigningKey(
            {
                "algorithm_identifier": {"algorithm": prepared["signature_algorithm"], "parameters": null},
                "signature": prepared["signature"],
            }
        )
        request = {
            "cert_req": {"cert_req_id": prepared["cert_req_id"], "cert_template": template},
            "popo": ProofOfPossession("signature", proof),
        }
        body = Body("ir", CertReqMessages([request]))
        return bytes(Message({"header": header, "body": body, "protection": prepared["protection"]}).dump())


_STRINGS = {"UTF8String": "utf8_string", "PrintableString": "printable_string"}


def _name(parts: list[tuple[str, str, str]]) -> x509.Name:
    pairs = [
        x509.RelativeDistinguishedName(
            [x509.NameTypeAndValue({"type": oid, "value": x509.DirectoryString(_STRINGS[kind], text)})]
        )
        for oid, kind, text in parts
    ]
    return x509.Name("", x509.RDNSequence(pairs))


def _spelling(value: Any) -> str:
    if isinstance(value, core.ObjectIdentifier):
        return "{}.dotted"
    if isinstance(value, core.OctetBitString):
        return "bytes({})"
    return "{}.native"


def make(name: str) -> Peer:
    """Give the peer."""
    return Asn1Crypto()
