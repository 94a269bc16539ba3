"""The quantities that kernels calculate with: `Int`, an index; `Pointer`, an address of elements of one type;
`Value`, a scalar or a vector; `Register`, a variable that loops may change. Their operators write LLVM IR
into the kernel that they belong to.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kitnet.kernels.types import BF16, BOOL, F32, I64, U16, U32, Type, llvm_of, suffix_of

if TYPE_CHECKING:
    from kitnet.kernels.writer import Writer


class Int:
    """An index that is known at run time: `text` and a constant on top of it, which folds into addresses."""

    __slots__ = ("kernel", "plus", "text")

    def __init__(self, kernel: Writer, text: str, plus: int = 0) -> None:
        self.kernel, self.text, self.plus = kernel, text, plus

    @property
    def value(self) -> Value:
        """The index as a scalar to calculate with."""
        return Value(self.kernel, index_text(self), I64, 1)

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
            return Int(self.kernel, self.kernel._emit(f"mul nsw i64 {index_text(self)}, {index_text(other)}"))
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
        emit, here = self.kernel._emit, index_text(self)
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
        operands = ("i64", index_text(self)), ("i64", index_text(other))
        return Int(self.kernel, self.kernel._call(f"llvm.{which}.i64", "i64", *operands))

    def _compare(self, how: str, other: Index) -> Value:
        text = self.kernel._emit(f"icmp {how} i64 {index_text(self)}, {index_text(other)}")
        return Value(self.kernel, text, BOOL, 1)


Index = Int | int


def index_text(index: Index) -> str:
    if isinstance(index, int):
        return str(index)
    return index.kernel._emit(f"add nsw i64 {index.text}, {index.plus}") if index.plus else index.text


class Pointer:
    """The address of elements of one type; `pointer + i` is i elements further."""

    __slots__ = ("kernel", "plus", "text", "type")

    def __init__(self, kernel: Writer, type: Type, text: str, plus: int = 0) -> None:
        self.kernel, self.type, self.text, self.plus = kernel, type, text, plus

    def __add__(self, offset: Index) -> Pointer:
        if isinstance(offset, int):
            return Pointer(self.kernel, self.type, self.text, self.plus + offset)
        text = self.kernel._emit(f"getelementptr {self.type.llvm}, ptr {self.text}, i64 {offset.text}")
        return Pointer(self.kernel, self.type, text, self.plus + offset.plus)

    def address(self) -> str:
        if not self.plus:
            return self.text
        return self.kernel._emit(f"getelementptr {self.type.llvm}, ptr {self.text}, i64 {self.plus}")


class Value:
    """A scalar (one lane) or a vector, with arithmetic; numbers and scalars spread to the other side's lanes.

    Comparisons give a mask for `select` and `when`; a comparison with NaN is false. `==` is Python's own, use
    `equals`.
    """

    __slots__ = ("kernel", "lanes", "text", "type")

    def __init__(self, kernel: Writer, text: str, type: Type, lanes: int) -> None:
        self.kernel, self.text, self.type, self.lanes = kernel, text, type, lanes

    @property
    def llvm(self) -> str:
        return llvm_of(self.type, self.lanes)

    def to(self, type: Type) -> Value:
        """Converted by value. Floats are cut towards zero and stop at an integer type's ends; NaN gives 0."""
        if type == self.type:
            return self
        if BF16 in (type, self.type):
            return self._rounded_to_half() if type == BF16 else self._from_half().to(type)
        old, new = self.llvm, llvm_of(type, self.lanes)
        if type.kind != "float" and self.type.kind == "float":
            how = "fptosi" if type.kind == "signed" else "fptoui"
            name = f"llvm.{how}.sat.{suffix_of(type, self.lanes)}.{suffix_of(self.type, self.lanes)}"
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

    def _from_half(self) -> Value:
        """A bfloat16 is the upper half of a float32."""
        return (self._with(self.text, U16).to(U32) << 16).bits(F32)

    def _rounded_to_half(self) -> Value:
        """The nearest bfloat16, the even one of two; NaN stays NaN."""
        bits = self.to(F32).bits(U32)
        upper = bits >> 16
        nearest = (bits + ((upper & 1) + 0x7FFF)) >> 16
        half = self.kernel.select(self.is_nan(), upper | 0x40, nearest)
        return self._with(half.to(U16).text, BF16)

    def bits(self, type: Type) -> Value:
        """The same bits read as another type of the same size."""
        return self._with(
            self.kernel._emit(f"bitcast {self.llvm} {self.text} to {llvm_of(type, self.lanes)}"), type
        )

    def __add__(self, other: Number) -> Value:
        return self._join("fadd", "add", other)

    def __sub__(self, other: Number) -> Value:
        return self._join("fsub", "sub", other)

    def __mul__(self, other: Number) -> Value:
        return self._join("fmul", "mul", other)

    def __truediv__(self, other: Number) -> Value:
        return self.kernel.quotient(*self._pair(other))

    def __radd__(self, other: float) -> Value:
        return self._lift(other) + self

    def __rsub__(self, other: float) -> Value:
        return self._lift(other) - self

    def __rmul__(self, other: float) -> Value:
        return self._lift(other) * self

    def __rtruediv__(self, other: float) -> Value:
        return self._lift(other) / self

    def __pow__(self, power: float) -> Value:
        """The powers that are exact: 2 and 1/2."""
        if power == 2:
            return self * self
        if power == 0.5:
            return self.kernel.sqrt(self)
        raise TypeError(f"no power of {power}: kernels know ** 2 and ** 0.5")

    def __abs__(self) -> Value:
        return self.kernel.abs(self)

    def __bool__(self) -> bool:
        raise TypeError(
            "a kernel does all numbers at once and cannot branch on one; use np.maximum or minimum"
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *given: Any, **options: Any) -> Value:
        """NumPy's functions in a formula that NumPy computes on arrays and a kernel on vectors."""
        if method != "__call__" or options or ufunc.__name__ not in _UFUNCS:
            known = ", ".join(f"np.{name}" for name in _UFUNCS)
            raise TypeError(f"np.{ufunc.__name__} is not for kernels, which know {known}")
        return _UFUNCS[ufunc.__name__](*(self._lift(each) for each in given))

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
        if self.type.kind == "stored":
            raise TypeError(f"{self.type.name} is for storage; convert it with .to()")
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
_UFUNCS: dict[str, Callable[..., Value]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
    "absolute": operator.abs,
    "square": lambda x: x * x,
    "sqrt": lambda x: x.kernel.sqrt(x),
    "maximum": lambda a, b: a.kernel.max(a, b),
    "minimum": lambda a, b: a.kernel.min(a, b),
}  # by NumPy's name


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
