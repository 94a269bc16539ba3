"""The rooms of convolution, and of filters and attribution, with mouse and keyboard; what they show is
compared with the formulas."""

import re

import numpy as np
import pytest
from driven import SIZES, is_at_rest, until, wait
from PIL import Image
from test_room_of_convolution import pixels_of

import kitnet
from kitnet.lab.im2col import matrix_of_windows
from kitnet.lab.image_filters import FILTERS
from kitnet.layers import Convolution
from kitnet.look import Probe, attribution, filtered, filters_of
from kitnet.studio.asking import picture

pytestmark = pytest.mark.slow
CELLS = (
    "all => all.map((table) => [...table.rows].map((row) => [...row.cells].map((one) => one.textContent)))"
)


@pytest.fixture
def room(visit):
    """Opens the page at a room."""

    def opened(name, ready, **more):
        training, page = visit(engine="formula", **more)
        page.click(f"nav a[href='#{name}']")
        page.wait_for_selector(ready)
        return training, page

    return opened


def planes(page, selector):
    """The numbers of the tables there (C,H,W), and NaN where none is shown."""
    return np.array(
        [
            [[float(one or "nan") for one in row] for row in table]
            for table in page.eval_on_selector_all(selector, CELLS)
        ]
    )


def last_first(array):
    return np.moveaxis(array, 0, -1)


def set_fields(page, **fields):
    """Write into fields, and wait until the page shows what comes of it."""
    before = page.inner_text("#conv-status")
    for name, text in fields.items():
        page.fill(f"#conv-{name}", text)
    wait(page, f"document.querySelector('#conv-status').textContent !== {before!r}")


def check_numbers(page, stride, pad):
    """Everything that is shown at every step, beside the plain function."""
    wide = last_first(planes(page, ".stage .inputs table"))
    x = wide[pad : wide.shape[0] - pad or None, pad : wide.shape[1] - pad or None] if pad else wide
    count = page.locator(".stage .of-filter").count()
    shown = [planes(page, f".stage .of-filter >> nth={k} >> table") for k in range(count)]
    w = np.stack([last_first(one) for one in shown], -1)
    b = np.array(
        [
            float(re.search(r"-?\d+$", text)[0])
            for text in page.locator(".of-filter > .note").all_inner_texts()
        ]
    )
    y = kitnet.functional.convolve(x[None], w, b, stride=stride, pad=pad)[0]  # w is turned already
    rows = matrix_of_windows(x[None], Convolution(w.shape[:2], count, stride=stride, pad=pad).axes(x.shape))
    steps = y.size
    page.focus("#conv-at")
    page.keyboard.press("Home")
    for step, (k, i, j) in enumerate(np.ndindex(y.shape[2], *y.shape[:2])):
        assert page.inner_text("#conv-place") == f"y[{i}, {j}, {k}], step {step + 1} of {steps}"
        assert page.inner_text("#conv-sum code").endswith(f" = {y[i, j, k]:g}")
        now = page.locator(".stage .outputs td.now")
        assert now.count() == 1 and float(now.inner_text()) == y[i, j, k]
        seen = wide[i * stride : i * stride + w.shape[0], j * stride : j * stride + w.shape[1]]
        for c in range(x.shape[-1]):
            tables = planes(page, f".product >> nth={c} >> table")
            assert np.array_equal(tables, [seen[..., c], w[..., c, k], seen[..., c] * w[..., c, k]])
        assert page.locator(".stage .inputs td.window").count() == seen.size
        marked = page.locator("#im2col tr.now td").all_inner_texts()
        assert np.array_equal(np.array(marked, float), rows[i * y.shape[1] + j])
        column = page.locator("#im2col .filter-row td").all_inner_texts()
        assert np.array_equal(np.array(column, float), w[..., k].ravel())
        assert page.locator(".stage .outputs td.later").count() == steps - 1 - step
        if step < steps - 1:
            page.keyboard.press("ArrowRight")
    assert np.array_equal(last_first(planes(page, ".stage .outputs table")), y)


