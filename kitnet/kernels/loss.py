"""Losses, forward and backward in one pass over the scores of every image.

A loss takes `scores` (a volume of one position), `labels` (int32, one an image), `count` (one int64: how many
images there really are) and `total` (one int64: how many the mean is over, of which these may be a part). It
writes `loss`, one an image, 0 beyond count. With a volume for `dscores` it also writes the gradient of
`weight` times the mean loss over the total, exactly 0 beyond the count; dscores may be the memory of scores.
Images are cut into blocks. As in the formulas the largest exponent is taken off first, so that nothing
overflows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.mathematics import exp, log, log_one_plus
from kitnet.kernels.spec import Batch, Volume
from kitnet.kernels.types import F32, I32, I64
from kitnet.kernels.values import Index, Pointer, Value
from kitnet.kernels.walk import over, share


def softmax_cross_entropy(
    name: str,
    cpu: Cpu,
    batch: Batch,
    scores: Volume,
    dscores: Volume | None = None,
    blocks: int = 1,
    weight: float = 1.0,
    smooth: float = 0.0,
) -> Kernel:
    """C = log(sum e^z) - sum of t z, dz = p - t, where t is 1 - smooth for the label, and smooth is dealt out
    to all classes alike.
    """

    def formula(images: _Images) -> Value:
        return _compete(images, sign=1.0, smooth=smooth)

    return _loss(name, cpu, batch, scores, dscores, blocks, weight, formula)


def rbf_penalty(
    name: str,
    cpu: Cpu,
    batch: Batch,
    scores: Volume,
    dscores: Volume | None = None,
    rubbish: float = 1.0,
    blocks: int = 1,
    weight: float = 1.0,
) -> Kernel:
    """C = y_label + log(e^-rubbish + sum e^-y), dy = t - q: the smallest score wins."""
    return _loss(
        name,
        cpu,
        batch,
        scores,
        dscores,
        blocks,
        weight,
        lambda images: _compete(images, sign=-1.0, rubbish=rubbish),
    )


def sigmoid_cross_entropy(
    name: str,
    cpu: Cpu,
    batch: Batch,
    scores: Volume,
    dscores: Volume | None = None,
    blocks: int = 1,
    weight: float = 1.0,
) -> Kernel:
    """C = sum of log(1 + e^-z) for the label and log(1 + e^z) for other classes, dz = s - t."""

    def formula(images: _Images) -> Value:
        k = images.kernel
        total = k.register(k.zero())
        with images.each_class() as c:
            z, t = images.score(c), images.target(c)
            e, against = exp(-k.abs(z)), k.select(images.is_label(c), -z, z)
            total.set(total.get() + (k.max(against, 0.0) + log_one_plus(e)))
            images.gradient(c, k.select(z < 0.0, e, 1.0) / (e + 1.0) - t)
        return total.get()

    return _loss(name, cpu, batch, scores, dscores, blocks, weight, formula)


def quadratic(
    name: str,
    cpu: Cpu,
    batch: Batch,
    scores: Volume,
    dscores: Volume | None = None,
    blocks: int = 1,
    weight: float = 1.0,
) -> Kernel:
    """C = 1/2 sum (y - t)^2, dy = y - t."""

    def formula(images: _Images) -> Value:
        k = images.kernel
        total = k.register(k.zero())
        with images.each_class() as c:
            d = images.score(c) - images.target(c)
            total.set(k.fma(d, d, total.get()))
            images.gradient(c, d)
        return total.get() * 0.5

    return _loss(name, cpu, batch, scores, dscores, blocks, weight, formula)


class _Images:
    """A vector of images before a loss: their scores and targets, and where the gradient goes."""

    def __init__(
        self,
        kernel: Kernel,
        classes: int,
        stride: int,
        scores: Pointer,
        dscores: Pointer | None,
        labels: Value,
        real: Value,
        scale: Value,
    ) -> None:
        self.kernel, self.classes, self.stride = kernel, classes, stride
        self.scores, self.dscores, self.labels, self.real, self.scale = scores, dscores, labels, real, scale

    @contextmanager
    def each_class(self) -> Iterator[Index]:
        with self.kernel.loop(self.classes) as c:
            yield c

    def score(self, c: Index) -> Value:
        return self.kernel.vector(self.scores, c * self.stride)

    def is_label(self, c: Index) -> Value:
        return self.labels.equals(c if isinstance(c, int) else c.value.to(I32))

    def target(self, c: Index, smooth: float = 0.0) -> Value:
        each = smooth / self.classes
        return self.kernel.select(self.is_label(c), self.kernel.constant(1 - smooth + each), each)

    def gradient(self, c: Index, value: Value) -> None:
        """Of the image's own loss; it is divided by the total here."""
        if self.dscores is not None:
            k = self.kernel
            k.store(k.select(self.real, value * self.scale, 0.0), self.dscores, c * self.stride)


def _loss(
    name: str,
    cpu: Cpu,
    batch: Batch,
    scores: Volume,
    dscores: Volume | None,
    blocks: int,
    weight: float,
    formula: Callable[[_Images], Value],
) -> Kernel:
    """The loop around a formula that gives the loss of a vector of images."""
    if any(v.positions > 1 or v.channels != scores.channels for v in (scores, dscores or scores)):
        raise ValueError(f"kernel {name}: a loss needs scores of one position, and a gradient of their shape")
    gradient = {} if dscores is None else {"dscores": dscores.type}
    k = over(
        name, cpu, batch, blocks, scores=scores.type, labels=I32, count=I64, total=I64, loss=F32, **gradient
    )
    pz, labels, pointer, total, loss, *pd = k.pointers
    count = k.index(k.scalar(pointer))
    scale = weight / k.scalar(total).to(F32)
    group, first, last = share(k, batch, batch.images // k.lanes)
    with k.loop(first * k.lanes, last * k.lanes, k.lanes) as v:
        image = group * batch.images + v
        real = k.iota() < (count - image).value.to(I32)
        images = _Images(
            k,
            scores.channels,
            batch.images,
            pz + group * scores.group_stride(batch) + v,
            pd[0] + group * dscores.group_stride(batch) + v if dscores else None,
            k.vector(labels, image),
            real,
            scale,
        )
        k.store(k.select(real, formula(images), 0.0), loss, image)
    return k


def _compete(images: _Images, sign: float, rubbish: float | None = None, smooth: float = 0.0) -> Value:
    """Cross-entropy of the softmax of sign * scores, against one more exponent, -rubbish, if given. All
    classes together are the target in the share of `smooth`.
    """
    k, each = images.kernel, smooth / images.classes

    def exponent(c: Index) -> Value:
        return images.score(c) if sign > 0 else -images.score(c)

    none = float("-inf") if rubbish is None else -rubbish
    top = k.register(k.constant(none))
    with images.each_class() as c:
        top.set(k.max(top.get(), exponent(c)))
    highest = top.get()
    total = k.register(k.zero() if rubbish is None else exp(none - highest))
    right, spread = k.register(k.zero()), k.register(k.zero())
    with images.each_class() as c:
        z = exponent(c)
        total.set(total.get() + exp(z - highest))
        right.set(k.select(images.is_label(c), z, right.get()))
        if smooth:
            spread.set(spread.get() + (highest - z))
    if images.dscores is not None:
        share = 1.0 / total.get()
        with images.each_class() as c:
            p = exp(exponent(c) - highest) * share
            images.gradient(c, (p - images.target(c, smooth)) * sign)
    far = highest - right.get()
    if smooth:
        far = k.fma(spread.get(), each, far * (1 - smooth))
    return log(total.get()) + far
