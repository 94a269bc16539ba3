"""Options of plans, and what is given to their calls and to the formulas: what is refused, in which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kitnet.base.error import KitnetError
from kitnet.layers import SoftmaxCrossEntropy
from kitnet.net import Net, parse
from kitnet.optim import Sgd
from kitnet.train.step import FormulaStep

X = np.ones((2, 4), np.float32)
BOTH = "4 -> fc3"


def refusal(what: Callable[[], Any]) -> str:
    with pytest.raises(KitnetError) as caught:
        what()
    return str(caught.value)


# ----------------------------------------------------------------------------------------------------- steps


def steps_of(net: Net) -> list[Callable[..., Any]]:
    """A step compiled, one by the formulas, and a tape."""
    memory = {"velocity": net.weights.like()}

    def tape(x: Any, _: Any, step: Any = 0, first: Any = 0) -> Any:
        return net.tape(x, train=True, step=step, first=first)

    return [net.compile(2, "train"), FormulaStep(net, None, Sgd(), memory), tape]


@pytest.mark.parametrize(
    ("step", "first", "text"),
    [
        ("a", 0, "step 'a' is no whole number; use 0 or more"),
        (-1, 0, "step -1 is not possible; use 0 or more"),
        (1.5, 0, "step 1.5 is no whole number; use 0 or more"),
        (None, 0, "step None is no whole number; use 0 or more"),
        (True, 0, "step True is no whole number; use 0 or more"),
        (2**63, 0, "step 9223372036854775808 is not possible; use 0 to 9223372036854775807"),
        (0, -1, "first -1 is not possible; use 0 or more"),
        (0, 1.5, "first 1.5 is no whole number; use 0 or more"),
        (0, 2**41, "first 2199023255552 is not possible; use 0 to 1099511627776"),
    ],
)
@pytest.mark.parametrize("line", [BOTH, "4 -> dropout -> fc3"])
def test_steps_and_first_samples(line: str, step: Any, first: Any, text: str) -> None:
    net = parse(line)
    before = net.weights.flat.copy()
    for run in steps_of(net):
        assert refusal(lambda run=run: run(X, [0, 1], step, first)) == text
    assert net.weights.flat.tobytes() == before.tobytes()


def test_the_largest_numbers_and_those_of_numpy_are_taken() -> None:
    net = parse("4 -> dropout -> fc3")
    for run in steps_of(net):
        run(X, [0, 1], np.int64(2**63 - 1), 2**40)
        run(X, [0, 1], np.uint8(3), np.int32(1))


@pytest.mark.parametrize(
    ("seed", "text"),
    [
        ("a", "seed 'a' is no whole number; use 0 or more"),
        (-1, "seed -1 is not possible; use 0 or more"),
        (1.5, "seed 1.5 is no whole number; use 0 or more"),
    ],
)
def test_seeds(seed: Any, text: str) -> None:
    net = parse(BOTH)
    assert refusal(lambda: net.compile(2, "train", seed=seed)) == text
    assert refusal(lambda: FormulaStep(net, None, Sgd(), {}, seed=seed)) == text
    assert refusal(lambda: net.tape(X, seed=seed)) == text
    assert refusal(lambda: net.initialise(seed)) == text


# ---------------------------------------------------------------------------------------------------- arrays

REAL = "input: expected an array of real numbers, but got"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([[1, 2], [3]], "input: expected an array, but got [[1, 2], [3]]; rows need equal lengths"),
        ([["a"] * 4], f"{REAL} [['a', 'a', 'a', 'a']]; use float32"),
        ([["1"] * 4], f"{REAL} [['1', '1', '1', '1']]; use float32"),
        ("abc", f"{REAL} 'abc'; use float32"),
        (None, f"{REAL} None; use float32"),
        (X + 1j, f"{REAL} an array of complex64; use float32"),
        (X.astype(object), f"{REAL} an array of object; use float32"),
        (
            np.ma.masked_array(X, X > 0),
            "input: a masked array has no numbers behind its mask; use its filled(0)",
        ),
        ({1: X}, "1: is no operand; this network reads input"),
    ],
    ids=["ragged", "text", "numbers as text", "str", "none", "complex", "object", "masked", "key"],
)  # fmt: skip
def test_inputs_that_are_no_arrays_of_real_numbers(given: Any, text: str) -> None:
    net = parse(BOTH)
    for run in (net, net.compile(2)):
        assert refusal(lambda run=run: run(given)) == text
        if not isinstance(given, dict):
            assert refusal(lambda run=run: run({"input": given})) == text
    for run in steps_of(net):
        assert refusal(lambda run=run: run(given, [0, 1])) == text
        if not isinstance(given, dict):
            assert refusal(lambda run=run: run({"input": given}, [0, 1])) == text


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "uint64", "bool"])
def test_every_kind_of_real_number_is_taken(dtype: str) -> None:
    net, x = parse(BOTH), np.eye(2, 4).astype(dtype)
    wanted = net(np.eye(2, 4, dtype=np.float32))
    for run in (net, net.compile(2)):
        for given in (x, x.tolist(), {"input": x}):
            np.testing.assert_allclose(run(given), wanted, rtol=1e-5)


def test_targets_that_are_no_arrays() -> None:
    net = parse(BOTH)
    for run in steps_of(net)[:2]:
        assert refusal(lambda run=run: run(X, [[0], [1, 2]])) == (
            "target: expected an array, but got [[0], [1, 2]]; rows need equal lengths"
        )
        assert refusal(lambda run=run: run(X, {1: [0, 1]})) == "target: 1 has no loss; give one for output"
    assert refusal(lambda: net.tape(X).backward([["a"] * 3] * 2)) == (  # type: ignore[arg-type]
        "dy: expected an array of real numbers, but got [['a', 'a', 'a'], ['a', 'a', 'a']]; use float32"
    )


# --------------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"rule": "sgd"}, "rule: expected an update rule such as Sgd(0.05), but got 'sgd'"),
        (
            {"rule": Sgd},
            "rule: expected an update rule such as Sgd(0.05), but got <class 'kitnet.optim.sgd.Sgd'>",
        ),
        ({"rule": 0}, "rule: expected an update rule such as Sgd(0.05), but got 0"),
        ({"target": 3}, "unknown form of targets 3; known: classes, positions, values"),
        ({"target": ""}, "unknown form of targets ''; known: classes, positions, values"),
        (
            {"target": {"output": "classes"}},
            "unknown form of targets {'output': 'classes'} (did you mean 'classes'?); "
            "known: classes, positions, values",
        ),
        ({"values": 3}, "values: expected names such as 'conv1', but got 3"),
        ({"gradients": [3]}, "gradients: expected names such as 'conv1', but got [3]"),
        ({"force": 3}, "force: expected names such as 'winograd', but got 3"),
        ({"forbid": None}, "forbid: expected names such as 'winograd', but got None"),
        (
            {"loss": {"output": (SoftmaxCrossEntropy(), "a")}},
            "loss: a weight of 'a' is no number; use one such as 0.1",
        ),
        (
            {"loss": {"output": (SoftmaxCrossEntropy(), float("nan"))}},
            "loss: a weight of nan is not possible; use 0 or more",
        ),
    ],
    ids=str,
)
def test_options(options: dict[str, Any], text: str) -> None:
    assert refusal(lambda: parse(BOTH).compile(2, "train", **options)) == text


def test_a_single_word_is_one_path() -> None:
    net = parse(BOTH)
    scores, step = net.compile(2, values="fc1"), net.compile(2, "gradient", values="fc1", gradients="input")
    np.testing.assert_array_equal(scores(X), scores.values["fc1"])
    step(X, [0, 1])
    assert (list(step.values), list(step.gradients)) == (["fc1"], ["input"])


def test_a_line_that_is_no_text() -> None:
    assert refusal(lambda: parse(None)) == (  # type: ignore[arg-type]
        "a network's line is a text such as '28x28x1 -> fc10', not None"
    )
