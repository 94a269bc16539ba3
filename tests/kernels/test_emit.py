"""The writer of loop nests, by what its kernels compute, on every instruction set to be had here."""

import itertools
import subprocess
import sys
import tracemalloc
from pathlib import Path

import guard
import numpy as np
import pytest
from guard import guarded

from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.emit import Kernel, once, writing_once
from kitnet.kernels.jit import build
from kitnet.kernels.types import F32, F64, I32, I64, U8, U32, U64, Type
from kitnet.kernels.values import Int

EACH_LEVEL = pytest.mark.parametrize("cpu", [detect(level) for level in levels()], ids=levels())


def call(k: Kernel, **arrays: np.ndarray) -> None:
    build([k])[0](**arrays)


# Indices and control


def test_index_arithmetic_is_pythons():
    expressions = [
        lambda i: i + 3, lambda i: 3 + i, lambda i: i - 3, lambda i: 3 - i, lambda i: i * 5,
        lambda i: (i + 2) * -3,
        lambda i: i * i, lambda i: (i + 1) * (i - 1), lambda i: i + i * 2 + 7,
        lambda i: (i + 5) - (i * 3 - 2),
        lambda i: (i * 3 + 1) // 4, lambda i: (i * 3 + 1) % 4, lambda i: i // 1, lambda i: i % 1,
        lambda i: (i - 1) // 7,
        lambda i: (i - 1) % 8, lambda i: i * 0 + 9, lambda i: i * 1 + 2,
    ]  # fmt: skip
    k = Kernel("indices", detect(), 1, x=I64, y=I64)
    x, y = k.pointers
    for n, expression in enumerate(expressions):
        k.store(expression(k.index(k.scalar(x))).value, y, n)
    (code,) = build([k])
    got = np.zeros(len(expressions), np.int64)
    for i in (-17, -8, -1, 0, 1, 2, 7, 8, 1000003):
        code(x=np.array([i]), y=got)
        assert got.tolist() == [expression(i) for expression in expressions], i


def test_index_comparisons_and_bounds():
    k = Kernel("compare", detect(), 1, x=I64, y=I64)
    x, y = k.pointers
    a, b = k.index(k.scalar(x)), k.index(k.scalar(x, 1)) + 1
    for n, truth in enumerate([a < b, a <= b, a > b, a >= b, a.equals(b), a < 2, a.equals(2)]):
        k.store(truth.to(I64), y, n)
    k.store(a.at_least(b).value, y, 7)
    k.store(a.at_most(3).value, y, 8)
    (code,) = build([k])
    got = np.zeros(9, np.int64)
    for i, j in itertools.product((-2, 1, 2, 3, 4), repeat=2):
        code(x=np.array([i, j - 1]), y=got)
        assert got.tolist() == [i < j, i <= j, i > j, i >= j, i == j, i < 2, i == 2, max(i, j), min(i, 3)]


@pytest.mark.parametrize("divisor", [0, -3])
def test_division_by_what_is_not_above_zero_is_refused(divisor):
    k = Kernel("divide", detect(), 4)
    with pytest.raises(ValueError, match="must be above zero"):
        divmod(k.task, divisor)


def test_loops_run_as_often_as_pythons_ranges():
    bounds = list(itertools.product((-3, 0, 2), (-3, 0, 1, 5, 6), (1, 2, 3)))
    k = Kernel("loops", detect(), 1, at=I64, y=I64)
    at, y = k.pointers
    slot = 0
    for start, stop, step in bounds:
        known = (start, stop)
        run_time = (k.index(k.scalar(at, start + 3)), k.index(k.scalar(at, stop + 3)))
        for first, last in (known, run_time, (start, run_time[1]), (run_time[0], stop)):
            place = y + slot
            with k.loop(first, last, step) as i:
                value = i.value if isinstance(i, Int) else k.constant(i, I64, 1)
                k.store(k.scalar(place) * 10 + value + 4, place)
            slot += 1
    got, want = np.zeros(slot, np.int64), []
    call(k, at=np.arange(-3, 7), y=got)
    for start, stop, step in bounds:
        number = 0
        for i in range(start, stop, step):
            number = number * 10 + i + 4
        want += [number] * 4
    assert got.tolist() == want


