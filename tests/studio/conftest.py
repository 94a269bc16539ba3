"""A studio whose training is paused before its first step."""

import pytest
from driven import MODEL, SIZES, is_at_rest, until

from kitnet.studio.training import Training
from kitnet.train import Settings


@pytest.fixture
def make(easy, tmp_path):
    """Makes trainings that are ended after the test."""
    made = []

    def paused(training=None, **settings):
        usual = {
            "model": MODEL,
            "data": easy,
            "epochs": 30,
            "batch": 16,
            "validation": 0.0,
            "runs": str(tmp_path / "runs"),
        }
        training = training or Training.of(Settings(**usual | settings))
        made.append(training)
        training.open()
        until(lambda: is_at_rest(training))
        return training

    yield paused
    for training in made:
        training.stop()


@pytest.fixture
def visit(make, chromium):
    """Opens a page of a studio; whatever is wrong with it fails the test at its end."""
    from kitnet.studio.server import Server

    servers, contexts, wrong = [], [], []

    def hear(page, origin):
        page.on("console", lambda m: m.type in ("error", "warning") and wrong.append(m.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda r: r.url.startswith((origin, "data:")) or wrong.append(r.url))
        page.on("websocket", lambda s: s.url.startswith(origin.replace("http", "ws")) or wrong.append(s.url))

    def opened(
        training=None, size=SIZES[0], locale="en-US", scheme="light", ready="#layers .layer", **settings
    ):
        training = training or make(**settings)
        if all(other is not training for _, other in servers):
            server = Server(training)
            server.open()
            servers.append((server, training))
        server = next(server for server, other in servers if other is training)
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, locale=locale, color_scheme=scheme
        )
        contexts.append(context)
        page = context.new_page()
        hear(page, server.address.partition("/?")[0])
        page.goto(server.address)
        page.wait_for_selector(ready)
        return training, page

    yield opened
    for context in contexts:
        context.close()
    for server, training in servers:
        training.stop()
        server.close()
    assert wrong == []
