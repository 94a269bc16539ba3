"""The arithmetic of one number comes to the number that the plan has."""

import json
import math

import numpy as np
import pytest

import kitnet
from kitnet.base.error import KitnetError
from kitnet.engine.once import run_once
from kitnet.layers import LAYERS, SoftmaxCrossEntropy
from kitnet.look import Inside, Probe
from kitnet.net import Graph, Weights
from kitnet.testing.trial import trials

EPS = 4 * float(np.finfo(np.float32).eps)
PLACES = 2  # of each array
MANY_CASES = {"conv", "maxpool", "batchnorm"}  # which take a while


def inside_of(trial):
    """A layer with all its operands in a plan of its own, for the first sample."""
    rounded = trial.astype(np.float32).shard(0, 1)
    graph = Graph()
    operands = [graph.operand(f"x{i}", shape) for i, shape in enumerate(trial.shapes)]
    graph.add("layer", trial.layer, *operands)
    weights = Weights(graph.params())
    for name, array in rounded.w.items():
        weights[f"layer.{name}"][...] = array
    state = {"layer": rounded.state} if rounded.state else {}
    x = {f"x{i}": array for i, array in enumerate(rounded.x)}
    dy = rounded.dy(rounded.forward())
    ran = run_once(graph, weights, state, rounded.ctx, x, ["layer"], {"layer": dy}, ["layer", *x])
    values = {**x, **ran.values}
    gradients = {path: array[0] for path, array in ran.gradients.items()} | dict(ran.parameters)
    return Inside(
        graph, weights, state, rounded.ctx, {path: array[0] for path, array in values.items()}, gradients,
        {"layer": dy[0]}, (), SoftmaxCrossEntropy(), "layer",
    )  # fmt: skip


def allowed(trace):
    """What rounding explains: of a sum as long as its terms are large."""
    far = EPS * sum(abs(term.value) for part in trace.parts for term in part.terms.terms)
    spread = sum(
        abs(part.terms.close.function(part.terms.total + sign * far) - part.terms.value)
        for part in trace.parts
        for sign in (-1, 1)
    )
    return 2 * EPS * abs(trace.number) + 2 * spread + far


def assert_comes_to_it(trace):
    assert abs(trace.value - trace.number) <= allowed(trace), (trace.name, trace.value, trace.number)


@pytest.mark.parametrize(
    "word", [pytest.param(w, marks=pytest.mark.slow if w in MANY_CASES else ()) for w in LAYERS]
)
@pytest.mark.sample(12)
def test_every_layer_and_case(word):
    random = np.random.default_rng(0)
    for case in LAYERS[word].cases():
        for trial in trials(case, 0):
            if trial.layer.mixes_samples(trial.ctx.train) and trial.layer.least_batch(*trial.shapes) > 1:
                continue  # one sample has no statistics
            inside = inside_of(trial)
            asked = [("layer", False), *((path, True) for path in inside.gradients if path != "layer")]
            for path, backward in asked:
                array = (inside.gradients if backward else inside.values)[path]
                for _ in range(PLACES if array.size else 0):
                    index = tuple(int(random.integers(n)) for n in array.shape)
                    assert_comes_to_it(inside.trace(path, index, backward))


@pytest.fixture(scope="module")
def looked():
    net = kitnet.parse("8x8x2 -> conv3-4 same -> relu -> residual[conv3-4 same -> tanh] -> maxpool2 -> fc3")
    net.initialise(4)
    image = np.random.default_rng(1).standard_normal(net.input_shape, np.float32)
    return Probe(net)(image, target=2)


def test_all_numbers_of_a_network_come_to_themselves(looked):
    random = np.random.default_rng(2)
    for path, array in looked.values.items():
        if path not in looked.graph.operands:
            assert_comes_to_it(looked.trace(path, tuple(int(random.integers(n)) for n in array.shape)))
    for path, array in looked.gradients.items():
        assert_comes_to_it(looked.trace(path, tuple(int(random.integers(n)) for n in array.shape), True))


def test_a_convolution_names_its_window_and_weights(looked):
    trace = looked.trace("conv1", (0, 3, 1))
    (part,) = trace.parts
    assert (trace.name, part.node, part.layer) == ("conv1[0,3,1]", "conv1", "conv3-4 same")
    bias, *products = part.terms.terms
    assert (bias.factors[0].path, bias.factors[0].index) == ("conv1.bias", (1,))
    places = {term.factors[0].index for term in products}
    assert places == {(h, w, c) for h in (0, 1) for w in (2, 3, 4) for c in (0, 1)}  # the rest is padding
    for term in products:
        x, w = term.factors
        assert (x.path, w.path) == ("input", "conv1.weight")
        assert (
            x.value == looked.values["input"][x.index] and w.value == looked.weights["conv1.weight"][w.index]
        )


def test_an_activation_is_followed_to_its_sum(looked):
    trace = looked.trace("relu1", (2, 2, 3))
    assert trace.before == looked.trace("conv1", (2, 2, 3)) and trace.before.before is None
    assert trace.parts[0].terms.close.name == "relu"
    assert trace.number == max(0, trace.before.number)


