"""The verb `serve` itself: options, what it says when it cannot start, and how it ends."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from .support import PATIENCE, Served

PROGRAM = (sys.executable, "-m", "cmpcodec", "serve")


def refused(folder: Path, *arguments: str, code: int) -> str:
    """What a start that fails says."""
    done = subprocess.run(
        [*PROGRAM, *arguments], cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    return done.stderr


def test_usage(tmp_path: Path) -> None:
    assert "--port" in refused(tmp_path, "--port", "70000", code=2)
    assert "--prot" in refused(tmp_path, "--prot", "1", code=2)
    assert "canary" not in refused(tmp_path, "--secret", "canary", code=2)
    assert "the secret is empty" in refused(tmp_path, "--secret", "pass:", code=2)
    (tmp_path / "a.toml").write_text("[profile.a]\nsecret = 'pass:x'\n")
    assert "[profile.a] authority is missing" in refused(tmp_path, "--config", "a.toml", code=2)
    assert "says both" in refused(tmp_path, "--config", "a.toml", "--secret", "pass:x", code=2)
    assert "absent.toml: No such file" in refused(tmp_path, "--config", "absent.toml", code=5)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.toml"]


def test_an_address_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refused(tmp_path, "--port", port, "--secret", "pass:x", code=5)
    assert f"127.0.0.1:{port}" in said
    assert "in use" in said


def test_files_that_others_can_read(tmp_path: Path) -> None:
    with Served(tmp_path, ("--secret", "pass:x")):
        pass
    for name in ("ca.pem", "cmp.sqlite"):
        file = tmp_path / "cmpcodec-data" / name
        file.chmod(0o644)
        assert name in refused(tmp_path, "--port", "0", "--secret", "pass:x", code=5)
        file.chmod(0o600)
    key = tmp_path / "cmpcodec-data/ca.pem"
    key.write_text("no key")
    assert "ca.pem" in refused(tmp_path, "--port", "0", "--secret", "pass:x", code=5)


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_nothing_is_for_others(tmp_path: Path) -> None:
    """Whatever the umask."""
    before = os.umask(0)
    try:
        with Served(tmp_path / "d", ()):
            pass
    finally:
        os.umask(before)
    for file in (tmp_path / "d/cmpcodec-data").rglob("*"):
        assert file.stat().st_mode & 0o077 == 0, file
    assert (tmp_path / "d/cmpcodec-data").stat().st_mode & 0o077 == 0


def test_an_empty_secret_file(tmp_path: Path) -> None:
    (tmp_path / "cmpcodec-data").mkdir(mode=0o700)
    (tmp_path / "cmpcodec-data/secret").touch(0o600)
    assert "remove it" in refused(tmp_path, "--port", "0", code=2)
    (tmp_path / "cmpcodec-data/secret").chmod(0o640)
    assert "chmod 600" in refused(tmp_path, "--port", "0", code=5)


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_a_folder_that_others_can_write_to(tmp_path: Path) -> None:
    """They could take the CA away, so that a new one is made."""
    (tmp_path / "cmpcodec-data").mkdir()
    for mode in (0o777, 0o770, 0o702):
        (tmp_path / "cmpcodec-data").chmod(mode)
        assert f"mode {mode:04o}" in refused(tmp_path, "--port", "0", code=5)
        assert "go-w" in refused(tmp_path, "--port", "0", "--secret", "pass:x", code=5)
    assert list((tmp_path / "cmpcodec-data").iterdir()) == []
    (tmp_path / "cmpcodec-data").chmod(0o1777)
    with Served(tmp_path, ()):
        pass


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o755)
    os.chown(tmp_path / "theirs", 65534, 65534)
    (tmp_path / "link").symlink_to(tmp_path)
    os.chown(tmp_path / "link", 65534, 65534, follow_symlinks=False)
    for name in ("theirs", "link"):
        assert "belongs to another user" in refused(tmp_path, "--port", "0", "--data", name, code=5)


@pytest.mark.skipif(os.name != "posix", reason="FIFOs of POSIX")
@pytest.mark.parametrize("name", ["secret", "ca.pem"])
def test_a_fifo_instead_of_a_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "cmpcodec-data").mkdir(mode=0o700)
    os.mkfifo(tmp_path / "cmpcodec-data" / name, 0o600)
    assert "no regular file" in refused(tmp_path, "--port", "0", code=5)


def test_a_terminal_shows_the_secret_once(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    shown = []
    for _ in range(2):
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [*PROGRAM, "--port", "0"], cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.DEVNULL
        ) as process:
            os.close(theirs)
            try:
                said = b""
                while b"Ctrl-C" not in said:
                    said += os.read(ours, 65536)
            finally:
                process.terminate()
                process.wait(PATIENCE)
                os.close(ours)
        shown.append(said.count((tmp_path / "cmpcodec-data/secret").read_bytes().strip()))
    assert shown == [1, 0]


def test_json_log_and_other_paths(tmp_path: Path) -> None:
    with Served(tmp_path, ("--secret", "pass:canary-secret", "--log", "json")) as server:
        assert server.request("GET", "/healthz")[0] == 200
        status, headers, body = server.request("GET", "/metrics")
        assert status == 200
        assert headers["content-type"].startswith("text/plain")
        assert b"cmp_messages_total" in body
        assert server.request("GET", "/nothing")[0] == 404
        server.post(b"garbage")
    lines = [json.loads(line) for line in server.log().splitlines()]
    assert any(line.get("failInfo") == ["badDataFormat"] for line in lines)
    assert "canary" not in server.log()


def test_two_servers_on_one_store(tmp_path: Path) -> None:
    """Two processes on the same data are one server: the same CA, the same secret."""
    with Served(tmp_path, ()) as one, Served(tmp_path, ()) as other:
        assert one.url != other.url
        assert one.crl() == other.crl()
