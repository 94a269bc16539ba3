"""A plan whose formula calls a plain function, while another thread calls it too; run as a script."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.engine.once import run_once
from kitnet.functional import convolve
from kitnet.kernels.cpu import cores
from kitnet.layers import Backward, Case, Context, Forward, Kept, Layer
from kitnet.net.graph import Graph
from kitnet.net.weights import Weights

RUNS = 20
X = np.random.default_rng(0).standard_normal((40, 9, 8, 3), np.float32)
W = np.random.default_rng(1).standard_normal((3, 3, 3, 5), np.float32)


@dataclass(frozen=True)
class Convolved(Layer):
    """`begun` is set when the formula begins."""

    word = "convolved"
    keeps = frozenset()
    begun: threading.Event

    def output_shape(self, *x: Shape) -> Shape:
        return *(size - 2 for size in x[0][:-1]), 5

    def forward(self, w: Any, state: Any, ctx: Context, *x: Array) -> Forward:
        self.begun.set()
        return Forward(convolve(x[0], W))

    def backward(self, w: Any, kept: Kept, dy: Array) -> Backward:
        raise NotImplementedError

    @classmethod
    def cases(cls) -> Iterator[Case]:
        return iter(())


def main() -> None:
    begun, graph, found = threading.Event(), Graph(), []
    graph.add("y", Convolved(begun), graph.operand("x", X.shape[1:]))

    def outside() -> None:
        begun.wait()
        while len(found) < RUNS:
            convolve(X, W)

    thread = threading.Thread(target=outside)
    thread.start()
    for _ in range(RUNS):
        ran = run_once(graph, Weights({}), {}, Context(), {"x": X}, ["y"], threads=cores())
        found.append(ran.values["y"])
    thread.join()
    want = convolve(X, W).tobytes()
    assert all(y.tobytes() == want for y in found)
    print(len(found), "runs")


if __name__ == "__main__":
    main()
