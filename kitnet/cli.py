"""The command `kitnet`: a thin skin over public functions.

What a person reads goes to standard output, `--json` prints one JSON document there and nothing else. A
mistake of the user is one line on standard error (an error in a network's line adds the line and a caret) and
exit status 2.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import cyclopts
from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import kitnet
from kitnet.base.error import KitnetError
from kitnet.base.shape import Shape, say
from kitnet.data import load, open_image
from kitnet.layers import LAYERS, Loss
from kitnet.net import Net, parse, usual_loss
from kitnet.net.language import BLOCKS, describe, read_volume
from kitnet.train import (
    EpochEnded,
    Event,
    Finished,
    Model,
    Settings,
    Started,
    Stepped,
    Stopped,
    Warned,
    evaluate,
    pick_engine,
    resume,
    train,
)
from kitnet.zoo import MODELS, Card, find

INTERRUPTED = 130  # exit status of a program that Ctrl-C ended

app = App(
    name="kitnet",
    help="Convolutional networks, from formula to full speed.",
    version=kitnet.__version__,
    default_parameter=Parameter(negative=()),
)
out = Console(highlight=False)


def main() -> None:
    """Run the command line and end the process with its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may hold what the terminal cannot show
        sys.stdout.reconfigure(errors="backslashreplace")
    status = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough; what is left goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """One command line -> its exit status: 0, 2 for a mistake of the user, 130 when Ctrl-C ended it."""
    try:
        status = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except KitnetError as error:
        return _complain(str(error))
    except cyclopts.UnusedCliTokensError as error:
        return _complain(f"too many words: {shlex.join(error.unused_tokens or ())}")
    except cyclopts.CycloptsError as error:
        return _complain(" ".join(str(error).split()))
    except MemoryError:
        return _complain("there is not enough memory for this; use a smaller network or batch")
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    return status if isinstance(status, int) else 0


def _complain(text: str) -> int:
    print(f"kitnet: {text}", file=sys.stderr)
    return 2


def _print_json(document: object) -> None:
    print(json.dumps(document, indent=2))


def _say(text: str, style: str = "") -> None:
    """A line for people; where the output is no terminal it stays one line, however long."""
    out.print(text, style=style, markup=False, soft_wrap=True)


def _whole(kind: type, tokens: Sequence[cyclopts.Token]) -> int:
    """cyclopts would round 2.5 to 2."""
    if not re.fullmatch(r"[+-]?[0-9]+", tokens[0].value):
        raise ValueError(f"{tokens[0].value!r} is no whole number")
    return int(tokens[0].value)


Whole = Annotated[int, Parameter(converter=_whole)]


# ---------------------------------------------------------------------------------------------------- train


@app.command(name="train")
def train_command(
    model: str | None = None,
    /,
    *,
    data: str | None = None,
    data_dir: str | None = None,
    epochs: Whole | None = None,
    batch: Whole | None = None,
    lr: float | None = None,
    momentum: float | None = None,
    decay: float | None = None,
    loss: str | None = None,
    seed: Whole | None = None,
    runs: str | None = None,
    name: str | None = None,
    engine: str | None = None,
    threads: Whole | None = None,
    resume_run: Annotated[Path | None, Parameter(name="--resume")] = None,
) -> int:
    """Train a network; without arguments LeNet-5 on the digits that come with kitnet.

    Parameters
    ----------
    model
        A name (see `kitnet models`) or a line such as '28x28x1 -> conv5-6 -> tanh -> maxpool2 -> fc10'.
    data
        digits, mnist, fashion-mnist, kmnist, or a folder with idx files.
    data_dir
        Where the files of a named data set lie; without it they are downloaded once.
    epochs
        Times that every training image is seen.
    batch
        Images a step.
    lr
        Learning rate.
    momentum
        Share of the last step's direction that is kept.
    decay
        Weight decay.
    loss
        softmax_cross_entropy, sigmoid_cross_entropy, quadratic or rbf_penalty; usually what suits the last
        layer.
    seed
        Decides the initial weights and the order of the images.
    runs
        Folder for the run folders.
    name
        The run folder is NAME-1, or the next free number.
    engine
        compiled (usual) or formula, the readable executor.
    threads
        Of the compiled engine; usually all cores. The results are the same bits.
    resume_run
        A run folder: go on where it was stopped; only --epochs may be given with it.
    """
    given: dict[str, Any] = {
        key: value
        for key, value in {
            "model": model,
            "data": data,
            "data_dir": data_dir,
            "batch": batch,
            "lr": lr,
            "momentum": momentum,
            "decay": decay,
            "loss": loss,
            "seed": seed,
            "runs": runs,
            "name": name,
            "engine": engine,
            "threads": threads,
        }.items()
        if value is not None
    }
    with _interruptible() as stop:
        if resume_run is not None:
            if given:
                raise KitnetError(
                    f"--resume goes on with the run's own arguments; leave out "
                    f"{', '.join(_flag(key) for key in given)}"
                )
            return _show_training(resume(resume_run, epochs, stop, _show_compiling))
        return _show_training(train(Settings(**given, epochs=epochs), stop, _show_compiling))


