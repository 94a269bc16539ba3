"""A network made fast: what `net.compile` gives."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, overload

from kitnet.base.error import KitnetError, nearest
from kitnet.engine.lower import wishes_of
from kitnet.engine.run import Progress, Scores, TrainingStep
from kitnet.layers import Loss
from kitnet.net.network import Net
from kitnet.net.objective import usual_loss
from kitnet.optim import Sgd

MODES = ("infer", "train", "gradient")


@overload
def compile(
    net: Net, batch: int = ..., mode: Literal["infer"] = ..., *,
    threads: int | None = ..., forbid: Collection[str] = ..., force: Collection[str] = ...,
    progress: Progress | None = ...,
) -> Scores: ...  # fmt: skip
@overload
def compile(
    net: Net, batch: int, mode: Literal["train", "gradient"], *,
    loss: Loss | None = ..., rule: Sgd | None = ..., seed: int = ...,
    threads: int | None = ..., forbid: Collection[str] = ..., force: Collection[str] = ...,
    progress: Progress | None = ...,
) -> TrainingStep: ...  # fmt: skip
def compile(
    net: Net,
    batch: int = 1,
    mode: str = "infer",
    *,
    loss: Loss | None = None,
    rule: Sgd | None = None,
    seed: int = 0,
    threads: int | None = None,
    forbid: Collection[str] = (),
    force: Collection[str] = (),
    progress: Progress | None = None,
) -> Scores | TrainingStep:
    """A plan of the network for up to `batch` images, in machine code.

    Mode `infer` gives a function from images (N, *net.input_shape) to the output (N, *net.output_shape), for
    any N; call its `refresh()` when weights have changed. Mode `train` gives a function of images, classes
    (N,) and the number of the step that does a whole training step: by `rule`, on `loss` (the usual one of
    the network's last layer). It returns losses (N,) and scores (N, classes); `seed` keys the random bits of
    dropout. Mode `gradient` does the same but for the update, for an optimiser of your own: it leaves the
    mean gradient in the function's `gradient`. `forbid` and `force` name implementations (`kitnet explain`
    prints them) that are not used, or used wherever they can. Raises KitnetError.
    """
    if batch < 1:
        raise KitnetError(f"a batch of {batch} images is not possible; use 1 or more")
    wishes = wishes_of(forbid, force)
    if mode == "infer":
        return Scores(net, None, batch, threads=threads, wishes=wishes, progress=progress)
    if mode not in MODES:
        raise KitnetError(f"unknown mode {mode!r}{nearest(mode, MODES)}; known: {', '.join(MODES)}")
    if rule is not None and mode == "gradient":
        raise KitnetError("mode 'gradient' leaves the weights alone and takes no rule; 'train' does")
    rule = (rule or Sgd()) if mode == "train" else None
    memory = {"velocity": net.weights.like().flat} if rule else {}
    loss = loss or usual_loss(net.graph)
    return TrainingStep(
        net, loss, batch, rule, memory, seed=seed, threads=threads, wishes=wishes, progress=progress
    )
