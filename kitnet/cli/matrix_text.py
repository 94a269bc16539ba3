"""What `kitnet surgery --matrix` says of a convolution as the matrix of a fully connected layer."""

from __future__ import annotations

import math

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.shape import say as say_shape
from kitnet.cli.screen import print_json, say, say_bytes, say_wrapped
from kitnet.layers import Context, Convolution
from kitnet.net import Net
from kitnet.surgery import matrix
from kitnet.surgery.parts import convolution_at


def print_matrix(net: Net, path: str, json: bool) -> None:
    try:
        node = convolution_at(net.graph, path)
    except KitnetError as error:
        raise KitnetError(f"--matrix: {error}") from None
    layer, (x,) = node.layer, net.graph.shapes_into(node)
    assert isinstance(layer, Convolution)
    weights = net.weights.of(node.owner)
    found = matrix(layer, x, weights)
    image = np.random.default_rng(0).standard_normal((1, *x)).astype(net.weights.dtype)
    y = layer.forward(weights, {}, Context(), image).y
    difference = float(abs(found.of(image.reshape(1, -1)) - y.reshape(1, -1)).max())
    shared = weights["weight"].size
    about = {
        "path": path,
        "inputs": found.shape[0],
        "outputs": found.shape[1],
        "entries": len(found.values),
        "density": found.density,
        "weights": shared,
        "dense_bytes": math.prod(found.shape) * found.values.itemsize,
        "largest_difference": difference,
    }
    if json:
        print_json(about)
        return
    say_wrapped(
        f"{path} on {say_shape(x)} as a fully connected layer: a matrix of {found.shape[0]:,} x "
        f"{found.shape[1]:,}, {say_bytes(math.prod(found.shape) * found.values.itemsize)} in full"
    )
    say_wrapped(
        f"{len(found.values):,} entries ({found.density:.2%}) are connections, and share {shared:,} weights; "
        "all others are 0"
    )
    say(f"on a random image it differs from the convolution by at most {difference:.1g}")