def test_every_number_of_the_demo(room):
    _, page = room("convolution", "#im2col")
    check_numbers(page, stride=2, pad=1)


def test_other_sizes_and_numbers_of_ones_own(room):
    _, page = room("convolution", "#im2col")
    set_fields(page, size="4x5x2", stride="1", pad="valid")
    assert page.inner_text("#conv-status") == (
        "Positions: (4 - 3 + 2*0) / 1 + 1 = 2, (5 - 3 + 2*0) / 1 + 1 = 3. Output 2×3×2."
    )
    check_numbers(page, stride=1, pad=0)
    page.click("summary")
    set_fields(page, x="3 1 4 1\n5 9 2 6\n5 3 5 8", w="1 0\n0 -1", b="2")
    assert page.input_value("#conv-size") == "3x4x1" and page.input_value("#conv-filters") == "1"
    check_numbers(page, stride=1, pad=0)
    assert np.array_equal(planes(page, ".stage .of-filter table"), [[[1, 0], [0, -1]]])
    page.check("#conv-flip")
    wait(page, "document.querySelector('.of-filter td').textContent === '-1'")
    check_numbers(page, stride=1, pad=0)


def test_what_does_not_divide_is_refused_and_mended(room):
    _, page = room("convolution", "#im2col")
    set_fields(page, stride="3")
    said = page.inner_text("#conv-status")
    assert said.startswith("a stride of 3 does not divide: (5 - 3 + 2*1) / 3 + 1 = 2.333 positions")
    assert "use stride=2" in said and "write floor to drop the last 1" in said
    assert page.is_hidden("#conv-shown") and page.is_disabled("#conv-play")
    page.select_option("#conv-misfit", "floor")
    page.wait_for_selector("#conv-shown:not([hidden])")
    assert page.locator(".stage .outputs td").count() == 8


def test_play_step_and_keys(room):
    _, page = room("convolution", "#im2col")
    page.click("#conv-back")  # from the first to the last
    assert page.inner_text("#conv-place").endswith("step 18 of 18")
    page.click("#conv-step")
    page.click("h2 >> nth=0")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#conv-place").endswith("step 2 of 18")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    assert page.inner_text("#conv-play") == "Pause"
    wait(page, "document.querySelector('#conv-place').textContent.includes('step 3 of 18')")
    page.keyboard.press("Space")
    assert page.inner_text("#conv-play") == "Play"
    page.click(".outputs table >> nth=1 >> td >> nth=4")
    assert page.inner_text("#conv-place") == "y[1, 1, 1], step 14 of 18"
    page.click("nav a[href='#design']")
    page.click("nav a[href='#convolution']")
    page.wait_for_selector("#im2col")
    assert page.inner_text("#conv-place") == "y[1, 1, 1], step 14 of 18"  # as it was left


def test_a_photograph_through_filters(room, tmp_path):
    _, page = room("convolution", "#photo-after[src]")

    def shown(which):
        return pixels_of(page.get_attribute(f"#photo-{which}", "src"))

    def act(does):
        before = page.get_attribute("#photo-after", "src")
        does()
        wait(page, f"document.querySelector('#photo-after').src.slice(-200) !== {before[-200:]!r}")

    assert np.array_equal(shown("after"), filtered(picture.computed(), FILTERS["sharpen"]))
    act(lambda: page.select_option("#photo-filter", "emboss"))
    assert page.input_value("#photo-bias") == "128"
    assert np.array_equal(shown("after"), filtered(picture.computed(), FILTERS["emboss"]))
    act(lambda: page.fill("#photo-numbers", "0 0 0\n0 0 2\n0 0 0"))
    own = FILTERS["emboss"]._replace(numbers=[[0, 0, 0], [0, 0, 2], [0, 0, 0]])
    assert np.array_equal(shown("after"), filtered(picture.computed(), own))
    assert page.input_value("#photo-filter") == "own"
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "own.png")
    act(lambda: page.set_input_files("#photo-file", tmp_path / "own.png"))
    assert np.array_equal(shown("after"), filtered(pixels, own))
    page.fill("#photo-numbers", "1 1")
    page.wait_for_selector("#photo-status.error")
    assert page.inner_text("#photo-status") == (
        "a filter of 1x2 has no middle; use odd numbers of rows and columns"
    )


