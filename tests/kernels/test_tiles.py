"""Kernels on matrix tiles against the formula of the unit, bit by bit; on AMX where there is one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from guard import guarded
from volumes import Slab, run

from kitnet.base.precision import LARGEST, PRECISIONS, SMALLEST, Precision, rounded, split, tile_product
from kitnet.kernels.activation import Activation
from kitnet.kernels.amx import NEEDS, why_no_tiles
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.emit import Kernel
from kitnet.kernels.jit import assembly, build, object_code
from kitnet.kernels.spec import Batch, Volume, Window
from kitnet.kernels.tiles import convolution, filters
from kitnet.kernels.tiles.pairs import Pairs, into_pairs, pairs_of, room
from kitnet.kernels.tiles.unit import TILE, Amx, Emulated, Unit, unit_of
from kitnet.kernels.types import F32, U32
from kitnet.layers import Convolution, Kept
from kitnet.net.precise import backward, read

LEVELS = {detect(level).lanes: detect(level) for level in reversed(levels())}  # one of each length of vectors
EMULATED = [replace(cpu, emulates_tiles=True) for cpu in reversed(LEVELS.values())]
UNITS = [*EMULATED, *([detect()] if why_no_tiles(detect()) is None else [])]
EACH = pytest.mark.parametrize(
    "cpu", UNITS, ids=[f"{'emulated' if cpu.emulates_tiles else 'amx'}-{cpu.level}" for cpu in UNITS]
)
SPECIAL = np.float32(
    [0, -0.0, np.inf, -np.inf, np.nan, SMALLEST, -SMALLEST / 2, 1e-39, LARGEST, 3.4e38, -3.39e38, 1, -1]
)  # fmt: skip


def bits(x: np.ndarray) -> np.ndarray:
    """bf16 pairs (..., 2k) as uint32 (..., k)."""
    halves = (np.ascontiguousarray(x, np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return halves.view(np.uint32)


def same(one: np.ndarray, other: np.ndarray) -> None:
    """Equal bit by bit, but for the payload of NaN."""
    nan = np.isnan(one)
    np.testing.assert_array_equal(nan, np.isnan(other))
    np.testing.assert_array_equal(one.view(np.uint32)[~nan], other.view(np.uint32)[~nan])


def product_kernel(cpu: Cpu) -> Kernel:
    k = Kernel("product", cpu, 1, a=U32, b=U32, c=F32, y=F32)
    a, b, c, y = k.pointers
    unit = unit_of(k)
    unit.begin()
    unit.load(4, a), unit.load(6, b), unit.load(1, c)
    unit.multiply(1, 4, 6)
    unit.store(1, y)
    unit.zero(1)
    unit.store(1, y + TILE)
    unit.end()
    return k


def multiplied(cpu: Cpu, c: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """c (16, 16) + a (16, 32) @ b (32, 16) by the unit."""
    y = guarded(2 * TILE, np.float32)
    pairs = bits(b.reshape(16, 2, 16).transpose(0, 2, 1).reshape(16, 32))
    build([product_kernel(cpu)])[0](a=bits(a).ravel(), b=pairs.ravel(), c=c.ravel().copy(), y=y)
    assert not y[TILE:].view(np.uint32).any()
    return y[:TILE].reshape(16, 16)


@EACH
def test_a_product_is_that_of_the_formula(cpu: Cpu) -> None:
    random = np.random.default_rng(1)
    for scale in (1.0, 2.0**-64, 2.0**60):
        a, b = (
            rounded(
                (random.standard_normal(shape) * scale * 2.0 ** random.integers(-9, 9, shape)).astype("f")
            )
            for shape in ((16, 32), (32, 16))
        )
        c = (random.standard_normal((16, 16)) * scale * scale).astype(np.float32)
        same(multiplied(cpu, c, a, b), tile_product(c, a, b))


@EACH
def test_a_product_of_what_is_not_finite_or_tiny(cpu: Cpu) -> None:
    """Each row and column has one number that is special, among zeros and ones."""
    random = np.random.default_rng(2)
    special = (SPECIAL.view(np.uint32) & 0xFFFF0000).view(np.float32)
    a, b = (random.integers(-1, 2, shape).astype(np.float32) for shape in ((16, 32), (32, 16)))
    for i in range(16):
        a[i, random.integers(32)] = special[i % len(special)]
        b[random.integers(32), i] = special[(5 * i + 1) % len(special)]
    c = np.resize(SPECIAL, (16, 16))
    same(multiplied(cpu, c, a, b), tile_product(c, a, b))


@EACH
def test_products_whose_sums_would_be_denormals(cpu: Cpu) -> None:
    a, b, c = (np.zeros(shape, np.float32) for shape in ((16, 32), (32, 16), (16, 16)))
    for i in range(16):
        a[i, :4] = np.float32([1, 1, -1, 1]) * 2.0**-60
        b[0, i], b[2, i] = 2.0 ** -(56 + i), 2.0**-66 + 2.0**-72
        b[1, i] = 2.0 ** -(66 + i // 4)
        a[i, 5], b[5, i] = 2.0**-130, 2.0 ** (90 * (i % 2))
    c[0, :] = np.resize([SMALLEST, -SMALLEST, 1e-40], 16)
    want = tile_product(c, a, b)
    assert (want == 0).any() and (want != 0).any()
    same(multiplied(cpu, c, a, b), want)


@EACH
@pytest.mark.parametrize("parts", [1, 2, 3])
def test_numbers_are_split_as_by_the_formula(cpu: Cpu, parts: int) -> None:
    random = np.random.default_rng(3)
    some = random.integers(0, 1 << 32, 2000, np.uint32).view(np.float32)
    x = np.concatenate([np.resize(SPECIAL, 16), some, random.standard_normal(800).astype("f")])[:2816]
    k = Kernel("split", cpu, 1, x=F32, y=U32)
    unit, (source, target) = unit_of(k), k.pointers
    half = x.size // 2
    with k.loop(0, half, k.lanes) as i:
        for n, pairs in enumerate(unit.split(k.vector(source, i), k.vector(source, i + half), parts)):
            k.store(pairs, target, i + n * half)
    got = np.empty(parts * half, np.uint32)
    build([k])[0](x=x, y=got)
    for n, want in enumerate(split(x, parts)):
        pairs = got.reshape(parts, half)[n]
        same(np.concatenate([pairs << 16, pairs & 0xFFFF0000]).view(np.float32), want)


# Convolutions: sizes, channels, filters, window, stride, padding before, images of a group.
SHAPES = {
    "1x1": ((3, 2), 32, 32, (1, 1), (1, 1), (0, 0), 16),
    "1x1 rests": ((1, 3), 35, 17, (1, 1), (1, 1), (0, 0), 16),
    "3x3": ((2, 15), 32, 16, (3, 3), (1, 1), (1, 1), 16),
    "3x3 rests": ((2, 3), 33, 35, (3, 3), (1, 1), (1, 1), 32),
    "one place": ((1, 1), 3, 1, (3, 3), (1, 1), (1, 1), 16),
    "valid": ((3, 4), 5, 33, (2, 3), (1, 1), (0, 0), 16),
    "stride": ((4, 5), 6, 17, (3, 3), (2, 2), (1, 1), 32),
}  # fmt: skip


class Problem:
    """One of SHAPES with numbers, and what the formula makes of it."""

    def __init__(self, cpu: Cpu, name: str, precision: Precision, groups: int = 1) -> None:
        sizes, depth, count, taps, stride, before, images = SHAPES[name]
        places = [
            (size + 2 * b - t) // s + 1 for size, b, t, s in zip(sizes, before, taps, stride, strict=True)
        ]
        self.cpu, self.precision, self.batch = cpu, precision, Batch(groups, images)
        self.depth, self.count, self.taps = depth, count, taps
        self.window = Window((1, *taps), (1, *stride), before=(0, *before))
        self.x = Volume((1, *sizes), depth, depth + 2)
        self.y = Volume((1, *places), count, count + 1)
        self.pairs = pairs_of(self.x, self.y, self.window, precision.parts)
        random = np.random.default_rng(len(name) + depth)
        self.values = random.standard_normal((groups * images, *sizes, depth)).astype(np.float32)
        self.weight = random.standard_normal((taps[0] * taps[1], depth, count)).astype(np.float32)
        self.bias = random.standard_normal(count).astype(np.float32)

    def tiles(self, factor: np.ndarray | None = None) -> np.ndarray:
        taps = self.taps[0] * self.taps[1]
        kernel = filters.pack(
            "pack", self.cpu, taps, self.depth, self.count, self.precision, scaled=factor is not None, tasks=2
        )
        u = guarded(filters.size(taps, self.depth, self.count, self.precision), np.uint32)
        more = {} if factor is None else {"factor": factor}
        run(build([kernel])[0], ("u",), weight=self.weight.ravel(), u=u, **more)
        return u

    def in_pairs(self, blocks: int = 2) -> np.ndarray:
        kernel = into_pairs("into_pairs", self.cpu, self.batch, self.x, self.pairs, blocks)
        y = guarded(room(self.pairs, self.batch), np.uint32)
        run(build([kernel])[0], ("y",), x=Slab(self.x, self.batch).put(self.values), y=y)
        return y

    def sums(self, weight: np.ndarray | None = None) -> np.ndarray:
        """(images, *places, filters) by the formula, in the order of the kernel."""
        (top, left), p, s = self.window.before[1:], self.pairs, self.window.stride[1:]
        rim = ((0, 0), (top, p.after[0]), (left, p.after[1]), (0, p.blocks * 32 - self.depth))
        columns = split(np.pad(self.values, rim), p.parts)
        rows = split(
            np.pad(weight if weight is not None else self.weight, ((0, 0), (0, rim[3][1]), (0, 0))), p.parts
        )
        _, high, wide = self.y.sizes
        total = np.zeros((self.count, len(self.values) * high * wide), np.float32)
        for ky, kx, block in np.ndindex(*self.taps, p.blocks):
            here = slice(block * 32, block * 32 + 32)
            for i, j in self.precision.products:
                seen = columns[j][
                    :, ky : ky + s[0] * (high - 1) + 1 : s[0], kx : kx + s[1] * (wide - 1) + 1 : s[1], here
                ]
                a, b = rows[i][ky * self.taps[1] + kx, here].T, seen.reshape(-1, 32).T
                total = tile_product(total, a, b)
        return total.T.reshape(len(self.values), high, wide, self.count)


BF16, X3, X6 = (PRECISIONS[name] for name in ("bf16", "bf16x3", "bf16x6"))
CASES = [("1x1 rests", BF16), ("3x3 rests", BF16), ("one place", X3), ("stride", BF16)]
LONG = [("3x3", X3), ("3x3 rests", X3), ("1x1 rests", X6), ("stride", X6), ("valid", X3)]


@EACH
@pytest.mark.parametrize(
    ("name", "precision"), [*CASES, *(pytest.param(*each, marks=pytest.mark.slow) for each in LONG)]
)
def test_a_convolution_is_that_of_the_formula(cpu: Cpu, name: str, precision: Precision) -> None:
    p = Problem(cpu, name, precision, groups=2 if name == "stride" else 1)
    x, u = p.in_pairs(), p.tiles()
    made = convolution.convolve(
        "convolve", cpu, p.batch, p.pairs, p.y, p.count, p.window, precision, activation=Activation("relu"),
        blocks=min(2, p.y.sizes[1]),
    )  # fmt: skip
    y = Slab(p.y, p.batch)
    run(build([made])[0], ("y",), x=x, u=u, bias=p.bias, y=y)
    want = np.maximum(p.sums() + p.bias, 0)
    same(y.get().reshape(want.shape), want)


@EACH
@pytest.mark.parametrize(
    ("name", "out"),
    [
        ("valid", (1, 0)),
        pytest.param("3x3", (1, 1), marks=pytest.mark.slow),
        pytest.param("3x3 rests", (0, 2), marks=pytest.mark.slow),
    ],
)
def test_the_next_layer_reads_what_the_epilogue_rounded(cpu: Cpu, name: str, out: tuple[int, int]) -> None:
    """What is written as pairs is what a pass over the float32 values would make of them, rim and all."""
    p = Problem(cpu, name, X3 if name == "valid" else BF16)
    x, u = p.in_pairs(), p.tiles()
    places = p.y.sizes[1:]
    to = Pairs((places[0], places[1]), p.count, p.pairs.parts, out, out[::-1])
    found = []
    for target in (p.y, to):
        kernel = convolution.convolve(
            "convolve", cpu, p.batch, p.pairs, target, p.count, p.window, p.precision,
            activation=Activation("sigmoid"), blocks=2,
        )  # fmt: skip
        y = Slab(p.y, p.batch) if isinstance(target, Volume) else guarded(room(to, p.batch), np.uint32)
        run(build([kernel])[0], ("y",), x=x, u=u, bias=p.bias, y=y)
        found.append(y)
    want = guarded(room(to, p.batch), np.uint32)
    passed = build([into_pairs("into_pairs", cpu, p.batch, p.y, to)])[0]
    run(passed, ("y",), x=found[0], y=want)
    np.testing.assert_array_equal(found[1], want)


@EACH
def test_sums_go_over_what_is_there(cpu: Cpu) -> None:
    p = Problem(cpu, "1x1 rests", X3)
    kernel = convolution.convolve(
        "convolve", cpu, p.batch, p.pairs, p.y, p.count, p.window, X3, bias=False, accumulate=True
    )
    held = np.random.default_rng(0).standard_normal((len(p.values), *p.y.sizes, p.count)).astype("f")
    y = Slab(p.y, p.batch).put(held)
    run(build([kernel])[0], ("y",), x=p.in_pairs(), u=p.tiles(), bias=p.bias, y=y)
    same(y.get(), p.sums()[:, None] + held)


@EACH
def test_filters_are_scaled_before_they_are_rounded(cpu: Cpu) -> None:
    p = Problem(cpu, "1x1 rests", BF16)
    factor = np.random.default_rng(0).standard_normal(p.count).astype(np.float32)
    got = p.tiles(factor).view(np.uint16).reshape(2, 1, 2, 1, 16, 32)
    want = np.zeros((64, 32), np.float32)
    want[:35, :17] = rounded(p.weight[0] * factor)
    tiles = want.reshape(2, 32, 2, 16).transpose(2, 0, 3, 1).reshape(2, 1, 2, 1, 16, 32)
    np.testing.assert_array_equal((got.astype(np.uint32) << 16).view(np.float32), tiles)


@EACH
@pytest.mark.parametrize("name", ["3x3 rests", "valid"])
def test_filters_of_the_way_back(cpu: Cpu, name: str) -> None:
    p = Problem(cpu, name, X3)
    taps = len(p.weight)
    kernel = filters.pack("turned", cpu, taps, p.depth, p.count, X3, turned=True, tasks=2)
    u = guarded(filters.size(taps, p.count, p.depth, X3), np.uint32)
    run(build([kernel])[0], ("u",), weight=p.weight.ravel(), u=u)
    rows, deep = -(-p.depth // 16), -(-p.count // 32)
    want = np.zeros((2, taps, rows * 16, deep * 32), np.float32)
    want[:, :, : p.depth, : p.count] = split(p.weight[::-1], 2)
    tiles = want.reshape(2, taps, rows, 16, deep, 32).transpose(2, 1, 4, 0, 3, 5)
    np.testing.assert_array_equal(
        u.view(np.uint16), (tiles.copy().view(np.uint32) >> 16).astype("u2").ravel()
    )


@EACH
@pytest.mark.parametrize(
    ("name", "precision"), [("valid", BF16), pytest.param("3x3 rests", X3, marks=pytest.mark.slow)]
)
def test_the_gradient_of_an_input_is_a_convolution_too(cpu: Cpu, name: str, precision: Precision) -> None:
    """dx = what turned filters make of dy with the rest of the window as rim, against the layer's formula."""
    p = Problem(cpu, name, precision)
    (high, wide), (top, left) = p.taps, p.window.before[1:]
    back = Window((1, high, wide), before=(0, high - 1 - top, wide - 1 - left))
    pairs = pairs_of(p.y, p.x, back, precision.parts)
    dy = np.random.default_rng(1).standard_normal((len(p.values), *p.y.sizes[1:], p.count)).astype("f")
    u = guarded(filters.size(high * wide, p.count, p.depth, precision), np.uint32)
    pack = filters.pack("turned", cpu, high * wide, p.depth, p.count, precision, turned=True)
    into = into_pairs("into_pairs", cpu, p.batch, p.y, pairs)
    dx = convolution.convolve("convolve", cpu, p.batch, pairs, p.x, p.depth, back, precision, bias=False)
    x, result = guarded(room(pairs, p.batch), np.uint32), Slab(p.x, p.batch)
    pack, into, dx = build([pack, into, dx])
    run(pack, ("u",), weight=p.weight.ravel(), u=u)
    run(into, ("y",), x=Slab(p.y, p.batch).put(dy), y=x)
    run(dx, ("y",), x=x, u=u, bias=p.bias, y=result)
    layer = Convolution(p.taps, p.count, pad=((top, top), (left, left)), bias=False)
    weight = p.weight.reshape(*p.taps, p.depth, p.count)
    made = backward(
        precision, layer, {"weight": weight}, Kept((), (rounded(p.values),)), read(precision, layer, dy)
    )
    want = made.dx[0]
    assert want is not None
    np.testing.assert_allclose(result.get().reshape(want.shape), want, rtol=0, atol=4e-6 * np.abs(want).max())


