"""The messages of CMP: RFC 9810, appendix F.

A schema file: each class is one ASN.1 type, in the order of the RFC, whose module has EXPLICIT TAGS; only a
SEQUENCE OF stands behind its element. It knows what messages look like, not what they mean.
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import Annotated, TypeAlias

from . import oids
from .asn1 import (
    BitString,
    Choice,
    Explicit,
    NamedBits,
    Null,
    ObjectIdentifier,
    Open,
    OpenTypes,
    Sequence,
    SequenceOf,
    bit,
)
from .cms import EnvelopedData
from .crmf import (
    CONTROL_VALUES,
    AttributeTypeAndValue,
    CertId,
    CertReqMessages,
    CertTemplate,
    Controls,
    EncryptedKey,
    PKIPublicationInfo,
)
from .crmf import PBMParameter as PBMParameter  # RFC 9810 repeats it
from .pkix import (
    PARAMETERS,
    AlgorithmIdentifier,
    Certificate,
    CertificateList,
    CertificationRequest,
    DistributionPointName,
    Extensions,
    GeneralName,
    GeneralNames,
    KeyIdentifier,
    Time,
)

INFO_VALUES = OpenTypes("InfoTypeAndValue.infoValue")
"""Types of the values of generalInfo, genm and genp."""


class CMPCertificate(Certificate):
    """A certificate in CMP: x509v3PKCert, the only alternative of the CHOICE. RFC 9810, appendix F."""


class ExtraCerts(SequenceOf[CMPCertificate], size=(1, None), limit=32):
    """Certificates that help the receiver; RFC 9810 leaves this SEQUENCE OF unnamed. RFC 9810, 5.1."""


class PKIMessage(Sequence, nesting=3):
    """A CMP message. RFC 9810, 5.1."""

    header: PKIHeader
    body: PKIBody
    protection: Annotated[PKIProtection | None, Explicit(0)] = None
    extra_certs: Annotated[ExtraCerts | None, Explicit(1)] = None


class PKIMessages(SequenceOf[PKIMessage], size=(1, None), limit=32):
    """Messages inside a message: what an RA passes on, or the original of one. RFC 9810, 5.1."""


class PVNO(IntEnum):
    """Version of CMP; RFC 9810 leaves this INTEGER unnamed. RFC 9810, 5.1.1."""

    CMP1999 = 1
    CMP2000 = 2
    CMP2021 = 3


class PKIHeader(Sequence):
    """Who speaks to whom, in which transaction, protected how. RFC 9810, 5.1.1."""

    pvno: PVNO | int
    sender: GeneralName
    recipient: GeneralName
    message_time: Annotated[datetime | None, Explicit(0)] = None
    protection_alg: Annotated[AlgorithmIdentifier | None, Explicit(1)] = None
    sender_kid: Annotated[KeyIdentifier | None, Explicit(2)] = None
    recip_kid: Annotated[KeyIdentifier | None, Explicit(3)] = None
    transaction_id: Annotated[bytes | None, Explicit(4)] = None
    sender_nonce: Annotated[bytes | None, Explicit(5)] = None
    recip_nonce: Annotated[bytes | None, Explicit(6)] = None
    free_text: Annotated[PKIFreeText | None, Explicit(7)] = None
    general_info: Annotated[GeneralInfo | None, Explicit(8)] = None


class PKIFreeText(SequenceOf[str], size=(1, None), limit=32):
    """Text for humans, one string for each language. RFC 9810, 5.1.1."""


class PKIBody(Choice):
    """What a message says: one of 27 kinds. RFC 9810, 5.1.2."""

    ir: Annotated[CertReqMessages | None, Explicit(0)] = None
    ip: Annotated[CertRepMessage | None, Explicit(1)] = None
    cr: Annotated[CertReqMessages | None, Explicit(2)] = None
    cp: Annotated[CertRepMessage | None, Explicit(3)] = None
    p10cr: Annotated[CertificationRequest | None, Explicit(4)] = None
    popdecc: Annotated[POPODecKeyChallContent | None, Explicit(5)] = None
    popdecr: Annotated[POPODecKeyRespContent | None, Explicit(6)] = None
    kur: Annotated[CertReqMessages | None, Explicit(7)] = None
    kup: Annotated[CertRepMessage | None, Explicit(8)] = None
    krr: Annotated[CertReqMessages | None, Explicit(9)] = None
    krp: Annotated[KeyRecRepContent | None, Explicit(10)] = None
    rr: Annotated[RevReqContent | None, Explicit(11)] = None
    rp: Annotated[RevRepContent | None, Explicit(12)] = None
    ccr: Annotated[CertReqMessages | None, Explicit(13)] = None
    ccp: Annotated[CertRepMessage | None, Explicit(14)] = None
    ckuann: Annotated[CAKeyUpdContent | None, Explicit(15)] = None
    cann: Annotated[CertAnnContent | None, Explicit(16)] = None
    rann: Annotated[RevAnnContent | None, Explicit(17)] = None
    crlann: Annotated[CRLAnnContent | None, Explicit(18)] = None
    pkiconf: Annotated[PKIConfirmContent | None, Explicit(19)] = None
    nested: Annotated[NestedMessageContent | None, Explicit(20)] = None
    genm: Annotated[GenMsgContent | None, Explicit(21)] = None
    genp: Annotated[GenRepContent | None, Explicit(22)] = None
    error: Annotated[ErrorMsgContent | None, Explicit(23)] = None
    cert_conf: Annotated[CertConfirmContent | None, Explicit(24)] = None
    poll_req: Annotated[PollReqContent | None, Explicit(25)] = None
    poll_rep: Annotated[PollRepContent | None, Explicit(26)] = None


PKIProtection: TypeAlias = BitString


class ProtectedPart(Sequence):
    """What the protection of a message covers; it is never sent. RFC 9810, 5.1.3."""

    header: PKIHeader
    body: PKIBody


class DHBMParameter(Sequence):
    """MAC with a Diffie-Hellman secret: hash function and MAC. RFC 9810, 5.1.3.2."""

    owf: AlgorithmIdentifier
    mac: AlgorithmIdentifier


class KemBMParameter(Sequence):
    """MAC with an encapsulated secret: key derivation, octets of the key, and MAC. RFC 9810, 5.1.3.4."""

    kdf: AlgorithmIdentifier
    kem_context: Annotated[bytes | None, Explicit(0)] = None
    len: int
    mac: AlgorithmIdentifier


class PKIStatus(IntEnum):
    """How a request fared. RFC 9810, 5.2.3."""

    ACCEPTED = 0
    GRANTED_WITH_MODS = 1
    REJECTION = 2
    WAITING = 3
    REVOCATION_WARNING = 4
    REVOCATION_NOTIFICATION = 5
    KEY_UPDATE_WARNING = 6


class PKIFailureInfo(NamedBits):
    """Why a request failed. RFC 9810, 5.2.3."""

    BAD_ALG = bit(0)
    BAD_MESSAGE_CHECK = bit(1)
    BAD_REQUEST = bit(2)
    BAD_TIME = bit(3)
    BAD_CERT_ID = bit(4)
    BAD_DATA_FORMAT = bit(5)
    WRONG_AUTHORITY = bit(6)
    INCORRECT_DATA = bit(7)
    MISSING_TIME_STAMP = bit(8)
    BAD_POP = bit(9)
    CERT_REVOKED = bit(10)
    CERT_CONFIRMED = bit(11)
    WRONG_INTEGRITY = bit(12)
    BAD_RECIPIENT_NONCE = bit(13)
    TIME_NOT_AVAILABLE = bit(14)
    UNACCEPTED_POLICY = bit(15)
    UNACCEPTED_EXTENSION = bit(16)
    ADD_INFO_NOT_AVAILABLE = bit(17)
    BAD_SENDER_NONCE = bit(18)
    BAD_CERT_TEMPLATE = bit(19)
    SIGNER_NOT_TRUSTED = bit(20)
    TRANSACTION_ID_IN_USE = bit(21)
    UNSUPPORTED_VERSION = bit(22)
    NOT_AUTHORIZED = bit(23)
    SYSTEM_UNAVAIL = bit(24)
    SYSTEM_FAILURE = bit(25)
    DUPLICATE_CERT_REQ = bit(26)


class PKIStatusInfo(Sequence):
    """How a request fared and, if badly, why. RFC 9810, 5.2.3."""

    status: PKIStatus | int
    status_string: PKIFreeText | None = None
    fail_info: PKIFailureInfo | None = None


OOBCert: TypeAlias = CMPCertificate


class OOBCertHash(Sequence):
    """Hash of a root certificate, handed over by other means to check it. RFC 9810, 5.2.5."""

    hash_alg: Annotated[AlgorithmIdentifier | None, Explicit(0)] = None
    cert_id: Annotated[CertId | None, Explicit(1)] = None
    hash_val: BitString


class Challenge(Sequence):
    """Something only the owner of a decryption key can read: a Rand, encrypted. RFC 9810, 5.2.8.3.3."""

    owf: AlgorithmIdentifier | None = None
    witness: bytes
    challenge: bytes
    encrypted_rand: Annotated[EnvelopedData | None, Explicit(0)] = None


class POPODecKeyChallContent(SequenceOf[Challenge], limit=32):
    """popdecc: one challenge for each decryption key. RFC 9810, 5.2.8.3.3."""


INTEGER: TypeAlias = int  # Rand has a component named int


class Rand(Sequence):
    """What a challenge hides: a number that only the owner of the key can send back. RFC 9810, 5.2.8.3.3."""

    int: INTEGER
    sender: GeneralName


class POPODecKeyRespContent(SequenceOf[int], limit=32):
    """popdecr: the number found in each challenge. RFC 9810, 5.2.8.3.3."""


class CaPubs(SequenceOf[CMPCertificate], size=(1, None), limit=32):
    """CA certificates beside a response; RFC 9810 leaves this SEQUENCE OF unnamed. RFC 9810, 5.3.4."""


class CertRepMessage(Sequence):
    """ip, cp, kup and ccp: the answers to the requests of one message. RFC 9810, 5.3.4."""

    ca_pubs: Annotated[CaPubs | None, Explicit(1)] = None
    response: CertResponses


class CertResponse(Sequence):
    """The answer to one certificate request. RFC 9810, 5.3.4."""

    cert_req_id: int
    status: PKIStatusInfo
    certified_key_pair: CertifiedKeyPair | None = None
    rsp_info: bytes | None = None


class CertResponses(SequenceOf[CertResponse], limit=32):
    """One answer for each request; RFC 9810 leaves this SEQUENCE OF unnamed. RFC 9810, 5.3.4."""


class CertifiedKeyPair(Sequence):
    """A new certificate, with its private key if the CA made that. RFC 9810, 5.3.4."""

    cert_or_enc_cert: CertOrEncCert
    private_key: Annotated[EncryptedKey | None, Explicit(0)] = None
    publication_info: Annotated[PKIPublicationInfo | None, Explicit(1)] = None


class CertOrEncCert(Choice):
    """A new certificate, in clear, or encrypted so that reading it proves possession. RFC 9810, 5.3.4."""

    certificate: Annotated[CMPCertificate | None, Explicit(0)] = None
    encrypted_cert: Annotated[EncryptedKey | None, Explicit(1)] = None


class CaCerts(SequenceOf[CMPCertificate], size=(1, None), limit=32):
    """CA certificates of recovered keys; RFC 9810 leaves this SEQUENCE OF unnamed. RFC 9810, 5.3.8."""


class KeyPairHist(SequenceOf[CertifiedKeyPair], size=(1, None), limit=32):
    """The recovered keys; RFC 9810 leaves this SEQUENCE OF unnamed. RFC 9810, 5.3.8."""


class KeyRecRepContent(Sequence):
    """krp: keys that the requester had lost. RFC 9810, 5.3.8."""

    status: PKIStatusInfo
    new_sig_cert: Annotated[CMPCertificate | None, Explicit(0)] = None
    ca_certs: Annotated[CaCerts | None, Explicit(1)] = None
    key_pair_hist: Annotated[KeyPairHist | None, Explicit(2)] = None


class RevDetails(Sequence):
    """One certificate to revoke, and why. RFC 9810, 5.3.9."""

    cert_details: CertTemplate
    crl_entry_details: Extensions | None = None


class RevReqContent(SequenceOf[RevDetails], limit=32):
    """rr: the certificates to revoke. RFC 9810, 5.3.9."""


class RevStatus(SequenceOf[PKIStatusInfo], size=(1, None), limit=32):
    """How each revocation fared; RFC 9810 leaves this SEQUENCE OF unnamed. RFC 9810, 5.3.10."""


class RevCerts(SequenceOf[CertId], size=(1, None), limit=32):
    """What was to be revoked; RFC 9810 leaves this SEQUENCE OF unnamed. RFC 9810, 5.3.10."""


class Crls(SequenceOf[CertificateList], size=(1, None), limit=32):
    """The resulting CRLs; RFC 9810 leaves this SEQUENCE OF unnamed. RFC 9810, 5.3.10."""


class RevRepContent(Sequence):
    """rp: how each revocation fared. RFC 9810, 5.3.10."""

    status: RevStatus
    rev_certs: Annotated[RevCerts | None, Explicit(0)] = None
    crls: Annotated[Crls | None, Explicit(1)] = None


class CAKeyUpdAnnContent(Sequence):
    """A CA's old and new key, each certified by the other; deprecated since pvno 3. RFC 9810, 5.3.13."""

    old_with_new: CMPCertificate
    new_with_old: CMPCertificate
    new_with_new: CMPCertificate


