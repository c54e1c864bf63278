"""The verb `serve`: a CMP CA on the loopback without any configuration, or any number of them with a file.

Reads the options, prints where the server is and what to try, and runs it. See docs/server.md.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shlex
import ssl
import sys
from dataclasses import replace
from pathlib import Path

from .. import _engine
from ..adapters.assembly import Service, assemble
from ..adapters.configuration import STANDARD_PROFILE, Configuration, load, standard
from ..adapters.settings import ConfigurationError
from ..errors import CMPError
from ..http import logs
from ..http.runner import Listening, Server, server_tls
from ..store.private_files import UnsafeFile, make_folder, read_private, write_private
from . import EXIT_IO, EXIT_OK, EXIT_USAGE, UsageError
from .credentials import FORMS, read_secret

DATA = "cmpcodec-data"
PORT = 8080
_EPILOG = """\
Without --config: one CA, made at the first start, and one profile, czertainly. The server stays on this machine;
put it on a network with a configuration file, where secrets, rules and limits are yours. docs/server.md tells more.
exit codes: 0 ended by a signal, 2 usage or configuration, 5 files, database or address cannot be used"""


def serve(arguments: list[str], prog: str) -> int:
    """Run the verb until a signal ends it; return the exit code."""
    options = _parser(prog).parse_args(arguments)
    try:
        configuration, secret_file = _configuration(options)
        logs.configure(style=configuration.log_style, level=configuration.log_level)
        tls = None
        listen = configuration.server
        if listen.tls_certificate is not None and listen.tls_key is not None:
            password = None if listen.tls_passphrase is None else os.fsdecode(listen.tls_passphrase)
            tls = server_tls(listen.tls_certificate, listen.tls_key, password=password, client_ca=listen.tls_client_ca)
        with assemble(configuration) as service:
            try:
                server = Server(service.gateway, listen.host, listen.port, tls=tls, limits=configuration.limits)
            except OSError as error:
                print(f"{prog}: cannot listen on {listen.host}:{listen.port}: {_in_words(error)}", file=sys.stderr)
                return EXIT_IO

            def ready(where: Listening) -> None:
                for line in _welcome(configuration, service, where, secret_file):
                    print(line)
                sys.stdout.flush()

            server.run(ready)
    except ConfigurationError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return EXIT_USAGE
    except BrokenPipeError:
        raise
    except (OSError, ssl.SSLError, CMPError, UnsafeFile) as error:
        print(f"{prog}: {_in_words(error)}", file=sys.stderr)
        return EXIT_IO
    return EXIT_OK


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Serve CMP over HTTP: issue, renew and revoke certificates.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--config", type=Path, metavar="FILE", help="a TOML file with CAs, profiles, secrets and rules")
    add("--data", type=Path, metavar="DIR", help=f"where key, certificate, secret and database are kept ({DATA})")
    add("--host", metavar="NAME", help="the address to listen on (127.0.0.1)")
    add("--port", type=int, metavar="N", help=f"the port to listen on; 0 takes a free one ({PORT})")
    add("--secret", metavar="FORM", help=f"the secret of the standard profile, instead of a generated one; {FORMS}")
    add("--log", choices=("keyvalue", "json"), help="how log lines look (keyvalue)")
    add("--log-level", choices=("debug", "info", "warning", "error"), help="the least that is logged (info)")
    return parser


def _configuration(options: argparse.Namespace) -> tuple[Configuration, Path | None]:
    """The configuration, and the file with the standard profile's secret if it is in one of ours."""
    secret_file = None
    if options.port is not None and not 0 <= options.port <= 65535:
        raise UsageError("--port takes a number from 0 to 65535")
    if options.config is not None:
        if options.secret is not None or options.data is not None:
            raise UsageError("--secret and --data are for a server without --config: the file says both")
        configuration = load(options.config)
    else:
        data = options.data or Path(DATA)
        if options.secret is not None:
            secret = read_secret(options.secret)
            if not secret:
                raise UsageError("--secret: the secret is empty")
        else:
            secret_file = data / "secret"
            secret = _kept_secret(secret_file)
        configuration = standard(data, secret)
    listen = configuration.server
    if options.host is not None:
        listen = replace(listen, host=options.host)
    if options.port is not None:
        listen = replace(listen, port=options.port)
    return replace(
        configuration,
        server=listen,
        log_style=options.log or configuration.log_style,
        log_level=(options.log_level or configuration.log_level).upper(),
    ), secret_file


