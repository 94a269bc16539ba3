"""Plans for fewer images than the vector lanes take, whose channels lie there, against the formulas."""

from __future__ import annotations

import numpy as np
import pytest
from plans import EPS, by_formula, ids

import kitnet
from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.engine import Scores, explain
from kitnet.kernels.cpu import detect, levels
from kitnet.layers import LAYERS, Case, Loss
from kitnet.net import Net, usual_loss
from kitnet.net.language import write
from kitnet.net.objective import scores_of
from kitnet.zoo import MODELS

CASES = [
    pytest.param(case, id=f"{word}-{i}")
    for word, layer in LAYERS.items()
    if not issubclass(layer, Loss) and not layer.joins
    for i, case in enumerate(layer.cases())
    if not by_formula(case.layer)
]

NETS = {
    **{name: MODELS[name].line for name in ("lenet5", "lenet5-modern", "resnet20", "resnet20:projection")},
    "branches": "9x9x2 -> conv3-4 -> concat[conv1-3 -> relu | conv3-5 same | identity | maxpool3/1 same] "
    "-> add[conv1-6 | conv3-6 same -> sigmoid] -> flatten -> fc10 -> softmax",
    "odd channels flattened": "7x7x3 -> conv3-5 -> tanh -> flatten -> fc10",
    "one axis": "30x3 -> conv5-8 same -> relu -> maxpool2 -> conv3-8/2 floor -> lecuntanh -> fc10",
    "three axes": "6x6x6x2 -> conv3-4 -> relu -> maxpool2 -> conv2-5 -> tanh -> fc10 -> sigmoid",
    "wide": "12x12x3 -> conv3-64 same -> relu -> conv3-64 same -> relu -> maxpool2 -> residual[conv3-64 same "
    "-> relu -> conv3-64 same] -> relu -> conv1-40 -> meanpool6 -> fc10",
    "norms": "8x8x3 -> conv3-8 same bias=no -> batchnorm -> relu -> residual[conv3-8 same bias=no "
    "-> batchnorm -> relu -> conv3-8 same bias=no -> batchnorm] -> relu -> batchnorm -> maxpool2 "
    "-> batchnorm -> fc10",
    "sums of linear layers": "5x3 -> flatten -> fc20 -> residual[fc20 -> relu -> fc20] -> relu -> fc10",
    "first a pool": "8x8x3 -> maxpool2 -> conv3-8 -> fc10",
}


def strange_norms(net: Net, random: np.random.Generator) -> Net:
    """With scales, shifts and statistics that are not those of a new network."""
    for w in net.weights.values():
        if w.ndim == 1:
            w[...] = random.uniform(0.5, 1.5, w.shape)
    for arrays in net.state.values():
        for array in arrays.values():
            array[...] = random.uniform(0.5, 1.5, array.shape)
    return net


def scores_by_formula(net: Net, x: Array) -> Array:
    values = net.tape(x).values
    return values[scores_of(net.graph, usual_loss(net.graph))].reshape(len(x), -1)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.sample(8)
def test_layer_in_a_plan(case: Case) -> None:
    (shape,) = case.shapes
    before = f"conv{'x'.join('1' * (len(shape) - 1))}-{shape[-1]}" if len(shape) > 1 else f"fc{shape[-1]}"
    net = kitnet.parse(f"{say((*shape[:-1], 2))} -> {before} -> {write(case.layer)} -> fc3").initialise(1)
    x = np.random.default_rng(0).standard_normal((3, *net.input_shape), np.float32)
    scores = Scores(net, usual_loss(net.graph), 3)
    want = scores_by_formula(net, x)
    np.testing.assert_allclose(scores(x), want, rtol=0, atol=100 * EPS * np.abs(want).max())
    assert scores.plan.formula_steps == 0
    assert scores.plan.preferred == "channels"


