"""`openssl cmp` signs its requests, and `serve` believes it: enrolment, renewal and revocation, then what has to fail.

The server is the one that starts without configuration; its answers are signed by a key that its CA certified. The
client of OpenSSL 3.0 cannot sign with Ed25519 ("unsupported key type"); tests/protection does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from tests.openssl import needs_openssl

from .support import OPENSSL, Served, in_order, run

pytestmark = needs_openssl

PROFILE = "/api/v1/protocols/cmp/raProfile/czertainly"
KEYS = {
    "ec": "ecparam -genkey -name prime256v1 -noout",
    "ec-p384": "ecparam -genkey -name secp384r1 -noout",
    "rsa": "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
}


class Client:
    """`openssl cmp` in one folder, against one server."""

    def __init__(self, server: Served, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._to = ("-config", "", "-server", f"127.0.0.1:{server.port}", "-path", PROFILE)
        ca = (server.folder / "cmpcodec-data/ca.pem").read_text()
        (folder / "ca.pem").write_text(ca[ca.index("-----BEGIN CERTIFICATE") :])

    def key(self, name: str, kind: str = "ec") -> str:
        run(f"openssl {KEYS[kind]} -out {name}.key", self.folder)
        return f"{name}.key"

    def cmp(self, command: str, code: int | None = 0) -> str:
        return run([*OPENSSL, *self._to, *command.split()], self.folder, code)

    def first(self, name: str, kind: str = "ec") -> None:
        """A certificate by the secret."""
        self.cmp(
            f"-cmd ir -secret pass:mySecret -newkey {self.key(name, kind)} -subject /CN={name} -certout {name}.pem"
        )

    def signed(self, command: str, by: str, code: int | None = 0) -> str:
        return self.cmp(f"{command} -cert {by}.pem -key {by}.key -trusted ca.pem", code)

    def serial(self, name: str) -> int:
        return x509.load_pem_x509_certificate((self.folder / f"{name}.pem").read_bytes()).serial_number


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("signatures")) as served:
        yield served


@pytest.mark.parametrize("kind", KEYS)
def test_a_life(server: Served, tmp_path: Path, kind: str) -> None:
    """An ir by the secret, then kur, cr, p10cr and rr by signatures of every kind of key; the CRL tells the end."""
    client = Client(server, tmp_path)
    client.first("old", kind)
    shown = client.signed(f"-cmd kur -newkey {client.key('new', kind)} -certout new.pem", "old")
    in_order(["sending KUR", "received KUP", "sending CERTCONF", "received PKICONF"], shown)
    client.signed(f"-cmd cr -newkey {client.key('more')} -subject /CN=more -certout more.pem", "new")
    run("openssl req -new -key more.key -subj /CN=request -out more.csr -config /dev/null", tmp_path)
    client.signed("-cmd p10cr -csr more.csr -certout request.pem", "new")
    shown = client.signed("-cmd rr -oldcert new.pem -revreason 1", "new")
    in_order(["sending RR", "received RP", "revocation accepted"], shown)
    shown = client.signed("-cmd rr -oldcert old.pem -revreason 4", "new", 1)
    assert "signerNotTrusted" in shown
    crl = x509.load_der_x509_crl(server.crl())
    assert crl.get_revoked_certificate_by_serial_number(client.serial("new")) is not None
    assert crl.get_revoked_certificate_by_serial_number(client.serial("old")) is None


def test_what_is_not_believed(server: Served, tmp_path: Path) -> None:
    """Its own root, a certificate that somebody else holds, one that is not the server's: no certificate comes of it."""
    client = Client(server, tmp_path)
    client.first("honest")
    run(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout evil.key -out evil.pem -subj /CN=honest -config /dev/null",
        tmp_path,
    )
    ask = f"-cmd cr -newkey {client.key('more')} -subject /CN=more -certout more.pem"
    for extra in ("", " -extracerts honest.pem"):
        shown = client.signed(ask + extra, "evil", 1)
        assert "received ERROR" in shown
        assert any(one in shown for one in ("badMessageCheck", "signerNotTrusted", "badAlg"))
    shown = client.cmp(f"{ask} -cert honest.pem -key honest.key -trusted evil.pem", 1)
    assert "received ERROR" not in shown  # here the client does not believe the server
    assert not (tmp_path / "more.pem").exists()
    client.signed(ask, "honest")
    assert (tmp_path / "more.pem").exists()
