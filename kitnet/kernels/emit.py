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
import struct
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, ParamSpec

from kitnet.kernels.cpu import Cpu


@dataclass(frozen=True)
class Type:
    """The type of an element: NumPy's name, LLVM's name, bytes, kind."""

    name: str
    llvm: str
    bytes: int
    kind: Literal["float", "signed", "unsigned"]

    def literal(self, number: float) -> str:
        """A Python number as LLVM writes it; floats by their bits, since decimals would have to be exact."""
        if self.kind != "float":
            return str(int(number))
        if self.bytes == 4:
            number = _nearest_float32(number)
        return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"


def _nearest_float32(number: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", number))[0])
    except OverflowError:
        return number * float("inf")


F32 = Type("float32", "float", 4, "float")
F64 = Type("float64", "double", 8, "float")
I32 = Type("int32", "i32", 4, "signed")
I64 = Type("int64", "i64", 8, "signed")
U8 = Type("uint8", "i8", 1, "unsigned")
U32 = Type("uint32", "i32", 4, "unsigned")
U64 = Type("uint64", "i64", 8, "unsigned")
BOOL = Type("bool", "i1", 1, "unsigned")


class Int:
    """An index that is known at run time: `text` and a constant on top of it, which folds into addresses."""

    __slots__ = ("kernel", "plus", "text")

    def __init__(self, kernel: Kernel, text: str, plus: int = 0) -> None:
        self.kernel, self.text, self.plus = kernel, text, plus

    @property
    def value(self) -> Value:
        """The index as a scalar to calculate with."""
        return Value(self.kernel, _index_text(self), I64, 1)

    def __add__(self, other: Index) -> Int:
        if isinstance(other, int):
            return Int(self.kernel, self.text, self.plus + other)
        text = self.kernel._emit(f"add nsw i64 {self.text}, {other.text}")
        return Int(self.kernel, text, self.plus + other.plus)

    def __sub__(self, other: Index) -> Int:
        if isinstance(other, int):
            return self + -other
        text = self.kernel._emit(f"sub nsw i64 {self.text}, {other.text}")
        return Int(self.kernel, text, self.plus - other.plus)

    def __rsub__(self, other: int) -> Int:
        return Int(self.kernel, self.kernel._emit(f"sub nsw i64 0, {self.text}"), other - self.plus)

    def __mul__(self, other: Index) -> Int:
        if not isinstance(other, int):
            return Int(
                self.kernel, self.kernel._emit(f"mul nsw i64 {_index_text(self)}, {_index_text(other)}")
            )
        if other == 1:
            return self
        return Int(self.kernel, self.kernel._emit(f"mul nsw i64 {self.text}, {other}"), self.plus * other)

    __radd__, __rmul__ = __add__, __mul__

    def __divmod__(self, divisor: int) -> tuple[Int, Int]:
        """As in Python, rounding down also below zero; the divisor is a Python integer above zero."""
        if divisor < 1:
            raise ValueError(f"an index is divided by {divisor}; the divisor must be above zero")
        if divisor == 1:
            return self, self * 0
        emit, here = self.kernel._emit, _index_text(self)
        cut = emit(f"srem i64 {here}, {divisor}")
        below = emit(f"icmp slt i64 {cut}, 0")
        rest = emit(f"add nsw i64 {cut}, {emit(f'select i1 {below}, i64 {divisor}, i64 0')}")
        return Int(
            self.kernel, emit(f"sdiv exact i64 {emit(f'sub nsw i64 {here}, {rest}')}, {divisor}")
        ), Int(self.kernel, rest)

    def __floordiv__(self, divisor: int) -> Int:
        return divmod(self, divisor)[0]

    def __mod__(self, divisor: int) -> Int:
        return divmod(self, divisor)[1]

    def __lt__(self, other: Index) -> Value:
        return self._compare("slt", other)

    def __le__(self, other: Index) -> Value:
        return self._compare("sle", other)

    def __gt__(self, other: Index) -> Value:
        return self._compare("sgt", other)

    def __ge__(self, other: Index) -> Value:
        return self._compare("sge", other)

    def equals(self, other: Index) -> Value:
        return self._compare("eq", other)

    def at_least(self, bound: Index) -> Int:
        return self._pick("smax", bound)

    def at_most(self, bound: Index) -> Int:
        return self._pick("smin", bound)

    def _pick(self, which: str, other: Index) -> Int:
        operands = ("i64", _index_text(self)), ("i64", _index_text(other))
        return Int(self.kernel, self.kernel._call(f"llvm.{which}.i64", "i64", *operands))

    def _compare(self, how: str, other: Index) -> Value:
        text = self.kernel._emit(f"icmp {how} i64 {_index_text(self)}, {_index_text(other)}")
        return Value(self.kernel, text, BOOL, 1)


Index = Int | int


def _index_text(index: Index) -> str:
    if isinstance(index, int):
        return str(index)
    return index.kernel._emit(f"add nsw i64 {index.text}, {index.plus}") if index.plus else index.text


class Pointer:
    """The address of elements of one type; `pointer + i` is i elements further."""

    __slots__ = ("kernel", "plus", "text", "type")

    def __init__(self, kernel: Kernel, type: Type, text: str, plus: int = 0) -> None:
        self.kernel, self.type, self.text, self.plus = kernel, type, text, plus

    def __add__(self, offset: Index) -> Pointer:
        if isinstance(offset, int):
            return Pointer(self.kernel, self.type, self.text, self.plus + offset)
        text = self.kernel._emit(f"getelementptr {self.type.llvm}, ptr {self.text}, i64 {offset.text}")
        return Pointer(self.kernel, self.type, text, self.plus + offset.plus)

    def _address(self) -> str:
        if not self.plus:
            return self.text
        return self.kernel._emit(f"getelementptr {self.type.llvm}, ptr {self.text}, i64 {self.plus}")


class Value:
    """A scalar (one lane) or a vector, with arithmetic; numbers and scalars spread to the other side's lanes.

    Comparisons give a mask for `select` and `when`; a comparison with NaN is false. `==` is Python's own, use
    `equals`.
    """

    __slots__ = ("kernel", "lanes", "text", "type")

    def __init__(self, kernel: Kernel, text: str, type: Type, lanes: int) -> None:
        self.kernel, self.text, self.type, self.lanes = kernel, text, type, lanes

    @property
    def llvm(self) -> str:
        return _llvm(self.type, self.lanes)

    def to(self, type: Type) -> Value:
        """Converted by value. Floats are cut towards zero and stop at an integer type's ends; NaN gives 0."""
        if type == self.type:
            return self
        old, new = self.llvm, _llvm(type, self.lanes)
        if type.kind != "float" and self.type.kind == "float":
            how = "fptosi" if type.kind == "signed" else "fptoui"
            name = f"llvm.{how}.sat.{_suffix(type, self.lanes)}.{_suffix(self.type, self.lanes)}"
            return self._with(self.kernel._call(name, new, (old, self.text)), type)
        if type.kind == "float" and self.type.kind == "float":
            how = "fpext" if type.bytes > self.type.bytes else "fptrunc"
        elif type.kind == "float":
            how = "sitofp" if self.type.kind == "signed" else "uitofp"
        elif type.llvm == self.type.llvm:
            return self._with(self.text, type)
        elif type.bytes > self.type.bytes or self.type is BOOL:
            how = "sext" if self.type.kind == "signed" else "zext"
        else:
            how = "trunc"
        return self._with(self.kernel._emit(f"{how} {old} {self.text} to {new}"), type)

    def bits(self, type: Type) -> Value:
        """The same bits read as another type of the same size."""
        return self._with(
            self.kernel._emit(f"bitcast {self.llvm} {self.text} to {_llvm(type, self.lanes)}"), type
        )

    def __add__(self, other: Number) -> Value:
        return self._join("fadd", "add", other)

    def __sub__(self, other: Number) -> Value:
        return self._join("fsub", "sub", other)

    def __mul__(self, other: Number) -> Value:
        return self._join("fmul", "mul", other)

    def __truediv__(self, other: Number) -> Value:
        return self._join("fdiv", None, other)

    def __radd__(self, other: float) -> Value:
        return self._lift(other) + self

    def __rsub__(self, other: float) -> Value:
        return self._lift(other) - self

    def __rmul__(self, other: float) -> Value:
        return self._lift(other) * self

    def __rtruediv__(self, other: float) -> Value:
        return self._lift(other) / self

    def __neg__(self) -> Value:
        if self.type.kind != "float":
            return 0 - self
        return self._with(self.kernel._emit(f"fneg {self.llvm} {self.text}"), self.type)

    def __and__(self, other: Number) -> Value:
        return self._join(None, "and", other)

    def __or__(self, other: Number) -> Value:
        return self._join(None, "or", other)

    def __xor__(self, other: Number) -> Value:
        return self._join(None, "xor", other)

    def __invert__(self) -> Value:
        return self ^ (1 if self.type is BOOL else -1)

    def __lshift__(self, other: Number) -> Value:
        return self._join(None, "shl", other)

    def __rshift__(self, other: Number) -> Value:
        return self._join(None, "ashr" if self.type.kind == "signed" else "lshr", other)

    def __lt__(self, other: Number) -> Value:
        return self._compare("lt", other)

    def __le__(self, other: Number) -> Value:
        return self._compare("le", other)

    def __gt__(self, other: Number) -> Value:
        return self._compare("gt", other)

    def __ge__(self, other: Number) -> Value:
        return self._compare("ge", other)

    def equals(self, other: Number) -> Value:
        return self._compare("eq", other)

    def is_nan(self) -> Value:
        text = self.kernel._emit(f"fcmp uno {self.llvm} {self.text}, {self.text}")
        return self._with(text, BOOL)

    def _with(self, text: str, type: Type) -> Value:
        return Value(self.kernel, text, type, self.lanes)

    def _lift(self, other: Number) -> Value:
        return other if isinstance(other, Value) else self.kernel.constant(other, self.type, self.lanes)

    def _pair(self, other: Number) -> tuple[Value, Value]:
        """Both sides with the same lanes; one type, because a silent conversion would hide a mistake."""
        one, two = self, self._lift(other)
        if one.type != two.type:
            raise TypeError(f"{one.type.name} and {two.type.name} do not mix; convert one with .to()")
        if one.lanes != two.lanes and 1 not in (one.lanes, two.lanes):
            raise TypeError(f"vectors of {one.lanes} and {two.lanes} lanes do not mix")
        lanes = max(one.lanes, two.lanes)
        return self.kernel.spread(one, lanes), self.kernel.spread(two, lanes)

    def _join(self, of_floats: str | None, of_integers: str | None, other: Number) -> Value:
        one, two = self._pair(other)
        how = of_floats if one.type.kind == "float" else of_integers
        if how is None:
            raise TypeError(f"{of_floats or of_integers} is not for {one.type.name}")
        return one._with(self.kernel._emit(f"{how} {one.llvm} {one.text}, {two.text}"), one.type)

    def _compare(self, how: str, other: Number) -> Value:
        one, two = self._pair(other)
        if one.type.kind == "float":
            word = f"fcmp o{how}"
        else:
            sign = "" if how == "eq" else "s" if one.type.kind == "signed" else "u"
            word = f"icmp {sign}{how}"
        return one._with(self.kernel._emit(f"{word} {one.llvm} {one.text}, {two.text}"), BOOL)


Number = Value | float


class Register:
    """A variable that loops may change; LLVM keeps it in a processor register."""

    __slots__ = ("like", "slot")

    def __init__(self, slot: str, initial: Value) -> None:
        self.slot, self.like = slot, initial
        self.set(initial)

    def get(self) -> Value:
        return self.like._with(
            self.like.kernel._emit(f"load {self.like.llvm}, ptr {self.slot}"), self.like.type
        )

    def set(self, value: Value) -> None:
        if value.llvm != self.like.llvm:
            raise TypeError(f"a register of {self.like.llvm} cannot take {value.llvm}")
        self.like.kernel._do(f"store {value.llvm} {value.text}, ptr {self.slot}")


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


class Kernel:
    """`void name(args, task, scratch)`, written statement by statement for one processor.

    `arguments` names the pointers that a call must give, with the types of their elements. They may overlap:
    what is stored through one is seen by later loads through another, in the order written. For those named
    in `own` a call gives no address but an offset in bytes into the scratch memory of whoever runs the task.
    """

    def __init__(self, name: str, cpu: Cpu, tasks: int, /, **arguments: Type) -> None:
        if not name.isidentifier() or not name.isascii():
            raise ValueError(f"{name!r} cannot name a kernel")
        if not 0 < tasks < 2**31:
            raise ValueError(f"kernel {name} has {tasks} tasks; it needs from 1 to 2**31 - 1")
        self.name, self.cpu, self.tasks, self.arguments = name, cpu, tasks, dict(arguments)
        self.lanes = cpu.lanes
        self.scratch_bytes = 0
        self._count = 0
        self._entry: list[str] = []
        self._body = bytearray()  # lines as strings of their own would take three times the memory
        self._declared: dict[
            str, None
        ] = {}  # a set that keeps its order, so that the text is the same every time
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
        n, first, last = self._number(), _index_text(start), _index_text(stop)
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
        """A vector from memory. With `count` only the first so many elements are read, the other lanes are 0.

        `align` promises that the address is a multiple of so many bytes; without it the elements' own size is
        assumed.
        """
        type, address = pointer.type, (pointer + offset)._address()
        shape, align = _llvm(type, self.lanes), align or type.bytes
        mask = self._mask(count)
        if mask is None:
            text = self._emit(f"load {shape}, ptr {address}, align {align}")
        else:
            operands = ("ptr", address), ("i32", str(align)), mask, (shape, "zeroinitializer")
            text = self._call(f"llvm.masked.load.{_suffix(type, self.lanes)}.p0", shape, *operands)
        return Value(self, text, type, self.lanes)

    def scalar(self, pointer: Pointer, offset: Index = 0) -> Value:
        """One element."""
        type, address = pointer.type, (pointer + offset)._address()
        return Value(self, self._emit(f"load {type.llvm}, ptr {address}, align {type.bytes}"), type, 1)

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
        """A scalar or a vector to memory; with `count` only the first so many lanes are written."""
        if value.type != pointer.type:
            raise TypeError(
                f"{value.type.name} cannot be stored as {pointer.type.name}; convert it with .to()"
            )
        address, align = (pointer + offset)._address(), align or value.type.bytes
        mask = self._mask(count) if value.lanes > 1 else None
        if mask is None:
            self._do(f"store {value.llvm} {value.text}, ptr {address}, align {align}")
        else:
            operands = (value.llvm, value.text), ("ptr", address), ("i32", str(align)), mask
            self._call(f"llvm.masked.store.{_suffix(value.type, value.lanes)}.p0", "void", *operands)

    def prefetch(self, pointer: Pointer, offset: Index = 0) -> None:
        """Ask for the cache line of an element before it is needed; the address may lie anywhere."""
        address = (pointer + offset)._address()
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
        return _llvm(BOOL, self.lanes), f"<{bits}>"

    # Values

    def constant(self, number: float, type: Type = F32, lanes: int | None = None) -> Value:
        lanes = self.lanes if lanes is None else lanes
        return Value(self, _constant(type.literal(number), type, lanes), type, lanes)

    def zero(self) -> Value:
        return self.constant(0.0)

    def iota(self, type: Type = I32) -> Value:
        """0, 1, 2, ... over the lanes."""
        text = ", ".join(f"{type.llvm} {type.literal(i)}" for i in range(self.lanes))
        return Value(self, f"<{text}>", type, self.lanes)

    def spread(self, value: Value, lanes: int) -> Value:
        """A scalar in every lane."""
        if value.lanes == lanes:
            return value
        shape = _llvm(value.type, lanes)
        one = self._emit(f"insertelement {shape} poison, {value.llvm} {value.text}, i32 0")
        text = self._emit(f"shufflevector {shape} {one}, {shape} poison, <{lanes} x i32> zeroinitializer")
        return Value(self, text, value.type, lanes)

    def register(self, initial: Value) -> Register:
        slot = f"%slot{self._number()}"
        self._entry.append(f"{slot} = alloca {initial.llvm}")
        return Register(slot, initial)

    def registers(self, rows: int, columns: int, initial: Value) -> list[list[Register]]:
        """The accumulators of a tile."""
        return [[self.register(initial) for _ in range(columns)] for _ in range(rows)]

    def index(self, value: Value) -> Int:
        """A whole number that was calculated or loaded, as an index."""
        return Int(self, value.to(I64).text)

    def fma(self, a: Number, b: Number, c: Number) -> Value:
        """a * b + c; one of them at least is a Value."""
        like = next(each for each in (a, b, c) if isinstance(each, Value))
        one, two, three = (like._lift(each) for each in (a, b, c))
        if not self.cpu.has_fma:
            return one * two + three
        if not one.type == two.type == three.type:
            raise TypeError(f"fma of {one.type.name}, {two.type.name} and {three.type.name}")
        lanes = max(one.lanes, two.lanes, three.lanes)
        vectors = [self.spread(each, lanes) for each in (one, two, three)]
        text = self._call(
            f"llvm.fma.{_suffix(one.type, lanes)}",
            vectors[0].llvm,
            *((each.llvm, each.text) for each in vectors),
        )
        return Value(self, text, one.type, lanes)

    def max(self, a: Value, b: Number) -> Value:
        """The greater of both; NaN where either is NaN, as np.maximum. Against a Python number it is one
        instruction.
        """
        return self._extreme(a, b, greater=True)

    def min(self, a: Value, b: Number) -> Value:
        """The lesser of both; NaN where either is NaN, as np.minimum."""
        return self._extreme(a, b, greater=False)

    def _extreme(self, a: Value, b: Number, greater: bool) -> Value:
        one, two = a._pair(b)
        # Where a side is NaN the comparison is false and `one` stays: right for its own NaN, not yet for that
        # of `two`.
        best = self.select(one < two if greater else one > two, two, one)
        if one.type.kind != "float" or not isinstance(b, Value):
            return best
        return self.select(two.is_nan(), two, best)

    def select(self, condition: Value, yes: Value, no: Number) -> Value:
        """Lane by lane `yes` where the condition holds, else `no`."""
        one, two = yes._pair(no)
        lanes = max(one.lanes, condition.lanes)
        one, two = self.spread(one, lanes), self.spread(two, lanes)
        words = f"select {condition.llvm} {condition.text}, {one.llvm} {one.text}, {two.llvm} {two.text}"
        return one._with(self._emit(words), one.type)

    def abs(self, value: Value) -> Value:
        return self._unary("fabs", value)

    def sqrt(self, value: Value) -> Value:
        return self._unary("sqrt", value)

    def _unary(self, name: str, value: Value) -> Value:
        full = f"llvm.{name}.{_suffix(value.type, value.lanes)}"
        return value._with(self._call(full, value.llvm, (value.llvm, value.text)), value.type)

    # Across lanes

    def lane(self, value: Value, index: int) -> Value:
        return Value(
            self, self._emit(f"extractelement {value.llvm} {value.text}, i32 {index}"), value.type, 1
        )

    def shuffle(self, a: Value, b: Value, lanes: Sequence[int]) -> Value:
        """Lanes picked from a (0 .. n-1) and b (n .. 2n-1)."""
        picks = ", ".join(f"i32 {lane}" for lane in lanes)
        words = f"shufflevector {a.llvm} {a.text}, {b.llvm} {b.text}, <{len(lanes)} x i32> <{picks}>"
        return Value(self, self._emit(words), a.type, len(lanes))

    def total(self, value: Value) -> Value:
        """The sum of all lanes, halves added to halves: the same order on every run."""
        return self._fold(value, lambda a, b: a + b)

    def highest(self, value: Value) -> Value:
        """The greatest lane; NaN if any is."""
        return self._fold(value, self.max)

    def _fold(self, value: Value, join: Callable[[Value, Value], Value]) -> Value:
        while value.lanes > 2:
            half = value.lanes // 2
            low, high = range(half), range(half, value.lanes)
            value = join(self.shuffle(value, value, low), self.shuffle(value, value, high))
        return join(self.lane(value, 0), self.lane(value, 1))

    def transpose(self, rows: Sequence[Value]) -> list[Value]:
        """As many rows as lanes become columns, by exchanging ever larger blocks."""
        rows, n = list(rows), len(rows)
        if any(row.lanes != n for row in rows) or n & (n - 1):
            raise ValueError(f"{n} rows cannot be transposed; as many as lanes are needed, a power of two")
        block = 1
        while block < n:
            for i in range(n):
                if not i & block:
                    a, b = rows[i], rows[i + block]
                    rows[i] = self.shuffle(a, b, [j + n - block if j & block else j for j in range(n)])
                    rows[i + block] = self.shuffle(
                        a, b, [j + n if j & block else j + block for j in range(n)]
                    )
            block *= 2
        return rows

    # Text

    def _number(self) -> int:
        self._count += 1
        return self._count

    def _do(self, words: str) -> None:
        """Write a line."""
        self._body += f"{words}\n".encode()

    def _emit(self, words: str) -> str:
        """Write an instruction; the name of its result."""
        self._count += 1
        name = f"%v{self._count}"
        self._do(f"{name} = {words}")
        return name

    def _call(self, name: str, result: str, *operands: tuple[str, str]) -> str:
        """Call one of LLVM's intrinsics with operands of (type, text); the name of its result."""
        self._declared[f"{result} @{name}({', '.join(type for type, _ in operands)})"] = None
        words = f"call {result} @{name}({', '.join(f'{type} {text}' for type, text in operands)})"
        if result != "void":
            return self._emit(words)
        self._do(words)
        return ""


def _llvm(type: Type, lanes: int) -> str:
    return type.llvm if lanes == 1 else f"<{lanes} x {type.llvm}>"


def _suffix(type: Type, lanes: int) -> str:
    """How the names of LLVM's intrinsics spell a type."""
    element = f"f{8 * type.bytes}" if type.kind == "float" else type.llvm
    return element if lanes == 1 else f"v{lanes}{element}"


@functools.cache
def _constant(literal: str, type: Type, lanes: int) -> str:
    return literal if lanes == 1 else f"<{', '.join([f'{type.llvm} {literal}'] * lanes)}>"
