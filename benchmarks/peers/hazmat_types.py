"""CMP and CRMF declared for cryptography.hazmat.asn1, as far as it can express them. Knows cryptography only.

What it cannot express, and what stands here instead: an optional ANY is `Null | TLV | None`; an explicitly
tagged SEQUENCE OF within a CHOICE is an implicitly tagged SEQUENCE with one component (the same bytes); a
recursive type (a nested message), and any type chosen by an OID, is a raw TLV; a TLV cannot be made from
values, so what shall be built has a class of its own before the general one.
"""

from __future__ import annotations

from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.asn1 import (
    TLV,
    BitString,
    Explicit,
    GeneralizedTime,
    IA5String,
    Implicit,
    Null,
    UTCTime,
)

ObjectIdentifier = x509.ObjectIdentifier


@asn1.sequence
class Algorithm:
    algorithm: ObjectIdentifier
    parameters: Null | TLV | None = None


@asn1.sequence
class PBMParameter:
    salt: bytes
    owf: Algorithm
    iteration_count: int
    mac: Algorithm


@asn1.sequence
class PBMAlgorithm:
    """A protectionAlg made from values."""

    algorithm: ObjectIdentifier
    parameters: PBMParameter


@asn1.sequence
class PublicKeyInfo:
    algorithm: Algorithm
    public_key: BitString


@asn1.sequence
class AttributeTypeAndValue:
    type: ObjectIdentifier
    value: str | asn1.PrintableString | IA5String | TLV


Name = list[asn1.SetOf[AttributeTypeAndValue]]


@asn1.sequence
class DirectoryName:
    names: Name


@asn1.sequence
class OtherName:
    type_id: ObjectIdentifier
    value: Annotated[TLV, Explicit(0)]


GeneralName = Annotated[DirectoryName, Implicit(4)] | Annotated[OtherName, Implicit(0)]


@asn1.sequence
class InfoTypeAndValue:
    info_type: ObjectIdentifier
    info_value: Null | TLV | None = None


@asn1.sequence
class Header:
    pvno: int
    sender: GeneralName
    recipient: GeneralName
    message_time: Annotated[GeneralizedTime | None, Explicit(0)] = None
    protection_alg: Annotated[Algorithm | PBMAlgorithm | None, Explicit(1)] = None
    sender_kid: Annotated[bytes | None, Explicit(2)] = None
    recip_kid: Annotated[bytes | None, Explicit(3)] = None
    transaction_id: Annotated[bytes | None, Explicit(4)] = None
    sender_nonce: Annotated[bytes | None, Explicit(5)] = None
    recip_nonce: Annotated[bytes | None, Explicit(6)] = None
    free_text: Annotated[list[str] | None, Explicit(7)] = None
    general_info: Annotated[list[InfoTypeAndValue] | None, Explicit(8)] = None


@asn1.sequence
class OptionalValidity:
    not_before: Annotated[UTCTime | GeneralizedTime | None, Explicit(0)] = None
    not_after: Annotated[UTCTime | GeneralizedTime | None, Explicit(1)] = None


@asn1.sequence
class Extension:
    extn_id: ObjectIdentifier
    critical: Annotated[bool, asn1.Default(False)] = False
    extn_value: bytes


@asn1.sequence
class CertTemplate:
    version: Annotated[int | None, Implicit(0)] = None
    serial_number: Annotated[int | None, Implicit(1)] = None
    signing_alg: Annotated[Algorithm | None, Implicit(2)] = None
    issuer: Annotated[Name | None, Explicit(3)] = None
    validity: Annotated[OptionalValidity | None, Implicit(4)] = None
    subject: Annotated[Name | None, Explicit(5)] = None
    public_key: Annotated[PublicKeyInfo | None, Implicit(6)] = None
    issuer_uid: Annotated[BitString | None, Implicit(7)] = None
    subject_uid: Annotated[BitString | None, Implicit(8)] = None
    extensions: Annotated[list[Extension] | None, Implicit(9)] = None


@asn1.sequence
class CertId:
    issuer: GeneralName
    serial_number: int


@asn1.sequence
class Control:
    type: ObjectIdentifier
    value: TLV


@asn1.sequence
class CertRequest:
    cert_req_id: int
    cert_template: CertTemplate
    controls: list[Control] | None = None


@asn1.sequence
class POPOSigningKeyInput:
    auth_info: TLV
    public_key: PublicKeyInfo


@asn1.sequence
class POPOSigningKey:
    poposk_input: Annotated[POPOSigningKeyInput | None, Implicit(0)] = None
    algorithm_identifier: Algorithm
    signature: BitString


@asn1.sequence
class CertReqMsg:
    cert_req: CertRequest
    popo: Annotated[Null, Implicit(0)] | Annotated[POPOSigningKey, Implicit(1)] | None = None
    reg_info: list[Control] | None = None


