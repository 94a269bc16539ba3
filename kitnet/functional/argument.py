"""What people pass to the plain functions, made into what layers and kernels take, or refused in one line."""

from __future__ import annotations

import functools
import importlib.util
import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from kitnet.base.error import KitnetError, ShapeError, nearest
from kitnet.base.misfit import MisfitError
from kitnet.base.shape import MISFITS, Misfit, Pad, Shape, Sizes
from kitnet.base.spec import Array

SizesLike = SupportsIndex | Sequence[SupportsIndex]  # one number, or one an axis
PadLike = str | SupportsIndex | Sequence[SupportsIndex | Sequence[SupportsIndex]]

PADS = ("valid", "same", "full")
ENGINES = ("compiled", "formula")


# Arrays


def arrays(function: str, **given: ArrayLike) -> dict[str, Array]:
    """The arguments as C-contiguous, aligned arrays in native byte order, all float32 or all float64; copied
    only where they are not so already. Raises TypeError.
    """
    made = {name: _array(function, name, value) for name, value in given.items()}
    first, *others = made
    for name in others:
        one, other = made[first].dtype, made[name].dtype
        if one != other:
            raise TypeError(f"{function}: {first} is {one} but {name} is {other}; convert one of them")
    return made


def _array(function: str, name: str, value: ArrayLike) -> Array:
    a = np.asarray(value)
    native = a.dtype.newbyteorder("=")
    masked = isinstance(value, np.ma.MaskedArray)
    if masked or native not in (np.float32, np.float64):
        came = "masked" if masked else a.dtype
        convert = "fill its gaps" if masked else f"convert it, as with np.asarray({name}, np.float32)"
        raise TypeError(f"{function}: {name} must be float32 or float64, but it is {came}; {convert}")
    return np.require(a, native, ["C", "A"])


def volume(function: str, x: Array) -> Shape:
    """The shape of x without its samples. Only they may be none at all. Raises ShapeError."""
    if x.ndim not in (3, 4, 5):
        raise ShapeError(
            f"{function}: x must be (N, W, C), (N, H, W, C) or (N, D, H, W, C), samples first and channels "
            f"last, but its shape is {x.shape}"
        )
    if 0 in x.shape[1:]:
        raise ShapeError(f"{function}: x has the shape {x.shape}; only the number of samples may be 0")
    return x.shape[1:]


def expect(function: str, name: str, a: Array, shape: Shape, reason: str) -> None:
    """Raises ShapeError where an array has another shape than this."""
    if a.shape != shape:
        raise ShapeError(f"{function}: {name} must have the shape {shape}, {reason}, but it has {a.shape}")


@contextmanager
def named(function: str) -> Iterator[None]:
    """Shape errors of layers get the function's name in front, and speak of its arguments."""
    try:
        yield
    except ShapeError as error:
        said = error.in_python() if isinstance(error, MisfitError) else error
        raise ShapeError(f"{function}: {said.reason}", said.remedy) from None


# Numbers and words


def sizes(function: str, name: str, value: SizesLike) -> Sizes:
    found = _number(value)
    if found is None:
        found = _each(value, _number)
    if found is None:
        raise TypeError(
            f"{function}: {name} must be a whole number or one for each axis, but it is {value!r}; "
            f"write {name}=2 or {name}=(2, 1)"
        )
    return found


def padding(function: str, value: PadLike) -> Pad:
    if isinstance(value, str):
        return _word(function, "pad", value, PADS)
    found = _number(value)
    if found is None:
        found = _each(value, lambda one: _pair(one) if _number(one) is None else _number(one))
    if found is None:
        raise TypeError(
            f"{function}: pad must be {', '.join(PADS)}, a whole number, or one number or pair for each "
            f"axis, but it is {value!r}; write pad=1 or pad=((1, 0), (1, 0))"
        )
    return found


def misfit(function: str, value: str) -> Misfit:
    return _word(function, "on_misfit", value, MISFITS)


def whole(function: str, name: str, value: SupportsIndex) -> int:
    found = _number(value)
    if found is None:
        raise TypeError(f"{function}: {name} must be a whole number, but it is {value!r}; write {name}=1")
    return found


def compiled(
    function: str,
    x: Array,
    engine: str | None,
    algorithm: str | None = None,
    algorithms: tuple[str, ...] = (),
) -> bool:
    """Whether a call runs on compiled code. Raises KitnetError for unknown words and ones that exclude each
    other.
    """
    if engine is not None:
        _word(function, "engine", engine, ENGINES)
    if algorithm is not None:
        _word(function, "algorithm", algorithm, (*algorithms, "formula"))
        if (algorithm == "formula") != (engine == "formula") and engine is not None:
            raise KitnetError(
                f"{function}: the {engine} engine does not run algorithm {algorithm!r}; leave one of them out"
            )
    if algorithm == "formula" or engine == "formula":
        return False
    if algorithm is not None and x.dtype != np.float32:
        raise KitnetError(
            f"{function}: algorithm {algorithm!r} is compiled for float32, but x is {x.dtype}; "
            f"convert it, or leave algorithm out"
        )
    if not _llvmlite() and (engine or algorithm):
        raise KitnetError(f"{function}: compiled code needs llvmlite; install it, or use engine='formula'")
    return x.dtype == np.float32 and _llvmlite()


@functools.cache
def _llvmlite() -> bool:
    return importlib.util.find_spec("llvmlite") is not None


def _word(function: str, name: str, value: str, known: tuple[str, ...]) -> Any:
    if value not in known:
        hint = nearest(str(value), known)
        raise KitnetError(f"{function}: unknown {name} {value!r}{hint}; known: {', '.join(known)}")
    return value


def _number(value: Any) -> int | None:
    try:
        return operator.index(value)
    except TypeError:
        return None


def _each(value: Any, read: Any) -> Any:
    """A tuple of what `read` makes of the parts, None where it makes nothing of one."""
    try:
        parts = tuple(read(part) for part in value)
    except TypeError:
        return None
    return None if None in parts else parts


def _pair(value: Any) -> tuple[int, int] | None:
    found = _each(value, _number)
    return found if found is not None and len(found) == 2 else None
