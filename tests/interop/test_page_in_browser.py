"""A page in Chromium, from disk: it gives the scores of the model, checks itself, and can be used."""

import base64
import re

import numpy as np
import pytest
from PIL import Image

from kitnet import zoo
from kitnet.data import open_image
from kitnet.interop import Samples, web_page

pytestmark = pytest.mark.slow
LINE = "28x28x1 -> conv5-4 -> relu -> maxpool2 -> fc10"
SCORES = "Array.from(values[network.scores].values)"


CARDS = {  # narrow where they would be slow
    "lenet5": {},
    "lenet5-1998": {},
    "lenet-1989": {},
    "lenet5-modern": {},
    "vgg11": {"width": 8, "size": 32, "units": 64},
    "cifar-strip": {},
    "tiny-vgg": {},
    "resnet20": {},
    "resnet20:projection": {},
    "all-cnn-c": {"width": 24},
    "nin": {"width": 24},
}


def close(found, expected):
    return np.abs(np.subtract(found, expected)).max() <= 1e-5 * np.abs(expected).max()


def state(page):
    return page.get_attribute("#check", "data-state")


@pytest.mark.parametrize("name", CARDS)
def test_the_networks_of_the_zoo(paged, opened, name):
    model, images, page_file = paged(zoo.find(name).build(**CARDS[name]), images=3)
    assert len(page_file.text.encode()) - page_file.weights < 150_000
    with opened(page_file.text) as page:
        assert state(page) == "passed"
        found = [page.evaluate("(i) => Array.from(scoresOf(samples[i]))", i) for i in range(3)]
        recorded = page.evaluate("samples.map((sample) => Array.from(sample.scores))")
        largest = page.evaluate("check.difference")
        values = page.evaluate("values.map((value) => Array.from(value.values))")
    x = model.preparation.prepare(images)
    assert close(found, model.formula_scores(x))
    assert close(found, recorded) and largest == np.abs(np.subtract(found, recorded)).max()
    tape = model.net.tape(x[:1])  # every map is that of its layer
    assert len(values) == len(model.net.graph.nodes)
    for node, value in zip(model.net.graph.nodes, values, strict=True):
        assert close(value, tape.values[model.net.graph.find(node.path)].ravel()), node.path


def changed(text, number, by):
    """The page with one weight changed."""
    (weights,) = re.findall(r'id="weights">(.*?)</script>', text)
    floats = np.frombuffer(base64.b64decode(weights), "<f4").copy()
    floats[number] += by
    return text.replace(weights, base64.b64encode(floats.tobytes()).decode())


def test_one_changed_weight_fails(paged, opened):
    text = paged(LINE)[2].text
    for number, by in ((0, 0.1), (40, 0.1), (-1, 1.0), (-30, np.nan)):
        with opened(changed(text, number, by)) as page:
            assert state(page) == "failed"
            assert page.text_content("#check").startswith("✗ Check failed: the scores of the samples are not")
    with opened(changed(text, 0, 0.0)) as page:
        assert state(page) == "passed"
        assert page.text_content("#check").startswith("✓ Check passed: 8 samples give the scores")


def test_a_page_that_is_cut_says_so(paged, chromium):
    text = paged(LINE)[2].text
    (weights,) = re.findall(r'id="weights">(.*?)</script>', text)
    for left, failed in ((weights[:401], False), (weights[:-400], True)):
        page = chromium.new_page()
        page.set_content(text.replace(weights, left))
        if failed:  # numbers are missing at the end
            page.wait_for_selector("#check[data-state=failed]")
        else:  # no base64
            assert "If this line stays, the page is damaged" in page.text_content("#check")
        page.close()


