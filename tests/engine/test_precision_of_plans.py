"""Plans for scores on matrix tiles, emulated: the same network by the formulas in the same precision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import kitnet
from kitnet.base.error import KitnetError
from kitnet.base.precision import PRECISIONS, Precision
from kitnet.engine import Scores, explain, plan_of
from kitnet.engine.lower.tiles import ID
from kitnet.engine.precision import plan_precision, said_of_auto
from kitnet.kernels.amx import why_no_tiles
from kitnet.kernels.cpu import Cpu, detect

CPU = replace(detect(), emulates_tiles=True)
X3, BF16 = PRECISIONS["bf16x3"], PRECISIONS["bf16"]
CHAIN = (
    "6x5x3 -> conv3-16 same -> relu -> conv3-20 same -> batchnorm -> relu -> conv1-17 -> maxpool2 ceil -> fc4"
)
LINES = {
    "chain": CHAIN,
    "sums": "5x5x16 -> residual[conv3-16 same -> relu -> conv3-16 same] -> relu -> conv1-16 -> tanh -> fc3",
    "two readers": "4x4x16 -> conv1-16 -> concat[conv3-16 same | conv3-18 same | conv1-16] -> fc3",
    "strides": "7x7x16 -> conv3-33 same stride=2 -> sigmoid -> conv2-16 -> fc3",
}


def network(name: str, batch: int) -> tuple[kitnet.Net, np.ndarray]:
    net = kitnet.parse(LINES[name]).initialise(4)
    random = np.random.default_rng(batch)
    for held in net.state.values():
        for array in held.values():
            array[...] = random.uniform(0.5, 2, array.shape)
    return net, random.standard_normal((batch, *net.input_shape)).astype(np.float32)


def tiled(net: kitnet.Net, batch: int = 16, cpu: Cpu = CPU, **how: Any) -> dict[str, str]:
    """The implementation of each layer."""
    plan = plan_of(net, batch, cpu=cpu, **{"precision": X3, **how})
    return {choice.path: choice.one.id for choice in plan.choices}


SLOW = [("sums", 3, X3), ("two readers", 16, X3), ("strides", 5, BF16), ("chain", 20, X3), ("sums", 70, BF16)]


@pytest.mark.parametrize(
    ("name", "batch", "precision"),
    [("chain", 3, BF16), *(pytest.param(*each, marks=pytest.mark.slow) for each in SLOW)],
)
def test_scores_are_those_of_the_formulas(name: str, batch: int, precision: Precision) -> None:
    net, x = network(name, batch)
    scores = Scores(net, None, batch, cpu=CPU, precision=precision, threads=2)
    assert ID in {choice.one.id for choice in scores.plan.choices}
    got, want = scores(x), net.tape(x, precision=precision).output
    within = {X3: 2e-5, BF16: 2e-2}[precision]
    assert np.abs(got - want).max() <= within * np.abs(want).max()
    assert np.abs(got - net.tape(x).output).max() > 1e-9  # it is not the plan of float32
    alone = Scores(net, None, batch, cpu=CPU, precision=precision, threads=1)
    np.testing.assert_array_equal(alone(x), got)


def test_a_layer_writes_the_pairs_that_the_next_one_reads() -> None:
    net, _ = network("chain", 16)
    plan = plan_of(net, 16, cpu=CPU, precision=X3)
    labels = [step.label for step in plan.steps]
    assert "relu1 in pairs" in labels  # the first convolution has too few channels, and float32 values
    assert "relu2 in pairs" not in labels  # written by the second one
    assert not {"relu2", "conv2"} & set(plan.arena.offsets)
    assert "relu2 in pairs" in plan.arena.offsets


def test_a_value_is_turned_into_pairs_once_for_each_rim() -> None:
    net, _ = network("two readers", 16)
    labels = [step.label for step in plan_of(net, 16, cpu=CPU, precision=X3).steps]
    assert labels.count("conv1 in pairs") == 2  # with the rim of two 3x3 windows, and without


def test_what_is_not_on_tiles_says_why() -> None:
    net, _ = network("chain", 16)
    assert tiled(net)["conv2"] == tiled(net)["conv3"] == ID
    assert tiled(net)["conv1"] == "conv.direct.images"
    wide = kitnet.parse("6x6x16 -> conv3-16 same dilation=2 -> conv3-32 same groups=2 -> conv3-8 same -> fc3")
    told = {
        row["path"]: one["reason"]
        for row in explain(plan_of(wide, 16, cpu=CPU, precision=X3))["layers"]
        for one in row["refused"]
        if one["implementation"] == ID
    }
    assert told == {
        "conv1": "only for dilation 1",
        "conv2": "only without groups; the layer has 2",
        "conv3": "slower with so few channels, 32 into 8",
    }


def test_images_lie_in_the_lanes_of_a_small_batch() -> None:
    net, _ = network("chain", 1)
    plan = plan_of(net, 1, cpu=CPU, precision=X3)
    assert (plan.batch.groups, plan.batch.images) == (1, 16)


@pytest.mark.slow
def test_what_an_image_gets_does_not_depend_on_the_others() -> None:
    net, x = network("sums", 20)
    scores = Scores(net, None, 20, cpu=CPU, precision=X3)
    whole = scores(x)
    x[3] = np.nan
    spoiled = scores(x)
    assert np.isnan(spoiled[3]).all()
    np.testing.assert_array_equal(np.delete(spoiled, 3, 0), np.delete(whole, 3, 0))


@pytest.mark.slow
def test_scores_of_folded_norms_follow_the_network() -> None:
    net, x = network("chain", 4)
    scores = Scores(net, None, 4, cpu=CPU, precision=X3)
    net.weights["batchnorm1.scale"][...] *= -2
    scores.refresh()
    np.testing.assert_allclose(scores(x), net.tape(x, precision="bf16x3").output, rtol=1e-3, atol=1e-4)


def refused(name: str, mode: str, cpu: Cpu, line: str) -> str:
    with pytest.raises(KitnetError) as caught:
        plan_precision(name, mode, cpu, kitnet.parse(line))
    return str(caught.value)


def test_networks_and_modes_that_are_refused() -> None:
    ends = "; use fp32, or the engine formula"
    assert refused("bf16", "infer", CPU, "4x4x1 -> conv3-6 -> fc3") == (
        "precision bf16: no layer of this network is computed on tiles (conv1: slower with so few channels, "
        f"1 into 6){ends}"
    )
    assert refused("bf16x6", "infer", CPU, "4x4x1 -> fc3") == (
        f"precision bf16x6: no layer of this network is computed on tiles (it has no convolution){ends}"
    )
    assert refused("bf16", "train", CPU, CHAIN) == (
        f"precision bf16: its kernels go forward only, so that nothing is trained in it{ends}"
    )


def test_what_auto_chooses() -> None:
    narrow, wide = kitnet.parse("4x4x1 -> conv3-6 -> fc3"), kitnet.parse(CHAIN)
    assert plan_precision("auto", "infer", CPU, wide) is X3
    assert said_of_auto("infer", CPU, wide) == "precision auto is bf16x3"
    assert plan_precision("auto", "infer", CPU, narrow).name == "fp32"
    assert said_of_auto("train", CPU, wide) == (
        "precision auto is fp32, not bf16x3: its kernels go forward only, so that nothing is trained in it"
    )


@pytest.mark.skipif(why_no_tiles(detect()) is None, reason="this processor has AMX tiles")
def test_compiling_for_a_processor_without_tiles() -> None:
    with pytest.raises(KitnetError) as caught:
        kitnet.parse(CHAIN).compile(4, precision="bf16")
    assert str(caught.value) == (f"precision bf16: {why_no_tiles(detect())}; use fp32, or the engine formula")


@pytest.mark.slow
def test_compile_takes_a_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KITNET_TILES", "emulated")
    net, x = network("strides", 3)
    got = net.compile(3, precision="bf16x6")(x)
    np.testing.assert_allclose(got, net.compile(3)(x), rtol=1e-4, atol=1e-6)
    assert net.compile(3, precision="auto").plan is net.compile(3, precision="bf16x3").plan
