"""What CMP needs of X.509: names, times, keys, extensions, requests (RFC 5280, 2986, 4055, 3279, 5480).

A schema file: each class is one ASN.1 type, in the order of its RFC; comments tell where another module with
its own rule for tags begins. It knows nothing of CMS, CRMF or CMP. Certificates stay opaque until `load()`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

from . import oids
from .asn1 import (
    TLV,
    BitString,
    BMPString,
    Choice,
    Default,
    Enumerated,
    Explicit,
    GeneralizedTime,
    IA5String,
    Implicit,
    Limits,
    NamedBits,
    Null,
    ObjectIdentifier,
    Open,
    OpenTypes,
    PrintableString,
    Sequence,
    SequenceOf,
    SetOf,
    Size,
    TeletexString,
    UniversalString,
    UTCTime,
    bit,
)
from .errors import DecodeError

if TYPE_CHECKING:
    from cryptography import x509

ATTRIBUTE_VALUES = OpenTypes("AttributeTypeAndValue.value")
"""Types of the values of attributes, in names as in certification requests and CMS."""

EXTENSION_VALUES = OpenTypes("Extension.extnValue")
"""Types of what the extnValue of an extension holds."""

PARAMETERS = OpenTypes("AlgorithmIdentifier.parameters")
"""Types of algorithm parameters. An algorithm whose parameters are to be absent is not listed."""

OTHER_NAMES = OpenTypes("OtherName.value")
"""Types of the values of otherName."""

# --- RFC 5280, appendix A.1: PKIX1Explicit88, EXPLICIT TAGS ---


class AttributeValues(SetOf[TLV], size=(1, None), limit=32):
    """The values of one attribute; RFC 5280 leaves this SET OF unnamed. RFC 5280, appendix A.1."""


class Attribute(Sequence):
    """An attribute and its values, as a certification request has them. RFC 5280, appendix A.1."""

    type: ObjectIdentifier
    values: AttributeValues

    def opened(self) -> tuple[object, ...]:
        """The values as their types, where the attribute is known and they conform; else as TLV."""
        return tuple(AttributeTypeAndValue(type=self.type, value=value).value for value in self.values)


class AttributeTypeAndValue(Sequence):
    """One attribute of a distinguished name, such as its commonName. RFC 5280, 4.1.2.4."""

    type: ObjectIdentifier
    value: Annotated[object, Open("type", ATTRIBUTE_VALUES)]


class RelativeDistinguishedName(SetOf[AttributeTypeAndValue], size=(1, None), limit=16):
    """One step of a distinguished name, nearly always of one attribute. RFC 5280, 4.1.2.4."""


class Name(SequenceOf[RelativeDistinguishedName], limit=64):
    """A distinguished name: the only alternative of the CHOICE Name, RDNSequence. RFC 5280, 4.1.2.4.

    That Name is a CHOICE shows in its tags alone: they are always explicit.
    """

    def rfc4514(self) -> str:
        r"""The name as text after RFC 4514: last RDN first, ``CN=device-1,O=Example``.

        An attribute type without a descriptor is written in dotted decimal and its value, like all that is no
        character string, as ``#`` with the hexadecimal DER. What does not print (control and format
        characters, line ends, NUL) is written in pairs such as ``\0A``: the text is safe to show and to log.
        """
        return ",".join("+".join(_rfc4514_attribute(one) for one in rdn) for rdn in reversed(tuple(self)))

    def matches(self, other: Name) -> bool:
        """Whether both name the same, in whatever string types and case. RFC 5280, 7.1."""
        if self == other:
            return True
        return len(self) == len(other) and self.rfc4514().casefold() == other.rfc4514().casefold()


class DirectoryString(Choice):
    """Text of a name, in one of five encodings; use utf8_string. RFC 5280, 4.1.2.4."""

    teletex_string: Annotated[str | None, TeletexString, Size(1)] = None
    printable_string: Annotated[str | None, PrintableString, Size(1)] = None
    universal_string: Annotated[str | None, UniversalString, Size(1)] = None
    utf8_string: Annotated[str | None, Size(1)] = None
    bmp_string: Annotated[str | None, BMPString, Size(1)] = None


class Certificate(TLV, tag=0x30):
    """An X.509 certificate, kept as the DER that it is. RFC 5280, 4.1."""

    def load(self) -> x509.Certificate:
        """Hand the certificate to `cryptography`; DecodeError if that cannot read it."""
        from cryptography import x509

        try:
            return x509.load_der_x509_certificate(self.der)
        except (ValueError, x509.InvalidVersion, Warning) as error:  # a Warning: where warnings are made errors
            raise DecodeError(type(self).__name__, f"not an X.509 certificate ({error})", 0) from error


class Version(IntEnum):
    """Version of a certificate. RFC 5280, 4.1.2.1."""

    V1 = 0
    V2 = 1
    V3 = 2


CertificateSerialNumber: TypeAlias = int
UniqueIdentifier: TypeAlias = BitString


class Time(Choice):
    """A time: UTCTime until 2049, GeneralizedTime from 2050. RFC 5280, 4.1.2.5."""

    utc_time: Annotated[datetime | None, UTCTime] = None
    general_time: Annotated[datetime | None, GeneralizedTime] = None


class SubjectPublicKeyInfo(Sequence):
    """A public key and its algorithm. RFC 5280, 4.1.2.7."""

    algorithm: AlgorithmIdentifier
    subject_public_key: BitString


class Extension(Sequence):
    """One extension of a certificate, a CRL or a CRL entry. RFC 5280, 4.1.2.9."""

    extn_id: ObjectIdentifier
    critical: Annotated[bool, Default(False)] = False
    extn_value: bytes

    def opened(self) -> object:
        """The value inside extnValue as its type, where the extension is known and it conforms; else as TLV.

        DecodeError if extnValue does not hold exactly one value.
        """
        return _UnwrappedExtension(extn_id=self.extn_id, value=TLV.decode(self.extn_value)).value


class _UnwrappedExtension(Sequence):
    """Not on the wire: an extension whose value lies open, so that the OID tells its type."""

    extn_id: ObjectIdentifier
    value: Annotated[object, Open("extn_id", EXTENSION_VALUES)]


class Extensions(SequenceOf[Extension], size=(1, None), limit=64):
    """The extensions that a certificate has, or is asked to have. RFC 5280, 4.1.2.9."""


class CertificateList(TLV, tag=0x30):
    """An X.509 CRL, kept as the DER that it is. RFC 5280, 5.1."""

    def load(self) -> x509.CertificateRevocationList:
        """Hand the CRL to `cryptography`; DecodeError if that cannot read it."""
        from cryptography import x509

        try:
            return x509.load_der_x509_crl(self.der)
        except (ValueError, x509.InvalidVersion, Warning) as error:
            raise DecodeError(type(self).__name__, f"not an X.509 CRL ({error})", 0) from error


class AlgorithmIdentifier(Sequence):
    """An algorithm and its parameters. RFC 5280, 4.1.1.2."""

    algorithm: ObjectIdentifier
    parameters: Annotated[object | None, Open("algorithm", PARAMETERS)] = None


class ORAddress(TLV, tag=0x30):
    """An X.400 address, kept as the DER that it is: nobody uses them. RFC 5280, appendix A.1."""


# --- RFC 5280, appendix A.2: PKIX1Implicit88, IMPLICIT TAGS ---

KeyIdentifier: TypeAlias = bytes


class AuthorityKeyIdentifier(Sequence):
    """Extension: which key signed this certificate. RFC 5280, 4.2.1.1."""

    key_identifier: Annotated[KeyIdentifier | None, Implicit(0)] = None
    authority_cert_issuer: Annotated[GeneralNames | None, Implicit(1)] = None
    authority_cert_serial_number: Annotated[CertificateSerialNumber | None, Implicit(2)] = None


class KeyUsage(NamedBits):
    """Extension: what the key may be used for. RFC 5280, 4.2.1.3."""

    DIGITAL_SIGNATURE = bit(0)
    NON_REPUDIATION = bit(1)
    KEY_ENCIPHERMENT = bit(2)
    DATA_ENCIPHERMENT = bit(3)
    KEY_AGREEMENT = bit(4)
    KEY_CERT_SIGN = bit(5)
    CRL_SIGN = bit(6)
    ENCIPHER_ONLY = bit(7)
    DECIPHER_ONLY = bit(8)


class OtherName(Sequence):
    """A name of a form that its OID defines; AnotherName in the ASN.1 module. RFC 5280, 4.2.1.6."""

    type_id: ObjectIdentifier
    value: Annotated[object, Explicit(0), Open("type_id", OTHER_NAMES)]


class EDIPartyName(Sequence):
    """A name of electronic data interchange. RFC 5280, 4.2.1.6."""

    name_assigner: Annotated[DirectoryString | None, Explicit(0)] = None
    party_name: Annotated[DirectoryString, Explicit(1)]


class GeneralName(Choice):
    """A name of any form; in CMP nearly always a directory_name. RFC 5280, 4.2.1.6."""

    other_name: Annotated[OtherName | None, Implicit(0)] = None
    rfc822_name: Annotated[str | None, IA5String, Implicit(1)] = None
    dns_name: Annotated[str | None, IA5String, Implicit(2)] = None
    x400_address: Annotated[ORAddress | None, Implicit(3)] = None
    directory_name: Annotated[Name | None, Explicit(4)] = None
    edi_party_name: Annotated[EDIPartyName | None, Implicit(5)] = None
    uniform_resource_identifier: Annotated[str | None, IA5String, Implicit(6)] = None
    ip_address: Annotated[bytes | None, Implicit(7)] = None
    registered_id: Annotated[ObjectIdentifier | None, Implicit(8)] = None


class GeneralNames(SequenceOf[GeneralName], size=(1, None), limit=256):
    """Names of one subject, as in its subjectAltName. RFC 5280, 4.2.1.6."""


class BasicConstraints(Sequence):
    """Extension: whether the subject is a CA, and how long a path may follow. RFC 5280, 4.2.1.9."""

    ca: Annotated[bool, Default(False)] = False
    path_len_constraint: int | None = None


class ExtKeyUsageSyntax(SequenceOf[ObjectIdentifier], size=(1, None), limit=64):
    """Extension: purposes that the key may serve, such as id-kp-cmcRA. RFC 5280, 4.2.1.12."""


class DistributionPointName(Choice):
    """Where a CRL is found. RFC 5280, 4.2.1.13."""

    full_name: Annotated[GeneralNames | None, Implicit(0)] = None
    name_relative_to_crl_issuer: Annotated[RelativeDistinguishedName | None, Implicit(1)] = None


class CRLReason(IntEnum):
    """Why a certificate is revoked: an ENUMERATED in an extension of a CRL entry. RFC 5280, 5.3.1."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    CA_COMPROMISE = 2
    AFFILIATION_CHANGED = 3
    SUPERSEDED = 4
    CESSATION_OF_OPERATION = 5
    CERTIFICATE_HOLD = 6
    REMOVE_FROM_CRL = 8
    PRIVILEGE_WITHDRAWN = 9
    AA_COMPROMISE = 10


