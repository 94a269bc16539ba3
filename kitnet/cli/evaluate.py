"""`kitnet evaluate`: how well a trained model does on test images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kitnet.base.argument import thread_count
from kitnet.base.error import KitnetError
from kitnet.cli.flags import (
    DATA_SETS,
    DataDir,
    Engine,
    Json,
    Megapixels,
    Memory,
    Precision,
    Run,
    Split,
    Strict,
    Threads,
)
from kitnet.cli.precise import load_in
from kitnet.cli.results_text import elbo_of, losses_text
from kitnet.cli.screen import busy, print_json, remark, say, show_compiling
from kitnet.data import load, renumbered
from kitnet.train import Settings, evaluate, pick_engine
from kitnet.train.metrics import told_parts
from kitnet.train.recipe import USUAL_DATA

SHORT = {"validation": "val", "test": "test"}  # in names of numbers


def command(
    run: Run,
    /,
    *,
    data: Annotated[
        str | None,
        Parameter(help=f"{DATA_SETS}; usually the data that the model was trained on."),
    ] = None,
    data_dir: DataDir = None,
    split: Split = None,
    strict: Strict = False,
    megapixels: Megapixels = None,
    engine: Engine = None,
    precision: Precision = None,
    threads: Threads = None,
    memory: Memory = None,
    json: Json = False,
) -> None:
    """Loss and accuracy of a trained model on the test images of its own data set, or of another one; of data
    without a test part on their validation images. Of an autoencoder the losses, and the evidence lower bound
    where they make it."""
    thread_count(threads, "--threads")
    by = pick_engine(engine)
    model = load_in(run, memory, precision, by)
    if data is None:
        own = own_data(Path(run))
        data, data_dir, split = own.data or USUAL_DATA, data_dir or own.data_dir, split or own.split
        megapixels = megapixels or own.megapixels
    parts = load(data, data_dir, split, strict, megapixels=megapixels)
    part, test = next((name, one) for name, one in reversed(parts.named().items()) if name != "train")
    for text in test.warnings:
        remark(text)
    test = renumbered(test, model.classes) if model.classes else test
    with busy(f"evaluating {len(test):,} images"):
        if by == "compiled":
            model.compile(threads=threads, progress=show_compiling)
        score = evaluate(model, test)
    elbo = None if model.classes else elbo_of(model, score.parts)
    if json:
        print_json(
            {
                "run": run,
                "data": data,
                "images": score.samples,
                f"{SHORT[part]}_loss": score.loss,
                **({} if score.accuracy is None else {f"{SHORT[part]}_accuracy": score.accuracy}),
                **told_parts(SHORT[part], score),
                **({} if elbo is None else {f"{SHORT[part]}_elbo": elbo}),
            }
        )
        return
    if score.accuracy is None:
        told = losses_text(score.loss, score.parts, elbo)
        say(f"{test.name}: {told}, of {score.samples:,} {part} images")
        return
    say(f"{test.name}: {score.accuracy:.2%} of {score.samples:,} {part} images right, loss {score.loss:.4f}")


def own_data(run: Path) -> Settings:
    """The arguments of the run, which name its data. Raises KitnetError."""
    arguments = (run if run.is_dir() else run.parent) / "args.toml"
    if not arguments.exists():
        raise KitnetError(
            f"{run}: no args.toml beside it says what it was trained on; name the data with --data"
        )
    return Settings.read(arguments)
