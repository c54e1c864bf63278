"""manifest.json: what every vector is and who made it. Written by make.py and make_built.py."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from tests import independent  # noqa: E402  # the scripts here run on their own

MANIFEST = HERE / "manifest.json"


def load() -> list[dict[str, Any]]:
    """The entries, in the order of their file names; empty before the first run."""
    if not MANIFEST.exists():
        return []
    entries: list[dict[str, Any]] = json.loads(MANIFEST.read_text(encoding="utf-8"))["vectors"]
    return entries


def entry(file: str, der: bytes, *, made_by: str, secret: str | None = None, **more: Any) -> dict[str, Any]:
    """The entry of a message: what pyasn1 reads in it, and (with its secret) that its MAC is right."""
    message = independent.decode(der)
    if independent.encode(message) != der:
        raise SystemExit(f"{file}: pyasn1 encodes it differently")
    kind = independent.protection_kind(message)
    result: dict[str, Any] = {
        "file": file,
        "sha256": hashlib.sha256(der).hexdigest(),
        "body": independent.body_name(message),
        "protection": kind,
    }
    if kind == "pbm":
        parameters = independent.pbm_parameters(message)
        if secret is None or not independent.pbm_is_right(der, secret.encode()):
            raise SystemExit(f"{file}: its secret does not verify it")
        result |= {
            "secret": secret,
            "owf": parameters.owf,
            "mac": parameters.mac,
            "iterations": parameters.iterations,
        }
    return result | {"made_by": made_by} | more


def store(made_by: str, entries: list[dict[str, Any]]) -> None:
    """Put these entries in the place of all earlier ones of their maker; remove vectors that nobody lists."""
    kept = [old for old in load() if old["made_by"] != made_by]
    everything = sorted(kept + entries, key=lambda one: str(one["file"]))
    text = json.dumps({"vectors": everything}, indent=1, ensure_ascii=False)
    MANIFEST.write_text(text + "\n", encoding="utf-8")
    listed = {str(one["file"]) for one in everything}
    for file in HERE.glob("*.der"):
        if file.name not in listed:
            file.unlink()
