"""`kitnet lr-find`: the loss by learning rate, as a table and a chart, and a rate to train with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from kitnet.cli.flags import (
    DATA_SETS,
    Augment,
    DataDir,
    Engine,
    Given,
    Input,
    Json,
    Megapixels,
    OnMisfit,
    Precision,
    Split,
    Strict,
    Threads,
    Validation,
    Whole,
)
from kitnet.cli.own_layers import to_type
from kitnet.cli.screen import Column, busy, print_json, print_table, say, say_wrapped, show_compiling
from kitnet.cli.train import concrete
from kitnet.train import Settings
from kitnet.train.find_rate import FIRST, LAST, STEPS, Rates, find_rate
from kitnet.train.recipe import USUAL_DATA

ROWS = 24  # of the table
BAR = 40  # columns of the longest bar


def command(
    model: str = Settings.model,
    /,
    *,
    data: Annotated[
        str | None, Parameter(help=f"{DATA_SETS}; that of the recipe, usually {USUAL_DATA}.")
    ] = None,
    data_dir: DataDir = None,
    split: Split = None,
    validation: Validation = None,
    strict: Strict = False,
    megapixels: Megapixels = None,
    augment: Augment = None,
    batch: Annotated[Whole | None, Parameter(help="Images a step; by the model's card.")] = None,
    accumulate: Annotated[Whole | None, Parameter(help="Batches an update; usually 1.")] = None,
    optimizer: Annotated[str | None, Parameter(help="As of `kitnet train`; its rate plays no part.")] = None,
    momentum: Annotated[float | None, Parameter(help="As of `kitnet train`.")] = None,
    decay: Annotated[float | None, Parameter(help="As of `kitnet train`.")] = None,
    clip: Annotated[float | None, Parameter(help="As of `kitnet train`.")] = None,
    init: Annotated[str | None, Parameter(help="As of `kitnet train`.")] = None,
    loss: Annotated[str | None, Parameter(help="As of `kitnet train`.")] = None,
    input: Input = None,
    given: Given = (),
    on_misfit: OnMisfit = None,
    seed: Annotated[Whole, Parameter(help="Of the weights and the order of images.")] = Settings.seed,
    first: Annotated[float, Parameter(help="The lowest rate.")] = FIRST,
    last: Annotated[float, Parameter(help="The highest rate.")] = LAST,
    steps: Annotated[Whole, Parameter(help="Updates from the lowest to the highest rate.")] = STEPS,
    engine: Engine = None,
    precision: Precision = None,
    threads: Threads = None,
    json: Json = False,
) -> int:
    """Find a learning rate: a short training whose rate rises, with the loss at each, and a rate to take.

    The network is made anew and nothing is written. The loss is smoothed; the chart ends where it blows up.

    Parameters
    ----------
    model
        A name (see `kitnet models`) or a line such as '28x28x1 -> conv5-6 -> tanh -> maxpool2 -> fc10'.
    """
    of_data = {
        "data": data, "data_dir": data_dir, "split": split, "validation": validation,
        "strict": strict or None, "megapixels": megapixels,
    }  # fmt: skip
    settings = concrete(
        model, input, given, **of_data, augment=augment, batch=batch, accumulate=accumulate,
        optimizer=optimizer, momentum=momentum, decay=decay, clip=clip, init=init, loss=loss,
        on_misfit=on_misfit, seed=seed, engine=engine, precision=precision, threads=threads,
    )  # fmt: skip
    with busy("training at rising rates"):
        found = find_rate(settings, first=first, last=last, steps=steps, compiling=show_compiling)
    if json:
        print_json({name: _jsonable(value) for name, value in asdict(found).items()})
    else:
        of_network = {"input": input, "set": list(given), "on_misfit": on_misfit}
        _print(found, model, {**of_data, **of_network})
    return 0


def _print(found: Rates, model: str, given: Mapping[str, Any]) -> None:
    shown = np.unique(np.linspace(0, len(found.rates) - 1, ROWS).round().astype(int))
    finite = [x for x in found.smoothed if math.isfinite(x)]
    most = 1.2 * finite[0] if finite else 1.0
    rows = [
        [
            f"{found.rates[i]:.2e}",
            f"{found.losses[i]:.4g}",
            f"{found.smoothed[i]:.4g}",
            _bar(found.smoothed[i], most),
        ]
        for i in shown
    ]
    print_table([Column("rate"), Column("loss", True), Column("smoothed", True), Column("", spare=1)], rows)
    if found.proposed is None:
        say_wrapped(f"no rate to propose: {found.reason}")
        return
    say_wrapped(f"proposed rate {found.proposed:g}: {found.reason}")
    flags = [word for name, value in given.items() for word in _typed(f"--{name.replace('_', '-')}", value)]
    say(f"try: {to_type('train', model, *flags, '--lr', f'{found.proposed:g}')}")


def _typed(flag: str, value: Any) -> list[str]:
    """The words that give a flag this value; none where it was not given."""
    if value is None or value == []:
        return []
    if value is True:
        return [flag]
    return (
        [flag, *value]
        if isinstance(value, list)
        else [flag, f"{value:g}" if isinstance(value, float) else value]
    )


def _bar(loss: float, most: float) -> str:
    """A bar as long as the loss; `>` where it goes on."""
    if not loss <= most:
        return "#" * (BAR - 1) + ">"
    return "#" * round(BAR * loss / most)


def _jsonable(value: object) -> object:
    """JSON has no word for what is no number."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return [_jsonable(x) for x in value] if isinstance(value, tuple) else value
