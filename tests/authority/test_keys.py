"""Key files: nobody else reads them, nothing replaces them, no crash and no second process halves them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

import cmpcodec
from cmpcodec.authority import (
    KeyFileError,
    LocalAuthority,
    create_ca,
    load_ca,
    load_certificates,
    load_key,
    open_ca,
    save_ca,
    save_key,
)
from cmpcodec.store import private_files
from tests.authority.making import GENERATE, NOW, ca, openssl, order, pem, private_key, run_openssl

ROOT = Path(__file__).resolve().parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="permissions are no mode bits here")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ca.pem"


def public(key: object) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("passphrase", [None, b"correct horse"])
@pytest.mark.parametrize("kind", GENERATE)
def test_keys_come_back(path: Path, kind: str, passphrase: bytes | None) -> None:
    save_key(path, private_key(kind), passphrase)
    assert public(load_key(path, passphrase)) == public(private_key(kind))
    assert (b"ENCRYPTED" in path.read_bytes()) == (passphrase is not None)
    assert [file.name for file in path.parent.iterdir()] == ["ca.pem"], "no draft is left"


@openssl
def test_openssl_reads_them(path: Path) -> None:
    save_ca(path, *ca(), passphrase=b"correct horse")
    done = run_openssl("pkey", "-in", str(path), "-passin", "pass:correct horse", "-noout", "-check")
    assert done.returncode == 0, done.stderr
    assert (
        run_openssl("x509", "-in", str(path), "-noout", "-subject").stdout.strip()
        == "subject=O = Example, CN = Test CA"
    )


@pytest.mark.parametrize("algorithm", ["ec-p256", "rsa-2048", "ed25519"])
def test_a_ca_comes_back(path: Path, algorithm: str) -> None:
    key, certificate = ca(algorithm)
    more = ca("ed448")[1], ca("ec-p384")[1]
    save_ca(path, key, certificate, more)
    found = load_ca(path)
    assert (public(found.key), found.certificate, found.chain) == (public(key), certificate, more)
    assert repr(found) == "StoredCA(<private key>, ...)"


def test_certificates(tmp_path: Path) -> None:
    every = [ca()[1], ca("ed25519")[1]]
    assert load_certificates(pem(tmp_path, "chain.pem", *every)) == every
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    for path, text in ((empty, "no certificate in PEM"), (tmp_path / "missing", "No such file")):
        with pytest.raises(KeyFileError, match=text):
            load_certificates(path)


# --- Permissions ---


@posix
@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_mode(path: Path, umask: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """0600 from the first moment, whatever the umask, and never by a way that could replace a file."""
    made = []
    real = os.open

    def watching(name: object, flags: int, mode: int = 0o777, **more: object) -> int:
        descriptor = real(name, flags, mode, **more)  # type: ignore[arg-type, call-overload]
        if flags & os.O_CREAT:
            made.append((stat.S_IMODE(os.fstat(descriptor).st_mode) & ~0o600, bool(flags & os.O_EXCL)))
        return descriptor

    monkeypatch.setattr(os, "open", watching)
    before = os.umask(umask)
    try:
        save_key(path, private_key())
    finally:
        os.umask(before)
    assert made == [(0, True)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o620, 0o601])
def test_what_others_can_use_is_refused(path: Path, mode: int) -> None:
    save_ca(path, *ca())
    path.chmod(mode)
    for load in (load_key, load_ca):
        with pytest.raises(KeyFileError, match=f"{mode:04o}.*chmod 600 {path}"):
            load(path)
    path.chmod(0o400)
    load_ca(path)


@posix
def test_links(path: Path) -> None:
    """Reading follows them, to a file that is checked itself; writing never does."""
    save_ca(path, *ca())
    link = path.with_name("link.pem")
    link.symlink_to(path)
    load_ca(link)
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="can be read"):
        load_ca(link)
    dangling = path.with_name("dangling.pem")
    dangling.symlink_to(path.with_name("elsewhere.pem"))
    with pytest.raises(KeyFileError, match="exists"):
        save_key(dangling, private_key())
    with pytest.raises(KeyFileError):
        open_ca(dangling, "CN=x")
    assert not path.with_name("elsewhere.pem").exists()


def test_nothing_is_overwritten(path: Path) -> None:
    path.write_bytes(b"precious")
    for write in (lambda: save_key(path, private_key()), lambda: save_ca(path, *ca())):
        with pytest.raises(KeyFileError, match="exists: a key is never overwritten"):
            write()
    assert path.read_bytes() == b"precious"
    assert [file.name for file in path.parent.iterdir()] == ["ca.pem"]


@posix
def test_written_durably(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content reaches the disk before the name does, and the name before anybody relies on it."""
    steps: list[str] = []
    fsync, link = os.fsync, os.link

    def watch_fsync(descriptor: int) -> None:
        steps.append(
            "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else f"file of {os.fstat(descriptor).st_size}"
        )
        fsync(descriptor)

    def watch_link(*names: object) -> None:
        steps.append("link")
        link(*names)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "fsync", watch_fsync)
    monkeypatch.setattr(os, "link", watch_link)
    save_key(path, private_key())
    assert steps == [f"file of {path.stat().st_size}", "link", "folder"]


