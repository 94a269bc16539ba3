"""Bodies that were damaged on their way: a right answer, or a status of 4xx with one sentence."""

import asyncio
import base64
import json

import numpy as np
import pytest
from asked import ask, finished, form, npy, picture, told


def bodies(pictures):
    """By their content types, a body of each form."""
    one, many = pictures(1, 7, 9, 3)[0], pictures(2, 6, 6, 1)
    grey = picture(many[0])
    text = {"images": [many[0, ..., 0].tolist(), base64.b64encode(grey).decode()]}
    files, kind = form(grey, picture(one, "JPEG"))
    return [
        *((picture(one, name), None) for name in ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")),
        (npy(many), "application/x-npy"),
        (files, kind),
        (json.dumps(text).encode(), "application/json"),
    ]


def damaged(body, draw):
    """Some bytes changed, left out or doubled, or the end cut off."""
    found = bytearray(body)
    for _ in range(draw.integers(1, 5)):
        at, n = int(draw.integers(0, max(1, len(found)))), int(draw.integers(1, 9))
        match draw.integers(0, 4):
            case 0:
                found[at : at + n] = draw.integers(0, 256, n, np.uint8).tobytes()
            case 1:
                del found[at : at + n]
            case 2:
                found[at:at] = found[at : at + n]
            case 3:
                del found[at:]
    return bytes(found)


def try_damaged(app, model, pictures, count):
    made, draw, statuses = app(model), np.random.default_rng(0), set()

    async def run():
        whole = bodies(pictures)
        for k in range(count):
            body, kind = whole[k % len(whole)]
            answer = await ask(made, body=damaged(body, draw), kind=kind)
            statuses.add(answer.status)
            if answer.status == 200:
                assert told(answer)["images"]
            else:
                (line,) = told(answer).values()
                assert line.isprintable() and 0 < len(line) < 300, line
        return await asyncio.gather(*(ask(made, body=body, kind=kind) for body, kind in whole))

    assert all(answer.status == 200 for answer in finished(run()))
    assert {200, 400} <= statuses <= {200, 400, 413}


@pytest.mark.slow
def test_some_damaged_bodies(app, grey, pictures):
    try_damaged(app, grey, pictures, 200)


@pytest.mark.long
def test_damaged_bodies(app, grey, pictures):
    try_damaged(app, grey, pictures, 5000)
