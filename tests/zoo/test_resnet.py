"""ResNets for CIFAR: the paper's numbers, both kinds of shortcuts, and that they learn."""

from __future__ import annotations

import numpy as np
import pytest

from kitnet.engine import TrainingStep
from kitnet.layers import BatchNorm, Convolution
from kitnet.net import usual_loss
from kitnet.optim import Sgd
from kitnet.zoo import find
from kitnet.zoo.resnet_cifar import projected, resnet, subsampled


def test_layers_and_parameters() -> None:
    """Six layers a block of three stages and two more; option A has 2,752 parameters less."""
    net = find("resnet20:projection").build()
    layers = [node.layer for node in net.graph.nodes]
    windows = [layer.window for layer in layers if isinstance(layer, Convolution)]
    assert (windows.count(3), windows.count(1)) == (19, 2)
    assert sum(isinstance(layer, BatchNorm) for layer in layers) == 21
    convolutions = 9 * (3 * 16 + 6 * 16**2 + 16 * 32 + 5 * 32**2 + 32 * 64 + 5 * 64**2)
    norms, shortcuts = 2 * (7 * 16 + 6 * 32 + 6 * 64), 16 * 32 + 32 * 64 + 2 * (32 + 64)
    parameters = net.ledger().totals["parameters"]
    assert parameters == 272_474 == convolutions + norms + shortcuts + 64 * 10 + 10
    assert parameters - shortcuts == 269_722 == find("resnet20").build().ledger().totals["parameters"]


def test_sizes_and_work() -> None:
    net = find("resnet20").build()
    shapes = [node.shape for node in net.graph.nodes]
    assert {shape[:2] for shape in shapes if len(shape) == 3} >= {(32, 32), (16, 16), (8, 8), (1, 1)}
    assert net.output_shape == (10,)
    macs = sum(
        node.layer.multiply_adds(*net.graph.shapes_into(node))
        for node in net.graph.nodes
        if isinstance(node.layer, Convolution)
    )
    first, stage = 9 * 32**2 * 3 * 16, 9 * 32**2 * 16**2  # every layer of a stage costs the same
    assert macs == first + 16 * stage + 2 * stage // 2


def test_a_shortcut_without_parameters_takes_every_second_place_and_adds_maps_of_zeros() -> None:
    net = resnet(2, 4, 8).initialise(1)
    tape = net.tape(np.random.default_rng(0).standard_normal((2, 8, 8, 3), np.float32))
    x, y = tape["stage1.relu2"], tape["stage2.residual1.shortcut.padchannels1"]
    np.testing.assert_array_equal(y[..., :4], x[:, ::2, ::2])
    np.testing.assert_array_equal(y[..., 4:], np.zeros((2, 4, 4, 4)))


@pytest.mark.slow
@pytest.mark.parametrize("shortcut", [subsampled, projected])
def test_it_learns_twenty_pictures(shortcut) -> None:
    net = resnet(2, 4, 8, shortcut).initialise(1)
    random = np.random.default_rng(2)
    x, labels = random.standard_normal((20, 8, 8, 3), np.float32), np.arange(20) % 10
    step = TrainingStep(net, usual_loss(net.graph), 20, Sgd(0.05, 0.9))
    losses = [float(step(x, labels, number)[0].mean()) for number in range(60)]
    assert losses[0] > 2 and losses[-1] < 0.05
