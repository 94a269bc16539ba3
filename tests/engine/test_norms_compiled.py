"""Networks with normalisation layers, compiled: values, gradients, and what is done in passing."""

from __future__ import annotations

import numpy as np
import pytest

import kitnet
from kitnet.engine.once import run_once
from kitnet.layers import Context

NORMS = [
    "layernorm",
    "layernorm over=channels",
    "groupnorm4",
    "instancenorm affine=yes",
    "lrn",
    "lrn3 within",
    "lrn3 contrast",
    "contrastnorm3",
    "batchnorm fixed=yes",
]


def word(norm: str) -> str:
    return norm.split(maxsplit=1)[0].rstrip("0123456789")


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("layout", ["images", "channels"])
@pytest.mark.sample(13)
def test_training_as_by_the_formulas(norm: str, layout: str) -> None:
    """A value that several read, an activation behind, the norm first of all, odd sizes and batches."""
    first = norm.replace("4", "3")
    line = f"7x6x3 -> {first} -> conv3-8 same -> {norm} -> relu -> residual[{norm} -> tanh] -> fc5"
    net = kitnet.parse(line).initialise(1)
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((21, 7, 6, 3), np.float32), rng.standard_normal((21, 5), np.float32)
    for held in net.state.values():
        held["mean"][...], held["var"][...] = rng.standard_normal(len(held["mean"])), rng.uniform(0.5, 2)
    tape = net.tape(x, train=True)
    want = tape.backward(dy)
    given = net.graph, net.weights, net.state, Context(train=True), {"input": x}, ("fc1",), {"fc1": dy}
    seen = set()
    for threads in (1, 3):
        ran = run_once(*given, layout=layout, threads=threads)
        np.testing.assert_allclose(ran.values["fc1"], tape.output, rtol=0, atol=2e-5 * abs(tape.output).max())
        for path, gradient in ran.parameters.items():
            np.testing.assert_allclose(
                gradient, want[path], rtol=0, atol=5e-5 * max(1, abs(want[path]).max())
            )
        seen.add(b"".join(array.tobytes() for array in ran.parameters.values()))
    assert len(seen) == 1


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.sample(3)
def test_all_are_kernels(norm: str) -> None:
    """In both layouts, but for `contrastnorm`, to whose layout values are converted."""
    net = kitnet.parse(f"6x6x4 -> conv3-8 same -> {norm} -> fc3").initialise(0)
    for layout in ("images", "channels"):
        plan = net.compile(2, layout=layout).plan
        assert plan.formula_steps == 0
        (choice,) = (one for one in plan.choices if one.kind == word(norm))
        assert choice.one.id.endswith("images" if norm == "contrastnorm3" else layout)
    assert net.compile(4, "train").plan.formula_steps == 0


def test_an_activation_behind_a_norm_takes_no_step() -> None:
    line = "6x6x4 -> conv3-8 same -> {} -> relu -> fc3"
    for mode in ("infer", "train"):
        steps = [
            len(kitnet.parse(line.format(norm)).compile(40, mode).plan.steps)
            for norm in ("groupnorm4", "groupnorm4 -> tanh")
        ]
        assert steps[0] < steps[1]


def test_gradients_of_few_images_are_summed_over_all_positions() -> None:
    """One group of images, whose positions are cut into parts."""
    net = kitnet.parse("16x16x4 -> layernorm over=channels").initialise(0)
    rng = np.random.default_rng(1)
    x, dy = (rng.standard_normal((3, 16, 16, 4), np.float32) for _ in range(2))
    want = net.tape(x, train=True).backward(dy)
    given = net.graph, net.weights, net.state, Context(train=True), {"input": x}, ("layernorm1",)
    ran = run_once(*given, {"layernorm1": dy}, layout="images")
    for path, gradient in ran.parameters.items():
        np.testing.assert_allclose(gradient, want[path], rtol=1e-4, atol=1e-4)


def test_the_way_back_of_fixed_norms_through_sums() -> None:
    """Of the input, whose gradient nobody wants; added to what goes round it, with an activation and without;
    frozen, so that x is not read."""
    net = kitnet.parse(
        "6x5x4 -> fixed:batchnorm fixed=yes -> residual[conv3-4 same -> batchnorm fixed=yes] -> relu "
        "-> residual[batchnorm fixed=yes] -> fc3"
    ).initialise(1)
    rng = np.random.default_rng(3)
    for held in net.state.values():
        held["mean"][...], held["var"][...] = rng.standard_normal(4), rng.uniform(0.5, 2, 4)
    x, dy = rng.standard_normal((21, 6, 5, 4), np.float32), rng.standard_normal((21, 3), np.float32)
    want = net.tape(x, train=True).backward(dy)
    given = net.graph, net.weights, net.state, Context(train=True), {"input": x}, ("fc1",), {"fc1": dy}
    for layout in ("images", "channels"):
        ran = run_once(*given, layout=layout)
        assert ran.plan.formula_steps == 0
        for path, gradient in ran.parameters.items():
            np.testing.assert_allclose(
                gradient, want[path], rtol=0, atol=5e-5 * max(1, abs(want[path]).max()), err_msg=path
            )
        for path, held in ran.state.items():
            for name, array in held.items():
                np.testing.assert_array_equal(array, net.state[path][name])
