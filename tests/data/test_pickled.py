"""The interpreter of pickles, against what Python's own writes."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kitnet.base.error import DataError
from kitnet.data.pickled import read_pickle

VALUES: dict[str, Any] = {
    "data": np.random.default_rng(0).integers(0, 256, (3, 5), np.uint8),
    "turned": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "large": np.arange(300, dtype=">i4"),
    "labels": [0, 1, 255, 256, 65536, -7, 2**40],
    "names": ["a", "é" * 200, "a"],
    "raw": b"\x00\xff" * 200,
    "others": (None, True, False, 1.5, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {}, []),
}


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_it_reads_what_python_writes(protocol: int) -> None:
    read = read_pickle(pickle.dumps(VALUES, protocol))
    assert read.keys() == VALUES.keys()
    for name, value in VALUES.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(read[name], value)
            assert read[name].dtype == value.dtype.newbyteorder("=")
        else:
            assert read[name] == value and type(read[name]) is type(value)


def test_it_reads_what_python_2_wrote() -> None:
    array = b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03"
    array += b"(K\x01K\x01K\x03\x86"
    kind = b"cnumpy\ndtype\nq\x04U\x02u1K\x00K\x01\x87Rq\x05"
    kind += b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    content = (
        b"\x80\x02}q\x00(U\x04data" + array + kind + b"\x89U\x03\x01\x02\x03tbU\x06labels](K\x01K\x02eu."
    )
    read = read_pickle(content)
    assert read["data"].tolist() == [[1, 2, 3]] and read["labels"] == [1, 2]


def refusal(content: bytes) -> str:
    with pytest.raises(DataError) as caught:
        read_pickle(content)
    return str(caught.value)


MADE = Path("made-by-a-pickle")


class Evil:
    def __reduce__(self) -> Any:
        return os.system, (f"touch {MADE}",)


def test_it_calls_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = "and only arrays of numbers are made"
    for protocol in (2, 4):
        assert (
            refusal(pickle.dumps({"data": Evil()}, protocol))
            == f"the pickle calls {os.system.__module__}.system, {made}"
        )
        assert (
            refusal(pickle.dumps(OrderedDict(a=1), protocol))
            == f"the pickle calls collections.OrderedDict, {made}"
        )
    text = b"cbuiltins\neval\n(X\x03\x00\x00\x001+1tR."
    assert refusal(text) == f"the pickle calls builtins.eval, {made}"
    only = "and only numbers, texts and arrays are read"
    assert refusal(b"(ibuiltins\neval\n.") == f"the pickle has the opcode b'i', {only}"
    objects = np.array(["x", None], object)
    assert refusal(pickle.dumps(objects, 2)) == "the pickle has an array of O8, and only numbers are read"
    assert not MADE.exists()
    # a name that was pushed is never called by its state either
    assert refusal(b"cos\nsystem\n}b.") == "the pickle is damaged; take a fresh copy"


def test_what_is_cut_or_changed_is_one_line() -> None:
    content = pickle.dumps(VALUES, 2)
    for end in range(0, len(content), 7):
        refusal(content[:end])
    draw = np.random.default_rng(1)
    for _ in range(300):
        changed = bytearray(content)
        for place in draw.integers(0, len(content), 3):
            changed[place] = draw.integers(256)
        try:
            read_pickle(bytes(changed))
        except DataError as error:
            assert len(str(error)) < 200


def test_sizes_that_lie_take_no_memory() -> None:
    cut = "the pickle is truncated; take a fresh copy"
    assert refusal(b"\x80\x04\x8e" + (1 << 62).to_bytes(8, "little") + b"x.") == cut
    assert refusal(b"T\xff\xff\xff\xffx.") == cut
    content = pickle.dumps(np.zeros((2, 3), np.uint8), 2)
    assert (
        refusal(content.replace(b"K\x02K\x03\x86", b"K\x02K\xff\x86"))
        == "the pickle is damaged; take a fresh copy"
    )


def test_nesting_without_end_is_no_trouble() -> None:
    deep = b"}" + b"K\x01}" * 20_000 + b"s" * 20_000 + b"."
    assert list(read_pickle(deep)) == [1]
