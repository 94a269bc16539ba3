"""The studio's pages and what they may ask for, as routes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from kitnet.base.error import KitnetError
from kitnet.studio import design
from kitnet.studio.asking import convolution
from kitnet.studio.asking.attribution import Attributing
from kitnet.studio.asking.body import BodyError, check
from kitnet.studio.asking.inside import Looking
from kitnet.studio.asking.runs import AskingOfRuns
from kitnet.studio.background import Background, Progress
from kitnet.studio.looked import Networks
from kitnet.studio.safety import Guard
from kitnet.studio.training import Training
from kitnet.train.changes import KINDS
from kitnet.web.body import TooLargeError

PAGE = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}  # of files of the page; what else lies there is not served
PERIOD = 0.05  # seconds between two looks for frames that a client has not got yet
WANTED = 2  # seconds that a line waits for its turn without being asked for again
DOES = ("start", "pause", "step", "back")


def studio(training: Training, port: int, token: str | None = None) -> Guard:
    """The whole application, behind its guard."""
    return Guard(Starlette(routes=routes(training)), port, token)


def routes(training: Training) -> list[BaseRoute]:
    """Every route; a room adds its own here."""
    ask, attributing = Asking(training), Attributing(training)
    looking, of_runs = Looking(Networks(training)), AskingOfRuns(training)
    return [
        Route("/", _file("index.html")),
        *(Route(f"/page/{name}", _file(name)) for name in page_files()),
        Route("/do", _asked(ask.do), methods=["POST"]),
        Route("/change", _asked(ask.change), methods=["POST"]),
        Route("/look", _asked(ask.look), methods=["POST"]),
        Route("/design", _asked(ask.design), methods=["POST"]),
        Route("/foretell", _asked(ask.foretell), methods=["POST"]),
        Route("/train", _asked(ask.train), methods=["POST"]),
        Route("/models", _asked(ask.models), methods=["POST"]),
        Route("/convolution", _asked(convolution.convolution), methods=["POST"]),
        Route("/image_filters", _asked(convolution.image_filters), methods=["POST"]),
        Route("/photograph", _asked(convolution.photograph), methods=["POST"]),
        Route("/filters", _asked(attributing.filters), methods=["POST"]),
        Route("/attribute", _asked(attributing.attribute), methods=["POST"]),
        Route("/stop_waiting", _asked(attributing.stop), methods=["POST"]),
        Route("/inside/look", _asked(looking.look), methods=["POST"]),
        Route("/inside/plane", _asked(looking.plane), methods=["POST"]),
        Route("/inside/trace", _asked(looking.trace), methods=["POST"]),
        Route("/inside/convolution", _asked(looking.convolution), methods=["POST"]),
        *(
            Route(f"/{function.__name__}", _asked(function), methods=["POST"])
            for function in (of_runs.runs, of_runs.compare, of_runs.judged, of_runs.data)
        ),
        WebSocketRoute("/frames", _frames(training)),
    ]


def page_files() -> list[str]:
    """The names of the page's files, by which alone they are found."""
    return sorted(p.relative_to(PAGE).as_posix() for p in PAGE.rglob("*") if p.suffix in TYPES)


