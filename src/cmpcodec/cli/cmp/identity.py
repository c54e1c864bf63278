"""Who we are and whom we believe, from options: secret or certificate with key, and the verifier of the answers.

It reads the files that those options name. What is asked for is the business of `request`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from ...client import Check, SecretOrSignature, build_chain
from ...errors import CMPError
from ...pkix import Certificate
from ...protection import PasswordBasedMAC, ProtectionPolicy, Protector
from ...protection.certificates import Opened, opened
from ...protection.paths import Path, find_path
from ...protection.signatures import PrivateKey
from ...protection.signing import Signature
from ...protection.trust import TrustedSigners
from .exchange import Originals
from .files import load_certificates, load_key
from .log import Log
from .options import OptionError, Options
from .passwords import ask, read_source

ITERATIONS: Final = 1024
"""iterationCount of our PasswordBasedMac, as in OpenSSL 4."""

_HASHES: Final = {
    **{f"{family}{bits}": f"sha{bits}" for family in ("sha", "sha2") for bits in (224, 256, 384, 512)},
    **{f"sha3{bits}": f"sha3_{bits}" for bits in (224, 256, 384, 512)},
    "sha1": "sha1",
}


class Identity:
    """What protects requests and verifies answers, and the certificates that help with either. OptionError."""

    def __init__(self, options: Options, log: Log) -> None:
        self.digest = _hash("digest", options.text("digest") or "sha256")
        default = ProtectionPolicy()
        self.policy = default._replace(owfs=default.owfs | {self.digest})
        self.protects = not options.flag("unprotected_requests")
        reference = options.text("ref")
        self.reference = None if reference is None else reference.encode("utf-8", "surrogateescape")
        self._keypass = _phrase(options, "keypass", log)
        self._otherpass = _phrase(options, "otherpass", log)
        own = self._certificates(options, "cert")
        self.certificate = own[0] if own else None
        self.untrusted = (*self._certificates(options, "untrusted"), *own[1:])
        self.extra_certs = self._certificates(options, "extracerts")
        self.key = self._key(options)
        secret, signature = self._secret(options, log), self._signature(options, log)
        self.credential: Protector | None = secret or signature
        if secret is not None and signature is not None:
            log.warning("-cert and -key not used for protection since -secret is given")
        if self.credential is None and self.protects:
            raise OptionError(_missing(self.certificate, self.key))
        pinned = self._certificates(options, "srvcert")
        self.pinned = pinned[0] if pinned else None
        signers = self._signers(options, log)
        silent = options.flag("unprotected_errors") or options.text("reqout_only") is not None
        if secret is None and signers is None and not silent:
            raise OptionError(
                "-secret, -trusted and -srvcert are missing: one of them has to say whose answers to believe"
            )
        self.answers = Originals(SecretOrSignature(secret, signers))
        self.check = self._check(options)

    def old_certificate(self, options: Options) -> Certificate | None:
        """The certificate of -oldcert."""
        found = self._certificates(options, "oldcert")
        return found[0] if found else None

    # --- what the options name ---

    def _certificates(self, options: Options, option: str) -> tuple[Certificate, ...]:
        """All certificates of an option, which names one file or, if it may, several."""
        single = option in ("cert", "oldcert", "srvcert")
        text = options.text(option)
        files = options.words(option) if not single else [] if text is None else [text]
        phrase, source = (self._keypass, "keypass") if option in ("cert", "oldcert") else (self._otherpass, "otherpass")
        return tuple(one for path in files for one in load_certificates(option, path, phrase, source))

    def _key(self, options: Options) -> PrivateKey | None:
        path = options.text("key")
        if path is None:
            return None

        def prompt() -> bytes | None:
            return None if options.flag("batch") else ask(f"Enter pass phrase for {path}: ")

        key = load_key("key", path, self._keypass, prompt, False)
        assert isinstance(key, PrivateKey)
        return key

    def _secret(self, options: Options, log: Log) -> PasswordBasedMAC | None:
        source = options.text("secret")
        if source is None:
            return None
        mac = options.text("mac") or "hmac-sha1"
        return PasswordBasedMAC(
            read_source("secret", source, log.warning),
            sender_kid=self.reference,
            owf=self.digest,
            mac=_hash("mac", mac),
            iterations=ITERATIONS,
        )

    def _signature(self, options: Options, log: Log) -> Signature | None:
        """The certificate and key as a credential, with the chain that can be built, or has to be trusted."""
        anchors = self._certificates(options, "own_trusted")
        if anchors and self.certificate is None:
            log.warning("-own_trusted option is ignored without -cert")
        if self.certificate is None or self.key is None:
            return None
        try:
            if anchors:
                path = _path(self.certificate, anchors, self.untrusted, self.policy)
                chain = tuple(one.certificate for one in path.certificates[1:] if not one.self_issued)
            else:
                chain = build_chain(self.certificate, self.untrusted)
        except (CMPError, ValueError) as error:
            raise OptionError(f"-own_trusted: -cert is not to be trusted: {error}") from None
        try:
            return Signature(self.key, self.certificate, chain, digest=self.digest)
        except ValueError as error:
            raise OptionError(f"-cert and -key do not do: {error}") from None

    def _signers(self, options: Options, log: Log) -> TrustedSigners | None:
        """Whose signatures are believed: the pinned one's, else those that lead to a trust anchor."""
        anchors = self._certificates(options, "trusted")
        if self.pinned is not None and anchors:
            log.warning("-trusted option is ignored since -srvcert option is present")
            anchors = ()
        if self.pinned is None and not anchors:
            return None
        try:
            return TrustedSigners(
                anchors,
                untrusted=self.untrusted,
                signers=() if self.pinned is None else (self.pinned,),
                check_usage=not options.flag("ignore_keyusage"),
            )
        except ValueError as error:
            raise OptionError(f"-trusted, -untrusted or -srvcert: a certificate cannot be used: {error}") from None

    def _check(self, options: Options) -> Check | None:
        """The check that -out_trusted asks for."""
        anchors = self._certificates(options, "out_trusted")
        if not anchors:
            return None

        def check(certificate: Certificate, chain: Sequence[Certificate]) -> str | None:
            try:
                _path(certificate, anchors, (*chain, *self.untrusted), self.policy)
            except (CMPError, ValueError) as error:
                return f"it does not lead to -out_trusted: {error}"
            return None

        return check


