"""The studio served to a browser on this machine."""

from __future__ import annotations

import time

from kitnet import web
from kitnet.studio.app import PERIOD, studio
from kitnet.studio.training import Training
from kitnet.web.server import LOOPBACK, bound

TELLING = 1  # seconds that clients may take to hear that it ends
LEAVING = 2  # seconds that an answer may take when the studio ends
LONGEST = 1 << 12  # bytes of what a client sends over a socket, which nobody reads


class Server(web.server.Server):
    """The studio's page, from `open` to `close`. Port 0 is any that is free. Raises KitnetError for one that
    is taken."""

    def __init__(self, training: Training, port: int = 0) -> None:
        listening = bound(LOOPBACK, port)
        self._board = training.board
        self._guard = studio(training, listening.getsockname()[1])
        super().__init__(
            self._guard,
            listening,
            LEAVING,
            ws="websockets-sansio",
            ws_max_size=LONGEST,
            ws_per_message_deflate=False,  # frames do not leave the machine
        )

    def close(self, again: str = "") -> None:
        """End, when the pages have heard it, and by which command the studio begins again."""
        self._board.publish("over", again=again)
        ends = time.monotonic() + TELLING
        while not self._board.is_read and time.monotonic() < ends:
            time.sleep(PERIOD / 5)
        super().close()

    @property
    def address(self) -> str:
        """Where a browser begins, with the token."""
        return self._guard.address
