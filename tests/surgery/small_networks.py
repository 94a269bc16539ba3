"""Small networks of all kinds, with weights and statistics that are not those of the beginning."""

from __future__ import annotations

import numpy as np

import kitnet
from kitnet.base.spec import Array

HEADS = (
    "fc4",
    "fc6 -> tanh -> fc4",
    "flatten -> relu -> fc5 bias=no -> fc3 -> softmax",
    "meanpool global -> fc4",
)


def random_line(seed: int, padded: bool) -> str:
    """A line of 20x20x2: convolutions, norms, branches and two pools, then a head; its jump is 4."""
    random = np.random.default_rng(seed)
    pad = " same" if padded else ""

    def stage() -> str:
        conv = f"conv3-{random.integers(2, 5)}{pad}"
        norm = random.choice(["", " -> batchnorm"])
        branch = random.choice(
            [
                "",
                " -> concat[conv1-2 | relu]",
                " -> residual[conv1-3 -> relu | conv1-3]",
                f" -> concat[conv3-2{pad} -> batchnorm | conv3-3{pad}]",
            ]
        )
        pool = random.choice(["maxpool2 floor", "meanpool2 floor", "subsample2 floor"])
        activation = random.choice(["relu", "tanh", "leakyrelu"])
        return f"{conv}{norm} -> {activation}{branch} -> {pool}"

    sizes = "20x20x2" if padded else "22x22x2"
    return f"{sizes} -> {stage()} -> {stage()} -> {HEADS[seed % len(HEADS)]}"


PADS = ("", " same", " pad=1", " pad=1:0x0:1", " pad=0:1x1:0", " full")
MISFITS = (" floor", " ceil", " pad", " crop")
OTHERS = (
    *(
        "relu",
        "tanh",
        "lrn3 within",
        "pad1 reflect",
        "pad places=1:0x0:2 circular",
        "batchnorm",
        "subsample2 floor",
    ),
    *("concat[conv3-2 same | relu]", "residual[conv3-3 same -> tanh | conv1-3]"),
    *("concat[maxpool3/1 same | conv1-1]", "layernorm over=channels"),
)


def line_with_borders(seed: int) -> str:
    """A line of few layers that pad, crop and leave out places in all ways, and a linear layer."""
    random = np.random.default_rng(seed)

    def part() -> str:
        window, stride = random.integers(1, 4), random.choice(["", "/2"])
        conv = f"conv{window}-{random.integers(1, 4)}{stride}{random.choice(PADS)}{random.choice(MISFITS)}"
        dilation = random.choice(["", " dilation=2"])
        pool = f"{random.choice(['maxpool', 'meanpool'])}{random.integers(2, 4)}/2{random.choice(MISFITS)}"
        return str(random.choice([conv + dilation, conv, pool, random.choice(OTHERS)]))

    height, width = random.integers(9, 14, 2)
    return f"{height}x{width}x2 -> {' -> '.join(part() for _ in range(random.integers(1, 4)))} -> fc2"


def made(line: str, seed: int = 0) -> kitnet.Net:
    """The network in float64, with biases, scales and statistics drawn as well."""
    net = kitnet.parse(line).initialise(seed, np.float64)
    random = np.random.default_rng(seed)
    for path, view in net.weights.items():
        if not path.endswith("weight"):
            view[...] = random.uniform(0.5, 1.5, view.shape)
    for arrays in net.state.values():
        for array in arrays.values():
            array[...] = random.uniform(0.5, 1.5, array.shape)
    return net


def images(net: kitnet.Net, count: int = 2, more: tuple[int, int] = (0, 0)) -> Array:
    """Random images, so many places larger than the network's input."""
    height, width, depth = net.input_shape
    return np.random.default_rng(7).standard_normal((count, height + more[0], width + more[1], depth))


def bits(net: kitnet.Net) -> bytes:
    return net.weights.flat.tobytes() + b"".join(a.tobytes() for s in net.state.values() for a in s.values())
