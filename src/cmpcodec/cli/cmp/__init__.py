"""The verb `cmp`: a CMP client with the options, configuration files and messages of `openssl cmp`.

This file knows how a run begins and ends. Exit codes are OpenSSL's: 0 done, 1 not done, for whatever reason.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .config_file import ConfigError
from .log import DEFAULT_VERBOSITY, HIGHEST_VERBOSITY, Log
from .options import OptionError, help_text, read_arguments, with_config

EXIT_DONE = 0
EXIT_NOT_DONE = 1


def cmp(arguments: Sequence[str], prog: str) -> int:
    """Run the verb; return its exit code."""
    if not arguments:
        print(help_text(prog), file=sys.stderr)
        return EXIT_NOT_DONE
    log = Log(sys.stderr)
    try:
        given = read_arguments(arguments, log.warning)
        if given.get("help"):
            print(help_text(prog))
            return EXIT_DONE
        log.verbosity = _level(given.get("verbosity"))
        options = with_config(given, log.info, log.warning)
        log.verbosity = _level(options.number("verbosity"))
    except (OptionError, ConfigError) as error:
        log.error(str(error))
        log.error(f"{prog} -help lists the options")
        return EXIT_NOT_DONE
    from .run import run

    return EXIT_DONE if run(options, log) else EXIT_NOT_DONE


def _level(value: str | int | None) -> int:
    """The level of the log; one that does not exist is refused later, with the other options."""
    return value if isinstance(value, int) and value <= HIGHEST_VERBOSITY else DEFAULT_VERBOSITY
