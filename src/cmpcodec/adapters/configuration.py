"""The configuration of the stand-alone server: what `cmpcodec.toml` may say, and what holds where it says nothing.

Reading only: nothing is opened but the file itself and the secrets that it points to. `assembly` makes a server of it.
docs/server.md describes every setting.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from .. import oids
from ..asn1 import Limits, ObjectIdentifier
from ..authority import CertificateRules
from ..cmp import PKIStatus
from ..http.limits import ServerLimits
from ..pkix import AlgorithmIdentifier, Extension, KeyUsage
from ..protection import ProtectionPolicy
from ..server.profile import BODIES, Profile
from .secret_sources import SecretError, read_secret
from .settings import ConfigurationError, Table, duration, integer, one_of, some_of, text, texts

STANDARD_PROFILE: Final = "czertainly"
_CRL_RENEW_BEFORE: Final = next(one.default for one in fields(Profile) if one.name == "crl_renew_before")
"""What holds for a profile that does not say."""
_BODIES: Final = {"certConf": "cert_conf", "pollReq": "poll_req"} | {
    name: name for name in sorted(BODIES) if "_" not in name
}
_KEY_USAGE: Final = {
    "digitalSignature": KeyUsage.DIGITAL_SIGNATURE,
    "nonRepudiation": KeyUsage.NON_REPUDIATION,
    "keyEncipherment": KeyUsage.KEY_ENCIPHERMENT,
    "dataEncipherment": KeyUsage.DATA_ENCIPHERMENT,
    "keyAgreement": KeyUsage.KEY_AGREEMENT,
    "encipherOnly": KeyUsage.ENCIPHER_ONLY,
    "decipherOnly": KeyUsage.DECIPHER_ONLY,
}
_OIDS: Final = {name: ObjectIdentifier(oid) for oid, name in oids.NAMES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoritySettings:
    """A CA whose key is in a file; with `create`, it is made at the first start."""

    name: str
    key: Path
    """PEM: the private key and, unless `certificate` says where they are, the certificates from its own to the root."""
    certificate: Path | None = None
    passphrase: bytes | None = field(default=None, repr=False)
    create: bool = False
    subject: str = "CN=cmpcodec CA"
    algorithm: str = "ec-p256"

    def __post_init__(self) -> None:
        if self.create and self.certificate is not None:
            raise ValueError("takes either create or certificate: a CA that is made has both in the file of its key")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureSettings:
    """Whose signatures a profile believes, and who signs its answers."""

    own: bool = False
    """Whether certificates of the profile's own CA may sign requests."""
    trusted: tuple[Path, ...] = ()
    """PEM: certificates of other authorities whose certificates may."""
    registration_authorities: tuple[Path, ...] = ()
    """PEM: certificates of authorities; who has one of theirs with the extended key usage id-kp-cmcRA, is an RA."""
    untrusted: tuple[Path, ...] = ()
    """PEM: certificates that may stand between those and a signer's."""
    key: Path | None = None
    """PEM: the key that signs answers, its certificate and chain; None: one that the CA makes, beside its own file."""
    passphrase: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not (self.own or self.trusted or self.registration_authorities):
            raise ValueError("takes own, trusted or registration_authorities: nobody would be believed")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSettings:
    """A profile before its authority exists: `values` are keyword arguments of `Profile`."""

    name: str
    authority: str
    default_secret: bytes | None = field(default=None, repr=False)
    secrets: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)
    signatures: SignatureSettings | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    rules: CertificateRules = field(default_factory=CertificateRules)
    delay: float = 0.0
    """Seconds that answers take."""
    delayed: frozenset[str] = frozenset(("issue", "revoke"))
    delay_reason: str = "waiting for approval"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where and how the server listens."""

    host: str = "127.0.0.1"
    port: int = 8080
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_passphrase: bytes | None = field(default=None, repr=False)
    tls_client_ca: Path | None = None
    default_profile: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    max_message: int = Limits().max_size
    """Octets of the largest message that is read."""
    metrics: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that the server is told. Paths are absolute, or relative to the working directory."""

    data: Path
    server: ServerSettings = field(default_factory=ServerSettings)
    log_style: str = "keyvalue"
    log_level: str = "INFO"
    store: Path | None = None
    """The SQLite file, None to keep everything in memory."""
    limits: ServerLimits = field(default_factory=ServerLimits)
    authorities: Mapping[str, AuthoritySettings] = field(default_factory=dict)
    profiles: Mapping[str, ProfileSettings] = field(default_factory=dict)


