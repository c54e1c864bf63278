"""The verb `decode`: inputs in, a summary and a tree (or JSON) out, and an exit code that says how it went.

Puts the files beside it together, and knows little of forms, types or protection itself. See docs/cli.md.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, NamedTuple, NoReturn

from .. import cmp, cms, crmf, pkix
from .._engine.values import LENIENCIES, Limits
from ..asn1 import TLV, Choice, Record, Sequence, SequenceOf, SetOf
from ..errors import DecodeError, LimitExceeded
from . import EXIT_IO, EXIT_MALFORMED, EXIT_OK, EXIT_PROTECTION, UsageError, inputs
from .credentials import FORMS, read_secret
from .names import rfc_type
from .opening import Leniency
from .summary import one_line
from .terminal import Output, bad, bold, dim, good, hex_window, plain, safe, window

_ROOMS = (cmp, crmf, cms, pkix)
_BASES = {TLV, Choice, Sequence, SequenceOf, SetOf}
_TYPE_OF_PEM = {
    "CERTIFICATE": "Certificate",
    "X509 CERTIFICATE": "Certificate",
    "CERTIFICATE REQUEST": "CertificationRequest",
    "NEW CERTIFICATE REQUEST": "CertificationRequest",
    "X509 CRL": "CertificateList",
    "PUBLIC KEY": "SubjectPublicKeyInfo",
    "PRIVATE KEY": "OneAsymmetricKey",
    "CMS": "ContentInfo",
    "PKCS7": "ContentInfo",
}
_EXIT_CODES = """\
exit codes: 0 all is well, 2 usage, 3 an input is malformed, 4 the protection could not be confirmed,
5 an input cannot be read or the output not be written. Of several inputs the highest code wins.
docs/cli.md and docs/json.md tell more."""


class _Parser(argparse.ArgumentParser):
    """Never repeats an argument that it does not know: it might hold a secret."""

    def error(self, message: str) -> NoReturn:
        if message.startswith("unrecognized arguments:"):
            option = message.split()[2].partition("=")[0]
            message = f"there is no option {option}" if option.startswith("-") else "unrecognized arguments"
        super().error(message)


class _Help(argparse.RawDescriptionHelpFormatter):
    """Has a width of its own: to ask for the terminal's takes imports, each time that the verb is used."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=prog,
        usage=f"{prog} [OPTION...] [FILE...]",
        description="Show what is in CMP messages. FILE (or '-', standard input) may be DER, PEM, hex,\n"
        "base64, a hex dump or captured HTTP, and may hold several messages.",
        epilog=_EXIT_CODES,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help=argparse.SUPPRESS)
    add = parser.add_argument_group("output").add_argument
    add("--summary", action="store_true", help="one line for each message, no tree")
    add("--full", action="store_true", help="cut nothing short, take names apart")
    add(
        "--offsets",
        action="store_true",
        help="put byte ranges in front: the first byte, and the one behind the last",
    )
    add("--json", action="store_true", help="an array with one object for each message")
    add("--jsonl", action="store_true", help="one line of JSON for each message")
    add(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="auto: on a terminal; NO_COLOR, FORCE_COLOR",
    )
    add = parser.add_argument_group("reading").add_argument
    add(
        "--type",
        default="PKIMessage",
        metavar="NAME",
        help="what the input is, if no PKIMessage: CertTemplate, ...",
    )
    add("--secret", metavar="FORM", help=f"check the MAC; {FORMS}")
    add(
        "--allow",
        action="append",
        choices=sorted(LENIENCIES),
        default=[],
        help="accept this deviation from DER",
    )
    for name, value in Limits()._asdict().items():
        default = "the schema's bounds" if value is None else str(value)
        text = f"default {default}"
        add(f"--{name.replace('_', '-')}", type=_natural, default=value, metavar="N", help=text)
    return parser


