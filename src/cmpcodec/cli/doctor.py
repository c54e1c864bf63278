"""The verb `doctor`: which engine runs, why, and what to do to get the other; whether the parts fit together.

Looks and reports; changes nothing. Each line is a fact of this machine, each problem comes with a way out.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import platform
import sys

from .. import __file__ as package_file
from .. import __version__, _engine, cmp
from .._engine.build_info import HOW_TO_COMPILE, build_info, missing_tools
from . import EXIT_OK, EXIT_PROBLEM
from .terminal import Output, bad, bold, dim, good

OLDEST_CRYPTOGRAPHY = 42
"""As in pyproject.toml."""
_INSTALL_CRYPTOGRAPHY = f"pip install 'cryptography>={OLDEST_CRYPTOGRAPHY}'"

_MESSAGE = bytes.fromhex("301d3017020102a4023000a4023000a40a0408636d70636f646563b3020500")
"""A pkiconf of the smallest kind."""


def doctor(arguments: list[str], prog: str) -> int:
    """Run the verb; return EXIT_OK, or EXIT_PROBLEM if something is broken."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Say which engine runs, why, and what is missing.",
        epilog="exit codes: 0 all works (with either engine), 1 something is broken, 2 usage",
        allow_abbrev=False,
    )
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    out = Output(sys.stdout, options.color)
    problems: list[str] = []
    rows = [
        ("cmpcodec", f"{__version__} {dim(package_file.removesuffix('__init__.py').rstrip('/'))}"),
        ("engine", f"{bold(_engine.engine)}, {_engine.why}"),
        ("build", _build()),
        ("PBM", _pbm()),
        ("Python", f"{platform.python_version()} {platform.python_implementation()}, {platform.platform()}"),
        ("hashlib", _hashlib()),
        ("cryptography", _cryptography(problems)),
    ]
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        out.line(f"{name:{width}}  {text}")
    problems += self_test()
    out.line()
    for problem in problems:
        out.line(bad(problem))
    if problems:
        return EXIT_PROBLEM
    out.line(good("all is well"))
    if _engine.engine == "python":
        for line in _advice():
            out.line(line)
    return EXIT_OK


def _build() -> str:
    info = build_info()
    if not info.engine:
        return info.reason
    return f"{info.engine}: {info.tools or info.reason}"


def _pbm() -> str:
    """How the iterated hash is computed."""
    pbm = importlib.import_module(_engine.pbm_key.__module__)
    return f"{pbm.route}, {pbm.why}"


def _hashlib() -> str:
    if hashlib.sha256.__module__ != "_hashlib":
        return "Python's own hash functions, no OpenSSL"
    try:
        from ssl import OPENSSL_VERSION
    except ImportError:
        return "OpenSSL of unknown version"
    return OPENSSL_VERSION


def _cryptography(problems: list[str]) -> str:
    try:
        from cryptography import __version__ as version
        from cryptography.hazmat.backends.openssl import backend
    except ImportError as error:
        problems.append(f"cryptography cannot be imported ({error}): {_INSTALL_CRYPTOGRAPHY}")
        return bad("missing")
    if int(version.partition(".")[0]) < OLDEST_CRYPTOGRAPHY:
        problems.append(f"cryptography {version} is too old: {_INSTALL_CRYPTOGRAPHY}")
    return f"{version}, with {backend.openssl_version_text()}"


def self_test() -> list[str]:
    """Decode, build and derive a little; return what is wrong with the answers."""
    from .._engine.reference import pbm
    from ..errors import DecodeError

    problems = []
    try:
        message = cmp.PKIMessage.decode(_MESSAGE)
        if cmp.PKIMessage(header=message.header.replace(), body=message.body).der != _MESSAGE:
            problems.append("the engine encodes a message wrongly")
    except DecodeError as error:
        problems.append(f"the engine refuses a good message: {error}")
    try:
        cmp.PKIMessage.decode(_MESSAGE[:-1])
        problems.append("the engine accepts a message that is cut off")
    except DecodeError:
        pass
    secret = b"secret", b"saltsalt", "sha256", 100
    if _engine.pbm_key(*secret) != pbm.pbm_key(*secret):
        problems.append("the engine derives a wrong key")
    return problems


def _advice() -> list[str]:
    """What to do to get the compiled engine."""
    if _engine.wanted == "python":
        return ["The Python engine is as asked for; without CMPCODEC_ENGINE the best one runs."]
    lines = ["The Python engine gives the same answers as the compiled one, more slowly. To get that:"]
    lines += [f"  install {one}" for one in missing_tools()]
    return [*lines, f"  in the source folder: {HOW_TO_COMPILE}"]
