"""Compiled networks: what a caller gives and gets."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError, ShapeError
from kitnet.base.spec import Array
from kitnet.engine.bind import Machine, Progress, arrays_outside
from kitnet.engine.host import inside_a_step_of
from kitnet.engine.operand import Operand
from kitnet.engine.planned import Allow, planned
from kitnet.engine.request import Request, scoring, training
from kitnet.engine.share import Alone, Exchange, Share
from kitnet.kernels import update
from kitnet.kernels.cpu import Cpu, cores
from kitnet.layers import Context, Loss
from kitnet.net.graph import Graph
from kitnet.net.network import Net
from kitnet.net.objective import (
    Goal,
    Losses,
    check_batch,
    checked_targets,
    goals_of,
    least_batches,
    scores_of,
)
from kitnet.net.reference import by_operand, samples_of
from kitnet.net.times import Times
from kitnet.net.weights import Weights
from kitnet.optim import Rule
from kitnet.optim.rule import ACCUMULATED, shares

EVALUATION = Context()


class _Compiled:
    """What both kinds of compiled networks share: the plan, its machine, and one caller at a time."""

    engine = "compiled"
    times: Times | None  # of the last run that was timed

    def __init__(
        self,
        net: Net,
        graph: Graph,
        batch: int,
        request: Request,
        outside: Mapping[str, Array],
        gradient: Weights | None,
        threads: int | None,
        cpu: Cpu | None,
        progress: Progress | None,
        allow: Allow | None = None,
        **how: Any,
    ) -> None:
        threads = cores() if threads is None else threads
        self.plan, code = planned(net, graph, batch, request, threads, cpu, progress, allow, **how)
        self._net, self._weights = net, net.weights
        self._turn, self._found = threading.Lock(), threading.local()
        self._times_next, self.times = False, None
        self._outside = arrays_outside(self.plan)
        arrays = {"@weights": net.weights.flat, **outside, **self._outside}
        self._machine = Machine(self.plan, code, net.weights, gradient, net.state, arrays, threads)
        self._share: Share | None = how.get("share")
        whole, shapes = self.plan.preferred == "channels", graph.operands
        paths = [name.removeprefix("@in ") for name in self._machine.moving]
        self._operands = [Operand(path, (self.plan.samples, *shapes[path]), whole) for path in paths]
        self._paths = tuple(net.operands)
        self._code = {one.code.address: one.code.size for one in code}

    def time_next(self) -> None:
        """Let the next run leave in `times` what its layers took; it takes some microseconds more."""
        self._times_next = True

    def held(self) -> dict[str, int]:
        """Bytes that a plan holds for itself while it runs, by what takes them, and its `threads`."""
        threads = self._machine.threads
        return {
            "arena": self.plan.arena.size,
            "workspace": threads * self._machine.scratch_bytes,
            "read out": sum(array.nbytes for array in self._outside.values()),
            "constants": sum(array.nbytes for array in self.plan.constants.values()),
            "code": sum(self._code.values()),
            "threads": threads,
        }

    @property
    def values(self) -> dict[str, Array]:
        """The values asked for, from this thread's last call, by their paths."""
        return dict(getattr(self._found, "values", {}))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of up to {self.plan.samples} samples by {self._net.text()}>"

    def __reduce__(self) -> Any:
        raise TypeError(
            "compiled networks cannot be copied or pickled; copy the network and compile it again"
        )

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        """One caller at a time. Raises KitnetError within a step of this object's own run."""
        if inside_a_step_of(self._machine):
            raise KitnetError("a compiled network cannot be called from a layer that it is running")
        with self._turn:
            yield

    def _check_net(self) -> None:
        """Raises KitnetError where the network has got other arrays than the plan has."""
        if self._net.weights is not self._weights:
            raise KitnetError("the network was initialised with another precision since; compile it again")

    def _checked(self, x: Array | Mapping[str, Array], targets: Mapping[str, Array]) -> list[Array]:
        """What the plan reads, in the order of the machine. Raises KitnetError."""
        if type(x) is np.ndarray and len(self._paths) == len(self._operands) == 1:  # the usual case, quickly
            return [self._operands[0].checked(x)]
        given = {**by_operand(self._paths, x), **targets}
        return [operand.checked(given[operand.path]) for operand in self._operands]

    def _run(self, arrays: Sequence[Array], count: int, context: Context, total: int | None = None) -> None:
        given = [operand.of(array) for operand, array in zip(self._operands, arrays, strict=True)]
        timed, self._times_next = self._times_next, False
        found = self._machine.run(given, count, context, total, timed)
        self.times = found if timed else self.times

    def _read(self, what: str, path: str, count: int) -> Array:
        """What was read out of the plan, a copy."""
        return self._outside[f"{what} {path}"][:count].copy()