# --- RFC 2986: PKCS-10, IMPLICIT TAGS ---


class Attributes(SetOf[Attribute], limit=64):
    """Attributes of a certification request, such as the extensions that it asks for. RFC 2986, 4.1."""


class CertificationRequestInfo(Sequence):
    """What a PKCS #10 request asks for, and what its signature covers. RFC 2986, 4.1."""

    version: int
    subject: Name
    subject_pk_info: SubjectPublicKeyInfo
    attributes: Annotated[Attributes, Implicit(0)]


class CertificationRequest(Sequence):
    """A PKCS #10 certification request, signed with the key to be certified. RFC 2986, 4.2."""

    certification_request_info: CertificationRequestInfo
    signature_algorithm: AlgorithmIdentifier
    signature: BitString


# --- RFC 3279: parameters of DSA and Diffie-Hellman keys ---


class Dss_Parms(Sequence):
    """The group of a DSA key; the module spells it Dss-Parms. RFC 3279, 2.3.2."""

    p: int
    q: int
    g: int


class ValidationParms(Sequence):
    """How the group of a Diffie-Hellman key was generated. RFC 3279, 2.3.3."""

    seed: BitString
    pgen_counter: int


class DomainParameters(Sequence):
    """The group of a Diffie-Hellman key. RFC 3279, 2.3.3."""

    p: int
    g: int
    q: int
    j: int | None = None
    validation_parms: ValidationParms | None = None


