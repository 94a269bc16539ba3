"""Layers that give each map other sizes: padding and upsampling."""

from __future__ import annotations

import numpy as np

from kitnet.interop.onnx.writing.building import Here
from kitnet.interop.onnx.writing.registry import writes

MODES = {"zero": "constant", "replicate": "edge", "reflect": "reflect"}


@writes("pad")
def _pad(here: Here) -> str:
    """Around a ring, which ONNX knows from opset 19 on, places are named one by one."""
    to, around = here.to, here.layer.around(here.shapes[0])
    x = here.x[0]
    if here.layer.mode == "circular":
        for axis, n, (before, after) in zip(here.spatial, here.shapes[0], around, strict=False):
            x = to.op("Gather", x, to.whole(*(np.arange(-before, n + after) % n).tolist()), axis=axis)
        return x
    before, after = zip(*around, strict=True)
    pads = to.whole(0, 0, *before, 0, 0, *after)
    return to.op("Pad", x, pads, mode=MODES[here.layer.mode])


@writes("upsample")
def _upsample(here: Here) -> str:
    factors = [new // old for new, old in zip(here.shape[:-1], here.shapes[0][:-1], strict=True)]
    scales = here.to.constant([1, 1, *factors])
    if here.layer.mode == "nearest":
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    else:
        how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return here.to.op("Resize", here.x[0], "", scales, **how)
