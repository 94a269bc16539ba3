"""What a run writes down of itself while it goes: metrics.jsonl, env.json, event files for TensorBoard, and
the link `latest` among the runs."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from kitnet.base.error import RunError, UnwrittenError
from kitnet.files import write_whole
from kitnet.files.event_file import first_event, record, scalars_event, start_event
from kitnet.train.events import EpochEnded, Event, Started, Stepped, Warned
from kitnet.train.latest import point_back, point_to
from kitnet.train.machine import environment
from kitnet.train.settings import Settings
from kitnet.train.step import pick_engine

METRICS, ENVIRONMENT = "metrics.jsonl", "env.json"


def recorded(events: Generator[Event, None, None], settings: Settings) -> Generator[Event, None, None]:
    """The events, after what they tell is written. Raises RunError."""
    records: Records | None = None
    try:
        for event in events:
            if isinstance(event, Started):
                assert event.folder is not None  # what is trained in memory is not recorded
                records = Records(event.folder, event, settings)
                warning = records.begin()
                if warning:
                    yield Warned(warning)
            elif records is not None and isinstance(event, Stepped):
                records.step(event)
            elif records is not None and isinstance(event, EpochEnded):
                records.epoch(event)
            yield event
    finally:
        events.close()
        if records is not None:
            records.end()


class Journal:
    """A file that grows at its end; what was written outlasts a kill."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None

    def append(self, content: bytes) -> None:
        """Raises RunError."""
        try:
            if self._file is None:
                self._file = FileIO(self._path, "ab")
            self._file.write(content)
        except OSError as error:
            raise UnwrittenError(self._path, error) from None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


@dataclass
class Records:
    """The records of one run."""

    folder: Path
    started: Started
    settings: Settings
    _last: Stepped | None = None
    _linked: bool = False
    _before: Path | None = None  # what `latest` pointed to
    _events: Journal | None = None  # for TensorBoard

    def __post_init__(self) -> None:
        self._metrics = Journal(self.folder / METRICS)

    def begin(self) -> str:
        """Write what is known before the first step; gives a warning, or nothing."""
        engine = pick_engine(self.settings.engine)
        write_whole(self.folder / ENVIRONMENT, document(environment(engine, self.settings.threads)))
        done = self.started.done
        metrics = self.folder / METRICS
        if metrics.is_file():
            write_whole(metrics, "".join(lines_until(metrics, done)))
        if self.settings.tensorboard:
            now = time.time()
            self._events = Journal(self.folder / f"events.out.tfevents.{time.time_ns()}.kitnet")
            self._events.append(record(first_event(now)) + record(start_event(now, done)))
        try:
            self._before, self._linked = point_to(self.folder), True
        except RunError as error:
            return str(error)
        return ""

    def step(self, event: Stepped) -> None:
        """A line each so many steps: means over the steps since the line before it in this epoch."""
        self._last = event
        if event.recent is not None:
            told = {"images_per_second": event.images_per_second}
            self._write(event.epoch, event.done, event.recent | self._rate(event) | told)

    def epoch(self, row: EpochEnded) -> None:
        """A line with what results.csv has of the epoch."""
        numbers = {name: value for name, value in row.numbers().items() if name != "epoch"}
        last = self._last
        done = self.started.done if last is None else last.done
        self._write(row.epoch, done, numbers | self._rate(last))

    def end(self) -> None:
        """Close the files; a run that has come to nothing is not the last one."""
        self._metrics.close()
        if self._events is not None:
            self._events.close()
        if self._linked and not self.folder.exists():
            point_back(self.folder, self._before)

    @staticmethod
    def _rate(last: Stepped | None) -> dict[str, float]:
        """The learning rate of the last step, where the rule has one."""
        return {} if last is None or last.rate is None else {"rate": last.rate}

    def _write(self, epoch: int, number: int, numbers: Mapping[str, Any]) -> None:
        line = json.dumps(finite({"step": number, "epoch": epoch, **numbers}), allow_nan=False)
        self._metrics.append(f"{line}\n".encode())
        if self._events is not None:
            scalars = {tag(name): value for name, value in numbers.items() if _is_number(value)}
            self._events.append(record(scalars_event(time.time(), number, scalars)))


def lines_until(path: Path, step: int) -> list[str]:
    """The lines of a metrics.jsonl that tell of no later step: a run goes on from its last save, and does
    what came after it anew."""
    kept = []
    for line in path.read_text("utf-8", errors="replace").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # a line that was being written when the machine went down
    return kept


def tag(name: str) -> str:
    """What TensorBoard calls a number, so that both losses share a chart's group: loss/train, loss/val."""
    part, _, what = name.partition("_")
    return f"{what}/{part}" if what.partition(".")[0] in ("loss", "accuracy") else name


def document(content: Mapping[str, Any]) -> str:
    """JSON for people; what is no finite number is null, since JSON has no word for it."""
    return json.dumps(finite(content), indent=2, allow_nan=False) + "\n"


def finite(content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in content.items()
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
