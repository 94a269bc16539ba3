"""Softmax, the losses and radial basis units against their formulas in float64."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from guard import guarded
from volumes import Slab, fitting, run, volume

from kitnet.kernels import loss as losses
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.jit import build
from kitnet.kernels.radial_basis import rbf, rbf_gradient
from kitnet.kernels.softmax import softmax, softmax_gradient
from kitnet.kernels.spec import Batch
from kitnet.layers import (
    Quadratic,
    RadialBasis,
    RadialBasisPenalty,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
)
from kitnet.layers.contract import Context, Kept
from kitnet.layers.radial_basis import digit_bitmaps

EPS = 2.0**-24  # half a unit in the last place: what one rounding may cost
EACH_LEVEL = pytest.mark.parametrize("cpu", [detect(level) for level in levels()], ids=levels())
LOSSES = {
    "softmax_cross_entropy": (losses.softmax_cross_entropy, SoftmaxCrossEntropy()),
    "smoothed": (partial(losses.softmax_cross_entropy, smooth=0.3), SoftmaxCrossEntropy(0.3)),
    "sigmoid_cross_entropy": (losses.sigmoid_cross_entropy, SigmoidCrossEntropy()),
    "quadratic": (losses.quadratic, Quadratic()),
    "rbf_penalty": (losses.rbf_penalty, RadialBasisPenalty()),
}
EACH_LOSS = pytest.mark.parametrize("word", LOSSES)


def batches(cpu: Cpu) -> list[Batch]:
    return [Batch(1, cpu.lanes), Batch(3, cpu.lanes), Batch(2, 3 * cpu.lanes)]


def counts(total: int) -> list[int]:
    return [1, total - 3, total]


def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """From near nothing to where e^x overflows."""
    return (rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 3, (shape[0], 1))).astype(np.float32)


def formula(layer, z, labels, classes):
    """Losses, and the gradients of their mean."""
    t = np.eye(classes)[labels]
    each = layer.forward({}, {}, Context(), z, t).y
    gradient = layer.backward({}, Kept((z.shape, t.shape), x=(z, t)), np.full(len(z), 1 / len(z))).dx[0]
    return each, gradient


@EACH_LEVEL
@EACH_LOSS
def test_loss_and_gradient(word, cpu):
    """A loss is a sum of at most 2 terms a class that are as large as the largest score at most; exp carries
    an error of its argument on, so that relative errors of p grow with the scores' distance.
    """
    maker, layer = LOSSES[word]
    cases = [(b, 1 + (3 * i + 6) % 13, i + 1) for i, b in enumerate(batches(cpu))]
    shapes = [
        (volume(classes, extra=blocks % 2), volume(classes, extra=blocks)) for _, classes, blocks in cases
    ]
    both = build([maker("both", cpu, c[0], *s, blocks=c[2]) for c, s in zip(cases, shapes, strict=True)])
    only = build([maker("only", cpu, c[0], s[0], blocks=c[2]) for c, s in zip(cases, shapes, strict=True)])
    rng = np.random.default_rng(1)
    for (batch, classes, _), (z, dz), forward, evaluate in zip(cases, shapes, both, only, strict=True):
        total = batch.groups * batch.images
        for count in counts(total):
            values = draw(rng, (count, classes))
            labels = fitting(rng.integers(0, classes, total).astype(np.int32))
            scores, dscores, each = Slab(z, batch).put(values), Slab(dz, batch), guarded(total)
            known = {
                "scores": scores,
                "labels": labels,
                "count": np.array([count]),
                "total": np.array([count]),
            }
            run(forward, ("loss", "dscores"), **known, loss=each, dscores=dscores)
            want, gradient = formula(layer, values.astype(float), labels[:count], classes)
            biggest = abs(values.astype(float)).max(1)
            size = classes * (biggest**2 if word == "quadratic" else biggest + 1) + 1
            assert (abs(each[:count] - want) <= 4 * EPS * np.maximum(size, abs(want))).all()
            distance = biggest if word == "quadratic" else 1 + np.minimum(2 * biggest, 100)
            bound = 8 * EPS * (1 + distance) / count
            got = dscores.get()
            assert (abs(got[:count].reshape(count, classes) - gradient) <= bound[:, None]).all()
            assert (each[count:] == 0).all()
            assert (got[count:].view(np.uint32) == 0).all()

            alone = guarded(total)
            run(evaluate, ("loss",), **known, loss=alone)
            np.testing.assert_array_equal(alone, each)


@pytest.mark.parametrize(
    ("word", "scores", "want", "gradient"),
    [
        ("softmax_cross_entropy", [0, -np.inf], 0, [0, 0]),
        ("softmax_cross_entropy", [-np.inf, 0], np.inf, [-1, 1]),
        ("sigmoid_cross_entropy", [200, -np.inf], 0, [0, 0]),
        ("sigmoid_cross_entropy", [np.inf, -np.inf], 0, [0, 0]),
        ("sigmoid_cross_entropy", [-np.inf, -np.inf], np.inf, [-1, 0]),
    ],
)
def test_infinite_scores(word, scores, want, gradient):
    """Of an image of class 0: the score of another class that is surely wrong adds nothing."""
    cpu = detect()
    batch, z = Batch(1, cpu.lanes), volume(2)
    (code,) = build([LOSSES[word][0]("both", cpu, batch, z, z)])
    labels, loss = np.zeros(cpu.lanes, np.int32), guarded(cpu.lanes)
    slab, dscores = Slab(z, batch).put(np.array([scores], np.float32)), Slab(z, batch)
    known = {"labels": labels, "count": np.array([1]), "total": np.array([1])}
    run(code, ("loss", "dscores"), scores=slab, **known, loss=loss, dscores=dscores)
    assert loss[0] == want
    assert dscores.get(1).ravel().tolist() == gradient


@EACH_LOSS
def test_gradient_in_the_memory_of_the_scores(word):
    cpu = detect()
    batch, z = Batch(2, cpu.lanes), volume(10)
    (code,) = build([LOSSES[word][0]("both", cpu, batch, z, z)])
    rng = np.random.default_rng(2)
    scores, dscores = Slab(z, batch).put(draw(rng, (2 * cpu.lanes, 10))), Slab(z, batch)
    known = {
        "labels": rng.integers(0, 10, 2 * cpu.lanes).astype(np.int32),
        "count": np.array([20]),
        "total": np.array([20]),
    }
    known["loss"] = guarded(2 * cpu.lanes)
    run(code, ("loss", "dscores"), scores=scores, dscores=dscores, **known)
    run(code, ("loss", "dscores", "scores"), scores=scores, dscores=scores, **known)
    np.testing.assert_array_equal(scores.get(), dscores.get())


@EACH_LOSS
def test_what_lies_in_unused_lanes_stays_there(word):
    """NaN scores and senseless labels beyond the count leave zeros behind, also where the count is 0."""
    cpu = detect()
    batch, z = Batch(2, cpu.lanes), volume(3)
    (code,) = build([LOSSES[word][0]("both", cpu, batch, z, z)])
    for count in (0, 5):
        scores, dscores, loss = Slab(z, batch), Slab(z, batch), guarded(2 * cpu.lanes)
        scores.lanes[0, :, :, :count] = 1.5
        labels = np.full(2 * cpu.lanes, -77, np.int32)
        labels[:count] = 1
        code(
            scores=scores.raw,
            labels=labels,
            count=np.array([count]),
            total=np.array([count]),
            loss=loss,
            dscores=dscores.raw,
        )
        assert np.isfinite(loss[:count]).all()
        assert (loss[count:].view(np.uint32) == 0).all()
        assert (dscores.get()[count:].view(np.uint32) == 0).all()


@pytest.mark.parametrize(
    ("word", "z", "want"),
    [
        ("softmax_cross_entropy", [1000.0, 0.0], 0.0), ("softmax_cross_entropy", [-1000.0, 0.0], 1000.0),
        ("softmax_cross_entropy", [20.0, 0.0], 2.0611536e-09),
        ("sigmoid_cross_entropy", [30.0, -30.0], 1.8715245e-13),
        ("sigmoid_cross_entropy", [-1e4, 1e4], 2e4), ("rbf_penalty", [1e4, 1e4], 9999.0),
    ],
)  # fmt: skip
def test_what_overflows_or_vanishes_when_written_carelessly(word, z, want):
    """The second of softmax is less exact in the formula: log(1 + e^-20) is rounded away in the sum."""
    cpu = detect()
    batch, scores = Batch(1, cpu.lanes), volume(2)
    (code,) = build([LOSSES[word][0]("only", cpu, batch, scores)])
    slab, loss = Slab(scores, batch).put(np.array([z], np.float32)), guarded(cpu.lanes)
    code(
        scores=slab.raw,
        labels=np.zeros(cpu.lanes, np.int32),
        count=np.array([1]),
        total=np.array([1]),
        loss=loss,
    )
    tolerance = 2.0**-23 if word == "softmax_cross_entropy" and z[0] == 20 else 0
    np.testing.assert_allclose(loss[0], want, rtol=1e-6, atol=tolerance)


def test_rubbish_is_a_class_of_its_own():
    cpu = detect()
    batch, z = Batch(1, cpu.lanes), volume(4)
    (code,) = build([losses.rbf_penalty("both", cpu, batch, z, z, rubbish=4.5)])
    rng = np.random.default_rng(3)
    values, labels = (
        rng.uniform(0, 9, (cpu.lanes, 4)).astype(np.float32),
        rng.integers(0, 4, cpu.lanes, np.int32),
    )
    dscores, loss = Slab(z, batch), guarded(cpu.lanes)
    scores = Slab(z, batch).put(values)
    run(
        code, ("loss", "dscores"), scores=scores, labels=labels, count=np.array([cpu.lanes]),
        total=np.array([cpu.lanes]), loss=loss, dscores=dscores,
    )  # fmt: skip
    want, gradient = formula(RadialBasisPenalty(4.5), values.astype(float), labels, 4)
    np.testing.assert_allclose(loss, want, rtol=1e-5)
    np.testing.assert_allclose(dscores.get().reshape(-1, 4), gradient, rtol=1e-5, atol=1e-7)


def test_a_loss_needs_one_position():
    with pytest.raises(ValueError, match="kernel quadratic: a loss needs scores of one position"):
        losses.quadratic("quadratic", detect(), Batch(1, 64), volume(2, 2, 3))


@EACH_LEVEL
def test_softmax(cpu):
    shapes = [volume(10), volume(1, extra=1), volume(2, 3, 4, extra=2), volume(5, 7)]
    kernels = []
    for i, (shape, batch) in enumerate(zip(shapes, [*batches(cpu), Batch(2, cpu.lanes)], strict=True)):
        kernels += [
            (shape, batch, True, softmax("softmax", cpu, batch, shape, shape, blocks=i + 1)),
            (shape, batch, i % 2 > 0, softmax_gradient("back", cpu, batch, *[shape] * 3, i % 2 > 0, i + 1)),
        ]
    codes = iter(build([k for *_, k in kernels]))
    rng = np.random.default_rng(4)
    for shape, batch, accumulate, _ in kernels[1::2]:
        x, y, dy, dx = (Slab(shape, batch) for _ in range(4))
        x.lanes[...] = rng.uniform(-30, 30, x.lanes.shape)
        run(next(codes), ("y",), x=x, y=y)
        want = Softmax().forward({}, {}, Context(), x.get().astype(float)).y
        # an argument of up to 60 is wrong by 60 roundings at most, which exp makes relative
        assert (abs(y.get() - want) <= (64 + shape.channels) * EPS * want).all()
        dy.lanes[...] = rng.standard_normal(dy.lanes.shape)
        if accumulate:
            dx.lanes[...] = rng.standard_normal(dx.lanes.shape)
        old = dx.get() if accumulate else np.float32(0)
        run(next(codes), ("dx",), y=y, dy=dy, dx=dx)
        wide, size = y.get().astype(float), abs(dy.get()).max(-1, keepdims=True)
        want = old + Softmax().backward({}, Kept((wide.shape,), y=wide), dy.get().astype(float)).dx[0]
        bound = (shape.channels + 3) * EPS * (2 * wide * size + abs(old))
        assert (abs(dx.get() - want) <= bound).all()


@EACH_LEVEL
@pytest.mark.parametrize("shape", [(84,), (2, 3, 14)])
def test_radial_basis(cpu, shape):
    """84 squares and their sum round 86 times; the gradient's ten products a little more."""
    bitmaps = fitting(digit_bitmaps().astype(np.float32))
    cases = [(b, volume(*shape, extra=i), i % 2 > 0, i + 1) for i, b in enumerate(batches(cpu))]
    y = volume(10, extra=1)
    forward = build([rbf("rbf", cpu, b, x, y, blocks) for b, x, _, blocks in cases])
    back = build(
        [rbf_gradient("back", cpu, b, x, y, volume(*shape), add, blocks) for b, x, add, blocks in cases]
    )
    rng = np.random.default_rng(5)
    for (batch, x, accumulate, _), there, again in zip(cases, forward, back, strict=True):
        values, out, dy, dx = Slab(x, batch), Slab(y, batch), Slab(y, batch), Slab(volume(*shape), batch)
        values.lanes[...] = rng.standard_normal(values.lanes.shape)
        run(there, ("y",), x=values, bitmaps=bitmaps, y=out)
        wide = values.get().astype(float)
        want = RadialBasis().forward({}, {}, Context(), wide).y
        assert (abs(out.get().reshape(want.shape) - want) <= 88 * EPS * want).all()
        dy.lanes[...] = rng.standard_normal(dy.lanes.shape)
        if accumulate:
            dx.lanes[...] = rng.standard_normal(dx.lanes.shape)
        old = dx.get() if accumulate else np.float32(0)
        run(again, ("dx",), x=values, bitmaps=bitmaps, dy=dy, dx=dx)
        d = dy.get().astype(float).reshape(-1, 10)
        (want,) = RadialBasis().backward({}, Kept((wide.shape,), x=(wide,)), d).dx
        size = 2 * abs(d).sum(1).reshape(-1, 1, 1, 1) * (abs(wide) + 1)
        assert (abs(dx.get() - (want + old)) <= 14 * EPS * (size + abs(old))).all()


@EACH_LOSS
def test_the_mean_may_be_over_more_images_than_these(word):
    """A quarter of the gradient where these are a quarter of the batch; the losses are the same."""
    cpu = detect()
    batch, z = Batch(1, cpu.lanes), volume(3)
    (code,) = build([LOSSES[word][0]("both", cpu, batch, z, z)])
    scores = Slab(z, batch).put(draw(np.random.default_rng(3), (cpu.lanes, 3)))
    known = {"labels": np.zeros(cpu.lanes, np.int32), "count": np.array([cpu.lanes])}
    found = []
    for times in (1, 4):
        loss, dscores = guarded(cpu.lanes), Slab(z, batch)
        total = np.array([times * cpu.lanes])
        run(code, ("loss", "dscores"), scores=scores, **known, total=total, loss=loss, dscores=dscores)
        found.append((loss.copy(), dscores.get()))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], 4 * found[1][1])
