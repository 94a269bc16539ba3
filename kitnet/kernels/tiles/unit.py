"""The matrix unit as kernels see it: eight tiles of 16 rows of 64 bytes, by number.

A tile of sums is 16 x 16 float32; one of rows (A) is 16 x 32 bf16, one of columns (B) 16 rows of 16 pairs of
bf16: row k has the numbers 2k and 2k + 1 of each of 16 columns. `multiply` adds A times B to the sums, 32
numbers deep. There are two units: the processor's own, AMX, by LLVM's intrinsics; and one in plain code, with
the same order of operations and the same treatment of denormals, on which any machine tests the kernels bit
by bit. `kitnet.base.precision.tile_product` is the formula of both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from kitnet.base.precision import SMALLEST
from kitnet.kernels.amx import NEEDS
from kitnet.kernels.emit import Kernel
from kitnet.kernels.types import F32, F64, U32
from kitnet.kernels.values import Pointer, Value

SIDE = 16  # rows of a tile, columns of sums, pairs of numbers in a row
TILE = SIDE * SIDE  # of 4 bytes: a float32, or a pair of bf16
DEEP = 2 * SIDE  # numbers that one `multiply` sums
SUMS, ROWS, COLUMNS = (0, 1, 2, 3), (4, 5), (6, 7)  # what the tiles are used for


class Unit(ABC):
    """The unit of one kernel. Between `begin` and `end`, which belong into every task, its tiles are used."""

    def __init__(self, k: Kernel) -> None:
        self.k = k

    @abstractmethod
    def begin(self) -> None:
        """All eight tiles become 16 rows of 64 bytes; what they hold is not defined."""

    @abstractmethod
    def end(self) -> None:
        """The tiles are given back."""

    @abstractmethod
    def zero(self, tile: int) -> None:
        """Every number of the tile becomes 0."""

    @abstractmethod
    def load(self, tile: int, at: Pointer) -> None:
        """The tile from 1 KB of memory."""

    @abstractmethod
    def store(self, tile: int, at: Pointer) -> None:
        """The tile to 1 KB of memory."""

    @abstractmethod
    def multiply(self, sums: int, rows: int, columns: int) -> None:
        """sums += rows times columns."""

    @abstractmethod
    def pairs(self, low: Value, high: Value) -> Value:
        """Two vectors of float32 rounded to bf16, uint32: low in the lower halves, high in the upper ones."""

    def split(self, low: Value, high: Value, parts: int) -> list[Value]:
        """So many pairs whose sums are the two vectors: each is the rounded rest of those before it."""
        found = [self.pairs(low, high)]
        for _ in range(1, parts):
            low, high = low - (found[-1] << 16).bits(F32), high - (found[-1] & 0xFFFF0000).bits(F32)
            found.append(self.pairs(low, high))
        return found


def unit_of(k: Kernel) -> Unit:
    """The processor's unit, or, where it has none, the one in plain code."""
    return Amx(k) if k.cpu.features.issuperset(NEEDS) and not k.cpu.emulates_tiles else Emulated(k)


class Amx(Unit):
    """AMX by LLVM's intrinsics. The configuration belongs to a thread and does not outlast `end`: both take
    265 cycles together, so that a crew's threads need know nothing of tiles.
    """

    def begin(self) -> None:
        room = self.k.scratch(U32, SIDE)
        for word in range(SIDE):  # palette 1; at byte 16 the bytes of each tile's rows, at byte 48 its rows
            number = {0: 1, 12: 0x10101010, 13: 0x10101010}.get(word, 0x00400040 if 4 <= word < 8 else 0)
            self.k.store(self.k.constant(number, U32, 1), room, word)
        self._do("ldtilecfg", ("ptr", room.address()))

    def end(self) -> None:
        self._do("tilerelease")

    def zero(self, tile: int) -> None:
        self._do("tilezero", ("i8", str(tile)))

    def load(self, tile: int, at: Pointer) -> None:
        self._do("tileloadd64", ("i8", str(tile)), ("ptr", at.address()), ("i64", "64"))

    def store(self, tile: int, at: Pointer) -> None:
        self._do("tilestored64", ("i8", str(tile)), ("ptr", at.address()), ("i64", "64"))

    def multiply(self, sums: int, rows: int, columns: int) -> None:
        self._do("tdpbf16ps", *(("i8", str(tile)) for tile in (sums, rows, columns)))

    def pairs(self, low: Value, high: Value) -> Value:
        k, name = self.k, "llvm.x86.avx512bf16.cvtne2ps2bf16.512"
        both = k._call(name, "<32 x bfloat>", (high.llvm, high.text), (low.llvm, low.text))
        order = ", ".join(f"i32 {i // 2 + SIDE * (i % 2)}" for i in range(DEEP))
        words = f"shufflevector <32 x bfloat> {both}, <32 x bfloat> poison, <32 x i32> <{order}>"
        return Value(k, k._emit(f"bitcast <32 x bfloat> {k._emit(words)} to <16 x i32>"), U32, SIDE)

    def _do(self, name: str, *operands: tuple[str, str]) -> None:
        self.k._call(f"llvm.x86.{name}", "void", *operands)


