import threading
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kitnet.base.error import DataError
from kitnet.base.random import stream
from kitnet.data import Augmentation, Dataset, Loader, Preparation, open_image
from kitnet.data import loader as module

EVERY_TIME = settings(derandomize=True, deadline=None)


def numbered(n):
    """n pictures of one pixel that says its own number, which is its label too."""
    numbers = np.arange(n)
    return Dataset("mine", numbers.astype(np.uint8).reshape(n, 1, 1, 1), numbers, tuple(map(str, range(n))))


def loader(n, batch, seed=0, shuffle=True):
    preparation = Preparation((1, 1, 1), (1, 1), (0.0,), (1 / 255,))
    return Loader(numbered(n), preparation, batch, seed, shuffle)


def seen(batches):
    """The labels of each batch; every picture must be beside its label."""
    lists = []
    for x, labels in batches:
        assert x.dtype == np.float32 and x.shape == (len(labels), 1, 1, 1) and labels.dtype == np.int64
        np.testing.assert_allclose(x.ravel(), labels, rtol=1e-6)
        lists.append(labels.tolist())
    return lists


@given(n=st.integers(1, 60), batch=st.integers(1, 70), e=st.integers(0, 5), data=st.data())
@EVERY_TIME
def test_an_epoch_has_every_picture_once_and_can_go_on_anywhere(n, batch, e, data):
    batches = seen(loader(n, batch).epoch(e))
    assert len(batches) == loader(n, batch).steps
    assert [len(labels) for labels in batches[:-1]] == [batch] * (len(batches) - 1)
    assert sorted(chain(*batches)) == list(range(n))
    first = data.draw(st.integers(0, len(batches)))
    assert seen(loader(n, batch).epoch(e, first)) == batches[first:]


def test_the_order_depends_on_seed_and_epoch_alone():
    orders = {(s, e): tuple(chain(*seen(loader(50, 7, s).epoch(e)))) for s in (0, 1) for e in (0, 1)}
    assert len(set(orders.values())) == 4
    other = loader(50, 9, 1)
    list(other.epoch(3))
    assert tuple(chain(*seen(other.epoch(1)))) == orders[1, 1]
    assert orders[1, 0] == tuple(stream(1, "shuffle", step=0).permutation(50))


def test_without_shuffling():
    assert seen(loader(5, 2, shuffle=False).epoch(3)) == [[0, 1], [2, 3], [4]]


def test_a_batch_may_be_changed():
    data = loader(4, 2, shuffle=False)
    for x, labels in data.epoch(0):
        x[:] = labels[:] = 0
    assert seen(data.epoch(0)) == [[0, 1], [2, 3]]


def test_a_large_set_is_prepared_batch_by_batch(monkeypatch):
    kept = seen(loader(20, 3).epoch(1))
    monkeypatch.setattr(module, "KEPT", 79)  # the 20 prepared pixels are 80 bytes
    prepared = []
    original = Preparation.placed
    monkeypatch.setattr(
        Preparation, "placed", lambda self, images: prepared.append(len(images)) or original(self, images)
    )
    assert seen(loader(20, 3).epoch(1)) == kept
    assert prepared == [3] * 6 + [2]
    prepared.clear()
    monkeypatch.setattr(module, "KEPT", 80)
    assert seen(loader(20, 3).epoch(1)) == kept
    assert prepared == [20]


def test_what_it_refuses():
    with pytest.raises(DataError) as caught:
        loader(5, 0)
    assert str(caught.value) == "a batch of 0 pictures is not possible; use 1 or more"
    for step in (-1, 4):
        with pytest.raises(DataError) as caught:
            next(loader(5, 2).epoch(0, step))
        assert str(caught.value) == f"an epoch of 3 steps cannot begin at step {step}"


def augmented(text, workers=0, batch=4, shuffle=True, channels=3):
    images = np.random.default_rng(0).integers(0, 256, (21, 6, 6, channels), np.uint8)
    data = Dataset("mine", images, np.arange(21) % 3, ("a", "b", "c"))
    preparation = Preparation.fitted(data, (6, 6, channels))
    return Loader(data, preparation, batch, 5, shuffle, Augmentation.parse(text), workers)


EVERYTHING = "flip,crop2,crop1 reflect,jitter0.3,affine0.2,elastic4-2,cutout3"


@pytest.mark.parametrize("text", [EVERYTHING, "resizedcrop0.3,flip,mixup0.4", "crop1,cutmix"])
def test_what_becomes_of_a_picture_depends_on_seed_epoch_and_number_alone(monkeypatch, text):
    def by_number(loader, e):
        """The prepared pictures and their classes, in the order of the data set."""
        x, labels = (np.concatenate(each) for each in zip(*loader.epoch(e), strict=True))
        order = stream(5, "shuffle", step=e).permutation(21) if loader.shuffle else np.arange(21)
        return x[np.argsort(order)], labels[np.argsort(order)]

    expected = by_number(augmented(text), 2)
    others = [
        augmented(text, batch=21),
        augmented(text, batch=1, workers=3),
        augmented(text, batch=5, shuffle=False, workers=2),
    ]
    monkeypatch.setattr(module, "KEPT", 0)
    others += [augmented(text, batch=7), augmented(text, batch=3, workers=1)]
    for other in others:
        for found, wanted in zip(by_number(other, 2), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
    assert (by_number(augmented(text), 1)[0] != expected[0]).any()


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_change_nothing_and_an_epoch_can_go_on_anywhere(workers):
    alone = list(augmented("flip").epoch(1, 2))
    ahead = list(augmented("flip", workers).epoch(1, 2))
    assert len(alone) == len(ahead) == 4
    for (x, labels), (expected, as_expected) in zip(ahead, alone, strict=True):
        np.testing.assert_array_equal(x, expected)
        np.testing.assert_array_equal(labels, as_expected)


def test_whoever_stops_leaves_no_thread_behind():
    batches = augmented("flip", workers=2, batch=1).epoch(0)
    next(batches)
    batches.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("loader")]


def test_what_a_worker_raises_arrives(monkeypatch):
    loader = augmented("flip", workers=2)
    monkeypatch.setattr(loader, "_prepared", lambda e, chosen: open_image("no such file"))
    with pytest.raises(DataError, match="no such file: No such file or directory"):
        next(loader.epoch(0))


def test_mixed_classes_are_shares():
    loader = augmented("mixup0.4", shuffle=False, batch=21)
    assert loader.mixes and not augmented("flip").mixes
    (_, shares), *_ = loader.epoch(0)
    assert shares.dtype == np.float32 and shares.shape == (21, 3)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-6)
    assert ((shares > 0).sum(1) <= 2).all() and ((shares > 0).sum(1) == 2).any()
