"""Reads settings out of a TOML document with errors for the person who wrote it: file, table, key, what is expected.

`Table` hands out each key once and complains about those that nobody asked for, with the nearest name that exists. What
the settings are about stands in `configuration`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final, TypeVar, get_type_hints

_T = TypeVar("_T")
_REQUIRED: Final = object()
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ?(s|m|h|d)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class ConfigurationError(Exception):
    """A configuration that cannot be used; the text says where and why, and holds no secret."""


class Table:
    """One table of a TOML document. `where` is its name as the file spells it, "" for the top."""

    def __init__(self, content: object, where: str, file: str) -> None:
        if not isinstance(content, dict):
            raise ConfigurationError(f"{file}: {where} has to be a table: [{where}]")
        self._content: dict[str, Any] = dict(content)
        self._known: set[str] = set()
        self._where = where
        self._file = file

    def take(self, key: str, convert: Callable[[Any], _T], default: Any = _REQUIRED) -> _T:
        """The value of a key, converted; `default`, as it is, if there is none. ConfigurationError."""
        self._known.add(key)
        if key not in self._content:
            if default is _REQUIRED:
                raise self.error(key, "is missing")
            return default  # type: ignore[no-any-return]  # the caller's own
        try:
            return convert(self._content.pop(key))
        except ValueError as error:
            raise self.error(key, str(error)) from None

    def table(self, key: str) -> Table:
        """The table below this one with that name, an empty one if there is none."""
        self._known.add(key)
        return Table(self._content.pop(key, {}), f"{self._where}.{key}" if self._where else key, self._file)

    def tables(self, key: str) -> Iterator[tuple[str, Table]]:
        """All tables below [key], with their names."""
        inner = self.table(key)
        for name in list(inner._content):
            yield name, inner.table(name)

    def fill(self, made: type[_T], converters: Mapping[str, Callable[[Any], Any]] | None = None) -> _T:
        """An instance of a dataclass or NamedTuple from the keys of its name; absent keys keep the defaults."""
        return self.make(made, self.values(made, converters))

    def values(self, made: type, converters: Mapping[str, Callable[[Any], Any]] | None = None) -> dict[str, Any]:
        """The fields of `made` that stand in the file, converted; those of a type that no file can hold are skipped."""
        found = {}
        for name, hint in get_type_hints(made).items():
            convert = (converters or {}).get(name) or _CONVERTERS.get(hint)
            if convert is not None:
                self._known.add(name)
                if name in self._content:
                    found[name] = self.take(name, convert)
        return found

    def make(self, made: Callable[..., _T], values: Mapping[str, Any]) -> _T:
        """Call `made`; what it says against the values is an error of this table."""
        try:
            return made(**values)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"{self._file}: [{self._where}]: {error}") from None

    def has(self, key: str) -> bool:
        """Whether a key stands in the table."""
        return key in self._content

    def close(self) -> None:
        """Complain about a key that nobody asked for."""
        for key in self._content:
            near = difflib.get_close_matches(key, self._known, 1)
            hint = f"; is it {near[0]!r}?" if near else f"; there are {', '.join(sorted(self._known)) or 'none'}"
            raise self.error(key, f"is no setting{hint}")

    def error(self, key: str, problem: str) -> ConfigurationError:
        """An error about one key of this table."""
        place = f"[{self._where}] " if self._where else ""
        return ConfigurationError(f"{self._file}: {place}{key[:60]} {problem}")


# --- Converters: ValueError says what was expected ---


def boolean(value: object) -> bool:
    """A TOML boolean."""
    if not isinstance(value, bool):
        raise ValueError("takes true or false")
    return value


def integer(value: object) -> int:
    """A TOML integer."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("takes a whole number")
    return value


def text(value: object) -> str:
    """A TOML string that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("takes a text in quotation marks")
    return value


def seconds(value: object) -> float:
    """A duration in seconds: a number, or a text such as "90s", "5m", "12h", "365d"."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 10**12:
        return float(value)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('takes a duration: seconds, or a text such as "90s", "5m", "12h", "365d"')
    return float(match[1]) * _SECONDS[match[2]]


def duration(value: object) -> timedelta:
    """The same as a timedelta."""
    return timedelta(seconds=seconds(value))


def duration_or_none(value: object) -> timedelta | None:
    """A duration, or false for none."""
    return None if value is False else duration(value)


def integer_or_none(value: object) -> int | None:
    """A whole number, or false for none."""
    return None if value is False else integer(value)


def texts(value: object) -> tuple[str, ...]:
    """An array of texts."""
    if not isinstance(value, list):
        raise ValueError("takes an array of texts")
    return tuple(text(one) for one in value)


def one_of(**names: _T) -> Callable[[object], _T]:
    """A converter for one of some words."""

    def convert(value: object) -> _T:
        if not isinstance(value, str) or value not in names:
            raise ValueError(f"takes one of {', '.join(names)}")
        return names[value]

    return convert


def some_of(names: Mapping[str, _T]) -> Callable[[object], frozenset[_T]]:
    """A converter for an array of some words."""

    def convert(value: object) -> frozenset[_T]:
        found = texts(value)
        for one in found:
            if one not in names:
                raise ValueError(f"does not take {one[:40]!r}, only {', '.join(names)}")
        return frozenset(names[one] for one in found)

    return convert


_CONVERTERS: Final[dict[Any, Callable[[Any], Any]]] = {
    bool: boolean,
    int: integer,
    float: seconds,
    str: text,
    timedelta: duration,
    timedelta | None: duration_or_none,
    int | None: integer_or_none,
    tuple[str, ...]: texts,
    frozenset[str]: lambda value: frozenset(texts(value)),
}
