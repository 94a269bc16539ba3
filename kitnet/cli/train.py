"""`kitnet train`: training with a bar for people, and Ctrl-C that saves."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
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
    Megapixels,
    OnMisfit,
    Split,
    Strict,
    Threads,
    Validation,
    Whole,
)
from kitnet.cli.interruption import Interrupted, Interruption, interruptible
from kitnet.cli.network import read_network
from kitnet.cli.screen import busy, fits, out, remark, say, say_bytes, say_wrapped, show_compiling
from kitnet.net.objective import losses
from kitnet.optim import RULES
from kitnet.optim.words import COURSES
from kitnet.train import (
    Abandoned,
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
from kitnet.train.recipe import complete
from kitnet.train.settings import SAVE_EVERY
from kitnet.zoo import Card

CLASS_LOSSES = [word for word, loss in losses().items() if "classes" in loss.targets]

FLAGS = {"model": "MODEL", "given": "--set"}  # of arguments that are called otherwise
CARD = "by the model's card"
IMAGES = {"train": "training images", "val": "validation images", "test": "test images"}


@dataclass(frozen=True)
class Arguments:
    """What is said of a run; None is what is not given."""

    data: Annotated[str | None, Parameter(help=f"{DATA_SETS}; usually {Settings.data}.")] = None
    data_dir: DataDir = None
    split: Split = None
    validation: Validation = None
    strict: Strict = False
    megapixels: Megapixels = None
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
    decay: Annotated[
        float | None,
        Parameter(help=f"Weight decay, of neither biases nor norms; {CARD}, 0 for a line."),
    ] = None
    optimizer: Annotated[
        str | None,
        Parameter(
            help=f"{', '.join(RULES)}, perhaps with numbers, as in 'adam beta1=0.95'; {CARD}, "
            f"{Card.optimizer} for a line."
        ),
    ] = None
    schedule: Annotated[
        str | None,
        Parameter(
            help=f"Of the learning rate: {', '.join(COURSES)}, perhaps with numbers, of which warmup= "
            f"and at= count epochs, as in 'cosine warmup=5' and 'drops at=30,60'; {CARD}, "
            f"{Card.schedule} for a line."
        ),
    ] = None
    clip: Annotated[
        float | None,
        Parameter(help="Greatest length of the whole gradient; longer ones are shortened."),
    ] = None
    average: Annotated[
        float | None,
        Parameter(
            help="Judge and save averaged weights, of which each step keeps this share, such as 0.999; "
            "usually those of the last step."
        ),
    ] = None
    freeze: Annotated[
        str | None,
        Parameter(help="Paths with commas, such as conv1,stage2: the parameters there and below stay."),
    ] = None
    patience: Annotated[
        Whole | None,
        Parameter(
            help="End when so many epochs have not been better on the validation images than the best; "
            "usually never before all."
        ),
    ] = None
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
    save_every: Annotated[
        float | None,
        Parameter(help=f"Minutes between checkpoints within an epoch; usually {SAVE_EVERY:g}."),
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

    The model's card (`kitnet show MODEL`) has the numbers that are not given. Ctrl-C saves and stops, and
    so do SIGTERM and SIGHUP. Where nobody reads its output any more, as behind `| head`, training goes on.

    Parameters
    ----------
    model
        A name (see `kitnet models`) or a line such as '28x28x1 -> conv5-6 -> tanh -> maxpool2 -> fc10'.
    resume
        A run folder: go on where it was stopped; only --epochs may be given with it.
    """
    given = {"model": model, **vars(arguments)}
    given = {name: value for name, value in given.items() if value not in (None, ()) and value is not False}
    with interruptible() as interruption:
        show = _Show(interruption)
        try:
            with busy("reading the data"):
                events = (
                    _begin(given, interruption) if resume is None else _go_on(resume, given, interruption)
                )
            return show.all(events)
        except Interrupted:
            return show.end_at_once()


def _begin(given: dict[str, Any], interruption: Interruption) -> Iterator[Event]:
    return train(_concrete(**given), interruption.stop, show_compiling)


def _concrete(
    model: str = Settings.model, input: str | None = None, given: Sequence[str] = (), **others: Any
) -> Settings:
    """The settings with the network that comes of another input and of what a line leaves open."""
    if input is None and not given:
        return Settings(model=model, **others)
    net, card = read_network(model, input, on_misfit=others.get("on_misfit"), given=given)
    if card is None:
        return Settings(model=str(net), **others)
    if card.learn is not None:
        raise KitnetError(
            f"{model} learns by a rule of its own, on images of its own size; leave out --input, or give a "
            "line"
        )
    return replace(complete(Settings(**others), card), model=str(net))


