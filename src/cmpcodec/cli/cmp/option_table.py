"""Every option of `openssl cmp`, of 3.0 as of 4.x: its name, what it takes, what it does, or why it is refused.

A table and nothing else. An option that is here and not supported is an error that names it, wherever it is given:
none is passed over in silence. Files of configuration know the options by the same names.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Takes(Enum):
    """What follows an option."""

    NOTHING = ""
    TEXT = "text"
    INTEGER = "integer"
    NATURAL = "number"
    """0 or more."""
    POSITIVE = "count"


class Option(NamedTuple):
    """One option. `refused` says why it is not supported; it is empty if it is."""

    name: str
    takes: Takes
    argument: str
    """What the help calls the argument."""
    help: str
    refused: str = ""


def _flag(name: str, text: str) -> Option:
    return Option(name, Takes.NOTHING, "", text)


def _text(name: str, argument: str, text: str) -> Option:
    return Option(name, Takes.TEXT, argument, text)


def _number(name: str, takes: Takes, argument: str, text: str) -> Option:
    return Option(name, takes, argument, text)


def _refuse(reason: str, texts: str = "", flags: str = "", naturals: str = "") -> list[Option]:
    kinds = ((texts, Takes.TEXT), (flags, Takes.NOTHING), (naturals, Takes.NATURAL))
    return [Option(name, takes, "", "", reason) for names, takes in kinds for name in names.split()]


GROUPS: tuple[tuple[str, tuple[Option, ...]], ...] = (
    (
        "General",
        (
            _flag("help", "show this text"),
            _text("config", "FILE", 'configuration file, "" for none; default: $OPENSSL_CONF, else OpenSSL\'s own'),
            _text("section", "NAMES", 'its sections to use, the last one first; "": the default one; default: cmp'),
            _number("verbosity", Takes.NATURAL, "LEVEL", "3 errors, 4 warnings, 6 progress (default), 7 and 8 details"),
            _text("cmd", "BODY", "the request to send: ir, cr, kur, p10cr or rr"),
            _text("geninfo", "ITEMS", "what else the header says: OID:int:NUMBER or OID:str:TEXT, with commas"),
            _text("profile", "NAME", "certificate profile to name in the header"),
        ),
    ),
    (
        "The certificate that is asked for",
        (
            _text("newkey", "FILE", "its private key, or public key with -popo 0 or -1; default: -key"),
            _text("newkeypass", "SOURCE", "pass phrase of -newkey"),
            _text("subject", "NAME", "its subject, as /C=DE/O=Example/CN=device; / for none"),
            _text("issuer", "NAME", "its issuer; the recipient too, if there is no -recipient"),
            _number("days", Takes.NATURAL, "DAYS", "validity from now on"),
            _text("reqexts", "SECTION", "section of the configuration file with its extensions"),
            _text("sans", "NAMES", "its alternative names: IP addresses, DNS names, URIs, email; critical"),
            _flag("san_nodefault", "do not take alternative names from -oldcert"),
            _text("policies", "SECTION", "section of the configuration file with its certificatePolicies"),
            _text("policy_oids", "OIDS", "its certificate policies"),
            _flag("policy_oids_critical", "mark -policy_oids critical"),
            _number("popo", Takes.INTEGER, "KIND", "proof of possession: 1 signature (default), 0 raVerified, -1 none"),
            _text("out_trusted", "FILES", "certificates that the new one has to lead to, else it is refused"),
            _text("csr", "FILE", "PKCS #10 request: to send (p10cr) or to take subject, key and extensions from"),
            _flag("implicit_confirm", "ask that the certificate needs no confirmation"),
            _flag("disable_confirm", "send no confirmation, although the RFC demands it"),
            _text("certout", "FILE", "where to save the new certificate"),
            _text("chainout", "FILE", "where to save the certificates of its issuers"),
        ),
    ),
    (
        "Renewal and revocation",
        (
            _text(
                "oldcert",
                "FILE",
                "the certificate to renew (default: -cert) or revoke; else a model for subject, names",
            ),
            _text("serial", "NUMBER", "with -issuer, names the certificate to revoke"),
            _number("revreason", Takes.INTEGER, "REASON", "CRL reason 0 to 6 or 8 to 10; -1 for none (default)"),
        ),
    ),
    (
        "Transfer",
        (
            _text("server", "URL", "[http[s]://]host[:port][/path]"),
            _text("path", "PATH", "path at the server, in place of that in -server"),
            _text("proxy", "URL", "HTTP proxy; default: $http_proxy or $https_proxy"),
            _text("no_proxy", "HOSTS", "servers to reach without proxy; default: $no_proxy"),
            _text("recipient", "NAME", "whom requests are addressed to; default: -issuer, issuer of -oldcert or -cert"),
            _number("keep_alive", Takes.NATURAL, "0|1|2", "keep the connection: never, if granted (default), or fail"),
            _number("msg_timeout", Takes.NATURAL, "SECONDS", "longest time for one answer, 0 for ever; default 120"),
            _number("total_timeout", Takes.NATURAL, "SECONDS", "longest time for all, with polling; default: for ever"),
        ),
    ),
    (
        "Authentication",
        (
            _text("ref", "TEXT", "reference that names the secret: senderKID"),
            _text("secret", "SOURCE", "the shared secret that protects the messages; goes before -cert and -key"),
            _text("cert", "FILE", "our certificate, for which -key signs the messages; further ones as -untrusted"),
            _text("key", "FILE", "its private key"),
            _text("keypass", "SOURCE", "pass phrase of -key, and of -cert and -oldcert as PKCS #12"),
            _text("own_trusted", "FILES", "certificates that -cert has to lead to"),
            _text("extracerts", "FILES", "certificates to send along"),
            _text("trusted", "FILES", "authorities whose servers' signatures are believed, unless there is -srvcert"),
            _text("untrusted", "FILES", "certificates that help to build chains: ours, the server's, the new one's"),
            _text("srvcert", "FILE", "the server's certificate: no other signature is believed"),
            _text("otherpass", "SOURCE", "pass phrase of other certificates as PKCS #12"),
            _flag("ignore_keyusage", "believe signers whose keyUsage lacks digitalSignature"),
            _text("srvcertout", "FILE", "where to save the certificate of who signed the answer"),
            _text("digest", "NAME", "hash of the protection and of the proof of possession; default: sha256"),
            _text("mac", "NAME", "MAC of the protection; default: hmac-sha1, as OpenSSL"),
            _text("expect_sender", "NAME", "who has to have sent the answers; default: subject of -srvcert"),
            _flag("unprotected_requests", "send messages without protection"),
            _flag("unprotected_errors", "show what unprotected negative answers say"),
            _text("extracertsout", "FILE", "where to save the extraCerts of the answer"),
            _text("cacertsout", "FILE", "where to save its caPubs"),
            _text("certform", "PEM|DER", "form of the certificates that are saved; default: PEM"),
            _flag("no_cache_extracerts", "accepted and not needed: nothing of extraCerts is kept"),
            _text("keyform", "FORM", "accepted and not needed: PEM, DER and PKCS #12 are told apart"),
        ),
    ),
    (
        "TLS",
        (
            _flag("tls_used", "use TLS; https:// in -server does too"),
            _text("tls_cert", "FILE", "our certificate (PEM), with its chain"),
            _text("tls_key", "FILE", "its private key (PEM)"),
            _text("tls_keypass", "SOURCE", "pass phrase of -tls_key"),
            _text("tls_extra", "FILES", "more certificates of the chain"),
            _text("tls_trusted", "FILES", "authorities that the server's certificate needs; default: the system's"),
            _text("tls_host", "NAME", "the name in the server's certificate, if it is not that in -server"),
        ),
    ),
    (
        "Testing",
        (
            _flag("batch", "never ask for a pass phrase at the terminal"),
            _number("repeat", Takes.POSITIVE, "TIMES", "do everything that often"),
            _text("reqin", "FILES", "send these requests in place of ours"),
            _flag("reqin_new_tid", "give them a fresh transactionID"),
            _text("reqout", "FILES", "where to save our requests"),
            _text("reqout_only", "FILE", "save the first request and stop"),
            _text("rspin", "FILES", "take these answers, ask the server only for what is missing"),
            _text("rspout", "FILES", "where to save the answers"),
        ),
    ),
)
"""What is supported, in the order of the help."""

_REFUSED = (
    *_refuse("what comes in extraCerts is never trusted", flags="ta_in_ip_extracerts"),
    *_refuse(
        "general messages (genm) are not supported yet",
        "infotype template keyspec oldwithold newwithnew newwithold oldwithnew crlcert oldcrl crlout crlform",
    ),
    *_refuse("central key generation is not supported yet", "newkeyout", "centralkeygen"),
    *_refuse("answers whose nonce or transactionID do not fit are never accepted", flags="nonmatched_error_nonces"),
    *_refuse(
        "there is no mock server here",
        "port srv_ref srv_secret srv_cert srv_key srv_keypass srv_trusted srv_untrusted ref_cert rsp_cert rsp_key "
        "rsp_keypass rsp_crl rsp_extracerts rsp_capubs rsp_newwithnew rsp_newwithold rsp_oldwithnew statusstring",
        "use_mock_srv grant_implicitconf send_error send_unprotected send_unprot_err accept_unprotected "
        "accept_unprot_err accept_raverified",
        "max_msgs poll_count check_after pkistatus failure failurebits",
    ),
    *_refuse(
        "it sets OpenSSL's library up, which is not used here",
        "engine provider-path provider provparam propquery rand writerand",
    ),
    *_refuse(
        "the checks of certificate chains cannot be changed yet",
        "policy purpose verify_name verify_depth auth_level attime verify_hostname verify_email verify_ip",
        "ignore_critical issuer_checks crl_check crl_check_all policy_check explicit_policy inhibit_any inhibit_map "
        "x509_strict extended_crl use_deltas policy_print check_ss_sig trusted_first suiteB_128_only suiteB_128 "
        "suiteB_192 partial_chain no_alt_chains no_check_time allow_proxy_certs",
    ),
)

OPTIONS: dict[str, Option] = {option.name: option for _, group in GROUPS for option in group} | {
    option.name: option for option in _REFUSED
}
"""All options by name."""
