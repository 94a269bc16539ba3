"""Rates that rise in one short training, and the rate that is proposed."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from kitnet.base.error import KitnetError
from kitnet.optim import Rising
from kitnet.train.find_rate import find_rate, judged, smoothed

RATES = [10 ** (-5 + 6 * i / 99) for i in range(100)]


def falling(at: float, blown: float = math.inf) -> list[float]:
    """A loss that falls from 2.3 to 0.3 around a rate, and explodes at another."""
    return [0.3 + 2 / (1 + (rate / at) ** 2) + (50 if rate >= blown else 0) for rate in RATES]


def test_rates_rise_by_the_same_factor() -> None:
    rising = Rising(10.0, 7, first=1e-5)
    np.testing.assert_allclose([rising.at(i) for i in range(7)], [10.0**k for k in range(-5, 2)], rtol=1e-12)


def test_running_means_are_weighted_means() -> None:
    losses = [3.0, 1.0, 2.0]
    weights = [0.9**2, 0.9, 1.0]
    assert smoothed(losses)[-1] == pytest.approx(np.average(losses, weights=weights))
    assert smoothed([5.0] * 4) == pytest.approx([5.0] * 4)


def test_the_steepest_fall_is_proposed() -> None:
    """The mean over steps sees it a few steps late."""
    found = judged(RATES, falling(1e-2))
    assert found.blown_up is None and found.steepest is not None
    assert 1e-2 <= found.steepest < 3e-2
    assert found.proposed == pytest.approx(found.steepest, rel=0.5)
    assert found.reason == f"the loss falls most steeply at {found.steepest:.2g}"


def test_a_mean_of_few_losses_is_no_fall() -> None:
    """The first loss is far above the others by chance."""
    losses = falling(1e-2)
    found = judged(RATES, [2 * losses[0], *losses[1:]])
    assert found.steepest is not None and 1e-2 <= found.steepest < 3e-2


def test_a_tenth_of_the_blow_up_is_proposed_where_that_is_less() -> None:
    losses = falling(1e-2, 0.05)
    end = next(i for i, rate in enumerate(RATES) if rate >= 0.05) + 1
    found = judged(RATES[:end], losses[:end])
    assert found.blown_up == RATES[end - 1]
    assert found.proposed == pytest.approx(RATES[end - 1] / 10, rel=0.1)
    assert found.reason == f"a 10th of {RATES[end - 1]:.2g}, at which the loss blows up"
    nothing = judged(RATES[:end], [*losses[: end - 1], math.nan])
    assert nothing.blown_up == found.blown_up and nothing.proposed == found.proposed


def test_no_rate_is_proposed_where_the_loss_never_falls() -> None:
    for losses in ([2.3] * 100, [2.3 + i for i in range(100)], [math.nan]):
        found = judged(RATES[: len(losses)], losses)
        assert found.proposed is None and found.steepest is None
        assert found.reason == (
            "the loss falls at no rate; look at the data, the init of the weights or the network"
        )


@pytest.mark.parametrize("engine", ["formula", "compiled"])
def test_a_trial_finds_rates_and_leaves_nothing(settings, engine: str, tmp_path: Path) -> None:
    told = settings(engine=engine, clip=100.0, average=0.9)
    found = find_rate(told, steps=60)
    assert found.rates[0] == pytest.approx(1e-5) and len(found.rates) <= 60
    assert len(found.rates) == len(found.losses) == len(found.smoothed)
    assert found.proposed is not None and 1e-4 < found.proposed < 2
    assert not list(tmp_path.iterdir())
    assert find_rate(told, steps=60) == found  # the network is made anew


def test_several_batches_an_update(settings) -> None:
    many, one = (find_rate(settings(engine="formula", **how), steps=20, last=0.1) for how in (
        {"batch": 10, "accumulate": 2}, {"batch": 20},
    ))  # fmt: skip
    np.testing.assert_allclose(many.losses, one.losses, rtol=1e-4)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"steps": 3}, "steps 3 is not possible; use 20 or more"),
        ({"first": 1.0, "last": 0.1}, "rates from 1 to 0.1 do not rise; use such as 1e-05 to 10"),
        ({"first": 0}, "rates from 0 to 10 do not rise; use such as 1e-05 to 10"),
    ],
)
def test_bad_values(settings, how, text: str) -> None:
    with pytest.raises(KitnetError) as caught:
        find_rate(settings(), **how)
    assert str(caught.value) == text


def test_a_network_without_gradients_has_no_rate(settings) -> None:
    with pytest.raises(KitnetError) as caught:
        find_rate(settings(model="hmax"))
    assert str(caught.value) == (
        "hmax learns by a rule of its own, without a learning rate; use another model"
    )
