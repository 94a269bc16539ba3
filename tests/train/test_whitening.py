"""Filters that whiten patches, rules by group, and views, in a run."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from safetensors.numpy import load_file

import kitnet
from kitnet.base.error import KitnetError
from kitnet.data import Dataset
from kitnet.data.arrays import fitted
from kitnet.layers import Context
from kitnet.net import Tape
from kitnet.train import Model, Stepped, resume, train
from kitnet.train.whitening import EPS, whiten

LINE = "8x8x1 -> conv2-8 -> relu -> conv3-6 -> batchnorm -> relu -> fc10"
GROUPS = "conv1.weight: hold; conv1.bias: nesterov rate=0.5 epochs=1; *.shift: sgd decay=0.01"
MORE = {
    "model": LINE,
    "optimizer": "muon steps=3 renorm=1",
    "schedule": "linear",
    "groups": GROUPS,
    "whiten": "conv1",
    "views": "flip,shift1",
    "engine": "formula",
}


def pictures(depth: int = 3) -> Dataset:
    """Pictures in which neighbours are alike."""
    noise = np.random.default_rng(2).uniform(0, 255, (40, 9, 9, depth)).cumsum(1).cumsum(2) % 256
    return Dataset("noise", noise.astype(np.uint8), np.arange(40) % 10, tuple("abcdefghij"))


def test_what_the_filters_give_is_white() -> None:
    """The second moments of the first half are those of independent numbers, less what eps takes away; the
    other half is its negative."""
    source = pictures()
    net = kitnet.parse("9x9x3 -> conv2-24 bias=no -> fc10").initialise(0)
    preparation = fitted(source, net.input_shape)
    whiten(net, "conv1", source, preparation)
    x = preparation.prepare(source.read(np.arange(40))[0])
    y = Tape(net.graph, net.weights, net.state, Context(), {next(iter(net.operands)): x})["conv1"]
    rows = y.reshape(-1, 24).astype(np.float64)
    np.testing.assert_allclose(rows[:, 12:], -rows[:, :12], atol=1e-5)
    moments = rows[:, :12].T @ rows[:, :12] / len(rows)
    left = np.diagonal(moments)
    assert (left <= 1 + 1e-4).all() and left.max() > 0.95
    np.testing.assert_allclose(moments - np.diag(left), 0, atol=1e-4)
    f = net.weights["conv1.weight"].reshape(12, 24)[:, :12].astype(np.float64)
    lengths = np.square(f).sum(0)  # of 1 / (v + eps), v the second moment of a patch along the filter
    np.testing.assert_allclose(left, 1 - EPS * lengths, atol=1e-3)


@pytest.mark.parametrize(
    ("path", "line", "told"),
    [
        ("conv2", LINE, "conv2 is no convolution of the whole input, without groups and a table; name the "),
        ("conv9", LINE, "the network has no layer 'conv9' (did you mean 'conv2'?)"),
        (
            "fc1",
            "8x8x1 -> fc10",
            "fc1 is no convolution of the whole input, without groups and a table; name ",
        ),
        (
            "conv1",
            "8x8x1 -> conv2-7 -> fc10",
            "conv1 has 7 filters, but patches of 4 numbers are whitened by 8, each with both signs; give ",
        ),
    ],
)
def test_layers_that_cannot_whiten(settings, path: str, line: str, told: str) -> None:
    with pytest.raises(KitnetError) as caught:
        list(train(settings(model=line, whiten=path)))
    assert str(caught.value).startswith(f"whiten: {told}")


def test_a_run_goes_on_to_the_same_bits_and_the_filters_stay(settings) -> None:
    whole, stop = list(train(settings(**MORE)))[-1], threading.Event()
    for event in train(settings(**MORE), stop):
        if isinstance(event, Stepped) and (event.epoch, event.step) == (2, 3):
            stop.set()
    last = list(resume(event.folder))[-1]
    one, two = (load_file(run.folder / "last.safetensors") for run in (whole, last))
    assert {name: array.tobytes() for name, array in one.items()} == {
        name: array.tobytes() for name, array in two.items()
    }
    filters = one["weights/conv1.weight"].reshape(4, 8)
    np.testing.assert_array_equal(filters[:, 4:], -filters[:, :4])
    assert whole.summary["groups"] == GROUPS and whole.summary["views"] == "flip,shift1"


def test_a_saved_model_judges_its_views(settings, tmp_path) -> None:
    end = list(train(settings(**MORE)))[-1]
    model = Model.load(end.folder)
    x = np.random.default_rng(1).standard_normal((3, 8, 8, 1), np.float32)
    each = [model.formula_scores(np.ascontiguousarray(view)) for _, view in model.views.of(x)]
    want = sum(s * y for s, y in zip([0.25, 0.125, 0.125] * 2, each, strict=True))
    np.testing.assert_allclose(model.scores(x), want, rtol=1e-5)
    assert np.abs(want - each[0]).max() > 1e-3
    again = tmp_path / "again.safetensors"
    model.save(again)
    assert Model.load(again).views == model.views and Model.verify(again)[0] == 8


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (
            {"groups": "fc9.*: hold"},
            "groups: no parameter is there by the pattern 'fc9.*'; the paths are conv1",
        ),
        (
            {"groups": "fc1.*: sgd rate=-1"},
            "groups: 'fc1.*': a learning rate of -1 is not possible; use a num",
        ),
        (
            {"groups": "*: hold"},
            "--groups: every parameter is held, so that nothing is left to train; leave one out",
        ),
        (
            {"views": "flop"},
            "views 'flop': 'flop' is no view (did you mean 'flip'?); write them like flip,shift1",
        ),
    ],
)
def test_what_a_run_is_told_wrongly(settings, other, told: str) -> None:
    with pytest.raises(KitnetError) as caught:
        list(train(settings(**other)))
    assert str(caught.value).startswith(told)
