"""Which paths lead where; what is malformed, what merely leads nowhere."""

from __future__ import annotations

import pytest

from cmpcodec.http.paths import OPERATIONS, BadTarget, Kind, Paths, Place

PATHS = Paths({"/pkix/": "old", "/a%20b": "spaced"})

FOUND = {
    b"/.well-known/cmp": Place(Kind.CMP),
    b"/.well-known/cmp/initialization": Place(Kind.CMP, None, "initialization"),
    b"/.well-known/cmp/p/device": Place(Kind.CMP, "device"),
    b"/.well-known/cmp/p/device/keyupdate": Place(Kind.CMP, "device", "keyupdate"),
    b"/.well-known/cmp/p/p": Place(Kind.CMP, "p"),
    b"/.well-known/cmp/p/crl": Place(Kind.CMP, "crl"),
    b"/.well-known/cmp/p/crl/crl": Place(Kind.CRL, "crl"),
    b"/.well-known/cmp/crl": Place(Kind.CRL),
    b"/.well-known/cmp/p/device/crl": Place(Kind.CRL, "device"),
    b"/api/v1/protocols/cmp/raProfile/device": Place(Kind.CMP, "device"),
    b"/api/v1/protocols/cmp/raProfile/device/crl": Place(Kind.CRL, "device"),
    b"/api/v1/protocols/cmp/device": Place(Kind.CMP, "device"),
    b"/api/v1/protocols/cmp/device/crl": Place(Kind.CRL, "device"),
    b"/ejbca/publicweb/cmp/device": Place(Kind.CMP, "device"),
    b"/ejbca/publicweb/cmp/device/crl": Place(Kind.CRL, "device"),
    b"/pkix/": Place(Kind.CMP, "old"),
    b"/a%20b": Place(Kind.CMP, "spaced"),
    b"/a%20b/crl": Place(Kind.CRL, "spaced"),
    b"/healthz": Place(Kind.HEALTH),
    b"/metrics": Place(Kind.METRICS),
    # Escapes of what needs none, and of text beyond ASCII; decoded once and not again.
    b"/.well-known/cmp/p/%64evice": Place(Kind.CMP, "device"),
    b"/.well-known/cmp/p/Ger%C3%A4t": Place(Kind.CMP, "Gerät"),
    b"/.well-known/cmp/p/%252e%252e": Place(Kind.CMP, "%2e%2e"),
    # The absolute form, as a proxy gets it.
    b"http://localhost:80/.well-known/cmp": Place(Kind.CMP),
    b"HTTPS://[::1]/healthz": Place(Kind.HEALTH),
}
NOWHERE = [
    b"/", b"/x", b"/.well-known", b"/.well-known/cmp/", b"/.well-known//cmp", b"//.well-known/cmp", b"/.well-known/cmp/enroll",
    b"/.well-known/cmp/p", b"/.well-known/cmp/p/", b"/.well-known/cmp/p/device/", b"/.well-known/cmp/p/device/enroll",
    b"/.well-known/cmp/p/device/keyupdate/x", b"/.well-known/cmp/p//keyupdate", b"/.WELL-KNOWN/cmp",
    b"/.well-known/cmp/p/../p/device", b"/.well-known/cmp/p/device/..", b"/.well-known/cmp/p/%2e%2e", b"/.well-known/./cmp",
    b"/.well-known/cmp/p/a%2Fb", b"/.well-known/cmp/p/a%5Cb", b"/.well-known/cmp/p/device?x=1", b"/healthz?", b"/metrics/",
    b"/api/v1/protocols/cmp", b"/api/v1/protocols/cmp/", b"/api/v1/protocols/cmp/raProfile/device/keyupdate",
    b"/ejbca/publicweb/cmp", b"/pkix", b"/pkix/crl", b"/ejbca/publicweb/cmp/device/initialization",
]  # fmt: skip
MALFORMED = [
    b"", b"*", b"healthz", b"\\healthz", b"/a b", b"/\x00", b"/%00", b"/.well-known/cmp/p/de%0Avice", b"/%1b[2J", b"/%7f", b"/%",
    b"/%4", b"/%zz", b"/%ff", b"/%c0%ae%c0%ae/", b"/\xc3\xa4", b"/a#b", b"/a\r\nb", b"localhost:80", b"ftp://localhost/healthz",
    b"http://", b"http:///healthz", b"/a\\b", b"/\"", b"/<", b"/{x}",
]  # fmt: skip


@pytest.mark.parametrize("target", FOUND, ids=bytes.decode)
def test_found(target: bytes) -> None:
    assert PATHS.find(target) == FOUND[target]


@pytest.mark.parametrize("target", NOWHERE, ids=bytes.decode)
def test_nowhere(target: bytes) -> None:
    assert PATHS.find(target) is None


@pytest.mark.parametrize("target", MALFORMED, ids=repr)
def test_malformed(target: bytes) -> None:
    with pytest.raises(BadTarget) as caught:
        PATHS.find(target)
    assert not target or target.decode("latin-1") not in str(caught.value) or len(target) < 3


def test_every_operation() -> None:
    for operation in OPERATIONS:
        assert PATHS.find(f"/.well-known/cmp/p/device/{operation}".encode()) == Place(Kind.CMP, "device", operation)


@pytest.mark.parametrize("alias", ["", "/", "pkix", "/a//b", "/a/../b", "/a?b", "/%", "/ä", "/a%2fb"])
def test_bad_alias(alias: str) -> None:
    with pytest.raises(ValueError, match="cannot be an alias"):
        Paths({alias: "old"})


def test_long_target_in_linear_time() -> None:
    assert PATHS.find(b"/" + b"%2e/" * 100_000) is None
    with pytest.raises(BadTarget):
        PATHS.find(b"http://" + b"a" * 400_000)
