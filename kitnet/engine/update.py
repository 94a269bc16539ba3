"""The last steps of a training plan: whether all is finite, and the update of the weights."""

from __future__ import annotations

from typing import Any

from kitnet.base.error import KitnetError
from kitnet.engine.builder import Builder
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
    length = _length(b, size) if rule is not None and rule.reads_norm else None
    first = b.parts if length is None else 1
    partial, numbers = b.room("trouble", first + len(losses)), first + len(losses)
    if length is None:
        kernel = update.trouble("trouble", b.cpu, size, b.parts)
        b.at_end("gradients finite", kernel, {"x": Ref("@gradient")}, {"partial": partial})
    else:  # which is finite only where every gradient is
        kernel = update.trouble("trouble", b.cpu, 1)
        b.at_end("gradients finite", kernel, {"x": length}, {"partial": partial})
    for number, (ref, rows) in enumerate(losses.items(), first):
        kernel = update.trouble("trouble", b.cpu, rows)
        label = "nothing raised" if ref.buffer == "@failed" else "losses finite"
        b.at_end(label, kernel, {"x": ref}, {"partial": partial.plus(number)})
    kernel = update.reduce("reduce", b.cpu, numbers, 1)
    b.at_end("all finite", kernel, {"partial": partial}, {"y": Ref("@trouble")})
    if rule is None:
        return
    names = list(rule.scalars(0))
    try:
        kernel = update.follow(
            "update", b.cpu, size, rule.memory, names, _checked(rule), b.tasks, rule.reads_norm
        )
    except TypeError as error:
        raise KitnetError(f"{type(rule).__name__}: its update cannot become a kernel: {error}") from None
    reads = {
        "dw": Ref("@gradient"),
        "decays": Ref("@decays"),
        "rates": Ref("@rates"),
        "trouble": Ref("@trouble"),
    }
    if length is not None:
        reads["norm"] = length
    memory = {f"memory_{name}": Ref(f"@memory {name}") for name in rule.memory}
    b.at_end("update", kernel, reads, {"w": Ref("@weights"), **memory})


def _length(b: Builder, size: int) -> Ref:
    """The length of the whole gradient."""
    partial, length = b.room("squares", 2 * b.parts), b.room("length", 1)
    kernel = update.squares("squares", b.cpu, size, b.parts)
    b.at_end("gradients squared", kernel, {"x": Ref("@gradient")}, {"partial": partial})
    kernel = update.length("length", b.cpu, b.parts)
    b.at_end("length of all gradients", kernel, {"partial": partial}, {"y": length})
    return length


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
