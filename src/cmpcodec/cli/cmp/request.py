"""From options to a flow: what is asked for, with which key, by what names.

It reads the files that the options name and checks that the options fit together; it sends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from ... import oids
from ...asn1 import ObjectIdentifier
from ...client import Enrolment, Flow, ProofMethod, Revocation, Settings, enroll, request_pkcs10, revoke, update_key
from ...client.certificates import facts, same_key
from ...client.template import public_key_info
from ...cmp import InfoTypeAndValue
from ...pkix import Certificate, CertificationRequest, CRLReason, Extension, Name
from ...protection.signatures import PrivateKey
from .extensions import BadExtension, read_extensions
from .files import load_key, load_message, load_request
from .identity import Identity
from .log import Log
from .names import BadName, integer_octets, is_oid, parse_name, parse_sans, tlv
from .options import OptionError, Options
from .passwords import ask, read_source

COMMANDS: Final = ("ir", "cr", "kur", "p10cr", "rr")
ENROLMENTS: Final = ("ir", "cr", "kur", "p10cr")


def prepare(options: Options, command: str, identity: Identity, log: Log) -> Callable[[], Flow[Any]]:
    """What makes the flow of a command, once for each time that it is to run. OptionError, DecodeError."""
    named = command == "rr" and options.text("serial") is not None
    oldcert = None if named else identity.old_certificate(options)
    settings = _settings(options, command, identity, oldcert, log)
    common = {"credential": identity.credential if identity.protects else None, "settings": settings}
    for name in _IGNORED.get(command, "revreason serial").split():
        if options.typed(name):
            log.warning(f"-{name} option is ignored for {command}")
    if command == "rr":
        return _revocation(options, oldcert, common, log)
    return _enrolment(options, command, identity, oldcert, common, log)


_IGNORED: Final = {
    "p10cr": "newkey newkeypass days popo sans reqexts policies policy_oids revreason serial",
    "rr": "newkey newkeypass days popo sans reqexts policies policy_oids certout chainout implicit_confirm "
    "disable_confirm",
}


def _settings(options: Options, command: str, identity: Identity, oldcert: Certificate | None, log: Log) -> Settings:
    """How the flow talks; sender and recipient are those of OpenSSL's client."""
    sender = None
    if identity.certificate is not None:
        sender = facts(identity.certificate).subject
    elif oldcert is not None:
        sender = facts(oldcert).subject
    elif command in ("ir", "cr", "kur") or options.text("ref") is None:
        sender = _name(options, "subject", log)
    recipient, expected = _name(options, "recipient", log), _name(options, "expect_sender", log)
    if identity.pinned is not None:
        if recipient is not None:
            log.warning("-recipient option is ignored since -srvcert option is present")
        recipient = facts(identity.pinned).subject
        expected = recipient if expected is None else expected
    if recipient is None and (command != "rr" or oldcert is None):
        recipient = _name(options, "issuer", log)
    reference = oldcert or identity.certificate
    if recipient is None and reference is not None:
        recipient = facts(reference).issuer
    return Settings(
        sender=Name([]) if sender is None else sender,
        recipient=Name([]) if recipient is None else recipient,
        expected_sender=expected,
        sender_kid=identity.reference,
        answers=identity.answers,
        policy=identity.policy,
        unprotected_errors=options.flag("unprotected_errors"),
        general_info=_general_info(options),
        extra_certs=identity.extra_certs,
        untrusted=identity.untrusted,
        report=log,
    )


def _enrolment(
    options: Options,
    command: str,
    identity: Identity,
    oldcert: Certificate | None,
    common: Mapping[str, Any],
    log: Log,
) -> Callable[[], Flow[Enrolment]]:
    if options.text("certout") is None and options.text("reqout_only") is None:
        raise OptionError("-certout is missing: there is nowhere to save the new certificate")
    path = options.text("csr")
    csr = None if path is None else load_request("csr", path)
    common = {
        **common,
        "implicit_confirm": options.flag("implicit_confirm"),
        "disable_confirm": options.flag("disable_confirm"),
        "check": identity.check,
    }
    if command == "p10cr":
        if csr is None:
            raise OptionError("-csr is missing: the PKCS #10 request that p10cr sends")
        return partial(request_pkcs10, csr, **common)
    reference = oldcert or identity.certificate
    key, proof = _key_and_proof(options, identity, csr, reference is not None)
    sans = _sans(options)
    asked: dict[str, Any] = {
        "key": key,
        "proof": proof,
        "subject": _name(options, "subject", log),
        "issuer": _name(options, "issuer", log),
        "days": options.number("days") or 0,
        "csr": csr,
        "sans": sans.names,
        "sans_critical": sans.critical,
        "default_sans": not options.flag("san_nodefault"),
        "extensions": _extensions(options, bool(sans.names)),
        "policies": _policies(options),
        "policies_critical": options.flag("policy_oids_critical"),
        "digest": identity.digest,
        **common,
    }
    if command != "kur":
        return partial(enroll, body="ir" if command == "ir" else "cr", reference=reference, **asked)
    if reference is None:
        raise OptionError("-oldcert is missing: the certificate that kur renews (or -cert, if it is that)")
    return partial(update_key, reference, **asked)


