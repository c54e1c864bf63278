"""Compares a type of our schema with the same type as pyasn1-alt-modules states it.

It knows how either side writes components, tags, sizes and names, and where they differ on purpose.
Which types are compared with which is the business of test_schema_names.
"""

from __future__ import annotations

import importlib
import re
from types import ModuleType
from typing import Annotated, Any

from pyasn1.codec.der.encoder import encode
from pyasn1.type import char, univ, useful
from pyasn1.type.constraint import AbstractConstraintSet, ValueSizeConstraint

from cmpcodec._engine.ops import MISSING, Kind, Op, Part
from cmpcodec.asn1 import TLV, Enumerated, NamedBits, Record, compile_type
from cmpcodec.asn1.compiler import compile_open


def rfc(number: int) -> ModuleType:
    """A module of pyasn1-alt-modules."""
    return importlib.import_module(f"pyasn1_alt_modules.rfc{number}")


# The RFC gives these no name of their own; they are compared at the one place where the RFC has them.
UNNAMED = {
    "pkix.AttributeValues": "Attribute.values",
    "cms.AttrValues": "Attribute.attr_values",
    "cms.Salt": "PBKDF2_params.salt",
    "crmf.RegInfo": "CertReqMsg.reg_info",
    "crmf.AuthInfo": "POPOSigningKeyInput.auth_info",
    "crmf.Action": "PKIPublicationInfo.action",
    "crmf.PubMethod": "SinglePubInfo.pub_method",
    "crmf.PubInfos": "PKIPublicationInfo.pub_infos",
    "crmf.Identifier": "EncKeyWithID.identifier",
    "cmp.ExtraCerts": "PKIMessage.extra_certs",
    "cmp.PVNO": "PKIHeader.pvno",
    "cmp.GeneralInfo": "PKIHeader.general_info",
    "cmp.CaPubs": "CertRepMessage.ca_pubs",
    "cmp.CertResponses": "CertRepMessage.response",
    "cmp.CaCerts": "KeyRecRepContent.ca_certs",
    "cmp.KeyPairHist": "KeyRecRepContent.key_pair_hist",
    "cmp.RevStatus": "RevRepContent.status",
    "cmp.RevCerts": "RevRepContent.rev_certs",
    "cmp.Crls": "RevRepContent.crls",
    "cmp.PollReq": "PollReqContent.",
    "cmp.PollRep": "PollRepContent.",
}

# Under another name there.
RENAMED = {
    "pkix.OtherName": "AnotherName",  # RFC 5280, 4.2.1.6 says OtherName, its appendix AnotherName
    "cms.GMACParameters": "GCMParameters",  # RFC 9044 says GMACParameters
}

# Kept as DER: no engine of ours looks inside, cryptography.x509 does that better.
OPAQUE = {
    "pkix.Certificate",
    "pkix.CertificateList",
    "pkix.ORAddress",
    "cms.ExtendedCertificate",
    "cms.AttributeCertificateV1",
    "cms.AttributeCertificateV2",
    "cmp.CMPCertificate",
}

# A CHOICE of one alternative is written as that alternative.
FLATTENED = {"pkix.Name"}

# SIZE or DEFAULT that the RFC states and pyasn1-alt-modules forgets: by type, or by type and component.
STRICTER_THAN_THERE = {
    "RegInfo": "RFC 4211: SEQUENCE SIZE (1..MAX) OF",
    "PubInfos": "RFC 4211: SEQUENCE SIZE (1..MAX) OF",
    "AttributeValues": "RFC 5280 in a comment, RFC 2986 as SIZE (1..MAX)",
    "SignKeyPairTypesValue": "RFC 9810: SEQUENCE SIZE (1..MAX) OF",
    "EncKeyPairTypesValue": "RFC 9810: SEQUENCE SIZE (1..MAX) OF",
    "UnsupportedOIDsValue": "RFC 9810: SEQUENCE SIZE (1..MAX) OF",
    "CaCertsValue": "RFC 9810: SEQUENCE SIZE (1..MAX) OF",
    "RSASSA_PSS_params.hash_algorithm": "RFC 4055: DEFAULT sha1Identifier",
    "RSASSA_PSS_params.mask_gen_algorithm": "RFC 4055: DEFAULT mgf1SHA1Identifier",
    "RSAES_OAEP_params.hash_func": "RFC 4055: DEFAULT sha1Identifier",
    "RSAES_OAEP_params.mask_gen_func": "RFC 4055: DEFAULT mgf1SHA1Identifier",
    "RSAES_OAEP_params.p_source_func": "RFC 4055: DEFAULT pSpecifiedEmptyIdentifier",
}

