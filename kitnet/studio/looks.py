"""Looks at the network that trains: when one is due, and what it costs training."""

from __future__ import annotations

import time

from kitnet.studio.board import Board
from kitnet.studio.probe import Probe
from kitnet.train.loop import Loop

LOOKS = 0.5  # seconds between two looks at the network, at least
SHARE = 100  # and so many times as long as a look takes


class Looks:
    """Puts on the board what a probe of the loop sees; to be called in its thread, between two steps."""

    def __init__(self, board: Board, loop: Loop) -> None:
        self.probe = Probe(loop)
        self._board = board
        self._looked, self._cost = 0.0, 0.0

    def look(self, picture: int, speed: float) -> None:
        """Now; `speed` in pictures a second says how many of them may be judged."""
        begun = time.monotonic()
        is_first = not self.probe.has_looked  # when the plan is compiled
        seen = self.probe.look(picture, speed)
        self.probe.remember()
        self._board.publish("look", **seen)
        self._looked = time.monotonic()
        self._cost = 0.0 if is_first else self._looked - begun

    def look_if_due(self, picture: int, speed: float) -> None:
        """Where somebody looks on and the last one was long enough ago, after the next step, so that its
        update is seen."""
        if not self._board.has_clients or time.monotonic() - self._looked < max(LOOKS, SHARE * self._cost):
            return
        if self.probe.remembers:
            self.look(picture, speed)
        else:
            self.probe.remember()