def test_a_loop_of_one_turn_is_no_loop():
    k = Kernel("once", detect(), 1)
    with k.loop(3, 5, 2) as i:
        assert i == 3
    assert "phi" not in k.text


def test_a_loop_that_cannot_end_is_refused():
    k = Kernel("endless", detect(), 1)
    with pytest.raises(ValueError, match="steps by 0"), k.loop(0, 4, 0):
        pytest.fail("the loop began")


@pytest.mark.parametrize("unroll", [None, 1, 4])
def test_unrolling_changes_no_result(unroll):
    k = Kernel("unrolled", detect(), 1, y=I64)
    (y,) = k.pointers
    total = k.register(k.constant(0, I64, 1))
    with k.loop(0, 1000, unroll=unroll) as i, k.loop(0, 3, unroll=unroll):
        total.set(total.get() * 3 + i.value)
    k.store(total.get(), y)
    got = np.zeros(1, np.int64)
    call(k, y=got)
    want = 0
    for i in range(1000):
        for _ in range(3):
            want = want * 3 + i
    assert got[0] == (want + 2**63) % 2**64 - 2**63


def test_when_does_its_block_or_not():
    k = Kernel("sometimes", detect(), 8, y=I64)
    (y,) = k.pointers
    count = k.register(k.constant(0, I64, 1))
    with k.when(k.task >= 3):
        count.set(count.get() + 1)
        with k.when((k.task % 2).equals(0) & ~(k.task.equals(6))):
            count.set(count.get() + 10)
    with k.when(False):
        count.set(count.get() + 100)
    k.store(count.get(), y, k.task)
    got = np.zeros(8, np.int64)
    call(k, y=got)
    assert got.tolist() == [0, 0, 0, 1, 11, 1, 1, 1]


# Memory


@EACH_LEVEL
@pytest.mark.parametrize("type", [F32, F64, I32, I64, U8], ids=lambda type: type.name)
@pytest.mark.parametrize("known", [True, False], ids=["known", "run-time"])
def test_a_sweep_touches_its_elements_and_no_others(cpu: Cpu, type: Type, known: bool):
    lengths = range(1, 2 * cpu.lanes + 3)
    kernels = []
    for length in lengths if known else [0]:
        k = Kernel("sweep", cpu, 1, x=type, y=type, n=I64)
        x, y, n = k.pointers
        body = lambda i, count, k=k, x=x, y=y: k.store(k.vector(x, i, count) + 1, y, i, count)  # noqa: E731
        k.sweep(length if known else k.index(k.scalar(n)), body)
        kernels.append(k)
    codes = build(kernels) if known else build(kernels) * len(lengths)
    for length, code in zip(lengths, codes, strict=True):
        for at in ("start", "end"):
            x, y = guarded(length, type.name, at), guarded(length, type.name, at)
            x[:] = np.arange(length)
            code(x=x, y=y, n=np.array([length]))
            np.testing.assert_array_equal(y, np.arange(1, length + 1))


@EACH_LEVEL
def test_a_masked_vector_is_zero_beyond_its_count(cpu: Cpu):
    k = Kernel("masked", cpu, 1, x=F32, y=F32)
    x, y = k.pointers
    k.store(k.vector(x, 0, 3), y)
    got = np.full(cpu.lanes, np.nan, np.float32)
    x = guarded(3)
    x[:] = 5
    call(k, x=x, y=got)
    assert got.tolist() == [5, 5, 5] + [0] * (cpu.lanes - 3)


@pytest.mark.parametrize("count", [0, -1, 17])
def test_an_impossible_count_is_refused(count):
    k = Kernel("masked", detect("baseline"), 1, x=F32)
    with pytest.raises(ValueError, match="lanes are asked of a vector of 4"):
        k.vector(k.pointers[0], 0, count)


