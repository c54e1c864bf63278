"""The client: conversations with a CMP server as flows, which do no I/O. RFC 9810, 5; RFC 9483, 4.

A flow is a generator: it yields a PKIMessage to send, or a `Wait`, is sent the answer, and returns a result.
Drivers for it are in `cmpcodec.adapters.driving`. This room knows nothing of the server, sockets, files, terminals.
"""

from __future__ import annotations

from .answers import SecretOrSignature
from .certificates import build_chain
from .enrolment import Check, Confirmation, Enrolment, enroll, request_pkcs10, update_key
from .revocation import Revocation, revoke
from .settings import Flow, Level, Report, Settings, Step, Wait
from .template import Key, ProofMethod

__all__ = [
    "Check",
    "Confirmation",
    "Enrolment",
    "Flow",
    "Key",
    "Level",
    "ProofMethod",
    "Report",
    "Revocation",
    "SecretOrSignature",
    "Settings",
    "Step",
    "Wait",
    "build_chain",
    "enroll",
    "request_pkcs10",
    "revoke",
    "update_key",
]