class Scores(_Compiled):
    """The compiled network: prepared images (N, *input), or a mapping by operands, -> the outputs for any N;
    by name where there are several. With a `loss`: scores (N, classes) as it reads them.

    What is made of the weights beforehand (packed and mapped filters, folded norms) is made here and by
    `refresh`, to be called when weights or state have changed: scores before it are of neither the old nor
    the new network. A network that goes on learning needs no new plan. `values`: paths of values that are
    read out besides, into `values` after each call. A `context` of evaluation says whether, and from which
    random bits, distributions are drawn from.
    """

    def __init__(
        self,
        net: Net,
        loss: Loss | None,
        batch: int,
        *,
        values: Collection[str] = (),
        threads: int | None = None,
        cpu: Cpu | None = None,
        progress: Progress | None = None,
        **how: Any,
    ) -> None:
        graph = net.graph
        outputs = {name: graph.nodes[i].path for name, i in graph.outputs.items()}
        if loss is not None:
            outputs = {"scores": graph.nodes[scores_of(graph, loss)].path}
        self._outputs, self._flat, self._more = outputs, loss is not None, tuple(values)
        request = scoring(graph, loss, values)
        super().__init__(net, graph, batch, request, {}, None, threads, cpu, progress, **how)
        self._read_out = {path: self._outside[f"@out {path}"] for path in request.outputs}
        self.refresh()

    def refresh(self) -> None:
        """Take over the network's weights and state as they are now. Raises KitnetError for weights that are
        not finite, which the ways of computing would spread differently.
        """
        self._check_net()
        if not np.isfinite(self._weights.flat).all():
            paths = [path for path, view in self._weights.items() if not np.isfinite(view).all()]
            raise KitnetError(f"{paths[0]}: the weights are not finite; train again, or load another model")
        with self._my_turn():
            self._machine.prepare()

    def __call__(self, x: Array | Mapping[str, Array], context: Context = EVALUATION) -> Any:
        arrays, most = self._checked(x, {}), self.plan.samples
        total = len(arrays[0])
        with self._my_turn():
            if total <= most:
                found = [self._part(arrays, total, context)]
            else:
                parts = (([a[i : i + most] for a in arrays], i) for i in range(0, total, most))
                found = [self._part(part, len(part[0]), _from(context, i)) for part, i in parts]
        outs = found[0] if len(found) == 1 else [np.concatenate(each) for each in zip(*found, strict=True)]
        if self._more:
            made = dict(zip(self._read_out, outs, strict=True))
            self._found.values = {path: made[path] for path in self._more}
        if self._flat:
            return outs[0].reshape(total, -1)
        if len(self._outputs) == 1:
            return outs[0]
        made = dict(zip(self._read_out, outs, strict=True))
        return {name: made[path] for name, path in self._outputs.items()}

    def _part(self, arrays: Sequence[Array], count: int, context: Context) -> list[Array]:
        """What is read out for as many samples as the plan takes at most, or fewer."""
        if count:
            self._run(arrays, count, context)
        return [out[:count].copy() for out in self._read_out.values()]


