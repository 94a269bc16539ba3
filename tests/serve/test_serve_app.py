"""What a server answers beside classes: how it is, what it refuses, and how it describes itself."""

import asyncio
import json
import re

import numpy as np
import pytest
from asked import ask, finished, npy, told

from kitnet.serve import app as served
from kitnet.serve.app import METHODS
from kitnet.serve.forms import Limits
from kitnet.serve.metrics import STATUSES, WIDTH, Metrics

IMAGE = npy(np.zeros((1, 6, 6), np.uint8))


def get(app, path, **more):
    return finished(ask(app, "GET", path, **more))


def refused(answer, status, line):
    assert (answer.status, told(answer)) == (status, {"error": line})
    return answer.headers


def test_how_it_is(app, grey):
    before, after = app(grey, ready=False), app(grey)
    assert told(get(before, "/health")) == {"status": "alive"}
    line = "the model is being compiled; ask again"
    for answer in (get(before, "/ready"), finished(ask(before, body=IMAGE))):
        assert refused(answer, 503, line)["retry-after"] == "1"
    assert told(get(after, "/ready")) == {"status": "ready"}
    found = told(get(after, "/model"))
    assert found == {
        "classes": list(grey.classes),
        "input": [8, 8, 1],
        "preparation": grey.preparation.to_json(),
        "limits": {"bytes": 1 << 16, "images": 40, "megapixels": 0.01},
    }


def test_paths_and_methods(app, grey):
    line = f"there is no such path; known are {', '.join(METHODS)}"
    for path in ("/", "/predict/", "/model/../x"):
        refused(get(app(grey), path), 404, line)
    for path, method in METHODS.items():
        other = "GET" if method == "POST" else "DELETE"
        answer = finished(ask(app(grey), other, path))
        assert refused(answer, 405, f"{path} is asked for by {method}")["allow"] == method


@pytest.mark.parametrize("host", ["evil.example:8000", "127.0.0.1", "127.0.0.1:8001", "localhost:8000.", ""])
def test_another_host_is_not_served(app, grey, host):
    line = "this host is not served here; ask 127.0.0.1:8000"
    for path, method in METHODS.items():
        refused(finished(ask(app(grey), method, path, host=host)), 421, line)
    assert get(app(grey, hosts=frozenset()), "/health", host=host).status == 200
    assert get(app(grey), "/health", host="localhost:8000").status == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:8000", "https://127.0.0.1:8000"]
)
def test_pages_of_other_sites_are_not_answered(app, grey, origin):
    line = "a page of another site asks; ask from a program, or through your own site"
    for path, method in METHODS.items():
        refused(finished(ask(app(grey), method, path, origin=origin)), 403, line)
    assert get(app(grey), "/health", origin="http://127.0.0.1:8000").status == 200


@pytest.mark.parametrize(
    "query", ["top=0", "top=", "top=-1", "top=x", "top=1e3", "all=1", "tip=3", "top=" + "9" * 5000]
)
def test_a_query_that_says_nothing(app, grey, query):
    answer = finished(ask(app(grey), body=IMAGE, query=query))
    error = told(answer)["error"]
    assert answer.status == 400 and len(error) < 200
    assert error.startswith("the query has ") and error.endswith(
        "known are top=5, a number from 1, and all=true"
    )


def test_bodies_that_are_too_long(app, grey):
    line = "a body has at most 65,536 bytes; send fewer or smaller images"
    refused(finished(ask(app(grey), content_length="65537")), 413, line)
    pieces = [b"x" * 40_000, b"x" * 40_000, b"x" * 40_000]
    assert refused(finished(ask(app(grey), pieces=pieces)), 413, line)["connection"] == "close"
    answer = finished(ask(app(grey), pieces=[IMAGE[:9], b"", IMAGE[9:]]))
    assert answer.status == 200
    line = "the body is compressed; send it as it is"
    refused(finished(ask(app(grey), body=IMAGE, content_encoding="gzip")), 415, line)


