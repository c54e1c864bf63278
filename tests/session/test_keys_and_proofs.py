"""`cmp` with `serve`: keys that the server makes, keys that cannot sign; and what `openssl` makes of both.

OpenSSL 3.0 knows `-popo 2`, for RSA and in CMP version 2, and no central key generation: its `cms` opens what carries the
key instead.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

import cmpcodec as cmp
from cmpcodec import oids
from cmpcodec.cms import ContentInfo
from tests.generated import generated
from tests.openssl import needs_openssl

from .support import OPENSSL, OURS, Served, in_order, run

CONFIG = """
[server]
default_profile = "devices"
[store]
kind = "memory"
[authority.ca]
create = true
[profile.devices]
secret = "pass:mySecret"
[profile.devices.signatures]
own = true
[profile.devices.central_key_generation]
keys = ["ec-p256", "rsa-2048", "x25519"]
[profile.closed]
secret = "pass:other"
[profile.openssl]
secret = "pass:third"
[profile.openssl.central_key_generation]
pwri_kek = true
"""
AGREEING = "[req]\nkeyUsage = critical, digitalSignature, keyAgreement\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("keys")
    (folder / "cmpcodec.toml").write_text(CONFIG)
    with Served(folder, ("--config", "cmpcodec.toml")) as served:
        yield served


class Client:
    """One of the two programs in a folder, which has the CA's certificate."""

    def __init__(self, server: Served, folder: Path, program: tuple[str, ...] = OURS) -> None:
        self.folder = folder
        self._to = (*program, "-server", f"127.0.0.1:{server.port}", "-path", ".well-known/cmp")
        ca = (server.folder / "cmpcodec-data/ca.pem").read_text()
        (folder / "ca.pem").write_text(ca[ca.index("-----BEGIN CERTIFICATE") :])

    def cmp(self, command: str, code: int | None = 0, *, config: str = '""') -> str:
        words = [one for one in command.split() if one != '""']
        return run([*self._to, "-config", "" if config == '""' else config, *words], self.folder, code)

    def write(self, name: str, key: Any) -> str:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / name).write_bytes(pem)
        return name

    def certificate(self, name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.folder / name).read_bytes())


@pytest.fixture
def client(server: Served, tmp_path: Path) -> Client:
    return Client(server, tmp_path)


BY_SECRET = "-secret pass:mySecret"


def test_the_server_makes_a_key(client: Client, server: Served) -> None:
    """By the secret, then by the certificate that came with it: cr and kur; each key is in a file of its owner."""
    (client.folder / "agree.cnf").write_text(AGREEING)
    asked = "-trusted ca.pem -centralkeygen -reqexts req"
    shown = client.cmp(
        f"-cmd ir {BY_SECRET} {asked} -newkeyout a.key -subject /CN=a -certout a.pem", config="agree.cnf"
    )
    in_order(["sending IR", "received IP", "sending CERTCONF", "received PKICONF"], shown)
    in_order(["saving centrally generated key to file 'a.key'", "saving to file 'a.pem'"], shown)
    signed = "-cert a.pem -key a.key -trusted ca.pem -centralkeygen"
    client.cmp(f"-cmd kur {signed} -newkeyout b.key -certout b.pem -newkeypass pass:sesame")
    client.write("rsa.key", generated("rsa-2048"))
    client.cmp(f"-cmd cr {signed} -newkey rsa.key -newkeyout c.key -subject /CN=c -certout c.pem")
    for name, phrase in (("a", None), ("b", b"sesame"), ("c", None)):
        path = client.folder / f"{name}.key"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        key = load_pem_private_key(path.read_bytes(), phrase)
        assert key.public_key() == client.certificate(f"{name}.pem").public_key()
        octets = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        assert octets.hex() not in server.log() + shown
    assert client.certificate("c.pem").public_key().key_size == 2048  # type: ignore[union-attr]  # it is of RSA
    kga = server.folder / "cmpcodec-data/ca-kga.pem"
    assert stat.S_IMODE(kga.stat().st_mode) == 0o600