def _show_compiling(ready: int, kernels: int) -> None:
    """A line that is written over, for people only."""
    if sys.stderr.isatty():
        end = "\r\x1b[K" if ready == kernels else ""
        print(f"\rcompiling kernels {ready}/{kernels}", end=end, file=sys.stderr, flush=True)


def _flag(key: str) -> str:
    return "MODEL" if key == "model" else "--" + key.replace("_", "-")


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


def _show_training(events: Iterable[Event]) -> int:
    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn(
            "loss {task.fields[loss]:.4f}  {task.fields[accuracy]:.2%}  {task.fields[speed]:,.0f} images/s"
        ),
        TimeRemainingColumn(),
    )
    # The bar is for people only. Where they see the results too, one console draws both, so that they do not
    # run into each other.
    console = out if sys.stdout.isatty() else Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.file.isatty()) as bar:
        for event in events:
            match event:
                case Warned(text):
                    print(f"kitnet: {text}", file=sys.stderr)
                case Started():
                    _say(event.line)
                    _say(
                        f"{event.data}: {event.samples:,} images to train with, {event.test_samples:,} to "
                        f"test; run folder {event.folder}"
                    )
                    epochs = event.epochs
                    task = bar.add_task(
                        "",
                        total=event.steps,
                        completed=event.first_step,
                        epoch=f"{event.epoch}/{epochs}",
                        loss=0.0,
                        accuracy=0.0,
                        speed=0.0,
                    )
                case Stepped(epoch, step, loss, accuracy, speed):
                    bar.update(
                        task,
                        epoch=f"{epoch}/{epochs}",
                        completed=step,
                        loss=loss,
                        accuracy=accuracy,
                        speed=speed,
                    )
                case EpochEnded():
                    _say(
                        f"epoch {event.epoch:>3}  train loss {event.train_loss:.4f} accuracy "
                        f"{event.train_accuracy:7.2%}  test loss {event.test_loss:.4f} accuracy "
                        f"{event.test_accuracy:7.2%}  {event.seconds:6.1f} s  "
                        f"{event.images_per_second:9,.0f} images/s"
                    )
                case Finished(folder, summary):
                    _say(
                        f"{summary['test_accuracy']:.2%} of the test images right after "
                        f"{summary['seconds']:.1f} s; "
                        f"try: kitnet predict {shlex.quote(str(folder))} IMAGE.png"
                    )
    if not isinstance(event, Stopped):
        return 0
    print(
        f"kitnet: stopped after step {event.step} of epoch {event.epoch}, everything is saved; "
        f"go on with: kitnet train --resume {shlex.quote(str(event.folder))}",
        file=sys.stderr,
    )
    return INTERRUPTED


# ---------------------------------------------------------------------------------------------------- use


@app.command(name="evaluate")
def evaluate_command(
    run: str,
    /,
    *,
    data: str,
    data_dir: str | None = None,
    engine: str | None = None,
    threads: Whole | None = None,
    json: bool = False,
) -> None:
    """Loss and accuracy of a trained model on the test images of a data set.

    Parameters
    ----------
    run
        A run folder or a model file.
    data
        digits, mnist, fashion-mnist, kmnist, or a folder with idx files.
    data_dir
        Where the files of a named data set lie.
    engine
        compiled (usual) or formula, the readable executor.
    threads
        Of the compiled engine; usually all cores.
    json
        Print one JSON document.
    """
    model = Model.load(run)
    _, test = load(data, data_dir)
    if len(test.classes) != len(model.classes):
        raise KitnetError(
            f"{run}: the model knows {len(model.classes)} classes but {test.name} has {len(test.classes)}; "
            "give the data that it was trained for"
        )
    if pick_engine(engine) == "compiled":
        model.compile(threads=threads, progress=_show_compiling)
    score = evaluate(model, test)
    if json:
        _print_json(
            {
                "run": run,
                "data": data,
                "images": score.samples,
                "test_loss": score.loss,
                "test_accuracy": score.accuracy,
            }
        )
        return
    _say(f"{test.name}: {score.accuracy:.2%} of {score.samples:,} test images right, loss {score.loss:.4f}")


