"""Files of named parts: what is written is read back, any safetensors reader reads it, all else is refused."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from kitnet.base.error import FileError
from kitnet.files import Format, Part, opened, write_tensors
from kitnet.files.tensors import LARGEST_HEADER

KIND = Format("kitnet test 1", {"graph": 1, "weights": 2, "golden": 1}, optional=frozenset({"golden"}))
FOREIGN = "a safetensors file, but not one of kitnet; give a file that kitnet wrote"
DAMAGED = "not as it was written (wrong checksum)"


def some_parts():
    random = np.random.default_rng(0)
    return {
        "graph": Part({"line": "8x8x1 -> fc3", "names": ["zéro", "三", "a\x1fb"]}),
        "weights": Part(
            arrays={
                "fc1.weight": random.standard_normal((6, 4)).astype(np.float32)[::2].T,  # strided
                "fc1.bias": np.float32([1, 2, 3]),
                "scale": np.array(0.5, np.float32),
                "none": np.zeros((0, 3), np.float64),
            }
        ),
        "golden": Part(arrays={"images": np.arange(5, dtype=np.uint8), "big": np.arange(3, dtype=">i8")}),
    }


@pytest.fixture
def path(tmp_path):
    KIND.write(tmp_path / "f", some_parts())
    return tmp_path / "f"


def read(path, kind=KIND):
    with opened(path) as file:
        return kind.read(file)


def refusal(path, kind=KIND):
    with pytest.raises(FileError) as caught:
        read(path, kind)
    text = str(caught.value)
    assert "\n" not in text and text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")


def content(header, data=b""):
    """A file with this header, whatever is in it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def forged(path, arrays, metadata):
    """A file whose checksum is right, whatever is in it."""
    write_tensors(path, arrays, {"format": KIND.name, **metadata})


# ---------------------------------------------------------------------------------------------- round trip


def test_what_is_read_is_what_was_written(path):
    parts, found = some_parts(), read(path)
    assert found.keys() == parts.keys()
    assert [found[name].version for name in ("graph", "weights", "golden")] == [1, 2, 1]
    for name, part in parts.items():
        assert found[name].data == part.data and found[name].arrays.keys() == part.arrays.keys()
        for key, array in part.arrays.items():
            np.testing.assert_array_equal(found[name].arrays[key], array)
            assert found[name].arrays[key].dtype == array.dtype.newbyteorder("=")
            assert found[name].arrays[key].shape == array.shape


def test_any_other_reader_reads_it(path):
    arrays = load_file(path)
    for name, part in some_parts().items():
        for key, array in part.arrays.items():
            np.testing.assert_array_equal(arrays.pop(f"{name}/{key}"), array)
    assert arrays == {}
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    assert set(metadata) == {"format", "sha256", "graph", "weights", "golden"}
    assert json.loads(metadata["graph"]) == {"version": 1, "data": some_parts()["graph"].data}


def test_equal_contents_are_equal_bytes(path, tmp_path):
    parts = some_parts()
    turned = {
        name: Part(parts[name].data, dict(reversed(parts[name].arrays.items()))) for name in reversed(parts)
    }
    KIND.write(tmp_path / "g", turned)
    assert (tmp_path / "g").read_bytes() == path.read_bytes()


def test_arrays_begin_at_multiples_of_their_elements(path):
    length = int.from_bytes(path.read_bytes()[:8], "little")
    assert (8 + length) % 64 == 0
    with opened(path) as file:
        assert all(entry.begin % entry.dtype.itemsize == 0 for entry in file.entries.values())


def test_writing_makes_no_copy_of_the_whole(tmp_path):
    """Forty arrays of 1 MB, half of them strided: a copy of one at a time is made."""
    arrays = {str(i): np.ones((512, 512), np.float32) for i in range(40)}
    arrays |= {str(i): arrays[str(i)].T for i in range(20)}
    tracemalloc.start()
    KIND.write(tmp_path / "f", {"graph": Part(), "weights": Part(arrays=arrays)})
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 4 * 2**20
    assert (tmp_path / "f").stat().st_size > 40 * 2**20


# ----------------------------------------------------------------------------------------------- versions


