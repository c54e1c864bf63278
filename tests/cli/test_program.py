"""The command line as a program: exit codes, secrets, colours, and how it ends when its surroundings do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cmpcodec import __version__
from cmpcodec.cli import VERBS
from tests.cli.conftest import ROOT, Run

IR = str(ROOT / "examples" / "ir-pbm.der")
SIGNED = str(ROOT / "tests" / "vectors" / "ir-ecdsa.1-ir.der")
UNPROTECTED = str(ROOT / "tests" / "vectors" / "ir-none.2-ip.der")
CANARY = "canary-6b1f"
unix = pytest.mark.skipif(os.name == "nt", reason="needs Unix")


# --- exit codes ---


def test_exit_codes(run: Run, tmp_path: Path) -> None:
    malformed = tmp_path / "malformed"
    malformed.write_bytes(b"\x30\x00")
    missing = str(tmp_path / "missing")
    assert run("decode", IR).code == 0
    assert run("decode", "--json", "--jsonl", IR).code == 2
    assert run("decode", str(malformed)).code == 3
    assert run("decode", "--secret", "pass:wrong", IR).code == 4
    assert run("decode", missing).code == 5
    assert run("decode", str(tmp_path)).code == 5
    assert run("decode", "--secret", "pass:wrong", str(malformed), IR, str(malformed)).code == 4
    result = run("decode", "--secret", "pass:wrong", missing, IR, str(malformed))
    assert result.code == 5
    assert result.out.startswith(f"{IR}: ir")


def test_usage(run: Run) -> None:
    assert run().code == 2
    assert run("nix").code == 2
    assert "there is no verb 'nix'" in run("nix").err
    for asked in ("-h", "--help", "help"):
        result = run(asked)
        assert (result.code, result.err) == (0, "")
        assert all(f"  {verb} " in result.out for verb in VERBS)
    assert run("--version").out == f"cmpcodec {__version__}\n"
    result = run("decode", "--help")
    assert result.code == 0
    assert "exit codes: 0 all is well" in result.out
    assert run("decode", "--max-size", "0", IR).code == 2
    assert run("decode", "--max-size", "1_0", IR).code == 2
    assert run("decode", "--sum", IR).code == 2  # no abbreviations: scripts would break with the next option


def test_the_module_runs(program: Run) -> None:
    result = program("decode", IR)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"{IR}: ir, pvno 2")
    assert program("nix").err.startswith("python -m cmpcodec: there is no verb")


# --- secrets ---


def test_where_secrets_come_from(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMP_SECRET", "mySecret")
    file = tmp_path / "secret"
    for content in (b"mySecret", b"mySecret\n", b"mySecret\r\nmore\n"):
        file.write_bytes(content)
        result = run("decode", "--secret", f"file:{file}", IR)
        assert (result.code, result.err) == (0, "")
        assert "\nMAC: valid, the secret fits\n" in result.out
    assert run("decode", "--secret", "env:CMP_SECRET", IR).code == 0
    assert run("decode", "--secret", "env:CMP_SECRET", "--summary", IR).out.endswith("; MAC: valid, the secret fits\n")


@unix
def test_secret_from_a_descriptor(run: Run) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"mySecret\nthe rest is left alone")
    os.close(writing)
    assert run("decode", "--secret", f"fd:{reading}", IR).code == 0
    assert os.read(reading, 100) == b"the rest is left alone"
    os.close(reading)
    assert run("decode", "--secret", f"fd:{reading}", IR).code == 5


def test_pass_is_commented(run: Run) -> None:
    result = run("decode", "--secret", "pass:mySecret", IR)
    assert result.code == 0
    assert result.err == "note: other users can see a --secret pass: in the list of processes\n"


def test_verdicts(run: Run) -> None:
    for file, verdict in ((IR, "WRONG"), (UNPROTECTED, "MISSING"), (SIGNED, "NOT CHECKED")):
        result = run("decode", "--secret", f"pass:{CANARY}", file)
        assert result.code == 4
        assert f"\nMAC: {verdict}, " in result.out
        assert "\nPKIMessage\n" in result.out  # the tree is shown all the same


@pytest.mark.parametrize(
    "arguments",
    [
        ("--secret", CANARY),
        ("--secret", f"password:{CANARY}"),
        (f"--secret={CANARY}",),
        (f"--secert=pass:{CANARY}",),
        ("--secert", f"pass:{CANARY}"),
        ("--secret", f"env:{CANARY}"),
        ("--secret", f"fd:{CANARY}"),
        ("--secret", f"pass:{CANARY}"),
        ("--secret", f"pass:{CANARY}", "--json"),
        ("--secret", f"pass:{CANARY}", "--type", "PKIHeader"),
        ("--secret", f"pass:{CANARY}", "--nix"),
    ],
)
def test_a_secret_is_never_shown(run: Run, arguments: tuple[str, ...]) -> None:
    result = run("decode", *arguments, IR)
    assert result.code in (2, 4)
    assert CANARY not in result.out + result.err


def test_secret_file_that_is_not_there(run: Run, tmp_path: Path) -> None:
    result = run("decode", "--secret", f"file:{tmp_path / 'none'}", IR)
    assert (result.code, result.out) == (5, "")
    assert result.err == "cmpcodec decode: --secret: No such file or directory\n"


# --- colours ---


def test_colours(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in run("decode", IR).out
    assert "\x1b[36mpvno\x1b[0m" in run("decode", "--color", "always", IR).out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" in run("decode", IR).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("decode", IR).out
    assert "\x1b" in run("decode", "--color", "always", IR).out


@unix
@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_on_a_terminal(variables: dict[str, str], coloured: bool) -> None:
    import pty

    control, terminal = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_COLOR")}
    command = [sys.executable, "-m", "cmpcodec", "decode", "--summary", IR]
    with os.fdopen(control, "rb", buffering=0) as screen:
        subprocess.run(command, stdout=terminal, env=environment | {"TERM": "xterm"} | variables, check=True)
        os.close(terminal)
        shown = screen.read(4096)
    assert (b"\x1b[1m" in shown) is coloured


@unix
def test_nothing_is_read_from_a_terminal() -> None:
    import pty

    control, terminal = pty.openpty()
    command = [sys.executable, "-m", "cmpcodec", "decode"]
    done = subprocess.run(command, stdin=terminal, capture_output=True, timeout=60, check=False)
    os.close(terminal)
    os.close(control)
    assert done.returncode == 2
    assert b"no FILE is given and standard input is a terminal" in done.stderr


# --- surroundings ---


@unix
def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cmpcodec", "decode", "--full", *[IR] * 200]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


@unix
def test_interruption(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    command = [sys.executable, "-m", "cmpcodec", "decode", str(fifo)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process, fifo.open("wb"):  # it reads now
        process.send_signal(signal.SIGINT)
        try:
            assert process.communicate(timeout=60) == (None, b"")
        finally:
            process.kill()
        assert process.returncode == 130


@unix
def test_closed_descriptors(program: Run) -> None:
    def shell(redirection: str) -> tuple[int, str]:
        line = f'"{sys.executable}" -m cmpcodec decode "$1" {redirection}'
        done = subprocess.run(["sh", "-c", line, "sh", IR], capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    assert shell(">&-") == (5, "python -m cmpcodec: cannot write the output: it is closed\n")
    assert shell("2>&- <&- >/dev/null") == (0, "")
    line = f'"{sys.executable}" -m cmpcodec decode <&-'
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (5, "standard input: it is closed\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk() -> None:
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "cmpcodec", "decode", IR]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 5
    assert done.stderr == b"python -m cmpcodec: cannot write the output: No space left on device\n"


@unix
def test_an_input_without_end() -> None:
    command = [sys.executable, "-m", "cmpcodec", "decode", "/dev/zero"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr == "/dev/zero: more than 64 MiB, too much for CMP messages\n"


def test_decode_imports_only_what_it_needs() -> None:
    costly = {"cryptography", "json", "ssl", "socket", "asyncio", "logging", "difflib", "shutil"}
    code = (
        "import sys; before = set(sys.modules); from cmpcodec.cli import main\n"
        "main(['decode', '--summary', sys.argv[1]]); print(*(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code, IR], capture_output=True, text=True, check=True)
    assert costly.isdisjoint(done.stdout.splitlines()[-1].split())
