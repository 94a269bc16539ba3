"""Several processes that share one port: each has the model and an event loop of its own."""

from __future__ import annotations

import multiprocessing
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.serve.metrics import READY, WIDTH
from kitnet.serve.server import Server, Settings, servable
from kitnet.train import Model

LOOK = 0.1  # seconds between two looks at the workers
LEAVES = 40  # seconds after which a worker that was to end is ended
SPAWN = multiprocessing.get_context("spawn")  # a process that begins anew, which threads of this one permit


class Workers:
    """Starts the workers, starts one that dies again, and ends all. `prepare` is called first in each."""

    def __init__(
        self,
        run: str,
        settings: Settings,
        listening: socket.socket,
        memory: int | None,
        prepare: Callable[[Sequence[str]], Any],
        files: Sequence[str],
    ) -> None:
        self._counts = SPAWN.RawArray("d", settings.workers * WIDTH)
        self._rows = np.frombuffer(self._counts).reshape(-1, WIDTH)
        self._listening = listening
        self._given = (run, settings, listening, memory, prepare, tuple(files), self._counts)
        self._processes = [self._start(worker) for worker in range(settings.workers)]

    def _start(self, worker: int) -> Any:
        process = SPAWN.Process(target=_work, args=(*self._given, worker), name=f"worker {worker}")
        process.start()
        return process

    def wait_until_ready(self, stop: threading.Event) -> None:
        """Until all answer. Raises KitnetError where one dies before."""
        while not stop.is_set() and not self._rows[:, READY].all():
            if not all(process.is_alive() for process in self._processes):
                raise KitnetError("a worker ended before it was ready; try it with --workers 1")
            stop.wait(LOOK)

    def watch(self, stop: threading.Event, told: Callable[[str], None]) -> None:
        """Until `stop` is set. A worker that dies is told and started again."""
        while not stop.wait(LOOK):
            for worker, process in enumerate(self._processes):
                if not process.is_alive():
                    told(f"worker {worker} ended with status {process.exitcode}; it is started again")
                    self._rows[worker, READY] = 0
                    self._processes[worker] = self._start(worker)
                    stop.wait(1)  # one that dies at once does not take the machine

    def close(self) -> None:
        """Let all finish what they have accepted."""
        self._listening.close()
        for process in self._processes:
            if process.is_alive():
                process.terminate()
        ends = time.monotonic() + LEAVES
        for process in self._processes:
            process.join(max(0.0, ends - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


def _work(
    run: str,
    settings: Settings,
    listening: socket.socket,
    memory: int | None,
    prepare: Callable[[Sequence[str]], Any],
    files: Sequence[str],
    counts: Any,
    worker: int,
) -> None:
    """The whole life of a worker: until its parent ends it, or has gone."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes; the parent tells this one
    prepare(files)
    rows = np.frombuffer(counts).reshape(-1, WIDTH)
    server = Server(servable(Model.load(run, memory), run), settings, listening, rows, worker)
    server.open()
    server.compile()
    parent = multiprocessing.parent_process()
    while not stop.wait(1) and parent is not None and parent.is_alive():
        pass
    server.close()
