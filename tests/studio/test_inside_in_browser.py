"""The rooms inside and backward in a browser: what they show is compared with the formulas."""

import numpy as np
import pytest
from driven import is_at_rest, until

from kitnet.layers import Context
from kitnet.net import Tape

pytest.importorskip("playwright.sync_api")
from driven import SIZES, wait

pytestmark = pytest.mark.slow
NETWORK = "8x8x1 -> conv3-4 same -> batchnorm -> relu -> maxpool2 -> residual[conv3-4 same] -> lrn3 -> fc10"
VALUES = "all => all.map((one) => Number(one.dataset.value))"


@pytest.fixture
def trained(visit):
    """A page, the training and the formulas' values and gradients for a sample."""

    def opened(room, sample=3, model=NETWORK, **more):
        training, page = visit(model=model, **more)
        for done in range(1, 4):
            training.step()
            until(lambda steps=done: training.loop.run.steps_done(training.loop.progress) == steps)
            until(lambda: is_at_rest(training))
        page.click(f"nav a[href='#{room}']")
        page.wait_for_selector("#arithmetic .step")
        page.fill("#sample", str(sample))
        page.press("#sample", "Enter")
        run = training.loop.run
        images, labels = run.parts.test.read(np.arange(40))
        label = run.model.classes[labels[sample]]
        wait(page, f"document.querySelector('#looked').textContent.startsWith('Label {label},')")
        net = run.model.net
        x = run.model.preparation.prepare(images)[sample : sample + 1]
        tape = Tape(net.graph, net.weights, net.state, Context(), {"input": x})
        return training, page, tape, int(labels[sample])

    return opened


def name_shown(page):
    return page.inner_text("#arithmetic .step:last-child h3").partition(" = ")[0]


def go(page, path, index, backward=False):
    """To a number by the select and the arrow keys."""
    name = f"{'d ' if backward else ''}{path}"

    def there(*index):
        place = f"{name}[{','.join(map(str, index))}]"
        wait(page, f"document.querySelector('#number').textContent.startsWith('{place} = ')")
        until(lambda: name_shown(page) == place)

    page.select_option("#path", name)
    there(*(0 for _ in index))
    if len(index) == 3:
        page.fill("#plane", str(index[2]))
        page.press("#plane", "Enter")
        there(0, 0, index[2])
    page.focus("#enlarged")
    for key, count in zip(("ArrowDown", "ArrowRight"), index, strict=False):
        for _ in range(count):
            page.keyboard.press(key)
    there(*index)


