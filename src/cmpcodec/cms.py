"""What CMP needs of CMS: enveloped and signed data, key packages, and the parameters of their algorithms.

A schema file (RFC 5652, 5958, 9629, 5753, 8018, 5084, 9044, 8702): each class is one ASN.1 type, in the order of
its RFC. It knows nothing of CRMF or CMP, and computes nothing. Obsolete kinds of certificates stay opaque.
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import Annotated, Final, TypeAlias

from . import oids
from .asn1 import (
    TLV,
    BitString,
    Choice,
    Default,
    Explicit,
    Implicit,
    Null,
    ObjectIdentifier,
    Open,
    OpenTypes,
    Sequence,
    SequenceOf,
    SetOf,
    Size,
)
from .pkix import (
    ATTRIBUTE_VALUES,
    PARAMETERS,
    AlgorithmIdentifier,
    AttributeTypeAndValue,
    Certificate,
    CertificateList,
    CertificateSerialNumber,
    Name,
    Time,
)

CONTENTS = OpenTypes("ContentInfo.content")
"""Types of CMS contents."""

OTHER_RECIPIENTS = OpenTypes("OtherRecipientInfo.oriValue")
"""Types of the recipients that RFC 5652 did not know."""

OTHER_FORMATS = OpenTypes("OtherCertificateFormat.otherCert")
"""Types of certificates and revocation information that are not of X.509; none is known here."""

OTHER_KEY_ATTRIBUTES = OpenTypes("OtherKeyAttribute.keyAttr")
"""Types of further attributes of a key-encryption key; none is known here."""

# --- RFC 5652: CryptographicMessageSyntax2004, IMPLICIT TAGS ---

ContentType: TypeAlias = ObjectIdentifier
DigestAlgorithmIdentifier: TypeAlias = AlgorithmIdentifier
SignatureAlgorithmIdentifier: TypeAlias = AlgorithmIdentifier
KeyEncryptionAlgorithmIdentifier: TypeAlias = AlgorithmIdentifier
ContentEncryptionAlgorithmIdentifier: TypeAlias = AlgorithmIdentifier
KeyDerivationAlgorithmIdentifier: TypeAlias = AlgorithmIdentifier
SignatureValue: TypeAlias = bytes
SubjectKeyIdentifier: TypeAlias = bytes
EncryptedContent: TypeAlias = bytes
EncryptedKey: TypeAlias = bytes
UserKeyingMaterial: TypeAlias = bytes
MessageDigest: TypeAlias = bytes
SigningTime: TypeAlias = Time


class ContentInfo(Sequence):
    """A CMS content and its type: the outermost layer of CMS. RFC 5652, 3."""

    content_type: ContentType
    content: Annotated[object, Explicit(0), Open("content_type", CONTENTS)]


class CMSVersion(IntEnum):
    """Version of a CMS structure; it follows from what the structure holds. RFC 5652, 10.2.5."""

    V0 = 0
    V1 = 1
    V2 = 2
    V3 = 3
    V4 = 4
    V5 = 5


class AttrValues(SetOf[TLV], limit=32):
    """The values of one attribute; RFC 5652 leaves this SET OF unnamed. RFC 5652, 5.3."""


class Attribute(Sequence):
    """An attribute of a signature or of encrypted content, with its values. RFC 5652, 5.3."""

    attr_type: ObjectIdentifier
    attr_values: AttrValues

    def opened(self) -> tuple[object, ...]:
        """The values as their types, where the attribute is known and they conform; else as TLV."""
        return tuple(AttributeTypeAndValue(type=self.attr_type, value=value).value for value in self.attr_values)


class SignedAttributes(SetOf[Attribute], size=(1, None), limit=64):
    """What a signature covers beside the content; signed in its SET OF form. RFC 5652, 5.3."""


class UnsignedAttributes(SetOf[Attribute], size=(1, None), limit=64):
    """Attributes that no signature covers, such as a countersignature. RFC 5652, 5.3."""


class UnprotectedAttributes(SetOf[Attribute], size=(1, None), limit=64):
    """Attributes of encrypted content, themselves not encrypted. RFC 5652, 6.1."""


class DigestAlgorithmIdentifiers(SetOf[DigestAlgorithmIdentifier], limit=32):
    """The hash functions that the signers used. RFC 5652, 5.1."""


class EncapsulatedContentInfo(Sequence):
    """Signed content and its type; the content may be kept elsewhere. RFC 5652, 5.2."""

    e_content_type: ContentType
    e_content: Annotated[bytes | None, Explicit(0)] = None

    def __repr__(self) -> str:
        """Without the content, which may be a private key."""
        return f"EncapsulatedContentInfo({self.e_content_type!r}, {'None' if self.e_content is None else '<content>'})"


class IssuerAndSerialNumber(Sequence):
    """Names a certificate by its issuer and serial number. RFC 5652, 10.2.4."""

    issuer: Name
    serial_number: CertificateSerialNumber


class SignerIdentifier(Choice):
    """Names the certificate of a signer. RFC 5652, 5.3."""

    issuer_and_serial_number: IssuerAndSerialNumber | None = None
    subject_key_identifier: Annotated[SubjectKeyIdentifier | None, Implicit(0)] = None


class SignerInfo(Sequence):
    """One signature and who made it how. RFC 5652, 5.3."""

    version: CMSVersion | int
    sid: SignerIdentifier
    digest_algorithm: DigestAlgorithmIdentifier
    signed_attrs: Annotated[SignedAttributes | None, Implicit(0)] = None
    signature_algorithm: SignatureAlgorithmIdentifier
    signature: SignatureValue
    unsigned_attrs: Annotated[UnsignedAttributes | None, Implicit(1)] = None


class SignerInfos(SetOf[SignerInfo], limit=32):
    """The signatures of signed data; there may be none. RFC 5652, 5.1."""


class ExtendedCertificate(TLV, tag=0x30):
    """A PKCS #6 certificate, kept as the DER that it is: obsolete. RFC 5652, 10.2.2."""