@app.command(name="predict")
def predict_command(
    run: str,
    /,
    *files: str,
    top: Whole = 3,
    invert: bool = False,
    json: bool = False,
) -> None:
    """What a trained model sees on images: the most probable classes.

    Parameters
    ----------
    run
        A run folder or a model file.
    files
        PNG or JPEG images, grey or colour, of any size.
    top
        How many classes to print.
    invert
        Exchange light and dark first, for dark ink on white paper where the model learned light on dark.
    json
        Print one JSON document.
    """
    if not files:
        raise KitnetError(
            "predict needs one image file or more, such as: kitnet predict runs/lenet5-1 digit.png"
        )
    if top < 1:
        raise KitnetError(f"--top {top} is not possible; use 1 or more")
    model = Model.load(run)
    images = [open_image(file)[None] for file in files]  # all of them, before anything is printed
    found = [model.predict(255 - image if invert else image, top)[0] for image in images]
    if json:
        _print_json(
            [
                {"file": file, "classes": [{"class": name, "probability": p} for name, p in one.classes]}
                for file, one in zip(files, found, strict=True)
            ]
        )
        return
    for file, one in zip(files, found, strict=True):
        _say(f"{file}: " + "  ".join(f"{name} {p:.1%}" for name, p in one.classes))


@app.command(name="verify")
def verify_command(file: str, /, *, json: bool = False) -> None:
    """Replay the golden images of a model file: does it still give the scores that it recorded?

    Parameters
    ----------
    file
        A model file or a run folder.
    json
        Print one JSON document.
    """
    images, difference = Model.verify(file)
    if json:
        _print_json({"file": file, "images": images, "largest_difference": difference})
        return
    _say(f"{file}: {images} golden images give the recorded scores (largest difference {difference:.1g})")


# ---------------------------------------------------------------------------------------------------- look


def _volume(option: str, text: str | None) -> Shape | None:
    try:
        return None if text is None else read_volume(text)
    except ValueError:
        raise KitnetError(f"{option} {text!r} is no volume; write it like 32x32x3") from None


def _network(model: str, volume: Shape | None, optional: bool) -> tuple[Net, Card | None]:
    card = None if "->" in model or "→" in model else find(model)
    return parse(card.line if card else model, input=volume, optional=optional), card


@app.command(name="show")
def show_command(
    model: str,
    /,
    *,
    input: str | None = None,
    batch: Whole = 1,
    optional: Annotated[bool, Parameter(negative="--no-optional")] = True,
    json: bool = False,
) -> None:
    """What a network is and costs, layer by layer, before anything runs.

    Parameters
    ----------
    model
        A name (see `kitnet models`) or a line of the language.
    input
        Another input volume, such as 64x64x3.
    batch
        Images at once, for the bytes of the activations.
    optional
        Keep or leave out the parts of the line that are marked with ?.
    json
        Print one JSON document.
    """
    if batch < 1:
        raise KitnetError(f"--batch {batch} is not possible; use 1 or more")
    net, card = _network(model, _volume("--input", input), optional)
    ledger = net.ledger(batch)
    if json:
        about = (
            {}
            if card is None
            else {k: v for k, v in asdict(card).items() if k in ("title", "source", "differences")}
        )
        _print_json({"model": model, "network": str(net), **about, **ledger.to_json()})
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("layer")
    table.add_column("kind")
    for name in ("output", "parameters", "connections", "multiply-adds", "activation bytes"):
        table.add_column(name, justify="right")
    for row in ledger.rows:
        costs = (row.parameters, row.connections, row.multiply_adds, row.activation_bytes)
        table.add_row(
            escape(row.path), row.kind, say(row.output), *(f"{cost:,}" if cost else "" for cost in costs)
        )
    table.add_section()
    table.add_row("total", "", "", *(f"{total:,}" for total in ledger.totals.values()), style="bold")
    if card:
        _say(card.title, style="bold")
    _say(str(net))
    _say("")
    Console(highlight=False, width=200).print(table)  # a cut number would be worse than a wrapped line
    if card:
        _say(f"\nSource: {card.source}")
        if card.differences:
            _say("Differences:")
        for difference in card.differences:
            _say(f"- {difference}")


