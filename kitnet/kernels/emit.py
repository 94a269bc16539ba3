"""The writer of loop nests: Python that reads like the loops, LLVM IR that comes out.

    k = Kernel("scale", cpu, rows, x=F32, a=F32, y=F32)      # one task a row
    x, a, y = k.pointers
    row = k.task * columns
    factor = k.splat(a)
    def body(i, count):
        k.store(k.vector(x, row + i, count) * factor, y, row + i, count)
    k.sweep(columns, body)                                   # whole vectors, then the masked rest
    print(k.text)

Every compiled kernel is `void name(ptr args, i64 task, ptr scratch)`: `args` is a table of addresses, one for
each argument, read once at entry; `task` says which of the kernel's tasks to do; `scratch` is memory of the
calling thread's own. Sizes and strides are Python integers while the code is written, so LLVM sees constants;
addresses are run-time data, so the code can be kept on disk.

Loops over Python ranges unroll themselves. There are three kinds of quantities: `Int`, an index; `Pointer`,
an address of elements of one type; `Value`, a scalar or a vector. The text is written directly and not
through llvmlite.ir, which takes ten times as long, does not type-check and knows no bfloat; an element
type is a value here (`Type`), so a new one needs one line.

Arithmetic is IEEE arithmetic in the order written: nothing is reassociated or contracted, except that `fma`
rounds once where the processor has it and twice where it has not.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec

from kitnet.base.origin import origin
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.types import BOOL, I64, Type, llvm_of, suffix_of
from kitnet.kernels.values import Index, Int, Pointer, Value, index_text
from kitnet.kernels.writer import Writer

_Arguments = ParamSpec("_Arguments")
_written: ContextVar[dict[Hashable, Kernel] | None] = ContextVar("_written", default=None)


@contextmanager
def writing_once() -> Iterator[None]:
    """Meanwhile functions marked `once` give the same kernel for the same arguments: deep networks repeat
    their layers.
    """
    token = _written.set({})
    try:
        yield
    finally:
        _written.reset(token)


def once(make: Callable[_Arguments, Kernel]) -> Callable[_Arguments, Kernel]:
    """Marks what takes long to write a kernel. Arguments must be hashable."""

    @functools.wraps(make)
    def made(*args: _Arguments.args, **options: _Arguments.kwargs) -> Kernel:
        written = _written.get()
        if written is None:
            return make(*args, **options)
        key = make, args, frozenset(options.items())
        if key not in written:
            written[key] = make(*args, **options)
        return written[key]

    return made


class Kernel(Writer):
    """`void name(args, task, scratch)`, written statement by statement for one processor.

    `arguments` names the pointers that a call must give, with the types of their elements. They may overlap:
    what is stored through one is seen by later loads through another, in the order written. For those named
    in `own` a call gives no address but an offset in bytes into the scratch memory of the thread that runs
    the task.
    """

    def __init__(self, name: str, cpu: Cpu, tasks: int, /, **arguments: Type) -> None:
        if not name.isidentifier() or not name.isascii():
            raise ValueError(f"{name!r} cannot name a kernel")
        if not 0 < tasks < 2**31:
            raise ValueError(f"kernel {name} has {tasks} tasks; it needs from 1 to 2**31 - 1")
        super().__init__(cpu)
        self.name, self.tasks, self.arguments = name, tasks, dict(arguments)
        self.origin = origin("over")  # for explanations
        self.scratch_bytes = 0
        self._unrolls: list[int] = []
        self._forgotten = False
        self.task = Int(self, "%task")
        self.pointers = tuple(
            Pointer(self, each, f"%argument{i}") for i, each in enumerate(arguments.values())
        )
        self.own: frozenset[str] = frozenset()  # arguments that lie in the calling thread's scratch memory

    def _arguments(self) -> Iterator[str]:
        """Read the table of arguments: addresses, or offsets into scratch of what is the thread's own."""
        for position, name in enumerate(self.arguments):
            yield f"%place{position} = getelementptr i64, ptr %args, i64 {position}"
            if name in self.own:
                yield f"%offset{position} = load i64, ptr %place{position}"
                yield f"%argument{position} = getelementptr i8, ptr %scratch, i64 %offset{position}"
            else:
                yield f"%argument{position} = load ptr, ptr %place{position}"

    @property
    def text(self) -> str:
        """The whole kernel as LLVM IR."""
        if self._forgotten:
            raise RuntimeError(f"the text of kernel {self.name} was forgotten")
        metadata = []
        for i, times in enumerate(self._unrolls):
            hint = '!"llvm.loop.unroll.disable"' if times == 1 else f'!"llvm.loop.unroll.count", i32 {times}'
            metadata += [f"!{2 * i} = distinct !{{!{2 * i}, !{2 * i + 1}}}", f"!{2 * i + 1} = !{{{hint}}}"]
        parameters = "ptr noalias readonly %args, i64 %task, ptr noalias %scratch"
        return "\n".join(
            [
                *(f"declare {each}" for each in self._declared),
                f"define void @{self.name}({parameters}) nounwind {{",
                "entry:",
                *self._arguments(),
                *self._entry,
                "br label %body",
                "body:",
                f"{self._body.decode()}ret void",
                "}",
                *metadata,
                "",
            ]
        )

    def lying(self, own: frozenset[str]) -> Kernel:
        """This kernel with these arguments in the calling thread's own memory."""
        if own == self.own:
            return self
        other = copy.copy(self)
        other.own = own
        return other

    def forget(self) -> None:
        """Let go of what was written, once there is machine code: up to a megabyte of text."""
        self._entry, self._body, self._forgotten = [], bytearray(), True

    def scratch(self, type: Type, count: int) -> Pointer:
        """Room for so many elements in the calling thread's scratch memory, on a cache line of its own."""
        offset = self.scratch_bytes
        self.scratch_bytes += -(-count * type.bytes // 64) * 64
        name = f"%scratch{offset}"
        self._entry.append(f"{name} = getelementptr i8, ptr %scratch, i64 {offset}")
        return Pointer(self, type, name)

    # Control

    @contextmanager
    def loop(
        self, start: Index, stop: Index | None = None, step: int = 1, unroll: int | None = None
    ) -> Iterator[Index]:
        """for i in range(start, stop, step), not once where that is empty; one turn gives a Python integer.

        `unroll` asks LLVM for so many copies of the body, 1 for none; without it LLVM decides.
        """
        if stop is None:
            start, stop = 0, start
        if step < 1:
            raise ValueError(f"a loop steps by {step}; it must be above zero")
        known = len(range(start, stop, step)) if isinstance(start, int) and isinstance(stop, int) else None
        if known == 1:
            yield start
            return
        n, first, last = self._number(), index_text(start), index_text(stop)
        self._do(f"br label %before{n}")
        self._do(f"before{n}:")
        some = self._emit(f"icmp slt i64 {first}, {last}") if known is None else "true" if known else "false"
        self._do(f"br i1 {some}, label %loop{n}, label %after{n}")
        self._do(f"loop{n}:")
        self._do(f"%i{n} = phi i64 [ {first}, %before{n} ], [ %next{n}, %turn{n} ]")
        yield Int(self, f"%i{n}")
        self._do(f"br label %turn{n}")
        self._do(f"turn{n}:")
        self._do(f"%next{n} = add nsw i64 %i{n}, {step}")
        more = self._emit(f"icmp slt i64 %next{n}, {last}")
        hint = ""
        if unroll is not None:
            hint = f", !llvm.loop !{2 * len(self._unrolls)}"
            self._unrolls.append(unroll)
        self._do(f"br i1 {more}, label %loop{n}, label %after{n}{hint}")
        self._do(f"after{n}:")

    @contextmanager
    def when(self, condition: Value | bool) -> Iterator[None]:
        """Do the block only if the scalar condition holds."""
        n = self._number()
        text = condition.text if isinstance(condition, Value) else str(condition).lower()
        self._do(f"br i1 {text}, label %then{n}, label %since{n}")
        self._do(f"then{n}:")
        yield
        self._do(f"br label %since{n}")
        self._do(f"since{n}:")

    def sweep(self, length: Index, body: Callable[[Index, Index], None], unroll: int | None = None) -> None:
        """`body(i, count)` for every whole vector of range(length), then once for the rest; count is for
        vector() and store().
        """
        rest = length % self.lanes
        whole = length - rest
        with self.loop(0, whole, self.lanes, unroll) as i:
            body(i, self.lanes)
        if isinstance(rest, int):
            if rest:
                body(whole, rest)
        else:
            with self.when(rest > 0):
                body(whole, rest)

    # Memory

    def vector(
        self, pointer: Pointer, offset: Index = 0, count: Index | None = None, align: int | None = None
    ) -> Value:
        """A vector from memory, in the type that its elements are computed in. With `count` only the first so
        many elements are read, the other lanes are 0.

        `align` promises that the address is a multiple of so many bytes; without it the elements' own size is
        assumed.
        """
        type, address = pointer.type, (pointer + offset).address()
        shape, align = llvm_of(type, self.lanes), align or type.bytes
        mask = self._mask(count)
        if mask is None:
            text = self._emit(f"load {shape}, ptr {address}, align {align}")
        else:
            operands = ("ptr", address), ("i32", str(align)), mask, (shape, "zeroinitializer")
            text = self._call(f"llvm.masked.load.{suffix_of(type, self.lanes)}.p0", shape, *operands)
        return Value(self, text, type, self.lanes).to(type.computed)

    def scalar(self, pointer: Pointer, offset: Index = 0) -> Value:
        """One element, in the type that it is computed in."""
        type, address = pointer.type, (pointer + offset).address()
        text = self._emit(f"load {type.llvm}, ptr {address}, align {type.bytes}")
        return Value(self, text, type, 1).to(type.computed)

    def splat(self, pointer: Pointer, offset: Index = 0) -> Value:
        """One element in every lane."""
        return self.spread(self.scalar(pointer, offset), self.lanes)

    def store(
        self,
        value: Value,
        pointer: Pointer,
        offset: Index = 0,
        count: Index | None = None,
        align: int | None = None,
    ) -> None:
        """A scalar or a vector to memory, rounded to the type that it is stored in; with `count` only the
        first so many lanes are written.
        """
        if value.type == pointer.type.computed:
            value = value.to(pointer.type)
        if value.type != pointer.type:
            raise TypeError(
                f"{value.type.name} cannot be stored as {pointer.type.name}; convert it with .to()"
            )
        address, align = (pointer + offset).address(), align or value.type.bytes
        mask = self._mask(count) if value.lanes > 1 else None
        if mask is None:
            self._do(f"store {value.llvm} {value.text}, ptr {address}, align {align}")
        else:
            operands = (value.llvm, value.text), ("ptr", address), ("i32", str(align)), mask
            self._call(f"llvm.masked.store.{suffix_of(value.type, value.lanes)}.p0", "void", *operands)

    def prefetch(self, pointer: Pointer, offset: Index = 0) -> None:
        """Ask for the cache line of an element before it is needed; the address may lie anywhere."""
        address = (pointer + offset).address()
        self._call("llvm.prefetch.p0", "void", ("ptr", address), ("i32", "0"), ("i32", "2"), ("i32", "1"))

    def _mask(self, count: Index | None) -> tuple[str, str] | None:
        """The type and text of a mask of the first so many lanes, None where all are meant."""
        if count is None or count == self.lanes:
            return None
        if isinstance(count, Int):
            mask = self.iota(I64) < count.value
            return mask.llvm, mask.text
        if not 0 < count < self.lanes:
            raise ValueError(f"{count} lanes are asked of a vector of {self.lanes}")
        bits = ", ".join(f"i1 {str(i < count).lower()}" for i in range(self.lanes))
        return llvm_of(BOOL, self.lanes), f"<{bits}>"