class AttributeCertificateV1(TLV, tag=0x30):
    """An attribute certificate of version 1, kept as the DER that it is: obsolete. RFC 5652, 10.2.2."""


class AttributeCertificateV2(TLV, tag=0x30):
    """An attribute certificate, kept as the DER that it is. RFC 5652, 10.2.2."""


class OtherCertificateFormat(Sequence):
    """A certificate of another form than X.509. RFC 5652, 10.2.2."""

    other_cert_format: ObjectIdentifier
    other_cert: Annotated[object, Open("other_cert_format", OTHER_FORMATS)]


class CertificateChoices(Choice):
    """A certificate; in practice always an X.509 one. RFC 5652, 10.2.2."""

    certificate: Certificate | None = None
    extended_certificate: Annotated[ExtendedCertificate | None, Implicit(0)] = None
    v1_attr_cert: Annotated[AttributeCertificateV1 | None, Implicit(1)] = None
    v2_attr_cert: Annotated[AttributeCertificateV2 | None, Implicit(2)] = None
    other: Annotated[OtherCertificateFormat | None, Implicit(3)] = None


class CertificateSet(SetOf[CertificateChoices], limit=32):
    """Certificates that help to verify; none of them is a trust anchor. RFC 5652, 10.2.3."""


class OtherRevocationInfoFormat(Sequence):
    """Revocation information of another form than a CRL, such as an OCSP response. RFC 5652, 10.2.1."""

    other_rev_info_format: ObjectIdentifier
    other_rev_info: Annotated[object, Open("other_rev_info_format", OTHER_FORMATS)]


class RevocationInfoChoice(Choice):
    """A CRL, or what takes its place. RFC 5652, 10.2.1."""

    crl: CertificateList | None = None
    other: Annotated[OtherRevocationInfoFormat | None, Implicit(1)] = None


class RevocationInfoChoices(SetOf[RevocationInfoChoice], limit=32):
    """Revocation information that helps to verify. RFC 5652, 10.2.1."""


class SignedData(Sequence):
    """Content and the signatures over it; in CMP it holds a centrally generated key. RFC 5652, 5.1."""

    version: CMSVersion | int
    digest_algorithms: DigestAlgorithmIdentifiers
    encap_content_info: EncapsulatedContentInfo
    certificates: Annotated[CertificateSet | None, Implicit(0)] = None
    crls: Annotated[RevocationInfoChoices | None, Implicit(1)] = None
    signer_infos: SignerInfos


