"""A convolution as the matrix of a fully connected layer (catalogue 75): sparse, with equal blocks."""

from __future__ import annotations

import numpy as np
import pytest
from catalogue import row

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.layers import Context, Convolution, Linear
from kitnet.layers.connection_table import ConnectionTable
from kitnet.surgery import matrix

LAYERS = [
    (Convolution(3, 2), (5, 4, 2)),
    (Convolution(3, 2, pad="same", bias=False), (4, 4, 1)),
    (Convolution((2, 3), 2, stride=(2, 1), pad=((1, 0), (0, 2)), on_misfit="floor"), (5, 4, 2)),
    (Convolution(2, 2, dilation=2, flip=True), (5, 5, 2)),
    (Convolution(3, 4, groups=2), (4, 3, 4)),
    (Convolution(2, 3, table=ConnectionTable(((0,), (0, 2), (1,)))), (3, 4, 3)),
    (Convolution(3, 2, pad=1), (6, 2)),
    (Convolution(2, 2), (3, 2, 3, 1)),
]


def drawn(layer: Convolution, x: tuple[int, ...]) -> dict[str, Array]:
    """Whole numbers, no two weights the same, so that sums are exact and every place is told apart."""
    random = np.random.default_rng(0)
    return {
        name: (1.0 + random.permutation(param.size)).reshape(param.shape)
        for name, param in layer.params(x).items()
    }


@row(75)
@pytest.mark.parametrize(("layer", "x"), LAYERS)
def test_75_its_columns_are_what_the_definition_makes_of_single_numbers(
    layer: Convolution, x: tuple[int, ...]
) -> None:
    w = drawn(layer, x)
    found = matrix(layer, x, w)
    units = np.eye(int(np.prod(x))).reshape(-1, *x)
    nothing = layer.definition(w, {}, Context(), np.zeros((1, *x))).reshape(-1)
    made = layer.definition(w, {}, Context(), units).reshape(len(units), -1) - nothing
    assert np.array_equal(found.dense(), made)
    assert np.array_equal(found.bias, nothing)
    assert found.density == np.count_nonzero(made) / made.size


@row(75)
@pytest.mark.parametrize(("layer", "x"), LAYERS)
def test_75_a_fully_connected_layer_with_it_is_the_convolution(
    layer: Convolution, x: tuple[int, ...]
) -> None:
    w = drawn(layer, x)
    found = matrix(layer, x, w)
    image = np.random.default_rng(1).integers(-5, 6, (3, *x)).astype(float)
    y = layer.forward(w, {}, Context(), image).y.reshape(3, -1)
    linear = Linear(found.shape[1])
    assert np.array_equal(
        linear.forward({"weight": found.dense(), "bias": found.bias}, {}, Context(), image).y, y
    )
    assert np.array_equal(found.of(image.reshape(3, -1)), y)


@row(75)
def test_75_blocks_are_equal() -> None:
    """The columns of every position are those of the first, moved down by the places between them."""
    layer, x = Convolution(3, 2), (5, 4, 2)
    full = matrix(layer, x, drawn(layer, x)).dense().reshape(-1, 3, 2, 2)
    for i, j in np.ndindex(3, 2):
        moved = (i * 4 + j) * 2
        assert np.array_equal(full[moved:, i, j], full[: len(full) - moved, 0, 0])
        assert not full[:moved, i, j].any()
    assert matrix(layer, x, drawn(layer, x)).density == 18 / 40


def test_c1_of_lenet_5() -> None:
    """Of 1,024 x 4,704 entries 117,600 are not 0: the multiply-adds of the layer."""
    layer = Convolution(5, 6)
    found = matrix(layer, (32, 32, 1), drawn(layer, (32, 32, 1)))
    assert found.shape == (1024, 4704) and len(found.values) == 117_600
    assert len(np.unique(found.values)) == 150


def test_mistakes() -> None:
    with pytest.raises(KitnetError) as caught:
        matrix(Linear(3), (4, 4, 1), {})  # type: ignore[arg-type]
    assert str(caught.value) == "only a convolution is a matrix with equal blocks, not fc"
    with pytest.raises(KitnetError) as caught:
        matrix(Convolution(3, 2), (4, 4, 1), {"weight": np.zeros((3, 3, 1, 1))})
    assert str(caught.value) == "weight of this conv has shape (3, 3, 1, 2), but got (3, 3, 1, 1)"
    with pytest.raises(KitnetError) as caught:
        matrix(Convolution(3, 2), (4, 4, 1), {"weight": np.zeros((3, 3, 1, 2))})
    assert str(caught.value) == "bias of this conv has shape (2,), but got nothing"
    with pytest.raises(KitnetError) as caught:
        matrix(Convolution(3, 512, bias=False), (224, 224, 512), {"weight": np.zeros((3, 3, 512, 512))})
    assert str(caught.value) == (
        "the matrix would have 116,275,544,064 entries; 67,108,864 are the most, take a smaller input or "
        "layer"
    )