def test_guard_pages_bite():
    code = (
        "import sys; sys.path[:0] = {path!r}\nfrom guard import guarded\nimport ctypes\n"
        "x = guarded(5, at={at!r})\nctypes.c_char.from_address(x.ctypes.data + {offset}).value\n"
        "print('survived')"
    )
    path = [str(Path(guard.__file__).parent)]
    for at, offset, survives in (
        ("end", 19, True),
        ("end", 20, False),
        ("start", 0, True),
        ("start", -1, False),
    ):
        run = subprocess.run(
            [sys.executable, "-c", code.format(path=path, at=at, offset=offset)],
            capture_output=True,
            check=False,
        )
        assert (b"survived" in run.stdout) == survives, (at, offset)


def test_what_is_stored_is_seen_through_another_argument():
    k = Kernel("overlap", detect(), 1, x=I64, y=I64)
    x, y = k.pointers
    with k.loop(0, 20) as i:
        k.store(k.scalar(x, i) + k.scalar(x, i + 1), y, i)
    memory = np.ones(22, np.int64)
    call(k, x=memory, y=memory[2:])
    want = [1, 1]
    for i in range(20):
        want.append(want[i] + want[i + 1])
    assert memory.tolist() == want


def test_scratch_pieces_are_aligned_and_apart():
    k = Kernel("scratch", detect(), 1, y=F32)
    (y,) = k.pointers
    first, second = k.scratch(F32, 3), k.scratch(F64, 100)
    assert k.scratch_bytes == 64 + 832
    k.store(k.constant(1.0, F32, 1), first, 2)
    k.store(k.constant(2.0, F64, 1), second)
    k.store(k.constant(3.0, F64, 1), second, 99)
    k.store(k.scalar(first, 2) + k.scalar(second).to(F32) * 10 + k.scalar(second, 99).to(F32) * 100, y)
    got = np.zeros(1, np.float32)
    call(k, y=got)
    assert got[0] == 321


# Values


@EACH_LEVEL
def test_arithmetic_and_comparisons_are_numpys(cpu: Cpu):
    rng = np.random.default_rng(1)
    expressions = [
        lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b, lambda a, b: -a,
        lambda a, b: 2 - a, lambda a, b: 1.5 * a + b, lambda a, b: 1 / b,
    ]  # fmt: skip
    compare = [
        lambda a, b: a < b, lambda a, b: a <= b, lambda a, b: a > b, lambda a, b: a >= b,
        lambda a, b: (a < b) & (a > 0),
        lambda a, b: (a < b) | (b < 0), lambda a, b: (a < b) ^ (b < 0), lambda a, b: ~(a < b),
        lambda a, b: a < 0.25,
    ]  # fmt: skip
    lanes = cpu.lanes
    k = Kernel("arithmetic", cpu, 1, x=F32, y=F32, z=I32)
    x, y, z = k.pointers
    a, b = k.vector(x), k.vector(x, lanes)
    for n, expression in enumerate(expressions):
        k.store(expression(a, b), y, n * lanes)
    for n, expression in enumerate([*compare, lambda a, b: a.equals(b), lambda a, b: a.is_nan()]):
        k.store(expression(a, b).to(I32), z, n * lanes)
    both = rng.standard_normal((2, lanes)).astype(np.float32)
    both[:, 0], both[:, 1], both[0, 2], both[1, 3] = np.nan, 0.5, np.nan, np.inf
    got, truths = (
        np.zeros((len(expressions), lanes), np.float32),
        np.zeros((len(compare) + 2, lanes), np.int32),
    )
    call(k, x=both, y=got, z=truths)
    for n, expression in enumerate(expressions):
        np.testing.assert_array_equal(got[n], expression(*both))
    for n, expression in enumerate(compare):
        np.testing.assert_array_equal(truths[n], expression(*both))
    np.testing.assert_array_equal(truths[-2], both[0] == both[1])
    np.testing.assert_array_equal(truths[-1], np.isnan(both[0]))