class OriginatorInfo(Sequence):
    """Certificates of the sender that a recipient needs for key agreement. RFC 5652, 6.1."""

    certs: Annotated[CertificateSet | None, Implicit(0)] = None
    crls: Annotated[RevocationInfoChoices | None, Implicit(1)] = None


class EncryptedContentInfo(Sequence):
    """Encrypted content, its type and its cipher. RFC 5652, 6.1."""

    content_type: ContentType
    content_encryption_algorithm: ContentEncryptionAlgorithmIdentifier
    encrypted_content: Annotated[EncryptedContent | None, Implicit(0)] = None


class RecipientIdentifier(Choice):
    """Names the certificate whose key encrypts for a recipient. RFC 5652, 6.2.1."""

    issuer_and_serial_number: IssuerAndSerialNumber | None = None
    subject_key_identifier: Annotated[SubjectKeyIdentifier | None, Implicit(0)] = None


class KeyTransRecipientInfo(Sequence):
    """For a recipient with an RSA key: the content key, encrypted with it. RFC 5652, 6.2.1."""

    version: CMSVersion | int
    rid: RecipientIdentifier
    key_encryption_algorithm: KeyEncryptionAlgorithmIdentifier
    encrypted_key: EncryptedKey


class OriginatorPublicKey(Sequence):
    """The sender's key for one key agreement. RFC 5652, 6.2.2."""

    algorithm: AlgorithmIdentifier
    public_key: BitString


class OriginatorIdentifierOrKey(Choice):
    """The sender's key for a key agreement, or the certificate that has it. RFC 5652, 6.2.2."""

    issuer_and_serial_number: IssuerAndSerialNumber | None = None
    subject_key_identifier: Annotated[SubjectKeyIdentifier | None, Implicit(0)] = None
    originator_key: Annotated[OriginatorPublicKey | None, Implicit(1)] = None


class OtherKeyAttribute(Sequence):
    """What else tells a key from others. RFC 5652, 10.2.7."""

    key_attr_id: ObjectIdentifier
    key_attr: Annotated[object | None, Open("key_attr_id", OTHER_KEY_ATTRIBUTES)] = None


class RecipientKeyIdentifier(Sequence):
    """Names the key of a recipient of a key agreement. RFC 5652, 6.2.2."""

    subject_key_identifier: SubjectKeyIdentifier
    date: datetime | None = None
    other: OtherKeyAttribute | None = None


class KeyAgreeRecipientIdentifier(Choice):
    """Names the certificate or the key of a recipient of a key agreement. RFC 5652, 6.2.2."""

    issuer_and_serial_number: IssuerAndSerialNumber | None = None
    r_key_id: Annotated[RecipientKeyIdentifier | None, Implicit(0)] = None


class RecipientEncryptedKey(Sequence):
    """The content key, encrypted for one recipient of a key agreement. RFC 5652, 6.2.2."""

    rid: KeyAgreeRecipientIdentifier
    encrypted_key: EncryptedKey


class RecipientEncryptedKeys(SequenceOf[RecipientEncryptedKey], limit=32):
    """The content key, encrypted for each recipient of a key agreement. RFC 5652, 6.2.2."""


class KeyAgreeRecipientInfo(Sequence):
    """For recipients with a Diffie-Hellman or elliptic curve key. RFC 5652, 6.2.2."""

    version: CMSVersion | int
    originator: Annotated[OriginatorIdentifierOrKey, Explicit(0)]
    ukm: Annotated[UserKeyingMaterial | None, Explicit(1)] = None
    key_encryption_algorithm: KeyEncryptionAlgorithmIdentifier
    recipient_encrypted_keys: RecipientEncryptedKeys


class KEKIdentifier(Sequence):
    """Names a symmetric key that sender and recipient share. RFC 5652, 6.2.3."""

    key_identifier: bytes
    date: datetime | None = None
    other: OtherKeyAttribute | None = None


class KEKRecipientInfo(Sequence):
    """For a recipient that shares a symmetric key with the sender. RFC 5652, 6.2.3."""

    version: CMSVersion | int
    kekid: KEKIdentifier
    key_encryption_algorithm: KeyEncryptionAlgorithmIdentifier
    encrypted_key: EncryptedKey


