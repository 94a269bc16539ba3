from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kitnet.base.error import DataError
from kitnet.base.random import stream
from kitnet.data import Dataset, Loader, Preparation
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
    original = Preparation.prepare
    monkeypatch.setattr(
        Preparation, "prepare", lambda self, images: prepared.append(len(images)) or original(self, images)
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