DEEP = "resnet20:projection"  # which takes seconds


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == DEEP else ()) for name in NETS]
)
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.sample(8)
def test_whole_networks(name: str, batch: int) -> None:
    random = np.random.default_rng(batch)
    net = strange_norms(kitnet.parse(NETS[name]).initialise(3), random)
    loss = usual_loss(net.graph)
    x = random.standard_normal((batch + 2, *net.input_shape), np.float32)
    want = scores_by_formula(net, x)
    found = []
    for threads, fuse in (1, True), (3, True), (2, False):
        scores = Scores(net, loss, batch, threads=threads, fuse=fuse)
        assert scores.plan.batch.images == 1
        found.append(scores(x))
        np.testing.assert_array_equal(scores(x), found[-1])  # nothing is left behind by the first run
        np.testing.assert_allclose(found[-1], want, rtol=0, atol=100 * EPS * np.abs(want).max())
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize(
    "level", [*levels()[:2], *(pytest.param(level, marks=pytest.mark.slow) for level in levels()[2:])]
)
def test_every_instruction_set(level: str) -> None:
    net = kitnet.parse(NETS["branches"]).initialise(5)
    x = np.random.default_rng(0).standard_normal((2, *net.input_shape), np.float32)
    scores = Scores(net, usual_loss(net.graph), 2, cpu=detect(level))
    want = scores_by_formula(net, x)
    np.testing.assert_allclose(scores(x), want, rtol=0, atol=100 * EPS * np.abs(want).max())


def test_a_layer_that_has_only_the_other_layout_is_converted_to_and_the_rest_keeps_its_own() -> None:
    net = kitnet.parse(MODELS["lenet5-1998"].line).initialise(0)
    scores = Scores(net, usual_loss(net.graph), 1)
    assert explain(scores.plan)["conversions"] == ["lecuntanh6 in images", "output in dense"]
    assert ids(scores.plan, "rbf") == ["rbf.images"]
    assert all(one.endswith(".channels") for one in ids(scores.plan))
    x = np.random.default_rng(0).standard_normal((2, 32, 32, 1), np.float32)
    want = scores_by_formula(net, x)
    np.testing.assert_allclose(scores(x), want, rtol=0, atol=100 * EPS * np.abs(want).max())


def test_new_weights_are_taken_over_by_refresh() -> None:
    net = kitnet.parse(NETS["wide"]).initialise(1)
    scores = Scores(net, usual_loss(net.graph), 1)
    x = np.random.default_rng(0).standard_normal((1, *net.input_shape), np.float32)
    before = scores(x)
    net.weights.flat[...] *= 1.25
    scores.refresh()
    after, want = scores(x), scores_by_formula(net, x)
    assert np.abs(after - before).max() > 0.1 * np.abs(want).max()
    np.testing.assert_allclose(after, want, rtol=0, atol=100 * EPS * np.abs(want).max())


DEEP = {
    "one tap": "4x4x512 -> conv1-512 bias=no -> batchnorm -> relu -> conv1-640 -> fc10",
    "sums": "4x4x128 -> conv1-256 -> residual[conv3-256 same bias=no -> batchnorm] -> relu -> fc10",
    "two groups": "4x4x1024 -> conv1-1024 groups=2 -> relu -> conv1-1024 groups=2 -> tanh -> fc10",
    "strided": "7x7x256 -> conv3-256/2 same floor -> tanh -> fc10",
}


@pytest.mark.parametrize("name", DEEP)
def test_large_filters_of_one_image_are_read_where_they_lie(name: str) -> None:
    random = np.random.default_rng(2)
    net = strange_norms(kitnet.parse(DEEP[name]).initialise(3), random)
    x = random.standard_normal((1, *net.input_shape), np.float32)
    scores, want = Scores(net, usual_loss(net.graph), 1), scores_by_formula(net, x)
    np.testing.assert_allclose(scores(x), want, rtol=0, atol=100 * EPS * np.abs(want).max())
    steps = [step for step in scores.plan.steps if "conv" in step.label and "forward" in step.label]
    in_place = [step.kernel.name == "convolution_in_place" for step in steps]
    assert any(in_place) == (name != "two groups")
    for step, alone in zip(steps, in_place, strict=True):
        assert ("weight" in step.reads) == alone and ("packed" in step.reads) == (not alone)
    copies = scores.plan.arena.size - sum(np.prod(node.shape) * 8 for node in scores.plan.graph.nodes)
    assert name == "two groups" or copies < net.weights.flat.nbytes / 2


def test_where_the_sums_of_more_images_are_many_filters_are_packed() -> None:
    net = kitnet.parse("14x14x512 -> conv1-512 -> fc10")
    for samples, name in (1, "convolution_in_place"), (2, "convolution"):
        steps = Scores(net, usual_loss(net.graph), samples).plan.steps
        assert name in [step.kernel.name for step in steps]