# --- RFC 5480: elliptic curves ---


class SpecifiedECDomain(TLV, tag=0x30):
    """A curve written out in full, kept as the DER that it is: PKIX forbids it. RFC 5480, 2.1.1."""


class ECParameters(Choice):
    """The curve of a key: by its name, as the other two ways are forbidden. RFC 5480, 2.1.1."""

    named_curve: ObjectIdentifier | None = None
    implicit_curve: Null | None = None
    specified_curve: SpecifiedECDomain | None = None


# --- RFC 4108: CMSFirmwareWrapper, IMPLICIT TAGS ---


class HardwareModuleName(Sequence):
    """An otherName: a device by its type and serial number, as in IDevID certificates. RFC 4108, 5."""

    hw_type: ObjectIdentifier
    hw_serial_num: bytes


# --- The types of open values. They stand before RFC 4055, whose defaults have parameters themselves. ---

_DIRECTORY_STRINGS = (
    oids.NAME,
    oids.SURNAME,
    oids.GIVEN_NAME,
    oids.INITIALS,
    oids.GENERATION_QUALIFIER,
    oids.COMMON_NAME,
    oids.LOCALITY_NAME,
    oids.STATE_OR_PROVINCE_NAME,
    oids.STREET_ADDRESS,
    oids.ORGANIZATION_NAME,
    oids.ORGANIZATIONAL_UNIT_NAME,
    oids.TITLE,
    oids.DESCRIPTION,
    oids.BUSINESS_CATEGORY,
    oids.POSTAL_CODE,
    oids.PSEUDONYM,
    oids.ORGANIZATION_IDENTIFIER,
    oids.USER_ID,
    oids.UNSTRUCTURED_ADDRESS,
    oids.CHALLENGE_PASSWORD,
)
for _oid in _DIRECTORY_STRINGS:
    ATTRIBUTE_VALUES[_oid] = DirectoryString
