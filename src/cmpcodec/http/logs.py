"""What the server writes down about requests, in a form that both people and programs can read.

`Journal` makes records of the standard `logging` with their facts in the attribute `cmp`; the two formatters here
print them as key=value or as JSON lines. Strangers write part of the text: it is shortened and escaped, so a line
stays a line. No message, secret or key gets here: an `Answer` holds none, and its `der` is not touched.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from ..cmp import PKIFailureInfo, PKIStatus
from ..server.ports import Answer

LOGGER: Final = "cmpcodec.server"
LONGEST: Final = 300
"""Characters of one text in a record; what a stranger writes beyond is cut off."""
MOST_SERIALS: Final = 32


# Whoever does not configure logging gets nothing, rather than bare sentences on standard error.
logging.getLogger("cmpcodec").addHandler(logging.NullHandler())


def shorten(text: str) -> str:
    """At most `LONGEST` characters of a text, and how many are missing."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text) - LONGEST} more)"


def _camel(name: str) -> str:
    first, *rest = name.lower().split("_")
    return first + "".join(word.capitalize() for word in rest)


def status_name(status: int | None) -> str | None:
    """The name of a PKIStatus as the RFC spells it ("grantedWithMods"), None for none."""
    if status is None:
        return None
    try:
        return _camel(PKIStatus(status).name)
    except ValueError:
        return "unknown"


def failure_names(fail_info: PKIFailureInfo | None) -> list[str]:
    """The names of the bits of a PKIFailureInfo as the RFC spells them ("badPOP"); "bit 31" for one without a name."""
    names = fail_info.names if fail_info else ()
    return ["badPOP" if name == "BAD_POP" else _camel(name) for name in names]


class Journal:
    """Logs each request: answered CMP messages (WARNING if they failed, else INFO) and HTTP refusals (INFO).

    The record's message is a sentence; its attribute `cmp` is a dict of the facts, with values that JSON knows.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self.logger = logging.getLogger(LOGGER) if logger is None else logger

    def answered(
        self, answer: Answer, *, profile: str, operation: str | None, octets: int, source: str, seconds: float
    ) -> None:
        """A CMP message was answered. `octets` counts the request."""
        failed = bool(answer.fail_info) or answer.body == "error"
        level = logging.WARNING if failed else logging.INFO
        if not self.logger.isEnabledFor(level):
            return
        facts: dict[str, Any] = {
            "transactionID": None if answer.transaction_id is None else shorten(answer.transaction_id.hex()),
            "profile": profile,
            "requester": None if answer.requester is None else shorten(answer.requester),
            "request": answer.request,
            "answer": answer.body,
            "status": status_name(answer.status),
            "failInfo": failure_names(answer.fail_info) or None,
            "text": shorten(answer.text) or None,
            "detail": shorten(answer.detail) or None,
            "serials": [format(serial, "x") for serial in answer.serials[:MOST_SERIALS]] or None,
            "repeated": answer.repeated or None,
            "operation": operation,
            "octets": octets,
            "source": source or None,
            "milliseconds": round(seconds * 1000, 3),
        }
        self._write(level, f"{answer.request} answered with {answer.body}", facts)

    def refused(self, status: int, *, method: str, target: bytes, source: str) -> None:
        """A request was refused by HTTP's means, without any CMP."""
        if not self.logger.isEnabledFor(logging.INFO):
            return
        facts = {
            "http": status,
            "method": shorten(method) or None,
            "target": shorten(target.decode("latin-1")) or None,
            "source": source or None,
        }
        self._write(logging.INFO, f"request refused with HTTP status {status}", facts)

    def _write(self, level: int, sentence: str, facts: dict[str, Any]) -> None:
        known = {name: value for name, value in facts.items() if value is not None}
        self.logger.log(level, "%s", sentence, extra={"cmp": known})


class JSONFormatter(logging.Formatter):
    """One JSON object a line, in ASCII: whatever is in a text, it is escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        return json.dumps(_everything(self, record), ensure_ascii=True, default=str)


class KeyValueFormatter(logging.Formatter):
    """time level sentence key=value ...; in ASCII, each value that is not a plain word stands as a JSON string."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        facts = _everything(self, record)
        head = " ".join((facts.pop("time"), facts.pop("level"), json.dumps(facts.pop("event"))[1:-1]))
        return " ".join((head, *(f"{name}={_word(value)}" for name, value in facts.items())))


def _word(value: object) -> str:
    if isinstance(value, list):
        value = ",".join(map(str, value))
    text = str(value).lower() if isinstance(value, bool) else str(value)
    plain = text.isascii() and text != "" and all(one.isalnum() or one in "-_.:,/+" for one in text)
    return text if plain else json.dumps(text, ensure_ascii=True).replace("\x7f", "\\u007f")


def _everything(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname,
        "event": record.getMessage(),
        **getattr(record, "cmp", {}),
    }
    if record.exc_info:
        facts["traceback"] = formatter.formatException(record.exc_info)
    return facts


def configure(*, style: str = "keyvalue", level: int | str = logging.INFO, stream: TextIO | None = None) -> None:
    """Send what the package logs to a stream, standard error by default, as "keyvalue" or "json" lines.

    For programs, once at their start: a library leaves logging to its user. Raises ValueError for another style.
    """
    formatters = {"keyvalue": KeyValueFormatter, "json": JSONFormatter}
    if style not in formatters:
        raise ValueError(f"logs are written as {' or '.join(formatters)}, not as {style!r}")
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(formatters[style]())
    logger = logging.getLogger("cmpcodec")
    for old in [one for one in logger.handlers if isinstance(one.formatter, (KeyValueFormatter, JSONFormatter))]:
        logger.removeHandler(old)
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