class PasswordRecipientInfo(Sequence):
    """For a recipient that shares a password with the sender. RFC 5652, 6.2.4."""

    version: CMSVersion | int
    key_derivation_algorithm: Annotated[KeyDerivationAlgorithmIdentifier | None, Implicit(0)] = None
    key_encryption_algorithm: KeyEncryptionAlgorithmIdentifier
    encrypted_key: EncryptedKey


class OtherRecipientInfo(Sequence):
    """For a recipient of a kind that came later, such as KEMRecipientInfo. RFC 5652, 6.2.5."""

    ori_type: ObjectIdentifier
    ori_value: Annotated[object, Open("ori_type", OTHER_RECIPIENTS)]


class RecipientInfo(Choice):
    """How one recipient gets at the content key. RFC 5652, 6.2."""

    ktri: KeyTransRecipientInfo | None = None
    kari: Annotated[KeyAgreeRecipientInfo | None, Implicit(1)] = None
    kekri: Annotated[KEKRecipientInfo | None, Implicit(2)] = None
    pwri: Annotated[PasswordRecipientInfo | None, Implicit(3)] = None
    ori: Annotated[OtherRecipientInfo | None, Implicit(4)] = None


class RecipientInfos(SetOf[RecipientInfo], size=(1, None), limit=32):
    """The recipients of encrypted content. RFC 5652, 6.1."""


class EnvelopedData(Sequence):
    """Content encrypted for recipients; CMP's way to carry certificates and keys in secret. RFC 5652, 6.1."""

    version: CMSVersion | int
    originator_info: Annotated[OriginatorInfo | None, Implicit(0)] = None
    recipient_infos: RecipientInfos
    encrypted_content_info: EncryptedContentInfo
    unprotected_attrs: Annotated[UnprotectedAttributes | None, Implicit(1)] = None


CONTENTS[oids.ID_DATA] = bytes
CONTENTS[oids.ID_SIGNED_DATA] = SignedData
CONTENTS[oids.ID_ENVELOPED_DATA] = EnvelopedData
CONTENTS[oids.ID_CT_CONTENT_INFO] = ContentInfo
ATTRIBUTE_VALUES[oids.ID_CONTENT_TYPE] = ContentType
ATTRIBUTE_VALUES[oids.ID_MESSAGE_DIGEST] = MessageDigest
ATTRIBUTE_VALUES[oids.ID_SIGNING_TIME] = SigningTime
ATTRIBUTE_VALUES[oids.ID_COUNTERSIGNATURE] = SignerInfo

# --- RFC 5958: AsymmetricKeyPackageModuleV1, IMPLICIT TAGS ---


class Attributes(SetOf[Attribute], limit=64):
    """Attributes of a private key. RFC 5958, 2."""


class Version(IntEnum):
    """Version of a private key: V2 if the public key comes with it. RFC 5958, 2."""

    V1 = 0
    V2 = 1


class OneAsymmetricKey(Sequence):
    """A private key, and perhaps its public key. RFC 5958, 2."""

    version: Version | int
    private_key_algorithm: AlgorithmIdentifier
    private_key: bytes
    attributes: Annotated[Attributes | None, Implicit(0)] = None
    public_key: Annotated[BitString | None, Implicit(1)] = None

    def __repr__(self) -> str:
        return f"OneAsymmetricKey({self.private_key_algorithm!r}, <private key>)"


class AsymmetricKeyPackage(SequenceOf[OneAsymmetricKey], size=(1, None), limit=32):
    """Private keys under way to their owner: the content of a centrally generated key. RFC 5958, 2."""


CONTENTS[oids.ID_CT_KP_A_KEY_PACKAGE] = AsymmetricKeyPackage

# --- RFC 9629: CMS-KEMRecipientInfo-2023, IMPLICIT TAGS ---

KEMAlgorithmIdentifier: TypeAlias = AlgorithmIdentifier


class KEMRecipientInfo(Sequence):
    """For a recipient with the key of a key encapsulation mechanism. RFC 9629, 3."""

    version: CMSVersion | int
    rid: RecipientIdentifier
    kem: KEMAlgorithmIdentifier
    kemct: bytes
    kdf: KeyDerivationAlgorithmIdentifier
    kek_length: int
    ukm: Annotated[UserKeyingMaterial | None, Explicit(0)] = None
    wrap: KeyEncryptionAlgorithmIdentifier
    encrypted_key: EncryptedKey


