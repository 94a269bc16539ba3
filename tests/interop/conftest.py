"""Models with random weights, their pages, and Debian's Chromium, which opens them from disk."""

import contextlib

import numpy as np
import pytest

from kitnet.data import Dataset, Preparation
from kitnet.interop import Samples, web_page
from kitnet.net import parse
from kitnet.train import Model


@pytest.fixture(scope="session")
def noisy():
    """noisy(net or line, images=8): a model with random weights and state, and images (n,h,w,c)."""

    def make(net, images=8, classes=None, **given):
        net = parse(net) if isinstance(net, str) else net
        random = np.random.default_rng(7)
        for path, array in net.weights.items():
            if not path.endswith("weight"):
                array[...] = random.uniform(0.5, 1.5, array.shape)
        for state in net.state.values():
            for array in state.values():
                array[...] = random.uniform(0.5, 1.5, array.shape)
        pictures = random.integers(0, 256, (images, *net.input_shape), np.uint8)
        count = int(np.prod(net.output_shape))
        names = tuple(classes or map(str, range(count)))
        source = Dataset("noise", pictures, random.integers(0, count, images), names)
        return Model(net, None, names, Preparation.fitted(source, net.input_shape), **given), pictures

    return make


@pytest.fixture(scope="session")
def paged(noisy):
    """paged(net or line, ...): the model, its images and the page of both."""

    def make(net, title="a page", **given):
        model, images = noisy(net, **given)
        return model, images, web_page(model, title, Samples([*images], [""] * len(images)))

    return make


@pytest.fixture
def opened(chromium, tmp_path):
    """`with opened(text) as page`: the page from disk, after its check. It must log nothing, break no policy
    and request nothing."""

    @contextlib.contextmanager
    def open_page(text, **options):
        path = tmp_path / "page.html"
        path.write_text(text, "utf-8")
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        page, heard = context.new_page(), []
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: heard.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("#check:not([data-state=checking])")
        yield page
        context.close()
        assert heard == [path.as_uri()]

    return open_page
