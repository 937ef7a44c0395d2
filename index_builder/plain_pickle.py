"""Reads the pickles of a PyTorch file as plain values and descriptions of tensors; nothing of the file is ever run.

``pickle`` itself imports and calls whatever a file names. The machine here knows the handful of opcodes that such a
file needs and four names, which it never looks up; anything else is refused.
"""

import io
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MAX_COUNT = 2**28
"""No size, stride or count of numbers may be larger."""
_MAX_OPCODES = 200_000
_MAX_RANK = 8
_TYPES: Mapping[str, np.dtype[Any]] = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}
_DICT = "collections OrderedDict"
_TENSOR = "torch._utils _rebuild_tensor_v2"
_NAMES = {*_TYPES, _DICT, _TENSOR}


class Refused(Exception):
    """The file says something that its layout does not have; the text says what."""


@dataclass(frozen=True)
class Storage:
    """A block of numbers that several tensors may share."""

    dtype: np.dtype[Any]
    key: str
    count: int


@dataclass(frozen=True)
class Tensor:
    """Where a tensor's numbers lie in its storage; offset and strides count numbers, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class _Name:
    """A name of Python's that the file mentions."""

    text: str


@dataclass
class _Machine:
    """The stack, the marks and the memo of one pickle."""

    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def since_mark(self) -> list[Any]:
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def take(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise IndexError(count)
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return values


def load(file: io.BytesIO) -> Any:
    """The value of the pickle that begins here; the file is left behind its end. Raises Refused."""
    machine = _Machine()
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if number >= _MAX_OPCODES:
                raise Refused(f"a part of it has more than {_MAX_OPCODES} opcodes")
            if opcode.name not in _OPCODES:
                raise Refused(f"it holds the opcode {opcode.name}")
            _OPCODES[opcode.name](machine, argument)
        (value,) = machine.stack
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise Refused(f"a part of it is damaged ({str(error)[:80]})") from error
    return value


def _push(machine: _Machine, value: Any) -> None:
    machine.stack.append(value)


def _name(machine: _Machine, text: str) -> None:
    if text not in _NAMES:
        raise Refused(f"it asks for {text[:60]!r}")
    machine.stack.append(_Name(text))


def _put(machine: _Machine, place: int) -> None:
    machine.memo[place] = machine.stack[-1]


def _set_items(machine: _Machine, items: list[Any]) -> None:
    target = machine.stack[-1]
    names = items[::2]
    if not isinstance(target, dict) or len(items) % 2 or not all(isinstance(name, str) for name in names):
        raise Refused("it fills something that is not a dict of names")
    target.update(zip(names, items[1::2], strict=True))


def _append(machine: _Machine, items: list[Any]) -> None:
    if not isinstance(machine.stack[-1], list):
        raise Refused("it appends to something that is not a list")
    machine.stack[-1].extend(items)


def _build(machine: _Machine, _: Any) -> None:
    target, _state = machine.take(2)
    if not isinstance(target, dict):
        raise Refused("it gives a state to something that is not a dict")
    machine.stack.append(target)  # the state is PyTorch's note of module versions


def _storage(machine: _Machine, _: Any) -> None:
    (kind, dtype, key, _device, count, view), *rest = machine.take(1)
    known = _TYPES.get(dtype.text) if isinstance(dtype, _Name) else None
    plain = kind == "storage" and view is None and not rest
    if known is None or not plain or not isinstance(key, str) or not _is_size(count):
        raise Refused("it describes a storage of another kind")
    machine.stack.append(Storage(known, key, count))


def _call(machine: _Machine, _: Any) -> None:
    """What a call would have made: an empty dict, or the description of a tensor."""
    function, arguments = machine.take(2)
    if function == _Name(_DICT) and arguments == ():
        machine.stack.append({})
    elif function == _Name(_TENSOR) and isinstance(arguments, tuple):
        machine.stack.append(_tensor(*arguments[:4]))
    else:
        raise Refused("it calls something")


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> Tensor:
    good = isinstance(storage, Storage) and isinstance(shape, tuple) and isinstance(strides, tuple)
    if not good or len(shape) != len(strides) or len(shape) > _MAX_RANK:
        raise Refused("it describes a tensor of another kind")
    if not all(_is_size(size) for size in (offset, *strides)) or not all(_is_size(size) and size for size in shape):
        raise Refused("it describes a tensor of an impossible size")
    return Tensor(storage, offset, shape, strides)


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_COUNT


_OPCODES: Mapping[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda machine, argument: None,
    "STOP": lambda machine, argument: None,
    "MARK": lambda machine, argument: machine.marks.append(len(machine.stack)),
    "NONE": lambda machine, argument: _push(machine, None),
    "NEWTRUE": lambda machine, argument: _push(machine, True),
    "NEWFALSE": lambda machine, argument: _push(machine, False),
    "BININT": _push,
    "BININT1": _push,
    "BININT2": _push,
    "LONG1": _push,
    "BINUNICODE": _push,
    "EMPTY_DICT": lambda machine, argument: _push(machine, {}),
    "EMPTY_LIST": lambda machine, argument: _push(machine, []),
    "EMPTY_TUPLE": lambda machine, argument: _push(machine, ()),
    "TUPLE": lambda machine, argument: _push(machine, tuple(machine.since_mark())),
    "TUPLE1": lambda machine, argument: _push(machine, tuple(machine.take(1))),
    "TUPLE2": lambda machine, argument: _push(machine, tuple(machine.take(2))),
    "TUPLE3": lambda machine, argument: _push(machine, tuple(machine.take(3))),
    "SETITEM": lambda machine, argument: _set_items(machine, machine.take(2)),
    "SETITEMS": lambda machine, argument: _set_items(machine, machine.since_mark()),
    "APPEND": lambda machine, argument: _append(machine, machine.take(1)),
    "APPENDS": lambda machine, argument: _append(machine, machine.since_mark()),
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "BINGET": lambda machine, argument: _push(machine, machine.memo[argument]),
    "LONG_BINGET": lambda machine, argument: _push(machine, machine.memo[argument]),
    "GLOBAL": _name,
    "BINPERSID": _storage,
    "REDUCE": _call,
    "BUILD": _build,
}