def part(version=1, data=None):
    return json.dumps({"version": version, "data": data})


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"weights": part(3)}, "its part 'weights' is of version 3; version 2 is read here; "),
        ({"weights": part(), "schedule": part()}, "its part 'schedule' is not known here; "),
    ],
)  # fmt: skip
def test_what_a_newer_kitnet_wrote_is_refused_by_name(path, metadata, reason):
    forged(path, {}, {"graph": part(), **metadata})
    assert refusal(path) == reason + "use a newer kitnet"


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"graph": part()}, "it has no part 'weights'"),
        ({"graph": part(), "weights": part("1")}, "its part 'weights' is of no version"),
        ({"graph": part(), "weights": part(True)}, "its part 'weights' is of no version"),
        ({"graph": part(), "weights": part(0)}, "its part 'weights' is of no version"),
        ({"graph": part(), "weights": "[" * 100_000}, "its part 'weights' is no JSON"),
        ({"graph": part(), "weights": "hello"}, "its part 'weights' is no JSON"),
        ({"graph": part(), "weights": part(1, np.nan)}, "its part 'weights' is no JSON"),
        ({"graph": part(), "weights": "{}"}, "its part 'weights' needs version and data"),
        ({"graph": part(), "weights": "[]"}, "its part 'weights' needs version and data"),
    ],
)  # fmt: skip
def test_parts_that_are_none(path, metadata, reason):
    forged(path, {}, metadata)
    assert refusal(path) == reason


def test_an_array_of_no_part(path):
    for name in ("x", "golden/x"):  # the part golden is optional, but then it has no arrays
        forged(path, {name: np.zeros(1)}, {"graph": part(), "weights": part()})
        assert refusal(path) == f"its array {name!r} belongs to no part"


def test_an_older_version_is_read_and_told(path):
    forged(path, {}, {"graph": part(), "weights": part(1, "old")})
    assert read(path)["weights"] == Part("old", {}, 1)


def test_another_format(path):
    assert refusal(path, Format("kitnet other 2", {})) == (
        "its format is 'kitnet test 1', expected 'kitnet other 2'"
    )
    for metadata in ({}, {"format": "pt"}):
        write_tensors(path, {"w": np.zeros(3)}, metadata)
        assert refusal(path) == FOREIGN


# ------------------------------------------------------------------------------------------------ damage


def flips_that_pass(path, bits):
    """Those of the bits whose change is not refused."""
    whole = path.read_bytes()
    passed = []
    for bit in bits:
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        try:
            read(path)
        except FileError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
        else:
            passed.append(bit)
    return passed


def test_some_flipped_bits_are_seen(path):
    assert flips_that_pass(path, range(0, 8 * path.stat().st_size, 31)) == []


@pytest.mark.slow
def test_every_flipped_bit_is_seen(path):
    assert 8 * path.stat().st_size > 1000
    assert flips_that_pass(path, range(8 * path.stat().st_size)) == []


def test_every_truncation_is_seen(path):
    whole = path.read_bytes()
    for size in [*range(0, len(whole), 7), len(whole) - 1]:
        path.write_bytes(whole[:size])
        refusal(path)
    path.write_bytes(whole + b"\0")
    refusal(path)


def test_another_form_of_the_same_header(path):
    """Spaces, escapes, another order, a name twice: not what kitnet writes."""
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    text, data = whole[8 : 8 + length], whole[8 + length :]
    assert content(text, data) == whole
    header = json.loads(text)
    for other in (
        json.dumps(header).encode(),
        json.dumps(dict(reversed(header.items()))).encode(),
        text.rstrip() + b" " * 64,
        text.replace(b"{", b'{"__metadata__":{},', 1),
    ):
        path.write_bytes(content(other, data))
        assert refusal(path) == DAMAGED


# ---------------------------------------------------------------------------------------- hostile headers


def entry(dtype="F32", shape=(1,), offsets=(0, 4), **more):
    return {"x": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}}