# Where pyasn1-alt-modules took a type from another RFC than the one that RFC 9810 names.
INSTEAD = {
    rfc(6402).CertificationRequest: rfc(2986).CertificationRequest,  # RFC 9810 imports PKCS #10, not CMC's variant
    rfc(4210).CertifiedKeyPair: rfc(9810).CertifiedKeyPair,  # the one inside KeyRecRepContent, before EnvelopedData
    rfc(4210).PBMParameter: rfc(4211).PBMParameter,  # bounds the salt; RFC 4211 and 9810 only advise to
    rfc(9810).NestedMessageContent: rfc(9810).PKIMessages,  # cannot contain itself there
}

# Open types of the elements of a SET OF; `Attribute.opened` opens them.
NOT_OPEN = {"Attribute.values", "Attribute.attr_values"}


# --- names ---

EXCEPTIONS = {"aes-ICVlen": "aes_icv_len"}


def snake(name: str) -> str:
    """Our name for an ASN.1 name. One lower-case letter before an acronym belongs to it, as in dNSName."""
    if name in EXCEPTIONS:
        return EXCEPTIONS[name]
    name = re.sub(r"^[a-z](?=[A-Z]{2}|[A-Z]$)", lambda match: match[0].upper(), name.replace("-", "_"))
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name).lower()


# --- what the other side states ---


def kind_of(there: Any) -> Kind:
    for types, kind in (
        ((univ.Any,), Kind.ANY),
        ((univ.Choice,), Kind.CHOICE),
        ((univ.Sequence,), Kind.SEQUENCE),
        ((univ.SequenceOf,), Kind.SEQUENCE_OF),
        ((univ.SetOf,), Kind.SET_OF),
        ((univ.Null,), Kind.NULL),
        ((univ.Boolean,), Kind.BOOLEAN),
        ((univ.Integer,), Kind.INTEGER),
        ((univ.BitString,), Kind.BITS),
        ((univ.ObjectIdentifier,), Kind.OID),
        ((useful.GeneralizedTime, useful.UTCTime), Kind.TIME),
        ((char.AbstractCharacterString,), Kind.TEXT),
        ((univ.OctetString,), Kind.OCTETS),
    ):
        if isinstance(there, types):
            return kind
    raise AssertionError(there)


def octet(one: Any) -> int:
    return int(one.tagClass | one.tagFormat | one.tagId)


def tags_of(there: Any) -> tuple[int, int]:
    """(explicit identifier octet or 0, identifier octet of the value or 0)."""
    tags = [octet(one) for one in there.tagSet.superTags]
    if kind_of(there) in (
        Kind.CHOICE,
        Kind.ANY,
    ):  # any tag of these is explicit, whatever the module's default
        return (tags[-1] | 0x20 if tags else 0), 0
    return (tags[1] if len(tags) > 1 else 0), tags[0]


def universal_of(there: Any) -> int:
    builtin = next(one for one in type(there).__mro__ if one.__module__.startswith("pyasn1.type."))
    return octet(builtin.tagSet.superTags[0]) if builtin.tagSet.superTags else 0


def size_of(there: Any) -> tuple[int, int | None]:
    found: list[tuple[int, int | None]] = []

    def walk(constraint: Any) -> None:
        if isinstance(constraint, ValueSizeConstraint):
            found.append((constraint.start, None if constraint.stop == float("inf") else int(constraint.stop)))
        elif isinstance(constraint, AbstractConstraintSet):
            for one in constraint:
                walk(one)

    walk(there.subtypeSpec)
    walk(getattr(there, "sizeSpec", None))
    assert len(set(found)) <= 1 or kind_of(there) is Kind.CHOICE
    return found[0] if found else (0, None)


def alternatives(there: Any) -> list[Any]:
    return list(there.componentType.namedTypes)


# --- the comparison ---


