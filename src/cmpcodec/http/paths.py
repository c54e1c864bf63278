"""Which profile, and what of it, a request target names: strictly, and without ever normalising a path.

It knows the paths of RFC 9811, CZERTAINLY and EJBCA; nothing of methods, bodies or answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote_to_bytes

OPERATIONS = frozenset(
    (
        "initialization",
        "certification",
        "keyupdate",
        "pkcs10",
        "revocation",
        "getcacerts",
        "getrootupdate",
        "getcertreqtemplate",
        "getcrls",
        "nested",
    )
)
"""The operation labels of RFC 9811, 3.6."""

WELL_KNOWN = (".well-known", "cmp")
CZERTAINLY = ("api", "v1", "protocols", "cmp")
EJBCA = ("ejbca", "publicweb", "cmp")

_ALLOWED = re.compile(rb"/[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*")  # pchar and "/" of RFC 3986: no query, no fragment
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile("[\\x00-\\x1f\\x7f]")
_ABSOLUTE = re.compile(rb"(?i)https?://[^/?#\s]+(?=/)")


class BadTarget(ValueError):
    """A request target that is malformed; the text is ours and holds nothing of the target."""


class Kind(Enum):
    """What a path leads to."""

    CMP = "cmp"
    CRL = "crl"
    HEALTH = "health"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True)
class Place:
    """What a path names. `profile` is None for the profile that serves by default; it need not exist."""

    kind: Kind
    profile: str | None = None
    operation: str | None = None


def segments(target: bytes) -> tuple[str, ...] | None:
    r"""The decoded segments of a request target, after its first "/".

    None: well-formed, but nothing here has such a name (a query, an empty or dot segment in the middle, an encoded
    "/" or "\"). Raises BadTarget for what no URI may look like: a control character, a broken %-escape, no UTF-8.
    Escapes are decoded once. The absolute form, as proxies are sent it, is taken for its path (RFC 9112, 3.2.2).
    """
    if (absolute := _ABSOLUTE.match(target)) is not None:
        target = target[absolute.end() :]
    path, question, _ = target.partition(b"?")
    if not _ALLOWED.fullmatch(path) or _BAD_ESCAPE.search(path):
        raise BadTarget("the request target is not a path")
    try:
        found = tuple(unquote_to_bytes(part).decode() for part in path[1:].split(b"/"))
    except UnicodeDecodeError:
        raise BadTarget("the request target is not UTF-8") from None
    decoded = "".join(found)
    if _CONTROL.search(decoded):
        raise BadTarget("the request target holds a control character")
    if question or "/" in decoded or "\\" in decoded or "." in found or ".." in found or "" in found[:-1]:
        return None
    return found


class Paths:
    """All paths of a server. `aliases` maps further absolute paths ("/pkix/") to names of profiles."""

    def __init__(self, aliases: Mapping[str, str] | None = None) -> None:
        self._aliases: dict[tuple[str, ...], str] = {}
        for path, profile in (aliases or {}).items():
            try:
                found = segments(path.encode("ascii"))
            except ValueError:
                found = None
            if found is None or found == ("",):
                raise ValueError(f"{path!r} cannot be an alias: it must be an absolute path without query and dots")
            self._aliases[found] = profile

    def find(self, target: bytes) -> Place | None:
        """What a request target names, None if nothing. Raises BadTarget."""
        found = segments(target)
        if found is None:
            return None
        if (alias := self._aliases.get(found)) is not None:
            return Place(Kind.CMP, alias)
        match found:
            case ("healthz",):
                return Place(Kind.HEALTH)
            case ("metrics",):
                return Place(Kind.METRICS)
        if found[-1] == "crl" and (alias := self._aliases.get(found[:-1])) is not None:
            return Place(Kind.CRL, alias)
        if found[:2] == WELL_KNOWN:
            return _well_known(found[2:])
        if found[:4] == CZERTAINLY:
            rest = found[4:]
            return _named(rest[1:] if rest[:1] == ("raProfile",) and len(rest) > 1 else rest, operations=False)
        if found[:3] == EJBCA:
            return _named(found[3:], operations=False)
        return None


def _well_known(rest: tuple[str, ...]) -> Place | None:
    match rest:
        case ("p", *named):
            return _named(tuple(named), operations=True)
        case ():
            return Place(Kind.CMP)
        case ("crl",):
            return Place(Kind.CRL)
        case (operation,) if operation in OPERATIONS:
            return Place(Kind.CMP, operation=operation)
    return None


def _named(rest: tuple[str, ...], *, operations: bool) -> Place | None:
    match rest:
        case (name,) if name:
            return Place(Kind.CMP, name)
        case (name, "crl") if name:
            return Place(Kind.CRL, name)
        case (name, operation) if name and operations and operation in OPERATIONS:
            return Place(Kind.CMP, name, operation)
    return None