@asn1.sequence
class StatusInfo:
    status: int
    status_string: list[str] | None = None
    fail_info: BitString | None = None


@asn1.sequence
class IssuedCertificate:
    der: TLV


@asn1.sequence
class EncryptedCertificate:
    der: TLV


@asn1.sequence
class CertifiedKeyPair:
    cert_or_enc_cert: Annotated[IssuedCertificate, Implicit(0)] | Annotated[EncryptedCertificate, Implicit(1)]


@asn1.sequence
class CertResponse:
    cert_req_id: int
    status: StatusInfo
    certified_key_pair: CertifiedKeyPair | None = None
    rsp_info: bytes | None = None


@asn1.sequence
class CertRepMessage:
    ca_pubs: Annotated[list[TLV] | None, Explicit(1)] = None
    response: list[CertResponse]


@asn1.sequence
class RevDetails:
    cert_details: CertTemplate
    crl_entry_details: list[Extension] | None = None


@asn1.sequence
class RevRepContent:
    status: list[StatusInfo]
    rev_certs: Annotated[list[CertId] | None, Explicit(0)] = None
    crls: Annotated[list[TLV] | None, Explicit(1)] = None


@asn1.sequence
class ErrorMsgContent:
    pki_status_info: StatusInfo
    error_code: int | None = None
    error_details: list[str] | None = None


@asn1.sequence
class CertStatus:
    cert_hash: bytes
    cert_req_id: int
    status_info: StatusInfo | None = None
    hash_alg: Annotated[Algorithm | None, Explicit(0)] = None


@asn1.sequence
class PollRequest:
    cert_req_id: int


@asn1.sequence
class PollAnswer:
    cert_req_id: int
    check_after: int
    reason: list[str] | None = None


@asn1.sequence
class Attribute:
    type: ObjectIdentifier
    values: asn1.SetOf[TLV]


@asn1.sequence
class CertificationRequestInfo:
    version: int
    subject: Name
    subject_pk_info: PublicKeyInfo
    attributes: Annotated[asn1.SetOf[Attribute], Implicit(0)]


@asn1.sequence
class CertificationRequest:
    certification_request_info: CertificationRequestInfo
    signature_algorithm: Algorithm
    signature: BitString


# The alternatives of PKIBody: each is the explicit tag, seen as a SEQUENCE of one component.


@asn1.sequence
class Ir:
    ir: list[CertReqMsg]


@asn1.sequence
class Ip:
    ip: CertRepMessage


@asn1.sequence
class Cr:
    cr: list[CertReqMsg]


@asn1.sequence
class Cp:
    cp: CertRepMessage


@asn1.sequence
class P10cr:
    p10cr: CertificationRequest


@asn1.sequence
class Kur:
    kur: list[CertReqMsg]


@asn1.sequence
class Kup:
    kup: CertRepMessage


@asn1.sequence
class Rr:
    rr: list[RevDetails]


@asn1.sequence
class Rp:
    rp: RevRepContent


@asn1.sequence
class PkiConf:
    pkiconf: Null


@asn1.sequence
class Nested:
    nested: list[TLV]


@asn1.sequence
class Genm:
    genm: list[InfoTypeAndValue]


@asn1.sequence
class Genp:
    genp: list[InfoTypeAndValue]


@asn1.sequence
class Error:
    error: ErrorMsgContent


@asn1.sequence
class CertConf:
    cert_conf: list[CertStatus]


@asn1.sequence
class PollReq:
    poll_req: list[PollRequest]


@asn1.sequence
class PollRep:
    poll_rep: list[PollAnswer]


Body = (
    Annotated[Ir, Implicit(0)]
    | Annotated[Ip, Implicit(1)]
    | Annotated[Cr, Implicit(2)]
    | Annotated[Cp, Implicit(3)]
    | Annotated[P10cr, Implicit(4)]
    | Annotated[Kur, Implicit(7)]
    | Annotated[Kup, Implicit(8)]
    | Annotated[Rr, Implicit(11)]
    | Annotated[Rp, Implicit(12)]
    | Annotated[PkiConf, Implicit(19)]
    | Annotated[Nested, Implicit(20)]
    | Annotated[Genm, Implicit(21)]
    | Annotated[Genp, Implicit(22)]
    | Annotated[Error, Implicit(23)]
    | Annotated[CertConf, Implicit(24)]
    | Annotated[PollReq, Implicit(25)]
    | Annotated[PollRep, Implicit(26)]
)


@asn1.sequence
class Message:
    header: Header
    body: Body
    protection: Annotated[BitString | None, Explicit(0)] = None
    extra_certs: Annotated[list[TLV] | None, Explicit(1)] = None
