"""What the plain functions make of odd arrays, and what they say to those they refuse."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kitnet
from kitnet.base.error import KitnetError, ShapeError
from kitnet.base.spec import Array
from kitnet.functional import (
    argument,
    convolve,
    convolve_backward,
    max_pool,
    max_pool_backward,
    mean_pool,
    mean_pool_backward,
)

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 6, 5, 2), np.float32)
W = RNG.standard_normal((3, 2, 2, 4), np.float32)
B = RNG.standard_normal(4, np.float32)
DY = RNG.standard_normal((3, 4, 4, 4), np.float32)
DP = RNG.standard_normal((3, 3, 5, 2), np.float32)


def misaligned(a: Array) -> Array:
    raw = np.empty(a.nbytes + 1, np.uint8)
    odd = raw[1:].view(a.dtype).reshape(a.shape)
    odd[...] = a
    assert not odd.flags.aligned
    return odd


def every_other(a: Array) -> Array:
    wide = np.full([2 * n for n in a.shape], np.nan, a.dtype)
    wide[tuple(slice(None, None, 2) for _ in a.shape)] = a
    return wide[tuple(slice(None, None, 2) for _ in a.shape)]


def read_only(a: Array) -> Array:
    a = a.copy()
    a.flags.writeable = False
    return a


ODD: dict[str, Callable[[Array], Any]] = {
    "strided": every_other,
    "backwards": lambda a: np.flip(np.flip(a).copy()),
    "Fortran order": np.asfortranarray,
    "transposed": lambda a: a.T.copy().T,
    "read-only": read_only,
    "misaligned": misaligned,
    "foreign byte order": lambda a: a.astype(a.dtype.newbyteorder("S")),
    "a list of arrays": list,
    "read-only, foreign and misaligned": lambda a: misaligned(a.astype(a.dtype.newbyteorder("S"))),
}
CALLS: dict[str, tuple[Callable[..., Any], tuple[Array, ...], dict[str, Any]]] = {
    "convolve": (convolve, (X, W, B), {}),
    "convolve_backward": (convolve_backward, (DY, X, W), {}),
    "max_pool": (max_pool, (X,), {"window": (2, 1)}),
    "max_pool_backward": (max_pool_backward, (DP, X), {"window": (2, 1)}),
    "mean_pool": (mean_pool, (X,), {"window": (2, 1)}),
    "mean_pool_backward": (mean_pool_backward, (DP, X), {"window": (2, 1)}),
}


def results(found: Any) -> tuple[Array, ...]:
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", CALLS)
def test_odd_arrays(name: str, odd: str, dtype: Any) -> None:
    function, arrays, how = CALLS[name]
    plain = [a.astype(dtype) for a in arrays]
    wanted = results(function(*plain, **how))
    given = [ODD[odd](a) for a in plain]
    before = [np.array(a).tobytes() for a in given]
    for got, want in zip(results(function(*given, **how)), wanted, strict=True):
        assert got.tobytes() == want.tobytes()
        assert got.dtype == dtype and got.dtype.isnative
        assert type(got) is np.ndarray and got.flags.c_contiguous and got.flags.writeable
        assert not any(np.shares_memory(got, a) for a in given if isinstance(a, np.ndarray))
    assert [np.array(a).tobytes() for a in given] == before


@pytest.mark.parametrize("engine", ["compiled", "formula"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_samples(engine: str, dtype: Any) -> None:
    x, w, b, dy, dp = (a.astype(dtype) for a in (X[:0], W, B, DY[:0], DP[:0]))
    y = convolve(x, w, b, engine=engine)
    assert y.shape == (0, 4, 4, 4) and y.dtype == dtype
    dx, dw, db = convolve_backward(dy, x, w, engine=engine)
    assert [a.shape for a in (dx, dw, db)] == [x.shape, w.shape, b.shape]
    assert not dw.any() and not db.any() and dw.dtype == db.dtype == dx.dtype == dtype
    for forward, backward in ((max_pool, max_pool_backward), (mean_pool, mean_pool_backward)):
        assert forward(x, (2, 1), engine=engine).shape == (0, 3, 5, 2)
        assert backward(dp, x, (2, 1), engine=engine).shape == x.shape


def test_numbers_may_be_numpys_and_sequences_lists() -> None:
    want = convolve(X, W, stride=(1, 2), pad=((1, 0), (2, 2)), on_misfit="floor")
    one, two, none = np.int64(1), np.int32(2), np.uint8(0)
    got = convolve(X, W, stride=[one, two], pad=[(one, none), two], groups=one, on_misfit="floor")
    assert got.tobytes() == want.tobytes()
    assert max_pool(X, np.array([2, 1])).tobytes() == max_pool(X, (2, 1)).tobytes()


# What is refused

Z = np.zeros
TYPES: dict[str, Callable[[], Any]] = {
    "convolve: x must be float32 or float64, but it is int64; "
    "convert it, as with np.asarray(x, np.float32)": lambda: convolve(Z((1, 4, 4, 1), np.int64), W),
    "convolve: w must be float32 or float64, but it is float16; "
    "convert it, as with np.asarray(w, np.float32)": lambda: convolve(X, W.astype(np.float16)),
    "convolve: b must be float32 or float64, but it is complex128; "
    "convert it, as with np.asarray(b, np.float32)": lambda: convolve(X, W, B.astype(complex)),
    "max_pool: x must be float32 or float64, but it is object; "
    "convert it, as with np.asarray(x, np.float32)": lambda: max_pool(X.astype(object), 2),
    "mean_pool: x must be float32 or float64, but it is bool; "
    "convert it, as with np.asarray(x, np.float32)": lambda: mean_pool(X > 0, 2),
    "max_pool: x must be float32 or float64, but it is masked; fill its gaps": lambda: max_pool(
        np.ma.masked_array(X, X > 0), 2
    ),
    "convolve: x is float32 but w is float64; convert one of them": lambda: convolve(X, W.astype(float)),
    "convolve_backward: dy is float64 but x is float32; convert one of them": lambda: convolve_backward(
        DY.astype(float), X, W
    ),
    "convolve: stride must be a whole number or one for each axis, but it is 1.5; "
    "write stride=2 or stride=(2, 1)": lambda: convolve(X, W, stride=1.5),
    "max_pool: window must be a whole number or one for each axis, but it is '2'; "
    "write window=2 or window=(2, 1)": lambda: max_pool(X, "2"),
    "convolve: pad must be valid, same, full, a whole number, or one number or pair for each axis, but it is "
    "((1, 2, 3), 0); write pad=1 or pad=((1, 0), (1, 0))": lambda: convolve(X, W, pad=((1, 2, 3), 0)),
    "convolve: groups must be a whole number, but it is (1, 2); write groups=1": lambda: convolve(
        X, W, groups=(1, 2)
    ),
}
WORDS: dict[str, Callable[[], Any]] = {
    "convolve: unknown pad 'sam' (did you mean 'same'?); known: valid, same, full": lambda: convolve(
        X, W, pad="sam"
    ),
    "mean_pool: unknown on_misfit 'flor' (did you mean 'floor'?); known: error, floor, "
    "ceil, pad, crop": lambda: mean_pool(X, 2, on_misfit="flor"),
    "max_pool: unknown engine 'compile' (did you mean 'compiled'?); known: compiled, formula": lambda: (
        max_pool(X, 2, engine="compile")
    ),
    "convolve: unknown algorithm 'dirct' (did you mean 'direct'?); "
    "known: direct, winograd, fourier, formula": (lambda: convolve(X, W, algorithm="dirct")),
    "convolve: the formula engine does not run algorithm 'direct'; leave one of them out": lambda: convolve(
        X, W, algorithm="direct", engine="formula"
    ),
    "convolve: the compiled engine does not run algorithm 'formula'; leave one of them out": lambda: convolve(
        X, W, algorithm="formula", engine="compiled"
    ),
    "convolve: algorithm 'direct' is compiled for float32, but x is float64; "
    "convert it, or leave algorithm out": lambda: convolve(
        X.astype(float), W.astype(float), algorithm="direct"
    ),
}
SHAPES: dict[str, Callable[[], Any]] = {
    "convolve: x must be (N, W, C), (N, H, W, C) or (N, D, H, W, C), samples first and channels last, but "
    "its shape is (5, 2)": lambda: convolve(X[0, 0], W),
    "max_pool: x has the shape (2, 0, 4, 1); only the number of samples may be 0": lambda: max_pool(
        Z((2, 0, 4, 1)), 2, pad=2
    ),
    "convolve: w must have 4 dimensions, 2 of the window and (C/groups, K), but "
    "its shape is (2, 2, 4)": lambda: convolve(X, W[0]),
    "convolve: filters of depth 1 do not fit the 2 channels of x; "
    "w must have the shape (3, 2, 2, 4)": lambda: convolve(X, W[:, :, :1]),
    "convolve_backward: filters of depth 2 do not fit the 2 channels of x in 2 groups; "
    "w must have the shape (3, 2, 1, 4)": lambda: convolve_backward(DY, X, W, groups=2),
    "convolve: 3 groups do not divide a depth of 2 and 4 filters; use a divisor of both": lambda: convolve(
        X, W, groups=3
    ),
    "convolve: b must have the shape (4,), a number for each filter, but it has (3,)": lambda: convolve(
        X, W, B[:3]
    ),
    "convolve_backward: dy must have the shape (3, 4, 4, 4), that of the output, but "
    "it has (2, 4, 4, 4)": lambda: convolve_backward(DY[:2], X, W),
    "max_pool_backward: dy must have the shape (3, 3, 5, 2), that of the output, but "
    "it has (3, 4, 4, 4)": lambda: max_pool_backward(DY, X, (2, 1)),
    "mean_pool_backward: a stride of 2 does not divide: (5 - 2 + 2*0) / 2 + 1 = 2.5 positions of a 2x2 "
    "pooling window on its 6x5x2 input; use stride=(2, 1), pad=(0, (0, 1)), a 6x4x2 or 6x6x2 input, or "
    "write on_misfit='floor' to drop the last 1": lambda: mean_pool_backward(DP, X, 2),
    "convolve: a 7x3 filter does not fit its 6x5x2 input: (6 - 7 + 2*0) / 1 + 1 = 0; use pad=((0, 1), 0), a "
    "7x5x2 input, or a 6x3 filter": lambda: convolve(X, Z((7, 3, 2, 1), np.float32)),
    "max_pool: a 2x2 pooling window lies wholly in padding, where there is nothing to pool: window 1 of 5 "
    "begins at place 0*2 - 2 = -2 and ends at -2 + 2 - 1 = -1, outside the places 0 to 5 of its 6x5x2 "
    "input; use pad=((1, 2), 1), or a 3x3 pooling window": lambda: max_pool(X, 2, pad=2, on_misfit="floor"),
    "convolve: the stride 1x1x1 has 3 numbers but its input has 2 axes; give one number, or 2": lambda: (
        convolve(X, W, stride=(1, 1, 1))
    ),
}


@pytest.mark.parametrize(
    ("kind", "text", "call"),
    [
        (kind, text, call)
        for kind, table in ((TypeError, TYPES), (KitnetError, WORDS), (ShapeError, SHAPES))
        for text, call in table.items()
    ],
)
def test_refusals(kind: type[Exception], text: str, call: Callable[[], Any]) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == text


# Engines


def test_without_llvmlite_the_formula_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    want = convolve(X, W, B, engine="formula")
    monkeypatch.setattr(argument, "_llvmlite", lambda: False)
    assert convolve(X, W, B).tobytes() == want.tobytes()
    for how in ({"engine": "compiled"}, {"algorithm": "direct"}):
        with pytest.raises(KitnetError) as caught:
            convolve(X, W, B, **how)
        text = "convolve: compiled code needs llvmlite; install it, or use engine='formula'"
        assert str(caught.value) == text


def test_algorithms() -> None:
    direct, formula = (convolve(X, W, B, algorithm=name) for name in ("direct", "formula"))
    assert direct.tobytes() == convolve(X, W, B).tobytes()
    assert formula.tobytes() == convolve(X, W, B, engine="formula").tobytes()


@pytest.mark.parametrize("shape", [(1, 9, 10, 5), (20, 4, 7, 33)])
@pytest.mark.parametrize("filters", [6, 40])
def test_winograd_is_another_way_to_the_same(shape: tuple[int, ...], filters: int) -> None:
    random = np.random.default_rng(filters)
    x, w = random.standard_normal(shape), random.standard_normal((3, 3, shape[-1], filters))
    b, want = (
        np.arange(filters, dtype=np.float32),
        convolve(x, w, np.arange(filters, dtype=float), pad="same"),
    )
    got = convolve(x.astype(np.float32), w.astype(np.float32), b, pad="same", algorithm="winograd")
    error = np.sqrt(((got - want) ** 2).mean() / (want**2).mean())
    assert 0 < error < 3e-6
    assert got.tobytes() != convolve(x.astype(np.float32), w.astype(np.float32), b, pad="same").tobytes()


def test_winograd_is_for_3x3_windows() -> None:
    with pytest.raises(ShapeError) as caught:
        convolve(np.zeros((1, 9, 9, 2), np.float32), np.zeros((5, 5, 2, 3), np.float32), algorithm="winograd")
    assert str(caught.value) == (
        "convolve: algorithm 'winograd' is for 3x3 windows, stride and dilation 1, one group; "
        "leave algorithm out"
    )


def test_importing_the_functions_loads_numpy_alone() -> None:
    code = "import sys, kitnet.functional; print('llvmlite' in sys.modules, 'kitnet.engine' in sys.modules)"
    root = Path(kitnet.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["False", "False"]