class CMSORIforKEMOtherInfo(Sequence):
    """What the key derivation of a KEMRecipientInfo mixes in beside the shared secret. RFC 9629, 5."""

    wrap: KeyEncryptionAlgorithmIdentifier
    kek_length: int
    ukm: Annotated[UserKeyingMaterial | None, Explicit(0)] = None


OTHER_RECIPIENTS[oids.ID_ORI_KEM] = KEMRecipientInfo

# --- RFC 5753: CMSECCAlgs-2009-02, EXPLICIT TAGS ---


class ECC_CMS_SharedInfo(Sequence):
    """What the key derivation of a key agreement mixes in; the module spells it ECC-CMS-SharedInfo. RFC 5753, 7.2."""

    key_info: AlgorithmIdentifier
    entity_u_info: Annotated[bytes | None, Explicit(0)] = None
    supp_pub_info: Annotated[bytes, Explicit(2)]


# --- RFC 8018: PKCS5v2-1 ---

PARAMETERS[oids.HMAC_WITH_SHA1] = Null
PARAMETERS[oids.HMAC_WITH_SHA224] = Null
PARAMETERS[oids.HMAC_WITH_SHA256] = Null
PARAMETERS[oids.HMAC_WITH_SHA384] = Null
PARAMETERS[oids.HMAC_WITH_SHA512] = Null
PARAMETERS[oids.HMAC_WITH_SHA512_224] = Null
PARAMETERS[oids.HMAC_WITH_SHA512_256] = Null
PARAMETERS[oids.HMAC_SHA1_IPSEC] = Null

HMAC_WITH_SHA1_IDENTIFIER: Final = AlgorithmIdentifier(algorithm=oids.HMAC_WITH_SHA1, parameters=Null())


class PBES2_params(Sequence):
    """Password-based encryption: the key derivation and the cipher. RFC 8018, 6.2."""

    key_derivation_func: AlgorithmIdentifier
    encryption_scheme: AlgorithmIdentifier


class PBMAC1_params(Sequence):
    """Password-based MAC: the key derivation and the MAC. RFC 8018, 7.1."""

    key_derivation_func: AlgorithmIdentifier
    message_auth_scheme: AlgorithmIdentifier


class Salt(Choice):
    """The salt of PBKDF2; RFC 8018 leaves this CHOICE unnamed. RFC 8018, appendix A.2."""

    specified: bytes | None = None
    other_source: AlgorithmIdentifier | None = None


class PBKDF2_params(Sequence):
    """PBKDF2: salt, iterations, octets of the key, pseudorandom function. RFC 8018, appendix A.2."""

    salt: Salt
    iteration_count: int
    key_length: int | None = None
    prf: Annotated[AlgorithmIdentifier, Default(HMAC_WITH_SHA1_IDENTIFIER)] = HMAC_WITH_SHA1_IDENTIFIER


PARAMETERS[oids.ID_PBKDF2] = PBKDF2_params
PARAMETERS[oids.ID_PBES2] = PBES2_params
PARAMETERS[oids.ID_PBMAC1] = PBMAC1_params

# --- Ciphers and MACs: AES-CBC (RFC 3565), CCM and GCM (RFC 5084), GMAC (RFC 9044), KMAC (RFC 8702) ---


class CCMParameters(Sequence):
    """AES-CCM: nonce, and octets of the authentication tag. RFC 5084, 3.1."""

    aes_nonce: Annotated[bytes, Size(7, 13)]
    aes_icv_len: Annotated[int, Default(12)] = 12


class GCMParameters(Sequence):
    """AES-GCM: nonce, and octets of the authentication tag. RFC 5084, 3.2."""

    aes_nonce: bytes
    aes_icv_len: Annotated[int, Default(12)] = 12


class GMACParameters(Sequence):
    """AES-GMAC: nonce, and octets of the MAC. RFC 9044, 2."""

    nonce: bytes
    length: Annotated[int, Default(12)] = 12


class KMACwithSHAKE128_params(Sequence):
    """KMAC with SHAKE128: bits of the MAC, and what else to mix in. RFC 8702, 3.4."""

    kmac_output_length: Annotated[int, Default(256)] = 256
    customization_string: Annotated[bytes, Default(b"")] = b""


