"""Attribution: by hand on small networks, and by differences of scores."""

import numpy as np
import pytest
from catalogue import row

import kitnet
from kitnet.base.error import KitnetError
from kitnet.data import Dataset
from kitnet.look import Probe
from kitnet.look.attribution import (
    Deconvnet,
    grad_cam,
    heat,
    last_maps,
    occlusion,
    patches,
    patches_sheet,
    projected,
    saliency,
    slide,
)
from kitnet.look.attribution.patches import window
from kitnet.look.attribution.picture import HEAT, beside, centres, spread
from kitnet.net.receptive import Field

NO_CONV3 = "the network has no value 'conv3' (did you mean 'conv2'?)"
NO_MAP_4 = "conv1 has 4 maps and no map 4; the first one is 0"
LINE = "8x8x2 -> conv3-4 same -> relu -> maxpool2 -> conv3-5 -> relu -> fc3"


@pytest.fixture(scope="module")
def net():
    return kitnet.parse(LINE).initialise(5)


@pytest.fixture(scope="module")
def image(net):
    return np.random.default_rng(3).standard_normal(net.input_shape, np.float32)


def by_hand(net, image, gated):
    """The way back from the strongest number of relu2, written with the formulas of its parts."""
    tape = net.tape(image[None])
    value = tape["relu2"][0]
    index = np.unravel_index(value.argmax(), value.shape)
    back = np.zeros_like(tape["relu2"])
    back[0, *index] = value[index]
    for path in ("relu2", "conv2", "maxpool1", "relu1", "conv1"):
        if path.startswith("relu"):
            back = np.maximum(back, 0) * ((tape[path] > 0) if gated else 1)
            continue
        node = net.graph.nodes[net.graph.find(path)]
        before = net.graph.nodes[node.inputs[0]].path
        x = (tape[before],)
        w = net.weights.of(path)
        made = node.layer.forward(w, {}, kitnet.layers.Context(), *x)
        (back,) = node.layer.backward(w, node.layer.kept(x, made), back).dx
    return back[0], tuple(map(int, index))


@row(124)
@pytest.mark.parametrize("engine", ["compiled", "formula"])
@pytest.mark.parametrize("gated", [False, True])
def test_projections_by_hand(net, image, gated, engine):
    found = Deconvnet(Probe(net, engine=engine), gated)(image, path="relu2")
    expected, index = by_hand(net, image, gated)
    assert (found.path, found.index) == ("relu2", index)
    assert found.number == pytest.approx(float(net.tape(image[None])["relu2"][0][index]), rel=1e-5)
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_the_three_ways_back_differ_by_what_a_relu_lets_through():
    net = kitnet.parse("4 -> relu -> fc2")
    net.weights["fc1.weight"][...] = np.array([[1, 0], [-1, 0], [1, 0], [-1, 0]])
    net.weights["fc1.bias"][...] = 0
    x = np.array([2.0, 2.0, -2.0, -2.0])
    probe = Probe(net, engine="formula")
    assert probe(x, output=0).gradients["input"].tolist() == [1, -1, 0, 0]
    assert Deconvnet(probe)(x, of=0).values.tolist() == [1, 0, 1, 0]
    assert Deconvnet(probe, gated=True)(x, of=0).values.tolist() == [1, 0, 0, 0]


def test_a_projection_begins_where_it_is_told(net, image):
    project, inside = Deconvnet(Probe(net, engine="formula")), Probe(net, engine="formula")(image)
    found = project(image, path="relu1", map=2)
    assert found.index[2] == 2 and found.number == inside.values["relu1"][..., 2].max()
    seen = np.argwhere(found.values.any(-1))
    assert (np.abs(seen - found.index[:2]) <= 1).all()  # the receptive field of a 3x3 window
    best = int(inside.best(1)[0][0])
    assert project(image).index == (best,)