class CAKeyUpdContent(Choice):
    """ckuann: a CA announces its new key. RFC 9810, 5.3.13."""

    ca_key_upd_ann_v2: CAKeyUpdAnnContent | None = None
    ca_key_upd_ann_v3: Annotated[RootCaKeyUpdateContent | None, Explicit(0)] = None


CertAnnContent: TypeAlias = CMPCertificate


class RevAnnContent(Sequence):
    """rann: a CA announces that a certificate is, or will be, revoked. RFC 9810, 5.3.15."""

    status: PKIStatus | int
    cert_id: CertId
    will_be_revoked_at: datetime
    bad_since_date: datetime
    crl_details: Extensions | None = None


class CRLAnnContent(SequenceOf[CertificateList], limit=32):
    """crlann: a CA announces new CRLs. RFC 9810, 5.3.16."""


class PKIConfirmContent(Null):
    """pkiconf: the last word of a transaction. RFC 9810, 5.3.17."""


NestedMessageContent: TypeAlias = PKIMessages


class CertReqTemplateContent(Sequence):
    """What a request has to look like, and which keys are welcome. RFC 9810, 5.3.19.16."""

    cert_template: CertTemplate
    key_spec: Controls | None = None


AltCertTemplate: TypeAlias = AttributeTypeAndValue
AlgIdCtrl: TypeAlias = AlgorithmIdentifier
RsaKeyLenCtrl: TypeAlias = int