def test_bodies_that_do_not_come(app, grey, monkeypatch):
    made = app(grey)
    assert finished(ask(made, pieces=[IMAGE[:9], None])) is None
    monkeypatch.setattr(served, "SLOW", 0.02)
    answer = finished(ask(made, pieces=[IMAGE[:9], ...]))
    line = "the body did not arrive in 0.02 seconds; send it faster"
    assert refused(answer, 408, line)["connection"] == "close"
    assert finished(ask(made, body=IMAGE)).status == 200  # nothing is held any more
    assert made._held == 0


def test_too_much_at_once_is_sent_away(app, grey, plans, monkeypatch):
    """By images that wait, and by bytes that are held."""

    async def asked(made, count, **more):
        return await asyncio.gather(*(ask(made, body=IMAGE, **more) for _ in range(count)))

    for made in (app(grey, most=3), app(grey, limits=Limits(bytes=200, images=40, megapixels=1))):
        found = finished(asked(made, 40))
        kinds = {answer.status for answer in found}
        assert kinds <= {200, 503} and 200 in kinds
    found = finished(asked(app(grey, most=3), 40))
    late = [answer for answer in found if answer.status == 503]
    assert late
    for answer in late:
        assert refused(answer, 503, "too many images wait already; ask again")["retry-after"] == "1"
    made = app(grey)
    made._held = 8 * (1 << 16)
    refused(finished(ask(made, body=IMAGE)), 503, "too many images wait already; ask again")


def test_a_failure_is_told_in_one_line(app, grey, capsys):
    def fails(placed):
        raise RuntimeError("broken\nin two lines")

    refused(finished(ask(app(grey, compute=fails), body=IMAGE)), 500, "the server failed at this request")
    assert capsys.readouterr().err == "kitnet: a request failed by RuntimeError: 'broken\\nin two lines'\n"


def test_metrics(app, grey):
    made = app(grey)

    async def run():
        for k in (1, 1, 3):
            await ask(made, body=npy(np.zeros((k, 6, 6), np.uint8)))
        await ask(made, body=b"x")
        return await ask(made, "GET", "/metrics")

    answer = finished(run())
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.body.decode().splitlines()
    numbers = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert numbers['kitnet_requests_total{status="200"}'] == "3"
    assert numbers['kitnet_requests_total{status="400"}'] == "1"
    below = [int(numbers[f'kitnet_batch_images_bucket{{le="{n}"}}']) for n in (1, 2, 4, 256)]
    assert below == [2, 2, 3, 3]
    assert (numbers["kitnet_batch_images_sum"], numbers["kitnet_batch_images_count"]) == ("5", "3")
    assert (
        numbers['kitnet_request_seconds_bucket{le="+Inf"}'] == numbers["kitnet_request_seconds_count"] == "4"
    )
    assert numbers["kitnet_waiting_images"] == "0"
    name = re.compile(r"[a-z_]+(\{[a-z]+=\"[^\"]+\"\})? [0-9.e+-]+$")
    assert all(line.startswith(("# HELP ", "# TYPE ")) or name.match(line) for line in lines)


def test_metrics_of_all_workers_are_added():
    rows = np.zeros((2, WIDTH))
    one, two = Metrics(rows, 0), Metrics(rows, 1)
    one.answered(200, 0.003)
    two.answered(200, 7.0)
    two.ready()
    text = one.text()
    assert text == two.text()
    assert 'kitnet_requests_total{status="200"} 2\n' in text
    assert 'kitnet_request_seconds_bucket{le="5"} 1\n' in text
    assert "kitnet_request_seconds_sum 7.003\n" in text and "kitnet_ready_workers 1\n" in text


def test_the_description_has_every_path_and_status(app, grey):
    found = told(get(app(grey), "/openapi.json"))
    assert {path: [*methods] for path, methods in found["paths"].items()} == {
        path: [method.lower()] for path, method in METHODS.items()
    }
    predict = found["paths"]["/predict"]["post"]
    assert {*map(int, predict["responses"])} == {*STATUSES} - {404, 405}
    references = re.findall(r'"#/([^"]+)"', json.dumps(found))
    for reference in references:
        place = found
        for name in reference.split("/"):
            place = place[name]
    assert references and found["openapi"] == "3.1.0"
