"""Both engines in one process: the package as `import cmpcodec` gives it, and a second copy with the other engine.

The second copy is imported while sys.modules hides the first, compiled to the last type, and hidden again. A compiled
module can be loaded once per process only, so everybody who wants both engines (tests, fuzz targets, benchmarks) asks
here. Knows how the engine is chosen, nothing of messages.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import cmpcodec

ENGINES = ("cython", "python")
_PROBES = Path(__file__).resolve().with_name("probes.py")


@dataclass(frozen=True)
class Engine:
    """One engine with a package of its own, and its copy of probes.py.

    `types` holds every record class by room and name: ``cmp.PKIHeader``.
    """

    name: str
    package: Any
    probes: Any
    types: dict[str, Any]

    def room(self, name: str) -> Any:
        """A module of this copy: ``asn1``, ``_engine.ops``."""
        found = self.package
        for step in name.split("."):
            found = getattr(found, step)
        return found

    def key(self, cls: type) -> str:
        """The key of a class in `types`, the same in every engine."""
        return f"{cls.__module__.rpartition('.')[2]}.{cls.__qualname__}"


@functools.cache
def engine(name: str) -> Engine:
    """The engine of that name; ImportError if it is not there."""
    if cmpcodec.engine == name:
        return _collect(cmpcodec)
    hidden = {key: sys.modules.pop(key) for key in _ours()}
    before = os.environ.get("CMPCODEC_ENGINE")
    os.environ["CMPCODEC_ENGINE"] = name
    try:
        return _collect(importlib.import_module("cmpcodec"))
    finally:
        if before is None:
            del os.environ["CMPCODEC_ENGINE"]
        else:
            os.environ["CMPCODEC_ENGINE"] = before
        for key in _ours():
            del sys.modules[key]
        sys.modules.update(hidden)


def running() -> Engine:
    """The engine that this process runs."""
    return engine(cmpcodec.engine)


def load_engine(name: str) -> ModuleType:
    """The package with that engine."""
    package: ModuleType = engine(name).package
    return package


def _ours() -> list[str]:
    return [key for key in sys.modules if key == "cmpcodec" or key.startswith("cmpcodec.")]


def _collect(package: Any) -> Engine:
    """Load the probe types beside the package and compile everything, while sys.modules shows this copy."""
    spec = importlib.util.spec_from_file_location(f"cmpcodec_{package.engine}.probes", _PROBES)
    assert spec is not None
    assert spec.loader is not None
    probes = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(probes)
    importlib.import_module("cmpcodec._engine.ops")
    for name in ("authority.schema", "cli.certificates", "client.certificates"):  # have record types of their own
        importlib.import_module(f"cmpcodec.{name}")
    asn1 = importlib.import_module("cmpcodec.asn1")
    one = Engine(package.engine, package, probes, {})
    bases = {asn1.Sequence, asn1.SequenceOf, asn1.SetOf, asn1.Choice}
    ours = f"{package.__name__}.", spec.name
    for cls in _below(asn1.Record):
        if cls not in bases and cls.__module__.startswith(ours) and cls.__name__ != "_Sequenced":
            asn1.compile_type(cls)
            assert one.types.setdefault(one.key(cls), cls) is cls, f"two types are called {one.key(cls)}"
    for cls in one.types.values():
        for part in cls._op.parts:
            for oid, _ in () if part.opens is None else part.opens.items():
                part.opens.part(oid)
    return one


def _below(cls: type) -> Iterator[type]:
    for child in cls.__subclasses__():
        yield child
        yield from _below(child)
