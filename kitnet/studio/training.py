"""One training in a thread, which is driven from outside: begun, paused, done step by step, taken back to
its last checkpoint, stopped, with other numbers while it lasts. What happens is put on a board. Nothing here
knows of a page."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

from kitnet.base.error import KitnetError
from kitnet.look import Record
from kitnet.net import parse
from kitnet.studio.board import Board
from kitnet.studio.looks import Looks
from kitnet.studio.probe import PICTURES
from kitnet.studio.telling import Telling
from kitnet.studio.wishes import ANEW, BACK, STOP, Wishes
from kitnet.train import Event, Ready, Settings, Started, Stepped, reopen, resume, train
from kitnet.train.changes import KINDS
from kitnet.train.folder import SUMMARY
from kitnet.train.latest import followed
from kitnet.train.loop import Loop
from kitnet.train.model import LAST
from kitnet.train.start import with_classes
from kitnet.train.step import Progress as Compiling
from kitnet.train.target import INPUT

T = TypeVar("T")
Begin = Callable[[threading.Event, Compiling], Iterator[Event]]
ANSWER = 0.2  # seconds between two looks whether the thread that is to answer is still there

READING, COMPILING, PAUSED, RUNNING = "reading", "compiling", "paused", "running"  # states
SAVING, ENDED, STOPPED, FAILED = "saving", "ended", "stopped", "failed"


class Training:
    """`begin` gives the events of a training. From `open` on they are taken in a thread, which pauses before
    the first step."""

    def __init__(self, begin: Begin, board: Board | None = None) -> None:
        self.board = board or Board()
        self.state, self.error = READING, ""
        self.folder: Path | None = None  # of the run
        self.runs: Path | None = None  # where it lies beside others
        self.loop: Loop | None = None  # to be read while the training is paused
        self._begin: Begin | None = begin
        self._stop = threading.Event()
        self._wishes = Wishes()
        self._next: Settings | None = None  # what begins anew
        self._telling = Telling(self.board)
        self._looks: Looks | None = None
        self._speed = 0.0  # in pictures a second
        self._first = 0  # steps that the run had before
        self._thread = threading.Thread(target=self._work, name="training", daemon=True)
        self._set(READING)

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

    # What any thread may ask for

    def open(self) -> None:
        """Read, compile, and wait before the first step."""
        self._thread.start()

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
        if self._thread.is_alive():
            self._thread.join()

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
        self._next = replace(run.settings, model=line, loss=None, weights="" if fits else None, name=None)
        self._wishes.wish(ANEW)

    def look(self, picture: int) -> None:
        """Look at the network at once, at the values for the picture of this number. Raises KitnetError."""
        if type(picture) is not int or not 0 <= picture < PICTURES:
            raise KitnetError(f"picture {picture!r} is not there; use a number from 0 to {PICTURES - 1}")
        self._wishes.look(picture)

    def between_steps(self, function: Callable[[Loop], T]) -> T:
        """What a function of the loop gives that is called in the thread that trains, between two steps; it
        should be quick. Raises KitnetError where no network is there."""
        called = self._wishes.call(function)
        while self.loop is not None and self._thread.is_alive():
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

    # In the thread of the training

    def _work(self) -> None:
        begin = self._begin
        while begin is not None:
            self._stop.clear()
            try:
                begin = self._train(begin)
            except KitnetError as error:
                begin = self._end(FAILED, str(error))
            except MemoryError:
                begin = self._end(
                    FAILED, "there is not enough memory for this; use a smaller network or batch"
                )
            except BaseException:
                self._set(FAILED, "a mistake of kitnet's own has ended the training; the terminal tells more")
                raise

    def _train(self, begin: Begin) -> Begin | None:
        """Train until it ends; gives what follows."""
        self._wishes.begin()
        self.loop = None
        self._set(READING)
        wish = ""
        events = cast(Generator[Event, None, None], begin(self._stop, self._telling.compiling))
        with closing(events):
            for event in events:
                self._hear(event)
                if not isinstance(event, Ready | Stepped):
                    continue
                if isinstance(event, Ready) and self._has_ended:
                    self._show_end()
                    continue
                wish = self._wait()
                if wish == BACK:
                    return self._again()
                if wish and not self._has_trained:
                    self._leave_nothing()
                    return self._after(wish)
                if wish:
                    self._stop.set()
                    self._set(SAVING)
        return self._after(wish) if wish else self._end(ENDED)

    def _hear(self, event: Event) -> None:
        self._telling.hear(event, self.loop)
        match event:
            case Started():
                self.folder, self._first = event.folder, event.done
                self._set(COMPILING)
            case Ready(loop=loop):
                assert loop is not None
                self.loop, self._looks = loop, Looks(self.board, loop)
                if loop.run.model.target == INPUT:
                    self._leave_nothing()
                    raise KitnetError(
                        "the studio shows networks that tell classes; train one that gives its input with "
                        "kitnet train"
                    )
                self._telling.ready(loop, self._looks.probe)
            case Stepped():
                self._speed = event.images_per_second

    def _wait(self) -> str:
        """Until the next step may be done, or something else is to be done, which is given."""
        if self.state == RUNNING:
            self._wishes.spend()
        while True:
            wish, look, goes_on = self._wishes.take()
            self._wishes.answer(self.loop)
            if wish:
                return wish
            pauses = not goes_on and self.state != PAUSED
            if pauses:
                self._telling.point()
            if pauses or look:
                self._look()
            if pauses:
                self._set(PAUSED)
            elif goes_on and not look:
                break
            self._wishes.wait()
        if self.state != RUNNING:
            self._set(RUNNING)
        else:
            assert self._looks is not None
            self._looks.look_if_due(self._wishes.picture, self._speed)
        return ""

    def _look(self) -> None:
        assert self._looks is not None
        self._looks.look(self._wishes.picture, self._speed)

    def _end(self, state: str, error: str = "") -> Begin | None:
        """Tell it, and wait for what follows."""
        self._set(state, error)
        while True:
            wish, look, _ = self._wishes.wait_after_the_end(self.loop)
            if wish:
                return self._after(wish)
            if look and state == ENDED:
                self._look()

    def _after(self, wish: str) -> Begin | None:
        """What follows a training that is over."""
        if wish == BACK:
            return self._again()
        if wish == ANEW and self._next is not None:
            settings = self._next
            if settings.weights is not None:
                last = None if self.folder is None else self.folder / LAST
                settings = replace(settings, weights=str(last) if last and last.is_file() else None)
            return lambda stop, compiling: train(settings, stop, compiling)
        if self.state != ENDED:
            self._set(STOPPED, self.error)
        return None

    def _again(self) -> Begin:
        """From the last checkpoint on."""
        folder = self.folder
        assert folder is not None
        return lambda stop, compiling: resume(folder, stop=stop, compiling=compiling, back=True)

    @property
    def _has_trained(self) -> bool:
        loop = self.loop
        assert loop is not None
        return loop.run.steps_done(loop.progress) > self._first

    @property
    def _has_ended(self) -> bool:
        """Whether this is a run that had ended before."""
        loop = self.loop
        assert loop is not None
        return self.folder is not None and loop.run.ended(loop.progress) and (self.folder / SUMMARY).is_file()

    def _show_end(self) -> None:
        assert self.folder is not None
        self.board.publish("summary", numbers=Record.read(self.folder).summary)
        self._look()

    def _leave_nothing(self) -> None:
        """Of a new run; one that had steps before is as it was."""
        assert self.loop is not None
        if not self._first:
            self.loop.saves.clear()
            self.folder = None

    def _set(self, state: str, error: str = "") -> None:
        self.state, self.error = state, error
        folder = None if self.folder is None else str(self.folder)
        self.board.publish("state", state=state, error=error, folder=folder)
