"""Pooling where a window reaches into padding and nothing on the input is larger than what padding holds."""

from __future__ import annotations

import numpy as np
import pytest

from kitnet.layers import Context, Kept, MaxPool


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_padding_does_not_win_over_minus_infinity(dtype: type) -> None:
    """Else the gradient of such a window would be lost in the padding."""
    x = np.full((1, 2, 2, 1), -np.inf, dtype)
    layer = MaxPool(2, 1, pad=1)
    made = layer.forward({}, {}, Context(), x)
    assert (made.y == -np.inf).all()
    assert made.extras["indices"].ravel().tolist() == [3, 2, 2, 1, 0, 0, 1, 0, 0]
    dy = np.arange(1.0, 10.0, dtype=dtype).reshape(1, 3, 3, 1)
    (dx,) = layer.backward({}, Kept((x.shape,), extras=made.extras), dy).dx
    assert dx is not None and dx.sum() == dy.sum()


def test_the_first_value_that_is_no_number_wins() -> None:
    x = np.array([-np.inf, np.nan, np.inf, np.nan])[None, :, None]
    made = MaxPool(4, 2, pad=1).forward({}, {}, Context(), x)
    assert np.isnan(made.y).all()
    assert made.extras["indices"].ravel().tolist() == [2, 0]
