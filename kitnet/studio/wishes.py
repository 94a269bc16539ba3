"""What other threads ask of the one that trains, until it does it: steps, a look, a call between two steps,
or one of the wishes that end what it is doing."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

from kitnet.train.loop import Loop

T = TypeVar("T")
BACK, ANEW, STOP = "back", "anew", "stop"  # wishes


class Asked(NamedTuple):
    """A wish, "" for none; whether a look is asked for; whether a step may be done."""

    wish: str
    look: bool
    goes_on: bool


class Wishes:
    """Any thread may ask, one takes."""

    def __init__(self) -> None:
        self._turn = threading.Condition()  # guards what is asked for
        self._steps: float = 0  # that may be done before the next pause
        self._wish, self._leaves = "", False
        self._look, self._picture = False, 0
        self._calls: deque[tuple[Callable[[Loop], Any], Future[Any]]] = deque()

    # Any thread

    def allow(self, steps: float) -> None:
        with self._turn:
            self._steps = steps
            self._turn.notify_all()

    def wish(self, wish: str) -> None:
        """The last one counts; after a stop nothing else does."""
        with self._turn:
            self._leaves |= wish == STOP
            self._wish = STOP if self._leaves else wish
            self._turn.notify_all()

    def look(self, picture: int) -> None:
        with self._turn:
            self._picture, self._look = picture, True
            self._turn.notify_all()

    def call(self, function: Callable[[Loop], T]) -> Future[T]:
        """What it gives when it was called between two steps."""
        called: Future[T] = Future()
        with self._turn:
            self._calls.append((function, called))
            self._turn.notify_all()
        return called

    # The thread that trains

    @property
    def picture(self) -> int:
        """Whose values are looked at."""
        return self._picture

    def begin(self) -> None:
        """No step may be done before it is asked for."""
        self._steps = 0

    def spend(self) -> None:
        """A step was done."""
        with self._turn:
            self._steps -= 1

    def take(self) -> Asked:
        """What is asked for now, which is then asked for no more."""
        with self._turn:
            wish, self._wish = self._wish, ""
            look, self._look = self._look, False
            return Asked(wish, look, self._steps > 0)

    def answer(self, loop: Loop | None) -> None:
        """Do what was to be called between two steps."""
        while self._calls:
            function, called = self._calls.popleft()
            try:
                assert loop is not None
                called.set_result(function(loop))
            except BaseException as error:
                called.set_exception(error)

    def wait(self) -> None:
        """Until something is asked for, or a step may be done."""
        with self._turn:
            if self._steps <= 0 and not (self._wish or self._look or self._calls):
                self._turn.wait()

    def wait_after_the_end(self, loop: Loop | None) -> Asked:
        """Until a look or a wish is asked for; the wish is to stop where that was asked before."""
        while True:
            self.answer(loop)
            with self._turn:
                self._wish = STOP if self._leaves else self._wish
                if self._wish or self._look:
                    return self.take()
                if not self._calls:
                    self._turn.wait()
