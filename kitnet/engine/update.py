"""The last steps of a training plan: whether all is finite, and the update of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kitnet.base.error import KitnetError
from kitnet.engine.builder import Builder
from kitnet.engine.length import length_of
from kitnet.engine.orthogonal import orthogonalise, renorm
from kitnet.engine.step import HostStep, Ref
from kitnet.kernels import update
from kitnet.optim import Rule

GRADIENTS = "all gradients"
_LABELS = {
    "@gradient": "gradients finite",
    f"length of {GRADIENTS}": "gradients finite",
    "@failed": "nothing raised",
    "@trouble": "so far finite",
    "@hold": "nothing held",
}  # of what is finite, by its buffer; otherwise it is a loss


def update_steps(b: Builder) -> None:
    """`@trouble` becomes 0 where the losses and the gradients of all weights are finite and no step of Python
    raised an error, else NaN; then the rule changes the weights, but not where it is NaN.

    A request to accumulate makes the mean of gradients first, of which `@shares` has the old and the new
    one's share; the rule follows the mean, but not where `@hold` is NaN.
    """
    if not b.request.goals or not b.request.weights or not b.weights.flat.size:
        return
    rule, dw, size = b.request.rule, Ref("@gradient"), b.weights.flat.size
    if b.setting.share and not b.setting.share.exact:
        b.add_ranks("gradients of all ranks", dw, size)
    losses = b.meet_losses(_losses(b))
    b.exchange_at_end()
    first = {dw: size}
    length = None
    if rule is not None and rule.reads_norm and not b.request.accumulate:
        length = length_of(b, GRADIENTS, dw, size)
        first = {length: 1}  # it is finite only where every gradient is
    if any(isinstance(step, HostStep) for step in b.steps):
        losses[Ref("@failed")] = 1  # NaN where Python raised an error
    _all_finite(b, "all finite", {**first, **losses}, Ref("@trouble"))
    if rule is None:
        return
    trouble = Ref("@trouble")
    if b.request.accumulate:
        kernel = update.mean("mean", b.cpu, size, b.tasks)
        dw, reads = Ref("@accumulated"), {"dw": dw, "shares": Ref("@shares"), "trouble": trouble}
        b.at_end("mean of gradients", kernel, reads, {"y": dw})
        if rule.reads_norm:
            length = length_of(b, GRADIENTS, dw, size)
            _all_finite(b, "mean finite", {trouble: 1, length: 1}, trouble)
        trouble = b.room("hold", 1)
        _all_finite(b, "update is due", {Ref("@trouble"): 1, Ref("@hold"): 1}, trouble)
    _follow(b, rule, dw, length, trouble)


def _follow(b: Builder, rule: Rule, dw: Ref, length: Ref | None, trouble: Ref) -> None:
    """The steps of each rule, for each run of weights that follow it."""
    for member in rule.members(b.weights.params):
        for path, (start, size) in b.weights.runs(member.paths).items():
            own = member.rule
            place = "" if size == b.weights.flat.size else f"{path} "
            memory = {f"memory_{name}": Ref(f"@memory {name}").plus(start) for name in own.memory}
            reads = {"dw": dw.plus(start), "rates": Ref("@rates").plus(member.first)}
            if length is not None and own.reads_norm:
                reads["norm"] = length
            how = b.cpu, size, own.memory, list(own.scalars(0))
            try:
                if own.orthogonal_steps:
                    kernel = update.head("heading", *how, own.heading, b.tasks, own.reads_norm)
                    heading = b.room(f"{place}heading", size)
                    b.at_end(f"{place}heading", kernel, {**reads, **memory}, {"y": heading})
                    reads["orthogonal"] = orthogonalise(b, heading, start, size, own.orthogonal_steps)
                orthogonal = bool(own.orthogonal_steps)
                kernel = update.follow("update", *how, _checked(own), b.tasks, own.reads_norm, orthogonal)
            except TypeError as error:
                told = type(own).__name__
                raise KitnetError(f"{told}: its update cannot become a kernel: {error}") from None
            if own.renorms:
                renorm(b, start, size, trouble)
            reads |= {"decays": Ref("@decays").plus(start // update.LINE), "trouble": trouble}
            b.at_end(f"{place}update", kernel, reads, {"w": Ref("@weights").plus(start), **memory})


def _all_finite(b: Builder, label: str, numbers: Mapping[Ref, int], y: Ref) -> None:
    """y becomes 0 where so many numbers at each of these places are finite, else NaN."""
    tasks = [b.parts if ref.buffer == "@gradient" else 1 for ref in numbers]
    partial, place = b.room(f"trouble of {label}", sum(tasks)), 0
    for (ref, size), each in zip(numbers.items(), tasks, strict=True):
        kernel = update.trouble("trouble", b.cpu, size, each)
        b.at_end(
            _LABELS.get(ref.buffer, "losses finite"), kernel, {"x": ref}, {"partial": partial.plus(place)}
        )
        place += each
    kernel = update.reduce("reduce", b.cpu, sum(tasks), 1)
    b.at_end(label, kernel, {"partial": partial}, {"y": y})


def _checked(rule: Rule) -> update.Update:
    def formula(*given: Any) -> Any:
        new, changed = rule.update(*given)
        rule.check_memory(changed)
        return new, changed

    return formula


def _losses(b: Builder) -> dict[Ref, int]:
    """Where the losses are read, and how many numbers there are; those beyond the batch are 0."""
    outputs = {f"@out {goal.path}" for goal in b.request.goals}
    found = {}
    for i, ref in b.bound.items():
        if ref.buffer in outputs:
            batch = b.batches[b.setting.lanes[i]]
            found[ref] = batch.groups * batch.images
    return found
