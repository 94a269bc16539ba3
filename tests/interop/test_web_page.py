"""What stands in a page: everything that it needs, nothing that runs but its own script, few bytes."""

import base64
import hashlib
import json
import re
from html import unescape

import numpy as np
import pytest

import kitnet
from kitnet.base.error import KitnetError
from kitnet.data import Standardisation
from kitnet.data.views import Views
from kitnet.interop import Samples, web_page
from kitnet.interop.samples import BUDGET, LARGE
from kitnet.interop.web_page import FOLDER, RULES, SCRIPTS
from kitnet.layers import AbsoluteError, RadialBasisPenalty
from kitnet.train import Model
from kitnet.train.model import CLOSE

LINE = "8x8x1 -> conv3-4 same -> relu -> maxpool2 -> fc3"
EVIL = "</script><script>alert(1)</script><!--\x1b"


def described(page):
    (text,) = re.findall(r'<script type="application/json" id="description">(.*?)</script>', page.text)
    return json.loads(text)


def floats(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


def test_it_holds_the_weights_and_what_they_are_for(paged):
    model, _, page = paged(LINE)
    (weights,) = re.findall(r'id="weights">(.*?)</script>', page.text)
    assert len(weights) == page.weights
    found, told = floats(weights), described(page)
    (conv, *_, linear) = told["layers"]
    for layer, path, turned in ((conv, "conv1", (3, 0, 1, 2)), (linear, "fc1", (1, 0))):
        first, end = layer["arrays"]["weight"]
        expected = model.net.weights[f"{path}.weight"].transpose(turned)
        np.testing.assert_array_equal(found[first:end], expected.ravel())
    assert told["preparation"] == model.preparation.to_json()
    assert (told["version"], told["classes"]) == (kitnet.__version__, ["0", "1", "2"])
    assert told["close"] == CLOSE and told["probabilities"] == {"rule": "softmax"}
    assert str(model.net).replace(">", "&gt;") in page.text


def test_samples_have_the_scores_of_the_compiled_plan(noisy):
    model, images = noisy(LINE + " -> softmax", images=3)
    page = web_page(model, "a page", Samples([*images], ["1", "", "2"], "test", "noise"))
    told = described(page)
    assert (told["part"], told["data"]) == ("test", "noise")
    assert [sample["label"] for sample in told["samples"]] == ["1", "", "2"]
    pixels = [base64.b64decode(sample["pixels"]) for sample in told["samples"]]
    assert pixels == [image.tobytes() for image in images]
    assert {(s["height"], s["width"], s["depth"]) for s in told["samples"]} == {(8, 8, 1)}
    scores = np.array([floats(sample["scores"]) for sample in told["samples"]])
    expected = kitnet.parse(LINE).adopt(model.net.weights, {})(model.preparation.prepare(images))
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)  # before the softmax
    assert told["scores"] == len(told["layers"]) - 1


def test_only_its_own_script_and_style_run_and_nothing_is_fetched(paged):
    text = paged(LINE)[2].text
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="(.*?)"', text)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in (script, style)]
    assert policy == (f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'")
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(|\bsrc=|href=|\son\w+=|\sstyle=", text)
    assert {f"{name}.js" for name in SCRIPTS} == {path.name for path in FOLDER.glob("*.js")}
    assert all((FOLDER / f"{name}.js").read_text() in script for name in SCRIPTS)


def test_names_are_texts(noisy):
    model, images = noisy(LINE, classes=("a", EVIL, "c"))
    page = web_page(model, EVIL, Samples([*images], [EVIL] * len(images), "test", EVIL))
    assert page.text.count("<script") == 3 and page.text.count("</script") == 3 and "<!--" not in page.text
    told = described(page)
    assert told["classes"][1] == told["data"] == told["samples"][0]["label"] == EVIL
    (title,) = re.findall("<title>(.*?)</title>", page.text)
    assert unescape(title) == EVIL.replace("\x1b", r"\x1b")


def test_at_most_150_kilobytes_beside_the_weights(paged):
    """The networks of the zoo are in the slow tests."""
    names = [f"the class of number {k}" for k in range(1000)]
    page = paged("16x16x3 -> conv3-4/2 floor -> meanpool global -> fc1000", classes=names)[2]
    assert len(page.text.encode()) - page.weights < 150_000 and len(described(page)["samples"]) == 8
    page = paged("32x32x3 -> [relu]*900 -> fc5")[2]  # whose description leaves room for few samples
    assert len(page.text.encode()) - page.weights < 150_000 and 0 < len(described(page)["samples"]) < 8


def test_large_samples_become_small_and_fewer():
    images = [np.full((300, 200, 3), k, np.uint8) for k in range(8)]
    found = Samples(images, list("abcdefgh"), "test", "noise").within(BUDGET, 10)
    assert [image.shape for image in found.images] == [(78, 52, 3)] * 3
    assert found.labels == list("abc") and [image.max() for image in found.images] == [0, 1, 2]
    assert sum(image.size + 4 * 10 for image in found.images) <= BUDGET
    assert max(image.size for image in found.images) <= LARGE
    assert len(Samples(images, list("abcdefgh")).within(BUDGET, 100_000).images) == 1
    small = Samples([image[:32, :32] for image in images], [""] * 8)
    assert len(small.within(BUDGET, 10).images) == 8 and small.within(BUDGET, 10).images[3] is small.images[3]


def test_what_is_no_classifier_of_pictures_is_refused(noisy):
    model, images = noisy(LINE)
    samples = Samples([*images], [""] * len(images))
    model.loss = AbsoluteError()
    with pytest.raises(KitnetError) as caught:
        web_page(model, "a page", samples)
    assert str(caught.value) == (
        f"a page makes no probabilities of scores trained with absolute; it knows {', '.join(RULES)}"
    )
    floats = Model(LINE, preparation=Standardisation((8, 8, 1), (0.0,), (1.0,)))
    with pytest.raises(KitnetError) as caught:
        web_page(floats, "a page", samples)
    assert str(caught.value) == (
        "the model learned from arrays of floats; a page takes pictures, of unsigned bytes"
    )


def test_several_views_are_refused(noisy):
    model, images = noisy(LINE)
    model.views = Views.parse("flip,shift1")
    with pytest.raises(KitnetError) as caught:
        web_page(model, "a page", Samples([*images], [""] * len(images)))
    assert str(caught.value) == (
        "the model judges several views of a picture (flip,shift1), a page one; train it with --views none"
    )


def test_the_penalty_of_the_rubbish_class(noisy):
    model, images = noisy("84x1x1 -> rbf", images=1)
    model.loss = RadialBasisPenalty(2.5)
    page = web_page(model, "a page", Samples([*images], [""]))
    assert described(page)["probabilities"] == {"rule": "distances", "rubbish": 2.5}