class RootCaKeyUpdateContent(Sequence):
    """A root CA's new certificate, with links between the old key and the new. RFC 9810, 5.3.19.15."""

    new_with_new: CMPCertificate
    new_with_old: Annotated[CMPCertificate | None, Explicit(0)] = None
    old_with_new: Annotated[CMPCertificate | None, Explicit(1)] = None


class CRLSource(Choice):
    """Names a series of CRLs: by where it is published, or by who issues it. RFC 9810, 5.3.19.17."""

    dpn: Annotated[DistributionPointName | None, Explicit(0)] = None
    issuer: Annotated[GeneralNames | None, Explicit(1)] = None


class CRLStatus(Sequence):
    """The CRL that the requester has: it asks for a newer one. RFC 9810, 5.3.19.17."""

    source: CRLSource
    this_update: Time | None = None


class KemCiphertextInfo(Sequence):
    """The encapsulated secret on which a KEM-based MAC rests. RFC 9810, 5.1.1.5."""

    kem: AlgorithmIdentifier
    ct: bytes


class KemOtherInfo(Sequence):
    """What the key derivation of a KEM-based MAC mixes in beside the secret. RFC 9810, 5.1.3.4."""

    static_string: PKIFreeText
    transaction_id: bytes
    kem_context: Annotated[bytes | None, Explicit(0)] = None


