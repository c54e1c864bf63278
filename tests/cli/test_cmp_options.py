"""The table of options against the real one, arguments and file against each other, refusals and the help."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from cmpcodec.cli.cmp.config_file import ConfigError
from cmpcodec.cli.cmp.option_table import GROUPS, OPTIONS, Takes
from cmpcodec.cli.cmp.options import OptionError, Options, help_text, read_arguments, with_config
from tests.cli.conftest import ROOT, Run
from tests.openssl import needs_openssl

GOLDEN = Path(__file__).parent / "golden" / "cmp-help.txt"
SUPPORTED = [name for name, option in OPTIONS.items() if not option.refused]
REFUSED = [name for name, option in OPTIONS.items() if option.refused]
CANARY = "canary-77ac"


def options(folder: Path, config: str, *arguments: str) -> tuple[Options, list[str]]:
    file = folder / "file.cnf"
    file.write_text(config)
    told: list[str] = []
    given = read_arguments(["-config", str(file), *arguments], told.append)
    return with_config(given, told.append, told.append, {}), [one.replace(str(folder), "") for one in told]


# --- the table ---


@needs_openssl
def test_every_option_of_openssl_is_in_the_table() -> None:
    done = subprocess.run(["openssl", "cmp", "-help"], capture_output=True, text=True, check=False)
    theirs = dict(
        re.findall(r"^ -(\S+)(?: (val|int|nonneg|\+int|intmax|outfile))? ", done.stdout + done.stderr, re.MULTILINE)
    )
    assert len(theirs) > 100
    assert set(theirs) <= set(OPTIONS)
    kinds = {
        "": Takes.NOTHING,
        "val": Takes.TEXT,
        "nonneg": Takes.NATURAL,
        "int": Takes.INTEGER,
        "+int": Takes.POSITIVE,
    }
    for name, kind in theirs.items():
        ours, expected = OPTIONS[name].takes, kinds.get(kind, Takes.TEXT)
        if OPTIONS[name].refused:
            assert (ours is Takes.NOTHING) is (expected is Takes.NOTHING), name
        else:
            assert ours is expected, name


def test_the_table_is_sound() -> None:
    assert len(OPTIONS) == sum(len(group) for _, group in GROUPS) + len(REFUSED)
    for name in SUPPORTED:
        assert OPTIONS[name].help
        assert bool(OPTIONS[name].argument) is (OPTIONS[name].takes is not Takes.NOTHING)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_options_are_named(run: Run, tmp_path: Path, name: str) -> None:
    option = OPTIONS[name]
    value = [] if option.takes is Takes.NOTHING else ["1"]
    result = run("cmp", "-cmd", "ir", f"-{name}", *value, "-config", "")
    assert result.code == 1
    assert result.err.startswith(f"CMP error: option -{name}: {option.refused}\n")
    file = tmp_path / "file.cnf"
    file.write_text(f"[cmp]\n{name} = 1\n")
    result = run("cmp", "-cmd", "ir", "-config", str(file))
    assert result.code == 1
    assert f"CMP error: {file}: option {name}: {option.refused}\n" in result.err


def test_the_help(run: Run) -> None:
    assert help_text("python -m cmpcodec cmp") + "\n" == GOLDEN.read_text()
    result = run("cmp", "-help")
    assert (result.code, result.err) == (0, "")
    assert result.out == GOLDEN.read_text().replace("python -m cmpcodec", "cmpcodec")
    assert run("cmp", "-cmd", "ir", "--help").code == 0
    result = run("cmp")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("usage: cmpcodec cmp -cmd")
    assert max(map(len, GOLDEN.read_text().splitlines())) <= 120


def test_the_document_has_all_options() -> None:
    text = (ROOT / "docs" / "client.md").read_text()
    for name in OPTIONS:
        assert re.search(rf"`-{re.escape(name)}`", text), name


# --- arguments ---


def test_spellings_of_arguments() -> None:
    given = read_arguments(
        [
            "-cmd",
            "ir",
            "--subject=/CN=a=b",
            "-days",
            "0x10",
            "-popo=-1",
            "-implicit_confirm",
            "-certout",
            "a",
            "-certout",
            "b",
        ]
    )
    assert given == {"cmd": "ir", "subject": "/CN=a=b", "days": 16, "popo": -1, "implicit_confirm": 1, "certout": "b"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-sujbect", "/"], "there is no option -sujbect; did you mean -subject?"),
        (["-secert=pass:x"], "there is no option -secert; did you mean -secret?"),
        (["-Subject", "/"], "there is no option -Subject; did you mean -subject?"),
        (["-trustde", "x"], "there is no option -trustde; did you mean -"),
        (["-qqq"], "there is no option -qqq; -help lists the options"),
        (["-q\x1bq"], "there is no option -q\\x1bq; -help lists the options"),
        (["ir"], "unexpected argument number 1: it belongs to no option"),
        (["-cmd", "ir", "-"], "unexpected argument number 3: it belongs to no option"),
        (["-cmd", "ir", "--"], "unexpected argument number 3: it belongs to no option"),
        (["-subject"], "-subject needs a value: NAME"),
        (["-days"], "-days needs a value: DAYS"),
        (["-batch=1"], "-batch takes no value"),
        (["-days", "x"], "-days takes a number that is not negative"),
        (["-days", "-1"], "-days takes a number that is not negative, at most 2147483647"),
        (["-days", "1_0"], "-days takes a number that is not negative"),
        (["-days", ""], "-days takes a number that is not negative"),
        (["-days", "4294967296"], "-days takes a number that is not negative, at most 2147483647"),
        (["-popo", "one"], "-popo takes a number"),
        (["-repeat", "0"], "-repeat takes a number above 0, at most 2147483647"),
    ],
)
def test_wrong_arguments(arguments: list[str], words: str) -> None:
    with pytest.raises(OptionError) as raised:
        read_arguments(arguments)
    assert str(raised.value).startswith(words)


def test_slips_are_told() -> None:
    told: list[str] = []
    read_arguments(["-subject", "", "-path", "-server", "-config", "", "-section", ""], told.append)
    assert told == [
        "-subject option argument is empty string, resetting option",
        "-path option argument starts with hyphen",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("-secret", CANARY + "x:1"),
        ("-secret", f"evn:{CANARY}"),
        ("-secret", f"pass:{CANARY}", "-nix"),
        ("-secert", f"pass:{CANARY}"),
        (f"-secert=pass:{CANARY}",),
        (f"-batch={CANARY}",),
        (f"-days={CANARY}",),
        ("-cmd", "ir", f"pass:{CANARY}"),
        ("-secret", f"env:{CANARY}"),
        ("-secret", f"fd:{CANARY}"),
        ("-secret", f"pass:{CANARY}", "-newkeypass", f"pass:{CANARY}", "-newkey", "none"),
        ("-server", f"http://me:{CANARY}@[x/", "-secret", "pass:x"),
        ("-server", f"http://me:{CANARY}@127.0.0.1:1", "-secret", f"pass:{CANARY}"),
        ("-proxy", f"http://me:{CANARY}@[x/", "-secret", "pass:x"),
    ],
)
def test_secrets_are_never_shown(run: Run, arguments: tuple[str, ...]) -> None:
    more = () if "-server" in arguments else ("-server", "127.0.0.1:1")
    result = run("cmp", "-config", "", "-cmd", "ir", *more, "-verbosity", "8", "-certout", "x", *arguments)
    assert result.code == 1
    assert CANARY not in result.out + result.err


# --- the file ---


def test_arguments_beat_the_file_and_later_sections_earlier_ones(tmp_path: Path) -> None:
    text = "subject=/CN=default\nref=r\n[a]\nsubject=/CN=a\ndays=3\npath=p\nimplicit_confirm=1\n[b]\ndays = 4\npath =\nbatch = 0\n"
    found, told = options(tmp_path, text, "-section", "a,b", "-certout", "c")
    assert told == ["using section(s) 'a,b' of OpenSSL configuration file '/file.cnf'"]
    assert found.number("days") == 4
    assert found.text("path") is None
    assert found.text("certout") == "c"
    assert found.text("ref") == "r"
    assert found.flag("implicit_confirm")
    assert not found.flag("batch")
    assert found.given("days")
    assert not found.given("path")
    found, _ = options(tmp_path, text, "-section", "b a", "-days", "9")
    assert found.number("days") == 9
    assert found.text("path") == "p"


def test_sections(tmp_path: Path) -> None:
    assert options(tmp_path, "[cmp]\ndays=1\n")[0].number("days") == 1
    found, told = options(tmp_path, "days=2\n[x]\ndays=3\n")
    assert found.number("days") == 2
    assert told[1:] == [
        "no [cmp] section found in config file '/file.cnf'; will thus use just [default] and unnamed section if present"
    ]
    assert options(tmp_path, "days=2\n[x]\ndays=3\n", "-section", "")[0].number("days") == 2
    with pytest.raises(ConfigError, match=r"there is no section \[c\], which -section names"):
        options(tmp_path, "[a]\nx=1\n", "-section", "a,c")


@pytest.mark.parametrize("name", ["batch", "days", "popo"])
def test_numbers_of_the_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(OptionError, match=rf"file\.cnf: option {name} takes "):
        options(tmp_path, f"[cmp]\n{name} = maybe\n")


def test_refused_flags_that_are_off_are_no_matter(tmp_path: Path) -> None:
    assert not options(tmp_path, "[cmp]\nuse_mock_srv = 0\ntrusted =\n")[0].given("use_mock_srv")


def test_which_file(tmp_path: Path) -> None:
    file = tmp_path / "env.cnf"
    file.write_text("[cmp]\ndays=5\n")
    assert with_config({}, environment={"OPENSSL_CONF": str(file)}).number("days") == 5
    assert with_config({"config": ""}, environment={"OPENSSL_CONF": str(file)}).number("days") is None
    assert with_config({}, environment={"OPENSSL_CONF": str(tmp_path / "none")}).number("days") is None
    with pytest.raises(ConfigError, match=r"none: cannot be read: No such file or directory"):
        with_config({"config": str(tmp_path / "none")}, environment={})


@needs_openssl
@pytest.mark.parametrize("sections", ["a", "a,b", "b,a", "a b", "b ,  a", "default"])
@pytest.mark.parametrize("where", [(), ("default",), ("a",), ("b",), ("default", "a"), ("default", "b"), ("a", "b")])
def test_precedence_is_that_of_openssl(tmp_path: Path, sections: str, where: tuple[str, ...]) -> None:
    """Asks the real client, by the file that it cannot load."""
    lines = "".join(
        f"[{section}]\n" + (f"oldcert = from-{section}\n" if section in where else "")
        for section in ("default", "a", "b")
    )
    (tmp_path / "file.cnf").write_text(lines)
    found, _ = options(tmp_path, lines, "-section", sections)
    command = ["openssl", "cmp", "-config", "file.cnf", "-section", sections, "-cmd", "rr", "-secret", "pass:x"]
    done = subprocess.run(
        [*command, "-subject", "/CN=x", "-server", "127.0.0.1:1"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    theirs = re.findall(r"from-\w+", done.stdout + done.stderr)
    assert (theirs[0] if theirs else None) == found.text("oldcert")