def _natural(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18 or int(text) == 0:
        raise argparse.ArgumentTypeError("takes a positive number")
    return int(text)


def _find_type(name: str) -> type[Record]:
    """The record class of a name such as CertTemplate, Dss-Parms or pkix.Attribute."""
    wanted = name.replace("-", "_")
    room, dot, short = wanted.rpartition(".")
    rooms = [one for one in _ROOMS if not dot or one.__name__.rpartition(".")[2] == room]
    known: dict[str, type[Record]] = {}
    for one in reversed(rooms):
        known |= {
            key: value
            for key, value in vars(one).items()
            if isinstance(value, type) and issubclass(value, Record) and value not in _BASES and key[0] != "_"
        }
    found = known.get(short if dot else wanted)
    if found is None:
        from difflib import get_close_matches

        close = get_close_matches(short.lower(), {key.lower(): key for key in known}, 3, 0.5)
        spelled = [rfc_type(known[key]) for key in known if key.lower() in close]
        hint = f"; close to it: {', '.join(spelled)}" if spelled else ""
        raise UsageError(f"--type: there is no type {name[:40]!a}{hint}")
    return found


class Message(NamedTuple):
    """One message of an input, and how to speak of it."""

    source: str
    found: inputs.Found
    number: int
    total: int

    @property
    def label(self) -> str:
        """Name of the file, and which message of it."""
        place = "standard input" if self.source == "-" else safe(self.source)
        return place if self.total == 1 else f"{place}, message {self.number} of {self.total}"


class _Decode:
    """A run of the verb; subclasses write the results."""

    def __init__(self, options: argparse.Namespace, cls: type[Record], secret: bytes | None) -> None:
        self.options = options
        self.cls = cls
        self.secret = secret
        self.limits = Limits(**{name: getattr(options, name) for name in Limits._fields})
        self.leniency = Leniency(self.limits, frozenset(options.allow))
        self.out = Output(sys.stdout, options.color)
        self.errors = Output(sys.stderr, options.color)

    def run(self, sources: list[str]) -> int:
        """Decode all; return the exit code."""
        code = EXIT_OK
        for source in sources:
            try:
                found = inputs.messages(inputs.read(source))
            except OSError as error:
                code = max(code, EXIT_IO)
                self.unreadable(source, "io", error.strerror or str(error))
            except inputs.NotRecognised as error:
                code = max(code, EXIT_MALFORMED)
                self.unreadable(source, "malformed", str(error))
            else:
                for number, one in enumerate(found, 1):
                    code = max(code, self.message(Message(source, one, number, len(found))))
        return code

    def message(self, message: Message) -> int:
        """Decode and show one message; return its exit code."""
        data = message.found.data
        try:
            record = self.cls.decode(data, limits=self.limits, allow=self.leniency.allow)
        except DecodeError as error:
            self.malformed(message, error)
            return EXIT_MALFORMED
        verdict = None if self.secret is None else _check(record, self.secret)
        self.show(message, record, verdict)
        return EXIT_OK if verdict is None or verdict[0] == "valid" else EXIT_PROTECTION

    def unreadable(self, source: str, kind: str, problem: str) -> None:
        """Report an input without a message."""
        self.out.flush()
        place = "standard input" if source == "-" else safe(source)
        self.errors.line(f"{place}: {bad(safe(problem))}")
        self.errors.flush()

    def malformed(self, message: Message, error: DecodeError) -> None:
        """Report a message that cannot be decoded."""
        self.out.flush()
        self.errors.line(f"{message.label}: {bad(safe(str(error)))}")
        for line in hex_window(message.found.data, error.offset):
            self.errors.line(f"    {line}")
        hint = self.hint(message, error)
        if hint:
            self.errors.line(f"    {hint}")
        self.errors.flush()

    def hint(self, message: Message, error: DecodeError) -> str:
        """What to try."""
        data, label = message.found.data, message.found.pem_label
        if isinstance(error, LimitExceeded):
            return "a limit, not a flaw: see --max-size and its like"
        if self.cls is cmp.PKIMessage and label in _TYPE_OF_PEM:
            return f"the PEM block is a {safe(label)}: try --type {_TYPE_OF_PEM[label]}"
        end = inputs.end_of_value(data, 0)
        if end is not None and end > len(data):
            return f"cut off after {len(data)} of {end} octets"
        if data[error.offset :] in (b"\n", b"\r\n"):
            return "a line end follows the DER: a text tool has added it"
        return ""

    def show(self, message: Message, record: Record, verdict: tuple[str, str] | None) -> None:
        """Write a decoded message."""
        raise NotImplementedError


def _check(record: Record, secret: bytes) -> tuple[str, str]:
    """Verdict and reason: "valid", "invalid", "missing" or "unsupported"."""
    from ..errors import MissingProtection, ProtectionError, UnsupportedAlgorithm
    from ..protection import PasswordBasedMAC, verify

    assert isinstance(record, cmp.PKIMessage)
    try:
        verify(record, PasswordBasedMAC(secret))
    except MissingProtection as error:
        return "missing", str(error)
    except UnsupportedAlgorithm as error:
        return "unsupported", str(error)
    except ProtectionError as error:
        return "invalid", str(error)
    return "valid", ""


class _Text(_Decode):
    """Summaries and trees for people."""

    empty = True

    def show(self, message: Message, record: Record, verdict: tuple[str, str] | None) -> None:
        out, options = self.out, self.options
        if not self.empty and not options.summary:
            out.line()
        self.empty = False
        mac = "" if verdict is None else _mac(*verdict)
        head = f"{bold(message.label)}: {one_line(record, len(message.found.data))}"
        if options.summary:
            out.line(f"{head}; {mac}" if mac else head)
            return
        out.line(head)
        if mac:
            out.line(mac)
        from .tree import Tree, render

        for line in render(Tree(self.leniency, options.full).root(record), options.offsets):
            out.line(line)


def _mac(verdict: str, reason: str) -> str:
    words = {
        "valid": good("valid"),
        "invalid": bad("WRONG"),
        "missing": bad("MISSING"),
        "unsupported": bad("NOT CHECKED"),
    }
    return f"MAC: {words[verdict]}{dim(', the secret fits') if verdict == 'valid' else f', {safe(reason)}'}"


class _JSON(_Decode):
    """One JSON object for each message, and for each input without one."""

    held = ""
    """What cannot be written yet, for whether a comma follows it is not known."""

    def run(self, sources: list[str]) -> int:
        code = super().run(sources)
        if not self.options.jsonl:
            self.out.line(f"{self.held}\n]")
        return code

    def show(self, message: Message, record: Record, verdict: tuple[str, str] | None) -> None:
        from .as_json import Encoder

        offsets: dict[str, list[int]] | None = {} if self.options.offsets else None
        content = self._about(message) | {"ok": verdict is None or verdict[0] == "valid"}
        content["summary"] = plain(one_line(record, len(message.found.data)))
        if verdict is not None:
            content["protection"] = {"verdict": verdict[0], "reason": verdict[1] or None}
        content["value"] = Encoder(self.leniency, offsets).encode(record)
        if offsets is not None:
            content["offsets"] = offsets
        self._write(message.source, content)

    def malformed(self, message: Message, error: DecodeError) -> None:
        super().malformed(message, error)
        kind = "limit" if isinstance(error, LimitExceeded) else "malformed"
        start, octets = window(message.found.data, error.offset)
        about = {"kind": kind, "path": error.path, "problem": error.problem, "offset": error.offset}
        about |= {"near": {"offset": start, "hex": octets.hex()}}
        self._write(message.source, self._about(message) | {"ok": False, "error": about})

    def unreadable(self, source: str, kind: str, problem: str) -> None:
        super().unreadable(source, kind, problem)
        self._write(source, {"ok": False, "error": {"kind": kind, "problem": problem}})

    def _about(self, message: Message) -> dict[str, Any]:
        found = message.found
        about: dict[str, Any] = {"number": message.number, "of": message.total, "form": found.form}
        if found.pem_label:
            about["pemLabel"] = found.pem_label
        return about | {"type": rfc_type(self.cls), "size": len(found.data)}

    def _write(self, source: str, content: dict[str, Any]) -> None:
        import json

        from .as_json import VERSION

        document = {"cmpcodec": VERSION, "source": source} | content
        if self.options.jsonl:
            self.out.line(json.dumps(document, separators=(",", ":")))
            return
        if self.held:
            self.out.line(f"{self.held},")
        text = json.dumps([document], indent=2)
        self.held = text[2:-2] if self.held else text[:-2]


def decode(arguments: list[str], prog: str) -> int:
    """Run the verb with the arguments behind it; return the exit code."""
    options = _parser(prog).parse_args(arguments)
    if options.json and options.jsonl:
        raise UsageError("--json and --jsonl: choose one")
    cls = _find_type(options.type)
    if options.secret is not None and cls is not cmp.PKIMessage:
        raise UsageError(f"--secret checks a PKIMessage; a {rfc_type(cls)} has no MAC of its own")
    sources = options.files or ["-"]
    if not options.files and sys.stdin is not None and sys.stdin.isatty():
        raise UsageError("no FILE is given and standard input is a terminal; see --help")
    secret = None
    if options.secret is not None:
        try:
            secret = read_secret(options.secret)
        except OSError as error:
            print(f"{prog}: --secret: {error.strerror or error}", file=sys.stderr)
            return EXIT_IO
        if options.secret.startswith("pass:"):
            print("note: other users can see a --secret pass: in the list of processes", file=sys.stderr)
    return (_JSON if options.json or options.jsonl else _Text)(options, cls, secret).run(sources)