class InfoTypeAndValue(Sequence):
    """A piece of information, or without a value the question for it. RFC 9810, 5.1.1 and 5.3.19."""

    info_type: ObjectIdentifier
    info_value: Annotated[object | None, Open("info_type", INFO_VALUES)] = None


class GeneralInfo(SequenceOf[InfoTypeAndValue], size=(1, None), limit=64):
    """What a header says beside its fields; RFC 9810 leaves this SEQUENCE OF unnamed. RFC 9810, 5.1.1."""


# --- Values of InfoTypeAndValue, in the order of their numbers: RFC 9810, 5.1.1, 5.3.19 and appendix F ---

CAProtEncCertValue: TypeAlias = CMPCertificate


class SignKeyPairTypesValue(SequenceOf[AlgorithmIdentifier], size=(1, None), limit=64):
    """Algorithms of the signature keys that a CA certifies. RFC 9810, 5.3.19.2."""


class EncKeyPairTypesValue(SequenceOf[AlgorithmIdentifier], size=(1, None), limit=64):
    """Algorithms of the encryption keys that a CA certifies. RFC 9810, 5.3.19.3."""


PreferredSymmAlgValue: TypeAlias = AlgorithmIdentifier
CAKeyUpdateInfoValue: TypeAlias = CAKeyUpdAnnContent
CurrentCRLValue: TypeAlias = CertificateList


