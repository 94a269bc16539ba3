"""Sums of several terms in any order, beside what a norm or a convolution adds in passing."""

from __future__ import annotations

import numpy as np
import pytest
from plans import EPS, coarse, coarse_images
from test_fusion import gradients_agree, trained

import kitnet
from kitnet.engine import Scores
from kitnet.net import usual_loss
from kitnet.net.objective import scores_of

START = "6x6x2 -> conv3-4 same -> "
SUMS = {
    "three, the norm last": START
    + "add[identity | conv1-4 | conv3-4 same bias=no -> batchnorm] -> relu -> fc10",
    "three, a convolution last": START + "add[identity | tanh | conv3-4 same] -> tanh -> fc10",
    "two, the norm last": START + "add[tanh | conv3-4 same bias=no -> batchnorm] -> relu -> fc10",
    "two, the convolution first": START + "add[conv3-4 same | tanh] -> relu -> fc10",
}


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("batch", [2, 20])
def test_scores(name: str, batch: int) -> None:
    net = trained(kitnet.parse(SUMS[name]).initialise(3), 20)
    loss, x = usual_loss(net.graph), coarse_images(np.random.default_rng(0), net, batch)
    want = net.tape(x).values[scores_of(net.graph, loss)]
    for fuse in (True, False):
        got = Scores(net, loss, batch, fuse=fuse)(x)
        np.testing.assert_allclose(got, want, rtol=0, atol=100 * EPS * np.abs(want).max())


@pytest.mark.parametrize("name", SUMS)
def test_gradients(name: str) -> None:
    gradients_agree(coarse(kitnet.parse(SUMS[name]), 2), 20)
