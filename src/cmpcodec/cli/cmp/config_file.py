"""OpenSSL's configuration files: sections, assignments, variables, quotes, includes. config(5) of OpenSSL.

It reads what OpenSSL reads, with the same values; tests hold it against the `openssl` that is installed. It knows no
option of any command. Errors name the file and the line. Nothing of a value is in an error: it may be a secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

DEFAULT = "default"
"""The section before the first heading, which every lookup falls back to."""
ENVIRONMENT = "ENV"
"""The section whose names are environment variables."""

MAX_VALUE = 65536
"""Octets of a value in which variables were expanded; OpenSSL's bound."""
MAX_FILE = 4 * 1024 * 1024
MAX_FILES = 100
MAX_DEPTH = 10
"""Bounds against files that include themselves; OpenSSL has none."""

_SPACE = " \t\r\n"
_QUOTES = "'\"`"
_WORD = re.compile(r"[A-Za-z0-9_]*")
_NAME = re.compile(r"(?:\\.?|[A-Za-z0-9_!.%&*+,/;?@^~|-])*", re.DOTALL)
_DOLLAR_WORD = re.compile(r"[A-Za-z0-9_$]*")
_DOLLAR_NAME = re.compile(r"(?:\\.?|[A-Za-z0-9_!.%&*+,/;?@^~|$-])*", re.DOTALL)
_ESCAPES = {"r": "\r", "n": "\n", "b": "\b", "t": "\t"}
_BOOLEANS = {"on": True, "true": True, "off": False, "false": False}


class ConfigError(Exception):
    """A file that cannot be read or understood; the text names the file, and the line if it is a line's fault."""


