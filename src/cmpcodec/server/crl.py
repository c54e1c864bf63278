"""The CRL of a profile's authority: kept in the store, made anew when it is no longer true or soon will be too old.

It knows store and authority; nothing of CMP messages.
"""

from __future__ import annotations

from datetime import datetime

from .ports import Conflict, Store, StoredCRL
from .profile import Profile

_ATTEMPTS = 8


def current_crl(profile: Profile, store: Store, now: datetime) -> bytes:
    """The DER of a CRL that has all revocations of which the store knew when it was asked. RFC 5280, 5.

    Raises what store and authority raise; Conflict if other nodes made a newer CRL again and again meanwhile.
    """
    authority = profile.authority
    issuer = authority.name.der
    for attempt in range(1, _ATTEMPTS + 1):
        kept = store.crl(issuer)
        revocations = store.revocations(
            issuer
        )  # read before the entries: a CRL may have more than it counts, never less
        if kept is not None and kept.revocations == revocations and now < kept.next_update - profile.crl_renew_before:
            return kept.der
        number = 1 if kept is None else kept.number + 1
        der, next_update = authority.sign_crl(store.revoked(issuer), number, now)
        try:
            store.keep_crl(issuer, StoredCRL(number=number, der=der, next_update=next_update, revocations=revocations))
        except Conflict:
            if attempt == _ATTEMPTS:
                raise
        else:
            return der
    raise AssertionError("unreachable")
