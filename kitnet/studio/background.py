"""Answers that take long. Whoever asks is told at once how far the work is, and asks again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from kitnet.base.error import KitnetError

MOST = 8  # answers that are kept

Answer = dict[str, Any]
Progress = Callable[[int, int], None]  # how much is done, of how much


@dataclass
class _Job:
    done: int = 0
    all: int = 0
    answer: Answer | None = None
    error: KitnetError | None = None

    def advance(self, done: int, all: int) -> None:
        self.done, self.all = done, all


class Background:
    """Works out answers, each once and one at a time, in threads that nobody waits for."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[Hashable, _Job] = OrderedDict()
        self._lock, self._turn = threading.Lock(), threading.Lock()

    def ask(self, key: Hashable, work: Callable[[Progress], Answer]) -> Answer:
        """What `work` gives, when it is there; until then {"done": 100, "all": 140}. Raises its KitnetError
        once, after which the same is tried anew."""
        with self._lock:
            job = self._jobs.get(key)
            if job is None:
                job = self._jobs[key] = _Job()
                threading.Thread(target=self._work, args=(job, work), name="background", daemon=True).start()
                self._forget()
            self._jobs.move_to_end(key)
            if job.error is not None:
                del self._jobs[key]
                raise job.error
            return {"done": job.done, "all": job.all} if job.answer is None else job.answer

    def _work(self, job: _Job, work: Callable[[Progress], Answer]) -> None:
        with self._turn:
            try:
                job.answer = work(job.advance)
            except KitnetError as error:
                job.error = error
            except MemoryError:
                job.error = KitnetError("there is not enough memory for this")
            except BaseException:
                job.error = KitnetError("a mistake of kitnet's own has ended this; the terminal tells more")
                raise

    def _forget(self) -> None:
        """All but the answers that were asked for last."""
        answered = [key for key, job in self._jobs.items() if job.answer is not None]
        for key in answered[: len(answered) - MOST]:
            del self._jobs[key]