HEADER = {"__metadata__": {"format": KIND.name, "graph": part(), "weights": part()}}
NOT_ONE = "truncated, or not a safetensors file"
KNOWN = "F64, F32, F16, I8, I16, I32, I64, U8, U16, U32, U64"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (entry("BF16"), f"array 'x' is of another type than {KNOWN}"),
        (entry("F8_E4M3"), f"array 'x' is of another type than {KNOWN}"),
        (entry(["F32"]), f"array 'x' is of another type than {KNOWN}"),
        (entry(shape=[1] * 33), "array 'x' has no shape of at most 32 axes"),
        (entry(shape=[-1]), "array 'x' has no shape of at most 32 axes"),
        (entry(shape=[1.0]), "array 'x' has no shape of at most 32 axes"),
        (entry(shape=[True]), "array 'x' has no shape of at most 32 axes"),
        (entry(offsets=[0]), "array 'x' has no begin and end"),
        (entry(offsets=[0, None]), "array 'x' has no begin and end"),
        (entry(shape=[2**32, 2**32]), f"array 'x' of shape {[2**32, 2**32]} lies in 4 bytes"),
        (entry(shape=[0, 2**60], offsets=[0, 0]), f"array 'x' of shape {[0, 2**60]} lies in 0 bytes"),
        (entry(shape=[10**15], offsets=[0, 4 * 10**15]), "its arrays end at byte 4000000000000000 of 4"),
        (entry(offsets=[4, 8]), "array 'x' begins at byte 4, expected 0"),
        (entry(offsets=[4, 0]), "array 'x' of shape [1] lies in -4 bytes"),
        (entry(other=1), "array 'x' needs dtype, shape and data_offsets"),
        ({"x": []}, "array 'x' needs dtype, shape and data_offsets"),
        ({"__metadata__": {"format": 1}}, "its metadata are no texts by name"),
        ({"__metadata__": []}, "its metadata are no texts by name"),
        ({}, "its arrays end at byte 0 of 4"),
        ([], "its header is no mapping"),
        (b"hello", "its header cannot be read"),
        (b"\xff" * 9, "its header cannot be read"),
        (b"[" * 100_000, "its header cannot be read"),
        (b'{"x":' + b"9" * 5000 + b"}", "its header cannot be read"),
    ],
)  # fmt: skip
def test_headers_that_cannot_be_true(path, header, reason):
    path.write_bytes(
        content({**HEADER, **header} if header and isinstance(header, dict) else header, b"1234")
    )
    assert refusal(path) == reason


def test_half_a_surrogate_pair(path):
    path.write_bytes(content({"__metadata__": {**HEADER["__metadata__"], "x": "\ud800"}}))
    assert refusal(path) == DAMAGED


@pytest.mark.parametrize(
    "content", [b"", b"123", b"hello, this is no model file at all", b"\x80\x04.", b"\xff" * 100]
)
def test_files_of_another_kind(path, content):
    path.write_bytes(content)
    assert refusal(path) == NOT_ONE


def test_a_header_that_is_too_large(path):
    path.write_bytes((LARGEST_HEADER + 1).to_bytes(8, "little") + b" " * (LARGEST_HEADER + 1))
    assert refusal(path) == "a header of 16,777,217 bytes; at most 16,777,216 are read"


def test_no_header_takes_memory_that_the_file_has_not(path):
    """Sizes of petabytes, in the length of the header and in shapes, are refused before memory is taken."""
    tracemalloc.start()
    for bytes_ in (
        (2**50).to_bytes(8, "little") + b"{}",
        content({**HEADER, **entry(shape=[2**50], offsets=[0, 2**52])}),
        content({**HEADER, **entry(shape=[2**20] * 3, offsets=[0, 2**62])}),
    ):
        path.write_bytes(bytes_)
        refusal(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**20


def test_a_file_that_cannot_be_read(tmp_path):
    assert refusal(tmp_path) == "cannot be read (Is a directory); check the file"
    assert refusal(tmp_path / "x") == "cannot be read (No such file or directory); check the file"


def test_a_file_that_becomes_shorter(path):
    with opened(path) as file:
        Path(path).write_bytes(path.read_bytes()[:-10])
        with pytest.raises(FileError) as caught:
            KIND.read(file)
    assert str(caught.value) == f"{path}: it became shorter while it was read"