def _kept_secret(file: Path) -> bytes:
    """The secret of an earlier start, or a new one of 128 bits, shown once and by a terminal only: journals last."""
    make_folder(file.parent)
    made = secrets.token_hex(16)
    try:
        write_private(file, made.encode() + b"\n")
    except FileExistsError:
        secret = read_private(file, 1024).strip()
        if not secret:
            raise UsageError(f"{file} is empty: remove it, and a new secret is made") from None
        return secret
    if sys.stdout.isatty():
        print(f"new secret: {made}   (shown only now; kept in {file})")
    else:
        print(f"new secret, kept in {file}")
    return made.encode()


def _welcome(configuration: Configuration, service: Service, where: Listening, secret_file: Path | None) -> list[str]:
    """What a person wants to know first: where it is, what it keeps, what to type."""
    kept = configuration.store if configuration.store is not None else "memory: all is lost when the server ends"
    lines = [f"cmpcodec serves CMP at {where.url}   (engine: {_engine.engine}; store: {kept})"]
    lines += [
        f"CA {name}: {ca.certificate.load().subject.rfc4514_string()}, kept in {configuration.authorities[name].key}"
        for name, ca in service.authorities.items()
    ]
    lines += [f"profile {name}: {where.url}/{_path(name)} (CRL: .../{name}/crl)" for name in configuration.profiles]
    if STANDARD_PROFILE in configuration.profiles and len(configuration.profiles) == 1:
        lines += ["", "try it, in another terminal:", *_commands(where, secret_file)]
    return [*lines, "", "Ctrl-C ends it"]


def _path(profile: str) -> str:
    return f"api/v1/protocols/cmp/raProfile/{profile}"


def _commands(where: Listening, secret_file: Path | None) -> list[str]:
    """Commands for OpenSSL 3 that enrol, renew and revoke a certificate, to be typed as they are."""
    secret = f"file:{secret_file}" if secret_file is not None else "pass:YOUR-SECRET"
    host = f"[{where.host}]" if ":" in where.host else where.host
    to = ["-server", f"{host}:{where.port}", "-path", _path(STANDARD_PROFILE), "-secret", secret]
    if where.url.startswith("https"):
        to += ["-tls_used"]
    cmp = ["openssl", "cmp", *to, "-subject", "/CN=cmp-certificate", "-cmd"]  # or -ref: it wants to name itself
    commands = [
        ["openssl", "genrsa", "-out", "cmp_key.pem", "2048"],
        [*cmp, "ir", "-newkey", "cmp_key.pem", "-certout", "cmp_cert.pem"],
        ["openssl", "genrsa", "-out", "cmp_new_key.pem", "2048"],
        [*cmp, "kur", "-oldcert", "cmp_cert.pem", "-newkey", "cmp_new_key.pem", "-certout", "cmp_new_cert.pem"],
        [*cmp, "rr", "-oldcert", "cmp_cert.pem", "-revreason", "1"],
        ["curl", "-s", f"{where.url}/{_path(STANDARD_PROFILE)}/crl", "-o", "cmp.crl"],
        ["openssl", "crl", "-in", "cmp.crl", "-noout", "-text"],
    ]
    return [f"  {shlex.join(one)}" for one in commands]


def _in_words(error: Exception) -> str:
    """An error of a file, an address or the database, for the operator."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}"
    return str(error)
