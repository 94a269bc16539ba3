"""How the code is built, as teaching material says it: a class for each layer, a network of them by type, and
work that is independent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from catalogue import row

import kitnet
from kitnet.base.spec import Array
from kitnet.functional import convolve, convolve_backward
from kitnet.layers import LAYERS, Convolution, Layer, Linear, Relu
from kitnet.optim import Sgd


@row(81)
def test_a_layer_is_a_class_with_forward_and_backward() -> None:
    for word, kind in LAYERS.items():
        assert issubclass(kind, Layer) and kind.word == word
        for method in (kind.forward, kind.backward):
            assert not getattr(method, "__isabstractmethod__", False)
    assert len(set(LAYERS.values())) == len(LAYERS)


@row(81)
def test_forward_goes_from_1_to_l_and_backward_from_l_to_1(monkeypatch: pytest.MonkeyPatch) -> None:
    called = []

    def told(kind: type[Layer], name: str) -> Callable[..., Any]:
        method = getattr(kind, name)

        def call(self: Layer, *given: Any) -> Any:
            called.append((name, self.word))
            return method(self, *given)

        return call

    for kind in (Convolution, Relu, Linear):
        for name in ("forward", "backward"):
            monkeypatch.setattr(kind, name, told(kind, name))
    tape = kitnet.parse("5x5x1 -> conv3-2 -> relu -> fc4").tape(np.ones((1, 5, 5, 1), np.float32))
    assert called == [("forward", word) for word in ("conv", "relu", "fc")]
    called.clear()
    tape.backward(np.ones((1, 4), np.float32))
    assert called == [("backward", word) for word in ("fc", "relu", "conv")]


@row(81)
def test_then_every_parameter_is_updated() -> None:
    """W <- W - rate dW."""
    net = kitnet.parse("5x5x1 -> conv3-2 -> relu -> fc4").initialise(0)
    before = {path: array.copy() for path, array in net.weights.items()}
    x, labels = np.random.default_rng(0).standard_normal((8, 5, 5, 1), np.float32), np.arange(8) % 4
    gradient = net.compile(8, "gradient")
    gradient(x, labels)
    net.compile(8, "train", rule=Sgd(0.5, 0))(x, labels, 0)
    for path, array in net.weights.items():
        assert np.any(gradient.gradient[path])
        np.testing.assert_allclose(array, before[path] - 0.5 * gradient.gradient[path], rtol=1e-6, atol=1e-7)


def drawn(*shape: int) -> Array:
    return np.random.default_rng(len(shape)).standard_normal(shape, np.float32)


@row(82)
@pytest.mark.parametrize("share", [4, 16, 20])
def test_shares_of_the_filters_give_the_bits_of_all(share: int) -> None:
    x, w, b = drawn(2, 9, 8, 3), drawn(3, 3, 3, 40), drawn(40)
    parts = [convolve(x, w[..., k : k + share], b[k : k + share]) for k in range(0, 40, share)]
    assert np.concatenate(parts, -1).tobytes() == convolve(x, w, b).tobytes()


@row(82)
def test_shares_of_the_images_give_the_bits_of_all_and_gradients_that_add() -> None:
    random = np.random.default_rng(0)
    x, dy = (random.integers(-4, 5, shape).astype(np.float32) for shape in ((6, 9, 8, 3), (6, 7, 6, 5)))
    w = random.integers(-4, 5, (3, 3, 3, 5)).astype(np.float32)
    assert np.array_equal(np.concatenate([convolve(x[:2], w), convolve(x[2:], w)]), convolve(x, w))
    dx, dw, db = convolve_backward(dy, x, w)
    one, other = convolve_backward(dy[:2], x[:2], w), convolve_backward(dy[2:], x[2:], w)
    assert np.array_equal(np.concatenate([one[0], other[0]]), dx)
    assert np.array_equal(one[1] + other[1], dw) and np.array_equal(one[2] + other[2], db)


@row(82)
def test_two_threads_train_to_the_bits_of_one() -> None:
    trained = []
    for threads in (1, 2):
        net = kitnet.parse("9x8x3 -> conv3-8 same -> relu -> maxpool2 floor -> fc4").initialise(0)
        step = net.compile(40, "train", threads=threads)
        x, labels = drawn(40, 9, 8, 3), np.arange(40) % 4
        for i in range(3):
            step(x, labels, i)
        trained.append(net.weights.flat.tobytes())
    assert trained[0] == trained[1]
