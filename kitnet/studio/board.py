"""What the studio tells its clients: frames, which are dicts that JSON has words for. Whoever trains puts
them on the board and never waits; a client that does not read loses frames."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

Frame = dict[str, Any]
MOST = 64  # frames that a client may have unread


class Frames:
    """What one client has not read yet; of more than `most` the oldest are lost."""

    def __init__(self, most: int = MOST) -> None:
        self._frames: deque[Frame] = deque(maxlen=most)
        self.lost = 0

    def put(self, frame: Frame) -> None:
        if len(self._frames) == self._frames.maxlen:
            self.lost += 1
        self._frames.append(frame)

    @property
    def unread(self) -> int:
        return len(self._frames)

    def take(self) -> list[Frame]:
        """All that is there, in order. One thread takes."""
        found = []
        while self._frames:
            found.append(self._frames.popleft())
        return found


class Board:
    """The newest frame of each kind, for clients that come later, and the clients that are there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, Callable[[], Frame]] = {}
        self._clients: list[Frames] = []

    def keep(self, kind: str, whole: Callable[[], Frame]) -> None:
        """Let a client that comes first get what `whole` gives then."""
        with self._lock:
            self._kept[kind] = whole

    def publish(self, kind: str, **content: Any) -> None:
        """A frame that takes the place of the one of its kind before it."""
        frame = {"kind": kind, **content}
        with self._lock:
            self._kept[kind] = lambda: frame
            self._send(frame)

    def add(self, kind: str, **content: Any) -> None:
        """A frame that adds to what is kept already."""
        with self._lock:
            self._send({"kind": kind, **content})

    def drop(self, *kinds: str) -> None:
        """Keep no frames of these kinds; they are of something that is over."""
        with self._lock:
            for kind in kinds:
                self._kept.pop(kind, None)

    def join(self) -> Frames:
        """A new client, for which all that is kept is there to read."""
        with self._lock:
            frames = Frames(max(MOST, len(self._kept) + MOST // 2))
            for whole in self._kept.values():
                frames.put(whole())
            self._clients.append(frames)
        return frames

    def leave(self, frames: Frames) -> None:
        with self._lock:
            self._clients.remove(frames)

    @property
    def is_read(self) -> bool:
        """Whether no client has anything unread."""
        with self._lock:
            return not any(client.unread for client in self._clients)

    @property
    def has_clients(self) -> bool:
        return bool(self._clients)

    def _send(self, frame: Frame) -> None:
        for client in self._clients:
            client.put(frame)
