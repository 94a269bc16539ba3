"""The JavaScript of a page, formula by formula in Chromium, against layers, losses and Pillow."""

import base64
import json
import re

import numpy as np
import pytest
from PIL import Image

from kitnet import Graph, Net
from kitnet.data import Preparation
from kitnet.interop.forward_pass import OVER_VOLUMES, WORDS, forward_pass
from kitnet.interop.web_page import FOLDER, SCRIPTS
from kitnet.layers import (
    LAYERS,
    Add,
    Context,
    Hinge,
    Quadratic,
    RadialBasisPenalty,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    Tanh,
)

pytestmark = pytest.mark.slow
EPSILON = float(np.finfo(np.float32).eps)
FORWARD = """([description, weights, inputs]) => {
  const network = networkOf(description, floatsOf(weights));
  return inputs.map((x) => Array.from(forward(network, floatsOf(x)).at(-1).values));
}"""


def packed(array, kind="<f4"):
    return base64.b64encode(np.ascontiguousarray(array, kind).tobytes()).decode()


@pytest.fixture(scope="module")
def scripts(chromium):
    """All files but the last, which begins to show the page."""
    assert SCRIPTS[-1] == "page"
    page = chromium.new_page()
    page.goto("about:blank")
    page.add_script_tag(content="\n".join((FOLDER / f"{name}.js").read_text() for name in SCRIPTS[:-1]))
    yield page
    page.close()


CASES = {
    f"{word}-{i}": case
    for word in WORDS
    for i, case in enumerate(LAYERS[word].cases())
    if word not in OVER_VOLUMES or len(case.shapes[0]) == 3
}


def drawn(case, random):
    """Operands and arrays of a case, float32."""
    shapes = [(case.batch, *shape) for shape in case.shapes]
    x = case.draw(random, shapes) if case.draw else [random.standard_normal(shape) for shape in shapes]
    x = [each.astype(np.float32) for each in x]
    w = {
        name: random.standard_normal(param.shape).astype(np.float32)
        for name, param in case.layer.params(*case.shapes).items()
    }
    state = {
        name: random.uniform(0.5, 1.5, buffer.shape).astype(np.float32)
        for name, buffer in case.layer.state(*case.shapes).items()
    }
    return x, w, state


@pytest.mark.parametrize("name", CASES)
def test_a_layer_is_its_formula(scripts, name):
    """The page sums in float64 and rounds once to float32; so each number is as far off as one rounding, of
    the number or, in a batch norm, of its factor."""
    case, random = CASES[name], np.random.default_rng(3)
    graph = Graph()
    image = graph.operand("image", case.shapes[0])
    graph.add("it", case.layer, *[image] * len(case.shapes))  # the same operand for every input
    net = Net(graph)
    x, w, state = drawn(case, random)
    net.adopt({f"it.{k}": v for k, v in w.items()}, {"it": state} if state else {})
    found = forward_pass(net, graph.main)
    description = {"layers": found.layers, "preparation": {"input": case.shapes[0]}}
    inputs = [packed(one) for one in x[0]]
    y = np.array(scripts.evaluate(FORWARD, [description, packed(found.weights), inputs]))

    def exact(arrays):
        return {k: v.astype(float) for k, v in arrays.items()}

    x64 = [x[0].astype(float)] * len(x)
    expected = case.layer.forward(exact(w), exact(state), Context(), *x64).y.reshape(y.shape)
    assert np.abs(y - expected).max() <= 4 * EPSILON * max(1, np.abs(expected).max())


def test_sums_of_several_values(scripts):
    graph = Graph()
    image = graph.operand("image", (3, 2, 2))
    graph.add("sum", Add(), graph.add("tanh", Tanh(), image), image, image)
    found = forward_pass(Net(graph), graph.main)
    x = np.random.default_rng(0).standard_normal((1, 3, 2, 2), np.float32)
    description = {"layers": found.layers, "preparation": {"input": (3, 2, 2)}}
    (y,) = scripts.evaluate(FORWARD, [description, "", [packed(x)]])
    np.testing.assert_allclose(y, (np.tanh(x) + 2 * x).ravel(), rtol=1e-6, atol=1e-6)


