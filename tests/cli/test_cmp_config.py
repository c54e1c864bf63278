"""OpenSSL's configuration syntax: what it means, how errors read, and that the real parser agrees.

The oracle is `openssl asn1parse -genconf`, which puts the values of a file into an octet string each.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cmpcodec.asn1 import TLV, SequenceOf
from cmpcodec.cli.cmp.config_file import DEFAULT, MAX_VALUE, Config, ConfigError, read_config
from tests.openssl import needs_openssl

openssl = needs_openssl


def read(folder: Path, text: str | bytes, **environment: str) -> Config:
    file = folder / "file.cnf"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_config(str(file), environment)


def problem(folder: Path, text: str | bytes, **environment: str) -> str:
    with pytest.raises(ConfigError) as raised:
        read(folder, text, **environment)
    return str(raised.value).replace(str(folder), "")


# --- what it means ---


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("v = plain", "plain"),
        ("v=plain", "plain"),
        ("  v \t=  two words \t", "two words"),
        ("v =", ""),
        ("v = a # comment", "a"),
        ("v = a\\#b", "a#b"),
        ("v = '#' \"#\" `#` #", "# # #"),
        ('v = "it\'s"', "it's"),
        ("v = 'a\\'b'", "a'b"),
        ("v = '\\n'", "n"),
        ("v = \\n\\r\\t\\b\\x\\\\", "\n\r\t\bx\\"),
        ("v = 'never closed", "never closed"),
        ("v = ' kept '", " kept "),
        ("v = a=b=c", "a=b=c"),
        ("v = a\\\n  b", "a  b"),
        ("v = a\\\\", "a\\"),
        ("v = a\\", "a"),
        ("v = \u00e4", "\u00e4"),
        ("first::v = other\n[first]", "other"),
        ("\ufeffv = mark", "mark"),
        ("v = windows\r\n", "windows"),
        ("v = once\nv = twice", "twice"),
    ],
)
def test_values(tmp_path: Path, line: str, value: str) -> None:
    config = read(tmp_path, line)
    assert (config.get("first", "v") if line.startswith("first") else config.get(DEFAULT, "v")) == value


def test_variables(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        "host = example\n[a]\nhost = other\nb = $host ${host} $(host) $default::host ${default::host} $host.org\n"
        "[b]\nfall = $host-$ENV::CMP_TEST\nENV::SET = by the file\n[c]\nenv = $ENV::SET\nquoted = '$host' \\$host\n",
        CMP_TEST="from outside",
    )
    assert config.get("a", "b") == "other other other example example other.org"
    assert config.get("b", "fall") == "example-from outside"
    assert config.get("c", "env") == "by the file"
    assert config.get("c", "quoted") == "$host $host"
    assert config.get("ENV", "CMP_TEST") == "from outside"
    assert config.get("nowhere", "host") == "example"
    assert config.get("a", "nothing") is None


def test_sections(tmp_path: Path) -> None:
    config = read(tmp_path, "[ a  b ] ignored\nx = 1\n[ empty ]\n[a  b]\ny = 2\n[default]\nz = 3\n")
    assert config.section("a  b") == {"x": "1", "y": "2"}
    assert config.has("empty")
    assert not config.has("none")
    assert config.get("empty", "z") == "3"


def test_dollarid(tmp_path: Path) -> None:
    config = read(tmp_path, "v = 1\n.pragma = dollarid:on\na$b = 2\nc = $v ${v} ${a$b}\n.pragma dollarid : off\nd = $v")
    assert config.get(DEFAULT, "c") == "$v 1 2"
    assert config.get(DEFAULT, "d") == "1"


def test_includes(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "2.conf").write_text("b = 2\n")
    (folder / "1.cnf").write_text(f"a = 1\nboth = 1\n.include {folder}\n")
    (folder / "3.txt").write_text("c = 3\n")
    (tmp_path / "one.inc").write_text("[other]\nx = $here\n.include missing\n")
    warnings: list[str] = []
    file = tmp_path / "file.cnf"
    file.write_text(f".include = {folder}\nhere = {tmp_path}\n.include $here/one.inc\ny = still other\n")
    config = read_config(str(file), {}, warnings.append)
    assert config.section(DEFAULT) == {"a": "1", "both": "1", "b": "2", "here": str(tmp_path)}
    assert config.section("other") == {"x": str(tmp_path), "y": "still other"}
    assert [one.replace(str(tmp_path), "") for one in warnings] == [
        "/parts/1.cnf:3: not included, since it is a folder named by a file of an included folder: /parts",
        "/one.inc:3: not included, since it cannot be read: missing",
    ]
    read_config(str(file), {"OPENSSL_CONF_INCLUDE": str(tmp_path)}, warnings.append)
    file.write_text(f".pragma includedir:{tmp_path}\n.include one.inc\n[default]\nhere=1")
    with pytest.raises(ConfigError, match=r"one\.inc:2: the variable 'here' has no value"):
        read_config(str(file), {})


# --- errors ---


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = 1\nb", "/file.cnf:2: expected '=' after the name 'b'"),
        ('\n\n"x" = 1', "/file.cnf:3: expected a name and '='"),
        ("[a", "/file.cnf:1: expected ']' after the name of the section"),
        ("[a(b]", "/file.cnf:1: expected ']' after the name of the section"),
        ("a = $b", "/file.cnf:1: the variable 'b' has no value; it has to be assigned before it is used"),
        ("a = ${c::b}", "/file.cnf:1: the variable 'c::b' has no value; it has to be assigned before it is used"),
        ("a = $ENV::X", "/file.cnf:1: the environment has no variable 'X'"),
        ("a = ${b", "/file.cnf:1: expected '}' after the name of the variable 'b'"),
        ("a = $(b}", "/file.cnf:1: expected ')' after the name of the variable 'b'"),
        ("a = $", "/file.cnf:1: the variable '' has no value; it has to be assigned before it is used"),
        ("a = x\\\n\\\n$b\nc=1", "/file.cnf:1: the variable 'b' has no value; it has to be assigned before it is used"),
        (".pragma x", "/file.cnf:1: .pragma takes keyword:value"),
        (".pragma dollarid:1", "/file.cnf:1: .pragma dollarid takes on, off, true or false"),
        (".pragma abspath:on\n.include x", "/file.cnf:2: this path is relative, and .pragma abspath forbids that"),
        (b"a = 1\nb = \0", "/file.cnf:2: has a NUL octet, so it is no text"),
        (b"0" * (1 << 22) + b"0", "/file.cnf: more than 4 MiB, too much for a configuration file"),
    ],
)
def test_errors(tmp_path: Path, text: str | bytes, words: str) -> None:
    assert problem(tmp_path, text) == words


def test_values_stay_out_of_errors(tmp_path: Path) -> None:
    for line in ("secret = canary $none", "secret canary-1", "secret = 'canary' ${x"):
        assert "canary" not in problem(tmp_path, line)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.cnf: cannot be read: No such file or directory"):
        read_config(str(tmp_path / "none.cnf"))


def test_endless_inclusion_and_expansion(tmp_path: Path) -> None:
    file = tmp_path / "file.cnf"
    assert "does one include itself?" in problem(tmp_path, f".include {file}\n")
    (tmp_path / "empty").write_text("")
    assert "too many files" in problem(tmp_path, f".include {tmp_path / 'empty'}\n" * 200)
    doubling = "a0 = xxxxxxxxxxxxxxxx\n" + "".join(f"a{n + 1} = $a{n}$a{n}\n" for n in range(40))
    assert f"/file.cnf:14: the value is longer than {MAX_VALUE}" in problem(tmp_path, doubling)


# --- the real parser agrees ---


class _Values(SequenceOf[TLV]):
    """What the oracle writes."""


def oracle(folder: Path, text: bytes, wanted: list[tuple[str, str]], environment: dict[str, str]) -> list[bytes] | None:
    """The values of (section, name) by openssl; None if it refuses the file."""
    lines = [f"v{number} = OCT:${{{section}::{name}}}" for number, (section, name) in enumerate(wanted)]
    trailer = "\n".join(["", "", "[oracle_values]", "none = NULL", *lines, "[default]", "asn1 = SEQ:oracle_values", ""])
    file, output = folder / "oracle.cnf", folder / "oracle.der"
    file.write_bytes(text + b"\n\n.pragma dollarid:off\n" + trailer.encode())
    done = subprocess.run(
        ["openssl", "asn1parse", "-genconf", str(file), "-noout", "-out", str(output)],
        capture_output=True,
        check=False,
        env={"PATH": os.environ["PATH"], "OPENSSL_CONF": os.devnull, **environment},
    )
    if done.returncode:
        return None
    return [value.content for value in _Values.decode(output.read_bytes())][1:]


def check(folder: Path, text: str, **environment: str) -> None:
    try:
        config = read(folder, text + "\n", **environment)
    except ConfigError as error:
        assert oracle(folder, text.encode(), [], environment) is None, error
        return
    wanted = [(section, name) for section in ("default", "a", "b") for name in ("x", "y", "z")]
    wanted = [(section, name) for section, name in wanted if config.get(section, name) is not None]
    expected = [os.fsencode(config.get(section, name) or "") for section, name in wanted]
    assert oracle(folder, text.encode(), wanted, environment) == expected


PIECES = [
    *"\\\\'\"`#$$=[] \t:,.;({})",
    *("x", "y", "z", "a", "b", "n", "\u00e4", "\\\n", "\\\\", "\r"),
    *("$x", "${x}", "$(y)", "$a::x", "${b::y}", "$ENV::E", "${ENV::E}", "::", "''", '""'),
]
VALUE = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
LINE = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(["x", "y", "z"]), VALUE),
    st.builds("{}::{} ={}".format, st.sampled_from(["a", "b"]), st.sampled_from(["x", "y", "z"]), VALUE),
    st.sampled_from(["[a]", "[ b ]", "[default]", "# comment", "", "x = 1", "y=2", "z = 3\\", "  [ a ] y=2", "E=e"]),
    st.sampled_from([".pragma dollarid:on", ".pragma = dollarid: off", ".pragma other:1", "x::y::z=1", "=x", "[a b]"]),
    VALUE,
)


@openssl
@settings(max_examples=120, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.lists(LINE, min_size=1, max_size=8).map("\n".join))
@example(text="x = a\\\\\\\ny = 1")
@example(text="x = 'a\\")
@example(text="x = `a\\\n`\ny = $x")
@example(text="[a] x\nx=1\\\n[b]\ny=$a::x")
@example(text="x = 1\r\r\ny = \\r2 \\ ")
@example(text="x" * 511 + "= 1\nx = " + "y" * 1100 + "\\\n" + "z" * 520)
def test_the_real_parser_agrees(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    check(tmp_path_factory.getbasetemp(), text, E="of the environment")


@openssl
@pytest.mark.parametrize("code", [code for code in range(1, 128) if chr(code) not in "\n"])
def test_each_character_in_a_name(tmp_path: Path, code: int) -> None:
    """Which characters may stand in names, sections and behind variables."""
    for text in (f"x{chr(code)}y = 1\nx = 2", f"[a{chr(code)}]\nx = 1", f"x = 1\ny = $x{chr(code)}1"):
        check(tmp_path, text)


SAFE = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n\\"), max_size=30)


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(values=st.dictionaries(st.from_regex(r"[a-zA-Z0-9_]{1,8}", fullmatch=True), SAFE, max_size=6))
def test_what_is_quoted_comes_back(tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]) -> None:
    """Any text in single quotes is that text."""
    quoted = {name: value.replace("'", "\\'") for name, value in values.items()}
    text = "[ s ]\n" + "".join(f"{name} = '{value}'\n" for name, value in quoted.items())
    assert read(tmp_path_factory.getbasetemp(), text).section("s") == values


def test_the_documents_file(tmp_path: Path) -> None:
    config = read(tmp_path, DOCUMENT)
    assert config.section("init") == {
        "verbosity": "8",
        "server": "[domain]:[port]",
        "path": "api/v1/protocols/cmp/raProfile/czertainly",
    }
    assert config.section("cmp_ir_mac") == {
        "newkey": "cmp_key.pem",
        "certout": "cmp_cert.pem",
        "subject": "/CN=cmp-certificate",
    }


DOCUMENT = """\
[ init ]
# -verbosity level
#   0 = EMERG, 1 = ALERT, 2 = CRIT, 3 = ERR, 4 = WARN, 5 = NOTE, 6 = INFO, 7 = DEBUG, 8 = TRACE. Defaults to 6 = INFO.
verbosity = 8

# -server [http[s]://][userinfo@]host[:port][/path][?query][#fragment]
server = [domain]:[port]
path = api/v1/protocols/cmp/raProfile/czertainly

# Other configuration options that might be applicable
#   srvcert =

[ cmp_ir_mac ]
newkey = cmp_key.pem
certout = cmp_cert.pem
subject = "/CN=cmp-certificate"
#   recipient =
"""
