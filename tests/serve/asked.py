"""A client in this process: it asks an ASGI application, with bodies in any pieces."""

import asyncio
import io
import json
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

Answer = namedtuple("Answer", "status headers body")
HOST = "127.0.0.1:8000"


def finished(coroutine):
    """What it gives. It runs in a thread of its own: a browser of other tests has a loop in the main one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


async def ask(
    app, method="POST", path="/predict", body=b"", kind=None, query="", host=HOST, pieces=None, **headers
):
    """The whole answer, or None where the application gives none. `pieces` are sent in the place of a body,
    without its length; None in their place means that the client goes away, `...` that it sends no more."""
    given = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    if kind is not None:
        given["content-type"] = kind
    if pieces is None:
        given.setdefault("content-length", str(len(body)))
        pieces = [body]
    scope = {
        "type": "http",
        "scheme": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    left, sent = list(pieces), []

    async def receive():
        piece = left.pop(0)
        if piece is None:
            return {"type": "http.disconnect"}
        if piece is ...:
            await asyncio.sleep(3600)
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    if not sent:
        return None
    start, content = sent
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    assert int(headers["content-length"]) == len(content["body"])
    return Answer(start["status"], headers, content["body"])


def told(answer):
    """The JSON of an answer."""
    assert answer.headers["content-type"] == "application/json"
    return json.loads(answer.body)


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def picture(image, form="PNG"):
    """The bytes of a file of a picture, uint8 (h, w) or (h, w, c)."""
    file = io.BytesIO()
    pixels = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()


def form(*files, boundary="xYz"):
    """A body of multipart/form-data and its content type."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="f{i}"; filename="{i}.png"\r\n\r\n'.encode()
        + file
        + b"\r\n"
        for i, file in enumerate(files)
    ]
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