def test_saliency_is_the_slope_of_the_score(net, image):
    found = saliency(Probe(net, engine="formula"), image, 1)
    slopes = np.zeros((8, 8, 2))
    exact = kitnet.parse(LINE).initialise(5, dtype=np.float64)
    for place in np.ndindex(slopes.shape):
        moved = np.stack([image, image]).astype(np.float64)
        moved[0][place] += 1e-6
        moved[1][place] -= 1e-6
        up, down = exact(moved)[:, 1]
        slopes[place] = (up - down) / 2e-6
    np.testing.assert_allclose(found, np.abs(slopes).max(-1), rtol=1e-3, atol=1e-4)


def test_grad_cam_is_its_two_equations(net, image):
    probe = Probe(net, engine="formula")
    assert last_maps(net.graph, "fc1") == "relu2"
    tape = net.tape(image[None])
    gradient = tape.backward({"fc1": np.eye(3, dtype=np.float32)[[2]]})["relu1"][0]
    maps = tape["relu1"][0]
    expected = np.zeros((8, 8))
    for k in range(4):
        expected += gradient[..., k].sum() / 64 * maps[..., k]
    found = grad_cam(probe, image, 2, "relu1")
    np.testing.assert_allclose(found, np.maximum(expected, 0), rtol=1e-4, atol=1e-6)
    assert found.max() > 0


def test_occlusion_asks_the_network_once_for_each_square(net, image):
    probe = Probe(net, engine="formula")
    found = occlusion(probe, image, 1, window=3, stride=2)
    assert found.rows.tolist() == found.columns.tolist() == [1, 3, 5]
    covered = image.copy()
    covered[2:5, 4:7] = 0.5  # grey of a network that reads 0 to 1
    assert found.values[1, 2] == pytest.approx(float(probe(covered).probabilities[1]), rel=1e-5)
    assert found.whole == pytest.approx(float(probe(image).probabilities[1]), rel=1e-5)
    usual = occlusion(probe, image)
    assert usual.window == 1 and usual.values.shape == (8, 8)


@row(124)
def test_patches_are_the_strongest_of_the_data():
    net = kitnet.parse("6x6x1 -> conv3-2 -> relu -> fc2").initialise(1)
    images = np.random.default_rng(0).integers(0, 256, (40, 6, 6, 1), dtype=np.uint8)
    source = Dataset("forty", images, np.zeros(40, int), ("a", "b"))
    for engine in ("compiled", "formula"):
        first, second = patches(Probe(net, engine=engine), source, "conv1")
        values = net.tape(images.astype(np.float32) / 255)["conv1"]
        order = np.argsort(-values.max((1, 2))[:, 1])[:9]
        assert second.pictures.tolist() == order.tolist()
        np.testing.assert_allclose(second.numbers, np.sort(values.max((1, 2))[:, 1])[:-10:-1], rtol=1e-5)
        n = second.pictures[0]
        h, w = np.unravel_index(values[n, ..., 1].argmax(), (4, 4))
        assert np.array_equal(second.images[0], images[n, h : h + 3, w : w + 3])
        assert first.map == 0 and first.images.shape == (9, 3, 3, 1)
    assert patches_sheet([first, second], "two maps").shape[2] == 3


def test_a_patch_at_the_border_is_grey_outside():
    net = kitnet.parse("4x4x1 -> conv3-1 same -> fc2")
    net.weights["conv1.weight"][...] = 0
    net.weights["conv1.weight"][1, 1, 0, 0] = 1
    images = np.zeros((1, 4, 4, 1), np.uint8)
    images[0, 0, 3] = 200
    (found,) = patches(
        Probe(net, engine="formula"), Dataset("one", images, np.zeros(1, int), ("a",)), "conv1"
    )
    assert found.images[0, ..., 0].tolist() == [[128, 128, 128], [0, 200, 128], [0, 0, 128]]


def test_a_window_of_the_input():
    assert window(Field(5, 2, -1, 10), 3, 32) == (5, 10)
    assert window(Field(40, 2, -4, 10), 3, 32) == (0, 32)


