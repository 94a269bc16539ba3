"""Winograd's filter gradient against the formula in float64.

With |G|, |B'| and |A| for the matrices without their signs, every number that is added on the way is at most
its share of

    size = |G'| [ (|A| |dy| |A'|) * (|B'| |x| |B|), summed over tiles and images ] |G|

and the errors stay below 2 eps size, as on the way forward.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from guard import guarded
from numpy.typing import NDArray

from kitnet.base.shape import Axis
from kitnet.kernels import jit, winograd_gradient
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.spec import Batch, Volume
from kitnet.layers.convolution import filter_gradient

Array = NDArray[Any]
EPS = float(np.finfo(np.float32).eps)
G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
B = np.array(
    [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
     [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]]
)  # fmt: skip
A = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])


@dataclass(frozen=True)
class Problem:
    """Sizes, padding before and after each axis, channels, filters, and channels of pitch beyond."""

    sizes: tuple[int, int]
    pads: tuple[tuple[int, int], tuple[int, int]]
    depth: int
    filters: int
    samples: int = 3
    images: int = 16
    more: tuple[int, int] = (0, 0)
    chunks: int = 1
    parts: int = 1

    @property
    def axes(self) -> tuple[Axis, ...]:
        pairs = zip(self.sizes, self.pads, strict=True)
        return tuple(Axis(size, 3, 1, 1, *pad, size + sum(pad) - 2) for size, pad in pairs)

    @property
    def batch(self) -> Batch:
        return Batch(-(-self.samples // self.images), self.images)

    def arrays(self) -> tuple[Array, Array]:
        """x and dy."""
        rng = np.random.default_rng(self.depth + self.filters)
        outputs = tuple(axis.output for axis in self.axes)
        x = rng.standard_normal((self.samples, *self.sizes, self.depth), np.float32)
        return x, rng.standard_normal((self.samples, *outputs, self.filters), np.float32)


def in_lanes(a: Array, volume: Volume, batch: Batch, at: str) -> Array:
    """(samples, *sizes, channels) in the lanes between forbidden pages; channels beyond hold NaN, the lanes
    of no sample zeros.
    """
    memory = guarded((batch.groups, *volume.sizes, volume.pitch, batch.images), at=at)
    memory[..., : volume.channels, :] = 0
    for sample, row in enumerate(a):
        group, lane = divmod(sample, batch.images)
        memory[group, 0, ..., : volume.channels, lane] = row
    return memory


def run(p: Problem, cpu: Cpu | None = None, at: str = "end", bias: bool = True) -> tuple[Array, Array]:
    """The partial sums of dw and of db; the kernel is run twice, for the same bits."""
    x, dy = p.arrays()
    one = Volume((1, *p.sizes), p.depth, p.depth + p.more[0])
    two = Volume((1, *dy.shape[1:3]), p.filters, p.filters + p.more[1])  # type: ignore[arg-type]
    before = (0, *(axis.before for axis in p.axes))
    kernel = winograd_gradient.filter_gradient(
        "gradient", cpu or detect(), p.batch, one, two, before,  # type: ignore[arg-type]
        bias=bias, chunks=p.chunks, parts=p.parts,
    )  # fmt: skip
    (code,) = jit.build([kernel])
    given = {"x": in_lanes(x, one, p.batch, at), "dy": in_lanes(dy, two, p.batch, at)}
    results = []
    for _ in range(2):
        partial = guarded((p.chunks, 3, 3, p.depth, p.filters), at=at)
        bias_partial = guarded((p.chunks, p.filters), at=at)
        code(**given, partial=partial, bias_partial=bias_partial)
        results.append((partial, bias_partial))
    for first, second in zip(*results, strict=True):
        assert first.tobytes() == second.tobytes()
    return results[0]


def size_of(p: Problem) -> Array:
    """The bound's `size`: the algorithm without signs."""
    x, dy = (np.abs(a).astype(np.float64) for a in p.arrays())
    high, wide = (-(-axis.output // 4) for axis in p.axes)
    at = [axis.before for axis in p.axes]
    room = [4 * n + 2 + 2 * before + size for n, before, size in zip((high, wide), at, p.sizes, strict=True)]
    padded = np.zeros((len(x), *room, p.depth))
    padded[:, at[0] : at[0] + p.sizes[0], at[1] : at[1] + p.sizes[1]] = x
    outputs = np.zeros((len(x), 4 * high, 4 * wide, p.filters))
    outputs[:, : dy.shape[1], : dy.shape[2]] = dy
    g, b, a = np.abs(G), np.abs(B), np.abs(A)
    m = np.zeros((6, 6, p.depth, p.filters))
    for i in range(high):
        for j in range(wide):
            tile, places = padded[:, 4 * i : 4 * i + 6, 4 * j : 4 * j + 6], outputs[:, 4 * i :, 4 * j :]
            v = np.einsum("ai,nijc,bj->nabc", b, tile, b, optimize=True)
            w = np.einsum("ia,nijk,jb->nabk", a, places[:, :4, :4], a, optimize=True)
            m += np.einsum("nabc,nabk->abck", v, w, optimize=True)
    return np.einsum("ar,abck,bs->rsck", g, m, g, optimize=True)


def check(p: Problem, cpu: Cpu | None = None, at: str = "end") -> None:
    x, dy = (a.astype(np.float64) for a in p.arrays())
    partial, bias_partial = run(p, cpu, at)
    assert (np.abs(partial.sum(0) - filter_gradient(x, dy, p.axes)) <= 2 * EPS * size_of(p)).all()
    exact, size = dy.sum((0, 1, 2)), np.abs(dy).sum((0, 1, 2))
    assert (np.abs(bias_partial.sum(0) - exact) <= 4 * EPS * size).all()


SAME, NONE, FULL = ((1, 1), (1, 1)), ((0, 0), (0, 0)), ((2, 2), (2, 2))
CASES = {
    "one tile": Problem((4, 4), SAME, 2, 16),
    "primes": Problem((7, 5), SAME, 29, 32, samples=19),
    "one channel, three vectors": Problem((9, 6), NONE, 1, 48, parts=2),
    "full": Problem((5, 6), FULL, 3, 16),
    "one-sided": Problem((6, 5), ((2, 0), (0, 1)), 5, 64, more=(2, 3), parts=2),
    "mostly padding": Problem((1, 2), FULL, 3, 16),
    "padding beyond the window": Problem((3, 9), ((5, 6), (4, 0)), 2, 16),
    "chunks of groups": Problem((9, 10), SAME, 14, 32, images=32, samples=150, chunks=4),
    "chunks of tiles": Problem((22, 21), SAME, 15, 96, chunks=7, parts=3),
}


@pytest.mark.parametrize("p", CASES.values(), ids=CASES.keys())
@pytest.mark.sample(5)
def test_hard_cases(p: Problem):
    check(p)


@pytest.mark.parametrize("level", [level for level in levels() if level != detect().level])
@pytest.mark.parametrize("case", ["one-sided"])
def test_lesser_instruction_sets(level: str, case: str):
    check(CASES[case], detect(level), at="start")


def test_the_error_of_many_terms_is_some_millionths():
    p = Problem((28, 28), SAME, 16, 32, samples=32)
    x, dy = (a.astype(np.float64) for a in p.arrays())
    want = filter_gradient(x, dy, p.axes)
    error = run(p)[0].sum(0) - want
    assert np.sqrt(np.square(error).mean() / np.square(want).mean()) < 4e-6


def test_parts_change_no_bit():
    p = replace(CASES["chunks of tiles"], chunks=1, parts=1)
    one = run(p)
    for parts in (2, 1000):
        for a, b in zip(one, run(replace(p, parts=parts)), strict=True):
            assert a.tobytes() == b.tobytes()


def test_without_bias_its_pointer_is_left_alone():
    assert np.isnan(run(CASES["one tile"], bias=False)[1]).all()


def test_what_cannot_be_is_refused():
    volumes = Volume((1, 8, 8), 4, 4), Volume((1, 8, 8), 32, 32)
    make, cpu, before = winograd_gradient.filter_gradient, detect(), (0, 1, 1)
    with pytest.raises(ValueError, match=f"{cpu.lanes // 2} images do not fill vectors"):
        make("refused", cpu, Batch(1, cpu.lanes // 2), *volumes, before)
    with pytest.raises(ValueError, match="33 filters do not fill vectors"):
        make("refused", cpu, Batch(1, 16), volumes[0], Volume((1, 8, 8), 33, 33), before)
    with pytest.raises(ValueError, match="5 chunks; there are 4 vectors"):
        make("refused", cpu, Batch(1, cpu.lanes), *volumes, before, chunks=5)
    with pytest.raises(ValueError, match="one at a time"):
        make("refused", cpu, Batch(2, 16), replace(volumes[0], own=True), volumes[1], before)
