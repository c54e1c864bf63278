"""Keys, certificates, requests and messages in files: PEM, DER or PKCS #12 in, whole files or nothing out.

Errors name the option and the file. A private key is read and handed on, never written and never shown.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from ...cmp import PKIMessage
from ...errors import DecodeError
from ...pkix import Certificate, CertificationRequest
from ...protection.signatures import PrivateKey, PublicKey
from ..inputs import NotRecognised, messages, read
from .options import OptionError

_PRIVATE = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----\s.*?-----END \1-----", re.DOTALL)
_PUBLIC = re.compile(rb"-----BEGIN ((?:RSA )?PUBLIC KEY)-----\s.*?-----END \1-----", re.DOTALL)
_CERTIFICATES = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")
_REQUESTS = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")

Passphrase = Callable[[], bytes | None]
"""Asks for a pass phrase when one turns out to be needed; None if there is none."""


def _read(option: str, path: str) -> bytes:
    try:
        return read(os.path.join(".", path) if path == "-" else path)
    except (OSError, NotRecognised) as error:
        raise OptionError(f"-{option}: {path} cannot be read: {getattr(error, 'strerror', None) or error}") from None


# --- keys ---


def load_key(option: str, path: str, passphrase: bytes | None, ask: Passphrase, public: bool) -> PrivateKey | PublicKey:
    """The private key in a file, or with `public` a public one if there is no private one. OptionError.

    `passphrase` opens it if it is encrypted; if that is None, `ask` is called.
    """
    data = _read(option, path)
    private = _PRIVATE.search(data)
    key: Any = None
    if private is not None or b"-----BEGIN " not in data:
        key = _private_key(option, path, data if private is None else private[0] + b"\n", passphrase, ask)
    if key is None:
        key = _public_key(data)
    if key is None:
        raise OptionError(f"-{option}: {path} holds no key in PEM, DER or PKCS #12 that can be read")
    if not isinstance(key, PrivateKey | PublicKey):
        raise OptionError(f"-{option}: {path} holds a key of a kind that is not supported: RSA, EC and EdDSA keys are")
    if isinstance(key, PublicKey) and not public:
        more = "; the proof of possession needs the private key, or -popo 0 or -popo -1 where the server does without"
        raise OptionError(f"-{option}: {path} holds a public key only{more if option == 'newkey' else ''}")
    return key


def _private_key(option: str, path: str, data: bytes, passphrase: bytes | None, ask: Passphrase) -> Any:
    """The private key; None if this is none."""
    from cryptography.exceptions import UnsupportedAlgorithm

    phrase: bytes | None = None
    try:
        try:
            return _parse_private_key(data, None)
        except _Encrypted:
            phrase = passphrase if passphrase is not None else ask()
            if phrase is None:
                raise OptionError(f"-{option}: {path} is encrypted; name its pass phrase by -{option}pass") from None
            return _parse_private_key(data, phrase)
    except UnsupportedAlgorithm:
        raise OptionError(f"-{option}: {path} holds a key of a kind that is not supported") from None
    except ValueError:
        if phrase is not None:
            raise OptionError(f"-{option}: {path} cannot be decrypted: is the pass phrase right?") from None
        if data.startswith(b"-----"):
            raise OptionError(f"-{option}: the private key in {path} cannot be read") from None
        return None


class _Encrypted(Exception):
    """A private key that takes a pass phrase."""


def _parse_private_key(data: bytes, phrase: bytes | None) -> Any:
    """Raises _Encrypted without the pass phrase that it takes, ValueError if that is wrong or if this is no key."""
    from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key, pkcs12

    try:
        if data.startswith(b"-----"):
            return load_pem_private_key(data, phrase)
        if not _is_pkcs12(data):
            return load_der_private_key(data, phrase)
    except TypeError:
        raise _Encrypted from None
    try:
        key = pkcs12.load_key_and_certificates(data, phrase)[0]
    except ValueError:
        if phrase is None:  # a wrong pass phrase looks like none
            raise _Encrypted from None
        raise
    if key is None:
        raise ValueError("no key in it")
    return key


def _is_pkcs12(data: bytes) -> bool:
    """Whether DER is a PFX: version 3, then a ContentInfo. RFC 7292, 4."""
    return data[:1] == b"\x30" and b"\x02\x01\x03\x30" in data[:12]


def _public_key(data: bytes) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

    block = _PUBLIC.search(data)
    try:
        return load_pem_public_key(block[0] + b"\n") if block else load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        return None


# --- certificates, requests, messages ---


def _blocks(option: str, path: str, data: bytes, labels: Sequence[str], what: str) -> list[bytes]:
    """The DER in a file's data: of its PEM blocks of those labels, or all of it."""
    try:
        found = messages(data)
    except NotRecognised as error:
        raise OptionError(f"-{option}: {path} holds no {what}: {error}") from None
    wanted = [one.data for one in found if one.form != "PEM" or one.pem_label in labels]
    if not wanted:
        raise OptionError(f"-{option}: {path} holds no {what}")
    return wanted