def _go_on(folder: Path, given: dict[str, Any], interruption: Interruption) -> Iterator[Event]:
    epochs = given.pop("epochs", None)
    if given:
        flags = (FLAGS.get(name) or "--" + name.replace("_", "-") for name in given)
        raise KitnetError(f"--resume goes on with the run's own arguments; leave out {', '.join(flags)}")
    return resume(folder, epochs, interruption.stop, show_compiling)


class _Show:
    """Prints what happens."""

    def __init__(self, interruption: Interruption) -> None:
        self._interruption = interruption
        self._started: Started | None = None

    def all(self, events: Iterable[Event]) -> int:
        """All events, until training ends; gives the exit status."""
        with _bar() as bar:
            for event in events:
                self._one(event, bar)
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
        return 0

    def _one(self, event: Event, bar: Progress) -> None:
        match event:
            case Warned(text):
                remark(text)
            case Started():
                _say_start(event)
                self._started = event
            case Foretold(epoch_seconds, seconds):
                say(f"an epoch takes about {_duration(epoch_seconds)}, all that is left {_duration(seconds)}")
            case Ready(memory):
                if memory is not None:
                    say(f"training needs {say_bytes(memory)} of memory besides the data")
                self._interruption.patient = True
                assert self._started is not None
                _start_bar(bar, self._started)
            case Stepped(epoch, step, loss, accuracy, speed):
                assert self._started is not None
                bar.update(
                    bar.task_ids[0],
                    completed=step,
                    description=f"epoch {epoch}/{self._started.epochs}",
                    said=f"loss {loss:.4f}  {accuracy:.2%}  {speed:,.0f} images/s",
                )
            case Learned(what, done, all):
                bar.update(bar.task_ids[0], description=what, completed=done, total=all)
            case EpochEnded():
                _say_epoch(event)
            case Finished():
                _say_end(event)

    def end_at_once(self) -> int:
        """What is left where a signal has ended it between two saves; gives the exit status."""
        if self._started is None or not self._started.folder.exists():
            print("kitnet: stopped before anything was saved", file=sys.stderr)
        elif not self._interruption.patient:
            _say_stopped("before the first step", self._started.folder)
        else:
            _say_stopped("at once, without the steps since the last save", self._started.folder)
        return self._interruption.status


def _say_stopped(when: str, folder: Path) -> None:
    print(
        f"kitnet: stopped {when}; go on with: kitnet train --resume {shlex.quote(str(folder))}",
        file=sys.stderr,
    )


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
    validation, test = started.validation_samples, started.test_samples
    say(
        f"{started.data}: {started.samples:,} images to train with, "
        f"{f'{validation:,} to validate' if validation else 'no validation part'}, "
        f"{f'{test:,} to test' if test else 'no test part'}; run folder {started.folder}"
    )


def _duration(seconds: float) -> str:
    """12 s, 3 min, 2.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


def _say_epoch(row: EpochEnded) -> None:
    judged = [("train", row.train_loss, row.train_accuracy)]
    if row.val_loss is not None and row.val_accuracy is not None:
        judged.append(("val", row.val_loss, row.val_accuracy))
    wide = "".join(f"{part} loss {loss:.4f} accuracy {right:7.2%}  " for part, loss, right in judged)
    text = f"epoch {row.epoch:>3}  {wide}{row.seconds:6.1f} s  {row.images_per_second:9,.0f} images/s"
    if not fits(text):
        narrow = "".join(f"{part} {loss:.4f} {right:7.2%}  " for part, loss, right in judged)
        text = f"epoch {row.epoch:>3}  {narrow}{row.seconds:5.1f} s {row.images_per_second:9,.0f} images/s"
    say(text)


def _say_end(finished: Finished) -> None:
    summary = finished.summary
    if summary.get("trouble"):
        print(f"kitnet: nothing was learned: {summary['trouble']}", file=sys.stderr)
    part, right = next(
        (name, summary[f"{name}_accuracy"])
        for name in ("test", "val", "train")
        if summary[f"{name}_accuracy"] is not None
    )
    if summary["val_accuracy"] is not None and "best_epoch" in summary:
        say(
            f"the best epoch is {summary['best_epoch']}, with {summary['val_accuracy']:.2%} of the "
            "validation images right"
        )
    result = f"{right:.2%} of the {IMAGES[part]} right after {summary['seconds']:.1f} s;"
    advice = f"try: kitnet predict {shlex.quote(str(finished.folder))} IMAGE.png"
    for line in [f"{result} {advice}"] if fits(f"{result} {advice}") else [result, advice]:
        say(line)
