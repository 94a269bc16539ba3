"""The table of a training at a terminal: a row for each epoch that has ended, and bars that move under it."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from kitnet.cli.screen import GAP, Column, columns_that_fit, out, say, say_duration, terminal_width
from kitnet.train import EpochEnded, Started, Stepped

SPARE = {
    "val_loss": 1,
    "test_loss": 1,
    "train_loss": 2,
    "train_accuracy": 3,
    "seconds": 4,
    "images_per_second": 5,
}  # the highest is left out first in a narrow terminal
HEADINGS = {"images_per_second": "images/s"}  # others are the names of results.csv
WIDTHS = {"epoch": 5, "images_per_second": 9}  # of the terminal, for a number
LEAST = 7
BAR, NARROW_BAR, NARROW = 12, 6, 60  # columns of a bar, and in a terminal narrower than the last
PERIOD = 0.08  # seconds between two moves of the bars
FIXED = 32  # columns for what stands beside a bar and its numbers


class _Left(ProgressColumn):
    """The time that is left, at the speed of the last steps."""

    def render(self, task: Task) -> Text:
        left = task.time_remaining
        return Text("" if left is None else f"{say_duration(left)} left")


class Live:
    """Bars are for people only. Where they see the results, too, one console draws both, so that they do not
    run into each other, and the results are a table."""

    def __init__(self) -> None:
        console = out if sys.stdout.isatty() else Console(stderr=True)
        self.is_table = sys.stdout.isatty()
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=_bar_width()),
            MofNCompleteColumn(),
            _Left(),
            TextColumn("{task.fields[said]}"),
            console=console,
            transient=True,
            disable=not console.file.isatty(),
        )
        self._started: Started | None = None
        self._headed = False
        self._drawn = 0.0  # when the bars were last moved

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def start(self, started: Started) -> None:
        """The first step follows: a bar for the epoch, and one for all where there are several. Before it
        other lines may be written over."""
        self._bars.start()
        self._started = started
        steps, done = started.steps, started.first_step
        self._bars.add_task(f"epoch {started.epoch}", total=steps, completed=done, said="")
        if started.epochs > 1:
            total = started.done - done + (started.epochs - started.epoch + 1) * steps
            self._bars.add_task(f"all {started.epochs}", total=total, completed=started.done, said="")

    def step(self, event: Stepped) -> None:
        """One step is done; the bars follow some ten times a second, since they take time from training."""
        assert self._started is not None
        now, ends = time.monotonic(), event.step in (1, event.steps)
        if self._bars.disable or not (ends or now - self._drawn > PERIOD):
            return
        self._drawn = now
        first, *others = self._bars.task_ids
        if event.step == 1:
            self._bars.reset(first, description=f"epoch {event.epoch}", total=event.steps)
        self._bars.update(first, completed=event.step, said=_told(event))
        all_steps = event.done - event.step + (self._started.epochs - event.epoch + 1) * event.steps
        for bar in others:
            self._bars.update(bar, completed=event.done, total=all_steps)

    def learned(self, what: str, done: int, total: int) -> None:
        """A rule without gradients has done so much."""
        self._bars.update(self._bars.task_ids[0], description=what, completed=done, total=total)

    def row(self, row: EpochEnded) -> None:
        """A line of the table, under its header when it is the first one."""
        numbers = row.numbers()
        names = [name for name, value in numbers.items() if value is not None]
        columns = [Column(HEADINGS.get(n, n.replace("_", " ")), True, _spare(n)) for n in names]
        widths = [max(len(c.name), WIDTHS.get(n, LEAST)) for n, c in zip(names, columns, strict=True)]
        shown = columns_that_fit(columns, widths, terminal_width())
        if not self._headed:
            header = GAP.join(columns[i].name.rjust(widths[i]) for i in shown)
            say(header, len(header))
            self._headed = True
        say(GAP.join(_cell(names[i], numbers[names[i]]).rjust(widths[i]) for i in shown))


def _bar_width() -> int:
    return NARROW_BAR if (terminal_width() or NARROW) < NARROW else BAR


def _told(event: Stepped) -> str:
    """Numbers of the epoch so far, as many as the terminal has room for."""
    right = [] if event.accuracy is None else [f"{event.accuracy:.2%}"]
    parts = [f"loss {event.loss:.4f}", *right, f"{event.images_per_second:,.0f} images/s"]
    room = (terminal_width() or 100) - FIXED - _bar_width()
    while parts and len(GAP.join(parts)) > room:
        parts.pop()
    return GAP.join(parts)


def _spare(name: str) -> int:
    """Whether a column is left out early; what each output loses is more than the loss alone."""
    return SPARE.get(name, 3 if "_loss." in name else 0)


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return ""
    if name.endswith("accuracy"):
        return f"{value:.2%}"
    if "_loss" in name:
        return f"{value:.4f}"
    return f"{value:.1f}" if name == "seconds" else f"{value:,.0f}"
