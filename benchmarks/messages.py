"""The real messages that are measured, and the keys that they carry. Knows only where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent
_VECTORS = _HERE.parent / "tests" / "vectors"

_RSA = bytes.fromhex("06092a864886f70d010101")
_EC = bytes.fromhex("06072a8648ce3d0201")


@dataclass(frozen=True)
class Message:
    """One real message; `key` says which kind of public key it carries: "rsa", "ec" or "none"."""

    label: str
    data: bytes

    @property
    def key(self) -> str:
        """Kind of the costliest public key inside, certificates included."""
        if _RSA in self.data:
            return "rsa"
        return "ec" if _EC in self.data else "none"

    @property
    def title(self) -> str:
        """Label, size and key for a table."""
        return f"{self.label} ({len(self.data)} B, key: {self.key})"


SECRET = b"mySecret"

MAIN = Message("ir 1 kB", (_HERE / "messages" / "ir-rsa2048-pbm.der").read_bytes())

_OTHERS = {
    "ip": "ir-pbm.2-ip",
    "certConf": "ir-pbm.3-certConf",
    "pkiconf": "ir-pbm.4-pkiconf",
    "rr": "rr-pbm.1-rr",
    "kur (EC)": "kur-pbm.1-kur",
    "rp": "rr-pbm.2-rp",
    "genm": "genm-pbm-implicitConfirm.1-genm",
    "genp": "genm-pbm-implicitConfirm.2-genp",
    "error": "ir-pbm-wrong-secret.2-error",
    "pollReq": "ir-pbm-poll.3-pollReq",
    "pollRep": "ir-pbm-poll.4-pollRep",
    "p10cr (EC)": "p10cr-pbm.1-p10cr",
    "cr signed (EC)": "cr-ecdsa-p384.1-cr",
    "kup signed (RSA)": "kur-rsa.2-kup",
}

MESSAGES = [
    MAIN,
    *(Message(label, (_VECTORS / f"{name}.der").read_bytes()) for label, name in _OTHERS.items()),
]

QUICK = MESSAGES[:6]
