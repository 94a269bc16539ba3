"""The thread of a driven training: one run after the other, each done as others wish it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import cast

from kitnet.base.error import KitnetError
from kitnet.look import Record
from kitnet.studio.board import Board
from kitnet.studio.looks import Looks
from kitnet.studio.telling import Telling
from kitnet.studio.wishes import ANEW, BACK, Wishes
from kitnet.train import Event, Ready, Settings, Started, Stepped, resume, train
from kitnet.train.folder import SUMMARY
from kitnet.train.loop import Loop
from kitnet.train.model_file import LAST
from kitnet.train.step import Progress as Compiling
from kitnet.train.target import INPUT

Begin = Callable[[threading.Event, Compiling], Iterator[Event]]

READING, COMPILING, PAUSED, RUNNING = "reading", "compiling", "paused", "running"  # states
SAVING, ENDED, STOPPED, FAILED = "saving", "ended", "stopped", "failed"


class Course:
    """`begin` gives the events of a training; they are taken in a thread, which pauses before the first
    step."""

    def __init__(self, begin: Begin, board: Board, wishes: Wishes) -> None:
        self.state, self.error = READING, ""
        self.folder: Path | None = None  # of the run
        self.loop: Loop | None = None  # to be read while the training is paused
        self.next: Settings | None = None  # what begins anew
        self.board, self.telling = board, Telling(board)
        self.thread = threading.Thread(target=self._work, args=(begin,), name="training", daemon=True)
        self._wishes, self._stop = wishes, threading.Event()
        self._looks: Looks | None = None
        self._speed = 0.0  # in pictures a second
        self._first = 0  # steps that the run had before
        self._set(READING)

    def _work(self, first: Begin) -> None:
        begin: Begin | None = first
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
        events = cast(Generator[Event, None, None], begin(self._stop, self.telling.compiling))
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
        self.telling.hear(event, self.loop)
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
                self.telling.ready(loop, self._looks.probe)
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
                self.telling.point()
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
        if wish == ANEW and self.next is not None:
            settings = self.next
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