@EACH_LEVEL
@pytest.mark.parametrize("type", [I32, U32, I64, U64], ids=lambda type: type.name)
def test_integer_arithmetic_wraps_as_numpys(cpu: Cpu, type: Type):
    expressions = [
        lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a & b, lambda a, b: a | b,
        lambda a, b: a ^ b, lambda a, b: ~a, lambda a, b: a << 5, lambda a, b: a >> 3, lambda a, b: -a,
    ]  # fmt: skip
    lanes = cpu.lanes
    k = Kernel("integers", cpu, 1, x=type, y=type, z=I32)
    x, y, z = k.pointers
    a, b = k.vector(x), k.vector(x, lanes)
    for n, expression in enumerate(expressions):
        k.store(expression(a, b), y, n * lanes)
    k.store((a < b).to(I32), z)
    both = np.random.default_rng(2).integers(0, 256, (2, lanes * type.bytes), np.uint8).view(type.name)
    got, less = np.zeros((len(expressions), lanes), type.name), np.zeros(lanes, np.int32)
    call(k, x=both, y=got, z=less)
    for n, expression in enumerate(expressions):
        np.testing.assert_array_equal(got[n], expression(*both))
    np.testing.assert_array_equal(less, both[0] < both[1])


@EACH_LEVEL
def test_conversions(cpu: Cpu):
    lanes = cpu.lanes
    k = Kernel(
        "convert",
        cpu,
        1,
        f=F32,
        b=U8,
        i=I32,
        d=F64,
        floats=F32,
        integers=I32,
        wide=I64,
        doubles=F64,
        small=U8,
    )
    f, b, i, d, floats, integers, wide, doubles, small = k.pointers
    k.store(k.vector(b).to(F32), floats)
    k.store(k.vector(i).to(F32), floats, lanes)
    k.store(k.vector(d).to(F32), floats, 2 * lanes)
    k.store(k.vector(f).to(I32), integers)
    k.store(k.vector(f).bits(I32), integers, lanes)
    k.store(k.vector(b).to(I32), integers, 2 * lanes)
    k.store(k.vector(i).to(I64), wide)
    k.store(k.vector(f).to(F64), doubles)
    k.store(k.vector(f).to(U8), small)
    k.store(k.vector(i).to(U8), small, lanes)
    xf = np.resize(np.array([2.9, -2.9, 300, 1e30, -1e30, np.nan, 0, 255.5], np.float32), lanes)
    xb = np.resize(np.array([0, 1, 127, 128, 255], np.uint8), lanes)
    xi = np.resize(np.array([0, -1, 2**24 + 1, -(2**31), 2**31 - 1, 300], np.int32), lanes)
    xd = np.resize(np.array([0.1, 1e300, -1e-300, 3.5]), lanes)
    floats, integers = np.zeros((3, lanes), np.float32), np.zeros((3, lanes), np.int32)
    wide, doubles, small = np.zeros(lanes, np.int64), np.zeros(lanes), np.zeros((2, lanes), np.uint8)
    call(k, f=xf, b=xb, i=xi, d=xd, floats=floats, integers=integers, wide=wide, doubles=doubles, small=small)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(
            floats, [xb.astype(np.float32), xi.astype(np.float32), xd.astype(np.float32)]
        )
    cut = np.array([2, -2, 300, 2**31 - 1, -(2**31), 0, 0, 255], np.int32)
    np.testing.assert_array_equal(integers, [np.resize(cut, lanes), xf.view(np.int32), xb.astype(np.int32)])
    np.testing.assert_array_equal(wide, xi)
    np.testing.assert_array_equal(doubles, xf.astype(np.float64))
    np.testing.assert_array_equal(
        small, [np.resize([2, 0, 255, 255, 0, 0, 0, 255], lanes), xi.astype(np.uint8)]
    )


