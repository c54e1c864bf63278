"""The TLS context of the transport from the TLS options. The server's certificate is always verified."""

from __future__ import annotations

import os
import ssl
import tempfile

from .files import certificate_octets, load_certificates
from .log import Log
from .options import OptionError, Options
from .passwords import ask, read_source


def tls_context(options: Options, log: Log) -> ssl.SSLContext:
    """A context that trusts -tls_trusted, or else the system's authorities, and shows -tls_cert. OptionError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    trusted = options.words("tls_trusted")
    if trusted:
        for path in trusted:
            for certificate in load_certificates("tls_trusted", path):
                context.load_verify_locations(cadata=certificate.der)
    else:
        context.load_default_certs()
    _identity(context, options, log)
    return context


def _identity(context: ssl.SSLContext, options: Options, log: Log) -> None:
    certificate, key = options.text("tls_cert"), options.text("tls_key")
    if certificate is None and key is None:
        if options.text("tls_keypass") is not None:
            log.warning("-tls_keypass has no effect without -tls_key")
        return
    if certificate is None or key is None:
        raise OptionError(f"-tls_{'cert' if certificate is None else 'key'} is missing: both are needed, or none")
    source = options.text("tls_keypass")

    def phrase() -> bytes:
        if source is not None:
            return read_source("tls_keypass", source, log.warning)
        typed = None if options.flag("batch") else ask(f"Enter pass phrase for {key}: ")
        if typed is None:
            raise OptionError(f"-tls_key: {key} is encrypted; name its pass phrase by -tls_keypass")
        return typed

    chain = load_certificates("tls_cert", certificate)
    for path in options.words("tls_extra"):
        chain += load_certificates("tls_extra", path)
    # ssl reads certificates from files only: these are public, and gone again at once
    with tempfile.NamedTemporaryFile(suffix=".pem", delete=False) as file:
        file.write(certificate_octets(chain, "PEM"))
    try:
        context.load_cert_chain(file.name, key, phrase)
    except ssl.SSLError as error:
        reason = (error.reason or "it is no PEM").replace("_", " ").lower()
        raise OptionError(f"-tls_key: {key} cannot be used with {certificate}: {reason}") from None
    except OSError as error:
        raise OptionError(f"-tls_key: {key} cannot be read: {error.strerror or error}") from None
    finally:
        os.unlink(file.name)
