"""A network made fast: what `net.compile` gives."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from kitnet.base.argument import batch_size, thread_count, words
from kitnet.base.error import KitnetError, nearest
from kitnet.base.precision import Precision
from kitnet.engine.bind import Progress
from kitnet.engine.choice import wishes_of
from kitnet.engine.plan import Plan, make_plan
from kitnet.engine.precision import option
from kitnet.engine.request import scoring, training
from kitnet.engine.run import Scores, TrainingStep
from kitnet.engine.setting import Lanes
from kitnet.kernels.cpu import Cpu, detect
from kitnet.layers import Loss
from kitnet.net.network import Net
from kitnet.net.objective import Losses, goals_of
from kitnet.net.weights import Weights
from kitnet.optim import Rule, Sgd

MODES = ("infer", "train", "gradient")
NUMERICS = ("fast", "exact")
INEXACT = ("winograd", "fourier")  # implementations that may lose digits beside an outlier


def compile(
    net: Net,
    batch: int = 1,
    mode: str = "infer",
    *,
    loss: Losses | None = None,
    target: str | None = None,
    rule: Rule | None = None,
    seed: int | None = None,
    values: Collection[str] | str = (),
    gradients: Collection[str] | str = (),
    frozen: Collection[str] | str = (),
    accumulate: bool = False,
    threads: int | None = None,
    numerics: str = "fast",
    precision: str | Precision | None = None,
    forbid: Collection[str] | str = (),
    force: Collection[str] | str = (),
    layout: Lanes | None = None,
    progress: Progress | None = None,
) -> Any:
    """A plan of the network for up to `batch` samples, in machine code.

    Mode `infer` gives a function from images (N, *net.input_shape) to the output (N, *net.output_shape), for
    any N, or between mappings by name where there are several; call its `refresh()` when weights have
    changed. Mode `train` gives a function of images, targets and the number of the step that does a whole
    training step: by `rule`, on `loss` (by default the usual one of each output's last layer; a mapping by
    outputs gives several, with weights). `target` says what targets are: "classes", class numbers (N,);
    "positions", class numbers for each position; "values", numbers. It returns losses (N,) and scores; `seed`
    keys the random bits of dropout. Mode `gradient` does the same but for the update, for an optimiser of
    your own: it leaves the mean gradient in the function's `gradient`. `values` and `gradients` are paths of
    values to be read out in every call, into the function's `values` and `gradients`; parameters at `frozen`
    paths, and below, stay as they are. With `accumulate` a step may be called for several batches, with the
    same number, `first` samples done before, and `update=False` but for the last.

    Within a plan the scores of an image do not depend on the other images, bit for bit. Plans for batches of
    other sizes may compute otherwise, so that scores agree to 1e-6 of the largest. `numerics` "exact" takes
    direct sums alone; by default wide 3x3 and large convolutions may be computed by Winograd's filtering and
    by Fourier transforms, which lose digits beside an outlier and spread a NaN further than the sum does.
    `precision` is fp32, bf16, bf16x3, bf16x6 or auto (docs/precision.md).
    `forbid` and `force` name implementations (`kitnet explain` prints them) that are not used, or used
    wherever they can; `layout` says what lies in the vector lanes wherever it can, "images" or "channels".
    One caller at a time is served, others wait. Raises KitnetError.
    """
    batch, threads = batch_size(batch), thread_count(threads)
    _check_words(mode, numerics, layout)
    paths = {"values": values, "gradients": gradients, "frozen": frozen}
    values, gradients, frozen = (words(name, given, "conv1") for name, given in paths.items())
    wishes = wishes_of(forbid, force, INEXACT if numerics == "exact" else ())
    how: dict[str, Any] = {"threads": threads, "wishes": wishes, "layout": layout, "progress": progress}
    how |= option(precision, mode, net)
    if mode == "infer":
        given = {"loss": loss, "target": target, "rule": rule, "seed": seed, "accumulate": accumulate or None}
        _no_training(**given, gradients=gradients, frozen=frozen)
        return Scores(net, None, batch, values=values, **how)
    if mode == "gradient":
        _no_update(rule=rule, accumulate=accumulate or None)
    rule = (Sgd() if rule is None else rule) if mode == "train" else None
    how |= {"values": values, "gradients": gradients, "frozen": frozen, "accumulate": accumulate}
    return TrainingStep(net, loss, batch, rule, target=target, seed=0 if seed is None else seed, **how)


def _check_words(mode: str, numerics: str, layout: str | None) -> None:
    """Raises KitnetError for a word that is not known."""
    _one_of("mode", mode, MODES)
    _one_of("numerics", numerics, NUMERICS)
    if layout is not None:
        _one_of("layout", layout, ("images", "channels"))


def plan_of(
    net: Net,
    batch: int = 1,
    mode: str = "infer",
    *,
    loss: Losses | None = None,
    cpu: Cpu | None = None,
    **how: Any,
) -> Plan:
    """The plan of `compile` without its machine code, for up to `batch` samples; for scores as a loss reads
    them where one is given. `how` are the options of `make_plan`.
    """
    _one_of("mode", mode, MODES)
    graph = net.graph
    if mode == "infer":
        request = scoring(graph, loss if isinstance(loss, Loss) else None)
    else:
        rule = Sgd() if mode == "train" else None
        graph, request = training(graph, goals_of(graph, loss), rule)
    weights = Weights(net.graph.params())  # where they lie; drawing those of a large network takes seconds
    return make_plan(graph, weights, batch_size(batch), cpu or detect(), request, **how)


def _no_training(**given: Any) -> None:
    """Raises KitnetError for what only training takes."""
    for name, value in given.items():
        if value is not None and value != ():
            raise KitnetError(f"mode 'infer' takes no {name}; 'train' does")


def _no_update(**given: Any) -> None:
    """Raises KitnetError for what only an update takes."""
    for name, value in given.items():
        if value is not None:
            raise KitnetError(f"mode 'gradient' leaves the weights alone and takes no {name}; 'train' does")


def _one_of(what: str, given: object, known: Collection[str]) -> None:
    if given not in known:
        raise KitnetError(f"unknown {what} {given!r}{nearest(str(given), known)}; known: {', '.join(known)}")
