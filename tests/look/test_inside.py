"""Values and gradients by path: what the plan has is what the formulas have, in both layouts."""

import numpy as np
import pytest

import kitnet
from kitnet.base.error import KitnetError, ShapeError
from kitnet.look import Probe

EPS = float(np.finfo(np.float32).eps)
LINES = {
    "lenet": "12x12x1 -> conv3-4 same -> tanh -> maxpool2 -> conv3-6 -> tanh -> fc5",
    "residual": "8x8x3 -> conv3-4 same -> batchnorm -> relu -> residual[conv3-4 same -> batchnorm -> relu -> "
    "conv3-4 same -> batchnorm] -> relu -> meanpool global -> fc5",
    "branches": "8x8x2 -> concat[conv1-3 | conv3-3 same -> relu] -> lrn -> maxpool2 -> fc5 -> softmax",
}


def image_for(net, seed=0):
    return np.random.default_rng(seed).standard_normal(net.input_shape, np.float32)


def assert_alike(found, expected):
    assert found.keys() == expected.keys()
    for path, want in expected.items():
        assert found[path].shape == want.shape, path
        scale = np.abs(want).max()
        if path.endswith(".bias"):  # in front of a batch norm its terms cancel
            scale = np.abs(expected[path.removesuffix(".bias")]).sum()
        np.testing.assert_allclose(found[path], want, rtol=0, atol=200 * EPS * scale, err_msg=path)


@pytest.mark.parametrize("layout", ["images", "channels"])
@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
@pytest.mark.sample(3)
def test_the_plan_has_what_the_formulas_have(line, layout):
    net = kitnet.parse(line).initialise(2)
    image = image_for(net)
    plan, formula = Probe(net, layout=layout), Probe(net, engine="formula")
    middle = net.graph.nodes[2].path
    seeds = {middle: np.ones_like(plan(image).values[middle])}
    for asked in ({}, {"target": 3}, {"output": 2}, {"seeds": seeds}):
        one, other = plan(image, **asked), formula(image, **asked)
        assert_alike(one.values, other.values)
        assert_alike(one.gradients, other.gradients)
        assert bool(one.gradients) == bool(asked)
    learning = [Probe(net, layout=layout, train=True), Probe(net, engine="formula", train=True)]
    one, other = (probe(image, target=3) for probe in learning)
    assert_alike(one.gradients, other.gradients)


def test_the_gradients_are_those_of_the_tape():
    net = kitnet.parse(LINES["residual"]).initialise(1)
    image = image_for(net)
    inside = Probe(net)(image, target=1)
    tape = net.tape(image[None], np.array([1]))
    expected = tape.backward()
    assert {*inside.values} == {*tape.keys()} and inside.gradients["loss"] == 1
    for path, want in inside.gradients.items():
        own = expected[path] if path in net.weights else expected[path][0]
        np.testing.assert_allclose(want, own, rtol=0, atol=200 * EPS * np.abs(own).max(), err_msg=path)
    assert inside.values["loss"] == pytest.approx(float(tape["loss"][0]), rel=1e-5)


def test_weights_that_change_are_seen_by_the_same_probe():
    net = kitnet.parse(LINES["lenet"])
    probe, image = Probe(net), image_for(net)
    for asked in ({}, {"target": 0}):
        before = probe(image, **asked)
        net.weights["conv1.weight"][...] *= 2
        net.weights["conv1.bias"][...] += 1
        after = probe(image, **asked)
        expected = net.tape(image[None])["conv1"][0]
        np.testing.assert_allclose(after.values["conv1"], expected, rtol=1e-5, atol=1e-5)
        assert not np.allclose(after.values["conv1"], before.values["conv1"])
    assert not np.array_equal(before.gradients["fc1.weight"], after.gradients["fc1.weight"])


def test_state_stays_as_it_was():
    net = kitnet.parse(LINES["residual"])
    Probe(net, train=True)(image_for(net), target=0)
    assert not net.state["batchnorm1"]["mean"].any()


def test_what_does_not_depend_on_anything_has_no_gradient():
    net = kitnet.parse(LINES["lenet"])
    image = image_for(net)
    inside = Probe(net)(image, seeds={"conv1": np.ones((12, 12, 4))})
    assert {*inside.gradients} == {"input", "conv1", "conv1.weight", "conv1.bias"}
    np.testing.assert_allclose(inside.gradients["conv1.bias"], 144)


def test_scores_with_their_classes():
    net = kitnet.parse(LINES["branches"])
    inside = Probe(net)(image_for(net))
    assert inside.scored == "fc1"  # what the loss reads
    np.testing.assert_allclose(inside.probabilities, inside.values["softmax1"], rtol=1e-5)
    best = inside.best(2)
    assert [name for name, _ in best] == [str(k) for k in np.argsort(-inside.scores)[:2]]
    assert best[0][1] == pytest.approx(inside.probabilities.max())


def test_a_picture_of_any_size_and_numbers_as_they_are():
    net = kitnet.parse("4x4x1 -> conv3-2 -> fc3")
    probe = Probe(net)
    picture = np.full((9, 7, 3), 51, np.uint8)
    np.testing.assert_allclose(probe(picture).values["input"], np.full((4, 4, 1), 0.2), rtol=1e-6)
    with pytest.raises(ShapeError) as error:
        probe(np.zeros((5, 4, 1)))
    assert str(error.value) == (
        "image: expected a picture, uint8 (h,w,c), or numbers of 4x4x1 as the network reads them, but got "
        "float64 (5, 4, 1)"
    )


def test_double_precision_is_computed_by_the_formulas():
    net = kitnet.parse(LINES["lenet"]).initialise(dtype=np.float64)
    assert Probe(net)(image_for(net)).values["conv1"].dtype == np.float64


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (
            {"target": 5},
            "no class 5 (there are '0', '1', '2', '3' and '4'); give a name, or a number from 0 to 4",
        ),
        (
            {"output": "cat"},
            "no class 'cat' (there are '0', '1', '2', '3' and '4'); give a name, or a number from 0 to 4",
        ),
        ({"target": 1, "output": 1}, "give a target, an output or seeds; not two of them"),
    ],
)
def test_what_cannot_be_asked_for(asked, text):
    net = kitnet.parse(LINES["lenet"])
    with pytest.raises(KitnetError) as error:
        Probe(net)(image_for(net), **asked)
    assert str(error.value) == text


def test_networks_of_one_input_alone():
    graph = kitnet.Graph()
    a, b = graph.operand("a", (3,)), graph.operand("b", (3,))
    graph.add("sum", kitnet.layers.Add(), a, b)
    with pytest.raises(KitnetError) as error:
        Probe(kitnet.Net(graph))
    assert str(error.value) == "this network reads a and b; only networks of one input can be looked into"


def test_a_network_that_gives_its_input_has_no_best_class():
    model = kitnet.Model("8x8x1 -> conv3-2 same -> relu -> conv3-1 same")
    model.fit(np.zeros((4, 8, 8, 1), np.uint8), epochs=1, engine="formula")
    inside = Probe(model, engine="formula")(np.zeros((8, 8, 1), np.uint8))
    with pytest.raises(KitnetError) as caught:
        inside.best()
    assert str(caught.value) == (
        "this network gives its input and tells no classes; look at the maps of its layers instead"
    )
