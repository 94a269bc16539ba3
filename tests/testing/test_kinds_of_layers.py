"""`check_layer` on one layer of each special kind, and what it says where such a layer is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from testing.own import OWN, Gaussian, Inverse, Product, Sign, Slope, register

from kitnet.base.error import KitnetError, ShapeError
from kitnet.base.spec import Param
from kitnet.layers import Backward, Case, Forward, Layer
from kitnet.net import parse
from kitnet.testing import Run, check_executor, check_gradient, check_layer, reference


@pytest.fixture(autouse=True)
def _words(own_layers: None) -> None:
    register()


def variant(kind: type[Layer], **changed: Any) -> type[Layer]:
    """The layer with other attributes in its place."""
    members = {name: value for name, value in vars(kind).items() if not name.startswith("__")}
    space = {**members, **changed, "__module__": kind.__module__, "__qualname__": kind.__qualname__}
    return dataclass(frozen=True)(type(kind.__name__, kind.__bases__, space))


def refused(kind: type[Layer], **changed: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        check_layer(variant(kind, **changed))
    return str(caught.value)


@pytest.mark.parametrize("kind", OWN)
def test_a_right_layer_of_each_kind_passes(kind: type[Layer]) -> None:
    check_layer(kind)


def test_a_layer_with_a_single_number_runs_in_a_network() -> None:
    net = parse("4 -> slope -> fc2")
    assert net(np.ones((2, 4), np.float32)).shape == (2, 2)
    assert net.weights["slope1.a"] == 0.25


def test_a_single_number_with_a_wrong_gradient() -> None:
    def backward(self: Any, w: Any, kept: Any, dy: Any) -> Backward:
        right = Slope().backward(w, kept, dy)
        return Backward(right.dx, {"a": 2 * right.dw["a"]})

    text = refused(Slope, backward=backward)
    assert text.startswith("Slope() on 3x4x2: the gradient of a is wrong: along a random direction")


def test_a_reciprocal_with_a_wrong_gradient() -> None:
    text = refused(Inverse, backward=lambda self, w, kept, dy: Backward((-dy * kept.y**2 * (1 + 1e-6),)))
    assert text.startswith("Inverse() on 6x7x3: the gradient of operand 0 is wrong")


def test_operands_for_which_a_layer_has_no_value() -> None:
    text = refused(Inverse, forward=lambda self, w, state, ctx, x: Forward(np.log(x)))
    assert text == (
        "Inverse() on 6x7x3: forward gives numbers that are not finite; give the case a `draw` with "
        "operands that the layer has a value for"
    )


def test_a_layer_without_a_definition() -> None:
    assert refused(Sign, definition=Layer.definition) == (
        "Sign has no definition; write y once more in it, independently of forward, for example with loops"
    )


def test_a_join_that_does_not_say_so() -> None:
    assert refused(Product, joins=False) == "Product(): joins is False, but the case has 2 operands"
    assert refused(Sign, joins=True) == "Sign(): joins is True, but the case has 1 operand"


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"targets": ()}, "Gaussian(): targets may name classes and values, not nothing"),
        ({"targets": ("labels",)}, "Gaussian(): targets may name classes and values, not labels"),
        (
            {"targets": ("classes",)},
            "Gaussian(): classes are spread over the scores of 2, but target_shape gives 1; "
            "leave classes out of targets",
        ),
        (
            {"targets": ("classes", "values"), "target_shape": lambda self, scores: scores},
            "Gaussian(): targets may be classes, but probabilities is not defined; define it, or leave "
            "classes out of targets",
        ),
    ],
)
def test_targets_that_do_not_fit(changed: dict[str, Any], text: str) -> None:
    assert refused(Gaussian, **changed) == text


def test_two_arrays_of_one_name() -> None:
    text = "Slope(): two arrays are called x0 and dx0; rename one of them"
    assert refused(Slope, params=lambda self, *x: {"x0": Param(())}) == text


def test_no_gradient_of_the_scores() -> None:
    text = refused(Gaussian, backward=lambda self, w, kept, dy: Backward((None, None)))
    assert text.startswith("Gaussian() on 2 and 1: the gradient of operand 0 is wrong")


def test_an_executor_that_makes_up_a_gradient_is_caught() -> None:
    def executor(*args: Any) -> Run:
        run = reference(*args)
        return Run(run.y, {**run.gradient, "x0": np.ones((2, 3, 2))}, run.state)

    with pytest.raises(AssertionError) as caught:
        check_executor(Case(Sign(), ((3, 2),)), executor)
    assert str(caught.value) == (
        "Sign() on 3x2: the executor gives a gradient of x0, of which backward gives none"
    )


def test_a_loss_checks_the_shape_of_its_own_target() -> None:
    loss = Gaussian()
    assert loss.output_shape((3, 2), (3,)) == ()
    with pytest.raises(ShapeError) as caught:
        loss.output_shape((3, 2), (3, 2))
    assert str(caught.value) == "normal on scores of 3x2 needs a target of 3, but got 3x2"


def test_scores_of_a_loss_on_values_are_no_probabilities() -> None:
    with pytest.raises(KitnetError) as caught:
        Gaussian().probabilities(np.zeros((1, 2)))
    assert str(caught.value) == (
        "scores trained with normal are no probabilities of classes; read the scores"
    )


def test_gradients_near_zero_are_checked_too() -> None:
    """A formula that is steep near 0 is as smooth for the differences as any."""
    near = Case(Inverse(), ((40,),), draw=lambda random, shapes: (random.uniform(0.001, 0.01, shapes[0]),))
    check_gradient(near)
