"""Puts a server together from its configuration: store, CAs, profiles, responder, gateway.

The only place that knows all of them. It opens files and databases, and closes what it opened; it listens on nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from .. import oids
from ..authority import Delayed, LocalAuthority
from ..authority.keys import StoredCA, load_ca, load_certificates, load_key, open_ca, open_signer
from ..authority.root import KEY_GENERATION, MESSAGES, Role
from ..errors import UnsupportedAlgorithm
from ..http.gateway import Gateway
from ..http.metrics import Metrics
from ..pkix import Certificate
from ..protection.signing import Signature
from ..protection.trust import TrustedSigners
from ..server import Authority, KeyGeneration, Lookup, Parties, Profile, Responder, SharedSecrets, SigningParties, Store
from ..store import MemoryStore
from ..store.private_files import make_folder
from .configuration import (
    AuthoritySettings,
    Configuration,
    KeyGenerationSettings,
    ProfileSettings,
    SignatureSettings,
)
from .settings import ConfigurationError


@dataclass(frozen=True, slots=True)
class Service:
    """A server that is ready to be asked."""

    responder: Responder
    gateway: Gateway
    authorities: Mapping[str, StoredCA]


@contextmanager
def assemble(configuration: Configuration) -> Iterator[Service]:
    """Open all that the configuration names, and close it in the end.

    Raises ConfigurationError for what does not fit; OSError, UnsafeFile or a StoreError for files and databases.
    """
    authorities = {name: _open_ca(one) for name, one in configuration.authorities.items()}
    profiles = {
        name: _profile(one, authorities, configuration.authorities) for name, one in configuration.profiles.items()
    }
    _check_names(authorities)
    store = _open_store(configuration)
    try:
        responder = Responder(profiles, store)
        gateway = Gateway(
            responder,
            default_profile=configuration.server.default_profile,
            aliases=configuration.server.aliases,
            max_body=configuration.server.max_message,
            metrics=Metrics() if configuration.server.metrics else None,
            retry_after=configuration.limits.retry_after,
        )
        yield Service(responder, gateway, authorities)
    finally:
        store.close()


def _open_store(configuration: Configuration) -> Store:
    if configuration.store is None:
        return MemoryStore()
    from ..store.sqlite import SQLiteStore

    make_folder(configuration.store.parent)
    return SQLiteStore(configuration.store)


def _open_ca(settings: AuthoritySettings) -> StoredCA:
    try:
        if settings.create:
            make_folder(settings.key.parent)
            return open_ca(settings.key, settings.subject, settings.algorithm, passphrase=settings.passphrase)
        if settings.certificate is None:
            return load_ca(settings.key, settings.passphrase)
        certificate, *chain = load_certificates(settings.certificate)
        return StoredCA(load_key(settings.key, settings.passphrase), certificate, tuple(chain))
    except ValueError as error:
        raise ConfigurationError(f"[authority.{settings.name}]: {error}") from error


def _check_names(authorities: Mapping[str, StoredCA]) -> None:
    """Certificates and CRLs are kept by the name of their issuer: two CAs of one name would share them."""
    seen: dict[str, tuple[str, bytes]] = {}
    for name, ca in authorities.items():
        subject = ca.certificate.load().subject.rfc4514_string()
        other, certificate = seen.setdefault(subject, (name, ca.certificate.der))
        if certificate != ca.certificate.der:
            raise ConfigurationError(
                f"[authority.{other}] and [authority.{name}] are different CAs of one name, {subject}: "
                "give one of them another subject"
            )


def _profile(
    settings: ProfileSettings, authorities: Mapping[str, StoredCA], files: Mapping[str, AuthoritySettings]
) -> Profile:
    ca = authorities[settings.authority]
    try:
        secrets = SharedSecrets(settings.secrets, settings.default_secret)
        lookup: Lookup = secrets
        if settings.signatures is not None:
            lookup = Parties(secrets, _signing(settings.signatures, ca, files[settings.authority]))
        authority: Authority = LocalAuthority(ca.key, ca.certificate, ca.chain, settings.rules)
        if settings.delay:
            authority = Delayed(authority, settings.delay, settings.delayed, settings.delay_reason)
        values: dict[str, Any] = dict(settings.values)
        if settings.key_generation is not None:
            values["key_generation"] = _key_generation(settings.key_generation, ca, files[settings.authority])
        if settings.agreement_key is not None:
            values["agreement_key"] = _agreement_key(settings.agreement_key, settings.agreement_passphrase)
        return Profile(
            name=settings.name,
            authority=authority,
            lookup=lookup,
            **values,
        )
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"[profile.{settings.name}]: {error}") from error


_RA_PURPOSE: Final = (oids.ID_KP_CMC_RA,)


def _signing(settings: SignatureSettings, ca: StoredCA, file: AuthoritySettings) -> SigningParties:
    """Whose signatures are believed, and the one of the profile itself."""
    own = _helper(settings.key, settings.passphrase, ca, file, "signer", MESSAGES)
    untrusted = (*ca.chain, *_certificates(settings.untrusted))
    anchors = (*([ca.certificate] if settings.own else []), *_certificates(settings.trusted))
    vouching = _certificates(settings.registration_authorities)
    return SigningParties(
        Signature(own.key, own.certificate, own.chain),
        TrustedSigners(anchors, untrusted=untrusted) if anchors else None,
        TrustedSigners(vouching, untrusted=untrusted, purposes=_RA_PURPOSE, check_sender=False) if vouching else None,
    )


def _key_generation(settings: KeyGenerationSettings, ca: StoredCA, file: AuthoritySettings) -> KeyGeneration:
    """Makes the keys of those who ask for one, in the name of a Key Generation Authority."""
    own = _helper(settings.key, settings.passphrase, ca, file, "kga", KEY_GENERATION)
    return KeyGeneration(settings.keys, own.key, own.certificate, own.chain, pwri_kek=settings.pwri_kek)


def _agreement_key(path: Path, passphrase: bytes | None) -> ec.EllipticCurvePrivateKey:
    key = load_key(path, passphrase)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("agreement_key: expected a key of an elliptic curve")
    return key


def _helper(
    path: Path | None, passphrase: bytes | None, ca: StoredCA, file: AuthoritySettings, suffix: str, role: Role
) -> StoredCA:
    """A key beside the CA's, with its certificate: in the file that is named, else in one that is made at first."""
    if path is not None:
        return load_ca(path, passphrase)
    return open_signer(file.key.with_name(f"{file.key.stem}-{suffix}.pem"), ca, role=role, passphrase=file.passphrase)


def _certificates(files: Iterable[Path]) -> list[Certificate]:
    return [certificate for file in files for certificate in load_certificates(file)]
