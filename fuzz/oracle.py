#!/usr/bin/env -S python3 -P
"""Invariant: where OpenSSL's d2i_OSSL_CMP_MSG, or cryptography.hazmat.asn1 with types of its own, judge an input
otherwise than we do, or write it back otherwise, one of the reasons below says why.

A reason is reviewed: it stands in docs/strictness.md, or it is something that the other decoder is known to do. A
difference without a reason is a bug of one of the three, or a rule that nobody has thought of yet.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from fuzz import instrumented
from fuzz._guide import Guide, refusal
from fuzz._harness import Check, Floors, Target, run, vectors

STRICTER = {
    "indefinite length": r"indefinite length",
    "long form": r"length is not in its shortest form",
    "long tag": r"tag number is not in its shortest form|tag 0x(1f|3f|5f|7f|9f|bf|df|ff)",
    "tag 0 within a value": r"tag 0 is reserved",
    "constructed string": r"constructed form",
    "primitive SEQUENCE OF": r"(SEQUENCE|SET|tag \[\d+\]) in primitive form|fits tag \[\d+\] here; [89]",
    "form of a value of any type": r"is not the DER form of its type",
    "value of DEFAULT": r"holds its DEFAULT",
    "SIZE": r"elements? where|its SIZE|characters? where|octets? where",
    "order of SET OF": r"not in ascending order",
    "BOOLEAN": r"BOOLEAN is neither",
    "unused bits": r"unused bits|cannot leave",
    "named bits": r"named bits end",
    "repertoire": r"not allowed in|not valid UTF-8|is not a multiple",
    "form of a time": r"is not of the form|no such date",
}
"""What we refuse and others take: a name, and words of our error (docs/strictness.md)."""

OPENSSL_TAKES = {
    "pkiConf is of any type": r"body\.pkiconf: ",
    "PKCS #10 without attributes": r"certification_request_info\.attributes: .* found the end of",
    "control or regInfo without value": r"(controls|reg_info)\[\d+\]\.value: .* found the end of",
}
"""Besides: paths and words of our errors."""

OPENED = ("1.3.6.1.5.5.7.4.", "1.3.6.1.5.5.7.5.")
"""OpenSSL opens the values of these infoTypes, controls and regInfo; we keep one that does not conform as it is."""

OPENSSL_REFUSES = {
    "inside of a certificate or CRL": r"\bX509(_CINF|_CRL|_CRL_INFO)?\.",
    "value whose type an infoType names": r"OSSL_CMP_ITAV\.infoValue",
    "value whose type a control names": r"OSSL_CRMF_ATTRIBUTETYPEANDVALUE\.value",
    "value in a name": r"X509_NAME_ENTRY|GENERAL_NAME\.d\.directoryName|(CERTTEMPLATE|X509_REQ_INFO)\.(subject|issuer)",
    "inside of a value of any type": r"X509_ALGOR\.parameter|X509_ATTRIBUTE|GENERAL_NAME\.d\.(other|x400)|OTHERNAME\.",
    "EnvelopedData in EncryptedKey, since RFC 9810": r"OSSL_CRMF_ENCRYPTEDVALUE\.|POPOPRIVKEY\.value\.encryptedKey",
    "RootCaKeyUpdate in ckuann, since RFC 9810": r"OSSL_CMP_CAKEYUPDANNCONTENT",
    "encryptedRand in Challenge, since RFC 9810": r"OSSL_CMP_CHALLENGE",
    "hashAlg in CertStatus, since RFC 9480": r"OSSL_CMP_CERTSTATUS",
    "bodies of cross-certification": r"OSSL_CMP_PKIBODY\.value\.cc[rp]",
    "a key of an unknown algorithm": r"X509_PUBKEY",
}
"""What we take and OpenSSL 3 refuses: a name, and types and fields that its errors name."""

HAZMAT_SKIPS = {
    "messages inside are raw": r"body\.nested\[",
    "certificates and CRLs are raw": r"extra_certs|certificate|ca_pubs|cann|crlann|crls?\b|key_pair_hist|new_sig_cert|"
    r"new_with",
    "encrypted values are raw": r"encrypted|private_key|enveloped_data",
    "values of unions are raw": r"\.value:|info_value|parameters|pkiconf|poposk|controls|reg_info",
}
"""Our errors where the declarations for hazmat.asn1 do not enter (benchmarks/peers/hazmat_types.py)."""

HAZMAT_REFUSES = {
    "alternatives that are not declared": r"could not find matching variant",
    "components that are not declared": r"ExtraData",
    "integers, texts and times beyond its types": r"InvalidValue|IntegerOverflow",
    "OIDs of more than 63 octets": r"OidTooLong",
    "tags that are not declared": r"UnexpectedTag|InvalidTag",
}
"""Words of its errors."""


def reason(table: dict[str, str], text: str) -> str:
    """The name of the reason that fits, or nothing."""
    return next((name for name, pattern in table.items() if re.search(pattern, text)), "")


class Judgement(NamedTuple):
    """What another decoder says."""

    accepts: bool
    rewrites: bool = False
    """Whether it would write the message with other octets."""
    reason: str = ""
    """Why not, in its own words."""


def openssl() -> tuple[Callable[[str, bytes], bytes | None], Callable[[], str]]:
    """OpenSSL: what reads a value of a type and writes it again, and what tells why the last one was refused."""
    library = ctypes.CDLL(ctypes.util.find_library("crypto"))
    get, text, flags = library.ERR_get_error_all, ctypes.c_char_p, ctypes.c_int
    get.restype = ctypes.c_ulong
    library.ERR_reason_error_string.restype = text
    library.ERR_reason_error_string.argtypes = [ctypes.c_ulong]

    def errors() -> str:
        """The reason, and the types and fields around it, from the inside."""
        found: list[str] = []
        data, flag = text(), flags()
        while code := get(None, None, None, ctypes.byref(data), ctypes.byref(flag)):
            if not found:
                found.append((library.ERR_reason_error_string(code) or b"?").decode("latin-1"))
            if data.value:
                words = dict(one.partition("=")[::2] for one in data.value.decode("latin-1").split(", "))
                found.append(f"{words.get('Type', '?')}.{words.get('Field', '')}")
        return " < ".join(found)

    def again(kind: str, data: bytes) -> bytes | None:
        """The octets that OpenSSL writes for a value that it has read, of all of the data; None if it refuses it."""
        read, write, free = (getattr(library, name) for name in (f"d2i_{kind}", f"i2d_{kind}", f"{kind}_free"))
        read.restype, read.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.c_long]
        write.argtypes, free.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)], [ctypes.c_void_p]
        octets = ctypes.create_string_buffer(data, len(data))
        place = ctypes.c_void_p(ctypes.addressof(octets))
        library.ERR_clear_error()
        value = read(None, ctypes.byref(place), len(data))
        if not value:
            return None
        try:
            if (place.value or 0) - ctypes.addressof(octets) != len(data):
                return None
            out = ctypes.create_string_buffer(max(write(value, None), 1))
            end = ctypes.c_void_p(ctypes.addressof(out))
            size = write(value, ctypes.byref(end))
            return out.raw[: max(size, 0)]
        finally:
            free(value)

    return again, errors


def rewritten_part(cmp: Any, again: Any, message: Any) -> str:
    """What in a message, that we do not look into or keep as it is, OpenSSL writes otherwise; nothing if nothing is."""
    waiting = [message]
    while waiting:
        record = waiting.pop()
        kind = {"Name": "X509_NAME", "TLV": "ASN1_TYPE", "AlgorithmIdentifier": "X509_ALGOR"}.get(
            type(record).__name__, ""
        )
        if isinstance(record, cmp.pkix.Certificate):
            kind = "X509"
        elif isinstance(record, cmp.pkix.CertificateList):
            kind = "X509_CRL"
        if kind and again(kind, record.der) != record.der:
            return f"{kind} is written anew"
        children = cmp.children(record)
        oid, value = (one.value for one in children) if len(children) == 2 else ("", None)
        if isinstance(value, cmp.TLV) and str(oid).startswith(OPENED):
            return "value of a known type is written anew"
        waiting += [child.value for child in children if isinstance(child.value, cmp.Record)]
    return ""


def hazmat() -> Callable[[bytes], Judgement] | None:
    """Cryptography's judgement; None if it has no hazmat.asn1."""
    try:
        from cryptography.hazmat import asn1

        from benchmarks.peers import hazmat_types as types
    except ImportError:
        return None

    def judge(data: bytes) -> Judgement:
        try:
            message = asn1.decode_der(types.Message, data)
        except ValueError as error:
            return Judgement(False, reason=str(error))
        return Judgement(True, rewrites=asn1.encode_der(message) != data)

    return judge


