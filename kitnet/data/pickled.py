"""Arrays, lists, texts and numbers out of a pickle that Python and NumPy wrote.

The format of arrays is that of `numpy.ndarray.__reduce__`; the pickle itself is read by `unpickling.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kitnet.base.error import DataError, cut
from kitnet.data.unpickling import DAMAGED, Dialect, Made, interpret

TYPES = ("b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")  # of arrays


class Unfinished(Made):
    """An array that is being made: the file names it before it tells its shape, type and numbers."""

    value: Any = None

    def set_state(self, state: Any) -> None:
        self.value = _array(*state)


class Type(Made):
    """A type of elements that is being made: the file names it before it tells its byte order."""

    def __init__(self, code: str) -> None:
        self.value = np.dtype(code)

    def set_state(self, state: Any) -> None:
        self.value = self.value.newbyteorder(state[1] if state[1] in ("<", ">") else "=")


def read_pickle(content: bytes) -> Any:
    """The value of a pickle: an array of numbers, a dictionary of arrays, or what is made of None, booleans,
    numbers, bytes, texts, lists, tuples and dictionaries. Texts of Python 2 are bytes. Raises DataError."""
    value, _ = interpret(content, PYTHON)
    try:
        return _finished(value)
    except DAMAGED:
        raise DataError("the pickle is damaged; take a fresh copy") from None


def _array(version: int, shape: tuple[int, ...], kind: Type, fortran: bool, numbers: bytes) -> Any:
    if not all(isinstance(n, int) and n >= 0 for n in shape) or not isinstance(numbers, bytes):
        raise TypeError
    found = np.frombuffer(numbers, kind.value).reshape(shape, order="F" if fortran else "C")
    return found.astype(kind.value.newbyteorder("="), copy=False)


def _type(code: Any, *others: Any) -> Type:
    text = code.decode("ascii") if isinstance(code, bytes) else code
    if text not in TYPES:
        raise DataError(f"the pickle has an array of {cut(str(text))}, and only numbers are read")
    return Type(text)


def _encoded(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise ValueError
    return text.encode("latin1")


CALLS: dict[str, Callable[..., Any]] = {
    "numpy.core.multiarray._reconstruct": lambda *ignored: Unfinished(),
    "numpy.dtype": _type,
    "_codecs.encode": _encoded,  # how Python 3 writes bytes for Python 2
}
PYTHON = Dialect(CALLS, "arrays of numbers")


def _finished(value: Any) -> Any:
    """The array, or a dictionary with its arrays and with texts as keys."""
    if isinstance(value, dict):
        return {_text_of(key): array_of(each) for key, each in value.items()}
    return array_of(value)


def array_of(value: Any) -> Any:
    return value.value if isinstance(value, Unfinished) else value


def _text_of(key: Any) -> Any:
    return key.decode("latin1") if isinstance(key, bytes) else key
