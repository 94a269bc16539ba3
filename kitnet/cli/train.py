"""`kitnet train`: training with a bar for people, and Ctrl-C that saves."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kitnet.base.error import KitnetError
from kitnet.cli.flags import (
    DATA_SETS,
    Augment,
    DataDir,
    Engine,
    Given,
    Input,
    OnMisfit,
    Split,
    Strict,
    Threads,
    Whole,
)
from kitnet.cli.network import read_network, usual_training
from kitnet.cli.screen import INTERRUPTED, fits, out, remark, say, say_wrapped, show_compiling
from kitnet.net.objective import losses
from kitnet.train import (
    Abandoned,
    EpochEnded,
    Event,
    Finished,
    Learned,
    Settings,
    Started,
    Stepped,
    Stopped,
    Warned,
    resume,
    train,
)
from kitnet.zoo import Card

CLASS_LOSSES = [word for word, loss in losses().items() if "classes" in loss.targets]

FLAGS = {"model": "MODEL", "given": "--set"}  # of arguments that are called otherwise
CARD = "by the model's card"


@dataclass(frozen=True)
class Arguments:
    """What is said of a run; None is what is not given."""

    data: Annotated[str | None, Parameter(help=f"{DATA_SETS}; usually {Settings.data}.")] = None
    data_dir: DataDir = None
    split: Split = None
    strict: Strict = False
    augment: Augment = None
    epochs: Annotated[
        Whole | None,
        Parameter(help=f"Times that every training image is seen; {CARD}, {Card.epochs} for a line."),
    ] = None
    batch: Annotated[Whole | None, Parameter(help=f"Images a step; {CARD}, {Card.batch} for a line.")] = None
    lr: Annotated[float | None, Parameter(help=f"Learning rate; {CARD}, {Card.rate} for a line.")] = None
    momentum: Annotated[
        float | None,
        Parameter(
            help=f"Share of the last step's direction that is kept; {CARD}, {Card.momentum} for a line."
        ),
    ] = None
    decay: Annotated[float | None, Parameter(help=f"Weight decay; usually {Settings.decay:g}.")] = None
    loss: Annotated[
        str | None,
        Parameter(
            help=f"{', '.join(CLASS_LOSSES)}, perhaps with arguments, as in 'softmax_cross_entropy "
            "smooth=0.1'; usually what suits the last layer."
        ),
    ] = None
    input: Input = None
    given: Given = ()
    on_misfit: OnMisfit = None
    seed: Annotated[
        Whole | None,
        Parameter(help=f"Decides the initial weights and the order of the images; usually {Settings.seed}."),
    ] = None
    runs: Annotated[str | None, Parameter(help=f"Folder for the run folders; usually {Settings.runs}.")] = (
        None
    )
    name: Annotated[
        str | None,
        Parameter(help="The run folder is NAME-1, or the next free number; usually the model's name."),
    ] = None
    engine: Engine = None
    threads: Threads = None


NONE_GIVEN = Arguments()


def command(
    model: str | None = None,
    /,
    *,
    arguments: Annotated[Arguments, Parameter(name="*")] = NONE_GIVEN,
    resume: Path | None = None,
) -> int:
    """Train a network; without arguments LeNet-5 on the digits that come with kitnet.

    The model's card (`kitnet show MODEL`) has the numbers that are not given. Ctrl-C saves and stops. Where
    nobody reads its output any more, as behind `| head`, training goes on.

    Parameters
    ----------
    model
        A name (see `kitnet models`) or a line such as '28x28x1 -> conv5-6 -> tanh -> maxpool2 -> fc10'.
    resume
        A run folder: go on where it was stopped; only --epochs may be given with it.
    """
    given = {"model": model, **vars(arguments)}
    given = {name: value for name, value in given.items() if value not in (None, ()) and value is not False}
    with _interruptible() as stop:
        return _show(_begin(given, stop) if resume is None else _go_on(resume, given, stop))


def _begin(given: dict[str, Any], stop: threading.Event) -> Iterator[Event]:
    return train(Settings(**_concrete(**given)), stop, show_compiling)


def _concrete(
    model: str = Settings.model, input: str | None = None, given: Sequence[str] = (), **others: Any
) -> dict[str, Any]:
    """The settings with the network that comes of another input and of what a line leaves open."""
    if input is None and not given:
        return {"model": model, **others}
    net, card = read_network(model, input, on_misfit=others.get("on_misfit"), given=given)
    usual = {} if card is None else usual_training(card)
    if usual is None:
        raise KitnetError(
            f"{model} learns by a rule of its own, on images of its own size; leave out --input, or give a "
            "line"
        )
    if usual:
        usual["lr"] = usual.pop("learning_rate")
    return {**usual, **others, "model": str(net)}


def _go_on(folder: Path, given: dict[str, Any], stop: threading.Event) -> Iterator[Event]:
    epochs = given.pop("epochs", None)
    if given:
        flags = (FLAGS.get(name) or "--" + name.replace("_", "-") for name in given)
        raise KitnetError(f"--resume goes on with the run's own arguments; leave out {', '.join(flags)}")
    return resume(folder, epochs, stop, show_compiling)


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """The first Ctrl-C asks training to save and stop, a second one ends it at once."""
    stop = threading.Event()

    def ask(number: int, frame: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _show(events: Iterable[Event]) -> int:
    """Print what happens until training ends; gives the exit status."""
    with _bar() as bar:
        for event in events:
            match event:
                case Warned(text):
                    remark(text)
                case Started():
                    _say_start(event)
                    epochs = event.epochs
                    _start_bar(bar, event)
                case Stepped(epoch, step, loss, accuracy, speed):
                    bar.update(
                        bar.task_ids[0],
                        completed=step,
                        description=f"epoch {epoch}/{epochs}",
                        said=f"loss {loss:.4f}  {accuracy:.2%}  {speed:,.0f} images/s",
                    )
                case Learned(what, done, all):
                    bar.update(bar.task_ids[0], description=what, completed=done, total=all)
                case EpochEnded():
                    _say_epoch(event)
                case Finished():
                    _say_end(event)
    if isinstance(event, Abandoned):
        print(
            f"kitnet: stopped; {event.model} is learned at one go, so that nothing is saved; train it anew",
            file=sys.stderr,
        )
        return INTERRUPTED
    if not isinstance(event, Stopped):
        return 0
    print(
        f"kitnet: stopped after step {event.step} of epoch {event.epoch}, everything is saved; "
        f"go on with: kitnet train --resume {shlex.quote(str(event.folder))}",
        file=sys.stderr,
    )
    return INTERRUPTED


def _bar() -> Progress:
    """The bar is for people only. Where they see the results too, one console draws both, so that they do not
    run into each other.
    """
    console = out if sys.stdout.isatty() else Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.file.isatty(),
    )


def _start_bar(bar: Progress, started: Started) -> None:
    bar.add_task(
        f"epoch {started.epoch}/{started.epochs}",
        total=started.steps,
        completed=started.first_step,
        said="",
    )


def _say_start(started: Started) -> None:
    say_wrapped(started.line)
    say(
        f"{started.data}: {started.samples:,} images to train with, {started.test_samples:,} to test; "
        f"run folder {started.folder}"
    )


def _say_epoch(row: EpochEnded) -> None:
    text = (
        f"epoch {row.epoch:>3}  train loss {row.train_loss:.4f} accuracy {row.train_accuracy:7.2%}  "
        f"test loss {row.test_loss:.4f} accuracy {row.test_accuracy:7.2%}  "
        f"{row.seconds:6.1f} s  {row.images_per_second:9,.0f} images/s"
    )
    if not fits(text):
        text = (
            f"epoch {row.epoch:>3}  train {row.train_loss:.4f} {row.train_accuracy:7.2%}  "
            f"test {row.test_loss:.4f} {row.test_accuracy:7.2%}  "
            f"{row.seconds:5.1f} s {row.images_per_second:9,.0f} images/s"
        )
    say(text)


def _say_end(finished: Finished) -> None:
    summary = finished.summary
    result = f"{summary['test_accuracy']:.2%} of the test images right after {summary['seconds']:.1f} s;"
    advice = f"try: kitnet predict {shlex.quote(str(finished.folder))} IMAGE.png"
    for line in [f"{result} {advice}"] if fits(f"{result} {advice}") else [result, advice]:
        say(line)
