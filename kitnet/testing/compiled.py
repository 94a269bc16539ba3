"""The compiled engine as an executor, in both layouts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers import Context
from kitnet.net import Graph, Weights
from kitnet.net.reference import State
from kitnet.testing.executor import Run


@dataclass(frozen=True)
class Compiled:
    """Plans of the compiled engine, which computes in float32.

    `layout` is what lies in the vector lanes wherever it can; `fuse` lets steps do several layers; `threads`
    run it.
    """

    layout: Literal["images", "channels"] | None = None
    fuse: bool = True
    threads: int = 1

    dtype = np.float32

    def __call__(
        self,
        graph: Graph,
        weights: Weights,
        state: State,
        ctx: Context,
        operands: Mapping[str, Array],
        dy: Array | None,
    ) -> Run:
        from kitnet.engine.once import run_once  # which needs llvmlite

        path = graph.nodes[graph.main].path
        how: dict[str, Any] = {"layout": self.layout, "fuse": self.fuse, "threads": self.threads}
        seeds, asked = ({}, ()) if dy is None else ({path: dy}, tuple(graph.operands))
        ran = run_once(graph, weights, state, ctx, operands, (path,), seeds, asked, **how)
        return Run(ran.values[path], {**ran.gradients, **ran.parameters}, ran.state)


COMPILED = (Compiled("images"), Compiled("channels"), Compiled("images", fuse=False, threads=3))
