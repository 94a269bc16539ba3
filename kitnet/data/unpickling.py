"""An interpreter of pickles that can make nothing but what its caller knows how to make.

Python's own `pickle` runs what a file says. This one knows the opcodes by which protocols 2 to 4 write plain
values, calls nothing that a file names but the functions of a `Dialect`, and stops at the first opcode beyond
them. The format is described in Python's `pickletools`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kitnet.base.error import DataError, cut

STEPS = 1 << 24  # opcodes of a file; CIFAR's have some hundred thousand
DAMAGED = (IndexError, KeyError, TypeError, ValueError, struct.error, OverflowError)


class Name:
    """A function or class that a file names."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module.replace("numpy._core", "numpy.core"), name

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Made:
    """What a function of a dialect makes: the file names it before it tells its state."""

    def set_state(self, state: Any) -> None:
        raise TypeError


@dataclass(frozen=True)
class Dialect:
    """What pickles of one kind may have: the functions that stand for what they name, what is made of them,
    for messages, and what an object that lies outside of the pickle is."""

    calls: Mapping[str, Callable[..., Any]]
    made: str
    outside: Callable[[Any], Any] | None = None


def interpret(content: bytes, dialect: Dialect, start: int = 0) -> tuple[Any, int]:
    """The value of the pickle that begins at `start`, and where it ends. Raises DataError."""
    machine = _Machine(content, dialect, start)
    try:
        return machine.run(), machine.at
    except DAMAGED:
        raise DataError("the pickle is damaged; take a fresh copy") from None


class _Machine:
    def __init__(self, content: bytes, dialect: Dialect, start: int) -> None:
        self.content, self.dialect, self.at = content, dialect, start
        self.stack: list[Any] = []
        self.marks: list[int] = []  # where in the stack
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        for _ in range(STEPS):
            code = self.take(1)
            if code == b".":
                return self.pop()
            if code not in OPCODES:
                raise DataError(
                    f"the pickle has the opcode {code!r}, and only numbers, texts and arrays are read"
                )
            OPCODES[code](self)
        raise DataError(f"the pickle has more than {STEPS} opcodes")

    def take(self, size: int) -> bytes:
        found = self.content[self.at : self.at + size]
        if len(found) < size or size < 0:
            raise DataError("the pickle is truncated; take a fresh copy")
        self.at += size
        return found

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        end = self.content.index(b"\n", self.at)
        text = self.take(end - self.at).decode("ascii")
        self.at += 1
        return text

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if not self.stack or (self.marks and self.marks[-1] >= len(self.stack)):
            raise IndexError
        return self.stack.pop()

    def popped(self) -> list[Any]:
        """What was pushed since the last mark."""
        mark = self.marks.pop()
        found = self.stack[mark:]
        del self.stack[mark:]
        return found

    def top(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise TypeError
        return self.stack[-1]

    def append(self, items: list[Any]) -> None:
        self.top(list).extend(items)

    def set_items(self, pairs: list[Any]) -> None:
        into = self.top(dict)
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if not isinstance(key, str | bytes | int):
                raise TypeError
            into[key] = value

    def tuple_of(self, size: int) -> None:
        found = [self.pop() for _ in range(size)]
        self.push(tuple(found[::-1]))

    def global_(self) -> None:
        self.push(Name(self.line(), self.line()))

    def stack_global(self) -> None:
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise TypeError
        self.push(Name(module, name))

    def reduce(self) -> None:
        arguments, called = self.pop(), self.pop()
        if not isinstance(called, Name) or not isinstance(arguments, tuple):
            raise TypeError
        if str(called) not in self.dialect.calls:
            raise DataError(f"the pickle calls {cut(str(called))}, and only {self.dialect.made} are made")
        self.push(self.dialect.calls[str(called)](*arguments))

    def persistent(self) -> None:
        if self.dialect.outside is None:
            raise DataError("the pickle has the opcode b'Q', and only numbers, texts and arrays are read")
        self.push(self.dialect.outside(self.pop()))

    def build(self) -> None:
        state, made = self.pop(), self.stack[-1]
        if not isinstance(made, Made):
            raise TypeError
        made.set_state(state)


def _passed_over(size: int) -> Callable[[_Machine], None]:
    def pass_over(machine: _Machine) -> None:
        machine.take(size)

    return pass_over


def _text(read: Callable[[_Machine], int]) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.take(read(machine)).decode())


def _bytes(read: Callable[[_Machine], int]) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.take(read(machine)))


def _number(form: str) -> Callable[[_Machine], Any]:
    return lambda machine: machine.number(form)


def _constant(make: Callable[[], Any]) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(make())


def _pushed(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.number(form))


def _kept(read: Callable[[_Machine], int]) -> Callable[[_Machine], None]:
    def keep(machine: _Machine) -> None:
        machine.memo[read(machine)] = machine.stack[-1]

    return keep


def _again(read: Callable[[_Machine], int]) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.memo[read(machine)])


OPCODES: dict[bytes, Callable[[_Machine], None]] = {
    b"\x80": _passed_over(1),  # the protocol
    b"\x95": _passed_over(8),  # a frame begins
    b"(": lambda machine: machine.marks.append(len(machine.stack)),
    b"N": _constant(lambda: None),
    b"\x88": _constant(lambda: True),
    b"\x89": _constant(lambda: False),
    b"}": _constant(dict),
    b"]": _constant(list),
    b")": _constant(tuple),
    b"K": _pushed("<B"),
    b"M": _pushed("<H"),
    b"J": _pushed("<i"),
    b"G": _pushed(">d"),
    b"\x8a": lambda machine: machine.push(
        int.from_bytes(machine.take(machine.number("<B")), "little", signed=True)
    ),
    b"U": _bytes(_number("<B")),
    b"T": _bytes(_number("<i")),
    b"C": _bytes(_number("<B")),
    b"B": _bytes(_number("<I")),
    b"\x8e": _bytes(_number("<Q")),
    b"\x8c": _text(_number("<B")),
    b"X": _text(_number("<I")),
    b"\x8d": _text(_number("<Q")),
    b"t": lambda machine: machine.push(tuple(machine.popped())),
    b"\x85": lambda machine: machine.tuple_of(1),
    b"\x86": lambda machine: machine.tuple_of(2),
    b"\x87": lambda machine: machine.tuple_of(3),
    b"a": lambda machine: machine.append([machine.pop()]),
    b"e": lambda machine: machine.append(machine.popped()),
    b"s": lambda machine: machine.set_items([machine.pop(), machine.pop()][::-1]),
    b"u": lambda machine: machine.set_items(machine.popped()),
    b"q": _kept(_number("<B")),
    b"r": _kept(_number("<I")),
    b"\x94": _kept(lambda machine: len(machine.memo)),
    b"h": _again(_number("<B")),
    b"j": _again(_number("<I")),
    b"c": _Machine.global_,
    b"\x93": _Machine.stack_global,
    b"R": _Machine.reduce,
    b"b": _Machine.build,
    b"Q": _Machine.persistent,
}