@posix
def test_a_failure_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(private_files.os, "fsync", full)
    with pytest.raises(KeyFileError, match="No space left"):
        save_key(path, private_key())
    assert list(path.parent.iterdir()) == []


# --- Content ---

SECRET = b"canary passphrase"


@pytest.mark.parametrize(
    ("stored", "given", "text"),
    [(SECRET, None, "needs a passphrase"), (SECRET, b"wrong", "wrong"), (None, SECRET, "is not encrypted")],
)
def test_passphrases(path: Path, stored: bytes | None, given: bytes | None, text: str) -> None:
    save_ca(path, *ca(), passphrase=stored)
    for load in (load_key, load_ca):
        with pytest.raises(KeyFileError, match=text) as caught:
            load(path, given)
        shown = "".join(traceback.format_exception(caught.value))
        assert SECRET.decode() not in shown
        assert "PRIVATE" not in shown


def test_an_empty_passphrase(path: Path) -> None:
    with pytest.raises(ValueError, match="empty"):
        save_key(path, private_key(), b"")


def write(path: Path, content: bytes) -> None:
    path.touch(0o600)
    path.write_bytes(content)


def test_content_that_is_none(path: Path) -> None:
    write(path, b"canary secret material, not PEM")
    for load in (load_key, load_ca):
        with pytest.raises(KeyFileError, match="no private key in PEM") as caught:
            load(path)
        assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_a_key_without_certificate(path: Path) -> None:
    save_key(path, private_key())
    with pytest.raises(KeyFileError, match="no certificate in PEM"):
        load_ca(path)


def test_a_key_that_cannot_sign(path: Path) -> None:
    key = dsa.generate_private_key(2048)
    write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(KeyFileError, match="cannot sign"):
        load_key(path)


def test_endless_files(path: Path) -> None:
    write(path, b"x" * (2 << 20))
    with pytest.raises(KeyFileError, match="something else"):
        load_key(path)


def test_no_file(path: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file"):
        load_key(path)
    with pytest.raises(KeyFileError):
        load_key(path.parent)


# --- The first start ---


def test_open_ca(path: Path) -> None:
    first = open_ca(path, "CN=Device CA", "ed25519")
    again = open_ca(path, "CN=Another", "ec-p256")
    assert (public(first.key), first.certificate) == (public(again.key), again.certificate)
    assert LocalAuthority(*again).issue(order(), NOW).certificate.load().issuer.rfc4514_string() == "CN=Device CA"


def test_open_ca_does_not_replace_what_it_cannot_read(path: Path) -> None:
    open_ca(path, "CN=x", passphrase=SECRET)
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="passphrase"):
        open_ca(path, "CN=x")
    assert path.read_bytes() == before


START = """
import sys, time
from cmpcodec.authority import open_ca
from cmpcodec.authority.building import opened
while time.time() < float(sys.argv[2]):
    pass
for number in range(20):
    print(open_ca(f"{sys.argv[1]}/{number}.pem", "CN=Race").certificate.der.hex())
"""


def test_several_processes_start_at_once(tmp_path: Path) -> None:
    when = str(time.time() + 1.5)
    environment = {**os.environ, "PYTHONPATH": str(Path(cmpcodec.__file__).parents[1])}
    nodes = [
        subprocess.Popen(
            [sys.executable, "-c", START, str(tmp_path), when], cwd=ROOT, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]  # fmt: skip
    said = []
    for node in nodes:
        output, errors = node.communicate(timeout=120)
        assert node.returncode == 0, errors
        said.append(output.split())
    assert said[0] == said[1] == said[2]
    assert len(set(said[0])) == 20
    assert len(list(tmp_path.iterdir())) == 20, "no draft is left"


def test_create_ca_names_itself() -> None:
    assert create_ca("CN=Ä,O=Ö")[1].load().subject.rfc4514_string() == "CN=Ä,O=Ö"