class UnsupportedOIDsValue(SequenceOf[ObjectIdentifier], size=(1, None), limit=64):
    """Object identifiers that the sender did not understand. RFC 9810, 5.3.19.7."""


KeyPairParamReqValue: TypeAlias = ObjectIdentifier
KeyPairParamRepValue: TypeAlias = AlgorithmIdentifier
RevPassphraseValue: TypeAlias = EncryptedKey
ImplicitConfirmValue: TypeAlias = Null
ConfirmWaitTimeValue: TypeAlias = datetime
OrigPKIMessageValue: TypeAlias = PKIMessages


class SuppLangTagsValue(SequenceOf[str], limit=64):
    """Languages of error texts, the best liked first. RFC 9810, 5.3.19.13."""


class CaCertsValue(SequenceOf[CMPCertificate], size=(1, None), limit=32):
    """Certificates of the CAs in charge. RFC 9810, 5.3.19.14."""


RootCaKeyUpdateValue: TypeAlias = RootCaKeyUpdateContent
CertReqTemplateValue: TypeAlias = CertReqTemplateContent
RootCaCertValue: TypeAlias = CMPCertificate


class CertProfileValue(SequenceOf[str], size=(1, None), limit=32):
    """Names of the profiles that the requested certificates shall have. RFC 9810, 5.1.1.4."""


class CRLStatusListValue(SequenceOf[CRLStatus], size=(1, None), limit=32):
    """The CRLs that the requester has: it asks for newer ones. RFC 9810, 5.3.19.17."""


class CRLsValue(SequenceOf[CertificateList], size=(1, None), limit=32):
    """CRLs newer than those of the question. RFC 9810, 5.3.19.17."""


KemCiphertextInfoValue: TypeAlias = KemCiphertextInfo


class GenMsgContent(SequenceOf[InfoTypeAndValue], limit=64):
    """genm: questions to the other side, or news for it. RFC 9810, 5.3.19."""


class GenRepContent(SequenceOf[InfoTypeAndValue], limit=64):
    """genp: the answers to a genm. RFC 9810, 5.3.20."""


class ErrorMsgContent(Sequence):
    """error: what went wrong with a message. RFC 9810, 5.3.21."""

    pki_status_info: PKIStatusInfo
    error_code: int | None = None
    error_details: PKIFreeText | None = None


