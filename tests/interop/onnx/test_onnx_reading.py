"""ONNX files become graphs: against onnx's reference implementation, and what is refused in which words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import kitnet
from kitnet.base.error import ModelFileError
from kitnet.base.spec import Array
from kitnet.interop.onnx import Backend, read
from kitnet.interop.onnx.fault import OnnxError
from kitnet.interop.onnx.reading.layout import Value, blocks, channels_last, stored_as
from kitnet.interop.onnx.writing.exporting import onnx_of_network
from kitnet.net import Net
from kitnet.train import Model

LINE = "8x8x1 -> conv3-6 same -> batchnorm -> relu -> maxpool2 -> fc5 -> softmax"
RANDOM = np.random.default_rng(7)


def drawn(*shape: int) -> Array:
    return RANDOM.standard_normal(shape).astype(np.float32)


def model(
    nodes: Sequence[Any],
    x: Sequence[Any],
    opset: int = 18,
    outputs: Sequence[str] = ("y",),
    **constants: Array,
) -> Any:
    """A ModelProto with one input `x` of these sizes."""
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def node(kind: str, reads: str, gives: str = "y", **attributes: Any) -> Any:
    return helper.make_node(
        kind, reads.split(), gives.split(), name=attributes.pop("name", kind), **attributes
    )


def agree(made: Any, x: Array, theirs: Array | None = None) -> Array:
    from onnx.reference import ReferenceEvaluator

    (own,) = Backend.prepare(made).run([x])
    expected = ReferenceEvaluator(made).run(None, {"x": x})[0] if theirs is None else theirs
    assert own.shape == expected.shape
    np.testing.assert_allclose(own, expected, rtol=1e-5, atol=1e-6)
    return own


def net_of(found: Any) -> Net:
    return found.net if isinstance(found, Model) else found


# Order of axes


def test_a_value_may_be_cut_and_turned_without_a_copy() -> None:
    image = stored_as(3, (6, 4, 5), channels_last(3))
    assert image == Value(3, (4, 5, 6), (2, 0, 1), (6, 4, 5))
    assert image.reshaped((2, 3, 20)).grouped() == [[((2, 0), 2)], [((2, 1), 3)], [((0,), 4), ((1,), 5)]]
    assert image.reshaped((5, 24)).grouped() is None
    x = np.arange(120, dtype=np.float32).reshape(1, 6, 4, 5)
    stored = image.from_tensor(x, True, (4, 5, 6))
    assert (stored == x.transpose(0, 2, 3, 1)).all()
    assert (image.to_tensor(stored, True) == x).all()
    assert (image.reshaped((120,)).to_tensor(stored, True) == x.reshape(1, 120)).all()
    assert (x.ravel()[image.rows()] == stored.ravel()).all()


def test_neighbours_that_stay_together_are_one_block() -> None:
    pieces = [((0,), 4), ((1,), 5), ((2,), 6)]
    assert blocks(pieces, [pieces[2], *pieces[:2]]) == ([20, 6], [1, 0])
    assert blocks(pieces, pieces[::-1]) == ([4, 5, 6], [2, 1, 0])


def test_a_matrix_behind_flatten_gets_its_rows_in_the_order_of_the_image() -> None:
    nodes = [
        node("Conv", "x w", "a", pads=[1] * 4),
        node("Flatten", "a", "b"),
        node("Gemm", "b m", transB=1),
    ]
    made = model(nodes, (2, 3, 4, 5), w=drawn(6, 3, 3, 3), m=drawn(7, 120))
    agree(made, drawn(2, 3, 4, 5))
    assert [one.word for one in read(made).net.graph.nodes] == ["", "conv", "fc"]  # nothing is moved


def test_a_shuffle_of_maps_is_one_layer() -> None:
    nodes = [
        node("Reshape", "x split", "a"),
        node("Transpose", "a", "b", perm=[0, 2, 1, 3, 4]),
        node("Reshape", "b whole", "c"),
        node("Conv", "c w"),
    ]
    whole = {"split": np.array([2, 2, 3, 4, 4]), "whole": np.array([-1, 6, 4, 4])}
    made = model(nodes, (2, 6, 4, 4), w=drawn(5, 6, 1, 1), **whole)
    agree(made, drawn(2, 6, 4, 4))
    assert [one.word for one in net_of(read(made)).graph.nodes] == ["", "shuffle", "conv"]


# Forms of files


def test_nodes_may_stand_in_any_order_and_some_lead_nowhere() -> None:
    x, w = drawn(1, 2, 4, 4), drawn(3, 2, 1, 1)
    nodes = [node("Relu", "a"), node("Conv", "x w", "a"), node("NonZero", "x", "nowhere")]
    agree(model(nodes, x.shape, w=w), x, np.maximum(np.einsum("nchw,kc->nkhw", x, w[:, :, 0, 0]), 0))


def test_initializers_may_stand_among_the_inputs() -> None:
    made = model([node("Conv", "x w")], (1, 2, 4, 4), w=drawn(3, 2, 3, 3))
    made.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, (3, 2, 3, 3)))
    agree(made, drawn(1, 2, 4, 4))


def test_shapes_are_computed_while_reading() -> None:
    """As exporters write x.view(x.shape[0], -1)."""
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s zero", "n", axis=0),
        node("Unsqueeze", "n axes", "m"),
        node("Concat", "m rest", "to", axis=0),
        node("Reshape", "x to"),
    ]
    made = model(nodes, ("N", 2, 3), zero=np.array(0), axes=np.array([0]), rest=np.array([-1]))
    agree(made, drawn(4, 2, 3))


@pytest.mark.parametrize("opset", [6, 18])
def test_addition_of_version_6_says_where_axes_meet(opset: int) -> None:
    x, b = drawn(2, 3, 4, 4), drawn(3)
    old = {"broadcast": 1, "axis": 1} if opset == 6 else {}
    made = model([node("Add", "x b", **old)], x.shape, opset, b=b if old else b.reshape(3, 1, 1))
    agree(made, x, x + b.reshape(3, 1, 1))


def test_softmax_before_version_13_is_over_all_axes_behind_one() -> None:
    x = drawn(2, 3, 4)
    e = np.exp(x - x.max((1, 2), keepdims=True))
    agree(model([node("Softmax", "x")], x.shape, 11), x, e / e.sum((1, 2), keepdims=True))
    agree(model([node("Softmax", "x")], x.shape, 13), x)


def test_another_number_of_samples_and_other_weights_make_a_new_reading() -> None:
    graph = helper.make_graph(
        [node("Conv", "x w")],
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xw"],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    rep = Backend.prepare(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]))
    x, w = drawn(3, 2, 2, 2), drawn(4, 2, 1, 1)
    for one, filters in ((x, w), (x, 2 * w), (x[:1], w)):
        (y,) = rep.run([one, filters])
        np.testing.assert_allclose(
            y, np.einsum("nchw,kc->nkhw", one, filters[:, :, 0, 0]), rtol=1e-5, atol=1e-6
        )


# Files of kitnet and of others


def test_a_file_of_kitnet_gives_the_network_and_without_its_metadata_an_equal_one() -> None:
    written = kitnet.parse(LINE)
    made = onnx.ModelProto.FromString(onnx_of_network(written).content)
    own = read(made)
    assert own == written
    del made.metadata_props[:]
    other = read(made)
    assert isinstance(other, Model) and not other.is_fitted
    x = drawn(3, 8, 8, 1)
    np.testing.assert_allclose(other.net(x), written(x), rtol=1e-6)
    assert [one.word for one in other.net.graph.nodes] == [one.word for one in written.graph.nodes]


def test_a_file_stands_where_a_model_file_does(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(onnx_of_network(kitnet.parse(LINE)).content)
    assert kitnet.train.load_network(path) == kitnet.parse(LINE)
    with pytest.raises(ModelFileError) as error:
        kitnet.load(path)
    assert str(error.value) == f"{path}: holds a network alone, not a model of images; kitnet show tells more"
    made = onnx.load(path)
    del made.metadata_props[:]
    onnx.save(made, path)
    with pytest.raises(ModelFileError) as error:
        kitnet.load(path)
    assert str(error.value) == (
        f"{path}: it does not say how pictures become its input; say it once, such as: kitnet import {path} "
        "-o model.safetensors --mean 0.485,0.456,0.406 --deviation 0.229,0.224,0.225"
    )


# What is refused

HUGE = [node("ConstantOfShape", "to", "a"), node("Add", "x a")]


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (
            model([node("NonZero", "x", name="detect")], (1, 2, 4, 4)),
            "node 'detect' (NonZero): this operator is not read; docs/onnx.md lists those that are",
        ),
        (
            model([node("Conv", "x w")], (1, 2, 4, 4), w=drawn(3, 5, 3, 3)),
            "node 'Conv' (Conv): filters of (3, 5, 3, 3) in 1 groups do not fit 2 channels",
        ),
        (
            model([node("Relu", "b"), node("Relu", "y", "b")], (1, 2)),
            "'y' depends on itself",
        ),
        (
            model([node("LeakyRelu", "x", alpha="much")], (1, 2)),
            "node 'LeakyRelu' (LeakyRelu): its attributes or operands are not its own",
        ),
        (model([node("Relu", "b")], (1, 2)), "'b' is read, but no node and no input makes it"),
        (model([node("Relu", "x"), node("Abs", "x")], (1, 2)), "two nodes or inputs make 'y'"),
        (model([node("Relu", "x")], (1, 2), 27 + 2), "it has version 29 of the operators; 1 to 28 are read"),
        (
            model([node("Relu", "x")], (1, 2, "H", "W")),
            (
                "input 'x' leaves its sizes open; say them once, such as: kitnet import F.onnx --input "
                "224x224x3 -o net.safetensors"
            ),
        ),
        (
            model(HUGE, (1, 2), to=np.array([1 << 20, 1 << 20])),
            "node 'ConstantOfShape' (ConstantOfShape): its constant would have 1,099,511,627,776 numbers, "
            "more than 268,435,456",
        ),
    ],
)
def test_what_is_refused_is_said_in_one_line(made: Any, told: str) -> None:
    with pytest.raises(OnnxError) as error:
        read(made)
    assert str(error.value) == f"ONNX model: {told}"


def test_what_is_no_onnx_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "no.onnx"
    path.write_bytes(b"\xff" * 40)
    with pytest.raises(OnnxError) as error:
        read(path)
    assert str(error.value) == f"{path}: not an ONNX file, or a damaged one; take a fresh copy"


def elsewhere(folder: Path, location: str) -> Any:
    """A model whose filters lie in a file of their own."""
    w = drawn(3, 2, 1, 1)
    (folder / "w.bin").write_bytes(w.tobytes())
    made = model([node("Conv", "x w")], (1, 2, 4, 4), w=w)
    (tensor,) = made.graph.initializer
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    return made


def test_external_data_are_read_from_an_allowed_folder_alone(tmp_path: Path) -> None:
    made = elsewhere(tmp_path, "w.bin")
    with pytest.raises(OnnxError) as error:
        read(made)
    assert str(error.value) == (
        "ONNX model: tensor 'w' lies in another file, 'w.bin'; allow its folder with --external DIR"
    )
    assert net_of(read(made, external=tmp_path)).weights["Conv.weight"].any()


@pytest.mark.parametrize("location", ["../w.bin", "/etc/passwd", "a/../../w.bin", "", "a\\b"])
def test_external_data_do_not_lie_outside(tmp_path: Path, location: str) -> None:
    (tmp_path / "inner").mkdir()
    made = elsewhere(tmp_path, location)
    with pytest.raises(OnnxError) as error:
        read(made, external=tmp_path / "inner")
    assert str(error.value) == (
        f"ONNX model: tensor 'w' names {location!r}, which is no file below {tmp_path / 'inner'}"
    )


def test_external_data_are_no_links(tmp_path: Path) -> None:
    made = elsewhere(tmp_path, "link.bin")
    (tmp_path / "link.bin").symlink_to(tmp_path / "w.bin")
    with pytest.raises(OnnxError) as error:
        read(made, external=tmp_path)
    path = tmp_path / "link.bin"
    assert str(error.value) == (
        f"ONNX model: tensor 'w' lies in {path}, which is a link; links are not followed"
    )


@pytest.mark.long
def test_damaged_files_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    """Bytes that are changed, lost or added; 2,000 files."""
    made = onnx.ModelProto.FromString(onnx_of_network(kitnet.parse(LINE)).content)
    del made.metadata_props[:]
    content, random = made.SerializeToString(), np.random.default_rng(1)
    path, refused = tmp_path / "damaged.onnx", 0
    for _ in range(2000):
        changed = bytearray(content)
        for _ in range(random.integers(1, 4)):
            place, count = random.integers(len(content)), random.integers(0, 4)
            more = random.integers(0, 256, random.integers(0, 4), np.uint8).tobytes()
            changed[place : place + count] = more
        path.write_bytes(changed)
        try:
            read(path)
        except OnnxError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 500
