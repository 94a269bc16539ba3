"""A server in this process: it answers that it lives at once, and for the model when that is compiled."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from kitnet.base.argument import batch_size, thread_count, whole
from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.serve.app import App
from kitnet.serve.batcher import Batcher, Compute
from kitnet.serve.forms import Limits
from kitnet.serve.metrics import Metrics
from kitnet.serve.plans import Plans
from kitnet.train import Model
from kitnet.train.target import INPUT
from kitnet.web import server
from kitnet.web.server import LOOPBACK, written

LEAVING = 30  # seconds that answers may take when the server ends
BACKLOG = 512  # connections that wait to be accepted
QUEUED = 16  # batches of images that may wait
LOOPBACKS = (LOOPBACK, "localhost", "::1")


@dataclass(frozen=True)
class Settings:
    """How a model is served. `deadline` is in milliseconds. Raises KitnetError."""

    host: str = LOOPBACK
    port: int = 8000
    workers: int = 1
    batch: int = 64
    deadline: float = 5.0
    threads: int | None = None
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        whole("--workers", self.workers, 1, 64)
        batch_size(self.batch, "--batch")
        thread_count(self.threads, "--threads")
        whole("--images", self.limits.images, 1)
        whole("--megabytes", self.limits.bytes >> 20, 1, 1 << 12)
        if not 0 <= self.deadline <= 10_000:
            raise KitnetError(f"--deadline {self.deadline:g} is not possible; use 0 to 10000 milliseconds")
        if not self.limits.megapixels > 0:
            raise KitnetError(f"--megapixels {self.limits.megapixels:g} is not possible; use more than 0")


class Server(server.Server):
    """Answers for a model at a bound socket, from `open` on; for images from `compile` on."""

    def __init__(
        self,
        model: Model,
        settings: Settings,
        listening: socket.socket,
        counts: Array | None = None,
        worker: int = 0,
    ) -> None:
        self._model, self._settings = model, settings
        self._metrics = Metrics(counts, worker)
        self._app = App(model, settings.limits, self._metrics, hosts(listening))
        super().__init__(self._app, listening, LEAVING, ws="none", backlog=BACKLOG)

    def compile(self) -> None:
        """Make the plans, try each once, and answer by them."""
        plans = Plans(self._model, self._settings.batch, self._settings.threads)
        plans.try_all()
        self.answer_by(plans)

    def answer_by(self, compute: Compute) -> None:
        """Answer from now on by what this makes of placed images."""
        batch, deadline = self._settings.batch, self._settings.deadline / 1000
        most = max(QUEUED * batch, self._settings.limits.images)
        self._app.batcher = Batcher(compute, batch, deadline, most, self._metrics.computed)
        self._metrics.ready()


def hosts(listening: socket.socket) -> frozenset[str]:
    """By which names a server may be called: those of the loopback interface where it listens to that alone;
    any elsewhere, since nobody here knows them."""
    host, port = listening.getsockname()[:2]
    if host not in LOOPBACKS:
        return frozenset()
    return frozenset(written(name, port) for name in LOOPBACKS)


def servable(model: Model, name: str) -> Model:
    """The model, which gives classes. Raises KitnetError."""
    if model.target == INPUT:
        raise KitnetError(f"{name} gives pictures, not classes, and serve answers with classes; use predict")
    return model
