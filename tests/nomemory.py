"""Makes every single allocation of an operation fail, one after the other: `python -m tests.nomemory` runs all operations.

The only outcomes that are allowed are MemoryError and the right result; it prints the number of indices that it tried for each operation, how many
of them gave MemoryError, and by how many blocks a second and third sweep made the process grow. Failures are single ones and bursts; with no memory
at all CPython 3.11 loops for ever in its own exception handling.
"""

from __future__ import annotations

import _testcapi
import copy
import gc
import re
import sys
import types
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import cmpcodec
from cmpcodec import BitString, Limits, Name, ObjectIdentifier, PKIFreeText
from cmpcodec.asn1 import compile_type
from tests.agreement import rebuild
from tests.engines import running

ENGINE = running()
TYPES = ENGINE.types
PATIENCE = 60
"""Indices in a row that change nothing: the operation is over before that many allocations."""

IMPLICIT_CONFIRM = ObjectIdentifier("1.3.6.1.5.5.7.4.13")
"""One object: the engine keeps some that it met last, so new ones would look like a leak."""

SCHEMA = """
from __future__ import annotations
from typing import Annotated
from cmpcodec.asn1 import Choice, Default, Explicit, Implicit, Open, OpenTypes, ObjectIdentifier, Sequence, SequenceOf
OPENED = OpenTypes("B.value")
class A(Sequence):
    b: Annotated[B | None, Implicit(0)] = None
    number: Annotated[int, Default(5)] = 5
class B(Sequence):
    a: Annotated[A | None, Implicit(0)] = None
    list: Annotated[L | None, Implicit(1)] = None
    type: ObjectIdentifier | None = None
    value: Annotated[object | None, Explicit(3), Open("type", OPENED)] = None
class C(Choice):
    a: Annotated[A | None, Implicit(0)] = None
class L(SequenceOf[C]):
    pass
OPENED[ObjectIdentifier("1.2.3")] = L
"""


def read(value: Any) -> str:
    if isinstance(value, cmpcodec.Record):
        for child in cmpcodec.children(value):
            read(child.value)
    return repr(value)


def message() -> Any:
    header = cmpcodec.PKIHeader(
        pvno=2,
        sender=cmpcodec.GeneralName(directory_name=Name([])),
        recipient=cmpcodec.GeneralName(rfc822_name="ca@example.com"),
        message_time=datetime(2026, 1, 2, tzinfo=UTC),
        free_text=PKIFreeText(["žluťoučký", "kůň"]),
        transaction_id=bytes(16),
        general_info=[cmpcodec.InfoTypeAndValue(info_type=IMPLICIT_CONFIRM, info_value=cmpcodec.Null())],
    )
    status = cmpcodec.PKIStatusInfo(status=2, fail_info=1 << 26)
    body = cmpcodec.PKIBody(error=cmpcodec.ErrorMsgContent(pki_status_info=status, error_code=1 << 100))
    return cmpcodec.PKIMessage(
        header=header, body=body, protection=BitString(b"\0\1\2"), extra_certs=[cmpcodec.CMPCertificate(b"0\0")] * 3
    )


def restored(reduced: Any) -> Any:
    """What pickle does; itself it turns a MemoryError into errors of its own."""
    function, arguments = reduced
    return function(*arguments)


def fresh(name: str, data: str) -> Callable[[Any], str]:
    """Use types for the first time. The schema is compiled beforehand: CPython's own compiler corrupts memory when it finds none."""

    def prepare() -> Any:
        module = types.ModuleType("fresh")
        sys.modules["fresh"] = module
        exec(SCHEMA, module.__dict__)  # noqa: S102 - classes that nobody has used yet
        for cls in (module.A, module.B, module.C, module.L):
            compile_type(cls)
        module.OPENED.part("1.2.3")
        return module

    def operation(module: Any) -> str:
        return read(getattr(module, name).decode(bytes.fromhex(data)))

    def check(module: Any) -> None:
        """Whatever was left half done, all types work the next time."""
        for each, der in {"L": "3002a000", "C": "a000", "B": "3000", "A": "300ba009a107a003020107a000"}.items():
            assert getattr(module, each).decode(bytes.fromhex(der)).der.hex() == der

    operation.prepare = prepare  # type: ignore[attr-defined]  # a function may carry what belongs to it
    operation.check = check  # type: ignore[attr-defined]
    return operation


def refuse(call: Callable[[], Any], error: type[Exception]) -> str:
    try:
        call()
    except error as found:
        return f"{type(found).__name__} {found}"
    raise AssertionError("not refused")


