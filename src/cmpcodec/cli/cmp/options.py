"""What was asked for: arguments and configuration file read by the table of options, with OpenSSL's precedence.

An option on the command line beats the file; in the file the last section of -section that has it wins. Knows the
spelling of options and numbers, nothing of what options mean. No error shows a value that may be a secret.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping, Sequence

from .config_file import DEFAULT, Config, ConfigError, read_config
from .option_table import GROUPS, OPTIONS, Option, Takes

_INTEGER = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10})")
_LARGEST = 2**31 - 1
_SECTION = "cmp"
"""The section that is used unless -section names others; it need not be there."""


class OptionError(Exception):
    """An option that is unknown, not supported, or given a value that it cannot have."""


class Options:
    """The options' values: of the command line, else of the configuration file, else none."""

    def __init__(
        self,
        given: Mapping[str, str | int],
        config: Config | None = None,
        of_file: Mapping[str, str | int] | None = None,
    ) -> None:
        self._given = dict(given)
        self._values = {**(of_file or {}), **given}
        self.config = config
        """The file that was read, for the sections that options name."""

    def text(self, name: str) -> str | None:
        """The value of an option that takes text, None if it is not given or empty."""
        value = self._values.get(name)
        assert OPTIONS[name].takes is Takes.TEXT
        return value if isinstance(value, str) and value else None

    def given(self, name: str) -> bool:
        """Whether the option has a value, of whatever kind."""
        return self._values.get(name, "") != ""

    def typed(self, name: str) -> bool:
        """Whether the option has a value on the command line."""
        return self._given.get(name, "") != ""

    def words(self, name: str) -> list[str]:
        """The parts of a value with commas or white space between them."""
        return split_list(self.text(name) or "")

    def number(self, name: str) -> int | None:
        """The value of an option that takes a number, None if it is not given."""
        value = self._values.get(name)
        assert OPTIONS[name].takes in (Takes.INTEGER, Takes.NATURAL, Takes.POSITIVE)
        return value if isinstance(value, int) else None

    def flag(self, name: str) -> bool:
        """Whether an option that takes nothing is given."""
        assert OPTIONS[name].takes is Takes.NOTHING
        return bool(self._values.get(name))


def split_list(text: str) -> list[str]:
    """The parts of a list with commas or white space between them."""
    return [word for word in re.split(r"[,\s]+", text) if word]


def read_arguments(arguments: Sequence[str], warn: Callable[[str], None] = lambda text: None) -> dict[str, str | int]:
    """The options on the command line, as ``-name value`` or ``-name=value`` with one hyphen or two. OptionError.

    The last of several wins; an empty value takes what the configuration file says back. `warn` is told of values
    that look like a slip.
    """
    values: dict[str, str | int] = {}
    rest = list(reversed(arguments))
    while rest:
        argument = rest.pop()
        if not argument.startswith("-") or argument in ("-", "--"):
            raise OptionError(f"unexpected argument number {len(arguments) - len(rest)}: it belongs to no option")
        name, equals, value = argument.removeprefix("-").removeprefix("-").partition("=")
        option = find_option(name)
        if option.takes is Takes.NOTHING:
            if equals:
                raise OptionError(f"-{name} takes no value")
            values[name] = 1
            continue
        if not equals:
            if not rest:
                raise OptionError(f"-{name} needs a value: {option.argument or option.takes.value}")
            value = rest.pop()
        if option.takes is Takes.TEXT:
            if not value and name not in ("config", "section"):
                warn(f"-{name} option argument is empty string, resetting option")
            elif value.startswith("-"):
                warn(f"-{name} option argument starts with hyphen")
            values[name] = value
        else:
            values[name] = _number(option, value, f"-{name}")
    return values


def find_option(name: str) -> Option:
    """The option of that name; OptionError if there is none or if it is not supported."""
    option = OPTIONS.get(name)
    if option is None:
        supported = [one.name for one in OPTIONS.values() if not one.refused]
        near = difflib.get_close_matches(name.lower(), supported, 1) or difflib.get_close_matches(name, OPTIONS, 1)
        raise OptionError(
            f"there is no option -{_shown(name)}"
            + (f"; did you mean -{near[0]}?" if near else "; -help lists the options")
        )
    if option.refused:
        raise OptionError(f"option -{name}: {option.refused}")
    return option


