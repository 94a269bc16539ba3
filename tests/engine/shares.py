"""Ranks of one training as threads of one process, so that plans for shares of a batch run without MPI."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from kitnet.engine import TrainingStep
from kitnet.engine.share import Share
from kitnet.kernels.crew import Crew
from kitnet.net import parse
from kitnet.optim import Sgd

SECONDS = 60  # after which a rank that waits for the others gives up


class Together:
    """What the ranks exchange: each leaves its numbers, and takes those of all when all have."""

    def __init__(self, ranks: int) -> None:
        self.ranks, self.left = ranks, [None] * ranks
        self.meet = threading.Barrier(ranks, timeout=SECONDS)


class Exchange:
    def __init__(self, together: Together, rank: int) -> None:
        self.together, self.rank = together, rank

    def gather(self, own: Sequence[np.ndarray], every: Sequence[np.ndarray]) -> None:
        for i, found in enumerate(every):
            found[...] = self._all([array.copy() for array in own], i)
        self.together.meet.wait()

    def add(self, numbers: np.ndarray) -> None:
        found = np.stack(self._all([numbers.copy()], 0))
        self.together.meet.wait()
        numbers[...] = 0
        for each in found:
            numbers += each

    def _all(self, own, i):
        self.together.left[self.rank] = own
        self.together.meet.wait()
        found = [left[i] for left in self.together.left]
        self.together.meet.wait()
        return found


def trained(line: str, batches, *, ranks: int, threads: int = 1, exact: bool = True, batch: int, rule=None):
    """The networks of all ranks after a step on each batch (x, labels), and what each step gave."""
    together = Together(ranks)
    nets = [parse(line) for _ in range(ranks)]
    results: list = [None] * ranks
    errors: list[BaseException] = []

    def run(rank: int) -> None:
        try:
            net = nets[rank]
            net.initialise(3)
            step = TrainingStep(
                net, None, batch, rule or Sgd(0.05, momentum=0.9), seed=7, threads=threads,
                share=Share(rank, ranks, exact), exchange=Exchange(together, rank),
            )  # fmt: skip
            step._machine._crew = Crew(threads)  # the one of the process runs one step at a time
            results[rank] = [step(x, labels, i) for i, (x, labels) in enumerate(batches)]
        except BaseException as error:
            errors.append(error)
            together.meet.abort()

    workers = [threading.Thread(target=run, args=(rank,)) for rank in range(ranks)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if errors:
        raise next((e for e in errors if not isinstance(e, threading.BrokenBarrierError)), errors[0])
    return nets, results