def operations() -> dict[str, Callable[..., Any]]:
    data = message().der
    wide = TYPES["probes.Values"]([cmpcodec.TLV(b"\5\0")] * 400).der
    bad = data[:-2] + b"\5\0"
    small, numbers, leaves = TYPES["probes.Small"], TYPES["probes.Numbers"], TYPES["probes.Leaves"]
    decoded = cmpcodec.decode(data)
    return {
        "decode": lambda: cmpcodec.decode(data).der,
        "decode with limits": lambda: cmpcodec.decode(data, limits=Limits(max_nodes=5000), allow=("time-offset",)).der,
        "decode a bytearray": lambda: cmpcodec.decode(bytearray(data)).der,
        "decode many nodes": lambda: TYPES["probes.Values"].decode(wide).der,
        "decode and read": lambda: read(cmpcodec.decode(data)),
        "read again": lambda: read(decoded),
        "refuse": lambda: refuse(lambda: cmpcodec.decode(bad), cmpcodec.DecodeError),
        "exceed a limit": lambda: refuse(
            lambda: cmpcodec.decode(data, limits=Limits(max_nodes=9)), cmpcodec.LimitExceeded
        ),
        "build": lambda: message().der,
        "build and read": lambda: read(message()),
        "build from lists": lambda: TYPES["probes.Repeated"](small=[1, 2], numbers=[3, 1 << 80, 2], plain=(1,)).der,
        "build from plain values": lambda: (
            cmpcodec.PKIBody.from_plain(
                {"error": {"pki_status_info": {"status": 2, "status_string": ["no", "né"]}}}
            ).der
        ),
        "build much": lambda: cmpcodec.TLV(b"\4\x82\x20\0" + bytes(0x2000)).der,
        "refuse a value": lambda: refuse(lambda: small([1, "x"]), cmpcodec.EncodeError),
        "refuse arguments": lambda: refuse(lambda: leaves(unknown=1), TypeError),
        "rebuild": lambda: rebuild(ENGINE, cmpcodec.decode(data)).der,
        "replace": lambda: decoded.replace(protection=None).der,
        "take apart for a pickle": lambda: restored(decoded.__reduce__()).der,
        "copy": lambda: copy.deepcopy(decoded).der,
        "new identifiers": lambda: read(TYPES["probes.Oids"].decode(b"0\x18\6\x16\x2a" + b"\x81" * 19 + b"\1\1")),
        "a lazy SET OF": lambda: list(numbers([5, 4, 3])),
        "first use": fresh("A", "300ba009a107a003020107a000"),
        "first use from the middle": fresh("C", "a00ba009a107a003020107a000"),
        "first use of an open type": fresh("B", "300c06022a03a3063004a002a000"),
    }


def attempt(operation: Callable[..., Any], index: int, burst: int) -> Any:
    """The result, or MemoryError, when `burst` allocations from that number on fail."""
    arguments = () if not hasattr(operation, "prepare") else (operation.prepare(),)
    result: Any = MemoryError
    _testcapi.set_nomemory(index, index + burst)
    try:
        result = operation(*arguments)
    except MemoryError:
        pass
    except SystemError as error:
        if not (FORGETFUL and FORGOTTEN.search(str(error))):
            raise
    finally:
        _testcapi.remove_mem_hooks()
    if hasattr(operation, "check"):
        operation.check(*arguments)
    return result


FORGOTTEN = re.compile(
    "^$|error return without exception set|returned NULL without setting"
    "|built-in method __new__ of type object at .* returned a result with an exception set"
)
"""What an interpreter says that has lost a MemoryError on its way; it may have lost the words, too."""


def forgets() -> bool:
    """Whether the interpreter itself, running plain Python, loses a MemoryError on its way; CPython 3.11 to 3.13 do."""

    def thrower(number: int) -> int:
        raise ValueError(number)

    def caller(number: int) -> int:
        return thrower(number)

    for index in range(60):
        _testcapi.set_nomemory(index, index + 1)
        try:
            caller(index)
        except (ValueError, MemoryError):
            pass
        except SystemError:
            return True
        finally:
            _testcapi.remove_mem_hooks()
    return False


FORGETFUL = forgets()


def maker() -> Callable[[], None]:
    return lambda: None


def loses_code() -> bool:
    """Whether the interpreter drops a reference too many when it cannot make a function; CPython 3.12 and 3.13 do."""
    code = inner_code(maker.__code__)[0]
    PINNED.extend([code] * 10)
    before = sys.getrefcount(code)
    _testcapi.set_nomemory(0, 1)
    try:
        maker()
    except MemoryError:
        pass
    finally:
        _testcapi.remove_mem_hooks()
    return sys.getrefcount(code) < before


def inner_code(code: types.CodeType) -> list[types.CodeType]:
    """The code of functions, generator expressions and comprehensions inside another."""
    own = [one for one in code.co_consts if isinstance(one, types.CodeType)]
    return own + [inner for one in own for inner in inner_code(one)]


PINNED: list[types.CodeType] = []
"""References for the interpreter to lose, for each code that makes a function while it runs."""
if loses_code():
    codes = {one.__code__ for one in gc.get_objects() if isinstance(one, types.FunctionType)}
    PINNED.extend([inner for code in codes for inner in inner_code(code)] * 1000)


def again(operation: Callable[..., Any]) -> Any:
    return operation(*(() if not hasattr(operation, "prepare") else (operation.prepare(),)))


def sweep(operation: Callable[..., Any], right: Any, burst: int) -> tuple[int, int]:
    """Indices tried, and how many of them gave MemoryError."""
    index = failures = quiet = 0
    while quiet < PATIENCE:
        result = attempt(operation, index, burst)
        if result is MemoryError:
            failures += 1
            quiet = 0
        else:
            assert result == right, f"index {index}: {result!r} instead of {right!r}"
            quiet += 1
        index += 1
    assert again(operation) == right, "the failures left something broken"
    return index, failures


def with_room(call: Callable[[], None]) -> None:
    """Call with much room left on the interpreter's own stack: CPython reports no error when it cannot make that larger."""
    source = (
        f"def roomy(call):\n    if call is None:\n        {' = '.join(f'_{n}' for n in range(9000))} = 0\n    call()"
    )
    namespace: dict[str, Any] = {}
    exec(source, namespace)  # noqa: S102 - a function of 9000 variables, which nobody wants to read
    namespace["roomy"](call)


def main() -> None:
    for name, operation in operations().items():
        print(name, end="", flush=True)
        right = again(operation)
        for burst in (1, 4):
            tried, failures = sweep(operation, right, burst)
            gc.collect()
            before = sys.getallocatedblocks()
            if not hasattr(operation, "prepare"):  # new types stay for ever
                for _ in range(2):
                    sweep(operation, right, burst)
            gc.collect()
            print(f", {tried} {failures} {sys.getallocatedblocks() - before}", end="", flush=True)
        print(flush=True)


if __name__ == "__main__":
    with_room(main)
