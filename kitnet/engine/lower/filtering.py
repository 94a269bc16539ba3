"""Where Winograd's filtering can be done, and which size of it is quickest: F(4x4,3x3), F(2x2,3x3), or the
direct sum after all.
"""

from __future__ import annotations

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Slower
from kitnet.engine.lower.problem import problem_of, reads_in_place
from kitnet.engine.setting import sizes_of
from kitnet.kernels.filtering import F2, F4, Filtering
from kitnet.layers import Convolution

IDS = {F4: "winograd4", F2: "winograd2"}
NAMES = {F4: "F(4x4,3x3)", F2: "F(2x2,3x3)"}
DIRECT = "the direct sum"

LEAST_GAIN = 1.1  # over the direct sum, which rounds less and compiles sooner
LEAST_GAIN_OF_COPIES = 1.3  # where the direct sum needs no copy of large filters
LEAST_CHANNELS = 14  # where images lie in the lanes; where channels do, a whole vector of them
MOST_BYTES = 76e6  # of mapped filters


def refuses(b: Builder, i: int, filtering: Filtering) -> str | None:
    """Why not this size for node i."""
    layer = b.node(i).layer
    if not isinstance(layer, Convolution):
        return "only for convolutions"
    if layer.table is not None:
        return "the layer has a connection table"
    (shape,), problem = b.graph.shapes_into(b.node(i)), problem_of(b, i)
    if sizes_of(shape)[0] > 1:
        return "only for planes"
    if problem.window.size != (1, 3, 3):
        return "only for 3x3 windows"
    if problem.window.stride != (1, 1, 1) or problem.window.dilation != (1, 1, 1):
        return "only for stride 1 and dilation 1"
    if problem.groups > 1:
        return f"only without groups; the layer has {problem.groups}"
    channels, filters, (_, high, wide) = shape[-1], layer.filters, sizes_of(b.node(i).shape)
    if min(channels, filters) < (b.cpu.lanes if b.few else LEAST_CHANNELS):
        return Slower(f"slower with so few channels, {channels} into {filters}")
    size = 4 * filtering.frequencies * channels * filters
    if size > MOST_BYTES:
        return Slower(f"the mapped filters would take {size / 1e6:.0f} MB")
    costs = _costs_of_few(b, i, high, wide) if b.few else _costs(b, channels, high, wide)
    best = min(costs, key=costs.__getitem__)
    if best == DIRECT and b.few and reads_in_place(b, i):
        return Slower(f"{DIRECT} hardly takes longer for {high}x{wide} outputs and needs no mapped filters")
    if best != NAMES[filtering]:
        return Slower(f"{best} should be quicker for {high}x{wide} outputs")
    return None


# Both are fitted to measurements on an AVX-512 core, of outputs from 2x2 to 56x56: products, and what mapping
# the filters and the values costs in products; that of few images to an AVX2 core as well.


def _costs(b: Builder, channels: int, high: int, wide: int) -> dict[str, float]:
    """With 16 to 512 channels; the filters are mapped in each run."""
    vectors = b.batch.groups * b.batch.images // b.cpu.lanes
    found = {DIRECT: (3 * high - 2) * (3 * wide - 2) * vectors / LEAST_GAIN}
    for filtering, name in NAMES.items():
        tiles = vectors * filtering.tiles(high) * filtering.tiles(wide)
        found[name] = filtering.frequencies * (1.5 + (tiles + tiles % 2) * (1 + 12 / channels))
    return found


def _costs_of_few(b: Builder, i: int, high: int, wide: int) -> dict[str, float]:
    """With 64 to 512 channels and one to four images; filters were mapped before. Reading them takes as long
    as multiplying them with so many tiles, or places, fewer where vectors are shorter and products slower.
    """
    slow = b.cpu.lanes / 16
    samples, gain = b.batch.groups, LEAST_GAIN_OF_COPIES if reads_in_place(b, i) else LEAST_GAIN
    found = {DIRECT: 9 * (28 * slow + samples * high * wide) / gain}
    for filtering, name in NAMES.items():
        tiles = samples * filtering.tiles(high) * filtering.tiles(wide)
        found[name] = filtering.frequencies * (18 * slow + tiles)
    return found
