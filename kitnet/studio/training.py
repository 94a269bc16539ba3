"""One training in a thread, which is driven from outside: begun, paused, done step by step, taken back to
its last checkpoint, stopped, with other numbers while it lasts. What happens is put on a board. Nothing here
knows of a page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from kitnet.base.error import KitnetError
from kitnet.net import parse
from kitnet.studio.board import Board
from kitnet.studio.course import COMPILING, ENDED, READING, SAVING, STOPPED, Begin, Course
from kitnet.studio.probe import PICTURES
from kitnet.studio.wishes import ANEW, BACK, STOP, Wishes
from kitnet.train import Settings, reopen, resume, train
from kitnet.train.changes import KINDS
from kitnet.train.foretold import Need, foretell
from kitnet.train.latest import followed
from kitnet.train.loop import Loop
from kitnet.train.start import with_classes

T = TypeVar("T")
ANSWER = 0.2  # seconds between two looks whether the thread that is to answer is still there


class Training:
    """`begin` gives the events of a training. From `open` on they are taken in a thread, which pauses before
    the first step."""

    def __init__(self, begin: Begin, board: Board | None = None) -> None:
        self.board, self._wishes = board or Board(), Wishes()
        self.runs: Path | None = None  # where the run lies beside others
        self.course = Course(begin, self.board, self._wishes)

    @classmethod
    def of(cls, settings: Settings, board: Board | None = None) -> Training:
        """A new run."""
        made = cls(lambda stop, compiling: train(settings, stop, compiling), board)
        made.runs = Path(settings.runs)
        return made

    @classmethod
    def resumed(cls, folder: str | Path, epochs: int | None = None, board: Board | None = None) -> Training:
        """A run that is there already."""
        made = cls(lambda stop, compiling: resume(folder, epochs, stop, compiling), board)
        made.runs = followed(Path(folder)).parent
        return made

    @classmethod
    def reopened(cls, folder: str | Path, board: Board | None = None) -> Training:
        """A run that has ended, to be looked at."""
        made = cls(lambda stop, compiling: reopen(folder, compiling), board)
        made.runs = followed(Path(folder)).parent
        return made

    @property
    def state(self) -> str:
        """One of the states of a course."""
        return self.course.state

    @property
    def error(self) -> str:
        """Why it cannot go on; "" where it can."""
        return self.course.error

    @property
    def folder(self) -> Path | None:
        """Of the run; None before it begins, and where nothing is left of it."""
        return self.course.folder

    @property
    def loop(self) -> Loop | None:
        """What trains, once it is ready; to be read while the training is paused."""
        return self.course.loop

    # What any thread may ask for

    def open(self) -> None:
        """Read, compile, and wait before the first step."""
        self.course.thread.start()

    def start(self) -> None:
        self._wishes.allow(math.inf)

    def pause(self) -> None:
        """After the step that is being done."""
        self._wishes.allow(0)

    def step(self) -> None:
        """One step, then a pause."""
        self._wishes.allow(1)

    def back(self) -> None:
        """Go to the last checkpoint, and pause there; what was changed after it is forgotten. Raises
        KitnetError where there is none to go to."""
        if self.folder is None or self.state in (READING, COMPILING, SAVING, ENDED, STOPPED):
            raise KitnetError("there is no checkpoint to go back to now")
        self._wishes.wish(BACK)

    def stop(self) -> None:
        """Save, end, and return when that is done; a new run that has done no step leaves nothing."""
        self._wishes.wish(STOP)
        if self.course.thread.is_alive():
            self.course.thread.join()

    def anew(self, line: str) -> None:
        """Save this run, and begin one of another network on the same data with the same settings; layers
        that have a path and shapes of the old network keep their weights. Raises KitnetError for a line that
        cannot be trained so."""
        loop = self.loop
        if loop is None or self.state in (SAVING, STOPPED):
            raise KitnetError("there is no training yet whose data and settings a new one could take over")
        net, run = parse(line), loop.run
        with_classes(net, len(run.model.classes), run.parts.train.name, replaces=False)
        old, new = run.model.net.weights.params, net.graph.params()
        fits = any(path in old and old[path].shape == param.shape for path, param in new.items())
        self.course.next = replace(
            run.settings, model=line, loss=None, weights="" if fits else None, name=None
        )
        self._wishes.wish(ANEW)

    def foretell(self, line: str) -> Need | None:
        """The memory that `anew` would need for this line, which fits; None where no training is there whose
        batch and rule it could take over, or for the formulas, which nobody foretells."""
        loop = self.loop
        if loop is None or loop.run.settings.engine != "compiled":
            return None
        run = loop.run
        return foretell(parse(line), run.loader.batch, len(run.memory), run.settings.threads)

    def look(self, picture: int) -> None:
        """Look at the network at once, at the values for the picture of this number. Raises KitnetError."""
        if type(picture) is not int or not 0 <= picture < PICTURES:
            raise KitnetError(f"picture {picture!r} is not there; use a number from 0 to {PICTURES - 1}")
        self._wishes.look(picture)

    def between_steps(self, function: Callable[[Loop], T]) -> T:
        """What a function of the loop gives that is called in the thread that trains, between two steps; it
        should be quick. Raises KitnetError where no network is there."""
        called = self._wishes.call(function)
        while self.loop is not None and self.course.thread.is_alive():
            try:
                return called.result(ANSWER)
            except TimeoutError:
                continue
        raise KitnetError(f"there is no network in training here: {self.error or 'it is not ready yet'}")

    def change(self, numbers: Mapping[str, Any]) -> None:
        """Let other numbers hold from the next step on: lr, momentum, decay, batch. Raises KitnetError."""
        loop = self.loop
        if loop is None:
            raise KitnetError("nothing can be changed before the network is there")
        for name, value in numbers.items():
            kinds = (int,) if KINDS.get(name) is int else (int, float)
            if name not in KINDS or type(value) not in kinds:
                raise KitnetError(f"what is changed are numbers: {', '.join(KINDS)}, the batch a whole one")
        loop.run.ask(numbers)
