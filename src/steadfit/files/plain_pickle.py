"""Pickles read without unpickling: containers, strings and numbers, and names from a given list."""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from typing import IO, Any, NamedTuple

from steadfit.core.errors import FileFormatError

MOST_OPERATIONS = 5_000_000  # a vocabulary of a million words takes half of it


class Name(NamedTuple):
    """A class or function as a pickle names it. It is compared and never looked up."""

    text: str


Maker = Callable[..., Any]


def read_plain_pickle(
    file: IO[bytes],
    place: str,
    makers: Mapping[str, Maker | None] | None = None,
    refer: Maker | None = None,
    most_operations: int = MOST_OPERATIONS,
) -> Any:
    """Return the plain value of a pickle; `file` then stands behind it.

    Python's own reader imports what a pickle names and calls it. This one walks the operations,
    imports nothing and knows those alone that plain values and state dicts need.

    Args:
        file: what is read from; its reads must end where the data end.
        place: names the file in messages.
        makers: by the names that may occur, our own function for a call of that name, or None for
            a name that stands for itself.
        refer: makes something of a persistent identifier, which is refused without it.
        most_operations: a limit to time and memory.

    Raises:
        FileFormatError: any other name or operation, damage, or more operations.
    """
    reader = _Reader(place, makers or {}, refer)
    try:
        for count, (operation, argument, _) in enumerate(pickletools.genops(file)):
            if operation.name == "STOP":
                return reader.result()
            if count == most_operations:
                raise reader.refused(f"it has more than {most_operations:,} operations")
            reader.take(operation.name, argument)
    except (ValueError, TypeError, IndexError, KeyError, OverflowError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{place} is no whole pickle ({error}).") from error
    raise reader.refused("it has no end")


_MARK = object()
_IGNORED = {"PROTO", "FRAME"}
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_ARGUMENTS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
}
_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUT = {"PUT", "BINPUT", "LONG_BINPUT"}
_GET = {"GET", "BINGET", "LONG_BINGET"}


class _Reader:
    """The stack and the memo of one pickle."""

    def __init__(self, place: str, makers: Mapping[str, Maker | None], refer: Maker | None) -> None:
        self._place = place
        self._makers = makers
        self._refer = refer
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def refused(self, why: str) -> FileFormatError:
        return FileFormatError(
            f"{self._place} was refused and nothing in it was run: {why}. What is read holds "
            "tensors, strings, numbers and containers of these."
        )

    def result(self) -> Any:
        if len(self._stack) != 1 or self._stack[0] is _MARK:
            raise self.refused("it does not end with one value")
        return self._stack[0]

    def take(self, operation: str, argument: Any) -> None:
        stack = self._stack
        if operation in _IGNORED:
            return
        if operation in _ARGUMENTS:
            stack.append(argument)
        elif operation in _CONSTANTS:
            stack.append(_CONSTANTS[operation])
        elif operation in _EMPTY:
            stack.append(_EMPTY[operation]())
        elif operation == "MARK":
            stack.append(_MARK)
        elif operation in _PUT:
            self._memo[argument] = self._top()
        elif operation == "MEMOIZE":
            self._memo[len(self._memo)] = self._top()
        elif operation in _GET:
            stack.append(self._memo[argument])
        elif operation in _TUPLES:
            items = [self._pop() for _ in range(_TUPLES[operation])]
            stack.append(tuple(reversed(items)))
        elif operation in ("TUPLE", "LIST", "DICT"):
            self._container(operation)
        elif operation in ("APPEND", "APPENDS"):
            items = [self._pop()] if operation == "APPEND" else self._since_mark()
            self._top(list).extend(items)
        elif operation in ("SETITEM", "SETITEMS"):
            items = self._since_mark() if operation == "SETITEMS" else [self._pop(), self._pop()]
            if operation == "SETITEM":
                items.reverse()
            self._set(self._top(dict), items)
        else:
            self._call(operation, argument)

    def _container(self, operation: str) -> None:
        items = self._since_mark()
        if operation == "DICT":
            made: dict[Any, Any] = {}
            self._set(made, items)
            self._stack.append(made)
        else:
            self._stack.append(tuple(items) if operation == "TUPLE" else items)

    def _call(self, operation: str, argument: Any) -> None:
        stack = self._stack
        if operation == "GLOBAL":
            stack.append(self._name(argument.replace(" ", ".", 1)))
        elif operation == "STACK_GLOBAL":
            name, module = self._pop(), self._pop()
            if not (type(name) is type(module) is str):
                raise self.refused("it names something by other than strings")
            stack.append(self._name(f"{module}.{name}"))
        elif operation in ("REDUCE", "NEWOBJ"):
            arguments, function = self._pop(), self._pop()
            maker = self._makers.get(function.text) if type(function) is Name else None
            if maker is None or type(arguments) is not tuple:
                raise self.refused("it calls what is not to be called")
            stack.append(maker(*arguments))
        elif operation == "BUILD":
            # torch gives the dictionary of a state its history of versions as an attribute.
            self._pop()
            self._top(dict)
        elif operation == "BINPERSID" and self._refer is not None:
            stack.append(self._refer(self._pop()))
        else:
            raise self.refused(f"it has the operation {operation}")

    def _name(self, text: str) -> Name:
        if text not in self._makers:
            raise self.refused(f"it names {text[:100]!r}")
        return Name(text)

    def _set(self, target: dict[Any, Any], items: list[Any]) -> None:
        if len(items) % 2:
            raise self.refused("a dictionary has a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # No tuples: hashing nested ones can take time without end.
            if type(key) not in (str, int):
                raise self.refused("a dictionary has keys that are neither string nor number")
            if key in target:
                raise self.refused(f"a dictionary names {str(key)[:100]!r} twice")
            target[key] = value

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise self.refused("a value is missing")
        return value

    def _top(self, kind: type | None = None) -> Any:
        value = self._stack[-1]
        if value is _MARK or (kind is not None and type(value) is not kind):
            raise self.refused("a container is missing")
        return value

    def _since_mark(self) -> list[Any]:
        items = []
        while (value := self._stack.pop()) is not _MARK:
            items.append(value)
        items.reverse()
        return items