class Config:
    """The sections of a file and of all that it includes."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._sections: dict[str, dict[str, str]] = {DEFAULT: {}}
        self._environment = os.environ if environment is None else environment

    def has(self, section: str) -> bool:
        """Whether there is a section of that name, be it empty."""
        return section in self._sections

    def section(self, section: str) -> dict[str, str]:
        """What a section itself assigns, in order; a name that is assigned again moves to the end."""
        return dict(self._sections.get(section, {}))

    def get(self, section: str, name: str) -> str | None:
        """The value of a name in a section, else in the default section, else None."""
        value = self._sections.get(section, {}).get(name)
        if value is None and section == ENVIRONMENT:
            value = self._environment.get(name)
        if value is None:
            value = self._sections[DEFAULT].get(name)
        return value

    def open(self, section: str) -> None:
        """Make sure that there is such a section."""
        self._sections.setdefault(section, {})

    def assign(self, section: str, name: str, value: str) -> None:
        """Give a name in a section a value; the last assignment counts."""
        names = self._sections.setdefault(section, {})
        names.pop(name, None)
        names[name] = value


def read_config(
    path: str, environment: Mapping[str, str] | None = None, warn: Callable[[str], None] = lambda text: None
) -> Config:
    """Read a configuration file. Raises ConfigError.

    `environment` is what ``$ENV::NAME`` looks in, by default the process's. `warn` is told which includes were left
    out because they cannot be read: OpenSSL goes on without them, in silence.
    """
    config = Config(environment)
    _Reader(config, os.environ if environment is None else environment, warn).read(path)
    return config


class _Reader:
    """The state that lasts from file to file: the current section, and what the pragmas say."""

    def __init__(self, config: Config, environment: Mapping[str, str], warn: Callable[[str], None]) -> None:
        self.config = config
        self.section = DEFAULT
        self.environment = environment
        self.warn = warn
        self.dollar_in_names = False
        self.absolute_only = False
        self.include_folder = ""
        self.files = 0
        self.depth = 0
        self.in_folder = False
        self.where = ""

    def read(self, path: str) -> None:
        try:
            with open(path, "rb") as file:
                data = file.read(MAX_FILE + 1)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None
        if len(data) > MAX_FILE:
            raise ConfigError(f"{path}: more than {MAX_FILE >> 20} MiB, too much for a configuration file")
        self.files += 1
        self.depth += 1
        if self.depth > MAX_DEPTH or self.files > MAX_FILES:
            raise ConfigError(f"{self.where}: too many files are included; does one include itself?")
        self.where = path
        if self.files == 1:
            data = data.removeprefix(b"\xef\xbb\xbf")
        if b"\0" in data:
            raise ConfigError(f"{path}:{data[: data.index(0)].count(10) + 1}: has a NUL octet, so it is no text")
        for number, line in _logical_lines(os.fsdecode(data)):
            self.where = f"{path}:{number}"
            self._line(line)
        self.depth -= 1

    def _fail(self, problem: str) -> ConfigError:
        return ConfigError(f"{self.where}: {problem}")

    def _line(self, line: str) -> None:
        line = _without_comment(line).lstrip(_SPACE)
        if not line:
            return
        if line[0] == "[":
            self.section = self._heading(line[1:].lstrip(_SPACE))
            self.config.open(self.section)
            return
        name, section, rest = self._left_side(line)
        if name in (".include", ".pragma") and rest[:1] and rest[0] in _SPACE + "=":
            argument = rest.lstrip(_SPACE).removeprefix("=").strip(_SPACE)
            if name == ".pragma":
                self._pragma(argument)
            else:
                self._include(self._value(argument, section))
            return
        rest = rest.lstrip(_SPACE)
        if rest[:1] != "=":
            raise self._fail(f"expected '=' after the name {name[:40]!a}" if name else "expected a name and '='")
        self.config.assign(section, name, self._value(rest[1:].strip(_SPACE), section))

    def _heading(self, text: str) -> str:
        """The section's name: words with white space between, up to the bracket."""
        pattern = _DOLLAR_NAME if self.dollar_in_names else _NAME
        end = at = 0
        while True:
            end = _end(pattern, text, at)
            after = end + len(text[end:]) - len(text[end:].lstrip(_SPACE))
            if text[after : after + 1] == "]":
                return self._value(text[:end], None)
            if after == at or after == len(text):
                raise self._fail("expected ']' after the name of the section")
            at = after

    def _left_side(self, line: str) -> tuple[str, str, str]:
        """The name, its section, and the rest of the line."""
        pattern = _DOLLAR_NAME if self.dollar_in_names else _NAME
        end = _end(pattern, line, 0)
        if line[end : end + 2] != "::":
            return line[:end], self.section, line[end:]
        start, section = end + 2, line[:end]
        end = _end(pattern, line, start)
        return line[start:end], section, line[end:]

    def _pragma(self, text: str) -> None:
        keyword, colon, value = text.partition(":")
        keyword, value = keyword.rstrip(_SPACE), value.lstrip(_SPACE)
        if not colon or not text.partition(":")[0] or not text.partition(":")[2]:
            raise self._fail(".pragma takes keyword:value")
        if keyword in ("dollarid", "abspath"):
            on = _BOOLEANS.get(value.lower())
            if on is None:
                raise self._fail(f".pragma {keyword} takes on, off, true or false")
            if keyword == "dollarid":
                self.dollar_in_names = on
            else:
                self.absolute_only = on
        elif keyword == "includedir":
            self.include_folder = value
        # as OpenSSL does, other pragmas are passed over

    def _include(self, name: str) -> None:
        folder = self.environment.get("OPENSSL_CONF_INCLUDE") or self.include_folder
        path = name if os.path.isabs(name) or not folder else os.path.join(folder, name)
        if self.absolute_only and not os.path.isabs(path):
            raise self._fail("this path is relative, and .pragma abspath forbids that")
        where = self.where
        if not os.path.isdir(path):
            self._include_file(path, where)
            return
        if self.in_folder:
            self.warn(f"{where}: not included, since it is a folder named by a file of an included folder: {path}")
            return
        self.in_folder = True
        for entry in sorted(Path(path).iterdir()):
            if entry.suffix.lower() in (".cnf", ".conf") and entry.is_file():
                self._include_file(str(entry), where)
        self.in_folder = False

    def _include_file(self, path: str, where: str) -> None:
        if not os.access(path, os.R_OK):
            self.warn(f"{where}: not included, since it cannot be read: {path}")
            return
        self.read(path)
        self.where = where

    def _value(self, text: str, section: str | None) -> str:
        """A value without its quotes and escapes, with the values of its variables. In a heading `section` is None."""
        parts: list[str] = []
        at, expanded = 0, False
        while at < len(text):
            one = text[at]
            if one in _QUOTES:
                inside, at = _quoted(text, at)
                parts.append(inside)
            elif one == "\\":
                parts.append(_ESCAPES.get(text[at + 1 : at + 2], text[at + 1 : at + 2]))
                at += 2
            elif one == "$" and (not self.dollar_in_names or text[at + 1 : at + 2] in ("{", "(")):
                value, at = self._variable(text, at + 1, section)
                parts.append(value)
                expanded = True
                if sum(map(len, parts)) > MAX_VALUE:
                    raise self._fail(f"the value is longer than {MAX_VALUE} octets with its variables")
            else:
                parts.append(one)
                at += 1
        value = "".join(parts)
        if expanded and len(os.fsencode(value)) > MAX_VALUE:
            raise self._fail(f"the value is longer than {MAX_VALUE} octets with its variables")
        return value

    def _variable(self, text: str, at: int, section: str | None) -> tuple[str, int]:
        """The value of the variable whose name begins at `at`, and where the text goes on."""
        close = {"{": "}", "(": ")"}.get(text[at : at + 1], "")
        at += len(close)
        pattern = _DOLLAR_WORD if self.dollar_in_names else _WORD
        end = _end(pattern, text, at)
        name = shown = text[at:end]
        if text[end : end + 2] == "::":
            section, at = name, end + 2
            end = _end(pattern, text, at)
            name = text[at:end]
            shown = f"{section}::{name}"
        if close:
            if text[end : end + 1] != close:
                raise self._fail(f"expected {close!r} after the name of the variable {shown[:40]!a}")
            end += 1
        value = self.config.get(DEFAULT if section is None else section, name)
        if value is None:
            if section == ENVIRONMENT:
                raise self._fail(f"the environment has no variable {name[:40]!a}")
            raise self._fail(f"the variable {shown[:40]!a} has no value; it has to be assigned before it is used")
        return value, end


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where the longest match of a pattern that may be empty ends."""
    match = pattern.match(text, at)
    assert match is not None
    return match.end()


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """The lines of a file, those that end in a backslash joined to the next one, each with the number of its first."""
    lines: list[tuple[int, str]] = []
    pending, start = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        start = start or number
        pending += line.rstrip("\r")
        if pending.endswith("\\") and pending[-2:-1] != "\\":
            pending = pending[:-1]
            continue
        lines.append((start, pending))
        pending, start = "", 0
    if start:
        lines.append((start, pending))
    return lines


def _without_comment(line: str) -> str:
    at = 0
    while at < len(line):
        one = line[at]
        if one == "#":
            return line[:at]
        if one in _QUOTES:
            at = _quoted(line, at)[1]
        else:
            at += 2 if one == "\\" else 1
    return line


def _quoted(text: str, at: int) -> tuple[str, int]:
    """What the quotation mark at `at` encloses, and where the text goes on; the end of the text closes it too."""
    mark, at = text[at], at + 1
    inside: list[str] = []
    while at < len(text) and text[at] != mark:
        at += text[at] == "\\"
        inside.append(text[at : at + 1])
        at += 1
    return "".join(inside), min(at + 1, len(text))
