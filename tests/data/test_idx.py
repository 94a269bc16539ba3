import gzip
import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kitnet.base.error import DataError
from kitnet.data.idx import read_idx, write_idx

ARRAYS = hnp.arrays(
    st.sampled_from(["u1", "i1", "i2", "i4", "f4", "f8", ">i4", ">f8"]),
    hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4),
)
EVERY_TIME = settings(derandomize=True, deadline=None)
BYTES = bytes(
    [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]
)  # 2x3 ubyte, by the format's own description


def zipped(content):
    """Without the time, which would give the tests of each process other names."""
    return gzip.compress(content, mtime=0)


def refusal(path):
    with pytest.raises(DataError) as caught:
        read_idx(path)
    assert caught.value.__suppress_context__
    return str(caught.value).removeprefix(f"{path}: ")


def test_the_format_by_hand(tmp_path):
    (tmp_path / "a").write_bytes(BYTES)
    array = read_idx(tmp_path / "a")
    assert array.dtype == np.uint8 and array.tolist() == [[1, 2, 3], [4, 5, 6]]
    (tmp_path / "b").write_bytes(bytes([0, 0, 0x0B, 1, 0, 0, 0, 2, 1, 2, 255, 254]))
    assert read_idx(tmp_path / "b").tolist() == [258, -2]
    write_idx(tmp_path / "c", array)
    assert (tmp_path / "c").read_bytes() == BYTES


@given(array=ARRAYS, end=st.sampled_from(["", ".gz"]))
@EVERY_TIME
def test_what_is_written_is_read(tmp_path_factory, array, end):
    path = tmp_path_factory.mktemp("idx") / f"a{end}"
    write_idx(path, array)
    back = read_idx(path)
    assert back.dtype == array.dtype.newbyteorder("=") and back.dtype.isnative
    assert back.flags.writeable
    np.testing.assert_array_equal(back, array, strict=False)
    assert back.shape == array.shape


def test_the_same_array_gives_the_same_bytes(tmp_path):
    write_idx(tmp_path / "one.gz", np.arange(6, dtype=np.uint8))
    write_idx(tmp_path / "two.gz", np.arange(6, dtype=np.uint8))
    content = (tmp_path / "one.gz").read_bytes()
    assert content == (tmp_path / "two.gz").read_bytes()
    assert content[3:8] == bytes(5)  # no flags, so no name; no time


def test_gzip_is_seen_by_content(tmp_path):
    (tmp_path / "a").write_bytes(zipped(BYTES))
    (tmp_path / "b.gz").write_bytes(BYTES)
    np.testing.assert_array_equal(read_idx(tmp_path / "a"), read_idx(tmp_path / "b.gz"), strict=True)


@given(data=st.data(), gzipped=st.booleans())
@EVERY_TIME
def test_any_truncation_is_an_error(tmp_path_factory, data, gzipped):
    whole = zipped(BYTES) if gzipped else BYTES
    path = tmp_path_factory.mktemp("idx") / "a"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert "\n" not in refusal(path)


@given(where=st.integers(10, 37), bit=st.integers(0, 7))
@EVERY_TIME
def test_damage_behind_the_gzip_header_never_gives_other_numbers(tmp_path_factory, where, bit):
    content = bytearray(zipped(BYTES))
    content[min(where, len(content) - 1)] ^= 1 << bit
    path = tmp_path_factory.mktemp("idx") / "a"
    path.write_bytes(content)
    try:
        assert read_idx(path).tolist() == [[1, 2, 3], [4, 5, 6]]  # some bits of a gzip stream mean nothing
    except DataError as error:
        assert "\n" not in str(error)


FRESH = "take a fresh copy of the file"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is not an idx file: it begins with nothing; expected 00 00, the type, the number of axes"),
        (
            b"\x89PNG\r\n",
            "it is not an idx file: it begins with 89 50 4e 47; expected 00 00, the type, the number of axes",
        ),
        (
            b"\0\0\x0a\1\0\0\0\0",
            "unknown idx type 0x0a; "
            "known: 0x08 ubyte, 0x09 byte, 0x0b short, 0x0c int, 0x0d float, 0x0e double",
        ),
        (BYTES[:11], f"it ends inside its header, which promises 2 axes; {FRESH}"),
        (BYTES[:-1], f"its header promises 6 bytes (2x3 ubyte) but only 5 follow; {FRESH}"),
        (BYTES + b"!", f"its header promises 6 bytes (2x3 ubyte) but more follow; {FRESH}"),
        (zipped(BYTES[:-1]), f"its header promises 6 bytes (2x3 ubyte) but only 5 follow; {FRESH}"),
        (zipped(BYTES + b"!"), f"its header promises 6 bytes (2x3 ubyte) but more follow; {FRESH}"),
        (
            b"\0\0\x0e\2" + b"\xff" * 8 + b"1234",
            f"its header promises {8 * (2**32 - 1) ** 2} bytes (4294967295x4294967295 double) "
            f"but only 4 follow; {FRESH}",
        ),
        (
            b"\0\0\x08\x42" + b"\0\0\0\1" * 66 + b"7",
            f"NumPy cannot hold an array of 66 axes and shape {'1x' * 40}...",
        ),
        (
            b"\0\0\x08\4" + b"\xff" * 12 + bytes(4),
            "NumPy cannot hold an array of 4 axes and shape 4294967295x4294967295x4294967295x0",
        ),
        (zipped(BYTES)[:-5], "the gzip stream is truncated; take a fresh copy of the file"),
        (zipped(BYTES)[:-8] + bytes(8), "the gzip stream is damaged; take a fresh copy of the file"),
        (
            zipped(BYTES)[:10] + b"\xff" * 30,
            "the gzip stream is damaged; take a fresh copy of the file",
        ),
        (zipped(BYTES) + b"garbage", "the gzip stream is damaged; take a fresh copy of the file"),
    ],
)
def test_each_kind_of_damage_has_its_line(tmp_path, content, reason):
    (tmp_path / "a").write_bytes(content)
    assert refusal(tmp_path / "a") == reason


def test_a_bomb_is_not_unpacked(tmp_path):
    (tmp_path / "bomb").write_bytes(zipped(BYTES + bytes(1 << 26)))
    (tmp_path / "claim").write_bytes(b"\0\0\x08\1\xff\xff\xff\xff")
    tracemalloc.start()
    try:
        assert (
            refusal(tmp_path / "bomb") == f"its header promises 6 bytes (2x3 ubyte) but more follow; {FRESH}"
        )
        refusal(tmp_path / "claim")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == "it is not a file; expected an idx file"
    assert refusal(tmp_path) == "it is not a file; expected an idx file"
    assert refusal(tmp_path / "none") == "No such file or directory"


def test_types_that_idx_does_not_have(tmp_path):
    with pytest.raises(DataError) as caught:
        write_idx(tmp_path / "a", np.zeros(3, np.int64))
    known = "uint8, int8, int16, int32, float32, float64"
    assert str(caught.value) == f"{tmp_path}/a: idx files have no type for int64; known: {known}"
    with pytest.raises(DataError) as caught:
        write_idx(tmp_path / "no" / "a", np.zeros(3, np.uint8))
    assert str(caught.value) == f"{tmp_path}/no/a: No such file or directory"
