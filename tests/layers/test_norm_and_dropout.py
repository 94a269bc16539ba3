"""Batch normalisation and dropout by hand-made numbers, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from catalogue import row

import kitnet
from kitnet.base.error import ShapeError
from kitnet.layers import BatchNorm, Context, Dropout, Kept

ONE = {"scale": np.ones(1), "shift": np.zeros(1)}
NEW = {"mean": np.zeros(1), "var": np.ones(1)}
TRAIN = Context(train=True)


def test_a_batch_by_hand() -> None:
    """1, 3, 5, 7: mean 4, biased variance 5, unbiased 20/3; eps 4 makes the root 3."""
    x = np.array([[1.0], [3.0], [5.0], [7.0]])
    made = BatchNorm(0.9, 4.0).forward({"scale": np.array([6.0]), "shift": np.array([1.0])}, NEW, TRAIN, x)
    assert made.y.ravel().tolist() == [-5, -1, 3, 7]
    np.testing.assert_allclose(made.state["mean"], 0.4)
    np.testing.assert_allclose(made.state["var"], 0.9 + 0.1 * 20 / 3)


def test_the_gradient_of_a_batch_by_hand() -> None:
    """x = -1, 0, 1 with eps 1/3 normalises to itself; of dy = 1, 0, 0 mean and slope are taken off."""
    x = np.array([[-1.0], [0.0], [1.0]])
    layer = BatchNorm(eps=1 / 3)
    made = layer.forward(ONE, NEW, TRAIN, x)
    np.testing.assert_allclose(made.y, x)
    back = layer.backward(ONE, Kept((x.shape,), x=(x,), extras=made.extras), np.array([[1.0], [0.0], [0.0]]))
    np.testing.assert_allclose(back.dx[0].ravel(), [1 - 1 / 3 - 1 / 3, -1 / 3, -1 / 3 + 1 / 3], atol=1e-15)
    assert (back.dw["scale"], back.dw["shift"]) == (-1, 1)


def test_samples_are_mixed_in_training_only_and_one_number_has_no_variance() -> None:
    layer = BatchNorm()
    assert layer.mixes_samples(True)
    assert not layer.mixes_samples(False)
    assert [layer.least_batch(shape) for shape in ((3,), (1, 1, 3), (1, 2, 3))] == [2, 2, 1]


def test_an_empty_batch_leaves_the_running_statistics() -> None:
    made = BatchNorm().forward(ONE, NEW, TRAIN, np.zeros((0, 1)))
    assert made.y.shape == (0, 1)
    assert made.state == {}


def test_evaluation_uses_the_running_statistics_and_leaves_them() -> None:
    state = {"mean": np.array([2.0]), "var": np.array([5.0])}
    made = BatchNorm(eps=4.0).forward(ONE, state, Context(), np.array([[5.0], [-4.0]]))
    assert made.y.ravel().tolist() == [1, -2]
    assert made.state == {}


def test_a_training_step_of_the_formula_keeps_the_arrays_of_the_state() -> None:
    net = kitnet.parse("4x4x2 -> batchnorm -> fc3").initialise(0)
    before = net.state["batchnorm1"]["mean"]
    tape = net.tape(np.random.default_rng(0).standard_normal((5, 4, 4, 2), np.float32), train=True)
    assert not before.any()
    net.keep(tape.state)
    assert net.state["batchnorm1"]["mean"] is before
    np.testing.assert_array_equal(before, tape.state["batchnorm1"]["mean"])


@pytest.mark.parametrize("mean", [0.0, 1000.0])
def test_many_numbers_keep_their_digits_in_float32(mean: float) -> None:
    x = (np.random.default_rng(1).standard_normal((64, 32, 32, 2)) + mean).astype(np.float32)
    made = BatchNorm().forward(
        {"scale": np.ones(2, np.float32), "shift": np.zeros(2, np.float32)},
        {"mean": np.zeros(2, np.float32), "var": np.ones(2, np.float32)},
        TRAIN,
        x,
    )
    exact = x.astype(float)
    want = (exact - exact.mean((0, 1, 2))) / np.sqrt(exact.var((0, 1, 2)) + 1e-5)
    np.testing.assert_allclose(made.y, want, rtol=0, atol=1e-6 + 1.2e-7 * mean)


@pytest.mark.parametrize("drop", [0.1, 0.5, 0.75])
def test_the_share_that_is_dropped_and_what_is_left(drop: float) -> None:
    """Of 40,000 the share lies within four deviations of the binomial."""
    x = np.ones((10, 4000))
    y = Dropout(drop).forward({}, {}, Context(train=True, path="dropout1"), x).y
    assert abs((y == 0).mean() - drop) < 4 * (drop * (1 - drop) / y.size) ** 0.5
    assert set(np.unique(y)) == {0.0, 1 / (1 - drop)}


def test_steps_and_places_draw_different_bits() -> None:
    def dropped(**where: object) -> bytes:
        ctx = Context(train=True, **where)  # type: ignore[arg-type]
        return Dropout().forward({}, {}, ctx, np.ones((4, 50))).y.tobytes()

    ways = [{}, {"step": 1}, {"path": "other"}, {"seed": 1}, {"first_sample": 4}]
    assert len({dropped(**way) for way in ways}) == len(ways)
    assert dropped(step=1) == dropped(step=1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "4x4x2 -> batchnorm decay=1.5",
            "batchnorm1: a decay of 1.5 is no share of the old statistics; use 0 to 1",
        ),
        (
            "4x4x2 -> batchnorm eps=0.0",
            "batchnorm1: an eps of 0 does not keep var + eps above 0; use 1e-5",
        ),
        (
            "7 -> dropout drop=1.0",
            "dropout1: a drop of 1 is no probability below 1; use 0 or more, and less than 1",
        ),
    ],
)
def test_what_cannot_be(line: str, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        kitnet.parse(line)
    assert str(caught.value) == message


@row(68)
def test_dropout_thins_in_training_and_keeps_the_mean() -> None:
    """In evaluation it is the identity, in training each unit is there with 1 - drop, scaled so that the
    expected value is x (Srivastava et al. 2014)."""
    net = kitnet.parse("1000 -> dropout drop=0.4").initialise(0)
    x = np.random.default_rng(0).uniform(1, 2, (50, 1000)).astype(np.float32)
    np.testing.assert_array_equal(net(x), x)
    y = net.tape(x, train=True).output
    np.testing.assert_allclose(y[y != 0], (x / 0.6)[y != 0], rtol=1e-6)
    assert abs((y == 0).mean() - 0.4) < 4 * (0.24 / y.size) ** 0.5
    assert abs(y.mean() - x.mean()) < 0.02


def test_whole_maps_are_dropped() -> None:
    x = np.ones((200, 3, 4, 10))
    y = Dropout(0.3, "maps").forward({}, {}, Context(train=True, path="d"), x).y
    assert all(np.unique(y[n, ..., c]).size == 1 for n, c in np.ndindex(200, 10))
    share = (y[:, 0, 0] == 0).mean()
    assert abs(share - 0.3) < 4 * (0.21 / 2000) ** 0.5
    assert set(np.unique(y)) == {0.0, 1 / 0.7}


def test_stochastic_depth_skips_the_body_of_a_residual() -> None:
    """Sample by sample: y = x where it is dropped, and x + body / (1 - drop) where not; x + body in
    evaluation."""
    net = kitnet.parse("3x3x2 -> residual[body:conv3-2 same -> dropout drop=0.25 samples]").initialise(0)
    x = np.random.default_rng(0).standard_normal((400, 3, 3, 2)).astype(np.float32)
    tape = net.tape(x, train=True)
    body = tape["residual1.body.body"]
    skipped = (tape.output == x).all((1, 2, 3))
    np.testing.assert_allclose(tape.output[~skipped], (x + body / 0.75)[~skipped], rtol=1e-5, atol=1e-6)
    assert abs(skipped.mean() - 0.25) < 4 * (0.1875 / 400) ** 0.5
    np.testing.assert_allclose(net(x), x + body, rtol=1e-5, atol=1e-6)


def test_what_is_dropped_as_one_is_said_in_the_language() -> None:
    net = kitnet.parse("4x4x2 -> dropout drop=0.2 maps -> dropout samples")
    assert [node.layer for node in net.graph.nodes[1:]] == [Dropout(0.2, "maps"), Dropout(of="samples")]
    assert str(net) == "4x4x2 -> dropout drop=0.2 maps -> dropout samples"
