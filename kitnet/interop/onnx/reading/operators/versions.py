"""What older versions of the operators mean, written as the newest one writes it.

onnx's version converter takes whole models only, and not those with the broadcasting of version 6; a node at
a time is enough here, and every version is read.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kitnet.interop.onnx.fault import UnsupportedError
from kitnet.interop.onnx.reading.call import Call
from kitnet.interop.onnx.reading.registry import before


def _to_operands(*names: str) -> Callable[[Call], None]:
    """Attributes that became operands, behind the first one."""

    def rewrite(call: Call) -> None:
        for k, name in enumerate(names, 1):
            found = call.attributes.pop(name, None)
            if found is not None:
                while len(call.operands) <= k:
                    call.operands.append(None)
                whole = name in ("axes", "pads", "paddings", "shape", "split", "starts", "ends")
                call.operands[k] = np.asarray(found, np.int64 if whole else np.float32)

    return rewrite


before(5, "Reshape")(_to_operands("shape"))
before(9, "Upsample")(_to_operands("scales"))
before(11, "Clip")(_to_operands("min", "max"))
before(13, "Squeeze", "Unsqueeze", "ReduceSum")(_to_operands("axes"))
before(13, "Split")(_to_operands("split"))
before(18, "ReduceMean", "ReduceMax", "ReduceMin")(_to_operands("axes"))


@before(10, "Slice")
def _slice(call: Call) -> None:
    _to_operands("starts", "ends", "axes")(call)


@before(11, "Pad")
def _pad(call: Call) -> None:
    if "paddings" in call.attributes:  # version 1
        call.attributes["pads"] = call.attributes.pop("paddings")
    _to_operands("pads", "value")(call)


@before(7, "Add", "Sub", "Mul", "Div", "Pow", "PRelu")
def _broadcast(call: Call) -> None:
    """The second operand begins at `axis` of the first, and has no axes behind its own."""
    rank, own = len(call.full_shape(0)), len(call.full_shape(1))
    axis = call.whole("axis", 1 if call.kind == "PRelu" else rank - own)
    more = rank - axis - own
    if more <= 0 or call.full_shape(1) == (1,):
        return
    second = call.known(1, "second operand")
    call.operands[1] = second.reshape(*second.shape, *(1,) * more)


@before(9, "BatchNormalization")
def _batch_norm(call: Call) -> None:
    if call.whole("spatial", 1) == 0 and len(call.full_shape(0)) > 2:
        raise UnsupportedError("it has statistics for each position (spatial=0)")


@before(7, "BatchNormalization", "Dropout")
def _in_training(call: Call) -> None:
    call.attributes["training_mode"] = int(not call.whole("is_test", 0)) if call.kind == "Dropout" else 0


@before(12, "Dropout")
def _dropout(call: Call) -> None:
    ratio = np.asarray(call.attributes.get("ratio", 0.5), np.float32)
    call.operands = [call.operands[0], ratio]


@before(13, "Softmax", "LogSoftmax")
def _softmax(call: Call) -> None:
    """Over all axes from `axis` on, taken as one."""
    call.attributes["from"] = call.whole("axis", 1)


@before(11, "Resize")
def _resize(call: Call) -> None:
    call.operands = [call.operands[0], None, call.operands[1]]
    call.attributes |= {"coordinate_transformation_mode": b"asymmetric", "nearest_mode": b"floor"}


@before(4, "Concat")
def _concat(call: Call) -> None:
    call.attributes.setdefault("axis", 1)
