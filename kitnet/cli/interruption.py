"""What ends training early: Ctrl-C, the system's wish that a process end, a terminal that is closed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from kitnet.cli.screen import SIGNALLED

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # of which Windows has no SIGHUP
SAVES = ("SIGUSR1",)  # what mpiexec passes on to its ranks


class Interrupted(KeyboardInterrupt):
    """A signal came before the first step, or a second one."""


class Interruption:
    """The signals to a training. Before it is `patient` the first one ends the process at once; later it sets
    `stop`, and only a second one ends it."""

    def __init__(self) -> None:
        self.stop, self.patient = threading.Event(), False
        self.number: int = signal.SIGINT  # of the signal that came

    @property
    def status(self) -> int:
        """The exit status of a program that this signal ended."""
        return SIGNALLED + self.number

    def hear(self, number: int, frame: FrameType | None) -> None:
        asked = self.stop.is_set()
        self.number = number
        self.stop.set()
        if asked or not self.patient:
            raise Interrupted


@contextmanager
def interruptible(more: Sequence[str] = ()) -> Iterator[Interruption]:
    """Signals are heard, `more` by their names among them, but those that the process was told to ignore, as
    nohup does, are not."""
    heard, before = Interruption(), {}
    for name in (*NAMES, *more):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, heard.hear)
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