def test_sliding_over_a_larger_picture():
    net = kitnet.parse("4x4x1 -> conv3-3 -> relu -> fc2").initialise(2)
    picture = np.random.default_rng(1).integers(0, 256, (6, 8, 1), dtype=np.uint8)
    probe = Probe(net, engine="formula")
    found = slide(probe, picture, 1, times=2)
    assert found.picture.shape == (8, 11, 1) and found.values.shape == (5, 8)
    assert found.rows[0] == 1.5 and found.columns[-1] == 7 + 1.5
    crop = found.picture[2:6, 3:7].astype(np.float32) / 255
    assert found.values[2, 3] == pytest.approx(float(probe(crop).probabilities[1]), rel=1e-4)


def test_heat_lies_over_the_picture():
    picture = np.full((4, 4, 1), 100, np.uint8)
    over = heat(picture, np.array([[0.0, 1.0], [0.0, 1.0]]))
    for column, colour in ((0, HEAT[0]), (3, HEAT[-1])):
        assert over[0, column].tolist() == np.rint(0.6 * colour + 40).astype(int).tolist()
    wide = spread(np.array([[0.0, 4.0]]), np.array([0.0]), np.array([1.0, 3.0]), 2, 5)
    assert wide.tolist() == [[0, 0, 2, 4, 4]] * 2
    assert centres(2, 4).tolist() == [0.5, 2.5]
    assert (heat(picture, np.ones((2, 2))) == heat(picture, np.zeros((2, 2)))).all()


def test_projections_are_grey_at_nothing():
    values = np.array([[[0.0, 2.0, -1.0]]])
    assert projected(values).tolist() == [[[128, 255, 64]]]
    assert projected(np.array([[[0.0, -4.0]]])).tolist() == [[[1]]]  # of other depths the largest one
    assert beside([np.zeros((8, 8, 1), np.uint8)] * 2, "two").shape[1] >= 2 * 320


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (
            lambda p, x: Deconvnet(Probe(kitnet.parse("4 -> tanh -> fc2"))),
            "the network has no relu, whose way back deconvnet and guided change; ask for saliency instead",
        ),
        (lambda p, x: Deconvnet(p)(x, map=1), "a map is one of a layer; name the layer, too"),
        (
            lambda p, x: Deconvnet(p)(x, of=1, path="conv1"),
            "a class and a layer are two beginnings; name one of them",
        ),
        (lambda p, x: Deconvnet(p)(x, path="conv1", map=4), NO_MAP_4),
        (lambda p, x: Deconvnet(p)(x, path="conv3"), NO_CONV3),
        (
            lambda p, x: grad_cam(p, x, 0, "fc1"),
            "fc1 has no positions; Grad-CAM is for layers of maps, such as convolutions",
        ),
        (
            lambda p, x: last_maps(kitnet.parse("4 -> fc2").graph, "fc1"),
            "the network has no layer of maps before its scores, of which Grad-CAM could be taken",
        ),
        (
            lambda p, x: occlusion(p, x, window=9),
            "a window of 9 pixels is larger than the 8x8 input; use a smaller one",
        ),
        (
            lambda p, x: occlusion(Probe(kitnet.parse("4 -> fc2")), np.ones(4)),
            "occlusion is for pictures, but the network reads 4",
        ),
        (
            lambda p, x: patches(p, None, "conv3"),
            NO_CONV3,
        ),
        (lambda p, x: patches(p, None, "conv1", [7]), "conv1 has 4 maps and no map 7; the first one is 0"),
        (
            lambda p, x: patches(Probe(kitnet.parse("4 -> fc2")), None, "fc1"),
            "fc1 of 2 sees no patches of pictures; name a layer of maps",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_attributed(net, image, ask, text):
    with pytest.raises(KitnetError) as error:
        ask(Probe(net, engine="formula"), image)
    assert str(error.value) == text