@pytest.fixture
def sapphire() -> Cpu:
    """A processor with AMX, which code can be written for anywhere."""
    features = frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "fma", *NEEDS})
    return Cpu("x86_64", "avx512", "sapphirerapids", features, 16, 32, True, "Sapphire Rapids")


def is_x86() -> bool:
    return detect().architecture.lower() in ("x86_64", "amd64")


@pytest.mark.skipif(not is_x86(), reason="LLVM writes x86 code on x86 alone here")
def test_code_for_amx_has_tiles(sapphire: Cpu) -> None:
    """LLVM verifies the kernels and makes machine code of the processor's own instructions."""
    p = Problem(sapphire, "3x3 rests", X3)
    kernels = [
        convolution.convolve("convolve", sapphire, p.batch, p.pairs, target, p.count, p.window, X3)
        for target in (p.y, Pairs((2, 3), p.count, 2))
    ]
    for kernel in kernels:
        text = assembly(kernel)
        for word in ("ldtilecfg", "tilezero", "tileloadd", "tdpbf16ps", "tilestored", "tilerelease"):
            assert word in text, word
        first, last = (text.index(word) for word in ("ldtilecfg", "tilerelease"))
        places = [text.index(word) for word in ("tilezero", "tileloadd", "tdpbf16ps", "tilestored")]
        assert first < min(places) and max(places) < last
        assert object_code(kernel)
    assert "vcvtne2ps2bf16" in assembly(kernels[1])
    pack = filters.pack("pack", sapphire, 9, p.depth, p.count, X3)
    assert "vcvtne2ps2bf16" in assembly(pack)


def test_which_unit(sapphire: Cpu) -> None:
    def of(cpu: Cpu) -> type[Unit]:
        return type(unit_of(Kernel("k", cpu, 1)))

    assert of(sapphire) is Amx
    assert of(replace(sapphire, emulates_tiles=True)) is Emulated
    assert of(replace(sapphire, features=sapphire.features - {"amx-bf16"})) is Emulated
