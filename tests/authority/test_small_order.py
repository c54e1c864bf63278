"""Points of small order: the table against the arithmetic of the curves, and requests for such keys."""

from __future__ import annotations

import pytest

from cmpcodec import oids
from cmpcodec.asn1 import BitString
from cmpcodec.authority import LocalAuthority
from cmpcodec.authority.small_order import is_small_order
from cmpcodec.cmp import PKIFailureInfo
from cmpcodec.pkix import AlgorithmIdentifier, SubjectPublicKeyInfo
from cmpcodec.server.ports import Refused
from tests.authority.making import GENERATE, NOW, order
from tests.server.support import authority

P, D = 2**255 - 19, -121665 * pow(121666, -1, 2**255 - 19)
P448, D448 = 2**448 - 2**224 - 1, -39081


def on_curve(a: int, d: int, p: int, y: int) -> list[tuple[int, int]]:
    """The points of a x^2 + y^2 = 1 + d x^2 y^2 with that y: RFC 8032, 5.1.3 and 5.2.3."""
    square = (1 - y * y) * pow(a - d * y * y, -1, p) % p
    if p % 8 == 5:
        root = pow(square, (p + 3) // 8, p)
        candidates = [root, root * pow(2, (p - 1) // 4, p) % p]
    else:
        candidates = [pow(square, (p + 1) // 4, p)]
    return [(x, y) for one in candidates if one * one % p == square for x in {one, -one % p}]


def doubled(a: int, d: int, p: int, point: tuple[int, int]) -> tuple[int, int]:
    x, y = point
    t = d * x * x * y * y
    return 2 * x * y * pow(1 + t, -1, p) % p, (y * y - a * x * x) * pow(1 - t, -1, p) % p


def small(a: int, d: int, p: int, y: int) -> list[tuple[int, int]]:
    """The points with that y whose order divides 8."""
    found = []
    for point in on_curve(a, d, p, y % p):
        multiple = point
        for _ in range(3):
            multiple = doubled(a, d, p, multiple)
        if multiple == (0, 1):
            found.append(point)
    return found


def encodings(size: int, p: int, y: int) -> list[bytes]:
    """All that software might take for a point with that y."""
    bits = 8 * size - 1
    values = [value for value in (y, y + p) if value < (1 << (255 if size == 32 else 448))]
    return [(value | sign << bits).to_bytes(size, "little") for value in values for sign in (0, 1)]


def test_the_table() -> None:
    """edwards25519 has 8 points whose order divides 8, edwards448 has 4, and the table has them all."""
    order_8 = int.from_bytes(
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
    )
    ys = (0, 1, P - 1, order_8, P - order_8)
    assert len({point for y in ys for point in small(-1, D, P, y)}) == 8
    assert all(is_small_order(octets) for y in ys for octets in encodings(32, P, y))
    others = (0, 1, P448 - 1)
    assert len({point for y in others for point in small(1, D448, P448, y)}) == 4
    assert all(is_small_order(octets) for y in others for octets in encodings(57, P448, y))


@pytest.mark.parametrize("kind", ["ed25519", "ed448"])
def test_ordinary_keys(kind: str) -> None:
    for _ in range(50):
        assert not is_small_order(GENERATE[kind]().public_key().public_bytes_raw())


@pytest.mark.parametrize(
    ("algorithm", "octets"),
    [(oids.ID_ED25519, octets) for y in (0, 1, P - 1) for octets in encodings(32, P, y)]
    + [(oids.ID_ED448, octets) for y in (0, 1, P448 - 1) for octets in encodings(57, P448, y)],
)
def test_such_a_key_is_not_certified(algorithm: str, octets: bytes) -> None:
    ca: LocalAuthority = authority()
    info = SubjectPublicKeyInfo(
        algorithm=AlgorithmIdentifier(algorithm=algorithm), subject_public_key=BitString(octets)
    )
    with pytest.raises(Refused) as refused:
        ca.issue(order(public_key=info), NOW)
    assert refused.value.fail_info == PKIFailureInfo.BAD_CERT_TEMPLATE