def test_a_value_that_two_layers_read_gets_from_both(looked):
    trace = looked.trace("relu1", (3, 3, 1), True)
    assert trace.name == "d relu1[3,3,1]"
    assert {part.node for part in trace.parts} == {"residual1.body.conv1", "residual1"}
    turned = next(part for part in trace.parts if part.node == "residual1.body.conv1").terms.terms
    for term in turned:  # the window around the place, by weights from the other end
        dy, w = term.factors
        assert (dy.path, w.path) == ("d residual1.body.conv1", "residual1.body.conv1.weight")
        assert (dy.index[0] + w.index[0], dy.index[1] + w.index[1], w.index[2]) == (4, 4, 1)


def test_shared_weights_get_from_every_layer_that_has_them():
    graph = Graph()
    a = graph.add("a", kitnet.parse("4 -> fc4").graph.nodes[1].layer, graph.operand("input", (4,)))
    graph.add("b", graph.nodes[a].layer, a, owner="a")
    net = kitnet.Net(graph)
    inside = Probe(net)(np.arange(4.0), output=1)
    trace = inside.trace("a.weight", (2, 1), True)
    assert [part.node for part in trace.parts] == ["a", "b"]
    assert_comes_to_it(trace)


def test_the_way_back_begins_with_what_is_given(looked):
    (part,) = looked.trace("loss", (), True).parts
    assert (part.layer, part.terms.value) == ("given", 1)
    (part,) = looked.trace("fc1", (1,), True).parts
    assert (part.node, part.layer) == ("loss", "softmax_cross_entropy")
    assert part.terms.value == pytest.approx(float(looked.probabilities[1]), rel=1e-5)  # p - t


def test_json_has_every_number(looked):
    trace = looked.trace("relu1", (2, 2, 3))
    told = json.loads(json.dumps(trace.to_json()))
    assert (told["path"], told["index"], told["backward"]) == ("relu1", [2, 2, 3], False)
    (part,) = told["before"]["parts"]
    sums = [math.prod(one["value"] for one in term["factors"]) * term["times"] for term in part["terms"]]
    assert math.fsum(sums) == pytest.approx(told["before"]["number"], rel=1e-5)
    assert told["parts"][0]["close"] == "relu"


@pytest.mark.parametrize(
    ("path", "index", "backward", "text"),
    [
        ("conv9", (0, 0, 0), False, "the network has no value 'conv9' (did you mean 'conv1'?)"),
        (
            "conv1", (8, 0, 0), False,
            "conv1 has the shape (8,8,4) and no number [8,0,0]; each index counts from 0, as in "
            "conv1[7,7,3], the last one",
        ),
        (
            "loss", (1,), False,
            "loss has the shape () and no number [1]; each index counts from 0, as in loss, the last one",
        ),
        ("input", (0, 0, 0), False, "input is given, not computed; trace a layer behind it, or its gradient"),
        (
            "conv1.weight", (0, 0, 0, 0), False,
            "conv1.weight is a parameter, which is learned; ask for its gradient by --backward",
        ),
        (
            "conv1.wight", (0, 0, 0, 0), True,
            "the network has no value or parameter 'conv1.wight' (did you mean 'conv1.weight'?)",
        ),
        ("target", (0,), True, "target: what was asked for does not depend on it; it has no gradient"),
    ],
)  # fmt: skip
def test_what_cannot_be_traced(looked, path, index, backward, text):
    with pytest.raises(KitnetError) as error:
        looked.trace(path, index, backward)
    assert str(error.value) == text


def test_no_way_back_was_asked_for():
    net = kitnet.parse("4 -> fc2")
    with pytest.raises(KitnetError) as error:
        Probe(net)(np.ones(4)).trace("fc1", (0,), True)
    assert str(error.value) == "there is no way back without a target or an output; ask for one"


def test_what_is_inside_stays_when_the_network_learns_on():
    net = kitnet.parse("4 -> fc3")
    inside = Probe(net)(np.arange(4.0), target=1)
    before = inside.trace("fc1", (2,))
    net.weights.flat[...] += 1
    again = inside.trace("fc1", (2,))
    assert again == before
    assert_comes_to_it(again)


def test_the_terms_of_a_response_norm_and_a_batch_norm():
    net = kitnet.parse("3x3x2 -> conv1-4 -> lrn3 alpha=0.5 k=1 -> batchnorm -> fc2").initialise(6)
    inside = Probe(net)(np.random.default_rng(0).standard_normal((3, 3, 2), np.float32), output=1)
    x, y = inside.values["conv1"], inside.values["lrn1"]
    (part,) = inside.trace("lrn1", (1, 2, 3)).parts
    assert [term.factors[0].path for term in part.terms.terms] == ["lrn1.k", "conv1", "conv1"]
    assert part.terms.total == pytest.approx(1 + 0.5 * float((x[1, 2, 2:] ** 2).sum()), rel=1e-6)
    assert part.terms.close.name == "x * sum^-0.75" and part.terms.value == pytest.approx(float(y[1, 2, 3]))
    direct, *sent = inside.trace("conv1", (1, 2, 3), True).parts[0].terms.terms
    assert [(one.path, one.index) for one in direct.factors] == [
        ("d lrn1", (1, 2, 3)),
        ("lrn1.u^-0.75", (1, 2, 3)),
    ]
    assert [term.factors[1].index for term in sent] == [(1, 2, 2), (1, 2, 3)]
    (part,) = inside.trace("batchnorm1.scale", (3,), True).parts
    assert part.terms.terms[5].factors[1].path == "batchnorm1.normalised"
    assert part.terms.terms[5].factors[1].index == (1, 2, 3)