ATTRIBUTE_VALUES[oids.DN_QUALIFIER] = Annotated[str, PrintableString]
ATTRIBUTE_VALUES[oids.SERIAL_NUMBER] = Annotated[str, PrintableString]
ATTRIBUTE_VALUES[oids.COUNTRY_NAME] = Annotated[str, PrintableString, Size(2, 2)]
ATTRIBUTE_VALUES[oids.DOMAIN_COMPONENT] = Annotated[str, IA5String]
ATTRIBUTE_VALUES[oids.EMAIL_ADDRESS] = Annotated[str, IA5String]
ATTRIBUTE_VALUES[oids.EXTENSION_REQUEST] = Extensions

EXTENSION_VALUES[oids.ID_CE_SUBJECT_KEY_IDENTIFIER] = KeyIdentifier
EXTENSION_VALUES[oids.ID_CE_AUTHORITY_KEY_IDENTIFIER] = AuthorityKeyIdentifier
EXTENSION_VALUES[oids.ID_CE_KEY_USAGE] = KeyUsage
EXTENSION_VALUES[oids.ID_CE_SUBJECT_ALT_NAME] = GeneralNames
EXTENSION_VALUES[oids.ID_CE_ISSUER_ALT_NAME] = GeneralNames
EXTENSION_VALUES[oids.ID_CE_BASIC_CONSTRAINTS] = BasicConstraints
EXTENSION_VALUES[oids.ID_CE_EXT_KEY_USAGE] = ExtKeyUsageSyntax
EXTENSION_VALUES[oids.ID_CE_CRL_NUMBER] = int
EXTENSION_VALUES[oids.ID_CE_DELTA_CRL_INDICATOR] = int
EXTENSION_VALUES[oids.ID_CE_CRL_REASONS] = Annotated[CRLReason | int, Enumerated]
EXTENSION_VALUES[oids.ID_CE_INVALIDITY_DATE] = datetime
EXTENSION_VALUES[oids.ID_CE_CERTIFICATE_ISSUER] = GeneralNames

OTHER_NAMES[oids.ID_ON_HARDWARE_MODULE_NAME] = HardwareModuleName
OTHER_NAMES[oids.ID_ON_XMPP_ADDR] = str
OTHER_NAMES[oids.ID_ON_SMTP_UTF8_MAILBOX] = Annotated[str, Size(1)]
OTHER_NAMES[oids.USER_PRINCIPAL_NAME] = str

_NULL_PARAMETERS = (
    oids.MD5,
    oids.SHA1,
    oids.SHA224,
    oids.SHA256,
    oids.SHA384,
    oids.SHA512,
    oids.RSA_ENCRYPTION,
    oids.MD5_WITH_RSA_ENCRYPTION,
    oids.SHA1_WITH_RSA_ENCRYPTION,
    oids.SHA224_WITH_RSA_ENCRYPTION,
    oids.SHA256_WITH_RSA_ENCRYPTION,
    oids.SHA384_WITH_RSA_ENCRYPTION,
    oids.SHA512_WITH_RSA_ENCRYPTION,
    oids.ID_RSASSA_PKCS1_V1_5_WITH_SHA3_224,
    oids.ID_RSASSA_PKCS1_V1_5_WITH_SHA3_256,
    oids.ID_RSASSA_PKCS1_V1_5_WITH_SHA3_384,
    oids.ID_RSASSA_PKCS1_V1_5_WITH_SHA3_512,
)
for _oid in _NULL_PARAMETERS:
    PARAMETERS[_oid] = Null
PARAMETERS[oids.ID_MGF1] = AlgorithmIdentifier
PARAMETERS[oids.ID_P_SPECIFIED] = bytes
PARAMETERS[oids.ID_DSA] = Dss_Parms
PARAMETERS[oids.DHPUBLICNUMBER] = DomainParameters
PARAMETERS[oids.ID_EC_PUBLIC_KEY] = ECParameters
PARAMETERS[oids.ID_EC_DH] = ECParameters
PARAMETERS[oids.ID_EC_MQV] = ECParameters


