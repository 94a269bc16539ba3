"""What may be asked of a server: images for classes, and how it is.

POST /predict         images in, classes out
GET  /model           classes, input, preparation, limits
GET  /health          whether the process lives
GET  /ready           whether it answers
GET  /metrics         counts, for Prometheus
GET  /openapi.json    all this, as OpenAPI describes it
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import kitnet
from kitnet.base.error import KitnetError, shorten
from kitnet.base.spec import Array
from kitnet.serve import answers
from kitnet.serve.answers import Wish
from kitnet.serve.batcher import Batcher, FullError
from kitnet.serve.forms import Limits, Reader, TooMuchError
from kitnet.serve.metrics import Metrics
from kitnet.train import Model
from kitnet.web.body import TooLargeError, answer, is_longer, limited, values

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

DESCRIPTION = Path(__file__).parent / "openapi.json"
METHODS = {
    "/predict": "POST",
    "/model": "GET",
    "/health": "GET",
    "/ready": "GET",
    "/metrics": "GET",
    "/openapi.json": "GET",
}
SLOW = 30  # seconds that a body may take to arrive
BODIES = 8  # of the largest size that are held at once
AGAIN = "1"  # seconds until a client that was sent away may come again
READERS = 2  # threads that read pictures


def remark(text: str) -> None:
    """One line to whoever runs the server."""
    print(f"kitnet: {text}", file=sys.stderr, flush=True)


class Answer(NamedTuple):
    status: int
    body: bytes
    type: str = answers.JSON
    headers: Mapping[str, str] = {}


class RefusedError(Exception):
    """A request that gets no further: its status, and the line that says why."""

    def __init__(self, status: int, line: str, **headers: str) -> None:
        super().__init__(line)
        self.status, self.headers = status, headers


class App:
    """An ASGI application that answers for a model. `hosts` are the names that it may be called by, all
    where there are none. Until there is a batcher it answers that it is not ready."""

    def __init__(self, model: Model, limits: Limits, metrics: Metrics, hosts: frozenset[str]) -> None:
        self._model, self._limits, self._metrics, self._hosts = model, limits, metrics, hosts
        self._read, self._readers = Reader(model.preparation, limits), ThreadPoolExecutor(READERS, "reader")
        self._held = 0  # bytes of bodies
        self.batcher: Batcher | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        try:
            given = await self._answer(scope, receive)
        except RefusedError as refused:
            given = Answer(refused.status, answers.packed({"error": str(refused)}), headers=refused.headers)
        except _GoneError:
            return
        except Exception as error:  # of one request, and not of the others
            remark(f"a request failed by {type(error).__name__}: {shorten(str(error))}")
            given = Answer(500, answers.packed({"error": "the server failed at this request"}))
        headers = {
            "content-type": given.type,
            "content-length": str(len(given.body)),
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
            **given.headers,
        }
        self._metrics.answered(given.status, time.perf_counter() - began)
        await answer(send, given.status, given.body, headers)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path, method = scope["path"], scope["method"]
        self._check_origin(scope)
        if path not in METHODS:
            raise RefusedError(404, f"there is no such path; known are {', '.join(METHODS)}")
        if method != METHODS[path]:
            raise RefusedError(405, f"{path} is asked for by {METHODS[path]}", allow=METHODS[path])
        match path:
            case "/predict":
                return await self._predict(scope, receive)
            case "/model":
                return Answer(200, answers.packed(described(self._model, self._limits)))
            case "/health":
                return Answer(200, b'{"status":"alive"}')
            case "/ready":
                self._check_ready()
                return Answer(200, b'{"status":"ready"}')
            case "/metrics":
                return Answer(200, self._metrics.text().encode(), answers.TEXT)
            case _:
                return Answer(200, description())

    def _check_origin(self, scope: Scope) -> None:
        """No page of a site may ask, whatever name its host gives to this machine (DNS rebinding)."""
        hosts, origins = values(scope, b"host"), values(scope, b"origin")
        if self._hosts and (len(hosts) != 1 or hosts[0] not in self._hosts):
            raise RefusedError(421, f"this host is not served here; ask {min(self._hosts)}")
        if origins and origins != [f"{scope['scheme']}://{host}" for host in hosts]:
            raise RefusedError(
                403, "a page of another site asks; ask from a program, or through your own site"
            )

    def _check_ready(self) -> Batcher:
        if self.batcher is None:
            raise RefusedError(503, "the model is being compiled; ask again", **{"retry-after": AGAIN})
        return self.batcher

    async def _predict(self, scope: Scope, receive: Receive) -> Answer:
        batcher = self._check_ready()
        kind = " ".join(values(scope, b"content-type"))
        if values(scope, b"content-encoding") not in ([], ["identity"]):
            raise RefusedError(415, "the body is compressed; send it as it is")
        try:
            wish = Wish(scope["query_string"])
            with batcher.expecting():
                batcher.check(1)
                found = batcher.submit(await self._images(scope, receive, kind))
            self._metrics.waits(batcher.waiting)
            scores, probabilities = await found
        except FullError:
            raise RefusedError(
                503, "too many images wait already; ask again", **{"retry-after": AGAIN}
            ) from None
        except TooMuchError as error:
            raise RefusedError(413, str(error)) from None
        except KitnetError as error:
            raise RefusedError(400, str(error)) from None
        finally:
            self._metrics.waits(batcher.waiting)
        if values(scope, b"accept") == [answers.NPY]:
            return Answer(200, answers.npy(probabilities), answers.NPY)
        return Answer(200, answers.told(scores, probabilities, self._model.classes, wish))

    async def _images(self, scope: Scope, receive: Receive, kind: str) -> Array:
        most = self._limits.most(kind)
        if is_longer(scope, most):
            raise RefusedError(413, f"a body has at most {most:,} bytes; send fewer or smaller images")
        lengths = values(scope, b"content-length")
        size = int(lengths[0]) if lengths else most  # in pieces it may become as long
        if self._held and self._held + size > BODIES * self._limits.bytes:
            raise FullError
        self._held += size
        try:
            body = await _body(limited(receive, most))
            if self._read.is_quick(body, kind):
                return self._read(body, kind)
            return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, body, kind)
        except TooLargeError:
            raise RefusedError(
                413, f"a body has at most {most:,} bytes; send fewer or smaller images", connection="close"
            ) from None
        except TimeoutError:
            raise RefusedError(
                408, f"the body did not arrive in {SLOW} seconds; send it faster", connection="close"
            ) from None
        finally:
            self._held -= size


class _GoneError(Exception):
    """The client has gone."""


async def _body(receive: Receive) -> bytes:
    async with asyncio.timeout(SLOW):
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            return message.get("body", b"")
        parts = bytearray()
        while message["type"] == "http.request":
            parts += message.get("body", b"")
            if not message.get("more_body", False):
                return bytes(parts)
            message = await receive()
        raise _GoneError


def described(model: Model, limits: Limits) -> dict[str, object]:
    """What a client may want to know of the model."""
    return {
        "classes": model.classes,
        "input": model.preparation.input,
        "preparation": model.preparation.to_json(),
        "limits": {"bytes": limits.bytes, "images": limits.images, "megapixels": limits.megapixels},
    }


@cache
def description() -> bytes:
    """The OpenAPI description."""
    found = json.loads(DESCRIPTION.read_text("utf-8"))
    found["info"]["version"] = kitnet.__version__
    return answers.packed(found)
