"""Numbers of a run that are changed while it lasts, and the file that has them: changes.jsonl.

    {"epoch": 2, "step": 31, "lr": 0.01}
    {"epoch": 3, "step": 0, "momentum": 0.8, "batch": 32}

A line holds from the step on that follows `step` steps of `epoch` (from 1). An epoch has one batch, since it
sees every picture once: a change of the batch within an epoch holds from the next one on. A run that is
resumed reads the file, so that it ends with the bits of the run that was changed while it lasted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from kitnet.base.error import RunError, shorten
from kitnet.files import write_whole

CHANGES = "changes.jsonl"
KINDS = {"lr": float, "momentum": float, "decay": float, "batch": int}  # what may be changed
LARGEST = 1 << 20  # bytes of the file
MOST = 1 << 53  # of a whole number in it
PLACE = ("epoch", "step")


class Change(NamedTuple):
    """Made when `step` steps of `epoch` (from 0) were done."""

    epoch: int
    step: int
    numbers: Mapping[str, Any]


@dataclass
class Changes:
    """The changes of a run on so many `samples`, with the `batch` and the batches an update that it began
    with. It counts steps and updates, whose number an epoch depends on the batch. `path` is the file, None of
    a run that has none."""

    samples: int
    batch: int
    accumulate: int = 1
    path: Path | None = None
    made: list[Change] = field(default_factory=list)
    _asked: SimpleQueue[dict[str, Any]] = field(default_factory=SimpleQueue)

    def read(self, path: Path) -> None:
        """The changes that were made before, if there are some. Raises RunError for a file that is none."""
        self.path = path
        if path.is_file():
            with path.open("rb") as file:
                content = file.read(LARGEST + 1)
            try:
                self.made = _read(content)
            except ValueError as error:
                raise RunError(f"{path}: not the changes of a run ({error})") from None

    def ask(self, numbers: Mapping[str, Any]) -> None:
        """Let these numbers hold from the next step on; any thread may ask. They are checked already."""
        self._asked.put(dict(numbers))

    def at(self, epoch: int, step: int) -> dict[str, Any]:
        """The numbers that begin to hold here: those that were asked for, which are written down and take the
        place of all that was to follow, and those that the file has. Raises RunError."""
        asked: dict[str, Any] = {}
        while True:
            try:
                asked |= self._asked.get_nowait()
            except Empty:
                break
        if asked:
            self.made = [one for one in self.made if one[:2] <= (epoch, step)]
            self.made.append(Change(epoch, step, asked))
            self._write()
        found: dict[str, Any] = {}
        for one in self.made:
            if one[:2] == (epoch, step):
                found |= one.numbers
        return found

    def forget_after(self, epoch: int, step: int) -> None:
        """Leave out what was changed after this place. Raises RunError."""
        kept = [one for one in self.made if one[:2] <= (epoch, step)]
        if len(kept) < len(self.made):
            self.made = kept
            self._write()

    def forget_batch(self) -> None:
        """Leave out the last change of the batch. Raises RunError."""
        last = max(i for i, one in enumerate(self.made) if "batch" in one.numbers)
        epoch, step, numbers = self.made[last]
        self.made[last] = Change(epoch, step, {n: v for n, v in numbers.items() if n != "batch"})
        self.made = [one for one in self.made if one.numbers]
        self._write()

    def numbers(self, epoch: int, step: int) -> dict[str, Any]:
        """All changed numbers that hold here, and the batch of this epoch."""
        found: dict[str, Any] = {}
        for one in self.made:
            if one[:2] <= (epoch, step):
                found |= one.numbers
        return found | {"batch": self._batches(epoch)[-1][1]}

    # Which step is which

    def steps_before(self, epoch: int) -> int:
        """The steps of all epochs before this one."""
        return sum(count * self._steps(batch) for count, batch in self._stretches(epoch))

    def updates_before(self, epoch: int) -> int:
        """The updates of all epochs before this one."""
        return sum(
            count * -(-self._steps(batch) // self.accumulate) for count, batch in self._stretches(epoch)
        )

    @property
    def most_steps(self) -> int:
        """Of any epoch."""
        return max(self._steps(batch) for _, batch in self._batches(MOST))

    def _steps(self, batch: int) -> int:
        return -(-self.samples // batch)

    def _batches(self, epoch: int) -> list[tuple[int, int]]:
        """From which epoch on which batch holds, up to this one."""
        found = [(0, self.batch)]
        for one in self.made:
            first = one.epoch + (one.step > 0)
            if "batch" in one.numbers and first <= epoch:
                found.append((first, one.numbers["batch"]))
        return found

    def _stretches(self, epoch: int) -> list[tuple[int, int]]:
        """How many epochs before this one had which batch."""
        begun = self._batches(epoch)
        ends = [*(first for first, _ in begun[1:]), epoch]
        return [(end - first, batch) for (first, batch), end in zip(begun, ends, strict=True)]

    def _write(self) -> None:
        if self.path is not None:
            lines = (
                json.dumps({"epoch": one.epoch + 1, "step": one.step, **one.numbers}) for one in self.made
            )
            write_whole(self.path, "".join(f"{line}\n" for line in lines))


def _read(content: bytes) -> list[Change]:
    """Raises ValueError with the reason why a file's first `LARGEST` + 1 bytes are no changes."""
    if len(content) > LARGEST:
        raise ValueError(f"larger than {LARGEST} bytes")
    found: list[Change] = []
    for number, line in enumerate(content.decode().splitlines(), 1):
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            raise ValueError(f"line {number} is no JSON") from None
        if not isinstance(told, dict) or not {*PLACE} < told.keys() <= {*PLACE, *KINDS}:
            raise ValueError(f"line {number} needs epoch, step, and one or more of {', '.join(KINDS)}")
        for name, value in told.items():
            _check(number, name, value)
        change = Change(told.pop("epoch") - 1, told.pop("step"), told)
        if found and change[:2] < found[-1][:2]:
            raise ValueError(f"line {number} is of an earlier step than the line before it")
        found.append(change)
    return found


def _check(line: int, name: str, value: Any) -> None:
    """Raises ValueError."""
    if KINDS.get(name) is float:
        good = type(value) in (int, float) and math.isfinite(value) and value >= 0
    else:
        good = type(value) is int and (name != "step") <= value <= MOST  # a step may be 0
    if not good:
        raise ValueError(f"{name} of line {line} is {shorten(value)}")
