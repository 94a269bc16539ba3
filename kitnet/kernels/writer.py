"""Writes what a kernel calculates: constants, functions of values, sums of lanes, transposed squares."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.types import BOOL, F32, I32, I64, Type, constant_of, llvm_of, suffix_of
from kitnet.kernels.values import Int, Number, Register, Value


class Writer:
    """The text of a kernel so far; `Kernel` adds arguments, loops and memory."""

    def __init__(self, cpu: Cpu) -> None:
        self.cpu, self.lanes = cpu, cpu.lanes
        self._count = 0
        self._entry: list[str] = []
        self._body = bytearray()  # lines as strings of their own would take three times the memory
        # A set that keeps its order, so that the text is the same every time.
        self._declared: dict[str, None] = {}

    def constant(self, number: float, type: Type = F32, lanes: int | None = None) -> Value:
        lanes = self.lanes if lanes is None else lanes
        return Value(self, constant_of(type.literal(number), type, lanes), type, lanes)

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
        shape = llvm_of(value.type, lanes)
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
            f"llvm.fma.{suffix_of(one.type, lanes)}",
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

    def quotient(self, a: Value, b: Value) -> Value:
        """What `/` writes, of one type and as many lanes."""
        return self.divided(a, b)

    def divided(self, a: Value, b: Value) -> Value:
        """a / b by the processor's divider."""
        return a._join("fdiv", None, b)

    def abs(self, value: Value) -> Value:
        return self._unary("fabs", value)

    def sqrt(self, value: Value) -> Value:
        return self._unary("sqrt", value)

    def _unary(self, name: str, value: Value) -> Value:
        full = f"llvm.{name}.{suffix_of(value.type, value.lanes)}"
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

    def any(self, mask: Value) -> Value:
        """Whether a lane of a comparison holds."""
        bits = self._emit(f"bitcast {mask.llvm} {mask.text} to i{mask.lanes}")
        return Value(self, self._emit(f"icmp ne i{mask.lanes} {bits}, 0"), BOOL, 1)

    def total(self, value: Value) -> Value:
        """The sum of all lanes, halves added to halves: the same order on every run."""
        return self._fold(value, lambda a, b: a + b)

    def totals(self, values: Sequence[Value]) -> Value:
        """Lane i is the sum of all lanes of values[i]: halves of ever fewer vectors are added, two vectors
        into one.
        """
        lanes = self.lanes
        values = [*values, *[self.zero()] * (lanes - len(values))]
        half = lanes // 2
        while half:
            # Of each run of 2 * half lanes: one half of a vector, then the same half of its partner.
            near = [i // (2 * half) * 2 * half + i % half + (lanes if i & half else 0) for i in range(lanes)]
            far = [i + half for i in near]
            pairs = zip(values[:half], values[half:], strict=True)
            values = [self.shuffle(a, b, near) + self.shuffle(a, b, far) for a, b in pairs]
            half //= 2
        return values[0]

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
