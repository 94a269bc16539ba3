"""The page that maps the layers of cuda-convnet to words: every word is one, and the neurons compute what it
says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from catalogue import row

import kitnet
from kitnet.net.objective import losses

PAGE = (Path(__file__).parents[2] / "docs" / "cuda-convnet.md").read_text("utf-8").replace("\\|", "¦")
ROWS = [line.split("|")[1:-1] for line in PAGE.splitlines() if line.startswith("| `")]


def words(cell: str) -> list[str]:
    return [word.replace("¦", "|") for word in re.findall(r"`([^`]+)`", cell)]


@row(67)
def test_the_page_has_every_layer_and_neuron() -> None:
    """Of `layer_parsers` and `neuron_parsers` of both versions, but for layers that divide others among
    GPUs."""
    named = {word.split("[")[0] for first, *_ in ROWS for word in words(first)}
    assert named >= {
        *("data", "fc", "conv", "local", "softmax", "eltsum", "eltmax", "sum", "neuron", "pool", "cmpool"),
        *("rnorm", "cnorm", "cmrnorm", "nailbed", "blur", "href", "resize", "rgb2yuv", "rgb2lab", "rscale"),
        *("crop", "concat", "pass", "dropout", "dropout2"),
        *("cost.logreg", "cost.crossent", "cost.bce", "cost.dce", "cost.sum2"),
        *("ident", "logistic", "abs", "relu", "nrelu", "softrelu", "square", "sqrt", "log", "tanh", "brelu"),
        *("linear", "drelu"),
    }


@pytest.mark.parametrize("line", [word for *_, last in ROWS for word in words(last)])
def test_every_word_of_the_page_is_one(line: str) -> None:
    if line not in losses():
        kitnet.parse(f"13x13x8 -> {line}")


NEURONS: dict[str, Callable[[float], float]] = {
    "ident": lambda x: x,
    "logistic": lambda x: 1 / (1 + math.exp(-x)),
    "relu": lambda x: max(x, 0),
    "brelu[a]": lambda x: min(max(x, 0), 6),
    "softrelu": lambda x: math.log(1 + math.exp(x)),
    "abs": abs,
    "square": lambda x: x * x,
    "sqrt": math.sqrt,
    "linear[a,b]": lambda x: 2 * x - 1,
    "drelu[a]": lambda x: x - 2 * math.tanh(x / 2),
}


@row(67)
@pytest.mark.parametrize("name", NEURONS)
def test_neurons_compute_their_formulas(name: str) -> None:
    (line,) = (words(last)[0] for first, *_, last in ROWS if words(first) == [name])
    x = np.array([0.25, 1, 3, 7]) if name == "sqrt" else np.array([-2.0, 0, 1, 7])
    y = kitnet.parse(f"4 -> {line}").initialise(0)(x[None])
    np.testing.assert_allclose(y[0], [NEURONS[name](each) for each in x], rtol=1e-6)