class TrainingStep(_Compiled):
    """Forward, losses, backward and the update of the weights by `rule`, if there is one, as one plan.

    Call it with prepared images (n, *input) or a mapping by operands, targets or a mapping by outputs, and
    the number of the step, n at most `batch`; `first` is the number of the first sample in the whole batch of
    the step, of which these are a shard. With `accumulate` a step may take several calls: each takes its
    gradient into the mean over the `first` samples before, the memory `accumulated`, and the last one, with
    `update`, changes the weights by the mean. It gives losses (n,) and scores from before the update, by the
    names of outputs where several have a loss, and leaves the mean gradient over these samples in `gradient`,
    until the next step of any thread. The parameters at the paths `frozen`, and below, stay, and their
    gradient is 0. A step whose losses or gradients are not finite, or that raises an error, changes neither
    weights nor memory nor state; `finite` is then False.

    With a `share` this is a rank's step: it is given batches of all ranks, reads its own samples alone, and
    gives losses and scores of all, by the `exchange` with the other ranks.
    """

    def __init__(
        self,
        net: Net,
        loss: Losses | None,
        batch: int,
        rule: Rule | None,
        memory: Mapping[str, Weights] | None = None,
        *,
        target: str | None = None,
        seed: int = 0,
        values: Collection[str] = (),
        gradients: Collection[str] = (),
        frozen: Collection[str] = (),
        accumulate: bool = False,
        threads: int | None = None,
        cpu: Cpu | None = None,
        progress: Progress | None = None,
        exchange: Exchange | None = None,
        **how: Any,
    ) -> None:
        still = net.weights.below(frozen)
        self.goals: tuple[Goal, ...] = goals_of(net.graph, loss, target)
        graph, request = training(net.graph, self.goals, rule, values, gradients, still, accumulate)
        self._seed = Context(seed=seed).seed
        self.rule = rule  # another one of the same form may take its place between two steps
        self.gradient = net.weights.like()
        names = (*(rule.memory if rule else ()), *((ACCUMULATED,) if accumulate else ()))
        self.memory = memory or {name: net.weights.like() for name in names}
        self._scores = {
            goal.path: graph.nodes[graph.nodes[graph.find(goal.path)].inputs[0]] for goal in self.goals
        }
        self._more = tuple(values), tuple(gradients)
        self._trouble, self._rates = np.zeros(1, np.float32), np.zeros(0, np.float32)
        outside = {"@gradient": self.gradient.flat, "@trouble": self._trouble}
        if rule:
            self._rates = np.zeros(len(rule.scalars(0)), np.float32)
            outside |= {f"@memory {name}": self.memory[name].flat for name in rule.memory}
            decays = net.weights.decayed(update.LINE, still, rule.decaying(net.weights.params))
            outside |= {"@decays": decays, "@rates": self._rates}
        self._accumulate = accumulate
        self._shares, self._hold = np.zeros((2, 2), np.float32)
        if accumulate:
            outside |= {"@accumulated": self.memory[ACCUMULATED].flat}
            outside |= {"@shares": self._shares, "@hold": self._hold}
        super().__init__(net, graph, batch, request, outside, self.gradient, threads, cpu, progress, **how)
        self._least, self._batch = least_batches(graph), batch
        self._exchange = self._machine.exchange = exchange or Alone()

    def __call__(
        self, x: Any, target: Any, step: int = 0, first: int = 0, update: bool = True
    ) -> tuple[Any, Any]:
        self._check_net()
        if not (update or self._accumulate):
            raise KitnetError("update=False adds gradients up, for which accumulate=True must be compiled")
        context = Context(True, self._seed, step, first)
        if type(x) is not np.ndarray:
            x = by_operand(self._paths, x)
        n = samples_of(self._paths, x)
        most = self.plan.samples if self._share is None else self._batch
        if n > most:
            raise ShapeError(f"input: {n} samples for a plan of {most}; make a plan for more")
        targets = checked_targets(self.goals, target, n)
        values = {goal.target: targets[goal.target] for goal in self.goals if goal.form == "values"}
        arrays = self._checked(x, values)
        check_batch(self._least, n)
        with self._my_turn():
            self._found.finite = True
            if n:
                self._step(arrays, targets, n, context, update)
            return self._results(n)

    @property
    def finite(self) -> bool:
        """Whether losses and gradients of this thread's last call were finite; if not, it changed nothing."""
        return bool(getattr(self._found, "finite", True))

    @property
    def gradients(self) -> dict[str, Array]:
        """The gradients asked for, from this thread's last call, by the paths of their values."""
        return dict(getattr(self._found, "gradients", {}))

    def part(self, samples: int) -> slice:
        """Which samples of a batch of so many this step reads: all, or those of its share."""
        share = self._share
        return slice(0, samples) if share is None else share.part(samples, self.plan.samples)

    def _step(
        self, arrays: Sequence[Array], targets: Mapping[str, Array], n: int, context: Context, update: bool
    ) -> None:
        self._shares[:], self._hold[:] = shares(context.first_sample, n), 0 if update else np.nan
        total = n
        if self._share is not None:
            part = self.part(n)
            arrays, n = [array[part] for array in arrays], part.stop - part.start
            targets = {path: array[part] for path, array in targets.items()}
            context = _from(context, part.start)
        for goal in self.goals:
            if goal.form != "values":
                place = self._outside[f"@class {goal.target}"]
                place[:n] = targets[goal.target].reshape(n, place.shape[1])
        if self.rule:
            self._rates[:] = list(self.rule.scalars(context.step).values())
        before = {path: {k: a.copy() for k, a in held.items()} for path, held in self._net.state.items()}
        try:
            self._run(arrays, n, context, total)
        except BaseException:
            self._found.finite = False
            self._net.keep(before)
            raise
        self._found.finite = not np.isnan(self._trouble[0])
        if not self.finite:
            self._net.keep(before)

    def _results(self, n: int) -> tuple[Any, Any]:
        self._found.values = {path: self._read("@out", path, n) for path in self._more[0]}
        self._found.gradients = {path: self._gradient(path, n) for path in self._more[1]}
        paths = {goal.output: (goal.path, self._scores[goal.path].path) for goal in self.goals}
        read = self._read_all(dict.fromkeys(path for both in paths.values() for path in both), n)
        losses, scores = ({name: read[both[i]] for name, both in paths.items()} for i in (0, 1))
        if len(self.goals) > 1:
            return losses, scores
        (name,) = losses
        return losses[name], scores[name]

    def _read_all(self, paths: Iterable[str], n: int) -> dict[str, Array]:
        """Values that are read out, of all ranks where this is one of several."""
        share, own = self._share, [(path, self._outside[f"@out {path}"]) for path in paths]
        if share is None:
            return {path: array[:n].copy() for path, array in own}
        places = self.plan.samples
        every = [np.empty((share.ranks, places, *array.shape[1:]), np.float32) for _, array in own]
        flat = [array.reshape(share.ranks, -1) for array in every]
        self._exchange.gather([array[:places].reshape(-1) for _, array in own], flat)
        counts = [part.stop - part.start for part in share.parts(n, places)]
        return {
            path: np.concatenate([rank[:count] for rank, count in zip(array, counts, strict=True)])
            for (path, _), array in zip(own, every, strict=True)
        }

    def _gradient(self, path: str, n: int) -> Array:
        """Of a value that no loss depends on it is 0, and of a loss its share in the weighted mean."""
        weights = {goal.path: goal.weight for goal in self.goals}
        if path in weights:
            return np.full(n, weights[path] / max(n, 1), np.float32)
        if f"@d {path}" in self._outside:
            return self._read("@d", path, n)
        graph = self._net.graph
        return np.zeros((n, *graph.nodes[graph.find(path)].shape), np.float32)


def _from(context: Context, sample: int) -> Context:
    """The context for a batch that begins so many samples further."""
    return replace(context, first_sample=context.first_sample + sample)
