"""Networks of ConvNetJS, as `net.toJSON()` writes them, against its arithmetic, written here once more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from changes import changed, check_changed

from kitnet.base.error import KitnetError
from kitnet.interop.weights import import_weights

DRAW = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def volume(sx: int, sy: int, depth: int) -> dict[str, Any]:
    """A volume whose numbers are a typed array, which JSON has as an object."""
    numbers = DRAW.normal(0, 0.3, sx * sy * depth).tolist()
    return {"sx": sx, "sy": sy, "depth": depth, "w": {str(i): one for i, one in enumerate(numbers)}}


def network() -> dict[str, Any]:
    """7x6 places of 2 maps: everything that learns, and most of what does not."""
    return {
        "layers": [
            {"out_depth": 2, "out_sx": 6, "out_sy": 7, "layer_type": "input"},
            {
                **{"sx": 3, "sy": 3, "stride": 1, "in_depth": 2, "out_depth": 4, "out_sx": 6, "out_sy": 7},
                **{"l1_decay_mul": 0, "l2_decay_mul": 1, "pad": 1, "layer_type": "conv"},
                **{"filters": [volume(3, 3, 2) for _ in range(4)], "biases": volume(1, 1, 4)},
            },
            {"out_depth": 4, "out_sx": 6, "out_sy": 7, "layer_type": "relu"},
            {"k": 1, "n": 3, "alpha": 0.6, "beta": 0.75, "out_depth": 4, "layer_type": "lrn"},
            {"sx": 2, "sy": 2, "stride": 2, "pad": 0, "in_depth": 4, "out_depth": 4, "layer_type": "pool"},
            {
                **{"out_depth": 6, "num_inputs": 36, "layer_type": "fc"},
                **{"filters": [volume(1, 1, 36) for _ in range(6)], "biases": volume(1, 1, 6)},
            },
            {"group_size": 2, "out_depth": 3, "layer_type": "maxout"},
            {"out_depth": 3, "layer_type": "tanh"},
            {"out_depth": 3, "layer_type": "sigmoid"},
            {"out_depth": 3, "drop_prob": 0.25, "layer_type": "dropout"},
            {
                **{"out_depth": 3, "num_inputs": 3, "layer_type": "fc"},
                **{"filters": [volume(1, 1, 3) for _ in range(3)], "biases": volume(1, 1, 3)},
            },
            {"out_depth": 3, "num_inputs": 3, "layer_type": "softmax"},
        ]
    }


def row(of: dict[str, Any]) -> list[float]:
    return [of["w"][str(i)] for i in range(len(of["w"]))]


def forward(layers: list[dict[str, Any]], x: Any) -> Any:
    """Vol.get(x, y, d) is w[(sx * y + x) * depth + d]; loops as convnet.js has them."""
    for one in layers[1:]:
        match one["layer_type"]:
            case "conv":
                padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
                filters = [np.reshape(row(each), (3, 3, 2)) for each in one["filters"]]
                y = np.zeros((*x.shape[:2], 4))
                for i, j in np.ndindex(*x.shape[:2]):
                    window = padded[i : i + 3, j : j + 3]
                    y[i, j] = [(window * each).sum() for each in filters] + np.array(row(one["biases"]))
                x = y
            case "relu":
                x = np.maximum(x, 0)
            case "lrn":
                y = np.empty_like(x)
                for d in range(4):
                    near = x[..., max(0, d - 1) : d + 2]
                    y[..., d] = x[..., d] / (1 + 0.6 / 3 * (near**2).sum(-1)) ** 0.75
                x = y
            case "pool":
                x = x[:6].reshape(3, 2, 3, 2, 4).max((1, 3))
            case "fc":
                x = np.array([np.dot(x.ravel(), row(each)) for each in one["filters"]]) + row(one["biases"])
            case "maxout":
                x = x.reshape(3, 2).max(1)
            case "tanh":
                x = np.tanh(x)
            case "sigmoid":
                x = 1 / (1 + np.exp(-x))
            case "dropout":
                x = x * 0.25
    return x


def refusal(told: object) -> str:
    Path("a.json").write_text(told if isinstance(told, str) else json.dumps(told))
    with pytest.raises(KitnetError) as caught:
        import_weights("a.json")
    return str(caught.value)


def test_the_scores_are_those_of_convnetjs() -> None:
    told = network()
    Path("a.json").write_text(json.dumps(told))
    found = import_weights("a.json")
    x = DRAW.standard_normal((7, 6, 2))
    expected = forward(told["layers"], x)
    np.testing.assert_allclose(found.net(x[None].astype(np.float32))[0], expected, rtol=1e-5, atol=1e-6)
    assert found.loss == "softmax_cross_entropy"
    assert found.match.lines() == [
        "6 of 6 arrays matched by the names of ConvNetJS",
        "layer 9: as ConvNetJS does, scores multiply by its drop_prob",
        "its last layer softmax is the loss softmax_cross_entropy here",
    ]


def with_layer(number: int, **fields: Any) -> dict[str, Any]:
    told = network()
    told["layers"][number] |= fields
    return told


def test_what_is_refused() -> None:
    for told, message in (
        ('{"layers": [', "no JSON that can be read; take a fresh copy"),
        ({"nets": []}, "no network of ConvNetJS; give what JSON.stringify(net.toJSON()) writes"),
        ({"layers": [{}, {}]}, "expected an input and up to 1000 layers behind it"),
        (with_layer(0, out_sx=1e9), "its out_sx is 1000000000.0, expected 1 to 65536"),
        (
            with_layer(2, layer_type="quadtransform"),
            "layer 2: 'quadtransform' is not read; known: conv, pool, fc, relu, sigmoid, tanh, maxout, "
            "dropout, lrn, softmax, svm, regression",
        ),
        (with_layer(1, filters=[]), "layer 1: it has not as many filters as maps; take a fresh copy"),
        (
            with_layer(1, filters=[volume(3, 3, 2)] * 3 + [volume(1, 1, 2)]),
            "layer 1: its filters have different sizes; take a fresh copy",
        ),
        (with_layer(1, biases={"w": "none"}), "layer 1: a volume has no row of numbers w; take a fresh copy"),
        (
            with_layer(1, biases={"w": [1e99, 0, 0, 0]}),
            "layer 1: a weight is no finite number of 32 bits; take a fresh copy",
        ),
        (with_layer(1, sx=5), "conv1.weight has 72 numbers, expected 120; take a fresh copy"),
        (with_layer(3, n=2), "layer 3: a response norm over 2 maps has no middle"),
        (with_layer(9, drop_prob="x"), "layer 9: its drop_prob is 'x', expected a number"),
    ):
        assert refusal(told) == f"a.json: {message}"
    Path("a.json").write_text(json.dumps(network()))
    with pytest.raises(KitnetError) as caught:
        import_weights("a.json", "lenet5")
    assert str(caught.value) == ("a.json: ConvNetJS' files have a network; leave out --model and --classes")


@pytest.mark.parametrize("number", [20, pytest.param(2000, marks=pytest.mark.long)])
def test_changed_files(number: int) -> None:
    content = json.dumps(network()).encode()

    def read(draw: np.random.Generator) -> None:
        Path("b.json").write_bytes(b"{" + changed(content, draw)[1:])
        import_weights("b.json")

    check_changed(read, number)
