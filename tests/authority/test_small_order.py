"""Requests for keys that nobody needs a private key for: points of small order. Which those are, tests/protection says."""

from __future__ import annotations

import pytest

from cmpcodec import oids
from cmpcodec.asn1 import BitString
from cmpcodec.cmp import PKIFailureInfo
from cmpcodec.pkix import AlgorithmIdentifier, SubjectPublicKeyInfo
from cmpcodec.server.ports import Refused
from tests.authority.making import NOW, authority, order

P25519, P448 = 2**255 - 19, 2**448 - 2**224 - 1


@pytest.mark.parametrize(
    ("algorithm", "y", "size"),
    [(oids.ID_ED25519, y, 32) for y in (0, 1, P25519 - 1)] + [(oids.ID_ED448, y, 57) for y in (0, 1, P448 - 1)],
)
def test_such_a_key_is_not_certified(algorithm: str, y: int, size: int) -> None:
    info = SubjectPublicKeyInfo(
        algorithm=AlgorithmIdentifier(algorithm=algorithm), subject_public_key=BitString(y.to_bytes(size, "little"))
    )
    with pytest.raises(Refused) as refused:
        authority().issue(order(public_key=info), NOW)
    assert refused.value.fail_info == PKIFailureInfo.BAD_CERT_TEMPLATE
