"""`kitnet serve`: a trained model behind HTTP, and Ctrl-C that finishes what was asked."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from kitnet.base.error import KitnetError
from kitnet.cli.flags import Megapixels, Memory, Run, Threads, Whole
from kitnet.cli.interruption import Interrupted, Interruption, interruptible
from kitnet.cli.own_layers import flags, import_layers
from kitnet.cli.screen import remark, say
from kitnet.data.image import MEGAPIXELS
from kitnet.train import Model

if TYPE_CHECKING:
    from kitnet.serve.server import Settings

NEEDED = ("uvicorn",)


def command(
    run: Run,
    /,
    *,
    host: Annotated[
        str, Parameter(help="Interface to listen to; 0.0.0.0 is all, which anybody may reach.")
    ] = "127.0.0.1",
    port: Annotated[Whole, Parameter(help="Of this machine; 0: any that is free.")] = 8000,
    workers: Annotated[Whole, Parameter(help="Processes that share the port and the work.")] = 1,
    batch: Annotated[Whole, Parameter(help="Images that are computed at once at most.")] = 64,
    deadline: Annotated[
        float, Parameter(help="Milliseconds that a request may wait for others to be computed with it.")
    ] = 5.0,
    images: Annotated[Whole, Parameter(help="Images that a request may have.")] = 256,
    megabytes: Annotated[Whole, Parameter(help="Of the body of a request, at most.")] = 32,
    megapixels: Megapixels = None,
    threads: Threads = None,
    memory: Memory = None,
) -> int:
    """Answer over HTTP with the classes that a trained model sees on images.

    The line that is printed is the address; `GET /openapi.json` there describes what may be asked. Ctrl-C or
    SIGTERM end it when what was accepted is answered; a second one ends it at once.
    """
    for name in NEEDED:
        if importlib.util.find_spec(name) is None:
            raise KitnetError(f"the server needs {name}; install it with: pip install 'kitnet[serve]'")
    from kitnet.serve.forms import Limits
    from kitnet.serve.server import Settings

    limits = Limits(megabytes << 20, images, MEGAPIXELS if megapixels is None else megapixels)
    settings = Settings(host, port, workers, batch, deadline, threads, limits)
    with interruptible() as interruption:
        try:
            _serve(run, settings, memory, interruption)
        except Interrupted:
            print("kitnet: stopped at once, without the answers that were on their way", file=sys.stderr)
            return interruption.status
    return 0


def _serve(run: str, settings: Settings, memory: int | None, interruption: Interruption) -> None:
    """Until it is told to end."""
    from kitnet.serve.server import Server, servable
    from kitnet.web.server import bound, written

    model = servable(Model.load(run, memory), run)  # also where only workers need it: a mistake is told once
    listening = bound(settings.host, settings.port)
    address = f"http://{written(settings.host, listening.getsockname()[1])}"
    if settings.workers > 1:
        from kitnet.serve.workers import Workers

        workers = Workers(run, settings, listening, memory, import_layers, flags())
        interruption.patient = True
        try:
            workers.wait_until_ready(interruption.stop)
            say(f"{run} answers at {address}")
            workers.watch(interruption.stop, remark)
        finally:
            workers.close()
        return
    server = Server(model, settings, listening)
    server.open()
    server.compile()
    interruption.patient = True
    say(f"{run} answers at {address}")
    sys.stdout.flush()
    interruption.stop.wait()
    server.close()
