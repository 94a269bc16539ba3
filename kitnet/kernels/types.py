"""The types of elements, and how LLVM writes them and vectors of them.

Numbers may be stored in fewer bytes than they are computed with: `BF16` is a storage type, which a load turns
into its `computed` type, float32, and a store rounds back.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Type:
    """The type of an element: NumPy's name, LLVM's name, bytes, kind."""

    name: str
    llvm: str
    bytes: int
    kind: Literal["float", "signed", "unsigned", "stored"]

    @property
    def computed(self) -> Type:
        """The type that numbers stored in this one are computed and summed in."""
        return F32 if self.kind == "stored" else self

    @property
    def array(self) -> str:
        """What NumPy calls an array of them; it has no name for the storage types and sees their bits."""
        return U16.name if self.kind == "stored" else self.name

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
BF16 = Type("bfloat16", "i16", 2, "stored")  # the upper half of a float32
U8 = Type("uint8", "i8", 1, "unsigned")
U16 = Type("uint16", "i16", 2, "unsigned")
U32 = Type("uint32", "i32", 4, "unsigned")
U64 = Type("uint64", "i64", 8, "unsigned")
BOOL = Type("bool", "i1", 1, "unsigned")


def llvm_of(type: Type, lanes: int) -> str:
    return type.llvm if lanes == 1 else f"<{lanes} x {type.llvm}>"


def suffix_of(type: Type, lanes: int) -> str:
    """How the names of LLVM's intrinsics spell a type."""
    element = f"f{8 * type.bytes}" if type.kind == "float" else type.llvm
    return element if lanes == 1 else f"v{lanes}{element}"


@functools.cache
def constant_of(literal: str, type: Type, lanes: int) -> str:
    return literal if lanes == 1 else f"<{', '.join([f'{type.llvm} {literal}'] * lanes)}>"