def compute(page):
    page.click("#attribute")
    page.wait_for_selector("#busy", state="hidden")


def test_filters_and_attribution(room):
    training, page = room("attribution", "#filters-sheet img")
    model = training.loop.run.model
    made = filters_of(model.net, "conv1")
    shown = page.eval_on_selector_all("#filters-sheet img", "all => all.map((one) => one.src)")
    assert np.array_equal([pixels_of(one) for one in shown], made.images[..., 0])
    page.select_option("#filters-layer", "fc1")
    wait(page, "document.querySelectorAll('#filters-sheet img').length === 40")
    assert page.inner_text("#filters-sheet figcaption >> nth=5") == "1.1"

    probe = Probe(model, engine="formula")
    image = training.loop.run.parts.test.read(np.array([2]))[0][0]
    page.select_option("#of", "7")
    page.click("#choices button >> nth=2")
    wait(page, "document.querySelector('#attribution-status').textContent === 'Saliency of the score of 7.'")
    page.click("#found summary")
    (values,) = planes(page, "#found-values")
    assert values == pytest.approx(attribution.saliency(probe, image, "7"), rel=0.006)
    for method, start in {
        "gradcam": "Grad-CAM of 7 at maxpool1.",
        "occlusion": "7 while a square of 1 pixels a side covers the picture;",
        "dense": "7 at 9×9 crops.",
    }.items():
        page.select_option("#method", method)
        compute(page)
        assert page.inner_text("#attribution-status").startswith(start)
        found = attribution.attribute(probe, image, method, attribution.Asked("7"))
        assert np.array_equal(pixels_of(page.get_attribute("#found-drawn", "src")), found.drawn)
    page.select_option("#method", "guided")
    page.select_option("#of", "")
    page.select_option("#layer", "relu1")
    page.fill("#map", "9")
    compute(page)
    assert page.inner_text("#attribution-status") == "relu1 has 4 maps and no map 9; the first one is 0"
    page.select_option("#method", "patches")
    page.select_option("#layer", "conv1")
    page.fill("#map", "")
    page.focus("#attribute")
    page.keyboard.press("Enter")
    page.wait_for_selector(".nine")
    assert page.locator(".nine").count() == 4 and page.locator(".nine img").count() == 36


def test_waiting_can_be_stopped(room, monkeypatch):
    _, page = room("attribution", "#filters-sheet img")
    stopped, usual = [], Probe.batch

    def slow(self, x, path=None):
        until(self._stop.is_set)
        stopped.append(True)
        return usual(self, x, path)

    monkeypatch.setattr(Probe, "batch", slow)
    page.select_option("#method", "occlusion")
    page.click("#attribute")
    page.wait_for_selector("#busy:not([hidden])")
    page.click("#stop")
    assert page.inner_text("#attribution-status") == "Nobody waits any longer for this."
    assert page.is_hidden("#busy") and page.is_hidden("#stop")
    until(lambda: stopped)
    page.select_option("#method", "saliency")
    compute(page)
    assert page.inner_text("#attribution-status").startswith("Saliency of the score of ")


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_both_rooms_in_both_languages_and_sizes(room, size, locale):
    training, page = room("convolution", "#im2col", size=size, locale=locale, scheme="dark")
    assert page.inner_text("nav a[aria-current]") == ("卷积" if locale == "zh-CN" else "Convolution")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    page.click("nav a[href='#attribution']")
    page.wait_for_selector("#filters-sheet img")
    for method in ("guided", "patches"):
        page.select_option("#method", method)
        compute(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert is_at_rest(training)