def standard(data: Path, secret: bytes) -> Configuration:
    """What `serve` does without a file: one CA, one profile that answers as the documented session shows."""
    return Configuration(
        data=data,
        store=data / "cmp.sqlite",
        authorities={"ca": AuthoritySettings(name="ca", key=data / "ca.pem", create=True)},
        profiles={
            STANDARD_PROFILE: ProfileSettings(
                name=STANDARD_PROFILE,
                authority="ca",
                default_secret=secret,
                signatures=SignatureSettings(own=True),
                values={"revocation_status": PKIStatus.REVOCATION_NOTIFICATION},
            )
        },
    )


def load(file: Path) -> Configuration:
    """Read a configuration file. ConfigurationError says what is wrong and where; OSError: it cannot be read."""
    try:
        with open(file, "rb") as stream:
            content = tomllib.load(stream)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: not TOML: {error}") from None
    return _Reader(Table(content, "", str(file)), file.parent).read()


class _Reader:
    """Goes through the tables of one file; relative paths start at its folder."""

    def __init__(self, top: Table, folder: Path) -> None:
        self._top = top
        self._folder = folder

    def read(self) -> Configuration:
        top = self._top
        data = top.take("data", self._path, self._folder / "cmpcodec-data")
        server, log, store = top.table("server"), top.table("log"), top.table("store")
        listening = server.fill(
            ServerSettings,
            {
                "port": _port,
                "tls_certificate": self._path,
                "tls_key": self._path,
                "tls_passphrase": self._secret,
                "tls_client_ca": self._path,
                "default_profile": text,
                "aliases": _texts_by_name,
            },
        )
        limits = server.table("limits")
        kind = store.take("kind", one_of(sqlite="sqlite", memory="memory"), "sqlite")
        path = store.take("path", self._path, data / "cmp.sqlite")
        authorities = {name: self._authority(name, table, data) for name, table in top.tables("authority")}
        found = Configuration(
            data=data,
            server=listening,
            limits=limits.fill(ServerLimits, {"connections_per_address": integer}),
            log_style=log.take("style", one_of(keyvalue="keyvalue", json="json"), "keyvalue"),
            log_level=log.take("level", one_of(debug="DEBUG", info="INFO", warning="WARNING", error="ERROR"), "INFO"),
            store=path if kind == "sqlite" else None,
            authorities=authorities,
            profiles={name: self._profile(name, table, authorities) for name, table in top.tables("profile")},
        )
        for table in (limits, server, log, store, top):
            table.close()
        self._check(found)
        return found

    def _check(self, found: Configuration) -> None:
        """What no single table can know."""
        server = found.server
        if not found.profiles:
            raise self._top.error("profile", "is missing: there has to be a table [profile.NAME]")
        if (server.tls_certificate is None) != (server.tls_key is None):
            raise self._top.error("server", "takes tls_certificate and tls_key together")
        self._check_secrets(found)
        for name in (*server.aliases.values(), *([server.default_profile] if server.default_profile else [])):
            if name not in found.profiles:
                raise self._top.error("server", f"names a profile {name!r}, and there is no table [profile.{name}]")

    def _check_secrets(self, found: Configuration) -> None:
        """A message does not say to which profile it goes: with the same secret there, it could be sent to another."""
        users: dict[tuple[bytes | None, bytes], str] = {}
        for name, profile in found.profiles.items():
            shared = [*profile.secrets.items(), *([(None, profile.default_secret)] if profile.default_secret else [])]
            for kid, secret in shared:
                other = users.setdefault((kid, secret), name)
                if other != name:
                    raise self._top.error(
                        "profile",
                        f"{other!r} and {name!r} have the same secret for the same senderKID: a message to one of "
                        "them would be accepted by both",
                    )

    def _authority(self, name: str, table: Table, data: Path) -> AuthoritySettings:
        values = {"name": name, "key": data / f"{name}.pem"}
        values |= table.values(
            AuthoritySettings,
            {
                "name": _no_setting,
                "key": self._path,
                "certificate": self._path,
                "passphrase": self._secret,
            },
        )
        found = table.make(AuthoritySettings, values)
        table.close()
        return found

    def _profile(self, name: str, table: Table, authorities: Mapping[str, AuthoritySettings]) -> ProfileSettings:
        only = next(iter(authorities)) if len(authorities) == 1 else None
        authority = table.take("authority", text, *([only] if only else []))
        if authority not in authorities:
            raise table.error("authority", f"names {authority!r}, and there is no table [authority.{authority}]")
        secrets = table.take("secrets", self._secrets, {})
        default: bytes | None = table.take("secret", self._secret, None)
        signatures = self._signatures(table)
        if not secrets and default is None and signatures is None:
            raise table.error("secret", "is missing, and so are secrets and signatures: nobody could be authenticated")
        values = table.values(
            Profile,
            {
                "name": _no_setting,
                "bodies": some_of(_BODIES),
                "revocation_status": one_of(
                    accepted=PKIStatus.ACCEPTED, notification=PKIStatus.REVOCATION_NOTIFICATION
                ),
            },
        )
        inner = [table.table(one) for one in ("protection", "limits", "certificates", "delay")]
        protection, limits, certificates, delay = inner
        values["policy"] = protection.fill(ProtectionPolicy)
        values["limits"] = limits.fill(Limits)
        rules = _rules(certificates)
        if rules.crl_validity < 2 * values.get("crl_renew_before", _CRL_RENEW_BEFORE):
            raise table.error("crl_renew_before", "is more than half of crl_validity: each request would make a CRL")
        found = ProfileSettings(
            name=name,
            authority=authority,
            default_secret=default,
            secrets=secrets,
            signatures=signatures,
            values=values,
            rules=rules,
            delay=delay.take("time", duration, timedelta()).total_seconds(),
            delayed=delay.take(
                "which", some_of({"issue": "issue", "revoke": "revoke"}), frozenset(("issue", "revoke"))
            ),
            delay_reason=delay.take("reason", text, "waiting for approval"),
        )
        for one in (*inner, table):
            one.close()
        return found

    def _signatures(self, profile: Table) -> SignatureSettings | None:
        if not profile.has("signatures"):
            return None
        table = profile.table("signatures")
        paths = dict.fromkeys(("trusted", "registration_authorities", "untrusted"), self._paths)
        found = table.fill(SignatureSettings, {**paths, "key": self._path, "passphrase": self._secret})
        table.close()
        return found

    def _paths(self, value: object) -> tuple[Path, ...]:
        return tuple(self._path(one) for one in texts(value))

    def _path(self, value: object) -> Path:
        return self._folder / text(value)

    def _secret(self, value: object) -> bytes:
        try:
            found = read_secret(text(value), self._folder)
        except SecretError as error:
            raise ValueError(str(error)) from None
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror}") from None
        if not found:
            raise ValueError("is empty")
        return found

    def _secrets(self, value: object) -> dict[bytes, bytes]:
        """Secrets by senderKID; a key that begins with hex: gives octets, any other is taken as UTF-8."""
        if not isinstance(value, dict):
            raise ValueError('takes a table of senderKID = "file:..." and the like')
        found = {}
        for name, form in value.items():
            try:
                kid = bytes.fromhex(name[4:]) if name.startswith("hex:") else name.encode()
            except ValueError:
                raise ValueError(f"{name[:40]!r} is no senderKID: after hex: come hexadecimal digits") from None
            if not kid:
                raise ValueError("has an empty senderKID; `secret` serves those who send none")
            try:
                found[kid] = self._secret(form)
            except ValueError as error:
                raise ValueError(f"{name[:40]!r}: {error}") from None
        return found


