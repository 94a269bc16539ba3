"""Which requests are computed together, and when."""

import asyncio
import threading

import numpy as np
import pytest
from asked import finished

from kitnet.serve.batcher import Batcher, FullError
from kitnet.serve.plans import parts, sizes

LONG = 60.0  # seconds of a deadline that no test waits for


class Computed:
    """A network whose score of an image is the image's number; notes the sizes of its batches. While `hold`
    is cleared a batch is not ready."""

    def __init__(self):
        self.batches, self.hold = [], threading.Event()
        self.hold.set()

    def __call__(self, placed):
        assert self.hold.wait(30)
        self.batches.append([len(images) for images in placed])
        images = np.concatenate(placed)
        if (images < 0).any():
            raise ValueError("below 0")
        return images, -images


async def request(batcher, images, arrives=None):
    with batcher.expecting():
        if arrives is not None:
            await arrives.wait()
        found = batcher.submit(np.array(images, float))
    scores, others = await found
    assert scores.tolist() == images and (others == -scores).all()


def test_who_is_alone_does_not_wait():
    async def run():
        batcher = Batcher(computed := Computed(), 8, LONG, 99)
        await request(batcher, [1, 2])
        assert (computed.batches, batcher.waiting) == ([[2]], 0)

    finished(asyncio.wait_for(run(), 30))


def test_those_that_are_on_their_way_are_waited_for():
    async def run():
        batcher, arrives = Batcher(computed := Computed(), 8, LONG, 99), asyncio.Event()
        asked = [asyncio.create_task(request(batcher, [k], arrives if k == 3 else None)) for k in (3, 1, 2)]
        await asyncio.sleep(0.05)
        assert computed.batches == [] and batcher.waiting == 2
        arrives.set()
        await asyncio.gather(*asked)
        assert computed.batches == [[1, 1, 1]]

    finished(asyncio.wait_for(run(), 30))


def test_a_full_batch_and_the_deadline_do_not_wait():
    async def run():
        for deadline, images in ((LONG, [[1, 2], [3, 4]]), (0.02, [[1]])):
            batcher, never = Batcher(computed := Computed(), 4, deadline, 99), asyncio.Event()
            late = asyncio.create_task(request(batcher, [9], never))
            await asyncio.sleep(0)
            await asyncio.gather(*(request(batcher, some) for some in images))
            assert computed.batches == [[len(some) for some in images]]
            never.set()
            await late

    finished(asyncio.wait_for(run(), 30))


def test_a_batch_has_no_more_than_it_may():
    async def run():
        batcher = Batcher(computed := Computed(), 4, 0.01, 99)
        computed.hold.clear()
        asked = [asyncio.create_task(request(batcher, [k] * n)) for k, n in enumerate((1, 3, 2, 9, 1))]
        await asyncio.sleep(0.05)
        computed.hold.set()
        await asyncio.gather(*asked)
        assert computed.batches == [[1], [3], [2], [9], [1]] and batcher.waiting == 0

    finished(asyncio.wait_for(run(), 30))


def test_more_than_may_wait_are_refused_and_later_ones_are_not():
    async def run():
        told = []
        batcher = Batcher(computed := Computed(), 4, 0.01, 6, told.append)
        computed.hold.clear()
        asked = [asyncio.create_task(request(batcher, [k] * 3)) for k in (1, 2)]
        await asyncio.sleep(0.05)
        with pytest.raises(FullError):
            await request(batcher, [3])
        computed.hold.set()
        await asyncio.gather(*asked)
        await request(batcher, [3] * 7)  # more than may wait, but nobody does
        assert told == [3, 3, 7]

    finished(asyncio.wait_for(run(), 30))


def test_an_error_is_that_of_its_batch_and_who_goes_is_left_out():
    async def run():
        batcher = Batcher(computed := Computed(), 1, 0.01, 99)
        with pytest.raises(ValueError, match="below 0"):
            await request(batcher, [-1])
        computed.hold.clear()
        asked = [asyncio.create_task(request(batcher, [k])) for k in (1, 2, 3)]
        await asyncio.sleep(0.05)
        asked[1].cancel()
        await asyncio.sleep(0)
        computed.hold.set()
        await asyncio.gather(asked[0], asked[2])
        assert computed.batches[1:] == [[1], [1]] and batcher.waiting == 0

    finished(asyncio.wait_for(run(), 30))


def test_plans_are_more_than_half_full():
    assert sizes(64) == [1, 4, 16, 64] and sizes(1) == [1] and sizes(20) == [1, 4, 16, 20]
    known = sizes(64)
    for images in range(1, 200):
        taken, left = list(parts(images, known)), images
        for size in taken:
            assert left > 0 and 2 * left > size
            left -= size
        assert left <= 0
    assert list(parts(17, known)) == [16, 1] and list(parts(40, known)) == [64]
