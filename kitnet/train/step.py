"""One training step: forward, loss, backward and update, by the formulas here or compiled by the engine."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from kitnet.base.error import KitnetError, nearest, shorten
from kitnet.base.precision import FP32, Precision, precision_of
from kitnet.base.spec import Array
from kitnet.layers import Context
from kitnet.net import Net, Tape, Weights, goals_of, with_goals
from kitnet.net.objective import Losses, check_batch, checked_targets, least_batches
from kitnet.net.reference import by_operand
from kitnet.net.times import WAYS, Times
from kitnet.optim import Rule
from kitnet.optim.rule import ACCUMULATED, norm, shares
from kitnet.train.ranks import FAST
from kitnet.train.target import INPUT, input_targets, total

if TYPE_CHECKING:
    from kitnet.train.model import Model
    from kitnet.train.run import Run
    from kitnet.train.settings import Settings

ENGINES = ("compiled", "formula")
Progress = Callable[[int, int], None]  # kernels ready, kernels in all


class Step(Protocol):
    """What the training loop calls: prepared images (N, *input), or a mapping by operands, targets, or a
    mapping by outputs, the number of the step since training began, which keys the random bits of layers that
    draw some, and the number of the first sample in the whole batch. Gives losses (N,) and scores from before
    the update of the weights, and leaves the mean gradient in `gradient`. One that accumulates does not
    `update` before the last batch of a step, and then along the mean gradient of all. A step whose losses or
    gradients are not finite changes nothing, and `finite` is then False. `time_next` lets the next one
    leave in `times` what it took. Between two steps another rule of the same form may take the place of
    `rule`.
    """

    engine: str
    gradient: Weights
    rule: Rule | None
    times: Times | None  # of the last step that was timed

    @property
    def finite(self) -> bool: ...

    def time_next(self) -> None: ...

    def __call__(
        self, x: Any, target: Any, step: int = 0, first: int = 0, update: bool = True
    ) -> tuple[Any, Any]: ...


class FormulaStep:
    """A step by the readable executor."""

    engine = "formula"

    def __init__(
        self,
        net: Net,
        losses: Losses | None,
        rule: Rule,
        memory: Mapping[str, Weights],
        *,
        target: str | None = None,
        seed: int = 0,
        frozen: Collection[str] = (),
        precision: Precision = FP32,
    ) -> None:
        self._precision = precision
        self._net, self._memory = net, memory
        self.rule: Rule | None = rule
        self._seed = Context(seed=seed).seed
        self._goals = goals_of(net.graph, losses, target)
        self._frozen = net.weights.below(frozen)
        self._graph = with_goals(net.graph, self._goals, self._frozen)
        self._least = least_batches(self._graph)
        also = rule.decaying(net.weights.params)
        self._decays = net.weights.decayed(frozen=self._frozen, also=also)
        self._filters = tuple(net.weights.filters().values())
        self.gradient, self.finite = net.weights.like(), True
        self.times: Times | None = None
        self._passed: list[float] | None = None  # of a step that is timed, when each way began and ended

    def time_next(self) -> None:
        """By way, not by layer."""
        self._passed = []

    def _pass(self) -> None:
        if self._passed is not None:
            self._passed.append(time.perf_counter())

    def __call__(
        self, x: Any, target: Any, step: int = 0, first: int = 0, update: bool = True
    ) -> tuple[Any, Any]:
        net, operands = self._net, by_operand(tuple(self._net.operands), x)
        n = len(next(iter(operands.values())))
        targets = checked_targets(self._goals, target, n)
        check_batch(self._least, n)
        for goal in self._goals:
            operands[goal.target] = goal.spread(targets[goal.target], net.weights.dtype)
        ctx = Context(train=True, seed=self._seed, step=step, first_sample=first)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # `finite` tells
            self._passed = None if self._passed is None else [time.perf_counter()]
            tape = Tape(self._graph, net.weights, net.state, ctx, operands, precision=self._precision)
            self._pass()
            if n:
                self._change(tape, n, step, first, update)
            self._pass()
        if self._passed and n:
            took = (b - a for a, b in pairwise(self._passed))
            self.times, self._passed = Times(n, dict(zip(WAYS, took, strict=True)), {}), None
        losses = {goal.output: tape[goal.path] for goal in self._goals}
        reads = {
            goal.output: self._graph.nodes[self._graph.find(goal.path)].inputs[0] for goal in self._goals
        }
        scores = {name: tape.values[i] for name, i in reads.items()}
        if len(self._goals) > 1:
            return losses, scores
        return next(iter(losses.values())), next(iter(scores.values()))

    def _change(self, tape: Tape, n: int, step: int, first: int, update: bool) -> None:
        """The update, where everything is finite."""
        net = self._net
        seeds = {goal.path: np.full_like(tape[goal.path], goal.weight / n) for goal in self._goals}
        found = tape.backward(seeds, operands=False)
        self._pass()
        for path, view in self.gradient.items():
            view[...] = 0 if path.rpartition(".")[0] in self._frozen else found.get(path, 0)
        flat = {name: held.flat for name, held in self._memory.items()}
        mean, dw = flat.pop(ACCUMULATED, None), self.gradient.flat
        if mean is not None:
            before, new = (mean.dtype.type(share) for share in shares(first, n))
            dw = before * mean + new * dw
        numbers = (self.gradient.flat, *(tape[goal.path] for goal in self._goals))
        assert self.rule is not None
        length = norm(dw) if self.rule.reads_norm else None
        if length is not None:
            numbers = *numbers, length
        self.finite = all(bool(np.isfinite(each).all()) for each in numbers)
        if not self.finite:
            return
        net.keep(tape.state)
        if mean is not None:
            mean[...] = dw
        if not update:
            return
        w, decays = net.weights.flat, self._decays
        for member in self.rule.members(net.weights.params):
            for start, size in net.weights.runs(member.paths).values():
                here, own = slice(start, start + size), member.rule
                inside = [one for one in self._filters if start <= one.start < start + size]
                filters = [one._replace(start=one.start - start) for one in inside]
                held = {name: flat[name][here] for name in own.memory}
                own.apply(w[here], dw[here], held, decays[here], step, filters, length)


def judged_step(
    step_of: Step, model: Model, x: Array, labels: Array, *place: Any
) -> tuple[Array, Array, dict[str, Array]]:
    """A batch with the same labels for all outputs that have losses; losses and scores of the main one. Where
    the network gives its input: the weighted sum of all losses, and each of them."""
    losses = model.losses
    named = losses if isinstance(losses, Mapping) else {}
    main = next(iter(named), "")
    if model.target == INPUT:
        found, scores = step_of(x, input_targets(model.net.graph, losses, x), *place)
        each = found if main else {main: found}
        return total(losses, each), scores[main] if main else scores, each
    if not main:
        return *step_of(x, labels, *place), {}
    each, scores = step_of(x, dict.fromkeys(named, labels), *place)
    return each[main], scores[main], {}


def pick_engine(name: str | None) -> str:
    """The engine of this name, the compiled one unless llvmlite is missing. Raises KitnetError."""
    there = importlib.util.find_spec("llvmlite") is not None
    if name is None:
        return "compiled" if there else "formula"
    if name not in ENGINES:
        raise KitnetError(
            f"unknown engine {shorten(name)}{nearest(name, ENGINES)}; known: {', '.join(ENGINES)}"
        )
    if name == "compiled" and not there:
        raise KitnetError("the compiled engine needs llvmlite; install it, or use --engine formula")
    return name


def pick_precision(
    name: str | None, engine: str, net: Net | None = None, training: bool = False
) -> tuple[Precision, str]:
    """The precision of this name, as the engine of that name can have it for this network, fp32 for None; and
    what "auto" has chosen, in a sentence. The formulas can have any. Raises KitnetError."""
    if name is None:
        return FP32, ""
    if engine == "formula":
        if name == "auto":
            return FP32, "precision auto is fp32: the formulas have none that is quicker"
        return precision_of(name), ""
    from kitnet.engine.precision import AUTO, plan_precision, said_of_auto
    from kitnet.kernels.cpu import detect

    cpu, mode = detect(), "train" if training else "infer"
    return plan_precision(name, mode, cpu, net), said_of_auto(mode, cpu, net) if name == AUTO else ""


def in_precision(settings: Settings) -> tuple[Settings, str]:
    """The settings of a training whose engine is known, with the precision that it has here, and what "auto"
    has chosen, in a sentence. Raises KitnetError."""
    if settings.precision is None:
        return settings, ""
    assert settings.engine is not None
    precision, chosen = pick_precision(settings.precision, settings.engine, training=True)
    return replace(settings, precision=precision.name), chosen


def make_step(run: Run, progress: Progress | None = None, allow: Callable[[Any], None] | None = None) -> Step:
    """The training step of a run, of all parameters but the frozen ones; it accumulates where the memory has
    a place for the mean. A compiled one also lets the model's scores be compiled. `allow` may raise an error
    for a step's plan before it is compiled."""
    model, settings, memory = run.model, run.settings, run.memory
    same: dict[str, Any] = {
        "target": run.form,
        "seed": settings.seed,
        "frozen": settings.frozen,
    }
    engine = pick_engine(settings.engine)
    model.precision, _ = pick_precision(settings.precision, engine, training=True)
    if engine == "formula":
        same["precision"] = model.precision
        return FormulaStep(model.net, model.losses, run.rule, memory, **same)
    from kitnet.engine import TrainingStep
    from kitnet.engine.share import Share

    threads, ranks = settings.threads, run.ranks
    how: dict[str, Any] = {}
    if ranks is not None:
        threads = threads or ranks.threads
        how = {"share": Share(ranks.rank, ranks.ranks, settings.sync != FAST), "exchange": ranks}
    step = TrainingStep(
        model.net,
        model.losses,
        run.loader.batch,
        run.rule,
        memory,
        **same,
        accumulate=ACCUMULATED in memory,
        threads=threads,
        progress=progress,
        allow=allow,
        **how,
    )
    if ranks is not None:
        run.loader = run.loader.reading(step.part)
    model.compile(threads=threads, progress=progress)
    return step