def _rules(table: Table) -> CertificateRules:
    values = table.values(
        CertificateRules,
        {
            "key_usage": lambda value: None if value is False else _usage(value),
            "allowed_key_usage": _usage,
            "extended_key_usage": _purposes,
            "allowed_extended_key_usage": lambda value: frozenset(_purposes(value)),
            "copied": lambda value: frozenset(_purposes(value)),
        },
    )
    crl_url = table.take("crl_url", text, None)
    if crl_url is not None:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
        content = x509.CRLDistributionPoints([point]).public_bytes()
        values["added"] = (Extension(extn_id=oids.ID_CE_CRL_DISTRIBUTION_POINTS, extn_value=content),)
    return table.make(CertificateRules, values)


def _usage(value: object) -> KeyUsage:
    found = KeyUsage(0)
    for one in some_of(_KEY_USAGE)(value):
        found |= one
    return found


def _purposes(value: object) -> tuple[ObjectIdentifier, ...]:
    """Object identifiers, dotted or by the names that the RFCs give them."""

    def each() -> Iterator[ObjectIdentifier]:
        for one in texts(value):
            try:
                yield _OIDS.get(one) or AlgorithmIdentifier(algorithm=ObjectIdentifier(one)).algorithm
            except ValueError:  # what cannot be encoded
                raise ValueError(f"{one[:60]!r} is neither a known name nor a dotted OBJECT IDENTIFIER") from None

    return tuple(each())


def _port(value: object) -> int:
    number = integer(value)
    if not 0 <= number <= 65535:
        raise ValueError("takes a port from 0 (any that is free) to 65535")
    return number


def _texts_by_name(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError('takes a table such as { "/pkix/" = "profile" }')
    return {name: text(one) for name, one in value.items()}


def _no_setting(value: object) -> object:
    raise ValueError("is given by the name of the table")
