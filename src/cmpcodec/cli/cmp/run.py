"""One run of the verb: the transaction, told in the words of `openssl cmp`, and the files that come of it.

It knows flows, the transport and files. What is asked for is made in `request`; an error of any kind ends here, as a
line for the person who reads it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...client import Enrolment, Revocation
from ...cmp import PKIStatus, PKIStatusInfo
from ...errors import CMPError, RequestRejected, TransportError
from ...pkix import Certificate
from ..names import rfc_member
from .exchange import Exchange, OnlySaved
from .files import certificate_octets, check_writable, write_file
from .identity import Identity
from .log import HIGHEST_VERBOSITY, Log
from .options import OptionError, Options
from .request import COMMANDS, ENROLMENTS, prepare

if TYPE_CHECKING:
    from ...http.transport import HttpTransport

_OUTPUTS = ("certout", "chainout", "extracertsout", "cacertsout", "srvcertout")
_STATUS = {
    PKIStatus.ACCEPTED: "accepted",
    PKIStatus.GRANTED_WITH_MODS: "granted with modifications",
    PKIStatus.REJECTION: "rejection",
    PKIStatus.WAITING: "waiting",
    PKIStatus.REVOCATION_WARNING: "revocation warning - a revocation of the cert is imminent",
    PKIStatus.REVOCATION_NOTIFICATION: "revocation notification - a revocation of the cert has occurred",
    PKIStatus.KEY_UPDATE_WARNING: "key update warning - update already done for the cert",
}


def run(options: Options, log: Log) -> bool:
    """Do what the options ask for; return whether all of it is done. The log has said why if not."""
    try:
        _check(options)
        command = options.text("cmd")
        if command not in COMMANDS:
            said = "-cmd is missing: it" if command is None else f"-cmd {command[:20]!a} is not supported: it"
            raise OptionError(f"{said} takes {', '.join(COMMANDS)}")
        return _run(options, command, log)
    except OnlySaved:
        return True
    except RequestRejected as error:
        trust = "" if error.authenticated else " (not authenticated: anybody may have said it)"
        log.error(f"request rejected by server:{described(error.status_info)}{trust}")
    except (OptionError, CMPError, ValueError, ModuleNotFoundError) as error:
        log.error(str(error))
        for note in (*getattr(error, "__notes__", ()), *_advice(error)):
            log.error(note)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        log.error(f"{where}{error.strerror or error}")
    return False


def _advice(error: Exception) -> list[str]:
    """What to do about an error, where an option can help."""
    import ssl

    if isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return ["-tls_trusted names a file of authorities to trust, -tls_host the name that the certificate has"]
    return []


def described(info: PKIStatusInfo) -> str:
    """A PKIStatusInfo as OpenSSL shows it."""
    status = _STATUS.get(PKIStatus(info.status)) if info.status in _STATUS else f"unknown ({info.status})"
    said = [f"PKIStatus: {status}"]
    if info.fail_info:
        said.append("PKIFailureInfo: " + ", ".join(map(rfc_member, info.fail_info.names)))
    elif info.status not in (PKIStatus.ACCEPTED, PKIStatus.GRANTED_WITH_MODS):
        said.append("<no failure info>")
    if info.status_string:
        said.append("StatusString: " + ", ".join(f'"{text}"' for text in info.status_string))
    return "; ".join(said)


def _check(options: Options) -> None:
    """Values that cannot be, whatever the command."""
    if (options.number("verbosity") or 0) > HIGHEST_VERBOSITY:
        raise OptionError(f"-verbosity takes 0 to {HIGHEST_VERBOSITY}")
    if (options.number("keep_alive") or 0) > 2:
        raise OptionError("-keep_alive takes 0, 1 or 2")
    total, each = options.number("total_timeout") or 0, options.number("msg_timeout") or 0
    if 0 < total < each:
        raise OptionError(f"-total_timeout {total} is shorter than -msg_timeout {each}")
    if (options.text("certform") or "PEM").upper() not in ("PEM", "DER"):
        raise OptionError("-certform takes PEM or DER")
    if (options.text("keyform") or "PEM").upper() not in ("PEM", "DER", "P12", "PKCS12"):
        raise OptionError("-keyform takes PEM, DER or P12; keys of engines are not supported")


def _run(options: Options, command: str, log: Log) -> bool:
    from ...adapters.driving import run as drive

    for name in _OUTPUTS:
        path = options.text(name)
        if path is not None and (command in ENROLMENTS or name == "srvcertout"):
            check_writable(name, path)
    with _Transport(options, log) as transport:
        identity = Identity(options, log)
        exchange = Exchange(
            transport.http,
            log,
            identity.credential,
            identity.answers,
            requests_in=options.words("reqin"),
            fresh_id=options.flag("reqin_new_tid"),
            requests_out=options.words("reqout") or None,
            only_out=options.text("reqout_only"),
            answers_in=options.words("rspin"),
            answers_out=options.words("rspout") or None,
        )
        make = prepare(options, command, identity, log)
        flow = make()
        transport.announce(bool(options.words("rspin")))
        total = options.number("total_timeout") or None
        for again in range(options.number("repeat") or 1):
            if again:
                exchange.begin()
                flow = make()
            _finish(options, drive(flow, exchange, wait=time.sleep, total_timeout=total), log)
    return True


class _Transport:
    """The way to the server, if there is one; closed at the end."""

    def __init__(self, options: Options, log: Log) -> None:
        self.http: HttpTransport | None = None
        self._log = log
        self._via = ""
        server = options.text("server")
        if options.text("reqout_only") is not None or (server is None and options.words("rspin")):
            return
        if server is None:
            raise OptionError("-server is missing: the CMP server to contact, as http://host:port/path")
        from ...http.exchange import Endpoint
        from ...http.transport import HttpTransport
        from .tls import tls_context

        uses_tls = options.flag("tls_used") or server.lower().startswith("https://")
        if not uses_tls and any(options.given(name) for name in _TLS_OPTIONS):
            log.warning("ignoring TLS option(s) since -tls_used is not active")
        proxy, hosts = _proxy(options, uses_tls)
        seconds = options.number("msg_timeout")
        keep_alive = options.number("keep_alive")
        path = options.text("path")
        try:
            self.http = HttpTransport(
                server,
                path=path,
                tls=tls_context(options, log) if uses_tls else None,
                tls_host=options.text("tls_host"),
                proxy=proxy,
                no_proxy=hosts,
                timeout=120.0 if seconds is None else (seconds or None),
                keep_alive=1 if keep_alive is None else keep_alive,
                report=log,
            )
        except ValueError as error:
            raise OptionError(f"-{error}") from None
        through = Endpoint.parse(server, path, uses_tls, proxy, hosts).proxy
        if through is not None:
            self._via = f" via {through}"

    def announce(self, from_files: bool) -> None:
        """Say where the messages will go."""
        if self.http is None:
            self._log.info("will not contact any server")
            return
        only = " only if -rspin argument does not give enough filenames" if from_files else ""
        self._log.info(f"will contact {self.http.url}{self._via}{only}")

    def __enter__(self) -> _Transport:
        return self

    def __exit__(self, *error: object) -> None:
        if self.http is not None:
            self.http.close()


_TLS_OPTIONS = ("tls_cert", "tls_key", "tls_keypass", "tls_extra", "tls_trusted", "tls_host")


def _proxy(options: Options, uses_tls: bool) -> tuple[str | None, list[str]]:
    """The proxy that is named by option or environment, and the hosts that are reached without it."""
    name = "https_proxy" if uses_tls else "http_proxy"
    proxy = options.text("proxy") or os.environ.get(name) or os.environ.get(name.upper())
    hosts = options.text("no_proxy") or os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    return proxy, [host for host in re.split(r"[,\s]+", hosts) if host]


def without_userinfo(url: str) -> str:
    """A URL without the user and password that may stand in it."""
    return re.sub(r"^([a-zA-Z]+://)?[^/@]*@", r"\1", url)


# --- what comes of it ---


def _finish(options: Options, result: Enrolment | Revocation, log: Log) -> None:
    if isinstance(result, Enrolment):
        _save_all(options, result, log)
    path = options.text("srvcertout")
    if path is not None and result.signer is None:
        log.warning(f"nobody has signed the answer: there is no certificate for -srvcertout, '{path}' stays as it is")
    elif result.signer is not None:
        _save(options, path, "validated server", [result.signer.certificate], log)
    if isinstance(result, Enrolment):
        return
    info = result.status_info
    if info.status != PKIStatus.ACCEPTED:
        server = options.text("server")
        level = "info" if info.status == PKIStatus.GRANTED_WITH_MODS else "warning"
        log(level, f"received{f' from {without_userinfo(server)}' if server else ''} {described(info)}")


def _save_all(options: Options, result: Enrolment, log: Log) -> None:
    """Save what the options name: the new certificate first, it is what matters."""
    new, chain = options.text("certout"), options.text("chainout")
    if new is not None and new == chain:
        _save(options, chain, "newly enrolled cert and chain", [result.certificate, *result.chain], log)
    else:
        _save(options, new, "newly enrolled", [result.certificate], log)
        _save(options, chain, "chain", result.chain, log)
    _save(options, options.text("extracertsout"), "extra", result.extra_certs, log)
    _save(options, options.text("cacertsout"), "CA", result.ca_pubs, log)


def _save(options: Options, path: str | None, what: str, certificates: Sequence[Certificate], log: Log) -> None:
    if path is None:
        return
    form = (options.text("certform") or "PEM").upper()
    log.info(f"received {len(certificates)} {what} certificate(s), saving to file '{path}'")
    if len(certificates) > 1 and form == "DER":
        log.warning("saving more than one certificate in non-PEM format")
    try:
        write_file(path, certificate_octets(certificates, form))
    except OSError as error:
        raise TransportError(f"{path} cannot be written: {error.strerror or error}") from None
