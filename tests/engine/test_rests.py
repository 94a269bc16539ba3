"""Plans of layers whose strides do not divide, in both layouts: the rest is treated as the formula says."""

from __future__ import annotations

import numpy as np
import pytest

import kitnet
from kitnet.base.shape import MISFITS
from kitnet.functional import convolve, max_pool

LINE = "12x10x3 -> conv3-20/4 {0} -> maxpool2 {0} -> fc5"


@pytest.mark.parametrize("layout", ["images", "channels"])
@pytest.mark.parametrize("on_misfit", MISFITS[1:])
def test_scores(on_misfit: str, layout: str) -> None:
    net = kitnet.parse(LINE.format(on_misfit)).initialise(1)
    x = np.random.default_rng(2).standard_normal((3, *net.input_shape), np.float32)
    fast = net.compile(3, layout=layout)
    np.testing.assert_allclose(fast(x), net(x), rtol=1e-5, atol=1e-5)
    assert f"conv.direct.{layout}" in {choice.one.id for choice in fast.plan.choices}


@pytest.mark.parametrize("on_misfit", ["ceil", "crop"])
def test_functions(on_misfit: str) -> None:
    random = np.random.default_rng(3)
    x = random.standard_normal((2, 12, 10, 3), np.float32)
    w = random.standard_normal((3, 3, 3, 4), np.float32)
    how = {"stride": 4, "on_misfit": on_misfit}
    for function, arguments in ((convolve, (x, w)), (max_pool, (x, 3))):
        fast, exact = (function(*arguments, engine=engine, **how) for engine in ("compiled", "formula"))
        np.testing.assert_allclose(fast, exact, rtol=1e-5, atol=1e-5)