# --- RFC 4055: PKIX1-PSS-OAEP-Algorithms, EXPLICIT TAGS ---

SHA1_IDENTIFIER: Final = AlgorithmIdentifier(algorithm=oids.SHA1, parameters=Null())
MGF1_SHA1_IDENTIFIER: Final = AlgorithmIdentifier(algorithm=oids.ID_MGF1, parameters=SHA1_IDENTIFIER)
P_SPECIFIED_EMPTY_IDENTIFIER: Final = AlgorithmIdentifier(algorithm=oids.ID_P_SPECIFIED, parameters=b"")

HashAlgorithm: TypeAlias = AlgorithmIdentifier
MaskGenAlgorithm: TypeAlias = AlgorithmIdentifier
PSourceAlgorithm: TypeAlias = AlgorithmIdentifier


class RSASSA_PSS_params(Sequence):
    """Parameters of RSASSA-PSS; the defaults mean SHA-1. RFC 4055, 3.1."""

    hash_algorithm: Annotated[HashAlgorithm, Explicit(0), Default(SHA1_IDENTIFIER)] = SHA1_IDENTIFIER
    mask_gen_algorithm: Annotated[MaskGenAlgorithm, Explicit(1), Default(MGF1_SHA1_IDENTIFIER)] = MGF1_SHA1_IDENTIFIER
    salt_length: Annotated[int, Explicit(2), Default(20)] = 20
    trailer_field: Annotated[int, Explicit(3), Default(1)] = 1


class RSAES_OAEP_params(Sequence):
    """Parameters of RSAES-OAEP; the defaults mean SHA-1. RFC 4055, 4.1."""

    hash_func: Annotated[HashAlgorithm, Explicit(0), Default(SHA1_IDENTIFIER)] = SHA1_IDENTIFIER
    mask_gen_func: Annotated[MaskGenAlgorithm, Explicit(1), Default(MGF1_SHA1_IDENTIFIER)] = MGF1_SHA1_IDENTIFIER
    p_source_func: Annotated[PSourceAlgorithm, Explicit(2), Default(P_SPECIFIED_EMPTY_IDENTIFIER)] = (
        P_SPECIFIED_EMPTY_IDENTIFIER
    )


PARAMETERS[oids.ID_RSASSA_PSS] = RSASSA_PSS_params
PARAMETERS[oids.ID_RSAES_OAEP] = RSAES_OAEP_params


# --- RFC 4514: names as text ---

_CODECS: Final[Mapping[int, str]] = {
    0x0C: "utf-8",
    0x12: "ascii",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1A: "ascii",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}


_SPECIAL: Final = re.compile(r'["+,;<>\\]|^[# ]| \Z')
"""What RFC 4514 escapes, among what prints."""


class _UnopenedAttribute(Sequence):
    """Not on the wire: AttributeTypeAndValue without its open type, to get at the DER of any value."""

    type: ObjectIdentifier
    value: TLV


def _rfc4514_attribute(attribute: AttributeTypeAndValue) -> str:
    descriptor = oids.short_name(attribute.type)
    text = None if descriptor is None else _text(attribute.value)
    if text is not None:
        return f"{descriptor}={_escape(text)}"
    der = attribute.der
    unopened = _UnopenedAttribute.decode(der, limits=Limits(max_size=len(der)))
    return f"{descriptor or attribute.type}=#{unopened.value.der.hex()}"


def _text(value: object) -> str | None:
    """The text of an attribute value, None if it is no character string."""
    if isinstance(value, str):
        return value
    if isinstance(value, DirectoryString):
        return _text(value.value)
    if isinstance(value, TLV) and value.tag in _CODECS:  # a string, but not of the type that the attribute has
        try:
            return value.content.decode(_CODECS[value.tag])
        except UnicodeDecodeError:
            return None
    return None


def _escape(text: str) -> str:
    """Text as RFC 4514, 2.4 wants it, and nothing in it that does not print."""
    if text.isprintable() and not _SPECIAL.search(text):
        return text
    characters = [_escape_character(character) for character in text]
    if text[:1] in ("#", " "):
        characters[0] = "\\" + text[0]
    if text[-1:] == " ":
        characters[-1] = "\\ "
    return "".join(characters)


def _escape_character(character: str) -> str:
    if not character.isprintable():
        return "".join(f"\\{octet:02X}" for octet in character.encode())
    return "\\" + character if character in '"+,;<>\\' else character
