"""The server without its sockets: `Responder.handle(bytes) -> bytes`.

`ports` says what it needs from outside (store, authority), `profile` and `parties` how it treats whom. It decides what
RFC 9810 and RFC 9483 leave to a server; HTTP, databases, keys, clocks and logs are elsewhere.
"""

from __future__ import annotations

from .generation import KeyGeneration
from .parties import Claimant, Lookup, Parties, Party, SharedSecretParty, SharedSecrets, SigningParties, SigningParty
from .ports import (
    Answer,
    Authority,
    CertificateStatus,
    Change,
    Conflict,
    Issue,
    IssuedCertificate,
    NotYet,
    Order,
    Refused,
    StatusMove,
    Store,
    StoredCRL,
    Transaction,
    TransactionKey,
    TransactionState,
)
from .profile import BODIES, Profile
from .responder import Responder

__all__ = [
    "BODIES",
    "Answer",
    "Authority",
    "CertificateStatus",
    "Change",
    "Claimant",
    "Conflict",
    "Issue",
    "IssuedCertificate",
    "KeyGeneration",
    "Lookup",
    "NotYet",
    "Order",
    "Parties",
    "Party",
    "Profile",
    "Refused",
    "Responder",
    "SharedSecretParty",
    "SharedSecrets",
    "SigningParties",
    "SigningParty",
    "StatusMove",
    "Store",
    "StoredCRL",
    "Transaction",
    "TransactionKey",
    "TransactionState",
]
