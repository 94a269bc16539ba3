"""Generated plans, as in `test_generated_plans.py`, of networks with products, maxima, maxout, shuffles and
activations of all kinds between other layers.
"""

from __future__ import annotations

from typing import Any

import pytest
import test_generated_plans as generated
from test_generated_plans import hostile  # noqa: F401  # a fixture

FEW, MORE = 6, 60
USUAL = generated._term


def _term(pick: Any, batch: int, deep: bool = False) -> str:
    if pick([True, False]):
        return USUAL(pick, batch, deep)
    words = (
        "prelu", "gelu", "gelu form=tanh", "elu", "softplus", "softsign", "hardswish", "gaussian", "relu6",
        "maxout2", "shuffle2", "conv3-6 same -> shuffle3", "conv1-4 -> se2", "dropout drop=0.3 maps",
        "dropout samples",
        "conv1-6 -> maxout3", "multiply[identity | tanh]", "multiply[conv1-5 | fc5 -> sigmoid]",
        "maximum[conv1-3 | conv3-3 same -> tanh | conv1-3]",
        "conv3-4 same -> multiply[identity | identity | relu]",
        "concat[conv1-4 -> prelu | conv1-2 -> multiply[identity | sigmoid]]",
        "conv1-3 -> residual[prelu -> shuffle3]",
    )  # fmt: skip
    return str(pick([word for word in words if not (deep and "[" in word)]))


@pytest.fixture
def other_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated, "_term", _term)


@pytest.mark.usefixtures("hostile", "other_terms")
@pytest.mark.parametrize(
    "seed", [*range(FEW), *(pytest.param(n, marks=pytest.mark.slow) for n in range(FEW, MORE))]
)
@pytest.mark.sample(9)
def test_generated_plans(seed: int) -> None:
    generated.check(seed)


@pytest.mark.usefixtures("other_terms")
def test_what_is_generated() -> None:
    found = {layer.word for n in range(MORE) for layer, _ in generated.layers(generated.drawn(n)[0])}
    assert found >= {
        "multiply",
        "maximum",
        "maxout",
        "shuffle",
        "prelu",
        "gelu",
        "dropout",
        "conv",
        "maxpool",
    }
