"""Base classes of all records. What a record class declares stands in its annotations; see DESIGN in docs.

A class remembers the names of its components and its options; the rest waits for the compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, dataclass_transform, overload

from .._engine import Field, Items, View, adopt, children
from .._engine.ops import Op

T_co = TypeVar("T_co", covariant=True)


class RecordType(type):
    """Metaclass: turns annotations into Fields and keeps the class options for the compiler."""

    _op: Op | None
    _options: dict[str, Any]
    _component_names: tuple[str, ...]
    _component_defaults: dict[str, Any]

    def __new__(
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        size: tuple[int, int | None] | None = None,
        limit: int | None = None,
        nesting: int | None = None,
        tag: int | None = None,
    ) -> RecordType:
        """Options: `size` and `limit` of a SEQUENCE OF, `nesting` of a type that contains itself, `tag` of a TLV."""
        if "__annotate__" in namespace or "__annotate_func__" in namespace:
            raise TypeError(f"{name}: schema files begin with `from __future__ import annotations`")
        for base in bases:
            if not isinstance(base, RecordType) and base not in (View, Items, Generic):
                raise TypeError(f"{name}: a record class derives from record classes only, not from {base.__name__}")
        for forbidden in ("__init__", "__new__", "__slots__"):
            if forbidden in namespace:
                raise TypeError(
                    f"{name}: a record class has no {forbidden} of its own; its annotations say what it takes"
                )
        annotations: dict[str, str] = namespace.get("__annotations__", {})
        names = tuple(n for n, text in annotations.items() if not text.startswith("ClassVar"))
        defaults = {n: namespace.pop(n) for n in names if n in namespace}
        if names and any(getattr(base, "_component_names", ()) for base in bases):
            raise TypeError(f"{name}: components cannot be added to those of {bases[0].__name__}")
        namespace["__slots__"] = ()
        namespace["__match_args__"] = ()  # components are matched by name only
        cls = super().__new__(mcls, name, bases, namespace)
        cls._op = None
        given = {"size": size, "limit": limit, "nesting": nesting, "tag": tag}
        cls._options = dict(getattr(cls, "_options", {})) | {k: v for k, v in given.items() if v is not None}
        if names or not hasattr(cls, "_component_names"):
            cls._component_names = names
            cls._component_defaults = defaults
        choice = getattr(cls, "_is_choice", False)
        for number, component in enumerate(names):
            setattr(cls, component, Field(component, number, choice))
        adopt(cls)  # type: ignore[arg-type]  # every class of this metaclass is a View
        return cls

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> None:
        super().__init__(name, bases, namespace)

    _compile: Callable[[Any], Op]
    """The compiler puts itself here when it is imported."""


def _shown(value: Any) -> str:
    """repr, but of integers that Python refuses to print in decimal in hexadecimal."""
    return hex(value) if type(value) is int and value.bit_length() > 1024 else repr(value)


class Record(View, metaclass=RecordType):
    """A frozen view of one DER value. Equal to another of its class with the same bytes; hashable, picklable."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Sequence(Record):
    """A SEQUENCE: its components are attributes, absent ones None (or their DEFAULT)."""

    def replace(self, **components: Any) -> Self:
        """A new record with these components exchanged; None takes one away. Raises EncodeError or TypeError."""
        return self._replaced(components)

    def __repr__(self) -> str:
        shown = (f"{child.name}={_shown(child.value)}" for child in children(self))
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Choice(Record):
    """A CHOICE: one attribute per alternative, None for all but one. `name` and `value` tell which."""

    _is_choice: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """Attribute name of the alternative that is present."""
        return self._choice()[0]

    @property
    def value(self) -> Any:
        """Value of the alternative that is present."""
        return self._choice()[1]

    def __repr__(self) -> str:
        name, value = self._choice()
        return f"{type(self).__name__}({name}={_shown(value)})"


class _Sequenced(Items, Record, Generic[T_co]):
    """What SEQUENCE OF and SET OF share: an immutable sequence of elements."""

    if TYPE_CHECKING:

        def __init__(self, items: Iterable[T_co] = ()) -> None: ...
        def __iter__(self) -> Iterator[T_co]: ...
        @overload
        def __getitem__(self, index: int) -> T_co: ...
        @overload
        def __getitem__(self, index: slice) -> tuple[T_co, ...]: ...
        def __getitem__(self, index: int | slice) -> T_co | tuple[T_co, ...]: ...

    def __repr__(self) -> str:
        return f"{type(self).__name__}([{', '.join(map(_shown, self))}])"


class SequenceOf(_Sequenced[T_co]):
    """A SEQUENCE OF, made from any iterable of its elements."""


class SetOf(_Sequenced[T_co]):
    """A SET OF; its elements are put into DER's order when it is made (X.690, 11.6)."""


class TLV(Record):
    """Any one value, as its DER: what an open type holds when its type is unknown, or what is left unopened.

    A subclass with ``tag=`` is restricted to that first identifier octet.
    """

    if TYPE_CHECKING:

        def __init__(self, der: bytes) -> None: ...

    @property
    def tag(self) -> int:
        """The first identifier octet."""
        return self._raw()[0]

    @property
    def content(self) -> bytes:
        """The content octets."""
        return self._raw()[1]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.der!r})"


class Null(Record):
    """A NULL: present, and nothing more."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
