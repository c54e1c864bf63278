"""A message in one line: what it is, who may have protected it how, what it asks for or answers.

Knows what matters about each of the 27 bodies. The line is styled, safe to show and verifies nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import cmp, crmf, oids, pkix
from ..asn1 import Record
from ..errors import counted
from .certificates import describe_key, read_certificate, read_crl
from .leaves import distinguished_name, serial_number
from .names import rfc_member, rfc_name, rfc_type
from .terminal import bad, plain, quoted

_SHOWN_ID = 4
_HASHES = {"id-sha1": "SHA-1", "md5": "MD5"}
_REFUSING = (cmp.PKIStatus.REJECTION,)


def one_line(record: Record, size: int) -> str:
    """The summary of a message; of any other record its type and size."""
    if not isinstance(record, cmp.PKIMessage):
        return f"{rfc_type(type(record))}, {size} bytes"
    header = record.header
    parts = [rfc_name(record.body.name), f"pvno {int(header.pvno)}", f"{size} bytes"]
    if header.transaction_id is not None:
        cut = "…" if len(header.transaction_id) > _SHOWN_ID else ""
        parts.append(f"transactionID {header.transaction_id[:_SHOWN_ID].hex() or 'empty'}{cut}")
    parts.append(protection(record))
    about = _body(record.body)
    return ", ".join(parts) + (f": {about}" if about else "")


def protection(message: cmp.PKIMessage) -> str:
    """How a message says that it is protected."""
    algorithm = message.header.protection_alg
    if algorithm is None:
        return "unprotected" if message.protection is None else bad("protection without protectionAlg")
    parameters: Any = algorithm.parameters
    if isinstance(parameters, crmf.PBMParameter):
        hash_name, mac = _algorithm(parameters.owf), _algorithm(parameters.mac)
        text = f"PBM ({hash_name} x {parameters.iteration_count}, {mac})"
    elif algorithm.algorithm == oids.ID_PASSWORD_BASED_MAC:
        text = bad("PBM (parameters do not conform)")
    elif algorithm.algorithm in (oids.ID_PBMAC1, oids.ID_KEM_BASED_MAC, oids.ID_DH_BASED_MAC):
        text = _algorithm(algorithm)
    elif oids.name(algorithm.algorithm) is None:
        text = f"protected ({algorithm.algorithm})"
    else:
        text = f"signed ({_algorithm(algorithm)})"
    return text if message.protection is not None else f"{text}, {bad('protection missing')}"


def _algorithm(algorithm: pkix.AlgorithmIdentifier) -> str:
    name = oids.name(algorithm.algorithm)
    if name is None:
        return str(algorithm.algorithm)
    if name in _HASHES:
        return _HASHES[name]
    name = name.removeprefix("id-")
    if name.startswith("hmacWith"):
        return "HMAC-" + name.removeprefix("hmacWith")
    if name.startswith("hMAC-"):
        return "HMAC-" + name.removeprefix("hMAC-")
    digits = name.removeprefix("sha")
    if not digits[:1].isdecimal() or "With" in name:
        return name
    return f"SHA{'' if digits.startswith('3-') else '-'}{digits}"


def _body(body: cmp.PKIBody) -> str:
    value = body.value
    match value:
        case crmf.CertReqMessages():
            return f"{counted(len(value), 'request')} for {_some(_request(one) for one in value)}"
        case cmp.CertRepMessage():
            return _some(_response(one) for one in value.response) if value.response else "no response"
        case pkix.CertificationRequest():
            info = value.certification_request_info
            return f"request for {_name(info.subject)}, {describe_key(info.subject_pk_info)}"
        case cmp.ErrorMsgContent():
            details = _texts(value.error_details)
            code = "" if value.error_code is None else f" errorCode {value.error_code}"
            return status(value.pki_status_info) + code + details
        case cmp.RevReqContent():
            return f"{counted(len(value), 'revocation')} of {_some(_template(one.cert_details) for one in value)}"
        case cmp.RevRepContent():
            return _some(status(one) for one in value.status)
        case cmp.CertConfirmContent():
            return _some(_confirmation(one) for one in value) if value else "no certificate accepted"
        case cmp.PollReqContent():
            return "for " + _some(f"certReqId {one.cert_req_id}" for one in value)
        case cmp.PollRepContent():
            return _some(f"ask again in {one.check_after} s{_texts(one.reason)}" for one in value)
        case cmp.GenMsgContent() | cmp.GenRepContent():
            return _some(oids.name(one.info_type) or str(one.info_type) for one in value) or "empty"
        case cmp.PKIMessages():
            return f"{counted(len(value), 'message')}: {_some(_nested(one) for one in value)}"
        case cmp.KeyRecRepContent():
            return status(value.status)
        case cmp.RevAnnContent():
            return f"{_status_name(value.status)} of {_serial(value.cert_id.serial_number)}"
        case cmp.CMPCertificate():
            return _certificate(value)
        case cmp.CRLAnnContent():
            return _some(_crl(one) for one in value)
        case cmp.POPODecKeyChallContent() | cmp.POPODecKeyRespContent():
            return counted(len(value), "challenge" if isinstance(value, cmp.POPODecKeyChallContent) else "response")
        case cmp.CAKeyUpdContent():
            return _certificate(value.value.new_with_new)
    return ""


def _some(texts: Iterable[str], shown: int = 3) -> str:
    """The first of several, and how many more there are."""
    every = list(texts)
    more = f" and {len(every) - shown} more" if len(every) > shown else ""
    return "; ".join(every[:shown]) + more


def _name(name: pkix.Name) -> str:
    return plain(distinguished_name(name.rfc4514(), full=False))


def _template(template: crmf.CertTemplate) -> str:
    known = []
    if template.subject is not None:
        known.append(_name(template.subject))
    if template.serial_number is not None:
        known.append(_serial(template.serial_number))
    if template.issuer is not None and template.subject is None:
        known.append(f"issuer {_name(template.issuer)}")
    if template.public_key is not None:
        known.append(describe_key(template.public_key))
    return ", ".join(known) or "an empty template"


def _request(request: crmf.CertReqMsg) -> str:
    return _template(request.cert_req.cert_template)


def _response(response: cmp.CertResponse) -> str:
    text = status(response.status)
    pair = response.certified_key_pair
    if pair is not None:
        certificate = pair.cert_or_enc_cert.certificate
        text += ", encrypted certificate" if certificate is None else f", {_certificate(certificate)}"
    return text


def _certificate(certificate: pkix.Certificate) -> str:
    found = read_certificate(certificate)
    if isinstance(found, str):
        return bad("unreadable certificate")
    return f"certificate {_name(found.subject)}, {_serial(found.serial_number)}"


def _serial(number: int) -> str:
    return f"serialNumber {plain(serial_number(number))}"


def _crl(crl: pkix.CertificateList) -> str:
    found = read_crl(crl)
    return bad("unreadable CRL") if isinstance(found, str) else f"CRL of {_name(found.issuer)}"


def _nested(message: cmp.PKIMessage) -> str:
    return f"{rfc_name(message.body.name)}, {plain(protection(message))}"


def _confirmation(confirmation: cmp.CertStatus) -> str:
    info = confirmation.status_info
    return f"certReqId {confirmation.cert_req_id} {status(info) if info else 'accepted'}"


def _status_name(value: int) -> str:
    return rfc_member(value.name) if isinstance(value, cmp.PKIStatus) else f"status {value}"


def status(info: cmp.PKIStatusInfo) -> str:
    """Status, failInfo and text of an answer; red if the answer is no."""
    text = _status_name(info.status)
    if info.fail_info is not None:
        text += f" ({', '.join(map(rfc_member, info.fail_info.names)) or 'no bit set'})"
    text += _texts(info.status_string)
    known_good = isinstance(info.status, cmp.PKIStatus) and info.status not in _REFUSING
    return text if known_good and not info.fail_info else bad(text)


def _texts(texts: cmp.PKIFreeText | None) -> str:
    if texts is None:
        return ""
    return "".join(f" {quoted(one[:120])}{'…' if len(one) > 120 else ''}" for one in tuple(texts)[:2])