def _revocation(
    options: Options, oldcert: Certificate | None, common: Mapping[str, Any], log: Log
) -> Callable[[], Flow[Revocation]]:
    serial, issuer, path = options.text("serial"), _name(options, "issuer", log), options.text("csr")
    if serial is not None and issuer is None:
        raise OptionError("-serial names a certificate only together with -issuer")
    csr = load_request("csr", path) if path is not None and oldcert is None and serial is None else None
    if oldcert is None and csr is None and serial is None:
        raise OptionError("-oldcert is missing: the certificate to revoke (or -issuer and -serial, or -csr)")
    reason = options.number("revreason")
    if reason not in (None, -1, *CRLReason):
        raise OptionError("-revreason takes 0 to 6 or 8 to 10 (RFC 5280, 5.3.1), or -1 for none")
    return partial(
        revoke,
        oldcert,
        issuer=issuer if serial is not None else None,
        serial_number=None if serial is None else _serial(serial),
        csr=csr,
        reason=None if reason == -1 else reason,
        **common,
    )


def _serial(text: str) -> int:
    match = re.fullmatch(r"(-?)(?:0[xX]([0-9a-fA-F]{1,42})|([0-9]{1,50}))", text)
    if match is None:
        raise OptionError("-serial takes a number, in hexadecimal with 0x before it")
    number = int(match[2], 16) if match[2] else int(match[3])
    return -number if match[1] else number


# --- key ---


def _key_and_proof(
    options: Options, identity: Identity, csr: CertificationRequest | None, has_reference: bool
) -> tuple[Any, ProofMethod]:
    """The key to be certified, None for that of the CSR, and how its possession is proven."""
    number = options.number("popo")
    if number is not None and number not in (-1, 0, 1):
        raise OptionError("-popo takes 1 (signature), 0 (raVerified) or -1 (none); others are not supported yet")
    proof = ProofMethod.SIGNATURE if number is None else ProofMethod(number)
    path = options.text("newkey")
    if path is not None:
        source = options.text("newkeypass")
        phrase = None if source is None else read_source("newkeypass", source, lambda text: None)

        def prompt() -> bytes | None:
            return None if options.flag("batch") else ask(f"Enter pass phrase for {path}: ")

        return load_key("newkey", path, phrase, prompt, proof is not ProofMethod.SIGNATURE), proof
    files = options.words("reqin")
    if files:  # our own request is not sent, but the certificate that comes has to fit the one that is
        requests = load_message("reqin", files[0]).body
        for request in requests.value if requests.name in ("ir", "cr", "kur") else ():
            if request.cert_req.cert_template.public_key is not None:
                return request.cert_req.cert_template.public_key, ProofMethod.NONE
    if identity.key is not None and (csr is None or _is_key_of(csr, identity.key)):
        return identity.key, proof
    if proof is ProofMethod.SIGNATURE:
        more = "; -csr holds only the public key, and the proof of possession needs the private one" if csr else ""
        raise OptionError(f"-newkey is missing: the key to be certified{more}")
    if csr is None:
        more = ", which is not taken from -oldcert" if has_reference else ""
        raise OptionError(f"-newkey or -csr is missing: they tell the public key to be certified{more}")
    return None, proof


def _is_key_of(csr: CertificationRequest, key: PrivateKey) -> bool:
    return same_key(csr.certification_request_info.subject_pk_info, public_key_info(key))


# --- names, extensions, generalInfo ---


def _name(options: Options, option: str, log: Log) -> Name | None:
    text = options.text(option)
    if text is None:
        return None
    try:
        return parse_name(text, lambda words: log.warning(f"-{option}: {words}"))
    except BadName as error:
        raise OptionError(f"-{option} {error}") from None


def _sans(options: Options) -> Any:
    try:
        return parse_sans(options.words("sans"))
    except BadName as error:
        raise OptionError(f"-sans: {error}") from None


def _extensions(options: Options, has_sans: bool) -> list[Extension]:
    extensions: list[Extension] = []
    for option in ("reqexts", "policies"):
        section = options.text(option)
        if section is None:
            continue
        if options.config is None:
            raise OptionError(f"-{option} names a section, but there is no configuration file")
        try:
            extensions += read_extensions(options.config, section)
        except BadExtension as error:
            raise OptionError(f"-{option}: [{section}]: {error}") from None
    if has_sans and any(one.extn_id == oids.ID_CE_SUBJECT_ALT_NAME for one in extensions):
        raise OptionError("subject alternative names both by -reqexts and by -sans: choose one")
    return extensions


def _policies(options: Options) -> list[str]:
    policies = options.words("policy_oids")
    if policies and options.text("policies") is not None:
        raise OptionError("policies both by -policies and by -policy_oids: choose one")
    for policy in policies:
        if not is_oid(policy):
            raise OptionError(f"-policy_oids: {policy[:40]!a} is no OID in dotted decimal")
    return policies


def _general_info(options: Options) -> list[InfoTypeAndValue]:
    found = []
    for item in (options.text("geninfo") or "").split(","):
        if not item:
            continue
        oid, _, rest = item.strip().partition(":")
        kind, _, value = rest.partition(":")
        number = kind.lower() == "int" and re.fullmatch(r"[+-]?[0-9]{1,18}", value)
        if not is_oid(oid) or not (number or kind.lower() == "str"):
            raise OptionError("-geninfo takes OID:int:NUMBER or OID:str:TEXT, several with a comma between them")
        found.append(_info(oid, int(value) if number else value))
    profile = options.text("profile")
    if profile is not None:
        found.append(InfoTypeAndValue(info_type=oids.ID_IT_CERT_PROFILE, info_value=[profile]))
    return found


def _info(oid: str, value: int | str) -> InfoTypeAndValue:
    octets = tlv(0x02, integer_octets(value)) if isinstance(value, int) else tlv(0x0C, value.encode())
    return InfoTypeAndValue(info_type=ObjectIdentifier(oid), info_value=octets)
