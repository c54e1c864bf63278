"""Certificate requests after RFC 4211 (CRMF), which CMP carries in ir, cr, kur and krr.

A schema file: each class is one ASN.1 type, in the order of the RFC, whose module has IMPLICIT TAGS. It knows
nothing of CMP; the room `cmp` adds the controls that RFC 9810 defines.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, TypeAlias

from . import oids
from .asn1 import (
    BitString,
    Choice,
    Explicit,
    Implicit,
    Null,
    ObjectIdentifier,
    Open,
    OpenTypes,
    Sequence,
    SequenceOf,
)
from .cms import CONTENTS, EnvelopedData
from .pkix import (
    PARAMETERS,
    AlgorithmIdentifier,
    Attributes,
    Extensions,
    GeneralName,
    Name,
    SubjectPublicKeyInfo,
    Time,
    UniqueIdentifier,
    Version,
)

CONTROL_VALUES = OpenTypes("AttributeTypeAndValue.value")
"""Types of the values of controls and of regInfo."""


class CertTemplate(Sequence):
    """What the requester wants in the certificate; the CA may change it. RFC 4211, 5."""

    version: Annotated[Version | int | None, Implicit(0)] = None
    serial_number: Annotated[int | None, Implicit(1)] = None
    signing_alg: Annotated[AlgorithmIdentifier | None, Implicit(2)] = None
    issuer: Annotated[Name | None, Explicit(3)] = None
    validity: Annotated[OptionalValidity | None, Implicit(4)] = None
    subject: Annotated[Name | None, Explicit(5)] = None
    public_key: Annotated[SubjectPublicKeyInfo | None, Implicit(6)] = None
    issuer_uid: Annotated[UniqueIdentifier | None, Implicit(7)] = None
    subject_uid: Annotated[UniqueIdentifier | None, Implicit(8)] = None
    extensions: Annotated[Extensions | None, Implicit(9)] = None


class OptionalValidity(Sequence):
    """The wanted validity; at least one end is to be given. RFC 4211, 5."""

    not_before: Annotated[Time | None, Explicit(0)] = None
    not_after: Annotated[Time | None, Explicit(1)] = None


class AttributeTypeAndValue(Sequence):
    """A control, or one piece of regInfo. RFC 4211, 6 and 7."""

    type: ObjectIdentifier
    value: Annotated[object, Open("type", CONTROL_VALUES)]


class Controls(SequenceOf[AttributeTypeAndValue], size=(1, None), limit=32):
    """How the request is to be processed. RFC 4211, 6."""


class CertRequest(Sequence):
    """One certificate that is asked for: what its proof of possession covers. RFC 4211, 5."""

    cert_req_id: int
    cert_template: CertTemplate
    controls: Controls | None = None


class RegInfo(SequenceOf[AttributeTypeAndValue], size=(1, None), limit=32):
    """What else helps to decide on a request; RFC 4211 leaves this SEQUENCE OF unnamed. RFC 4211, 7."""


class CertReqMsg(Sequence):
    """A certificate request with its proof of possession. RFC 4211, 3."""

    cert_req: CertRequest
    popo: ProofOfPossession | None = None
    reg_info: RegInfo | None = None


class CertReqMessages(SequenceOf[CertReqMsg], size=(1, None), limit=32):
    """Certificate requests; CMP's lightweight profile allows one. RFC 4211, 3."""


class ProofOfPossession(Choice):
    """How the requester shows that it has the private key. RFC 4211, 4."""

    ra_verified: Annotated[Null | None, Implicit(0)] = None
    signature: Annotated[POPOSigningKey | None, Implicit(1)] = None
    key_encipherment: Annotated[POPOPrivKey | None, Explicit(2)] = None
    key_agreement: Annotated[POPOPrivKey | None, Explicit(3)] = None


class POPOSigningKey(Sequence):
    """Proof by a signature, over poposkInput if present, else over the CertRequest. RFC 4211, 4.1."""

    poposk_input: Annotated[POPOSigningKeyInput | None, Implicit(0)] = None
    algorithm_identifier: AlgorithmIdentifier
    signature: BitString


class AuthInfo(Choice):
    """Who signs a POPOSigningKeyInput; RFC 4211 leaves this CHOICE unnamed. RFC 4211, 4.1."""

    sender: Annotated[GeneralName | None, Explicit(0)] = None
    public_key_mac: PKMACValue | None = None


class POPOSigningKeyInput(Sequence):
    """What is signed where the template lacks the subject or the public key. RFC 4211, 4.1."""

    auth_info: AuthInfo
    public_key: SubjectPublicKeyInfo


class PKMACValue(Sequence):
    """A MAC over a public key, under a secret that authenticates the requester. RFC 4211, 4.1."""

    alg_id: AlgorithmIdentifier
    value: BitString


class PBMParameter(Sequence):
    """Password-based MAC: salt, hash function, its iterations, and the MAC. RFC 4211, 4.4."""

    salt: bytes
    owf: AlgorithmIdentifier
    iteration_count: int
    mac: AlgorithmIdentifier


class POPOPrivKey(Choice):
    """Proof for a key that cannot sign; this_message and dh_mac are deprecated. RFC 4211, 4.2 and 4.3."""

    this_message: Annotated[BitString | None, Implicit(0)] = None
    subsequent_message: Annotated[SubsequentMessage | int | None, Implicit(1)] = None
    dh_mac: Annotated[BitString | None, Implicit(2)] = None
    agree_mac: Annotated[PKMACValue | None, Implicit(3)] = None
    encrypted_key: Annotated[EnvelopedData | None, Implicit(4)] = None