class KMACwithSHAKE256_params(Sequence):
    """KMAC with SHAKE256: bits of the MAC, and what else to mix in. RFC 8702, 3.4."""

    kmac_output_length: Annotated[int, Default(512)] = 512
    customization_string: Annotated[bytes, Default(b"")] = b""


PARAMETERS[oids.ID_AES128_CBC] = Annotated[bytes, Size(16, 16)]
PARAMETERS[oids.ID_AES192_CBC] = Annotated[bytes, Size(16, 16)]
PARAMETERS[oids.ID_AES256_CBC] = Annotated[bytes, Size(16, 16)]
PARAMETERS[oids.DES_EDE3_CBC] = Annotated[bytes, Size(8, 8)]
PARAMETERS[oids.ID_AES128_CCM] = CCMParameters
PARAMETERS[oids.ID_AES192_CCM] = CCMParameters
PARAMETERS[oids.ID_AES256_CCM] = CCMParameters
PARAMETERS[oids.ID_AES128_GCM] = GCMParameters
PARAMETERS[oids.ID_AES192_GCM] = GCMParameters
PARAMETERS[oids.ID_AES256_GCM] = GCMParameters
PARAMETERS[oids.ID_ALG_AEAD_CHACHA20_POLY1305] = Annotated[bytes, Size(12, 12)]
PARAMETERS[oids.ID_AES128_GMAC] = GMACParameters
PARAMETERS[oids.ID_AES192_GMAC] = GMACParameters
PARAMETERS[oids.ID_AES256_GMAC] = GMACParameters
PARAMETERS[oids.ID_KMAC_WITH_SHAKE128] = KMACwithSHAKE128_params
PARAMETERS[oids.ID_KMAC_WITH_SHAKE256] = KMACwithSHAKE256_params

# --- Algorithms whose parameters name another one: a key agreement its key wrap (RFC 3370, 5753, 8418), an
# encryption with a password its cipher (RFC 3370), a key derivation its hash (RFC 9690) ---

KeyWrapAlgorithm: TypeAlias = AlgorithmIdentifier

for _oid in (
    oids.ID_ALG_ESDH,
    oids.ID_ALG_SSDH,
    oids.DH_SINGLE_PASS_STD_DH_SHA1KDF_SCHEME,
    oids.DH_SINGLE_PASS_STD_DH_SHA224KDF_SCHEME,
    oids.DH_SINGLE_PASS_STD_DH_SHA256KDF_SCHEME,
    oids.DH_SINGLE_PASS_STD_DH_SHA384KDF_SCHEME,
    oids.DH_SINGLE_PASS_STD_DH_SHA512KDF_SCHEME,
    oids.DH_SINGLE_PASS_COFACTOR_DH_SHA1KDF_SCHEME,
    oids.DH_SINGLE_PASS_COFACTOR_DH_SHA224KDF_SCHEME,
    oids.DH_SINGLE_PASS_COFACTOR_DH_SHA256KDF_SCHEME,
    oids.DH_SINGLE_PASS_COFACTOR_DH_SHA384KDF_SCHEME,
    oids.DH_SINGLE_PASS_COFACTOR_DH_SHA512KDF_SCHEME,
    oids.MQV_SINGLE_PASS_SHA1KDF_SCHEME,
    oids.MQV_SINGLE_PASS_SHA224KDF_SCHEME,
    oids.MQV_SINGLE_PASS_SHA256KDF_SCHEME,
    oids.MQV_SINGLE_PASS_SHA384KDF_SCHEME,
    oids.MQV_SINGLE_PASS_SHA512KDF_SCHEME,
    oids.DH_SINGLE_PASS_STD_DH_HKDF_SHA256_SCHEME,
    oids.DH_SINGLE_PASS_STD_DH_HKDF_SHA384_SCHEME,
    oids.DH_SINGLE_PASS_STD_DH_HKDF_SHA512_SCHEME,
):
    PARAMETERS[_oid] = KeyWrapAlgorithm
PARAMETERS[oids.ID_ALG_PWRI_KEK] = AlgorithmIdentifier
PARAMETERS[oids.ID_KDF_KDF2] = AlgorithmIdentifier
PARAMETERS[oids.ID_KDF_KDF3] = AlgorithmIdentifier
PARAMETERS[oids.ID_ALG_CMS3DES_WRAP] = Null
