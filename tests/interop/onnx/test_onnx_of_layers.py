"""Every layer of the language in ONNX, run by onnxruntime and by onnx's reference evaluator."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest

from kitnet.base.error import KitnetError
from kitnet.interop.onnx.writing import onnx_of_network, returned, writes
from kitnet.interop.onnx.writing.evaluator import evaluator
from kitnet.interop.onnx.writing.registry import writers
from kitnet.layers import LAYERS, Add, Convolution, Layer, Linear, Relu
from kitnet.layers.words import FILES
from kitnet.net import Graph, Net, parse

LAYERS_OF_KITNET = [
    pytest.param(word, number, id=f"{word}{number}")
    for word in FILES
    for number in range(len(list(LAYERS[word].cases())))
]


def noisy(net, seed=1):
    """The network with weights and state of which none is 0 or 1."""
    random = np.random.default_rng(seed)
    for array in net.weights.values():
        array[...] = random.normal(size=array.shape)
    for held in net.state.values():
        for array in held.values():
            array[...] = random.uniform(0.5, 1.5, array.shape)
    return net


def alone(layer, *shapes):
    graph = Graph()
    operands = [graph.operand(f"x{i}", shape) for i, shape in enumerate(shapes)]
    graph.output("y", graph.add("layer", layer, *operands))
    return noisy(Net(graph))


def channels_first(array):
    return np.ascontiguousarray(np.moveaxis(array, -1, 1))


def ran(content, given):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session.run(None, given)


def agree(found, expected):
    assert found.shape == expected.shape
    largest = np.abs(expected).max()
    assert np.abs(found - expected).max() <= 1e-5 * largest
    assert largest > 0


def test_every_word_of_the_language_has_a_writer():
    assert {*writers()} == {*FILES}


@pytest.mark.sample(5)
@pytest.mark.parametrize(("word", "number"), LAYERS_OF_KITNET)
def test_a_layer_gives_what_its_formula_gives(word, number):
    case = list(LAYERS[word].cases())[number]
    net, random = alone(case.layer, *case.shapes), np.random.default_rng(2)
    for batch in (1, 3):
        shapes = [(batch, *shape) for shape in case.shapes]
        drawn = case.draw(random, shapes) if case.draw else [random.standard_normal(one) for one in shapes]
        x = {f"x{i}": one.astype(np.float32) for i, one in enumerate(drawn)}
        if batch == 1:
            file = onnx_of_network(net, opset=18)
        (found,) = ran(file.content, {path: channels_first(one) for path, one in x.items()})
        agree(np.moveaxis(found, 1, -1), net(x))
    made = onnx.load_from_string(file.content)
    back = returned(made)
    assert back == net
    assert onnx_of_network(back, opset=18).content == file.content
    assert all(np.array_equal(back.weights[path], array) for path, array in net.weights.items())


@pytest.mark.sample(9)
@pytest.mark.parametrize(("word", "number"), LAYERS_OF_KITNET)
def test_the_reference_evaluator_agrees(word, number, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name)
    )
    case = list(LAYERS[word].cases())[number]
    file = onnx_of_network(alone(case.layer, *case.shapes), opset=16)
    assert file.program == "onnx's reference evaluator"
    assert file.difference <= 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("opset", [16, 17, 23])
def test_every_opset_in_onnxruntime(opset):
    for word in FILES:
        for case in LAYERS[word].cases():
            file = onnx_of_network(alone(case.layer, *case.shapes), opset)
            assert onnx.load_from_string(file.content).opset_import[0].version == opset
            assert file.program == "onnxruntime"


LINES = {
    "strides": "9x11x3 -> conv3-4/2x3 pad=1:2x0 on_misfit=floor",
    "misfits": "16x16x2 -> conv3-4/2 crop -> maxpool3/2 ceil -> conv2-3/2 pad -> meanpool2/3 crop",
    "a window in padding": "4x4x1 -> conv3-2 pad=5",
    "dilated pools": "9x9x2 -> maxpool3/1 dilation=3 pad=3 -> meanpool2/1 dilation=2 -> sumpool2 dilation=2",
    "cropped and dilated": "12x12x2 -> maxpool3/4 dilation=2 crop",
    "a table": "8x8x6 -> conv3-16 table=lenet5 flip=yes -> tanh -> fc5",
    "a deep filter": "5x6x4x2 -> conv3-4 same -> transposed2-3/2 -> batchnorm -> maxpool2 -> local2-2 -> fc3",
    "a row": "12x4 -> conv3-6 groups=2 -> lrn3 -> upsample2 bilinear -> pad2 circular -> meanpool regions=3",
    "squeeze and excitation": "6x6x8 -> se4 -> shuffle2 -> maxout2 -> layernorm -> gelu form=tanh -> fc4",
    "a residual": "8x8x4 -> add[conv3-4 same -> relu | identity] -> concat[conv1-2 | maxpool3/1 same]",
}


@pytest.mark.parametrize("name", LINES)
def test_a_network_gives_what_its_formulas_give(name):
    net = noisy(parse(LINES[name]))
    file = onnx_of_network(net)
    x = np.random.default_rng(0).standard_normal((3, *net.input_shape), np.float32)
    (found,) = ran(file.content, {next(iter(net.operands)): channels_first(x)})
    agree(np.moveaxis(found, 1, -1), net(x))
    assert returned(onnx.load_from_string(file.content)) == net


def test_several_operands_and_outputs_and_shared_weights():
    graph = Graph()
    a, b = graph.operand("left", (6, 6, 2)), graph.operand("right", (4, 4, 2))
    first = graph.add("conv", Convolution(3, 4), a)
    again = graph.add("again", Convolution(3, 4), b, owner="conv")
    score = graph.add("score", Linear(1), again)
    graph.output("conv", graph.add("relu", Relu(), first))  # another value has this name
    graph.output("score", score)
    net = noisy(Net(graph))
    made = onnx.load_from_string(onnx_of_network(net).content)
    names = [tensor.name for tensor in made.graph.initializer if "/" not in tensor.name]
    assert names == ["conv.weight", "conv.bias", "score.weight", "score.bias"]
    assert [one.name for one in made.graph.input] == ["left", "right"]
    assert [one.name for one in made.graph.output] == ["conv/output", "score"]
    assert [d.dim_param or d.dim_value for d in made.graph.input[0].type.tensor_type.shape.dim] == [
        "N",
        2,
        6,
        6,
    ]
    x = {
        name: np.random.default_rng(0).standard_normal((2, *s), np.float32)
        for name, s in net.operands.items()
    }
    found = ran(made.SerializeToString(), {name: channels_first(one) for name, one in x.items()})
    agree(np.moveaxis(found[0], 1, -1), net(x)["conv"])
    agree(found[1], net(x)["score"])


def test_shared_weights_of_other_orders_are_two_arrays():
    graph = Graph()
    a, b = graph.operand("a", (2, 2, 3)), graph.operand("b", (12,))
    one = graph.add("one", Linear(5), a)
    two = graph.add("two", Linear(5), b, owner="one")
    graph.output("y", graph.add("sum", Add(), one, two))
    net = noisy(Net(graph))
    made = onnx.load_from_string(onnx_of_network(net).content)
    assert [tensor.name for tensor in made.graph.initializer] == ["one.weight", "one.bias", "two.weight"]
    back = returned(made)
    assert back == net and np.array_equal(back.weights["one.weight"], net.weights["one.weight"])


@pytest.mark.slow
def test_the_same_network_gives_the_same_bytes_in_another_process():
    program = (
        "import hashlib, kitnet; from kitnet.interop.onnx.writing import onnx_of_network;"
        "net = kitnet.parse('8x8x2 -> add[conv3-2 same -> batchnorm | identity] -> fc3').initialise(3);"
        "print(hashlib.sha256(onnx_of_network(net).content).hexdigest())"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, **more},
        ).stdout
        for more in ({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2", "OPENBLAS_NUM_THREADS": "1"})
    }
    assert len(hashes) == 1


def test_a_layer_of_ones_own():
    class Twice(Layer):
        word = "twice"

        def output_shape(self, *x):
            return x[0]

        def forward(self, w, state, ctx, *x):
            from kitnet.layers import Forward

            return Forward(2 * x[0])

        def backward(self, w, kept, dy):
            raise NotImplementedError

        @classmethod
        def cases(cls):
            return iter(())

    from dataclasses import dataclass

    net = Net.of((3, 3, 1), dataclass(frozen=True)(Twice)(), Linear(2))
    with pytest.raises(KitnetError) as error:
        onnx_of_network(net)
    assert str(error.value) == (
        "twice1: kitnet knows no way to write twice in ONNX; leave the layer out, or write its function with "
        "kitnet.interop.onnx.writing.writes"
    )
    writes("twice")(lambda here: here.to.times(here.x[0], 2))
    try:
        assert onnx_of_network(net).difference < 1e-5
    finally:
        del writers()["twice"]


def test_operators_that_onnx_has_wrong_are_right_here():
    from onnx import helper

    x = np.random.default_rng(0).standard_normal((1, 4, 2, 2)).astype(np.float32)
    ports = [helper.make_tensor_value_info(name, 1, None) for name in ("x", "y")]
    node = helper.make_node("LRN", ["x"], ["y"], size=3, alpha=0.3, beta=0.5, bias=1.0)
    (found,) = evaluator(helper.make_model(helper.make_graph([node], "g", ports[:1], ports[1:]))).run(
        None, {"x": x}
    )
    around = np.pad(x * x, ((0, 0), (1, 1), (0, 0), (0, 0)))
    total = around[:, :-2] + around[:, 1:-1] + around[:, 2:]
    assert np.allclose(found, x / np.sqrt(1 + 0.1 * total), rtol=1e-6)
