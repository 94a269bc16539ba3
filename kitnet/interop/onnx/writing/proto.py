"""A graph that was built as the bytes of an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kitnet import __version__
from kitnet.base.error import KitnetError
from kitnet.base.importing import IMPORTING
from kitnet.interop.onnx.writing.building import Building
from kitnet.interop.onnx.writing.preparing import FLOAT, Dims

if TYPE_CHECKING:
    from onnx import ModelProto

LOWEST, HIGHEST = 16, 23  # opsets
MOST = 2_000_000_000  # bytes: a file is one protocol buffer, which holds 2 GiB


@dataclass(frozen=True)
class Port:
    """An input or an output: its name, ONNX's number of its type, and its sizes."""

    name: str
    sizes: Dims
    kind: int = FLOAT


def check_opset(opset: int) -> None:
    """Raises KitnetError for one that is not written."""
    if not LOWEST <= opset <= HIGHEST:
        raise KitnetError(f"opset {opset}: kitnet writes {LOWEST} to {HIGHEST}; use such as --opset 18")


def check_onnx() -> None:
    """Raises KitnetError where the package is not there."""
    try:
        with IMPORTING:
            import onnx  # noqa: F401
    except ImportError:
        raise KitnetError(
            "ONNX needs the package onnx, which is not installed; install it with: pip install 'kitnet[onnx]'"
        ) from None


def check_size(sizes: Mapping[str, int]) -> None:
    """Raises KitnetError for arrays of so many bytes that have no room in one file."""
    total = sum(sizes.values())
    if total > MOST:
        largest = max(sizes, key=sizes.__getitem__)
        raise KitnetError(
            f"the weights take {total / 1e9:.1f} GB, {largest} alone {sizes[largest] / 1e9:.1f}; an ONNX "
            f"file holds {MOST / 1e9:g} GB at most, so export a smaller network"
        )


def proto(
    to: Building,
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    inner: Sequence[Port],
    metadata: Mapping[str, str],
) -> ModelProto:
    """The model; `inner` are values whose sizes are told besides."""
    from onnx import helper, numpy_helper

    arrays = {**to.weights, **to.constants}
    graph = helper.make_graph(
        [
            helper.make_node(one.kind, one.reads, one.gives, one.gives[0], **one.attributes)
            for one in to.operations
        ],
        "kitnet",
        [helper.make_tensor_value_info(one.name, one.kind, one.sizes) for one in inputs],
        [helper.make_tensor_value_info(one.name, one.kind, one.sizes) for one in outputs],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in arrays.items()],
        value_info=[helper.make_tensor_value_info(one.name, one.kind, one.sizes) for one in inner],
    )
    opset = [helper.make_opsetid("", to.opset)]
    model = helper.make_model(
        graph,
        opset_imports=opset,
        ir_version=helper.find_min_ir_version_for(opset),
        producer_name="kitnet",
        producer_version=__version__,
    )
    helper.set_model_props(model, dict(sorted(metadata.items())))
    return model