def _shown(name: str) -> str:
    return ascii(name[:30])[1:-1]


def _number(option: Option, value: str, where: str) -> int:
    wanted = {
        Takes.INTEGER: "a number",
        Takes.NATURAL: "a number that is not negative",
        Takes.POSITIVE: "a number above 0",
        Takes.NOTHING: "1 (yes) or 0 (no)",
    }[option.takes]
    if not _INTEGER.fullmatch(value):
        raise OptionError(f"{where} takes {wanted}")
    number = int(value, 16 if "x" in value.lower() else 10)
    least = {Takes.NATURAL: 0, Takes.POSITIVE: 1}.get(option.takes, -_LARGEST)
    if not least <= number <= _LARGEST:
        raise OptionError(f"{where} takes {wanted}, at most {_LARGEST}")
    return number


def with_config(
    given: Mapping[str, str | int],
    inform: Callable[[str], None] = lambda text: None,
    warn: Callable[[str], None] = lambda text: None,
    environment: Mapping[str, str] | None = None,
) -> Options:
    """The options of the command line, and behind them those of the configuration file. OptionError, ConfigError.

    The file is that of -config; without it $OPENSSL_CONF or OpenSSL's own, if that exists.
    """
    variables = os.environ if environment is None else environment
    path = given.get("config")
    named = isinstance(path, str)
    if not isinstance(path, str):
        path = variables.get("OPENSSL_CONF") or _default_file()
    if not path or (not named and not os.path.exists(path)):
        return Options(given)
    section = str(given.get("section", _SECTION)) or DEFAULT
    inform(f"using section(s) '{section}' of OpenSSL configuration file '{path}'")
    config = read_config(path, variables, warn)
    sections = split_list(section)
    for name in reversed(sections):
        if config.has(name):
            continue
        if section == _SECTION:
            inform(
                f"no [{name}] section found in config file '{path}'; "
                "will thus use just [default] and unnamed section if present"
            )
        else:
            raise ConfigError(f"{path}: there is no section [{name}], which -section names")
    return Options(given, config, _of_sections(config, sections, path))


def _of_sections(config: Config, sections: Sequence[str], path: str) -> dict[str, str | int]:
    values: dict[str, str | int] = {}
    for name, option in OPTIONS.items():
        if name in ("help", "config", "section"):
            continue
        # as OpenSSL looks it up: each section falls back to the default section before the one named earlier is asked
        found = (config.get(section, name) for section in reversed(sections))
        value = next((one for one in found if one is not None), None)
        if not value or (option.refused and option.takes is Takes.NOTHING and value == "0"):
            continue
        if option.refused:
            raise OptionError(f"{path}: option {name}: {option.refused}")
        values[name] = value if option.takes is Takes.TEXT else _number(option, value, f"{path}: option {name}")
    return values


def _default_file() -> str:
    """Where the OpenSSL of this Python keeps its configuration."""
    try:
        from ssl import get_default_verify_paths
    except ImportError:
        return ""
    return os.path.join(os.path.dirname(get_default_verify_paths().openssl_cafile), "openssl.cnf")


def help_text(prog: str) -> str:
    """All supported options by group, then the names of the others."""
    lines = [
        f"usage: {prog} -cmd ir|cr|kur|p10cr|rr [OPTION...]",
        "",
        "A CMP client with the options of `openssl cmp`. The configuration file may hold them too, without hyphen.",
        "SOURCE is pass:SECRET, env:VARIABLE, file:PATH, fd:NUMBER or stdin.",
    ]
    for title, group in GROUPS:
        lines += ["", f"{title}:"]
        for option in group:
            head = f"  -{option.name} {option.argument}".rstrip()
            lines.append(f"{head:<25} {option.help}")
    refused: dict[str, list[str]] = {}
    for option in OPTIONS.values():
        if option.refused:
            refused.setdefault(option.refused, []).append(f"-{option.name}")
    lines += ["", "Options of `openssl cmp` that are refused:"]
    for reason, names in refused.items():
        lines.append(f"  {reason}:")
        line = "   "
        for name in names:
            if len(line) + len(name) > 98:
                lines.append(line)
                line = "   "
            line += f" {name}"
        lines.append(line)
    lines += ["", "exit codes: 0 done, 1 not done (wrong options, too), 130 interrupted"]
    return "\n".join(lines)