class Comparison:
    """Collects what differs between two types; `loose`: apart from the names of types and SIZE."""

    def __init__(self, loose: bool) -> None:
        self.loose = loose
        self.problems: list[str] = []
        self.seen: set[tuple[int, type]] = set()

    def differ(self, path: str, what: str, ours: Any, theirs: Any) -> None:
        self.problems.append(f"{path}: {what} is {ours!r} here, {theirs!r} there")

    def same(self, path: str, what: str, ours: Any, theirs: Any) -> None:
        if ours != theirs:
            self.differ(path, what, ours, theirs)

    def type(self, path: str, op: Op, there: Any) -> None:
        if type(there) in INSTEAD:
            there = INSTEAD[type(there)]()
        if (id(op), type(there)) in self.seen:
            return
        self.seen.add((id(op), type(there)))
        room = f"{op.cls.__module__.rpartition('.')[2]}.{op.name}" if op.cls else ""
        named = op.cls is not None and op.cls is not TLV and room not in UNNAMED and not self.loose
        if named and type(there).__module__.startswith("pyasn1_alt_modules"):
            names = [ancestor.__name__ for ancestor in type(there).__mro__]
            if RENAMED.get(room, op.name) not in names:
                self.differ(path, "type", op.name, names[0])
        if room in OPAQUE:
            self.same(path, "tag", op.tag, universal_of(there))
            self.same(path, "opaque type", kind_of(there), Kind.SEQUENCE)
            return
        if room in FLATTENED:
            assert kind_of(there) is Kind.CHOICE
            (only,) = alternatives(there)
            there = only.asn1Object
        self.same(path, "kind", op.kind, kind_of(there))
        if op.kind is not kind_of(there):
            return
        self.same(path, "universal tag", op.tag, universal_of(there))
        if not self.loose and op.kind is not Kind.CHOICE and op.name not in STRICTER_THAN_THERE:
            self.same(path, "SIZE", (op.low, op.high), size_of(there))
        if op.kind in (Kind.INTEGER, Kind.BITS):
            self.named(path, op, there)
        if op.kind in (Kind.SEQUENCE, Kind.CHOICE):
            self.components(path, op, there)
        elif op.kind in (Kind.SEQUENCE_OF, Kind.SET_OF):
            self.place(f"{path}[]", op.parts[0], there.componentType)

    def named(self, path: str, op: Op, there: Any) -> None:
        theirs = {snake(name).upper(): int(number) for name, number in there.namedValues.items()}
        ours: dict[str, int] = {}
        if op.named is not None and issubclass(op.named, NamedBits):
            ours = {name: number for number, name in op.named._bit_names.items()}
        elif op.named is not None:
            ours = {member.name: int(member) for member in op.named}
        self.same(path, "named values", ours, theirs)

    def components(self, path: str, op: Op, there: Any) -> None:
        theirs = alternatives(there)
        self.same(path, "component names", [part.name for part in op.parts], [snake(one.name) for one in theirs])
        if len(op.parts) != len(theirs):
            return
        for part, one in zip(op.parts, theirs, strict=True):
            place = f"{op.name}.{part.name}"
            if op.kind is Kind.SEQUENCE and place not in STRICTER_THAN_THERE:
                self.same(place, "OPTIONAL or DEFAULT", part.optional, one.isOptional or one.isDefaulted)
                self.same(place, "DEFAULT", part.default is not MISSING, one.isDefaulted)
                if part.default is not MISSING and one.isDefaulted:
                    self.default(place, part, one.asn1Object)
            by = op.parts[part.by].name if part.opens is not None else None
            if place not in NOT_OPEN:
                self.same(place, "open by", by, snake(one.openType.name) if one.openType else None)
            self.place(place, part, one.asn1Object)

    def place(self, path: str, part: Part, there: Any) -> None:
        outer, inner = tags_of(there)
        self.same(path, "explicit tag", part.outer, outer)
        if not (part.op.cls and f"pkix.{part.op.name}" in FLATTENED):
            self.same(path, "tag", part.tag, inner)
        self.type(path, part.op, there)

    def default(self, path: str, part: Part, there: Any) -> None:
        if isinstance(part.default, Record):
            self.same(path, "DEFAULT", part.default.der, encode(there))
        elif isinstance(part.default, bytes):
            self.same(path, "DEFAULT", part.default, bytes(there))
        else:
            self.same(path, "DEFAULT", int(part.default), int(there))


def differences(annotation: Any, there: Any, loose: bool = False) -> list[str]:
    """What differs between one of our types, a class or an annotation, and an object of the other side's."""
    comparison = Comparison(loose)
    if isinstance(annotation, type) and issubclass(annotation, Record):
        op = compile_type(annotation)
    elif isinstance(there, univ.Enumerated) and isinstance(annotation, type):
        op = compile_open("test", Annotated[annotation, Enumerated]).op
    else:
        op = compile_open("test", annotation).op
    comparison.type(op.name, op, there)
    return comparison.problems
