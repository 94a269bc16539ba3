"""Pictures into the lanes and back: the same bits, at every count, and nothing beyond it touched."""

import numpy as np
import pytest
from guard import guarded
from volumes import fitting, run

from kitnet.kernels.cpu import detect, levels
from kitnet.kernels.jit import build
from kitnet.kernels.layout import into_lanes, out_of_lanes
from kitnet.kernels.spec import Batch

# (lanes in the images, groups, numbers, blocks)
CASES = [
    (1, 1, 1, 1), (1, 2, 3, 1), (2, 1, 16, 2), (2, 3, 17, 2), (3, 2, 33, 3), (1, 1, 48, 1), (1, 3, 5, 4),
    (2, 2, 100, 7), (4, 1, 31, 1),
]  # fmt: skip


def _counts(total: int) -> list[int]:
    return sorted({0, 1, total // 2 - 1, total // 2, total - 1, total} & set(range(total + 1)))


@pytest.mark.parametrize(
    "level", [*levels()[:2], *(pytest.param(level, marks=pytest.mark.slow) for level in levels()[2:])]
)
def test_both_ways(level):
    cpu = detect(level)
    batches = [Batch(groups, vectors * cpu.lanes) for vectors, groups, _, _ in CASES]
    sizes = [(numbers, blocks) for _, _, numbers, blocks in CASES]
    into = build([into_lanes("into", cpu, b, *s) for b, s in zip(batches, sizes, strict=True)])
    out_of = build([out_of_lanes("out_of", cpu, b, *s) for b, s in zip(batches, sizes, strict=True)])
    rng = np.random.default_rng(1)
    for batch, (numbers, _), there, back in zip(batches, sizes, into, out_of, strict=True):
        total = batch.groups * batch.images
        for count in _counts(total):
            for at in ("end", "start"):
                pictures = rng.integers(0, 2**32, (count, numbers), np.uint32).view(np.float32)
                every = np.zeros((total, numbers), np.float32)
                every[:count] = pictures
                every[count:] = pictures[-1:] if count else 0
                want = every.reshape(batch.groups, batch.images, numbers).swapaxes(1, 2)
                lanes = guarded((batch.groups, numbers, batch.images), at=at)
                run(there, ("y",), x=fitting(pictures, at), count=np.array([count]), y=lanes)
                np.testing.assert_array_equal(lanes.view(np.uint32), want.view(np.uint32))
                outside = guarded((count, numbers), at=at)
                run(back, ("y",), x=lanes, count=np.array([count]), y=outside)
                np.testing.assert_array_equal(outside.view(np.uint32), pictures.view(np.uint32))


def test_lanes_beyond_the_pictures_are_0_in_gradients():
    cpu = detect()
    batch, count, numbers = Batch(2, 2 * cpu.lanes), cpu.lanes + 3, 5
    (code,) = build([into_lanes("into", cpu, batch, numbers, gradient=True)])
    pictures = np.full((count, numbers), 8.0, np.float32)
    y = guarded((batch.groups, numbers, batch.images))
    run(code, ("y",), x=fitting(pictures), count=np.array([count]), y=y)
    assert (y[0, :, :count] == 8).all()
    assert (y[0, :, count:] == 0).all()
    assert (y[1] == 0).all()


def test_what_lies_in_unused_lanes_stays_inside():
    """Only `count` pictures come out, whatever the other lanes hold."""
    cpu = detect()
    batch = Batch(1, 2 * cpu.lanes)
    (code,) = build([out_of_lanes("out_of", cpu, batch, 5)])
    y = np.full((batch.images, 5), 8.0, np.float32)
    code(x=np.full((1, 5, batch.images), 3.0, np.float32), count=np.array([cpu.lanes + 3]), y=y)
    assert (y[: cpu.lanes + 3] == 3).all()
    assert (y[cpu.lanes + 3 :] == 8).all()


def test_the_own_memory_of_a_thread_holds_one_group():
    cpu = detect()
    batch = Batch(3, cpu.lanes)
    into, out_of = build([make("own", cpu, batch, 21, own=True) for make in (into_lanes, out_of_lanes)])
    pictures = np.random.default_rng(2).standard_normal((3 * cpu.lanes, 21)).astype(np.float32)
    count, lanes, back = np.array([3 * cpu.lanes]), guarded((21, cpu.lanes)), guarded(pictures.shape)
    run(into, ("y",), x=fitting(pictures), count=count, y=lanes)
    np.testing.assert_array_equal(lanes, pictures[-cpu.lanes :].T)
    run(out_of, ("y",), x=lanes, count=count, y=back)
    np.testing.assert_array_equal(back, np.tile(lanes.T, (3, 1)))


def test_images_must_fill_vectors():
    cpu = detect()
    with pytest.raises(ValueError, match=f"kernel odd: {cpu.lanes + 1} images do not fill vectors of"):
        into_lanes("odd", cpu, Batch(1, cpu.lanes + 1), 4)