class SubsequentMessage(IntEnum):
    """How the proof is to follow: by an encrypted certificate or by a challenge. RFC 4211, 4.2."""

    ENCR_CERT = 0
    CHALLENGE_RESP = 1


# --- Controls: RFC 4211, section 6 ---

RegToken: TypeAlias = str
Authenticator: TypeAlias = str


class Action(IntEnum):
    """Whether to publish; RFC 4211 leaves this INTEGER unnamed. RFC 4211, 6.3."""

    DONT_PUBLISH = 0
    PLEASE_PUBLISH = 1


class PubMethod(IntEnum):
    """Where to publish; RFC 4211 leaves this INTEGER unnamed. RFC 4211, 6.3."""

    DONT_CARE = 0
    X500 = 1
    WEB = 2
    LDAP = 3


class SinglePubInfo(Sequence):
    """One place where the certificate is to be published. RFC 4211, 6.3."""

    pub_method: PubMethod | int
    pub_location: GeneralName | None = None


class PubInfos(SequenceOf[SinglePubInfo], size=(1, None), limit=32):
    """Where to publish the certificate; RFC 4211 leaves this SEQUENCE OF unnamed. RFC 4211, 6.3."""


class PKIPublicationInfo(Sequence):
    """Control: whether and where to publish the certificate. RFC 4211, 6.3."""

    action: Action | int
    pub_infos: PubInfos | None = None


KeyGenParameters: TypeAlias = bytes


class EncryptedKey(Choice):
    """A private key or certificate in secret; encrypted_value is deprecated. RFC 4211, 6.4."""

    encrypted_value: EncryptedValue | None = None
    enveloped_data: Annotated[EnvelopedData | None, Implicit(0)] = None


class PKIArchiveOptions(Choice):
    """Control: the private key to archive, or how to make it again. RFC 4211, 6.4."""

    encrypted_priv_key: Annotated[EncryptedKey | None, Explicit(0)] = None
    key_gen_parameters: Annotated[KeyGenParameters | None, Implicit(1)] = None
    archive_rem_gen_priv_key: Annotated[bool | None, Implicit(2)] = None


class EncryptedValue(Sequence):
    """Something encrypted with a symmetric key, itself encrypted: what CMP had before CMS. RFC 4211, 6.4."""

    intended_alg: Annotated[AlgorithmIdentifier | None, Implicit(0)] = None
    symm_alg: Annotated[AlgorithmIdentifier | None, Implicit(1)] = None
    enc_symm_key: Annotated[BitString | None, Implicit(2)] = None
    key_alg: Annotated[AlgorithmIdentifier | None, Implicit(3)] = None
    value_hint: Annotated[bytes | None, Implicit(4)] = None
    enc_value: BitString


class CertId(Sequence):
    """Names a certificate by its issuer and serial number. RFC 4211, 6.5."""

    issuer: GeneralName
    serial_number: int


OldCertId: TypeAlias = CertId
ProtocolEncrKey: TypeAlias = SubjectPublicKeyInfo

# --- regInfo: RFC 4211, section 7 ---

UTF8Pairs: TypeAlias = str
CertReq: TypeAlias = CertRequest

# --- The content type for archived keys: RFC 4211, 4.2 ---


class PrivateKeyInfo(Sequence):
    """A private key after PKCS #8. RFC 4211, 4.2."""

    version: int
    private_key_algorithm: AlgorithmIdentifier
    private_key: bytes
    attributes: Annotated[Attributes | None, Implicit(0)] = None

    def __repr__(self) -> str:
        return f"PrivateKeyInfo({self.private_key_algorithm!r}, <private key>)"


class Identifier(Choice):
    """Whose key it is; RFC 4211 leaves this CHOICE unnamed. RFC 4211, 4.2."""

    string: str | None = None
    general_name: GeneralName | None = None


class EncKeyWithID(Sequence):
    """A private key and whose it is: content of the EnvelopedData in a proof or an archive. RFC 4211, 4.2."""

    private_key: PrivateKeyInfo
    identifier: Identifier | None = None


PARAMETERS[oids.ID_PASSWORD_BASED_MAC] = PBMParameter
CONTENTS[oids.ID_CT_ENC_KEY_WITH_ID] = EncKeyWithID
CONTROL_VALUES[oids.ID_REG_CTRL_REG_TOKEN] = RegToken
CONTROL_VALUES[oids.ID_REG_CTRL_AUTHENTICATOR] = Authenticator
CONTROL_VALUES[oids.ID_REG_CTRL_PKI_PUBLICATION_INFO] = PKIPublicationInfo
CONTROL_VALUES[oids.ID_REG_CTRL_PKI_ARCHIVE_OPTIONS] = PKIArchiveOptions
CONTROL_VALUES[oids.ID_REG_CTRL_OLD_CERT_ID] = OldCertId
CONTROL_VALUES[oids.ID_REG_CTRL_PROTOCOL_ENCR_KEY] = ProtocolEncrKey
CONTROL_VALUES[oids.ID_REG_INFO_UTF8_PAIRS] = UTF8Pairs
CONTROL_VALUES[oids.ID_REG_INFO_CERT_REQ] = CertReq
