"""Layers and rules of one's own that go wrong, and calls that cannot be: each is one clear error, and nothing
is changed."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import kitnet
from kitnet.base.error import KitnetError, ShapeError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array, Param
from kitnet.kernels.cpu import detect
from kitnet.layers import Backward, Case, Context, Forward, Kept, Layer, Linear, SoftmaxCrossEntropy
from kitnet.net import Graph, Net, Tape
from kitnet.optim import Rule

pytestmark = pytest.mark.usefixtures("own_layers")
Arrays = Mapping[str, Array]
LINE = "8x8x2 -> conv3-4 -> batchnorm -> {} -> fc3"


@dataclass(frozen=True)
class Same(Layer):
    """Does nothing; a fault is put into one of its functions."""

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(x[0])

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((dy,))

    @classmethod
    def cases(cls) -> Iterator[Case]:
        return iter(())


def faulty(**functions: Any) -> None:
    """Registers `faulty`, a layer with these functions in the place of those of Same."""
    made = type("Faulty", (Same,), {"word": "faulty", **functions})
    dataclass(frozen=True)(made)


def batch(n: int = 20) -> tuple[Array, Array]:
    random = np.random.default_rng(0)
    return random.standard_normal((n, 8, 8, 2), np.float32), random.integers(0, 3, n)


def everything(net: Net, memory: Mapping[str, Any]) -> list[Array]:
    state = [array for held in net.state.values() for array in held.values()]
    return [each.copy() for each in (net.weights.flat, *state, *(held.flat for held in memory.values()))]


def broken(self: Layer, *given: Any) -> Any:
    raise RuntimeError("broken")


@pytest.mark.parametrize("where", ["forward", "backward"])
def test_a_step_that_raises_changes_nothing(where: str) -> None:
    faulty(**{where: broken})
    net = kitnet.parse(LINE.format("faulty")).initialise(0)
    step = net.compile(20, "train")
    before = everything(net, step.memory)
    with pytest.raises(RuntimeError, match="broken") as caught:
        step(*batch(), 0)
    assert caught.value.__notes__ == [f"in faulty1: {where} of faulty"]
    for old, new in zip(before, everything(net, step.memory), strict=True):
        np.testing.assert_array_equal(new, old)
    assert not step.finite


def test_the_next_step_after_one_that_raised_is_right() -> None:
    moods = [True, False]

    def moody(self: Layer, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        if moods[0]:
            raise RuntimeError("not now")
        return Forward(x[0])

    faulty(forward=moody)
    net = kitnet.parse(LINE.format("faulty")).initialise(0)
    step = net.compile(20, "train")
    with pytest.raises(RuntimeError):
        step(*batch(), 0)
    moods[0] = False
    other = kitnet.parse(LINE.format("tanh").replace("-> tanh ", "")).initialise(0)
    other.weights.flat[...] = net.weights.flat
    np.testing.assert_allclose(step(*batch(), 0)[0], other.compile(20, "train")(*batch(), 0)[0], rtol=1e-5)
    assert step.finite
    assert abs(net.weights.flat - other.weights.flat).max() < 1e-5


def half(self: Layer, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
    return Forward(x[0][..., :2])


def imaginary(self: Layer, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
    return Forward(x[0] * 1j)


def bare(self: Layer, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Any:
    return x[0]


def undeclared(self: Layer, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
    return Forward(x[0], state={"seen": x[0]})


def half_back(self: Layer, w: Arrays, kept: Kept, dy: Array) -> Backward:
    return Backward((dy[..., :2],))


def none_back(self: Layer, w: Arrays, kept: Kept, dy: Array) -> Backward:
    return Backward(())


def bare_back(self: Layer, w: Arrays, kept: Kept, dy: Array) -> Any:
    return dy


def one_weight(self: Layer, *x: Shape) -> dict[str, Param]:
    return {"a": Param(())}


def long_weight(self: Layer, w: Arrays, kept: Kept, dy: Array) -> Backward:
    return Backward((dy,), {"a": np.zeros(3)})


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"forward": half}, "forward of faulty gave y of shape ({images}, 6, 6, 2), not ({images}, 6, 6, 4)"),
    ({"forward": imaginary}, "forward of faulty gave y of complex numbers; give its real part"),
    ({"forward": bare}, "forward of faulty gave ndarray; return Forward(y)"),
    ({"forward": undeclared}, "forward of faulty gave a state 'seen', which state() does not declare"),
    (
        {"backward": half_back},
        "backward of faulty gave dx of shape ({images}, 6, 6, 2), not ({images}, 6, 6, 4)",
    ),
    ({"backward": none_back}, "backward of faulty gave 0 gradients for 1 operands"),
    ({"backward": bare_back}, "backward of faulty gave ndarray; return Backward((dx,), dw)"),
    ({"params": one_weight}, "backward of faulty gave no gradient of a; put it into dw"),
    (
        {"params": one_weight, "backward": long_weight},
        "backward of faulty gave dw a of shape (3,), not ()",
    ),
]


@pytest.mark.parametrize(("functions", "message"), FAULTS, ids=[message[:50] for _, message in FAULTS])
def test_a_layer_that_gives_something_else_than_it_declares(functions: Any, message: str) -> None:
    faulty(**functions)
    images = detect().lanes  # a formula among kernels sees whole vectors of images
    net, (x, classes) = kitnet.parse(LINE.format("faulty")).initialise(0), batch(images)
    with pytest.raises(KitnetError) as by_formulas:
        net.tape(x).backward()
    with pytest.raises(KitnetError) as compiled:
        net.compile(images, "train")(x, classes, 0)
    wanted = f"faulty1: {message.replace('{images}', str(images))}"
    assert str(by_formulas.value) == str(compiled.value) == wanted


# Rules


@dataclass(frozen=True)
class Clipped(Rule):
    """Gradients between bounds, and a rate that falls with the mean of squares."""

    memory = ("square",)

    def scalars(self, step: int) -> dict[str, float]:
        return {"rate": 0.1, "least": -0.01, "most": 0.01}

    def update(self, w: Any, dw: Any, memory: Any, scalars: Any) -> tuple[Any, dict[str, Any]]:
        within = np.minimum(np.maximum(dw, scalars["least"]), scalars["most"])
        square = 0.5 * memory["square"] + 0.5 * np.square(dw) + 0.0 * dw**2
        factor = within / (np.sqrt(square) + abs(dw) + square**0.5 + 0.001)
        return w - scalars["rate"] * factor, {"square": square}


def test_a_rule_with_functions_of_numpy_is_the_same_in_a_kernel() -> None:
    net, (x, classes) = kitnet.parse("8x8x2 -> conv3-4 -> fc3").initialise(0), batch()
    step = net.compile(20, "train", rule=Clipped())
    weights, memory = net.weights.flat.copy(), {"square": net.weights.like().flat}
    step(x, classes, 0)
    Clipped().apply(weights, step.gradient.flat, memory, net.weights.decayed(), 0)
    np.testing.assert_array_equal(net.weights.flat, weights)
    np.testing.assert_array_equal(step.memory["square"].flat, memory["square"])


def branching(self: Rule, w: Any, dw: Any, memory: Any, scalars: Any) -> Any:
    return (w - dw if dw > 0 else w + dw), {"v": dw}


def clipping(self: Rule, w: Any, dw: Any, memory: Any, scalars: Any) -> Any:
    return w - np.clip(dw, -1, 1), {"v": dw}


def logarithm(self: Rule, w: Any, dw: Any, memory: Any, scalars: Any) -> Any:
    return w - np.log(dw), {"v": dw}


def cube(self: Rule, w: Any, dw: Any, memory: Any, scalars: Any) -> Any:
    return w - dw**3, {"v": dw}


def forgetful(self: Rule, w: Any, dw: Any, memory: Any, scalars: Any) -> Any:
    return w - dw, {}


def generous(self: Rule, w: Any, dw: Any, memory: Any, scalars: Any) -> Any:
    return w - dw, {"v": dw, "u": dw}


BRANCH = "a kernel does all numbers at once and cannot branch on one; use np.maximum or minimum"
KNOWN = (
    "np.add, np.subtract, np.multiply, np.divide, np.negative, np.absolute, np.square, np.sqrt, np.maximum, "
    "np.minimum"
)


@pytest.mark.parametrize(
    ("update", "message"),
    [
        (branching, f"its update cannot become a kernel: {BRANCH}"),
        (clipping, f"its update cannot become a kernel: {BRANCH}"),
        (logarithm, f"its update cannot become a kernel: np.log is not for kernels, which know {KNOWN}"),
        (cube, "its update cannot become a kernel: no power of 3: kernels know ** 2 and ** 0.5"),
        (forgetful, "the memory 'v' is missing in what update returns"),
        (generous, "the memory 'u' is not declared in memory"),
    ],
)
def test_a_rule_that_no_kernel_can_follow(update: Any, message: str) -> None:
    def scalars(self: Rule, step: int) -> dict[str, float]:
        return {}

    rule = type("Mine", (Rule,), {"memory": ("v",), "scalars": scalars, "update": update})()
    with pytest.raises(KitnetError) as caught:
        kitnet.parse("4 -> fc3").compile(4, "train", rule=rule)
    assert str(caught.value).startswith(f"Mine: {message}")


# What is read out


def test_the_gradient_of_what_a_loss_is_or_does_not_reach() -> None:
    graph = Graph()
    a, b = graph.operand("a", (4,)), graph.operand("b", (3,))
    dead = graph.add("dead", Linear(2), b)
    graph.output("y", graph.add("fc", Linear(2), a))
    graph.output("other", dead)
    step = Net(graph).compile(
        2, "gradient", loss={"y": SoftmaxCrossEntropy()}, gradients=("b", "dead", "loss", "a")
    )
    step({"a": np.ones((2, 4)), "b": np.ones((2, 3))}, [0, 1], 0)
    assert {path: array.shape for path, array in step.gradients.items()} == {
        "b": (2, 3), "dead": (2, 2), "loss": (2,), "a": (2, 4),
    }  # fmt: skip
    assert not step.gradients["b"].any()
    assert not step.gradients["dead"].any()
    assert step.gradients["a"].any()
    np.testing.assert_array_equal(step.gradients["loss"], 0.5)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"gradients": ["target"]}, "target: class numbers have no gradient"),
        ({"values": ["target"]}, "target: a target is what the caller gives; it is not read out"),
    ],
)
def test_targets_are_not_read_out(asked: Any, message: str) -> None:
    with pytest.raises(KitnetError) as caught:
        kitnet.parse("4 -> fc3").compile(2, "gradient", **asked)
    assert str(caught.value) == message


def test_each_thread_has_what_its_own_call_found() -> None:
    net = kitnet.parse("4 -> fc3").initialise(0)
    step = net.compile(2, "gradient", gradients=["input"])
    good, bad = np.ones((2, 4), np.float32), np.full((2, 4), np.nan, np.float32)
    step(good, [0, 1], 0)
    mine = step.gradients["input"]

    def other() -> None:
        step(bad, [0, 1], 0)
        assert not step.finite

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert step.finite
    np.testing.assert_array_equal(step.gradients["input"], mine)
    step(bad, [0, 1], 0)
    assert not step.finite
    step(good[:0], [], 0)
    assert step.finite


# Calls that cannot be


def test_a_compiled_network_is_not_called_from_its_own_layer() -> None:
    fast: list[Any] = []

    def calls(self: Layer, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        fast[0](batch()[0])
        return Forward(x[0])

    faulty(forward=calls)
    fast.append(kitnet.parse(LINE.format("faulty")).compile(20))
    with pytest.raises(KitnetError) as caught:
        fast[0](batch()[0])
    assert str(caught.value) == "a compiled network cannot be called from a layer that it is running"


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_compiled_network_is_not_copied(how: Any) -> None:
    with pytest.raises(TypeError) as caught:
        how(kitnet.parse("4 -> fc3").compile(2))
    assert (
        str(caught.value)
        == "compiled networks cannot be copied or pickled; copy the network and compile it again"
    )


def test_a_tape_reads_the_weights_of_the_moment() -> None:
    """It says so: backward belongs before an update."""
    net, x = kitnet.parse("4 -> fc3").initialise(0), np.ones((2, 4))
    tape = net.tape(x)
    before = tape.backward()["input"]
    net.weights["fc1.weight"][...] *= 2
    np.testing.assert_allclose(tape.backward()["input"], 2 * before)
    assert "before an\n    update" in (Tape.__doc__ or "")


def test_shape_errors_are_shape_errors() -> None:
    faulty(forward=half)
    with pytest.raises(ShapeError):
        kitnet.parse("4x4x4 -> faulty")(np.ones((1, 4, 4, 4)))
