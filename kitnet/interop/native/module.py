"""The LLVM IR of a native library: the kernels of a plan, `net_run`, which calls them in order, and
`net_prepare`. No function but these two can be seen from outside, and nothing is written but what the caller
gives: constants lie in a section that is read only.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from string import Template

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.engine.standalone import Address, Stage, Standalone
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.driver_text import processor_text
from kitnet.kernels.jit import object_code

MOST = 1_900_000_000  # bytes of constants, which code reaches by 32-bit distances
_MARK = hashlib.sha256(b"the constants of a network").digest()  # stands where they are put

# Externally initialised: the optimiser must not take the zeros for what will be there.
_CONSTANTS = Template(
    "@constants = internal externally_initialized constant <{ [$size x i8], [$rest x i8] }> "
    '<{ [$size x i8] c"$mark", [$rest x i8] zeroinitializer }>, align 64'
)


@dataclass(frozen=True)
class Pixels:
    """How bytes (h,w,c) become an image (H,W,c): centred with a rim of 0, or cropped, then each by the table
    of its channel, float32 (c,256).
    """

    size: tuple[int, int]
    input: tuple[int, int]
    table: Array


@dataclass(frozen=True)
class _Module:
    """What is compiled."""

    name: str
    text: str
    cpu: Cpu


def native_object(found: Standalone, pixels: Pixels | None, ident: str) -> bytes:
    """An object file with `net_run` and, where pixels are told, `net_prepare`; `ident` stands in its comment.
    Raises KitnetError for more constants than code can reach.
    """
    parts = [found.constants] + ([] if pixels is None else [_bytes(pixels.table)])
    constants = np.concatenate([*parts, np.zeros(len(_MARK), np.uint8)])  # at least the mark
    if len(constants) > MOST:
        raise KitnetError(
            f"the network's constants take {len(constants) / 1e6:,.0f} MB; an object file holds "
            f"{MOST / 1e6:,.0f} at most"
        )
    text = "\n".join(
        [
            _CONSTANTS.substitute(size=len(_MARK), mark=_escaped(_MARK), rest=len(constants) - len(_MARK)),
            *_kernels(found.kernels),
            processor_text(found.cpu),
            *_run(found),
            *([] if pixels is None else [_prepare(pixels, len(found.constants))]),
            f'!llvm.ident = !{{!0}}\n!0 = !{{!"{ident}"}}',
            "",
        ]
    )
    code = bytearray(object_code(_Module("net_run", text, found.cpu)))
    assert code.count(_MARK) == 1, "the constants have no place of their own in the object file"
    place = code.find(_MARK)
    code[place : place + len(constants)] = constants.tobytes()
    return bytes(code)


def _bytes(array: Array) -> Array:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _escaped(some: bytes) -> str:
    return "".join(f"\\{byte:02X}" for byte in some)


def _kernels(kernels: tuple[tuple[str, str], ...]) -> Iterator[str]:
    """The texts as parts of one: declarations once, functions and metadata by numbers of their own."""
    declared: dict[str, None] = {}
    metadata = 1  # 0 is the ident
    for number, (name, text) in enumerate(kernels):
        head, _, rest = text.partition(f"define void @{name}(")
        declared.update(dict.fromkeys(head.splitlines()))
        first, mine = metadata, rest.count("= distinct !{")
        metadata += 2 * mine
        rest = re.sub(r"!(\d+)\b", lambda found, first=first: f"!{first + int(found[1])}", rest)  # type: ignore[misc]
        rest = rest.replace(" nounwind {", " nounwind noinline {", 1)
        yield f"define internal void @kernel{number}({rest}"
    yield from declared


def _run(found: Standalone) -> Iterator[str]:
    """The stages on one thread, denormals flushed to zero meanwhile as in plans."""
    most = max(sum(len(call.arguments) for call in stage.calls) for stage in found.stages)
    yield "define void @net_run(ptr %image, ptr %scores, ptr %memory) nounwind {"
    yield f"entry:\n%args = alloca [{most} x i64]"
    yield "%mode = call i64 @flush()"
    yield f"%scratch = getelementptr i8, ptr %memory, i64 {found.scratch}"
    for number, stage in enumerate(found.stages):
        yield from _stage(number, stage)
    yield "call void @restore(i64 %mode)"
    yield "ret void\n}"


def _stage(number: int, stage: Stage) -> Iterator[str]:
    place, tables = 0, []
    for call in stage.calls:
        table = f"%table{number}.{place}"
        yield f"{table} = getelementptr i64, ptr %args, i64 {place}"
        for argument in call.arguments:
            yield from _argument(f"{number}.{place}", argument)
            place += 1
        tables.append((call.kernel, table))
    task = "0"
    if stage.tasks > 1:
        yield f"br label %before{number}\nbefore{number}:\nbr label %stage{number}\nstage{number}:"
        yield f"%task{number} = phi i64 [ 0, %before{number} ], [ %next{number}, %stage{number} ]"
        task = f"%task{number}"
    for kernel, table in tables:
        yield f"call void @kernel{kernel}(ptr {table}, i64 {task}, ptr %scratch)"
    if stage.tasks > 1:
        yield f"%next{number} = add i64 {task}, 1"
        yield f"%more{number} = icmp ult i64 %next{number}, {stage.tasks}"
        yield f"br i1 %more{number}, label %stage{number}, label %after{number}\nafter{number}:"


def _argument(place: str, argument: Address) -> Iterator[str]:
    """Write one word of the table."""
    yield f"%place{place} = getelementptr i64, ptr %args, i64 {place.rpartition('.')[2]}"
    if argument.base == "scratch":
        yield f"store i64 {argument.offset}, ptr %place{place}"
        return
    base = "@constants" if argument.base == "constants" else f"%{argument.base}"
    yield f"%address{place} = getelementptr i8, ptr {base}, i64 {argument.offset}"
    yield f"store ptr %address{place}, ptr %place{place}"


_PREPARE = Template(r"""
define void @net_prepare(ptr %pixels, ptr %image) nounwind {
entry:
  br label %loop
loop:
  %n = phi i64 [ 0, %entry ], [ %next, %known ]
  %c = urem i64 %n, $channels
  %position = udiv i64 %n, $channels
  %x = urem i64 %position, $width
  %y = udiv i64 %position, $width
  %x.own = sub i64 %x, $to_x
  %y.own = sub i64 %y, $to_y
  %x.inside = icmp ult i64 %x.own, $both_x
  %y.inside = icmp ult i64 %y.own, $both_y
  %inside = and i1 %x.inside, %y.inside
  br i1 %inside, label %read, label %known
read:
  %x.there = add i64 %x.own, $from_x
  %y.there = add i64 %y.own, $from_y
  %row = mul i64 %y.there, $own_width
  %there = add i64 %row, %x.there
  %first = mul i64 %there, $channels
  %at = add i64 %first, %c
  %pixel.at = getelementptr i8, ptr %pixels, i64 %at
  %pixel = load i8, ptr %pixel.at
  br label %known
known:
  %level = phi i8 [ 0, %loop ], [ %pixel, %read ]
  %level.wide = zext i8 %level to i64
  %table = mul i64 %c, 256
  %entry.number = add i64 %table, %level.wide
  %tables = getelementptr i8, ptr @constants, i64 $tables
  %value.at = getelementptr float, ptr %tables, i64 %entry.number
  %value = load float, ptr %value.at
  %to = getelementptr float, ptr %image, i64 %n
  store float %value, ptr %to
  %next = add i64 %n, 1
  %more = icmp ult i64 %next, $numbers
  br i1 %more, label %loop, label %done
done:
  ret void
}
""")


def _prepare(pixels: Pixels, tables: int) -> str:
    (from_y, to_y, both_y), (from_x, to_x, both_x) = (
        _overlap(old, new) for old, new in zip(pixels.size, pixels.input, strict=True)
    )
    channels = len(pixels.table)
    return _PREPARE.substitute(
        channels=channels,
        width=pixels.input[1],
        own_width=pixels.size[1],
        numbers=pixels.input[0] * pixels.input[1] * channels,
        tables=tables,
        **{"from_x": from_x, "to_x": to_x, "both_x": both_x},
        **{"from_y": from_y, "to_y": to_y, "both_y": both_y},
    )


def _overlap(old: int, new: int) -> tuple[int, int, int]:
    """Where `old` places and centred `new` ones begin to coincide, in the old and in the new, and how many
    do: as `data/preparation.py` centres.
    """
    both = min(old, new)
    return (old - both) // 2, (new - both) // 2, both
