"""The command line: `python -m cmpcodec VERB`, also installed as `cmpcodec`.

This file knows the verbs, the exit codes and how a run ends early; what a verb does stands in the file of its
name, which is imported only when the verb is used. Nothing outside this folder imports it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

EXIT_OK = 0
EXIT_PROBLEM = 1
"""doctor found something broken."""
EXIT_USAGE = 2
EXIT_MALFORMED = 3
EXIT_PROTECTION = 4
EXIT_IO = 5
EXIT_INTERRUPTED = 130
EXIT_NO_READER = 141
"""Of several inputs that fail the highest code wins. The last two are a shell's for SIGINT and SIGPIPE."""

VERBS = {
    "decode": "show what is in a CMP message",
    "cmp": "ask a CMP server for a certificate, with the options of `openssl cmp`",
    "serve": "run a CMP server with a CA of its own",
    "doctor": "say which engine runs, why, and what is missing",
}


class UsageError(Exception):
    """Arguments that make no sense together; the text never contains a secret."""


def main(arguments: Sequence[str] | None = None, *, prog: str = "cmpcodec") -> int:
    """Run one verb and return its exit code. `arguments` are those behind the program's name."""
    if arguments is None:
        arguments = sys.argv[1:]
    if sys.stderr is None:  # closed by the caller
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for the rest of the run
    if sys.stdout is None:
        print(f"{prog}: cannot write the output: it is closed", file=sys.stderr)
        return EXIT_IO
    try:
        try:
            code = _run(list(arguments), prog)
        except SystemExit as stop:  # argparse
            code = stop.code if isinstance(stop.code, int) else EXIT_USAGE
        sys.stdout.flush()
        return code
    except UsageError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return EXIT_USAGE
    except BrokenPipeError:
        _silence(sys.stdout.fileno())
        return EXIT_NO_READER
    except OSError as error:  # inputs report their own errors, so this is the output
        _silence(sys.stdout.fileno())
        print(f"{prog}: cannot write the output: {error.strerror or error}", file=sys.stderr)
        return EXIT_IO
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _run(arguments: list[str], prog: str) -> int:
    verb = arguments[0] if arguments else ""
    if verb == "decode":
        from .decode import decode

        return decode(arguments[1:], f"{prog} decode")
    if verb == "cmp":
        from .cmp import cmp

        return cmp(arguments[1:], f"{prog} cmp")
    if verb == "doctor":
        from .doctor import doctor

        return doctor(arguments[1:], f"{prog} doctor")
    if verb == "serve":
        try:
            from .serve import serve
        except ModuleNotFoundError as error:
            raise UsageError(f"serve needs the package {error.name}: pip install 'cmpcodec[server]'") from None
        return serve(arguments[1:], f"{prog} serve")
    if verb in ("-V", "--version"):
        from .. import __version__

        print(f"cmpcodec {__version__}")
        return EXIT_OK
    asked = verb in ("-h", "--help", "help")
    lines = [f"usage: {prog} VERB ...", ""]
    if verb and not asked:
        lines.insert(0, f"{prog}: there is no verb {verb[:40]!a}")
    lines += [f"  {name:8}{what}" for name, what in VERBS.items()]
    lines += ["", f"{prog} VERB --help tells more; --version gives the version."]
    print("\n".join(lines), file=sys.stdout if asked else sys.stderr)
    return EXIT_OK if asked else EXIT_USAGE


def _silence(descriptor: int) -> None:
    """Send what is still to be flushed nowhere, so that the interpreter's exit does not complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