def test_inside_by_keyboard_and_clicks(trained):
    training, page, tape, _ = trained("inside")
    net = training.loop.run.model.net
    assert "3 steps of training done" in page.inner_text("#looked")
    paths = page.eval_on_selector_all(".column", "all => all.map((one) => one.dataset.path)")
    assert paths[:3] == ["input", "conv1", "batchnorm1"]
    probabilities = training.loop.run.model.loss.probabilities(tape.output)[0]
    best = np.argsort(-probabilities, kind="stable")[:5]
    bars = page.locator("#best .bar").all_inner_texts()
    assert [bar.split(" ")[0] for bar in bars] == [training.loop.run.model.classes[k] for k in best]
    shown = [float(bar.split(" ")[1].rstrip("%")) for bar in bars]
    assert shown == pytest.approx(100 * probabilities[best], abs=0.06)

    # every layer's number comes to what the formulas say
    places = {
        "conv1": (2, 3, 1),
        "batchnorm1": (2, 3, 1),
        "maxpool1": (1, 2, 3),
        "lrn1": (1, 2, 2),
        "fc1": (4,),
    }
    for path, index in places.items():
        go(page, path, index)
        (number,) = page.eval_on_selector_all("#arithmetic .step:last-child h3", VALUES)
        assert number == pytest.approx(float(tape[path][0][index]), rel=1e-3, abs=1e-5)

    # the window of a convolution, number by number
    go(page, "conv1", (2, 3, 1))
    grids = page.locator(".channel .window")
    x, w, products = (grids.nth(i).locator("td[data-value]").evaluate_all(VALUES) for i in range(3))
    np.testing.assert_allclose(x, tape["input"][0, 1:4, 2:5, 0].ravel(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(w, net.weights["conv1.weight"][:, :, 0, 1].ravel(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(products, np.multiply(x, w), rtol=1e-6)
    bias, total = page.eval_on_selector_all(".terms td[data-value]", VALUES)
    assert sum(products) + bias == pytest.approx(total, rel=1e-6)

    # where it was read, framed on the map before, and the number itself
    box = page.locator(".column[data-path='input'] .tile canvas").bounding_box()
    framed = page.locator(".column[data-path='input'] .tile .read").bounding_box()
    assert [
        framed["x"] - box["x"],
        framed["y"] - box["y"],
        framed["width"],
        framed["height"],
    ] == pytest.approx(
        [2 / 8 * box["width"], 1 / 8 * box["height"], 3 / 8 * box["width"], 3 / 8 * box["height"]], abs=0.5
    )
    assert page.locator(".column[data-path='conv1'] .tile").nth(1).locator(".chosen").count() == 1
    assert page.locator(".tile i").count() == 2

    # a product's number is followed down to the pixels, and back
    page.click(".channel .window >> nth=0 >> button >> nth=4")
    until(lambda: name_shown(page) == "input[2,3,0]")
    assert "It is given" in page.inner_text("#arithmetic")
    assert "conv1[2,3,1]" in page.inner_text("#trail")
    page.click("#trail button >> nth=0")
    until(lambda: name_shown(page) == "conv1[2,3,1]")

    # the winner of a pool
    go(page, "maxpool1", (1, 2, 3))
    window = page.locator(".pool td[data-value]").evaluate_all(VALUES)
    marked = page.locator(".pool td.marked").evaluate_all(VALUES)
    assert marked == [max(window)] and len(window) == 4


COLOUR = """async ([path, map, row, column, value, least, largest]) => {
    const { coloured } = await import("/page/colours.js");
    const canvas = document.querySelectorAll(`.column[data-path='${path}'] .tile canvas`)[map];
    const copy = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const found = [...copy.getImageData(column, row, 1, 1).data];
    return [found.slice(0, 3), coloured(least, largest, "values")(value)];
}"""


def test_colours_of_a_layer_of_a_size_and_of_all(trained):
    _, page, tape, _ = trained("inside")
    columns = page.eval_on_selector_all(".column", "all => all.map((one) => one.dataset.path)")
    some = {path: tape[path][0] for path in columns[1:]}
    of_size = [a for a in some.values() if a.shape[:-1] == some["conv1"].shape[:-1]]
    for scale, reach in (("own", [some["conv1"]]), ("size", of_size), ("all", [*some.values()])):
        page.select_option("#scale", scale)
        least, largest = float(min(a.min() for a in reach)), float(max(a.max() for a in reach))
        for row, column in ((2, 3), (5, 5)):
            value = float(some["conv1"][row, column, 1])
            found, expected = page.evaluate(COLOUR, ["conv1", 1, row, column, value, least, largest])
            np.testing.assert_allclose(found, expected, atol=3, err_msg=scale)  # a value has 256 steps


def test_hovering_and_holding(trained):
    _, page, tape, _ = trained("inside")
    page.locator(".column[data-path='conv1'] .tile").nth(2).click()
    until(lambda: page.evaluate("document.activeElement.id") == "enlarged")
    until(lambda: page.inner_text("#number").startswith(f"{name_shown(page)} = "))
    held = name_shown(page)
    assert held.startswith("conv1[") and held.endswith(",2]")
    box = page.locator("#enlarged").bounding_box()
    each = box["width"] / 8
    page.mouse.move(box["x"] + 6.5 * each, box["y"] + 1.5 * each)
    page.wait_for_timeout(300)
    assert name_shown(page) == held
    page.keyboard.press("Escape")
    page.mouse.move(box["x"] + 5.5 * each, box["y"] + 1.5 * each)
    until(lambda: name_shown(page) == "conv1[1,5,2]")
    (number,) = page.eval_on_selector_all("#arithmetic h3", VALUES)
    assert number == pytest.approx(float(tape["conv1"][0, 1, 5, 2]), rel=1e-3, abs=1e-5)
    tile = page.locator(".column[data-path='fc1'] .tile")
    tile.hover()
    until(lambda: name_shown(page).startswith("fc1["))


def test_backward(trained):
    training, page, tape, label = trained("backward")
    run = training.loop.run
    probabilities = run.model.loss.probabilities(tape.output)
    dy = probabilities - np.eye(10)[[label]]
    back = tape.backward({run.model.net.graph.nodes[-1].path: dy.astype(np.float32)})
    assert page.input_value("#class") == str(label)
    places = {
        "fc1": (4,),
        "lrn1": (1, 2, 2),
        "maxpool1": (1, 2, 3),
        "batchnorm1": (2, 3, 1),
        "conv1": (2, 3, 1),
        "input": (4, 4, 0),
    }
    for path, index in places.items():
        go(page, path, index, True)
        (number,) = page.eval_on_selector_all("#arithmetic .step:last-child h3", VALUES)
        assert number == pytest.approx(float(back[path][0][index]), rel=2e-3, abs=1e-6), path
    page.select_option("#path", "d conv1.weight")
    until(lambda: name_shown(page) == "d conv1.weight[0,0,0,0]")
    (number,) = page.eval_on_selector_all("#arithmetic h3", VALUES)
    assert number == pytest.approx(float(back["conv1.weight"][0, 0, 0, 0]), rel=2e-3, abs=1e-6)

    # the sum of a score instead
    page.select_option("#kind", "output")
    wait(page, "!document.querySelector('#look').disabled")
    go(page, "fc1", (label,), True)
    assert page.eval_on_selector_all("#arithmetic h3", VALUES) == [1]


def test_a_convolution_played(trained):
    training, page, tape, label = trained("backward", model="8x8x1 -> conv3-1 pad=1 -> fc10")
    run = training.loop.run
    dy = run.model.loss.probabilities(tape.output) - np.eye(10)[[label]]
    back = tape.backward({run.model.net.graph.nodes[-1].path: dy.astype(np.float32)})
    dx = back["input"][0, ..., 0]
    for at in (0, 9, 63):
        page.evaluate(f"document.querySelector('#play-at').value = {at}")
        page.dispatch_event("#play-at", "input")
        place = f"{at // 8},{at % 8}"
        wait(page, f"document.querySelector('#play-where').textContent.startsWith('dx[{place}]')")
        expected = pytest.approx(float(dx[at // 8, at % 8]), rel=1e-3, abs=1e-7)
        until(lambda expected=expected: float(page.get_attribute("#play-where", "data-value")) == expected)
        shown = float(page.get_attribute("#play-where", "data-value"))
        for convention in ("correlation", "convolution"):
            products = page.eval_on_selector_all(f"#{convention} .window:last-child td[data-value]", VALUES)
            assert sum(products) == pytest.approx(shown, rel=1e-6, abs=1e-12)
    page.select_option("#play-way", "scatter")
    for _ in range(9):
        page.click("#play-step")
    said = page.inner_text("#play-where")
    assert said.startswith("dy[1,1] = ") and said.endswith("8 places had something already")
    page.click("#play")
    wait(page, "document.querySelector('#play-where').textContent.startsWith('dy[1,3]')")
    page.click("#play")
    page.evaluate("document.querySelector('#play-at').value = 63")
    page.dispatch_event("#play-at", "input")
    sums = page.eval_on_selector_all("#scatter .window:last-child td[data-value]", VALUES)
    np.testing.assert_allclose(sums, dx[6:, 6:].ravel(), rtol=1e-3, atol=1e-7)


def test_own_networks_files_and_drawings(trained, tmp_path):
    from PIL import Image

    _, page, *_ = trained("inside")
    page.select_option("#which", "other")
    page.fill("#network", "12x12x1 -> cnv3-2")
    page.press("#network", "Enter")
    page.wait_for_selector("[role=alert]:not([hidden])")
    assert "unknown layer 'cnv'" in page.inner_text("[role=alert] >> visible=true")
    page.fill("#network", "12x12x1 -> conv3-2 -> relu -> fc3")
    page.press("#network", "Enter")
    page.wait_for_selector(".column[data-path='fc1']")
    wait(page, "document.querySelectorAll('#best .bar').length === 3")
    pixels = np.random.default_rng(0).integers(0, 256, (12, 12), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "own.png")
    page.set_input_files("#file", tmp_path / "own.png")
    wait(page, "document.querySelector('#looked').textContent.startsWith('Label –')")
    go(page, "input", (5, 7, 0))
    (number,) = page.eval_on_selector_all("#arithmetic h3", VALUES)
    assert number == pytest.approx(pixels[5, 7] / 255, rel=1e-5)
    page.click("summary")
    box = page.locator("#drawing").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 91)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 91, steps=5)
    page.mouse.up()
    until(lambda: page.eval_on_selector_all("#arithmetic h3", VALUES) != [number])
    go(page, "input", (6, 6, 0))
    (light,) = page.eval_on_selector_all("#arithmetic h3", VALUES)
    go(page, "input", (1, 6, 0))
    (dark,) = page.eval_on_selector_all("#arithmetic h3", VALUES)
    assert light > 0.5 and dark == 0


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    ("locale", "titles"), [("en-GB", ("Inside", "Backward")), ("zh-CN", ("内部", "反向"))]
)
def test_languages_and_sizes(visit, size, locale, titles):
    _, page = visit(size=size, locale=locale, scheme="dark")
    for room, title in zip(("inside", "backward"), titles, strict=True):
        page.click(f"nav a[href='#{room}']")
        page.wait_for_selector("#arithmetic .step")
        assert page.inner_text("nav a[aria-current]") == title
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        page.focus(".tile[tabindex='0']")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        until(lambda: page.evaluate("document.activeElement.id") == "enlarged")
        until(lambda: "conv1[" in page.inner_text("#number"))