@EACH_LEVEL
@pytest.mark.parametrize("type", [F32, F64], ids=lambda type: type.name)
def test_max_and_min_keep_nan_as_numpy_does(cpu: Cpu, type: Type):
    sides = np.array(list(itertools.product([np.nan, -np.inf, -1.0, 0.0, 2.0, np.inf], repeat=2)), type.name)
    a, b = (np.ascontiguousarray(side) for side in sides.T)
    got = np.zeros((4, len(a)), type.name)
    k = Kernel("extremes", cpu, 1, a=type, b=type, y=type)
    pa, pb, y = k.pointers

    def body(i, n):
        va, vb = k.vector(pa, i, n), k.vector(pb, i, n)
        for row, value in enumerate([k.max(va, vb), k.min(va, vb), k.max(va, 0.0), k.min(va, 1.0)]):
            k.store(value, y, i + row * len(a), n)

    k.sweep(len(a), body)
    call(k, a=a, b=b, y=got)
    want = [np.maximum(a, b), np.minimum(a, b), np.maximum(a, 0), np.minimum(a, 1)]
    np.testing.assert_array_equal(got, np.array(want))


@EACH_LEVEL
def test_fma_rounds_once_where_the_processor_can(cpu: Cpu):
    k = Kernel("fma", cpu, 1, x=F32, y=F32)
    x, y = k.pointers
    k.store(k.fma(k.splat(x), k.vector(x), k.splat(x, cpu.lanes)), y)
    k.store(k.fma(k.scalar(x), k.vector(x), -1.0), y, cpu.lanes)
    a = np.float32(1 + 2**-12)
    values = np.full(cpu.lanes + 1, a, np.float32)
    values[-1] = -np.float32(a * a)
    got = np.zeros((2, cpu.lanes), np.float32)
    call(k, x=values, y=got)
    once = np.float32(np.float64(a) * np.float64(a) - np.float64(np.float32(a * a)))
    assert once != 0
    assert (got[0] == (once if cpu.has_fma else 0)).all()
    assert (got[1] == (np.float32(np.float64(a) ** 2 - 1) if cpu.has_fma else np.float32(a * a) - 1)).all()


@EACH_LEVEL
def test_select_roots_and_sizes(cpu: Cpu):
    k = Kernel("select", cpu, 1, x=F32, y=F32)
    x, y = k.pointers
    v = k.vector(x)
    k.store(k.select(v < 0, k.sqrt(k.abs(v)), v * 2), y)
    k.store(k.select(k.scalar(x) < 0, v, 7.0), y, cpu.lanes)
    values = np.random.default_rng(3).standard_normal(cpu.lanes).astype(np.float32)
    values[0] = -4
    got = np.zeros((2, cpu.lanes), np.float32)
    call(k, x=values, y=got)
    np.testing.assert_array_equal(got[0], np.where(values < 0, np.sqrt(np.abs(values)), values * 2))
    np.testing.assert_array_equal(got[1], values)