def _path(
    certificate: Certificate, anchors: Iterable[Certificate], others: Iterable[Certificate], policy: ProtectionPolicy
) -> Path:
    """A path to one of the anchors that holds now; ValueError or a ProtectionError if there is none."""
    trusted: dict[bytes, Opened] = {one.der: opened(one) for one in anchors}
    return find_path(opened(certificate), trusted, [opened(one) for one in others], policy, datetime.now(UTC))


def _missing(certificate: Certificate | None, key: PrivateKey | None) -> str:
    if certificate is None and key is None:
        return (
            "-secret is missing: the shared secret that protects the messages; "
            "or -cert and -key, which sign them, or -unprotected_requests"
        )
    return f"-{'key' if key is None else 'cert'} is missing: -cert and -key are both needed to sign requests"


def _phrase(options: Options, option: str, log: Log) -> bytes | None:
    source = options.text(option)
    return None if source is None else read_source(option, source, log.warning)


def _hash(option: str, text: str) -> str:
    """The hash, as hashlib names it, of a digest (sha256, SHA2-256) or a MAC (hmac-sha256, hmacWithSHA256)."""
    word = re.sub(r"[-_]", "", text.lower())
    if option == "mac":
        word = word.removeprefix("hmac").removeprefix("with") if word.startswith("hmac") else ""
    name = _HASHES.get(word)
    if name is None:
        known = ", ".join(("hmac-" if option == "mac" else "") + one for one in ("sha1", "sha256", "sha384", "sha512"))
        raise OptionError(f"-{option}: {text[:40]!a} is not supported; there are {known}, and SHA-224 and SHA-3")
    return name
