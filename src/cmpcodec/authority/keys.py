"""Private keys in files: written once, durably and for their owner's eyes only; read only if that is still so.

A CA is one file, its key and its certificates together, so that no crash and no second process can part them. No error
text contains anything of a key or a passphrase.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ..errors import CMPError
from ..pkix import Certificate, Name
from ..protection.signatures import PrivateKey
from ..store.private_files import UnsafeFile, read_private, write_private
from .root import MESSAGES, Role, create_ca, create_signer

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FILE: Final = 1 << 20
"""Longest key file that is read, in octets."""
_SIGNERS: Final = (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)


class KeyFileError(CMPError):
    """A key file cannot be used, or not be made; the text says what to do."""


class StoredCA(NamedTuple):
    """A CA as its file has it: what `LocalAuthority` takes."""

    key: PrivateKey
    certificate: Certificate
    chain: tuple[Certificate, ...]

    def __repr__(self) -> str:
        return "StoredCA(<private key>, ...)"


def save_key(path: str | os.PathLike[str], key: PrivateKey, passphrase: bytes | None = None) -> None:
    """Write a private key as PKCS #8 in PEM, with mode 0600, encrypted if there is a passphrase.

    KeyFileError if the file exists: it is never overwritten.
    """
    _write(path, _pem(key, passphrase))


def load_key(path: str | os.PathLike[str], passphrase: bytes | None = None) -> PrivateKey:
    """Read the private key in a PEM file. KeyFileError if others can read the file, or if it has no usable key."""
    return _key_in(path, _read(path), passphrase)


def save_ca(
    path: str | os.PathLike[str],
    key: PrivateKey,
    certificate: Certificate,
    chain: Sequence[Certificate] = (),
    passphrase: bytes | None = None,
) -> None:
    """Write a CA's key, its certificate and its chain into one PEM file, as `save_key` does."""
    certificates = (one.load().public_bytes(Encoding.PEM) for one in (certificate, *chain))
    _write(path, b"".join((_pem(key, passphrase), *certificates)))


def load_ca(path: str | os.PathLike[str], passphrase: bytes | None = None) -> StoredCA:
    """Read what `save_ca` wrote: a key, and certificates from the CA's to the root; KeyFileError as `load_key`."""
    content = _read(path)
    key = _key_in(path, content, passphrase)
    certificate, *chain = _certificates_in(path, content)
    return StoredCA(key, certificate, tuple(chain))


def load_certificates(path: str | os.PathLike[str]) -> list[Certificate]:
    """Read one or more certificates in PEM, in their order. Others may read the file. KeyFileError if there is none."""
    with _explained(path), open(path, "rb") as file:
        content = file.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise KeyFileError(f"{path} has more than {MAX_FILE} octets: that is something else")
    return _certificates_in(path, content)


def open_ca(
    path: str | os.PathLike[str],
    subject: Name | str,
    algorithm: str = "ec-p256",
    *,
    passphrase: bytes | None = None,
) -> StoredCA:
    """The CA in that file; a new one (see `create_ca`) if there is no such file.

    Several processes may start at once: one makes the CA, all get the same.
    """
    if not os.path.lexists(path):
        key, certificate = create_ca(subject, algorithm)
        try:
            save_ca(path, key, certificate, passphrase=passphrase)
        except KeyFileError as error:
            if not isinstance(error.__cause__, FileExistsError):
                raise  # else somebody was quicker: that is the CA
    return load_ca(path, passphrase)


def open_signer(
    path: str | os.PathLike[str], ca: StoredCA, *, role: Role = MESSAGES, passphrase: bytes | None = None
) -> StoredCA:
    """The key that signs the CA's messages, or in another `role`, and its certificate, in that file.

    New ones are made (see `create_signer`) if there is no such file. Several processes may start at once.
    """
    if not os.path.lexists(path):
        key, certificate = create_signer(ca.key, ca.certificate, role=role)
        try:
            save_ca(path, key, certificate, (ca.certificate, *ca.chain), passphrase=passphrase)
        except KeyFileError as error:
            if not isinstance(error.__cause__, FileExistsError):
                raise  # else somebody was quicker
    return load_ca(path, passphrase)


def _pem(key: PrivateKey, passphrase: bytes | None) -> bytes:
    if passphrase is not None and not passphrase:
        raise ValueError("passphrase: empty; None leaves the key unencrypted")
    encryption = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def _key_in(path: str | os.PathLike[str], content: bytes, passphrase: bytes | None) -> PrivateKey:
    try:
        key = load_pem_private_key(content, passphrase)
    except TypeError:  # cryptography's way to say that there is one passphrase too few, or too many
        problem = "needs a passphrase" if passphrase is None else "is not encrypted, but a passphrase was given"
        raise KeyFileError(f"{path}: the private key {problem}") from None
    except (ValueError, UnsupportedAlgorithm):
        hint = "" if passphrase is None else ", or the passphrase is wrong"
        raise KeyFileError(f"{path}: no private key in PEM that can be read{hint}") from None
    if isinstance(key, _SIGNERS):
        return key
    raise KeyFileError(f"{path}: a key that cannot sign; expected RSA, EC, Ed25519 or Ed448")


def _certificates_in(path: str | os.PathLike[str], content: bytes) -> list[Certificate]:
    try:
        found = x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise KeyFileError(f"{path}: no certificate in PEM that can be read ({error})") from None
    return [Certificate(one.public_bytes(Encoding.DER)) for one in found]


def _read(path: str | os.PathLike[str]) -> bytes:
    with _explained(path):
        return read_private(Path(path), MAX_FILE)


def _write(path: str | os.PathLike[str], content: bytes) -> None:
    with _explained(path):
        write_private(Path(os.path.abspath(path)), content)


@contextmanager
def _explained(path: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except UnsafeFile as error:
        raise KeyFileError(str(error)) from error
    except FileExistsError as error:
        raise KeyFileError(f"{path} exists: a key is never overwritten; move it away first") from error
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror or error}") from error