class CertStatus(Sequence):
    """Whether one new certificate is accepted. RFC 9810, 5.3.18."""

    cert_hash: bytes
    cert_req_id: int
    status_info: PKIStatusInfo | None = None
    hash_alg: Annotated[AlgorithmIdentifier | None, Explicit(0)] = None


class CertConfirmContent(SequenceOf[CertStatus], limit=32):
    """certConf: whether the new certificates are accepted; none listed means none is. RFC 9810, 5.3.18."""


class PollReq(Sequence):
    """Asks for one answer that is late; RFC 9810 leaves this SEQUENCE unnamed. RFC 9810, 5.3.22."""

    cert_req_id: int


class PollReqContent(SequenceOf[PollReq], limit=32):
    """pollReq: asks for answers that are late. RFC 9810, 5.3.22."""


class PollRep(Sequence):
    """When to ask again, in seconds; RFC 9810 leaves this SEQUENCE unnamed. RFC 9810, 5.3.22."""

    cert_req_id: int
    check_after: int
    reason: PKIFreeText | None = None


class PollRepContent(SequenceOf[PollRep], limit=32):
    """pollRep: when to ask again. RFC 9810, 5.3.22."""


PARAMETERS[oids.ID_DH_BASED_MAC] = DHBMParameter
PARAMETERS[oids.ID_KEM_BASED_MAC] = KemBMParameter
CONTROL_VALUES[oids.ID_REG_CTRL_ALT_CERT_TEMPLATE] = AltCertTemplate
CONTROL_VALUES[oids.ID_REG_CTRL_ALG_ID] = AlgIdCtrl
CONTROL_VALUES[oids.ID_REG_CTRL_RSA_KEY_LEN] = RsaKeyLenCtrl
INFO_VALUES[oids.ID_IT_CA_PROT_ENC_CERT] = CAProtEncCertValue
INFO_VALUES[oids.ID_IT_SIGN_KEY_PAIR_TYPES] = SignKeyPairTypesValue
INFO_VALUES[oids.ID_IT_ENC_KEY_PAIR_TYPES] = EncKeyPairTypesValue
INFO_VALUES[oids.ID_IT_PREFERRED_SYMM_ALG] = PreferredSymmAlgValue
INFO_VALUES[oids.ID_IT_CA_KEY_UPDATE_INFO] = CAKeyUpdateInfoValue
INFO_VALUES[oids.ID_IT_CURRENT_CRL] = CurrentCRLValue
INFO_VALUES[oids.ID_IT_UNSUPPORTED_OIDS] = UnsupportedOIDsValue
INFO_VALUES[oids.ID_IT_KEY_PAIR_PARAM_REQ] = KeyPairParamReqValue
INFO_VALUES[oids.ID_IT_KEY_PAIR_PARAM_REP] = KeyPairParamRepValue
INFO_VALUES[oids.ID_IT_REV_PASSPHRASE] = RevPassphraseValue
INFO_VALUES[oids.ID_IT_IMPLICIT_CONFIRM] = ImplicitConfirmValue
INFO_VALUES[oids.ID_IT_CONFIRM_WAIT_TIME] = ConfirmWaitTimeValue
INFO_VALUES[oids.ID_IT_ORIG_PKI_MESSAGE] = OrigPKIMessageValue
INFO_VALUES[oids.ID_IT_SUPP_LANG_TAGS] = SuppLangTagsValue
INFO_VALUES[oids.ID_IT_CA_CERTS] = CaCertsValue
INFO_VALUES[oids.ID_IT_ROOT_CA_KEY_UPDATE] = RootCaKeyUpdateValue
INFO_VALUES[oids.ID_IT_CERT_REQ_TEMPLATE] = CertReqTemplateValue
INFO_VALUES[oids.ID_IT_ROOT_CA_CERT] = RootCaCertValue
INFO_VALUES[oids.ID_IT_CERT_PROFILE] = CertProfileValue
INFO_VALUES[oids.ID_IT_CRL_STATUS_LIST] = CRLStatusListValue
INFO_VALUES[oids.ID_IT_CRLS] = CRLsValue
INFO_VALUES[oids.ID_IT_KEM_CIPHERTEXT_INFO] = KemCiphertextInfoValue
