"""The CRL of a profile's authority: kept in the store, made anew when it is no longer true or soon will be too old.

Expired certificates leave it, after one CRL that was made when they had expired still had them: RFC 5280, 3.3.

It knows store and authority; nothing of CMP messages.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

from .ports import Conflict, Store, StoredCRL
from .profile import Profile

_ATTEMPTS: Final = 8
_SETTLED: Final = timedelta(hours=1)
"""More than a revocation takes from the time that it carries until it is stored, and than clocks of nodes differ: what
was revoked so long before a CRL was made is in it."""


def current_crl(profile: Profile, store: Store, now: datetime) -> bytes:
    """The DER of a CRL that has all revocations of which the store knew when it was asked. RFC 5280, 5.

    Raises what store and authority raise; Conflict if other nodes made a newer CRL again and again meanwhile.
    """
    authority = profile.authority
    issuer = authority.name.der
    signer = hashlib.sha256(authority.chain[0].der).digest()
    for attempt in range(1, _ATTEMPTS + 1):
        kept = store.crl(issuer)
        revocations = store.revocations(issuer)  # before the entries: a CRL may have more than it counts, never less
        number, settled = 1, None
        if kept is not None:
            true = kept.revocations == revocations and kept.signer == signer
            if true and now < kept.next_update - profile.crl_renew_before:
                return kept.der
            number, settled = kept.number + 1, kept.this_update - _SETTLED
        der, next_update = authority.sign_crl(store.revoked(issuer, settled), number, now)
        made = StoredCRL(
            number=number,
            der=der,
            this_update=now,
            next_update=next_update,
            revocations=revocations,
            signer=signer,
        )
        try:
            store.keep_crl(issuer, made)
        except Conflict:
            if attempt == _ATTEMPTS:
                raise
        else:
            return der
    raise AssertionError("unreachable")