@EACH_LEVEL
def test_across_lanes(cpu: Cpu):
    lanes = cpu.lanes
    k = Kernel("lanes", cpu, 1, x=F32, y=F32)
    x, y = k.pointers
    v = k.vector(x)
    for i, value in enumerate(
        [k.total(v), k.highest(v), k.lane(v, 3), k.total(k.iota(F32)), k.total(k.constant(0.5))]
    ):
        k.store(value, y, i)
    values = np.random.default_rng(4).standard_normal(lanes).astype(np.float32)
    got = np.zeros(5, np.float32)
    (code,) = build([k])
    code(x=values, y=got)
    halves = values.copy()
    while len(halves) > 1:
        halves = halves[: len(halves) // 2] + halves[len(halves) // 2 :]
    assert got.tolist() == [halves[0], values.max(), values[3], lanes * (lanes - 1) / 2, lanes / 2]
    values[lanes // 2] = np.nan
    code(x=values, y=got)
    assert np.isnan(got[0]) and np.isnan(got[1])


@EACH_LEVEL
def test_transposing(cpu: Cpu):
    lanes = cpu.lanes
    k = Kernel("transposed", cpu, 1, x=F32, y=F32)
    x, y = k.pointers
    for i, row in enumerate(k.transpose([k.vector(x, i * lanes) for i in range(lanes)])):
        k.store(row, y, i * lanes)
    values = np.arange(lanes * lanes, dtype=np.float32).reshape(lanes, lanes)
    got = np.zeros_like(values)
    call(k, x=values, y=got)
    np.testing.assert_array_equal(got, values.T)


def test_a_value_can_be_an_index():
    k = Kernel("gather", detect(), 5, at=U8, x=F32, y=F32)
    at, x, y = k.pointers
    k.store(k.scalar(x, k.index(k.scalar(at, k.task))), y, k.task)
    at, x, got = (
        np.array([4, 200, 0, 255, 128], np.uint8),
        np.arange(256, dtype=np.float32),
        np.zeros(5, np.float32),
    )
    call(k, at=at, x=x, y=got)
    np.testing.assert_array_equal(got, at)


def test_constants_are_exact():
    numbers = [0.1, -0.0, 1e-45, 3.4028235e38, 1e39, -1e39, np.inf, np.nan, 1 / 3]
    k = Kernel("constants", detect(), 1, y=F32, z=F64)
    y, z = k.pointers
    for i, number in enumerate(numbers):
        k.store(k.constant(number, F32, 1), y, i)
        k.store(k.constant(number, F64, 1), z, i)
    singles, doubles = np.zeros(len(numbers), np.float32), np.zeros(len(numbers))
    call(k, y=singles, z=doubles)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(singles, np.array(numbers).astype(np.float32))
    np.testing.assert_array_equal(doubles, np.array(numbers))
    assert np.signbit(singles[1]) and np.signbit(doubles[1])


# Mistakes


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda k, x, y: k.scalar(x) + k.scalar(y), "float32 and int32 do not mix"),
        (lambda k, x, y: k.store(k.scalar(x), y), "float32 cannot be stored as int32"),
        (lambda k, x, y: k.scalar(x) & 1, "and is not for float32"),
        (lambda k, x, y: k.scalar(y) / 2, "fdiv is not for int32"),
        (lambda k, x, y: k.vector(x) + k.shuffle(k.vector(x), k.vector(x), [0, 1]), "lanes do not mix"),
        (lambda k, x, y: k.register(k.scalar(x)).set(k.vector(x)), "a register of float cannot take"),
        (lambda k, x, y: k.fma(k.scalar(x), k.scalar(x), k.scalar(y)), "float32"),
    ],
)
def test_types_do_not_mix_silently(mistake, message):
    k = Kernel("mistake", detect(), 1, x=F32, y=I32)
    with pytest.raises(TypeError, match=message):
        mistake(k, *k.pointers)


@pytest.mark.parametrize(("name", "tasks"), [("no name", 1), ("é", 1), ("k", 0), ("k", 2**31)])
def test_a_kernel_needs_a_name_and_tasks(name, tasks):
    with pytest.raises(ValueError, match=r"name a kernel|tasks; it needs"):
        Kernel(name, detect(), tasks)


def test_only_square_blocks_are_transposed():
    k = Kernel("odd", detect(), 1, x=F32)
    with pytest.raises(ValueError, match="3 rows cannot be transposed"):
        k.transpose([k.vector(k.pointers[0])] * 3)


# All of it together


def convolution(cpu: Cpu, G: int, H: int, W: int, C: int, K: int, R: int, S: int, tile: int = 6) -> Kernel:
    """y[g, h, w, k] = max(0, b[k] + sum of w[k, r, s, c] * x[g, h + r, w + s, c]), images in the lanes."""
    L, Ho, Wo = 2 * cpu.lanes, H - R + 1, W - S + 1
    k = Kernel("convolution", cpu, G * Ho, x=F32, w=F32, b=F32, y=F32)
    x, w, b, y = k.pointers
    g, h = divmod(k.task, Ho)
    with k.loop(Wo) as o:
        image, out = x + ((g * H + h) * W + o) * (C * L), y + ((g * Ho + h) * Wo + o) * (K * L)
        for first in range(0, K, tile):
            rows = range(first, min(first + tile, K))
            sums = {f: [k.register(k.splat(b, f)) for _ in range(2)] for f in rows}
            with k.loop(R) as r, k.loop(S * C) as d:  # the taps of one row are one run of the image
                here = image + r * (W * C * L) + d * L
                pixels = [k.vector(here), k.vector(here, cpu.lanes)]
                for f in rows:
                    weight = k.splat(w + r * (S * C) + d, f * (R * S * C))
                    for sum, pixel in zip(sums[f], pixels, strict=True):
                        sum.set(k.fma(weight, pixel, sum.get()))
            for f in rows:
                for v, sum in enumerate(sums[f]):
                    k.store(k.max(sum.get(), 0.0), out, f * L + v * cpu.lanes)
    return k


