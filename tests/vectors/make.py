"""Make the vectors of openssl anew with the installed one (3.0 or later), and the messages in examples/.

Usage: python tests/vectors/make.py

Both ends of every session are `openssl cmp`: its client and its built-in mock server (no sockets). Keys live
in a temporary directory and are thrown away; certificates and CRLs stay in pki/. Times, nonces, salts, keys
differ in each run: the committed files are the vectors, this script says where they came from. Run
make_built.py afterwards: it uses the new certificates.
"""

from __future__ import annotations

import base64
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import manifest
from openssl_cases import CONFIG, KEPT_CERTIFICATES, KEPT_CRLS, SESSIONS, SETUP, Session

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent.parent / "examples"
MADE_BY = "openssl cmp"
LONG_SECRET = "a long secret " * 14 + "end"  # 199 octets: longer than a block of any hash
EXAMPLE_OF = {
    "ir-pbm.der": "ir-pbm.1-ir.der",
    "ip-pbm.der": "ir-pbm.2-ip.der",
    "error.pem": "ir-pbm-wrong-secret.2-error.der",
}


def run(command: str, directory: Path, expect: int = 0) -> str:
    """Run one command line without a shell; its output. SystemExit at another exit status than expected."""
    done = subprocess.run(shlex.split(command), cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode != expect:
        raise SystemExit(f"exit status {done.returncode}, not {expect}: {command}\n{done.stdout}{done.stderr}")
    return done.stdout


def set_up(directory: Path) -> None:
    """The small PKI that the sessions use."""
    (directory / "test.cnf").write_text(CONFIG, encoding="utf-8")
    (directory / "index.txt").touch()
    (directory / "crlnumber").write_text("01\n")
    (directory / "long.secret").write_text(LONG_SECRET + "\n")
    for command in SETUP:
        run(command, directory)


def keep_pki(directory: Path) -> None:
    """Save the certificates and CRLs, as DER, in pki/."""
    kept = HERE / "pki"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    for name in KEPT_CERTIFICATES:
        run(f"openssl x509 -in {name}.pem -outform DER -out {shlex.quote(str(kept / name))}.cer", directory)
    for name in KEPT_CRLS:
        run(f"openssl crl -in {name}.crl -outform DER -out {shlex.quote(str(kept / name))}.crl", directory)


def secret_of(session: Session, option: str) -> str:
    """The secret that the session gives with this option."""
    words = shlex.split(session.options)
    source, _, value = words[words.index(option) + 1].partition(":") if option in words else ("", "", "")
    return LONG_SECRET if source == "file" else value


def record(session: Session, directory: Path, openssl: str) -> list[dict[str, object]]:
    """Run one session and take its messages."""
    files = [f"{session.name}.{count}-{body}.der" for count, body in enumerate(session.bodies.split(), 1)]
    command = (
        f"openssl cmp -config test.cnf -section '' -use_mock_srv {session.options}"
        f" -reqout {','.join(files[0::2])} -rspout {','.join(files[1::2])}"
    )
    run(command, directory, session.exit_status)
    entries = []
    for count, file in enumerate(files):
        der = (directory / file).read_bytes()
        secret = secret_of(session, "-srv_secret" if count % 2 else "-secret")
        one = manifest.entry(file, der, made_by=MADE_BY, secret=secret, openssl=openssl, command=command)
        if one["body"] != session.bodies.split()[count]:
            raise SystemExit(f"{file}: the body is {one['body']}")
        shutil.copyfile(directory / file, HERE / file)
        entries.append(one)
    return entries


def write_examples(entries: list[dict[str, object]]) -> None:
    """The three messages of examples/ and the README that says where they came from."""
    EXAMPLES.mkdir(exist_ok=True)
    commands = {str(one["file"]): str(one["command"]) for one in entries}
    lines = [
        "# Real messages to try things on",
        "",
        "Made by tests/vectors/make.py; the secret is `mySecret`.",
        "",
    ]
    for name, vector in EXAMPLE_OF.items():
        der = (HERE / vector).read_bytes()
        if name.endswith(".pem"):
            text = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
            (EXAMPLES / name).write_text(f"-----BEGIN CMP MESSAGE-----\n{text}\n-----END CMP MESSAGE-----\n")
        else:
            (EXAMPLES / name).write_bytes(der)
        lines.append(f"* `{name}` (tests/vectors/{vector}): `{commands[vector]}`")
    (EXAMPLES / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Make everything, list it in manifest.json."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        openssl = run("openssl version", directory).split(" (")[0].strip()
        set_up(directory)
        keep_pki(directory)
        entries = [one for session in SESSIONS for one in record(session, directory, openssl)]
    manifest.store(MADE_BY, entries)
    write_examples(entries)
    print(f"{len(entries)} messages of {len(SESSIONS)} sessions, made with {openssl}")


if __name__ == "__main__":
    sys.exit(main())
