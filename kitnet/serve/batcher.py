"""Requests gathered into batches: images of several clients go through the network together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from kitnet.base.spec import Array

Compute = Callable[[Sequence[Array]], tuple[Array, Array]]


class FullError(Exception):
    """More images wait than may."""


class _Waiting(NamedTuple):
    images: Array
    answer: asyncio.Future[tuple[Array, Array]]
    since: float


class Batcher:
    """Gives images to `compute`, in a thread of its own and at most `batch` at once, but for a request that
    has more.

    A request waits for company until a batch is full, until it has waited for `deadline` seconds, or until
    no other request is on its way (`expecting`), whichever comes first, and while another batch is computed.
    At most `most` images wait. All is called by one event loop.
    """

    def __init__(
        self,
        compute: Compute,
        batch: int,
        deadline: float,
        most: int,
        told: Callable[[int], None] = lambda images: None,
    ) -> None:
        self._compute, self._batch, self._deadline, self._most, self._told = (
            compute,
            batch,
            deadline,
            most,
            told,
        )
        self._queue: deque[_Waiting] = deque()
        self.waiting = 0  # images
        self._expected, self._computing = 0, False
        self._timer: asyncio.TimerHandle | None = None
        self._thread = ThreadPoolExecutor(1, "plans")

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """A request is on its way, which those that wait should wait for."""
        self._expected += 1
        try:
            yield
        finally:
            self._expected -= 1
            self._next()

    def check(self, images: int) -> None:
        """Raises FullError where so many more may not wait."""
        if self.waiting and self.waiting + images > self._most:
            raise FullError

    def submit(self, images: Array) -> asyncio.Future[tuple[Array, Array]]:
        """Placed images (n, H, W, C) -> scores and probabilities (n, classes), once they are computed. Called
        by a request that was expected. Raises FullError."""
        self.check(len(images))
        loop = asyncio.get_running_loop()
        waiting = _Waiting(images, loop.create_future(), loop.time())
        self._queue.append(waiting)
        self.waiting += len(images)
        return waiting.answer

    def _next(self) -> None:
        """Compute a batch, or see to it that one is computed in time."""
        if self._computing or not self._queue:
            return
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        left = self._queue[0].since + self._deadline - loop.time()
        if self._expected and self.waiting < self._batch and left > 0:
            self._timer = loop.call_later(left, self._next)
            return
        some = self._taken()
        if some:
            self._computing = True
            self._thread.submit(self._run, loop, some)

    def _taken(self) -> list[_Waiting]:
        """The requests of the next batch, without those of clients that have gone."""
        some: list[_Waiting] = []
        images = 0
        while self._queue and (not some or images + len(self._queue[0].images) <= self._batch):
            one = self._queue.popleft()
            if one.answer.done():
                self.waiting -= len(one.images)
                continue
            some.append(one)
            images += len(one.images)
        return some

    def _run(self, loop: asyncio.AbstractEventLoop, some: list[_Waiting]) -> None:
        try:
            found: tuple[Array, Array] | Exception = self._compute([one.images for one in some])
        except Exception as error:  # which belongs to those who asked, and not to this thread
            found = error
        loop.call_soon_threadsafe(self._answer, some, found)

    def _answer(self, some: list[_Waiting], found: tuple[Array, Array] | Exception) -> None:
        first = 0
        for one in some:
            last = first + len(one.images)
            if one.answer.done():
                pass
            elif isinstance(found, Exception):
                one.answer.set_exception(found)
            else:
                one.answer.set_result((found[0][first:last], found[1][first:last]))
            first = last
        self.waiting -= first
        self._told(first)
        self._computing = False
        self._next()
