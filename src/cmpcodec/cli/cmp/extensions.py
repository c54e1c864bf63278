"""Extensions that a section of a configuration file asks for: -reqexts and -policies. x509v3_config(5) of OpenSSL.

It knows the extensions that one asks a CA for; any other can be given as DER. Knows no option and no file.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from cryptography import x509

from ... import oids
from ...asn1 import ObjectIdentifier
from ...pkix import BasicConstraints, Extension, ExtKeyUsageSyntax, GeneralName, GeneralNames, KeyUsage
from .config_file import Config
from .names import BadName, is_oid, parse_name, tlv


class BadExtension(ValueError):
    """A section that describes no extensions; the message says which of its lines is to blame."""


_KEY_USAGES = {
    "digitalSignature": KeyUsage.DIGITAL_SIGNATURE,
    "nonRepudiation": KeyUsage.NON_REPUDIATION,
    "contentCommitment": KeyUsage.NON_REPUDIATION,
    "keyEncipherment": KeyUsage.KEY_ENCIPHERMENT,
    "dataEncipherment": KeyUsage.DATA_ENCIPHERMENT,
    "keyAgreement": KeyUsage.KEY_AGREEMENT,
    "keyCertSign": KeyUsage.KEY_CERT_SIGN,
    "cRLSign": KeyUsage.CRL_SIGN,
    "encipherOnly": KeyUsage.ENCIPHER_ONLY,
    "decipherOnly": KeyUsage.DECIPHER_ONLY,
}
_PURPOSES = {
    "serverAuth": oids.ID_KP_SERVER_AUTH,
    "clientAuth": oids.ID_KP_CLIENT_AUTH,
    "codeSigning": oids.ID_KP_CODE_SIGNING,
    "emailProtection": oids.ID_KP_EMAIL_PROTECTION,
    "timeStamping": oids.ID_KP_TIME_STAMPING,
    "OCSPSigning": oids.ID_KP_OCSP_SIGNING,
    "ipsecIKE": oids.ID_KP_IPSEC_IKE,
    "cmcCA": oids.ID_KP_CMC_CA,
    "cmcRA": oids.ID_KP_CMC_RA,
    "msSmartcardLogin": ObjectIdentifier("1.3.6.1.4.1.311.20.2.2"),
    "anyExtendedKeyUsage": ObjectIdentifier("2.5.29.37.0"),
}
_TRUTH = {
    **dict.fromkeys(("TRUE", "true", "Y", "y", "YES", "yes"), True),
    **dict.fromkeys(("FALSE", "false", "N", "n", "NO", "no"), False),
}


def read_extensions(config: Config, section: str) -> list[Extension]:
    """The extensions of a section, in its order; BadExtension."""
    if not config.has(section):
        raise BadExtension("there is no such section in the configuration file")
    extensions = []
    for name, value in config.section(section).items():
        critical, value = _critical(value)
        try:
            oid, octets = _extension(config, name, value)
        except (ValueError, BadName) as error:
            raise BadExtension(f"{name[:40]}: {error}") from None
        extensions.append(Extension(extn_id=oid, critical=critical, extn_value=octets))
    return extensions


def _critical(value: str) -> tuple[bool, str]:
    head, comma, rest = value.partition(",")
    return (True, rest.strip()) if comma and head.strip() == "critical" else (False, value.strip())


def _extension(config: Config, name: str, value: str) -> tuple[ObjectIdentifier, bytes]:
    known = _EXTENSIONS.get(name)
    if value.startswith("DER:"):
        if known is None and not is_oid(name):
            raise ValueError("before DER: stands a known extension, or dotted decimal")
        return (known[0] if known else ObjectIdentifier(name)), _hexadecimal(value.removeprefix("DER:"))
    if known is None:
        raise ValueError(f"is not supported; there are {', '.join(_EXTENSIONS)}, and OID = DER:HEX for any other")
    oid, make = known
    return oid, make(config, value)


def _hexadecimal(text: str) -> bytes:
    try:
        octets = bytes.fromhex(text.replace(":", ""))
    except ValueError:
        octets = b""
    if not octets:
        raise ValueError("expected hexadecimal digits after DER:")
    return octets


def _words(value: str) -> list[str]:
    words = [word.strip() for word in value.split(",")]
    if not all(words):
        raise ValueError("expected words with a comma between them")
    return words


def _pairs(config: Config, value: str) -> list[tuple[str, str]]:
    """``name:value, name:value``, or ``@section`` with a line for each; what follows a dot in a name does not count."""
    if value.startswith("@"):
        if not config.has(value[1:]):
            raise ValueError(f"there is no section [{value[1:41]}]")
        return [(name.partition(".")[0], one) for name, one in config.section(value[1:]).items()]
    pairs = [word.partition(":") for word in _words(value)]
    if not all(colon for _, colon, _ in pairs):
        raise ValueError("expected NAME:VALUE with a comma between them")
    return [(name.strip().partition(".")[0], one.strip()) for name, _, one in pairs]


def _key_usage(config: Config, value: str) -> bytes:
    usage = KeyUsage(0)
    for word in _words(value):
        if word not in _KEY_USAGES:
            raise ValueError(f"there is no usage {word[:40]!a}, only {', '.join(_KEY_USAGES)}")
        usage |= _KEY_USAGES[word]
    bits = f"{usage:b}"[::-1]  # a BIT STRING begins with bit 0
    unused = -len(bits) % 8
    octets = int(bits + "0" * unused, 2).to_bytes((len(bits) + unused) // 8, "big")
    return tlv(0x03, bytes((unused,)) + octets).der


def _purposes(config: Config, value: str) -> bytes:
    found: list[ObjectIdentifier] = []
    for word in _words(value):
        if word not in _PURPOSES and not is_oid(word):
            raise ValueError(f"there is no purpose {word[:40]!a}, only {', '.join(_PURPOSES)} and dotted decimal")
        found.append(_PURPOSES.get(word) or ObjectIdentifier(word))
    return ExtKeyUsageSyntax(found).der


def _constraints(config: Config, value: str) -> bytes:
    ca, length = False, None
    for name, one in _pairs(config, value):
        if name == "CA" and one in _TRUTH:
            ca = _TRUTH[one]
        elif name == "pathlen" and one.isascii() and one.isdecimal() and len(one) < 10:
            length = int(one)
        else:
            raise ValueError("expected CA:TRUE or CA:FALSE, and pathlen:NUMBER")
    return BasicConstraints(ca=ca, path_len_constraint=length).der


def _policies(config: Config, value: str) -> bytes:
    policies = []
    for word in _words(value):
        if not is_oid(word):
            raise ValueError(f"{word[:40]!a} is no policy in dotted decimal; qualifiers are not supported")
        policies.append(x509.PolicyInformation(x509.ObjectIdentifier(word), None))
    return x509.CertificatePolicies(policies).public_bytes()


def _names(config: Config, value: str) -> bytes:
    return GeneralNames([_general_name(config, kind, one) for kind, one in _pairs(config, value)]).der


def _general_name(config: Config, kind: str, value: str) -> GeneralName:
    if kind == "IP":
        return GeneralName(ip_address=ipaddress.ip_address(value).packed)
    if kind == "RID" and is_oid(value):
        return GeneralName(registered_id=ObjectIdentifier(value))
    if kind == "dirName":
        if not config.has(value):
            raise ValueError(f"there is no section [{value[:40]}]")
        attributes = config.section(value).items()
        parts = [re.sub(r"^.*\.", "", name) + "=" + re.sub(r"([\\/+])", r"\\\1", one) for name, one in attributes]
        return GeneralName(directory_name=parse_name("/" + "/".join(parts)))
    if not value or not value.isascii():
        raise ValueError(f"{kind[:40]} takes ASCII characters")
    if kind == "DNS":
        return GeneralName(dns_name=value)
    if kind == "URI":
        return GeneralName(uniform_resource_identifier=value)
    if kind == "email" and value not in ("copy", "move"):
        return GeneralName(rfc822_name=value)
    raise ValueError(f"there is no name of the form {kind[:40]!a}, only DNS, IP, URI, email, RID and dirName")


_Make = Callable[[Config, str], bytes]
_EXTENSIONS: dict[str, tuple[ObjectIdentifier, _Make]] = {
    "keyUsage": (oids.ID_CE_KEY_USAGE, _key_usage),
    "extendedKeyUsage": (oids.ID_CE_EXT_KEY_USAGE, _purposes),
    "basicConstraints": (oids.ID_CE_BASIC_CONSTRAINTS, _constraints),
    "subjectAltName": (oids.ID_CE_SUBJECT_ALT_NAME, _names),
    "certificatePolicies": (oids.ID_CE_CERTIFICATE_POLICIES, _policies),
}