@EACH_LEVEL
@pytest.mark.parametrize("shape", [(2, 7, 9, 3, 8, 3, 3), (1, 5, 5, 1, 6, 5, 5), (3, 4, 3, 5, 7, 1, 2)])
def test_a_convolution_is_exact_on_whole_numbers(cpu: Cpu, shape):
    G, H, W, C, K, R, S = shape
    L, Ho, Wo = 2 * cpu.lanes, H - R + 1, W - S + 1
    rng = np.random.default_rng(5)
    x, w, b = (guarded(s) for s in ((G, H, W, C, L), (K, R, S, C), (K,)))
    for array in (x, w, b):
        array[...] = rng.integers(-9, 10, array.shape)
    y = guarded((G, Ho, Wo, K, L))
    call(convolution(cpu, *shape), x=x, w=w, b=b, y=y)
    want = b[:, None] + np.zeros_like(y)
    for r, s in itertools.product(range(R), range(S)):
        want += np.einsum("ghwcl,kc->ghwkl", x[:, r : r + Ho, s : s + Wo], w[:, r, s])
    np.testing.assert_array_equal(y, np.maximum(want, 0))


def test_the_same_kernel_has_the_same_text():
    shape = (1, 7, 9, 3, 8, 3, 3)
    assert convolution(detect(), *shape).text == convolution(detect(), *shape).text


def scaled(name: str, factor: int, *, offset: int = 0) -> Kernel:
    k = Kernel(name, detect(), 1, y=I64)
    k.store(k.scalar(k.pointers[0]) * factor + offset, k.pointers[0])
    return k


def test_equal_arguments_write_one_kernel_within_a_plan():
    maker = once(scaled)
    assert maker("a", 2) is not maker("a", 2)
    with writing_once():
        first = maker("a", 2, offset=1)
        assert maker("a", 2, offset=1) is first
        others = maker("a", 2), maker("b", 2, offset=1), maker("a", 3, offset=1), once(other_scaled)("a", 2)
        assert len({id(first), *map(id, others)}) == 5
    with writing_once():
        assert maker("a", 2, offset=1) is not first


def other_scaled(name: str, factor: int) -> Kernel:
    return scaled(name, factor + 1)


def test_a_kernel_may_lie_in_own_memory_without_the_original():
    kernel = scaled("a", 2)
    text = kernel.text
    mine = kernel.lying(frozenset({"y"}))
    assert "%scratch" in mine.text.split("body:")[0].split("entry:")[1]
    assert kernel.text == text != mine.text
    assert mine.lying(frozenset({"y"})) is mine


def test_what_is_written_takes_hardly_more_memory_than_its_text():
    """A plan has megabytes of it; lines as strings of their own would take three times as much."""
    tracemalloc.start()
    kernel = Kernel("long", detect(), 1, x=I64)
    (x,) = kernel.pointers
    for i in range(5000):
        kernel.store(kernel.scalar(x, i) + 1, x, i)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kernel.text) > 400_000
    assert held < 1.3 * len(kernel.text)


def test_a_forgotten_kernel_gives_no_text():
    kernel = scaled("a", 2)
    (code,) = build([kernel])
    kernel.forget()
    with pytest.raises(RuntimeError, match="the text of kernel a was forgotten"):
        kernel.text  # noqa: B018
    y = np.array([21])
    code(y=y)
    assert y[0] == 42
