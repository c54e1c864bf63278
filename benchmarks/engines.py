"""Loads the package once per engine into one process, so that both engines run in the same race.

The compiled engine's package is the one that `import cmpcodec` gives; the other is a second copy, hidden from
sys.modules. Knows how the engine is chosen and nothing of messages.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType

ENGINES = ("cython", "python")


@functools.cache
def load_engine(name: str) -> ModuleType:
    """Give the package with that engine; ImportError if it is not there."""
    present = sys.modules.get("cmpcodec")
    if present is not None and present.engine == name:
        _compile_all(importlib.import_module("cmpcodec.asn1"))
        return present
    hidden = {key: sys.modules.pop(key) for key in _ours()}
    before = os.environ.get("CMPCODEC_ENGINE")
    os.environ["CMPCODEC_ENGINE"] = name
    try:
        package = importlib.import_module("cmpcodec")
        _compile_all(importlib.import_module("cmpcodec.asn1"))
    finally:
        if before is None:
            del os.environ["CMPCODEC_ENGINE"]
        else:
            os.environ["CMPCODEC_ENGINE"] = before
        if name != ENGINES[0] or hidden:
            for key in _ours():
                del sys.modules[key]
            sys.modules.update(hidden)
    if package.engine != name:
        raise ImportError(f"asked for the {name} engine, got {package.engine}")
    return package


def _ours() -> list[str]:
    return [key for key in sys.modules if key == "cmpcodec" or key.startswith("cmpcodec.")]


def _compile_all(asn1: ModuleType) -> None:
    """Resolve every annotation now, while sys.modules shows this copy."""
    bases = {asn1.Sequence, asn1.SequenceOf, asn1.SetOf, asn1.Choice, asn1.TLV, asn1.Null}
    for cls in _below(asn1.Record):
        if cls not in bases and not cls.__name__.startswith("_"):
            asn1.compile_type(cls)


def _below(cls: type) -> Iterator[type]:
    for child in cls.__subclasses__():
        yield child
        yield from _below(child)
