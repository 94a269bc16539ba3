"""Where a plan takes Winograd's filtering, that it agrees with the formulas, and why it is not taken."""

from __future__ import annotations

import numpy as np
import pytest
from plans import EPS, assert_right_with_and_without, ids, planned

import kitnet
from kitnet.base.error import KitnetError
from kitnet.engine import Scores, wishes_of
from kitnet.net import usual_loss

# tanh and not relu: a rounding that turns a zero's sign would change the gradient by more than a rounding
WIDE = (
    "9x8x3 -> conv3-32 same -> tanh -> residual[conv3-32 same -> tanh -> conv3-33 same -> conv3-32 same] "
    "-> meanpool2 floor -> fc5"
)


@pytest.mark.parametrize("batch", [1, 70])
@pytest.mark.slow
def test_wide_layers_take_it_and_agree_with_the_formulas(batch: int) -> None:
    net = kitnet.parse(WIDE).initialise(1)
    with_it, without = assert_right_with_and_without("winograd", net, batch, 2000)
    assert with_it == ["conv.direct.images", *["conv.winograd4.images"] * 3]
    assert without == ["conv.direct.images"] * 4


def test_threads_change_no_bit() -> None:
    net = kitnet.parse(WIDE).initialise(2)
    x = np.random.default_rng(0).standard_normal((33, *net.input_shape), np.float32)
    loss = usual_loss(net.graph)
    one, two = (Scores(net, loss, 33, threads=threads)(x) for threads in (1, 3))
    np.testing.assert_array_equal(one, two)


REFUSED = {
    "16x16x32 -> conv5-32 same": "only for 3x3 windows",
    "16x32 -> conv3-32 same": "only for 3x3 windows",
    "16x16x32 -> conv3-32/2 same": "only for stride 1 and dilation 1",
    "16x16x32 -> conv3-32 groups=2": "only without groups; the layer has 2",
    "16x16x8 -> conv3-32 same": "slower with so few channels, 8 into 32",
    "16x16x32 -> conv3-13 same": "slower with so few channels, 32 into 13",
    "2x16x32 -> conv3-32 same": "the direct sum should be quicker for 2x16 outputs",
    "6x6x64 -> conv3-64 same": "F(2x2,3x3) should be quicker for 6x6 outputs",
    "9x9x16 -> conv3-16 same": "the direct sum should be quicker for 9x9 outputs",
    "6x9x32 -> conv3-32 same": None,
    "9x17x32 -> conv3-32 same": None,
    "6x6x1024 -> conv3-1024 same": "the mapped filters would take 151 MB",
}


@pytest.mark.parametrize("line", REFUSED)
def test_why_it_is_not_taken(line: str) -> None:
    net = kitnet.parse(f"{line} -> fc3")
    plan = planned(net, 16, loss=usual_loss(net.graph), train=False)
    reasons = {r.id: r.reason for r in plan.choices[0].refusals}
    assert reasons.get("conv.winograd4.images") == REFUSED[line]


def test_an_option_forces_what_would_be_slower() -> None:
    net = kitnet.parse("16x16x8 -> conv3-32 same -> conv5-4").initialise(1)
    forced = planned(net, 16, loss=None, train=False, wishes=wishes_of(force=["winograd"]))
    assert ids(forced) == ["conv.winograd4.images", "conv.direct.images"]
    x = np.random.default_rng(0).standard_normal((20, 16, 16, 8), np.float32)
    want = net(x)
    got = net.compile(16, force=["winograd"])(x)
    np.testing.assert_allclose(got, want, rtol=0, atol=400 * EPS * np.abs(want).max())


def test_an_option_forces_what_would_be_the_last_choice() -> None:
    net = kitnet.parse("9x17x32 -> conv3-32 same")
    for forced in "conv.direct.images", "conv.direct.channels":
        assert ids(planned(net, 16, loss=None, train=False, wishes=wishes_of(force=[forced]))) == [forced]


def test_an_unknown_implementation_is_refused() -> None:
    with pytest.raises(KitnetError, match="no implementation is called 'winnograd'"):
        wishes_of(forbid=["winnograd"])