class Asking:
    """What a page asks for: a JSON object in, one out. Raises BodyError for an object that no page of the
    studio sends, and KitnetError for a mistake of the person before it."""

    def __init__(self, training: Training) -> None:
        self._training, self._background = training, Background()
        self._wanted: dict[str, float] = {}  # when the memory of a line was asked for last

    def do(self, told: dict[str, Any]) -> dict[str, Any]:
        """{"do": "start"}: start, pause, step or back."""
        if told.keys() != {"do"} or told["do"] not in DOES:
            raise BodyError(f"do is one of {', '.join(DOES)}")
        getattr(self._training, told["do"])()
        return {}

    def change(self, told: dict[str, Any]) -> dict[str, Any]:
        """{"lr": 0.01}: other numbers from the next step on."""
        if not told or not told.keys() <= KINDS.keys():
            raise BodyError(f"change needs one or more of {', '.join(KINDS)}")
        self._training.change(told)
        return {}

    def look(self, told: dict[str, Any]) -> dict[str, Any]:
        """{"picture": 3}: the values of this picture."""
        if told.keys() != {"picture"}:
            raise BodyError("look needs the number of a picture")
        self._training.look(told["picture"])
        return {}

    def design(self, told: dict[str, Any]) -> dict[str, Any]:
        """{"line": "28x28x1 -> ..."}: what the line is, or why it is none."""
        if told.keys() != {"line"} or type(told["line"]) is not str:
            raise BodyError("design needs a line, a text")
        return design.read(told["line"])

    def foretell(self, told: dict[str, Any]) -> dict[str, Any]:
        """{"line": "28x28x1 -> ..."}: the memory that training this network needs, or how far that work is;
        nothing where it cannot be told."""
        check(told, "foretell", line=str)
        line, loop = told["line"], self._training.loop
        self._wanted[line] = time.monotonic()

        def work(progress: Progress) -> dict[str, Any]:
            if time.monotonic() - self._wanted.pop(line, 0.0) > WANTED:
                raise KitnetError("nobody asks for this line any more")
            need = self._training.foretell(line)
            return {} if need is None else {**vars(need), "is_too_much": need.is_too_much}

        return self._background.ask(("foretell", line, loop and loop.run.loader.batch), work)

    def train(self, told: dict[str, Any]) -> dict[str, Any]:
        """{"line": "28x28x1 -> ..."}: a new training of this network."""
        if told.keys() != {"line"} or type(told["line"]) is not str:
            raise BodyError("train needs a line, a text")
        self._training.anew(told["line"])
        return {}

    def models(self, told: dict[str, Any]) -> dict[str, Any]:
        """{}: the networks of the zoo, and recipes."""
        if told:
            raise BodyError("models needs nothing")
        return design.models()


def _file(name: str) -> Callable[[Request], Any]:
    path = PAGE / name

    async def answer(request: Request) -> Response:
        return Response(path.read_bytes(), media_type=TYPES[path.suffix])

    return answer


def _asked(function: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Request], Any]:
    """A POST of a JSON object. Its answer is another one: of a mistake of the person, which is no error of
    the page, {"error": the line to show}."""

    async def answer(request: Request) -> Response:
        try:
            told = json.loads(await request.body())
        except TooLargeError:
            return JSONResponse({"error": "the body is too large"}, 413)
        except (ValueError, RecursionError):
            return JSONResponse({"error": "the body is no JSON"}, 400)
        if not isinstance(told, dict):
            return JSONResponse({"error": "the body is no JSON object"}, 400)
        try:
            return JSONResponse(_finite(await run_in_threadpool(function, told)))
        except BodyError as error:
            return JSONResponse({"error": str(error)}, 400)
        except KitnetError as error:
            reason, *_ = str(
                error
            ).splitlines()  # without a line and its caret, which need letters of one width
            return JSONResponse({"error": reason})

    return answer


def _frames(training: Training) -> Callable[[WebSocket], Any]:
    """Frames to one client, from those that come first on; what it sends is not read."""

    async def send(socket: WebSocket) -> None:
        await socket.accept()
        frames = training.board.join()
        try:
            closed = asyncio.ensure_future(_closed(socket))
            while not closed.done():
                for frame in frames.take():
                    await socket.send_text(json.dumps(_finite(frame), separators=(",", ":")))
                await asyncio.wait([closed], timeout=PERIOD)
        except (WebSocketDisconnect, RuntimeError):
            pass  # it has gone in the midst of a frame
        finally:
            closed.cancel()
            training.board.leave(frames)

    return send


async def _closed(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def _finite(value: Any) -> Any:
    """JSON has no word for what is no finite number: None."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value
