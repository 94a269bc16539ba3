"""Products of matrices in rows, for each size of tile, part and task, beside NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from volumes import fitting, run

from kitnet.kernels.cpu import detect, levels
from kitnet.kernels.jit import build
from kitnet.kernels.products import DEPTH, mirrored, product, scaled, turned

EACH_LEVEL = pytest.mark.parametrize("cpu", [detect(level) for level in levels()], ids=levels())
SIZES = [
    (1, 1, 1),
    (7, 5, 3),
    (8, 48, 2),
    (16, 16, 27),
    (33, 50, DEPTH),
    (20, 100, DEPTH + 7),
    (64, 7, 2 * DEPTH + 1),
]  # rows, columns, depth


@EACH_LEVEL
@pytest.mark.parametrize("flip", [False, True])
def test_products(cpu, flip):
    rng = np.random.default_rng(1)
    how = [{"factor": 2.0315, "share": -4.775}, {}]
    cases = [(size, kind) for size in SIZES for kind in how]
    codes = build([product("product", cpu, *size, turned=flip, **kind) for size, kind in cases])
    for ((rows, columns, depth), kind), code in zip(cases, codes, strict=True):
        left, right, addend = (
            fitting(rng.standard_normal(shape).astype(np.float32))
            for shape in ((rows, depth), (depth, columns), (rows, columns))
        )
        given = fitting(np.ascontiguousarray(left.T)) if flip else left
        y = guarded((rows, columns))
        run(code, ("y",), left=given, right=right, addend=addend, y=y)
        factor, share = kind.get("factor", 1), kind.get("share", 0)
        want = share * addend.astype(float) + factor * (left.astype(float) @ right)
        sizes = abs(share * addend) + abs(factor) * (abs(left).astype(float) @ abs(right))
        np.testing.assert_array_less(abs(y - want), 4 * np.finfo(np.float32).eps * (depth**0.5 + 2) * sizes)


@EACH_LEVEL
@pytest.mark.parametrize("tasks", [1, 3])
def test_symmetric_products_and_their_mirror(cpu, tasks):
    rng = np.random.default_rng(4)
    sizes = [(1, 1), (5, 3), (16, 9), (50, DEPTH), (101, 7), (144, DEPTH + 3)]
    how = {"turned": True, "symmetric": True, "tasks": tasks}
    codes = build([product("gram", cpu, n, n, depth, **how) for n, depth in sizes])
    mirrors = build([mirrored("mirrored", cpu, n, tasks=tasks) for n, _ in sizes])
    for (n, depth), code, mirror in zip(sizes, codes, mirrors, strict=True):
        x, y = fitting(rng.standard_normal((depth, n)).astype(np.float32)), guarded((n, n))
        run(code, ("y",), left=x, right=x, addend=y, y=y)
        run(mirror, ("y",), x=y, y=y)
        np.testing.assert_array_equal(y, y.T)
        want = x.astype(float).T @ x
        sizes_of = abs(x).astype(float).T @ abs(x)
        np.testing.assert_array_less(
            abs(y - want), 4 * np.finfo(np.float32).eps * (depth**0.5 + 2) * sizes_of
        )


@EACH_LEVEL
def test_tasks_change_no_bit_of_a_product(cpu):
    rng, seen = np.random.default_rng(2), set()
    left, right = rng.standard_normal((65, 300), np.float32), rng.standard_normal((300, 37), np.float32)
    for code in build([product("product", cpu, 65, 37, 300, share=0.5, tasks=n) for n in (1, 2, 3, 99)]):
        y = np.zeros((65, 37), np.float32)
        code(left=left, right=right, addend=np.ones_like(y), y=y)
        seen.add(y.tobytes())
    assert len(seen) == 1


@EACH_LEVEL
def test_matrices_scaled_and_turned(cpu):
    rng = np.random.default_rng(3)
    for rows, columns in ((1, 1), (5, 7), (40, 90)):
        x = fitting(rng.standard_normal((rows, columns)).astype(np.float32))
        size, length = rows * columns, fitting(np.array([1.5], np.float32))
        twice, divided, other = build(
            [
                scaled("scaled", cpu, size, 2.0, tasks=3),
                scaled("scaled", cpu, size, None, eps=0.25, tasks=3),
                turned("turned", cpu, rows, columns, tasks=3),
            ]
        )
        y = guarded((rows, columns))
        run(twice, ("y",), x=x, length=length, y=y)
        np.testing.assert_array_equal(y, 2 * x)
        run(divided, ("y",), x=x, length=length, y=y)
        np.testing.assert_array_equal(y, x / np.float32(1.75))
        y = guarded((columns, rows))
        run(other, ("y",), x=x, y=y)
        np.testing.assert_array_equal(y, x.T)
