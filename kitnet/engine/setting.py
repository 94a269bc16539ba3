"""What is known of a plan before its first layer is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from kitnet.base.precision import FP32, Precision
from kitnet.base.shape import Shape
from kitnet.engine.request import Request
from kitnet.engine.share import Share
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.spec import Batch, Triple, Volume
from kitnet.net.graph import Graph
from kitnet.net.weights import Weights

Lanes = Literal["images", "channels"]  # what lies in the vector lanes


def sizes_of(shape: Shape) -> Triple:
    """The depth, height and width of a volume of any rank: (28, 28, 6) has 1, 28, 28."""
    depth, height, width = (1, 1, 1, *shape[:-1])[-3:]
    return depth, height, width


def volume_of(shape: Shape, own: bool = False, lanes: Lanes = "images") -> Volume:
    """A value with no empty lanes."""
    channels = shape[-1] if shape else 1
    return Volume(sizes_of(shape), channels, channels, own, lanes=lanes)


@dataclass(frozen=True)
class Setting:
    """What is known of a plan before a layer is written: the graph, what lies in the lanes at each node, how
    the batch is cut in each layout, and how the work is dealt.

    `parts` is how many pieces the work of a kernel, or a sum, is cut into at least; it does not depend on the
    number of threads, as the order of sums does not. `tasks` is how many pieces all threads want. With
    `one_by_one` groups go through the network, or through as much of it as needs no other group, one by one:
    their work is not cut up. With `own` as well, values and gradients exist once a thread, for the group that
    it is at, and not once a group.
    """

    graph: Graph
    weights: Weights  # where parameters lie; not their values
    cpu: Cpu
    request: Request
    lanes: tuple[Lanes, ...]
    batches: Mapping[Lanes, Batch]
    parts: int = 8
    tasks: int = 8
    one_by_one: bool = False
    own: bool = False
    dense: frozenset[int] = frozenset()  # values as a caller has them, with no empty lanes
    preferred: Lanes = "images"  # of the plan as a whole
    share: Share | None = None  # of the batch, which is then all that the plan computes
    whole: Batch | None = None  # of which it is a share, with the images in the lanes

    precision: Precision = FP32
    ways: Mapping[int, str] = field(default_factory=dict)  # the id of what computes each node, once chosen

    @property
    def meets(self) -> bool:
        """Whether partial sums of groups meet those of other ranks."""
        return self.share is not None and self.share.exact
