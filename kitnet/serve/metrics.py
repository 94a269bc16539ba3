"""What a server counts, as text for Prometheus (exposition format 0.0.4).

Each worker counts in a row of its own, of memory that all share; any of them tells the sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np

from kitnet.base.spec import Array

STATUSES = (200, 400, 403, 404, 405, 408, 413, 415, 421, 500, 503)  # of answers
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class _Histogram:
    """Counts below each bound and above all, and the sum, in a part of a row."""

    def __init__(self, bounds: Sequence[float], first: int) -> None:
        self.bounds, self.first = np.array(bounds, float), first
        self.sum = first + len(bounds) + 1
        self.end = self.sum + 1

    def add(self, row: Array, value: float) -> None:
        row[self.first + int(self.bounds.searchsorted(value))] += 1
        row[self.sum] += value

    def lines(self, name: str, row: Array) -> Iterator[str]:
        below = list(accumulate(int(one) for one in row[self.first : self.sum]))
        for bound, count in zip(self.bounds, below, strict=False):
            yield f'{name}_bucket{{le="{bound:g}"}} {count}'
        yield f'{name}_bucket{{le="+Inf"}} {below[-1]}'
        yield f"{name}_sum {row[self.sum]:.9g}"
        yield f"{name}_count {below[-1]}"


_SECONDS = _Histogram(SECONDS, len(STATUSES))
_IMAGES = _Histogram(IMAGES, _SECONDS.end)
WAITING, READY = _IMAGES.end, _IMAGES.end + 1
WIDTH = READY + 1  # numbers of a row


class Metrics:
    """The counts of one worker, and the sums of all. `rows`: float64 (workers, WIDTH)."""

    def __init__(self, rows: Array | None = None, worker: int = 0) -> None:
        self._rows = np.zeros((1, WIDTH)) if rows is None else rows
        self._row = self._rows[worker]
        self._row[WAITING:] = 0

    def answered(self, status: int, seconds: float) -> None:
        """A request, however it ended."""
        self._row[STATUSES.index(status)] += 1
        _SECONDS.add(self._row, seconds)

    def computed(self, images: int) -> None:
        """A batch of so many images."""
        if images:
            _IMAGES.add(self._row, images)

    def waits(self, images: int) -> None:
        """So many images wait now, or are computed."""
        self._row[WAITING] = images

    def ready(self, is_so: bool = True) -> None:
        self._row[READY] = is_so

    def text(self) -> str:
        """All that was counted by all workers."""
        row = self._rows.sum(0)
        lines = [
            *_head("kitnet_requests_total", "counter", "Requests answered, by status."),
            *(
                f'kitnet_requests_total{{status="{status}"}} {int(row[i])}'
                for i, status in enumerate(STATUSES)
            ),
            *_head("kitnet_request_seconds", "histogram", "From the head of a request to its answer."),
            *_SECONDS.lines("kitnet_request_seconds", row),
            *_head("kitnet_batch_images", "histogram", "Images computed together."),
            *_IMAGES.lines("kitnet_batch_images", row),
            *_head("kitnet_waiting_images", "gauge", "Images that wait or are computed now."),
            f"kitnet_waiting_images {int(row[WAITING])}",
            *_head("kitnet_ready_workers", "gauge", "Workers that answer."),
            f"kitnet_ready_workers {int(row[READY])}",
        ]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, told: str) -> tuple[str, str]:
    return f"# HELP {name} {told}", f"# TYPE {name} {kind}"