def test_whose_keys_are_refused(client: Client, server: Served) -> None:
    """Nothing is saved, and the server revokes the certificate."""
    run(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout evil.key -out evil.pem -subj /CN=evil -config /dev/null",
        client.folder,
    )
    asked = "-cmd ir -centralkeygen -newkeyout x.key -subject /CN=x -certout x.pem"
    shown = client.cmp(f"{asked} {BY_SECRET} -trusted evil.pem", 1)
    in_order(["received IP", "rejecting centrally generated key", "sending CERTCONF"], shown)
    assert "the requester rejected a certificate" in server.log()
    shown = client.cmp(f"{asked} -secret pass:other -path .well-known/cmp/p/closed -trusted ca.pem", 1)
    assert "keys are not made here" in shown
    shown = client.cmp(f"{asked} {BY_SECRET} -trusted ca.pem -newkey {client.write('p.key', generated('ec-p384'))}", 1)
    assert "keys of this kind are not made here" in shown
    assert not (client.folder / "x.key").exists()
    assert not (client.folder / "x.pem").exists()


@pytest.mark.parametrize("kind", ["rsa-2048", "ec-p256", "x25519", "x448", "ml-kem-768"])
def test_keys_that_cannot_sign(client: Client, kind: str) -> None:
    key = client.write("new.key", generated(kind))
    asked = f"-cmd ir {BY_SECRET} -newkey {key} -subject /CN=new"
    shown = client.cmp(f"{asked} -popo 2 -certout new.pem -rspout ip.der,conf.der")
    in_order(["sending IR", "received IP", "sending CERTCONF", "received PKICONF"], shown)
    loaded = load_pem_private_key((client.folder / key).read_bytes(), None)
    assert client.certificate("new.pem").public_key() == loaded.public_key()
    assert is_encrypted(client.folder)
    if kind not in ("rsa-2048", "ec-p256"):
        assert "cannot sign; -popo 2" in client.cmp(f"{asked} -certout more.pem", 1)


def is_encrypted(folder: Path) -> bool:
    """Whether ip.der holds its certificate so that only the owner of the key can read it."""
    (response,) = cmp.decode((folder / "ip.der").read_bytes()).body.ip.response
    return response.certified_key_pair.cert_or_enc_cert.certificate is None


@needs_openssl
def test_openssl_reads_its_certificate(server: Served, tmp_path: Path) -> None:
    """`openssl cmp -popo 2`: its own kind of proof, accepted here and read there."""
    client = Client(server, tmp_path, OPENSSL)
    key = client.write("new.key", generated("rsa-2048"))
    shown = client.cmp(
        f"-cmd ir {BY_SECRET} -newkey {key} -subject /CN=new -popo 2 -certout new.pem -rspout ip.der,conf.der"
    )
    in_order(["sending IR", "received IP", "sending CERTCONF", "received PKICONF"], shown)
    loaded = load_pem_private_key((tmp_path / key).read_bytes(), None)
    assert client.certificate("new.pem").public_key() == loaded.public_key()
    assert is_encrypted(tmp_path)
    shown = client.cmp(f"-cmd ir {BY_SECRET} -newkey {key} -subject /CN=new -popo -1 -certout more.pem", 1)
    assert "badPOP" in shown


@needs_openssl
def test_openssl_opens_the_key(client: Client) -> None:
    """Its `cms` decrypts the envelope by the secret and verifies who signed, and its `asn1parse` finds the key."""
    client.cmp(
        "-cmd ir -secret pass:third -path .well-known/cmp/p/openssl -trusted ca.pem -centralkeygen -newkeyout x.key "
        "-subject /CN=x -certout x.pem -rspout ip.der,conf.der"
    )
    (response,) = cmp.decode((client.folder / "ip.der").read_bytes()).body.ip.response
    data = response.certified_key_pair.private_key.enveloped_data
    whole = ContentInfo(content_type=oids.ID_ENVELOPED_DATA, content=data)
    (client.folder / "envelope.der").write_bytes(whole.der)
    run("openssl cms -decrypt -inform DER -in envelope.der -pwri_password third -binary -out signed.der", client.folder)
    # OpenSSL hands out the content without the ContentInfo around it.
    inner = ContentInfo(content_type=oids.ID_SIGNED_DATA, content=cmp.cms.SignedData.decode((client.folder / "signed.der").read_bytes()))  # fmt: skip
    (client.folder / "signed.der").write_bytes(inner.der)
    shown = run(
        "openssl cms -verify -inform DER -in signed.der -CAfile ca.pem -purpose any -binary -out package.der",
        client.folder,
    )
    assert "uccessful" in shown
    key = load_pem_private_key((client.folder / "x.key").read_bytes(), None)
    secret = key.private_numbers().private_value.to_bytes(32)  # type: ignore[union-attr]  # it is of EC
    assert secret in (client.folder / "package.der").read_bytes()
