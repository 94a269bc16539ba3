"""What makes one number: by hand for kitnet's layers, found from the formula for others, checked for all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from testing.own import Gaussian, Inverse, Product, Sign, Slope

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.layers import (
    At,
    BatchNorm,
    Context,
    Convolution,
    Layer,
    MaxPool,
    MeanPool,
    Pass,
    Quadratic,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
    Tanh,
)
from kitnet.layers.connection_table import ConnectionTable
from kitnet.layers.terms import Number, Term, Terms
from kitnet.testing import check_layer

RANDOM = np.random.default_rng(0)


def run(layer: Layer, *x: Array, train: bool = False) -> Pass:
    """A pass with random weights and a random dy."""
    shapes = [one.shape[1:] for one in x]
    w = {name: RANDOM.standard_normal(p.shape) for name, p in layer.params(*shapes).items()}
    state = {name: np.broadcast_to(b.value, b.shape) for name, b in layer.state(*shapes).items()}
    forward = Pass(layer, w, state, Context(train), x)
    return Pass(layer, w, state, Context(train), x, RANDOM.standard_normal(forward.made.y.shape))


def places(terms: Terms) -> list[tuple[tuple[Any, ...], ...]]:
    return [tuple((factor.path, *factor.index) for factor in term.factors) for term in terms.terms]


def test_a_number_of_a_convolution_names_every_input_and_weight() -> None:
    one = run(Convolution(2, 3, pad=1), RANDOM.standard_normal((2, 3, 3, 2)))
    terms = one.terms(At("y", (1, 0, 2, 1)))  # the upper taps lie in the padding
    assert places(terms) == [
        (("bias", 1),),
        (("x0", 1, 0, 1, 0), ("weight", 1, 0, 0, 1)),
        (("x0", 1, 0, 1, 1), ("weight", 1, 0, 1, 1)),
        (("x0", 1, 0, 2, 0), ("weight", 1, 1, 0, 1)),
        (("x0", 1, 0, 2, 1), ("weight", 1, 1, 1, 1)),
    ]
    assert terms.value == pytest.approx(one.made.y[1, 0, 2, 1], rel=1e-14)
    assert terms.close.name == "identity"


def test_gradients_of_a_convolution() -> None:
    one = run(Convolution(2, 2), RANDOM.standard_normal((2, 3, 2, 1)))
    assert places(one.terms(At("dx0", (1, 1, 0, 0)))) == [
        (("dy", 1, 0, 0, 0), ("weight", 1, 0, 0, 0)),
        (("dy", 1, 0, 0, 1), ("weight", 1, 0, 0, 1)),
        (("dy", 1, 1, 0, 0), ("weight", 0, 0, 0, 0)),
        (("dy", 1, 1, 0, 1), ("weight", 0, 0, 0, 1)),
    ]
    assert places(one.terms(At("dweight", (1, 0, 0, 1)))) == [
        (("x0", 0, 1, 0, 0), ("dy", 0, 0, 0, 1)),
        (("x0", 0, 2, 0, 0), ("dy", 0, 1, 0, 1)),
        (("x0", 1, 1, 0, 0), ("dy", 1, 0, 0, 1)),
        (("x0", 1, 2, 0, 0), ("dy", 1, 1, 0, 1)),
    ]
    assert places(one.terms(At("dbias", (0,)))) == [(("dy", n, o, 0, 0),) for n in range(2) for o in range(2)]


def test_a_filter_of_a_connection_table_sees_its_maps_only() -> None:
    layer = Convolution(1, 2, table=ConnectionTable(((1,), (0, 2))), bias=False)
    one = run(layer, RANDOM.standard_normal((1, 1, 1, 3)))
    assert places(one.terms(At("y", (0, 0, 0, 1)))) == [
        (("x0", 0, 0, 0, 0), ("weight", 0, 0, 1)),
        (("x0", 0, 0, 0, 2), ("weight", 0, 0, 2)),
    ]


def test_the_winner_of_a_maximum() -> None:
    x = np.arange(9.0).reshape(1, 3, 3, 1)
    one = run(MaxPool(2, 1), x)
    assert places(one.terms(At("y", (0, 1, 0, 0)))) == [(("x0", 0, 2, 1, 0),)]
    assert places(one.terms(At("dx0", (0, 2, 1, 0)))) == [(("dy", 0, 1, 0, 0),)]
    assert one.terms(At("dx0", (0, 0, 0, 0))) == Terms(())


def test_a_mean_counts_no_padding() -> None:
    one = run(MeanPool(2, pad=1), RANDOM.standard_normal((1, 2, 2, 1)))
    assert [(t.times, places(Terms((t,)))) for t in one.terms(At("y", (0, 0, 0, 0))).terms] == [
        (1.0, [(("x0", 0, 0, 0, 0),)])
    ]


def test_functions_that_close_a_sum() -> None:
    one = run(Tanh(), np.array([[0.5, -1.0]]))
    terms = one.terms(At("y", (0, 1)))
    assert (places(terms), terms.close.name) == ([(("x0", 0, 1),)], "tanh")
    assert terms.value == math.tanh(-1)
    assert [t.times for t in one.terms(At("dx0", (0, 1))).terms] == [1 - math.tanh(-1) ** 2]
    scores = run(Softmax(), np.array([[1000.0, 1001.0]])).terms(At("y", (0, 1)))
    assert (places(scores), scores.close.name) == ([(("x0", 0, 1),), (("log_sum_exp", 0),)], "exp")
    assert scores.value == pytest.approx(1 / (1 + math.exp(-1)), rel=1e-12)


def test_the_statistics_of_a_batch_are_terms_of_its_gradient_and_constants_of_evaluation() -> None:
    x = RANDOM.standard_normal((3, 2))
    names = [
        [[factor.path for factor in term.factors] for term in run(BatchNorm(), x, train=t).terms(at).terms]
        for t in (True, False)
        for at in (At("dx0", (0, 1)),)
    ]
    assert names == [
        [
            ["scale", "inverse", "dy"],
            ["scale", "inverse", "dshift"],
            ["scale", "inverse", "dscale", "normalised"],
        ],
        [["scale", "inverse", "dy"]],
    ]


def test_what_a_loss_is_made_of() -> None:
    z, t = np.array([[0.0, np.log(3.0)]]), np.array([[0.0, 1.0]])
    each = {
        loss.word: [
            ([factor.path for factor in term.factors], round(term.value, 12))
            for term in run(loss, z, t).terms(At("y", (0,))).terms
        ]
        for loss in (SoftmaxCrossEntropy(), SigmoidCrossEntropy(), Quadratic())
    }
    assert each == {
        "softmax_cross_entropy": [(["x1", "cost"], round(math.log(4 / 3), 12))],
        "sigmoid_cross_entropy": [
            (["1 - x1", "softplus(x0)"], round(math.log(2), 12)),
            (["x1", "softplus(-x0)"], round(math.log(4 / 3), 12)),
        ],
        "quadratic": [
            (["difference", "difference"], 0.0),
            (["difference", "difference"], round((math.log(3) - 1) ** 2 / 2, 12)),
        ],
    }


def test_a_layer_that_is_linear_in_an_operand_is_a_sum_over_it() -> None:
    one = run(Product(), np.array([[2.0, 3.0]]), np.array([[5.0, 7.0]]))
    assert one.terms(At("y", (0, 1))) == Terms((Term((Number("x0", (0, 1), 3.0),), 7.0),))


def test_a_layer_of_one_number_is_closed_by_its_formula() -> None:
    for layer, x, want in ((Inverse(), 4.0, 0.25), (Sign(), -4.0, -1.0)):
        terms = run(layer, np.array([[1.0, x]])).terms(At("y", (0, 1)))
        assert (places(terms), terms.close.name) == ([(("x0", 0, 1),)], layer.word)
        assert terms.value == want


def test_any_other_formula_is_its_slopes_and_a_rest() -> None:
    one = run(Gaussian(), np.array([[1.0, 0.0]]), np.array([3.0]))
    terms = one.terms(At("y", (0,)))  # slopes of -2 and -3 at the mean and the deviation
    assert [(t.factors[0].path, t.value) for t in terms.terms] == [("x0", -2), ("x0", 0), ("rest", 4)]
    assert [t.times for t in terms.terms] == [-2, -3, 1]
    assert terms.value == 2


def test_the_gradient_of_a_single_number_is_a_sum_over_dy() -> None:
    one = run(Slope(), np.array([[-2.0, 3.0], [-1.0, -0.5]]))
    terms = one.terms(At("da", ()))
    assert [(t.factors[0].index, t.times) for t in terms.terms] == [
        ((0, 0), -2),
        ((1, 0), -1),
        ((1, 1), -0.5),
    ]


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (
            At("dweigth", (0,)),
            "conv has no array 'dweigth' (did you mean 'dweight'?); it has x0, weight, bias, y, dy, dx0, "
            "dweight, dbias",
        ),
        (At("y", (0, 2, 0, 0)), "y of conv has shape (1, 2, 2, 1), and no place (0, 2, 0, 0)"),
        (At("y", (0, -1, 0, 0)), "y of conv has shape (1, 2, 2, 1), and no place (0, -1, 0, 0)"),
        (At("y", (0, 0)), "y of conv has shape (1, 2, 2, 1), and no place (0, 0)"),
        (At("bias", (0,)), "bias of conv is not made of terms; trace y or dx0 or dweight or dbias"),
    ],
)
def test_places_that_are_not_there(at: At, text: str) -> None:
    with pytest.raises(KitnetError) as caught:
        run(Convolution(2, 1), np.zeros((1, 3, 3, 1))).terms(at)
    assert str(caught.value) == text


def test_without_a_gradient_there_is_none_to_trace() -> None:
    forward = Pass(Tanh(), {}, {}, Context(), (np.zeros((1, 2)),))
    assert forward.traced == ["y"]
    assert run(Sign(), np.ones((1, 2))).traced == ["y"]


@pytest.mark.usefixtures("own_layers")
@pytest.mark.parametrize(
    ("terms", "text"),
    [
        (
            lambda self, run, at: Terms((run.term(("x0", at.index)),)),
            "of y[1, 1] come to ",
        ),
        (
            lambda self, run, at: run.term(("x1", at.index)),
            "of y[1, 1] fail with KitnetError: own has no array",
        ),
        (
            lambda self, run, at: Terms((Term((Number("x0", at.index, 1.0),)),)),
            "of y[1, 1] hold a wrong number: x0[1, 1] is ",
        ),
        (
            lambda self, run, at: Terms((Term((Number("x0", (9, 9), 1.0),)),)),
            "of y[1, 1] name a number that is not there: x0 of own has shape (2, 3), and no place (9, 9)",
        ),
    ],
)
def test_wrong_terms_are_named(terms: Any, text: str) -> None:
    members = {name: value for name, value in vars(Tanh).items() if not name.startswith("__")}
    kind = dataclass(frozen=True)(type("Own", Tanh.__bases__, {**members, "word": "own", "terms": terms}))
    with pytest.raises(AssertionError) as caught:
        check_layer(kind(), (3,))
    assert str(caught.value).startswith(f"Own() on 3: the terms {text}")
