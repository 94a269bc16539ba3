"""What is told of a training: its events as frames on a board."""

from __future__ import annotations

import json
import time
from typing import Any

from kitnet.studio.board import Board
from kitnet.studio.curve import Curve, Point
from kitnet.studio.probe import Probe
from kitnet.train import Changed, EpochEnded, Event, Finished, Started, Stepped, Warned
from kitnet.train.changes import KINDS
from kitnet.train.loop import Loop
from kitnet.train.records import METRICS

POINTS = 0.2  # seconds between two points of the curve, at least, and between two counts of kernels
NOTES = 50  # that are kept
Sums = tuple[float, float, float]  # of samples, losses, right ones
NONE: Sums = (0.0, 0.0, 0.0)


class Telling:
    """Puts on the board what happens. A point of the curve is the mean since the one before, within an
    epoch."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._curve, self._epochs = Curve(), Curve()
        self._notes: list[str] = []
        self._changes: list[dict[str, Any]] = []
        self._started: Started | None = None
        self._last: Stepped | None = None
        self._told: Stepped | None = None  # the last one that a point is of
        self._sums, self._pointed, self._compiled = NONE, 0.0, 0.0
        board.keep("curve", lambda: {"kind": "curve", "points": self._curve.points})
        board.keep("epochs", lambda: {"kind": "epochs", "points": self._epochs.points})

    def hear(self, event: Event, loop: Loop | None) -> None:
        """One event of a training; `loop` is what trains, from `Ready` on."""
        match event:
            case Warned(text):
                self._notes = [*self._notes, text][-NOTES:]
                self._board.publish("notes", texts=self._notes)
            case Started():
                self._started, self._last = event, None
                self._board.publish("run", **{**vars(event), "folder": str(event.folder)})
            case Stepped():
                self._last = event
                if time.monotonic() - self._pointed >= POINTS or event.step == event.steps:
                    self.point()
            case EpochEnded():
                assert self._last is not None
                point = _row(event, self._last.done)
                number = self._epochs.add(point)
                self._board.add("epoch", number=number, point=point)
                if number is None:
                    self._board.add("epochs", points=self._epochs.points)
            case Changed(done=done, numbers=numbers):
                assert loop is not None
                change = {"done": done, "numbers": numbers}
                self._changes += [] if change in self._changes else [change]
                self._board.publish("changes", changes=list(self._changes))
                self.settings(loop)
            case Finished():
                self._board.publish("summary", numbers=event.summary)
            case _:
                pass

    def ready(self, loop: Loop, probe: Probe) -> None:
        """All of a training that is ready: its curves so far, its settings, the pictures that are judged."""
        run, changes, done = loop.run, loop.run.changes, loop.run.steps_done(loop.progress)
        score = loop.progress.score  # of an epoch that goes on
        self._sums = float(score.samples), score.loss_sum, float(score.correct or 0)
        self._curve.set(self._recorded())
        self._epochs.set([_row(row, changes.steps_before(row.epoch)) for row in loop.progress.rows])
        places = [(changes.steps_before(one.epoch) + one.step, dict(one.numbers)) for one in changes.made]
        self._changes = [{"done": at, "numbers": numbers} for at, numbers in places if at <= done]
        self._board.drop("step", "summary")
        self._board.add("curve", points=self._curve.points)
        self._board.add("epochs", points=self._epochs.points)
        self._board.publish("changes", changes=list(self._changes))
        self._board.publish(
            "pictures",
            part=probe.part[0],
            images=probe.pictures(),
            labels=probe.labels,
            classes=list(run.model.classes),
        )
        self.settings(loop)

    def settings(self, loop: Loop) -> None:
        """The numbers that can be changed, as they hold now, and what cannot."""
        settings = loop.run.settings
        numbers = {name: getattr(settings, name) for name in KINDS}
        self._board.publish(
            "settings",
            numbers={name: value for name, value in numbers.items() if value is not None},
            optimizer=settings.optimizer,
            schedule=settings.schedule,
            augment=settings.augment,
            loss=settings.loss,
        )

    def compiling(self, ready: int, kernels: int) -> None:
        now = time.monotonic()
        if ready == kernels or now - self._compiled >= POINTS:
            self._compiled = now
            self._board.publish("kernels", ready=ready, all=kernels)

    def point(self) -> None:
        """A point of the curve, if there was a step since the one before."""
        event, started = self._last, self._started
        if event is None or event is self._told or started is None:
            return
        assert event.accuracy is not None  # of networks that tell classes
        self._told, self._pointed = event, time.monotonic()
        sums = (float(event.samples), event.loss * event.samples, event.accuracy * event.samples)
        samples, loss, right = (a - b for a, b in zip(sums, self._sums, strict=True))
        self._sums = NONE if event.step == event.steps else sums
        point: Point = (event.done, samples, loss / samples, right / samples)
        number = self._curve.add(point)
        left = (started.epochs - event.epoch + 1) * started.samples - event.samples
        self._board.publish(
            "step",
            number=number,
            point=point,
            epoch=event.epoch,
            step=event.step,
            steps=event.steps,
            done=event.done,
            rate=event.rate,
            images_per_second=event.images_per_second,
            seconds_left=left / event.images_per_second,
        )
        if number is None:
            self._board.add("curve", points=self._curve.points)

    def _recorded(self) -> list[Point]:
        """The curve of the steps before, from the run's records."""
        assert self._started is not None
        folder = self._started.folder
        if folder is None or not (folder / METRICS).is_file():
            return []
        found: list[Point] = []
        each = self._started.samples / max(1, self._started.steps)
        for told in map(json.loads, (folder / METRICS).read_text("utf-8").splitlines()):
            if "loss" in told:
                steps = told["step"] - (found[-1][0] or 0 if found else 0)
                found.append((told["step"], steps * each, told["loss"], told["accuracy"]))
        return found


def _row(row: EpochEnded, done: int) -> Point:
    """A point of the curves over epochs, after so many steps."""
    return done, 1, row.train_loss, row.train_accuracy, row.val_loss, row.val_accuracy
