"""Several batches an update: as one large batch, on both engines, resumed to the same bits."""

from __future__ import annotations

import json
import threading
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from kitnet import parse
from kitnet.base.error import KitnetError
from kitnet.optim import Adam, Averaged, Clipped, Muon, Rule, Sgd
from kitnet.optim.rule import ACCUMULATED
from kitnet.train import EpochEnded, Stepped, resume, train
from kitnet.train.run import Run
from kitnet.train.step import FormulaStep

LINE = "8x8x2 -> conv3-6 -> relu -> dropout -> maxpool2 -> fc10"  # dropout draws by the sample's number
CUTS = (0, 8, 16, 21)
RULES = [Sgd(0.1), Clipped(Sgd(0.1, 0), 0.05), Averaged(Adam(0.01), 0.5), Muon(0.05)]
ENGINES = pytest.mark.parametrize("compiled", [False, True])


def trained(rule: Rule, compiled: bool, cuts: tuple[int, ...], **how: Any) -> dict[str, np.ndarray]:
    """Weights and memory after three steps, each of the batches between these samples."""
    rng = np.random.default_rng(4)
    x, classes = rng.standard_normal((21, 8, 8, 2), np.float32), rng.integers(0, 10, 21)
    net, accumulate = parse(LINE).initialise(0), len(cuts) > 2
    memory = {name: net.weights.like() for name in (*rule.memory, *([ACCUMULATED] if accumulate else []))}
    if compiled:
        step = net.compile(21, "train", rule=rule, accumulate=accumulate, **how)
        memory = step.memory
    else:
        step = FormulaStep(net, None, rule, memory)
    for number in range(3):
        for first, last in pairwise(cuts):
            step(x[first:last], classes[first:last], number, first, update=last == 21)
            assert step.finite
    return {"weights": net.weights.flat, **{name: memory[name].flat for name in rule.memory}}


@ENGINES
@pytest.mark.parametrize("rule", RULES)
def test_several_batches_are_one_large_one(rule: Rule, compiled: bool) -> None:
    """Also where the last one is smaller, and with the large one's random bits."""
    many, one = trained(rule, compiled, CUTS), trained(rule, compiled, (0, 21))
    for name, array in one.items():
        np.testing.assert_allclose(many[name], array, rtol=1e-3, atol=2e-5, err_msg=name)
    assert (many["weights"] != parse(LINE).initialise(0).weights.flat).any()


@pytest.mark.parametrize("rule", RULES)
def test_compiled_steps_follow_the_formulas(rule: Rule) -> None:
    many, one = trained(rule, True, CUTS), trained(rule, False, CUTS)
    for name, array in one.items():
        np.testing.assert_allclose(many[name], array, rtol=1e-3, atol=2e-5, err_msg=name)


def test_threads_change_no_bit() -> None:
    found = {trained(RULES[1], True, CUTS, threads=n)["weights"].tobytes() for n in (1, 2, 4)}
    assert len(found) == 1


@ENGINES
def test_weights_stay_until_the_last_batch_and_norms_see_single_ones(compiled: bool) -> None:
    net = parse("4x4x1 -> conv3-2 -> batchnorm -> fc3").initialise(0)
    memory = {name: net.weights.like() for name in ("velocity", ACCUMULATED)}
    step = (
        net.compile(4, "train", rule=Sgd(), accumulate=True)
        if compiled
        else FormulaStep(net, None, Sgd(), memory)
    )
    before, rng = net.weights.flat.copy(), np.random.default_rng(1)
    states = []
    for first in (0, 4, 8):
        np.testing.assert_array_equal(net.weights.flat, before)
        step(rng.standard_normal((4, 4, 4, 1), np.float32), np.arange(4) % 3, 0, first, update=first == 8)
        states.append(net.state["batchnorm1"]["mean"].copy())
    assert (net.weights.flat != before).any()
    assert (states[0] != states[1]).any() and (states[1] != states[2]).any()


@ENGINES
def test_a_batch_that_is_not_finite_is_not_taken_into_the_mean(compiled: bool) -> None:
    net = parse("4 -> fc3").initialise(0)
    memory = {name: net.weights.like() for name in ("velocity", ACCUMULATED)}
    step = (
        net.compile(2, "train", rule=Sgd(), accumulate=True)
        if compiled
        else FormulaStep(net, None, Sgd(), memory)
    )
    memory = step.memory if compiled else memory
    step(np.ones((2, 4), np.float32), np.arange(2), 0, 0, update=False)
    mean, weights = memory[ACCUMULATED].flat.copy(), net.weights.flat.copy()
    step(np.full((2, 4), np.inf, np.float32), np.arange(2), 0, 2)
    assert not step.finite and mean.any()
    np.testing.assert_array_equal(memory[ACCUMULATED].flat, mean)
    np.testing.assert_array_equal(net.weights.flat, weights)


def rows(events: list[Any]) -> list[float]:
    return [event.train_loss for event in events if isinstance(event, EpochEnded)]


def rates(folder: Any) -> dict[int, float]:
    """The learning rate that was recorded last in each epoch."""
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return {line["epoch"]: line["rate"] for line in lines}


@pytest.mark.parametrize("engine", ["formula", "compiled"])
def test_a_run_is_that_of_large_batches(settings, tmp_path, engine):
    """100 images: six groups of two batches of 8, and one batch of 4, whose update ends the epoch."""
    how = {"engine": engine, "optimizer": "adam", "schedule": "linear warmup=0.5", "epochs": 3}
    many = list(train(settings(batch=8, accumulate=2, **how)))
    one = list(train(settings(batch=16, **how)))
    np.testing.assert_allclose(rows(many), rows(one), rtol=1e-4)
    assert many[-1].summary["accumulate"] == 2
    assert sum(isinstance(event, Stepped) for event in many) == 3 * 13
    assert Run.of(settings(batch=8, accumulate=2)).updates == 7
    assert rates(many[-1].folder) == rates(one[-1].folder)
    assert Run.of(settings(batch=8, accumulate=5)).updates == 3


@pytest.mark.parametrize("engine", ["formula", pytest.param("compiled", marks=pytest.mark.slow)])
@pytest.mark.parametrize("step", [3, 4])
def test_a_run_stopped_within_an_update_goes_on_the_same(settings, engine, step):
    told = settings(batch=8, accumulate=3, engine=engine, clip=0.5)
    whole, stop = list(train(told))[-1], threading.Event()
    for event in train(told, stop):
        if isinstance(event, Stepped) and (event.epoch, event.step) == (2, step):
            stop.set()
    last = list(resume(event.folder))[-1]
    one, two = (load_file(max(run.folder.glob("checkpoint-*"))) for run in (whole, last))
    assert one.keys() == two.keys() and "rule/accumulated/fc1.weight" in one
    assert [name for name in one if one[name].tobytes() != two[name].tobytes()] == []


def test_bad_values(settings):
    net = parse("4 -> fc3")
    with pytest.raises(KitnetError) as caught:
        net.compile(2, "train")(np.ones((2, 4)), [0, 1], 0, update=False)
    assert str(caught.value) == ("update=False adds gradients up, for which accumulate=True must be compiled")
    for mode, text in {
        "infer": "mode 'infer' takes no accumulate; 'train' does",
        "gradient": "mode 'gradient' leaves the weights alone and takes no accumulate; 'train' does",
    }.items():
        with pytest.raises(KitnetError) as caught:
            net.compile(2, mode, accumulate=True)
        assert str(caught.value) == text
    with pytest.raises(KitnetError) as caught:
        settings(accumulate=0)
    assert str(caught.value) == "--accumulate 0 is not possible; use 1 or more"
