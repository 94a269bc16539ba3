"""A curve over the steps of a run, in bounded memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence

MOST = 2000  # points; of more each two become one
Point = tuple[float | None, ...]


class Curve:
    """Points (steps done, samples, value, ...): each value is the mean over the samples since the point
    before, None where there is none."""

    def __init__(self, most: int = MOST) -> None:
        self._lock, self._most = threading.Lock(), most
        self._points: list[Point] = []

    def add(self, point: Point) -> int | None:
        """Gives the number of the new point (from 0), or None where all points have become other ones."""
        with self._lock:
            self._points.append(point)
            if len(self._points) <= self._most:
                return len(self._points) - 1
            pairs = zip(self._points[::2], self._points[1::2], strict=False)
            rest = self._points[len(self._points) // 2 * 2 :]
            self._points = [*(_merged(a, b) for a, b in pairs), *rest]
            return None

    @property
    def points(self) -> list[Point]:
        with self._lock:
            return list(self._points)

    def set(self, points: Sequence[Point]) -> None:
        with self._lock:
            self._points = list(points)


def _merged(a: Point, b: Point) -> Point:
    m, n = a[1] or 0, b[1] or 0
    values = (
        y if x is None else x if y is None else (m * x + n * y) / (m + n)
        for x, y in zip(a[2:], b[2:], strict=True)
    )
    return b[0], m + n, *values