class Emulated(Unit):
    """The unit in plain code, on tiles in scratch memory. Sums are made in float64, which holds a product of
    two bf16 numbers, and of a sum with it so many bits that rounding twice is rounding once.
    """

    def begin(self) -> None:
        self._sums = self.k.scratch(F32, 8 * TILE)
        self._tiles = Pointer(self.k, U32, self._sums.text)

    def end(self) -> None:
        """Memory needs no end."""

    def zero(self, tile: int) -> None:
        with self.k.loop(0, TILE, self.k.lanes, unroll=1) as i:
            self.k.store(self.k.zero(), self._sums + tile * TILE, i)

    def load(self, tile: int, at: Pointer) -> None:
        self._copy(Pointer(self.k, U32, at.text, at.plus), self._tiles + tile * TILE)

    def store(self, tile: int, at: Pointer) -> None:
        self._copy(self._tiles + tile * TILE, Pointer(self.k, U32, at.text, at.plus))

    def _copy(self, source: Pointer, target: Pointer) -> None:
        with self.k.loop(0, TILE, self.k.lanes, unroll=1) as i:
            self.k.store(self.k.vector(source, i), target, i)

    def multiply(self, sums: int, rows: int, columns: int) -> None:
        k, zero = self.k, self.k.zero()
        with k.loop(SIDE, unroll=1) as m, k.loop(0, SIDE, k.lanes, unroll=1) as n:
            partial = k.register(zero), k.register(zero)
            with k.loop(SIDE, unroll=1) as i:
                pair = k.splat(self._tiles + rows * TILE, m * SIDE + i)
                other = k.vector(self._tiles + columns * TILE, i * SIDE + n)
                for part, shift in zip(partial, (16, 0), strict=True):
                    one, two = (self._number(each << shift if shift else each) for each in (pair, other))
                    part.set(self._rounded(part.get().to(F64) + one * two))
            at = self._sums + (m * SIDE + n + sums * TILE)
            half = self._rounded(partial[0].get().to(F64) + partial[1].get().to(F64))
            before = self._without_denormals(k.vector(at).bits(U32)).bits(F32)
            k.store(self._rounded(before.to(F64) + half.to(F64)), at)

    def pairs(self, low: Value, high: Value) -> Value:
        return (self._upper(low) >> 16) | self._upper(high)

    def _upper(self, x: Value) -> Value:
        """The bits of the nearest bf16 in the upper half: `rounded` in kitnet/base/precision.py."""
        bits = self._without_denormals(x.bits(U32))
        nearest = bits + (((bits >> 16) & 1) + 0x7FFF)
        return self.k.select(x.is_nan(), bits | 0x00400000, nearest) & 0xFFFF0000

    def _number(self, bits: Value) -> Value:
        """What the upper halves mean, as float64."""
        return self._without_denormals(bits & 0xFFFF0000).bits(F32).to(F64)

    def _without_denormals(self, bits: Value) -> Value:
        return self.k.select((bits & 0x7F800000).equals(0), bits & 0x80000000, bits)

    def _rounded(self, x: Value) -> Value:
        """The nearest float32, 0 of the same sign where it would be a denormal."""
        near = x.to(F32)
        small = self.k.abs(x) < SMALLEST * (1 - 2.0**-25)
        return self.k.select(small, near.bits(U32) & 0x80000000, near.bits(U32)).bits(F32)
