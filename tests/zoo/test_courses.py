"""Networks that courses begin with or speak of, against their numbers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from built import built
from catalogue import row

import kitnet
from kitnet.layers.pooling import Pooling
from kitnet.net import Net

DOC = Path(__file__).parents[2] / "docs" / "without-pools.md"


def volumes(net: Net) -> dict[str, tuple[int, ...]]:
    return {one.path: one.output for one in net.ledger().rows}


@row(28, 113)
def test_the_first_network_for_cifar() -> None:
    """INPUT [32x32x3], CONV with 12 filters [32x32x12], RELU the same, POOL [16x16x12], FC [1x1x10]."""
    net = built("cifar-first")
    assert net.input_shape == (32, 32, 3)
    assert volumes(net) == {
        "conv1": (32, 32, 12),
        "relu1": (32, 32, 12),
        "maxpool1": (16, 16, 12),
        "fc1": (10,),
    }
    assert net.ledger().totals["parameters"] == (27 * 12 + 12) + (16 * 16 * 12 * 10 + 10)


@row(113)
def test_a_small_vgg() -> None:
    """Pairs of 3x3 convolutions, each with ReLU, and a pool that halves: three times, then 10 scores."""
    net = built("cifar-strip")
    kinds = [one.kind for one in net.ledger().rows]
    assert kinds == [*(["conv", "relu"] * 2 + ["maxpool"]) * 3, "fc", "softmax"]
    assert [shape for path, shape in volumes(net).items() if "maxpool" in path] == [
        (16, 16, 10),
        (8, 8, 10),
        (4, 4, 10),
    ]
    assert net.output_shape == (10,)


@row(134)
def test_vgg_without_its_large_linear_layers() -> None:
    ledger = built("vgg16:pooled").ledger()
    convolutions = sum(one.parameters for one in ledger.rows if one.kind == "conv")
    linear = [one.parameters for one in ledger.rows if one.kind == "fc"]
    assert (convolutions, linear) == (14_714_688, [513_000])
    assert ledger.totals["parameters"] == 15_227_688
    assert ledger.rows[-2].output[-1] == 512 and np.prod(ledger.rows[-2].output) == 512


def lines() -> list[str]:
    return re.findall(r"^```\n(.+)\n```$", DOC.read_text("utf-8"), re.MULTILINE)


@row(114)
@pytest.mark.parametrize(
    ("i", "sizes", "outputs"),
    [
        (0, [4, 8, 16, 32], {"output": (32, 32, 1)}),
        (1, [16, 8, 4, 1], {"output": (1,)}),
        (2, [16, 8, 4], {"mean": (20,), "logvariance": (20,)}),
        (3, [4, 8, 16, 32], {"output": (32, 32, 1)}),
    ],
    ids=["generator", "critic", "encoder", "decoder"],
)
def test_generators_and_encoders_have_no_pools(
    i: int, sizes: list[int], outputs: dict[str, tuple[int, ...]]
) -> None:
    net = kitnet.parse(lines()[i])
    rows = net.ledger().rows
    assert [one.output[0] for one in rows if one.kind in ("conv", "transposed")] == sizes
    assert not any(isinstance(node.layer, Pooling) for node in net.graph.nodes)
    assert net.outputs == outputs
    made = net(np.random.default_rng(0).standard_normal((2, *net.input_shape), np.float32))
    for name, shape in outputs.items():
        assert (made[name] if len(outputs) > 1 else made).shape == (2, *shape)


@row(114)
def test_the_page_has_five_networks() -> None:
    assert len(lines()) == 5
