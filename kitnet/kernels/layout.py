"""From a batch as people hold it, one picture after the other, into the lanes, and back.

Pictures are rows of `numbers` values; in the lanes the images are innermost. Squares of lanes x lanes numbers
are transposed in registers. `count`, one int64 in memory, says how many pictures there really are. Pictures
beyond them are neither read nor written. Lanes beyond them hold the last picture once more, so that what a
network makes of them is finite wherever it is for a real picture; in gradients they hold 0, which adds
nothing to sums over all lanes.
"""

from __future__ import annotations

from collections.abc import Callable

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch
from kitnet.kernels.types import F32, I64
from kitnet.kernels.values import Index, Int, Pointer, Value
from kitnet.kernels.walk import lower, over, share

# Transposes one square, given where it begins in the pictures and in the lanes, how many pictures are left
# there (None: enough), and how many numbers wide it is.
_Square = Callable[[Index, Index, Int | None, int], None]


def into_lanes(
    name: str,
    cpu: Cpu,
    batch: Batch,
    numbers: int,
    blocks: int = 1,
    own: bool = False,
    gradient: bool = False,
) -> Kernel:
    """x (count, numbers), count -> y (groups, numbers, images), or with `own` (numbers, images), which every
    group overwrites. Numbers are cut into blocks. Lanes beyond `count` hold the last picture, or with
    `gradient` 0, as all lanes do where count is 0.
    """
    k = over(name, cpu, batch, blocks, x=F32, count=I64, y=F32)
    x, count, y = k.pointers
    any_picture = k.index(k.scalar(count)) > 0

    def row(start: Index, r: int, left: Int | None, width: int) -> Value:
        if left is None:
            return k.vector(x, start + r * numbers, width)
        register = k.register(k.zero())
        with k.when(left > r if gradient else any_picture):
            picture = r if gradient else (left - 1).at_most(r)
            register.set(k.vector(x, start + picture * numbers, width))
        return register.get()

    def square(outside: Index, inside: Index, left: Int | None, width: int) -> None:
        columns = k.transpose([row(outside, r, left, width) for r in range(k.lanes)])
        for c in range(width):
            k.store(columns[c], y, inside + c * batch.images)

    _squares(k, batch, numbers, own, count, square)
    return k


def out_of_lanes(
    name: str, cpu: Cpu, batch: Batch, numbers: int, blocks: int = 1, own: bool = False
) -> Kernel:
    """x (groups, numbers, images), or with `own` (numbers, images), count -> y (count, numbers). Numbers are
    cut into blocks.
    """
    k = over(name, cpu, batch, blocks, x=F32, count=I64, y=F32)
    x, count, y = k.pointers

    def square(outside: Index, inside: Index, left: Int | None, width: int) -> None:
        columns = [k.vector(x, inside + c * batch.images) for c in range(width)]
        rows = k.transpose(columns + [k.zero()] * (k.lanes - width))
        for r, row in enumerate(rows):
            with k.when(True if left is None else left > r):
                k.store(row, y, outside + r * numbers, width)

    _squares(k, batch, numbers, own, count, square)
    return k


def _squares(k: Kernel, batch: Batch, numbers: int, own: bool, count: Pointer, square: _Square) -> None:
    """Every square of the task's block, the last ones narrower where lanes do not divide the numbers."""
    whole, rest = divmod(numbers, k.lanes)
    squares = whole + (rest > 0)
    group, first, last = share(k, batch, squares)
    pictures = k.index(k.scalar(count)) - group * batch.images
    lanes = 0 if own else group * numbers
    with k.loop(0, batch.images, k.lanes) as i:
        left = pictures - i

        def at(number: Index, few: Int | None, width: int) -> None:
            outside = (group * batch.images + i) * numbers + number
            square(outside, (lanes + number) * batch.images + i, few, width)

        for few in (None, left):
            with k.when(left < k.lanes if few else left >= k.lanes):
                with k.loop(first, lower(last, whole)) as n:
                    at(n * k.lanes, few, k.lanes)
                if rest:
                    with k.when(last == squares if isinstance(last, int) else last.equals(squares)):
                        at(whole * k.lanes, few, rest)