def load_certificates(option: str, path: str, passphrase: bytes | None = None, source: str = "") -> list[Certificate]:
    """All certificates in a file, at least one; of PKCS #12 the one of the key first. OptionError.

    `passphrase` opens PKCS #12, and `source` is the option that names it.
    """
    data = _read(option, path)
    if _is_pkcs12(data):
        found = _pkcs12_certificates(option, path, data, passphrase, source)
    else:
        found = _blocks(option, path, data, _CERTIFICATES, "certificate")
    certificates = []
    for der in found:
        try:
            certificate = Certificate.decode(der)
            certificate.load()
        except (DecodeError, ValueError):
            raise OptionError(f"-{option}: {path} holds no certificate that can be read") from None
        certificates.append(certificate)
    return certificates


def _pkcs12_certificates(option: str, path: str, data: bytes, passphrase: bytes | None, source: str) -> list[bytes]:
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

    for phrase in (passphrase, None):
        try:
            opened = pkcs12.load_pkcs12(data, phrase)
        except ValueError:
            continue
        of_key = [] if opened.cert is None else [opened.cert]
        found = [one.certificate.public_bytes(Encoding.DER) for one in (*of_key, *opened.additional_certs)]
        if not found:
            raise OptionError(f"-{option}: {path} holds no certificate")
        return found
    if passphrase is not None:
        raise OptionError(f"-{option}: {path} cannot be decrypted: is the pass phrase right?")
    named = f"; name its pass phrase by -{source}" if source else ", which is not supported here"
    raise OptionError(f"-{option}: {path} is encrypted{named}")


def load_request(option: str, path: str) -> CertificationRequest:
    """The PKCS #10 request in a file. OptionError."""
    der = _blocks(option, path, _read(option, path), _REQUESTS, "PKCS #10 request")[0]
    try:
        return CertificationRequest.decode(der)
    except DecodeError as error:
        raise OptionError(f"-{option}: {path} holds no PKCS #10 request: {error}") from None


def load_message(option: str, path: str) -> PKIMessage:
    """The CMP message in a file, in DER. OptionError."""
    try:
        return PKIMessage.decode(_read(option, path))
    except DecodeError as error:
        raise OptionError(f"-{option}: {path} holds no CMP message: {error}") from None


# --- writing ---


def check_writable(option: str, path: str) -> None:
    """Raise OptionError if a file cannot be written there: better before a certificate is issued than after."""
    folder = os.path.dirname(os.path.realpath(path))
    if os.path.isdir(path):
        raise OptionError(f"-{option}: {path} is a folder")
    if not os.path.isdir(folder):
        raise OptionError(f"-{option}: there is no folder {folder}")
    replaced = os.path.exists(path) and not os.path.isfile(path)
    if not os.access(path if replaced else folder, os.W_OK):
        raise OptionError(f"-{option}: {path} cannot be written: Permission denied")


def write_file(path: str, data: bytes) -> None:
    """Write a file: it has all of `data`, or nothing has changed. OSError.

    What is no regular file, such as /dev/stdout, is written to as it is.
    """
    path = os.path.realpath(path)
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "wb") as stream:
                stream.write(data)
            return
    beside = f"{path}.{secrets.token_hex(4)}.tmp"
    try:
        with open(beside, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise


def certificate_octets(certificates: Iterable[Certificate], form: str) -> bytes:
    """Certificates as PEM, or as DER one behind the other."""
    if form == "DER":
        return b"".join(one.der for one in certificates)
    return b"".join(_pem(one.der) for one in certificates)


def _pem(der: bytes) -> bytes:
    text = base64.b64encode(der)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"\n".join([b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----", b""])