def test_numbers_in_odd_places(scripts):
    """More rows and filters than are computed at once, and what is left of them."""
    run = """([rows, n, filters, bias, count]) => {
      const length = floatsOf(rows).length / n, y = new Float32Array(n * count);
      products(floatsOf(rows), n, floatsOf(filters), 0, count, length, floatsOf(bias), y, 0, count);
      return Array.from(y);
    }"""
    random = np.random.default_rng(1)
    for n, count, length in ((1, 1, 1), (2, 4, 3), (3, 5, 7), (5, 11, 2), (4, 3, 9)):
        rows, filters, bias = (
            random.standard_normal(shape, np.float32) for shape in ((n, length), (count, length), count)
        )
        y = scripts.evaluate(run, [packed(rows), n, packed(filters), packed(bias), count])
        exact = rows.astype(float) @ filters.astype(float).T + bias
        np.testing.assert_allclose(np.reshape(y, (n, count)), exact, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("rule", "loss"),
    [
        ("softmax", SoftmaxCrossEntropy()),
        ("softmax", Hinge()),
        ("sigmoid", SigmoidCrossEntropy()),
        ("shares", Quadratic()),
        ("distances", RadialBasisPenalty(1.5)),
    ],
)
def test_probabilities(scripts, rule, loss):
    scores = np.random.default_rng(2).normal(0.3, 3, (4, 6)).astype(np.float32)
    run = "([rule, scores, j]) => PROBABILITIES[rule](floatsOf(scores), j)"
    found = [scripts.evaluate(run, [rule, packed(row), getattr(loss, "rubbish", None)]) for row in scores]
    np.testing.assert_allclose(found, loss.probabilities(scores), rtol=1e-6, atol=1e-30)


PREPARED = """([preparation, { height, width, depth, pixels }]) =>
  Array.from(prepared(preparation, { height, width, depth, pixels: bytesOf(pixels) }))"""


@pytest.mark.parametrize(
    ("size", "resize", "target"),
    [
        ((28, 28), (28, 28), (32, 32)),  # a rim
        ((28, 28), (28, 28), (25, 20)),  # cropped
        ((57, 41), (32, 32), (32, 32)),
        ((300, 7), (20, 33), (21, 32)),  # smaller one way, larger the other, odd rims
        ((5, 9), (64, 64), (64, 64)),
        ((480, 640), (32, 32), (32, 32)),
        ((1, 1), (8, 8), (8, 8)),
        ((33, 32), (32, 32), (32, 32)),
    ],
)
@pytest.mark.parametrize(("depth", "channels"), [(1, 1), (3, 1), (1, 3), (3, 3)])
def test_pictures_are_prepared_to_the_same_bits(scripts, size, resize, target, depth, channels):
    random = np.random.default_rng(5)
    picture = random.integers(0, 256, (*size, depth), np.uint8)
    if size[0] > 100:  # as photographs are
        smooth = Image.fromarray(picture.repeat(3 // depth, 2)).resize(size[::-1], reducing_gap=2.0)
        picture = np.asarray(smooth)[..., :depth]
    mean, std = random.uniform(0.1, 0.9, channels), random.uniform(0.1, 0.5, channels)
    preparation = Preparation((*target, channels), resize, tuple(mean.tolist()), tuple(std.tolist()))
    given = dict(zip(("height", "width", "depth"), picture.shape, strict=True))
    told = json.loads(json.dumps(preparation.to_json()))
    found = scripts.evaluate(PREPARED, [told, {**given, "pixels": packed(picture, np.uint8)}])
    expected = preparation.prepare(picture[None])
    np.testing.assert_array_equal(np.array(found, np.float32), expected.ravel())


def test_every_text_is_there_in_every_language(scripts):
    texts = scripts.evaluate("TEXTS")
    places = {
        language: {
            key: sorted(part.split("}")[0] for part in said.split("{")[1:]) for key, said in table.items()
        }
        for language, table in texts.items()
    }
    assert set(texts) == {"en", "zh"} and places["en"] == places["zh"]
    used = "".join(
        (FOLDER / name).read_text() for name in ("page.html", "page.js", "pictures.js", "sheets.js")
    )
    unused = [key for key in texts["en"] if not re.search(rf"\b{key}\b", used)]
    assert unused == ["test", "validation", "train"]  # the parts of a data set
    for wanted, language in ((["zh-TW", "en"], "zh"), (["de", "en-GB"], "en"), (["fr"], "en"), ([], "en")):
        assert scripts.evaluate("languageOf", wanted) == language
