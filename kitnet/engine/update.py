"""The last steps of a training plan: whether all is finite, and the update of the weights."""

from __future__ import annotations

from typing import Any

from kitnet.base.error import KitnetError
from kitnet.engine.builder import Builder
from kitnet.engine.orthogonal import orthogonalise
from kitnet.engine.step import HostStep, Ref
from kitnet.kernels import update
from kitnet.optim import Rule


def update_steps(b: Builder) -> None:
    """`@trouble` becomes 0 where the losses and the gradients of all weights are finite and no step of Python
    raised an error, else NaN; then the rule changes the weights, but not where it is NaN.
    """
    if not b.request.goals or not b.request.weights or not b.weights.flat.size:
        return
    size, losses = b.weights.flat.size, _losses(b)
    if any(isinstance(step, HostStep) for step in b.steps):
        losses[Ref("@failed")] = 1  # NaN where Python raised an error
    rule = b.request.rule
    squares = _squares(b, size) if rule is not None and rule.reads_norm else None
    first = b.parts if squares is None else 1
    partial, numbers = b.room("trouble", first + len(losses)), first + len(losses)
    if squares is None:
        kernel = update.trouble("trouble", b.cpu, size, b.parts)
        b.at_end("gradients finite", kernel, {"x": Ref("@gradient")}, {"partial": partial})
    else:  # a sum of squares is finite only where every gradient is
        kernel = update.trouble("trouble", b.cpu, 1)
        b.at_end("gradients finite", kernel, {"x": squares}, {"partial": partial})
    for number, (ref, rows) in enumerate(losses.items(), first):
        kernel = update.trouble("trouble", b.cpu, rows)
        label = "nothing raised" if ref.buffer == "@failed" else "losses finite"
        b.at_end(label, kernel, {"x": ref}, {"partial": partial.plus(number)})
    kernel = update.reduce("reduce", b.cpu, numbers, 1)
    b.at_end("all finite", kernel, {"partial": partial}, {"y": Ref("@trouble")})
    if rule is None:
        return
    names = list(rule.scalars(0))
    memory = {f"memory_{name}": Ref(f"@memory {name}") for name in rule.memory}
    reads = {"dw": Ref("@gradient"), "rates": Ref("@rates")}
    if squares is not None:
        reads["squares"] = squares
    how = b.tasks, rule.reads_norm
    try:
        if rule.reads_orthogonal:
            kernel = update.head("heading", b.cpu, size, rule.memory, names, rule.heading, *how)
            heading = b.room("heading", size)
            b.at_end("heading", kernel, {**reads, **memory}, {"y": heading})
            reads["orthogonal"] = orthogonalise(b, heading)
        kernel = update.follow(
            "update", b.cpu, size, rule.memory, names, _checked(rule), *how, rule.reads_orthogonal
        )
    except TypeError as error:
        raise KitnetError(f"{type(rule).__name__}: its update cannot become a kernel: {error}") from None
    reads |= {"decays": Ref("@decays"), "trouble": Ref("@trouble")}
    b.at_end("update", kernel, reads, {"w": Ref("@weights"), **memory})


def _squares(b: Builder, size: int) -> Ref:
    """The sum of the squares of all gradients."""
    partial, squares = b.room("squares", b.parts), b.room("sum of squares", 1)
    kernel = update.squares("squares", b.cpu, size, b.parts)
    b.at_end("gradients squared", kernel, {"x": Ref("@gradient")}, {"partial": partial})
    kernel = update.reduce("reduce", b.cpu, b.parts, 1)
    b.at_end("squares of all gradients", kernel, {"partial": partial}, {"y": squares})
    return squares


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
