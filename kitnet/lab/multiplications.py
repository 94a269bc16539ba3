"""How many multiplications the algorithms of a convolution take forward, without those that depend on the
filters alone, which are done once.

    direct        a product a weight and position
    winograd M    (M + 2)^2 products a tile of M x M outputs, map and filter, where the direct sum takes
                  9 M^2 (Lavin & Gray, "Fast algorithms for convolutional neural networks", 2016)
    fourier       P log2 P a transform of P real numbers, of each map and each filter's sum; and a complex
                  product, four real ones, for each of some P / 2 frequencies, map and filter
"""

from __future__ import annotations

import math

from kitnet.lab.problem import Problem
from kitnet.lab.spectra import ring

TILES = 2, 4


def multiplications(problem: Problem) -> dict[str, int]:
    """By algorithms, of a batch; empty for a pool. Winograd and Fourier only where they can be."""
    if problem.w is None:
        return {}
    found = {"direct": problem.work}
    axes, samples, (channels, filters) = problem.axes, len(problem.x), problem.w.shape[-2:]
    plain = all((a.stride, a.dilation) == (1, 1) for a in axes)
    if problem.groups > 1 or not plain:
        return found
    if [a.window for a in axes] == [3, 3]:
        for size in TILES:
            tiles = math.prod(-(-a.output // size) for a in axes)
            found[f"winograd{size}"] = samples * channels * filters * tiles * (size + 2) ** 2
    sizes = ring(axes)
    places, frequencies = math.prod(sizes), math.prod(sizes[:-1]) * (sizes[-1] // 2 + 1)
    transforms = samples * (channels + filters) * places * math.log2(max(places, 2))
    found["fourier"] = round(transforms) + 4 * samples * channels * filters * frequencies
    return found