def prepare(guide: Guide) -> Check:
    instrumented.install()
    import cmpcodec as cmp

    (again, errors), other = openssl(), hazmat()

    for name, data in vectors().items():
        assert again("OSSL_CMP_MSG", data) in (data, None), f"OpenSSL writes {name} anew"

    def openssl_judges(data: bytes) -> Judgement:
        written = again("OSSL_CMP_MSG", data)
        return Judgement(False, reason=errors()) if written is None else Judgement(True, written != data)

    def why(name: str, data: bytes, message: Any, theirs: Judgement) -> str:
        """The reason for a difference."""
        if isinstance(message, cmp.LimitExceeded):
            return "limit"
        if isinstance(message, cmp.DecodeError):
            takes = OPENSSL_TAKES if name == "openssl" else HAZMAT_SKIPS
            problem = f"{message.path}: {message.problem}; {data[message.offset : message.offset + 1].hex()}"
            return reason(STRICTER, problem) or reason(takes, problem)
        if not theirs.accepts:
            return reason(OPENSSL_REFUSES if name == "openssl" else HAZMAT_REFUSES, theirs.reason)
        return rewritten_part(cmp, again, message) if name == "openssl" else ""

    def check(data: bytes) -> bool:
        try:
            message: Any = cmp.decode(data)
        except cmp.DecodeError as error:
            message = error
            refusal(guide, error.path, error.problem)
        ours = isinstance(message, cmp.Record)
        for name, judge in (("openssl", openssl_judges), ("hazmat", other)):
            if judge is None:
                continue
            theirs = judge(data)
            guide.count((name, ours, theirs.reason[:60]))
            if ours is theirs.accepts and not (ours and theirs.rewrites):
                continue
            found = why(name, data, message, theirs)
            assert found, f"{name}: {theirs}; we: {message!r}"
            guide.count((name, found, ours))
        return ours

    return check


TARGET = Target("oracle", prepare, Floors(per_second=20, coverage=700))

if __name__ == "__main__":
    sys.exit(run(TARGET))