BUGS = {  # in the page's own formulas, each seen by the samples of a network that has them
    "Math.min(Math.max(x, 0), layer.cap ?? Infinity)": "Math.max(x, 0.1)",
    "t0 += x1 * w0": "t0 += x0 * w0",
    "o * axis.stride - axis.before": "o * axis.stride",
    "(h * columns.size + w) * depth + map": "(h * columns.size + w) * depth",
    "(value > best ? value : best)": "(value < best ? value : best)",
    "(value - mean[i % depth]) * factor[i % depth]": "value * factor[i % depth]",
    "sum + one.values[i], 0": "sum + one.values[i], x[0].values[i]",
    "support = Math.max(scale, 1)": "support = 1",
    "shares.push(Math.max(1 -": "shares.push(Math.max(0.9 -",
    "(now - both) >> 1]": "0]",
    "pixels[3 * i] * 19595": "pixels[3 * i] * 38470",
}
BUGGY = (
    "24x24x1 -> conv3-6 same bias=no -> batchnorm -> relu -> maxpool2 -> conv3-8 same groups=2 "
    "-> add[conv1-4 | meanpool3/1 same -> conv1-4] -> fc5"
)


@pytest.fixture(scope="module")
def buggy(noisy):
    """A page whose samples are colour pictures of another size."""
    model, _ = noisy(BUGGY)
    random = np.random.default_rng(0)
    sizes = ((41, 37), (20, 24), (24, 30))
    images = [random.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    model.preparation = type(model.preparation)((24, 24, 1), (22, 24), (0.4,), (0.3,))
    return web_page(model, "a page", Samples(images, [""] * 3)).text


def test_bugs_in_the_page_are_seen_by_its_samples(buggy, chromium, opened):
    with opened(buggy) as page:
        assert state(page) == "passed"
    survivors = []
    for right, wrong in BUGS.items():
        assert buggy.count(right) == 1, right
        page = chromium.new_page()
        page.set_content(
            re.sub('http-equiv="Content-Security-Policy" content=".*?"', "", buggy).replace(right, wrong)
        )
        page.wait_for_selector("#check:not([data-state=checking])")
        survivors += [right] if state(page) == "passed" else []
        page.close()
    assert survivors == []


@pytest.fixture
def files(tmp_path):
    """Pictures in files, as a person has them."""
    random = np.random.default_rng(4)
    small = Image.fromarray(random.integers(0, 256, (6, 9, 3), np.uint8))
    photo = small.resize((97, 63), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned
    photo.save(tmp_path / "photo.png")
    photo.save(tmp_path / "photo.jpg", quality=90, exif=exif)
    photo.convert("L").save(tmp_path / "grey.png")
    photo.convert("L").save(tmp_path / "grey.jpg")
    photo.convert("P").save(tmp_path / "palette.gif")
    photo.save(tmp_path / "photo.webp", lossless=True)
    photo.resize((400, 310)).save(tmp_path / "large.bmp")
    ink = Image.new("RGBA", (30, 30), (0, 0, 0, 0))
    ink.paste((20, 30, 40, 255), (5, 5, 20, 12))
    ink.save(tmp_path / "ink.png")
    names = (
        "photo.png",
        "photo.jpg",
        "grey.png",
        "grey.jpg",
        "palette.gif",
        "photo.webp",
        "large.bmp",
        "ink.png",
    )
    return [tmp_path / name for name in names]


DROP = """async ([name, bytes]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytesOf(bytes)], name));
  const before = picture, given = { dataTransfer: transfer, bubbles: true, cancelable: true };
  document.body.dispatchEvent(new DragEvent("drop", given));
  while (picture === before) await new Promise((resolve) => setTimeout(resolve, 5));
}"""
CHOSEN = (
    "async () => { while (picture === samples[0]) await new Promise((resolve) => setTimeout(resolve, 5)); }"
)


@pytest.mark.parametrize("line", [LINE, "32x32x3 -> conv3-6/2 floor -> relu -> meanpool3/2 floor -> fc4"])
def test_a_dropped_picture_gets_the_scores_of_python(paged, opened, files, line):
    model, _, page_file = paged(line)
    with opened(page_file.text) as page:
        for file in files:
            page.evaluate(DROP, [file.name, base64.b64encode(file.read_bytes()).decode()])
            x = model.preparation.prepare(open_image(file)[None])
            found = page.evaluate("Array.from(values[0].values)")
            np.testing.assert_array_equal(np.array(found, np.float32), x.ravel(), err_msg=file.name)
            assert close(page.evaluate(SCORES), model.formula_scores(x)), file.name
        page.check("#invert")
        x = model.preparation.prepare(255 - open_image(files[-1])[None])
        assert close(page.evaluate(SCORES), model.formula_scores(x))


def test_a_chosen_picture_and_one_that_is_none(paged, opened, files, tmp_path):
    model, _, page_file = paged(LINE)
    with opened(page_file.text) as page:
        page.set_input_files("#file", files[0])
        page.evaluate(CHOSEN)
        x = model.preparation.prepare(open_image(files[0])[None])
        assert close(page.evaluate(SCORES), model.formula_scores(x))
        shown = page.text_content("#bars")
        (tmp_path / "none.png").write_text("no picture")
        page.set_input_files("#file", tmp_path / "none.png")
        page.wait_for_selector("#message:not(:empty)")
        assert page.text_content("#message") == (
            "none.png cannot be read as a picture; choose a PNG, JPEG, WebP, GIF or BMP file."
        )
        assert page.text_content("#bars") == shown
        page.click("#samples button >> nth=1")
        assert page.text_content("#message") == ""


def drawn(page):
    """What is on the surface: grey values (280,280)."""
    return np.array(page.evaluate("Array.from(picture.pixels)"), np.uint8).reshape(280, 280)


def test_drawing_with_the_mouse(paged, opened):
    model, _, page_file = paged(LINE)
    with opened(page_file.text) as page:
        box = page.locator("#surface").bounding_box()
        page.mouse.move(box["x"] + 70, box["y"] + 60)
        page.mouse.down()
        page.mouse.move(box["x"] + 70, box["y"] + 220, steps=4)
        page.mouse.up()
        page.mouse.move(box["x"] + 200, box["y"] + 220, steps=4)  # without the button nothing is drawn
        ink = drawn(page)
        rows, columns = np.nonzero(ink > 128)
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == pytest.approx(
            (50, 230, 60, 80), abs=3
        )
        x = model.preparation.prepare(ink[None, ..., None])
        assert close(page.evaluate(SCORES), model.formula_scores(x))
        page.click("#clear")
        assert not drawn(page).any()


def test_everything_by_keys(paged, opened):
    with opened(paged(LINE)[2].text) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.lang") == "en"
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.evaluate("document.documentElement.lang") == "zh-CN"
        page.keyboard.press("Tab")  # the network
        page.keyboard.press("Enter")
        assert page.locator("details code").is_visible()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "surface"
        for key in ("ArrowLeft", "Space", "ArrowDown", "ArrowDown", "ArrowRight", "Space", "ArrowRight"):
            page.keyboard.press(key)
        rows, columns = np.nonzero(drawn(page) > 128)
        width = 280 * 2 / 28  # two pixels of a sample
        expected = (140 - width / 2, 160 + width / 2, 130 - width / 2, 140 + width / 2)
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == pytest.approx(expected, abs=3)
        page.keyboard.press("Delete")
        assert not drawn(page).any()
        focused = []
        for _ in range(5):
            page.keyboard.press("Tab")
            focused.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
        assert focused[:3] == ["clear", "choose", "invert"]
        page.keyboard.press("Enter")  # the second sample
        assert page.evaluate("picture === samples[1]")
        page.locator(".sheet >> nth=0").focus()
        for key in ("ArrowRight", "ArrowDown", "ArrowDown"):
            page.keyboard.press(key)
        value = page.evaluate("values[1].values[(2 * 24 + 1) * 4]")
        assert page.locator(".told >> nth=0").text_content() == (
            page.evaluate("(v) => text('map_at', { map: 0, row: 2, column: 1, value: number(v) })", value)
        )


def test_a_number_is_read_where_it_is_pointed_at(paged, opened):
    with opened(paged("6x5x1 -> conv3-40 same -> fc3")[2].text) as page:
        sheet = page.locator(".sheet >> nth=0")
        across = page.evaluate("document.querySelector('.sheet').width")
        box = sheet.bounding_box()
        zoom = box["width"] / across
        columns = (across + 1) // 6
        number = columns + 2  # a map of the second row
        sheet.hover(position={"x": ((number % columns) * 6 + 3.5) * zoom, "y": (7 + 4.5) * zoom})
        value = page.evaluate("(c) => number(values[1].values[(4 * 5 + 3) * 40 + c])", number)
        assert page.locator(".told >> nth=0").text_content() == f"map {number}, row 4, column 3: {value}"
        before = page.locator(".told >> nth=0").text_content()
        sheet.hover(position={"x": 5.5 * zoom, "y": 0.5 * zoom})  # between two maps there is none
        assert page.locator(".told >> nth=0").text_content() == before


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_it_fits_the_screen(paged, opened, size, language):
    """Light and dark take turns."""
    theme = "dark" if (size[0] > 390) == (language == "zh-CN") else "light"
    text = paged(LINE, classes=[f"an animal with the long name number {k}" for k in range(10)])[2].text
    options = {"viewport": dict(zip(("width", "height"), size, strict=True)), "locale": language}
    with opened(text, color_scheme=theme, **options) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert page.evaluate("document.documentElement.lang") == {"en-US": "en", "zh-CN": "zh-CN"}[language]
        assert page.text_content("h2") == {"en-US": "Image", "zh-CN": "图像"}[language]
        back = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert back == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 28)"}[theme]
        page.click("#languages button >> nth=0")
        assert page.text_content("h2") == "Image"


EVIL = "<img src=x onerror=alert(1)>"


def test_names_are_shown_as_texts(noisy, opened):
    model, images = noisy(LINE, classes=[f"{k}{EVIL}" for k in range(10)])
    page_file = web_page(model, EVIL, Samples([*images], [EVIL] * len(images), "test", EVIL))
    with opened(page_file.text) as page:
        assert page.text_content("h1") == EVIL == page.title()
        assert page.locator("img").count() == 0
        assert sorted(page.locator(".class").all_text_contents()) == [f"{k}{EVIL}" for k in range(10)]
        assert page.text_content("#origin") == f"Samples from the test part of {EVIL}"


BLOCKED = """async () => {
  const broken = [];
  document.addEventListener("securitypolicyviolation", (event) => broken.push(event.effectiveDirective));
  const script = document.createElement("script");
  script.textContent = "window.ran = true";
  document.body.append(script);
  const image = document.createElement("img");
  image.src = "data:image/gif;base64,R0lGODlhAQABAAAAACw=";
  document.body.append(image);
  await fetch("https://example.org/").catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 100));
  return [broken.sort(), window.ran];
}"""


def test_the_policy_is_kept(paged, chromium, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(paged(LINE)[2].text)
    page = chromium.new_page()
    page.goto(path.as_uri())
    assert page.evaluate(BLOCKED) == [["connect-src", "img-src", "script-src-elem"], None]
    page.close()


def test_classes_are_sorted_with_their_probabilities(paged, opened):
    model, images, page_file = paged("8x8x1 -> conv3-4 -> fc30", images=1)
    with opened(page_file.text) as page:
        names = page.locator(".class").all_text_contents()
        shares = page.locator(".share").all_text_contents()
        assert page.text_content("#more") == "18 more classes are less probable."
    (found,) = model.predict(images, 12)
    assert names == [name for name, _ in found.classes]
    assert shares == [f"{100 * p:.1f} %" for _, p in found.classes]