@app.command(name="explain")
def explain_command(
    model: str,
    /,
    *,
    input: str | None = None,
    batch: Whole = 1,
    train: bool = False,
    forbid: tuple[str, ...] = (),
    force: tuple[str, ...] = (),
    json: bool = False,
) -> None:
    """How the engine computes each layer of a network, and why not by something faster.

    Parameters
    ----------
    model
        A name (see `kitnet models`) or a line of the language.
    input
        Another input volume, such as 64x64x3.
    batch
        Images at once.
    train
        A whole training step instead of the scores alone.
    forbid
        An implementation that may not be used, by its printed name or the first words of it, such as
        winograd; may be given several times.
    force
        An implementation that is used wherever it can, even where it is slower; may be given several times.
    json
        Print one JSON document.
    """
    from kitnet.engine import explain, make_plan, wishes_of
    from kitnet.kernels.cpu import detect

    if batch < 1:
        raise KitnetError(f"--batch {batch} is not possible; use 1 or more")
    net, _ = _network(model, _volume("--input", input), optional=True)
    cpu = detect()
    wishes = wishes_of(forbid, force)
    plan = make_plan(net, batch, cpu, loss=usual_loss(net.graph), train=train, wishes=wishes)
    found: Any = explain(plan)
    if json:
        _print_json({"model": model, "network": str(net), "processor": str(cpu), **found})
        return
    _say(str(net))
    way = "one group after the other" if plan.own_arena.size else "layer after layer, each cut into blocks"
    if found["in_the_lanes"] == "channels":
        lanes = f"{found['batch']} images at once, channels in the lanes"
    else:
        lanes = f"{found['groups']} groups of {found['images_of_a_group']} images in the lanes, {way}"
    if found["slices_up_to"]:
        lanes += f", up to {found['slices_up_to']} {found['images_of_a_slice']} images at a time"
    _say(
        f"{cpu}\n{lanes}; "
        f"{found['steps']} steps in {found['stages']} stages, {found['formula_steps']} of them formulas; "
        f"{plan.arena.size:,} bytes between stages and {plan.own_arena.size:,} of each thread's own"
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("layer", "kind", "implementation", "refused"):
        table.add_column(name)
    for row in found["layers"]:
        refused = "; ".join(f"{r['implementation']}: {r['reason']}" for r in row["refused"])
        table.add_row(*map(escape, (row["path"], row["kind"], row["implementation"], refused)))
    Console(highlight=False, width=200).print(table)


@app.command(name="layers")
def layers_command(*, json: bool = False) -> None:
    """The words of the language: every layer with its arguments, and the losses.

    Parameters
    ----------
    json
        Print one JSON document.
    """
    rows = [
        {
            "word": word,
            "kind": "loss" if issubclass(layer, Loss) else "block" if word in BLOCKS else "layer",
            "about": " ".join((layer.__doc__ or "").split()),
            "numbers": list(layer.numbers),
            "arguments": [
                {"name": name, "expected": expected, "default": default}
                for name, expected, default in describe(layer)
            ],
        }
        for word, layer in sorted(LAYERS.items())
    ]
    if json:
        _print_json(rows)
        return
    for row in rows:
        out.print(f"[bold]{row['word']}[/] ({row['kind']})  {escape(str(row['about']))}", soft_wrap=True)
        arguments: Any = row["arguments"]
        for argument in arguments:
            default = f", usually {argument['default']}" if argument["default"] else ", always given"
            _say(f"    {argument['name']}: {argument['expected']}{default}")


@app.command(name="models")
def models_command(*, json: bool = False) -> None:
    """The networks that can be called by name.

    Parameters
    ----------
    json
        Print one JSON document.
    """
    rows = [
        {
            "name": card.name,
            "title": card.title,
            "parameters": card.build().ledger().totals["parameters"],
            "network": str(card.build()),
            "source": card.source,
        }
        for card in MODELS.values()
    ]
    if json:
        _print_json(rows)
        return
    for row in rows:
        out.print(
            f"[bold]{row['name']}[/]  {escape(str(row['title']))}, {row['parameters']:,} parameters",
            soft_wrap=True,
        )
        _say(f"    {row['network']}")
