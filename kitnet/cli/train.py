"""`kitnet train`: training with a bar for people, and Ctrl-C that saves."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from kitnet import look
from kitnet.base.error import KitnetError
from kitnet.cli.interruption import SAVES, Interrupted, Interruption, interruptible
from kitnet.cli.live import Live
from kitnet.cli.network import read_network
from kitnet.cli.own_layers import to_type
from kitnet.cli.results_text import best_epoch_text, result_text
from kitnet.cli.screen import (
    busy,
    fits,
    remark,
    say,
    say_bytes,
    say_duration,
    say_wrapped,
    show_compiling,
    write_over,
)
from kitnet.cli.train_arguments import Arguments
from kitnet.distributed import is_rank, joined, report_run
from kitnet.train import (
    Abandoned,
    Changed,
    EpochEnded,
    Event,
    Finished,
    Foretold,
    Learned,
    Ready,
    Settings,
    Started,
    Stepped,
    Stopped,
    Warned,
    resume,
    train,
)
from kitnet.train.ranks import Ranks, agree
from kitnet.train.saved import file_to_begin_with
from kitnet.train.target import INPUT

FLAGS = {"model": "MODEL", "given": "--set"}  # of arguments that are called otherwise
NONE_GIVEN = Arguments()


def command(
    model: str | None = None,
    /,
    *,
    arguments: Annotated[Arguments, Parameter(name="*")] = NONE_GIVEN,
    resume: Path | None = None,
) -> int:
    """Train a network; without arguments LeNet-5 on the digits that come with kitnet.

    The model's card (`kitnet show MODEL`) has the numbers that are not given. Ctrl-C saves and stops, and
    so do SIGTERM and SIGHUP. Where nobody reads its output any more, as behind `| head`, training goes on.

    Parameters
    ----------
    model
        A name (see `kitnet models`), a line such as '28x28x1 -> conv5-6 -> tanh -> maxpool2 -> fc10', or a
        model file or an ONNX file, with whose weights it begins; layers of your own need --import FILE.py.
    resume
        A run folder: go on where it was stopped; only --epochs may be given with it.
    """
    given = {"model": model, **vars(arguments)}
    given = {name: value for name, value in given.items() if value not in (None, ()) and value is not False}
    with interruptible(SAVES if is_rank() else ()) as interruption:
        if not is_rank():
            return _train(given, resume, interruption)
        with joined() as ranks:
            return _train(given, resume, interruption, ranks)


def _train(
    given: dict[str, Any], folder: Path | None, interruption: Interruption, ranks: Ranks | None = None
) -> int:
    """All of it; of several ranks one shows what happens."""
    if ranks is not None and ranks.rank:
        return _follow(_events(given, folder, interruption, ranks), interruption)
    show = _Show(interruption)
    try:
        with busy("reading the data"):
            events = _events(given, folder, interruption, ranks)
        return show.all(events)
    except Interrupted:
        if ranks is not None:
            raise  # all ranks end with this one
        return show.end_at_once()


def _events(
    given: dict[str, Any], folder: Path | None, interruption: Interruption, ranks: Ranks | None
) -> Iterator[Event]:
    if folder is not None:
        return _go_on(folder, given, interruption, ranks)
    compiling = show_compiling if ranks is None or ranks.rank == 0 else None
    if ranks is not None:
        settings = agree(ranks, lambda: concrete(**given))
        return train(settings, interruption.stop, compiling, ranks)
    return train(concrete(**given), interruption.stop, compiling)


def _follow(events: Iterator[Event], interruption: Interruption) -> int:
    """A rank that shows nothing."""
    for event in events:
        interruption.patient = interruption.patient or isinstance(event, Ready)
    return 0


def concrete(
    model: str = Settings.model, input: str | None = None, given: Sequence[str] = (), **others: Any
) -> Settings:
    """The settings with the network that comes of another input and of what a line leaves open."""
    if not given and (input is None or file_to_begin_with(model) is not None):
        return Settings(model=model, input=input, **others)
    net, card = read_network(model, input, on_misfit=others.get("on_misfit"), given=given)
    if card is None:
        return Settings(model=str(net), **others)
    if card.learn is not None:
        raise KitnetError(
            f"{model} learns by a rule of its own, on images of its own size; leave out --input, or give a "
            "line"
        )
    return Settings(model=model, input=input, **others)


def _go_on(
    folder: Path, given: dict[str, Any], interruption: Interruption, ranks: Ranks | None
) -> Iterator[Event]:
    epochs = given.pop("epochs", None)
    if given:
        flags = (FLAGS.get(name) or "--" + name.replace("_", "-") for name in given)
        raise KitnetError(f"--resume goes on with the run's own arguments; leave out {', '.join(flags)}")
    return resume(folder, epochs, interruption.stop, show_compiling, ranks=ranks)


class _Show:
    """Prints what happens."""

    def __init__(self, interruption: Interruption) -> None:
        self._interruption = interruption
        self._started: Started | None = None
        self._has_ended = False

    def all(self, events: Iterable[Event]) -> int:
        """All events, until training ends; gives the exit status."""
        with Live() as live:
            for event in events:
                self._one(event, live)
        if isinstance(event, Abandoned):
            print(
                f"kitnet: stopped; {event.model} is learned at one go, so that nothing is saved; train it "
                "anew",
                file=sys.stderr,
            )
            return self._interruption.status
        if isinstance(event, Stopped):
            _say_stopped(f"after step {event.step} of epoch {event.epoch}, everything is saved", event.folder)
            return self._interruption.status
        if isinstance(event, Finished):
            self._has_ended, self._interruption.patient = True, False
            _leave_pictures(event)
            _say_end(event)
        return 0

    def _one(self, event: Event, live: Live) -> None:
        match event:
            case Warned(text):
                remark(text)
            case Started():
                _say_start(event)
                self._started = event
                report_run(event.folder)
            case Foretold(epoch_seconds, seconds):
                each, left = say_duration(epoch_seconds), say_duration(seconds)
                say(f"an epoch takes about {each}, all that is left {left}")
            case Ready(memory):
                if memory is not None:
                    say(f"training needs {say_bytes(memory)} of memory besides the data")
                self._interruption.patient = True
                assert self._started is not None
                live.start(self._started)
            case Stepped():
                live.step(event)
            case Changed():
                _say_changed(event)
            case Learned(what, done, all):
                live.learned(what, done, all)
            case EpochEnded():
                if live.is_table:
                    live.row(event)
                else:
                    _say_epoch(event)

    def end_at_once(self) -> int:
        """What is left where a signal has ended it between two saves; gives the exit status."""
        if self._started is None or not (self._started.folder and self._started.folder.exists()):
            print("kitnet: stopped before anything was saved", file=sys.stderr)
        elif self._has_ended:
            print(f"kitnet: stopped; {self._started.folder} is whole, but lacks pictures", file=sys.stderr)
        elif not self._interruption.patient:
            _say_stopped("before the first step", self._started.folder)
        else:
            _say_stopped("at once, without the steps since the last save", self._started.folder)
        return self._interruption.status


def _say_stopped(when: str, folder: Path | None) -> None:
    print(
        f"kitnet: stopped {when}; go on with: {to_type('train', '--resume', str(folder))}",
        file=sys.stderr,
    )


def _say_start(started: Started) -> None:
    say_wrapped(started.line)
    validation, test = started.validation_samples, started.test_samples
    say(
        f"{started.data}: {started.samples:,} images to train with, "
        f"{f'{validation:,} to validate' if validation else 'no validation part'}, "
        f"{f'{test:,} to test' if test else 'no test part'}; run folder {started.folder}"
    )


def _say_changed(event: Changed) -> None:
    told = ", ".join(f"{name} {value:g}" for name, value in event.numbers.items())
    later = ", the batch from the next epoch on" if "batch" in event.numbers and event.step else ""
    say(f"changed after step {event.step} of epoch {event.epoch}: {told}{later}")


def _say_epoch(row: EpochEnded) -> None:
    judged = [("train", row.train_loss, row.train_accuracy)]
    if row.val_loss is not None:
        judged.append(("val", row.val_loss, row.val_accuracy))
    wide, narrow = "", ""
    for part, loss, right in judged:
        wide += f"{part} loss {loss:.4f}" + (f" accuracy {right:7.2%}  " if right is not None else "  ")
        narrow += f"{part} {loss:.4f}" + (f" {right:7.2%}  " if right is not None else "  ")
    text = f"epoch {row.epoch:>3}  {wide}{row.seconds:6.1f} s  {row.images_per_second:9,.0f} images/s"
    if not fits(text):
        text = f"epoch {row.epoch:>3}  {narrow}{row.seconds:5.1f} s {row.images_per_second:9,.0f} images/s"
    say(text)


def _leave_pictures(finished: Finished) -> None:
    """What the run leaves to look at; where matplotlib is not there one line says so."""
    folder = finished.folder
    assert folder is not None  # this command trains into a run folder
    write_over("drawing what the run leaves to look at")
    run = look.examine(look.Record.read(folder), judgement=finished.judgement)
    look.write_classes(run)
    if look.can_draw():
        look.draw(run)
    write_over("")
    if run.reason:
        remark(f"no table of classes and no mistakes: {run.reason}")
    if not look.can_draw():
        page = to_type("report", str(folder))
        say(f"pictures need matplotlib (pip install 'kitnet[plots]'); a page needs none: {page}")


def _say_end(finished: Finished) -> None:
    summary = finished.summary
    if summary.get("diverged"):
        remark(summary["diverged"])
    if summary.get("trouble"):
        remark(f"nothing was learned: {summary['trouble']}")
    if best := best_epoch_text(summary):
        say(best)
    result = f"{result_text(summary)} after {summary['seconds']:.1f} s;"
    if summary.get("trouble"):  # such a model is of no use
        say(result.removesuffix(";"))
        return
    picture = ("IMAGE.png", "-o", "OUT.png") if summary.get("target") == INPUT else ("IMAGE.png",)
    advice = f"try: {to_type('predict', str(finished.folder), *picture)}"
    for line in [f"{result} {advice}"] if fits(f"{result} {advice}") else [result, advice]:
        say(line)
