"""Whether an ONNX file is one, and gives what kitnet gives: by onnx's checker and shape inference, and by a
run of golden samples in onnxruntime, or, where that is not installed, in onnx's reference evaluator."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.interop.onnx.writing.building import channels_first
from kitnet.interop.onnx.writing.file import Written
from kitnet.net import Net
from kitnet.train import Model

if TYPE_CHECKING:
    from onnx import ModelProto

CLOSE = 1e-5  # of the largest score: what rounding makes of sums in another order
TINY = float(np.finfo(np.float32).tiny)  # of two numbers below it one may have been taken for 0
LEVEL = 1  # of a pixel, by which rounding may differ

Run = Callable[[Sequence[str], Mapping[str, Array]], list[Array]]


def checked(made: ModelProto, net: Net) -> bytes:
    """The bytes of a model that the checker passes, and of which shape inference finds kitnet's own sizes.
    Raises KitnetError."""
    import onnx

    try:
        onnx.checker.check_model(made, full_check=True)
        inferred = onnx.shape_inference.infer_shapes(made, check_type=True, strict_mode=True, data_prop=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise _failed(f"onnx does not accept it ({' '.join(str(error).split())[:200]})") from None
    sizes = {
        one.name: [d.dim_param or d.dim_value for d in one.type.tensor_type.shape.dim]
        for one in inferred.graph.value_info
    }
    for node in net.graph.nodes:
        expected = ["N", *channels_first(node.shape)]
        if sizes.get(node.path, expected) != expected:
            raise _failed(f"{node.path} has the sizes {sizes[node.path]} there, {expected} in kitnet")
    content: bytes = made.SerializeToString(deterministic=True)
    return content


def check_golden(
    made: ModelProto, written: Written, model: Model, samples: Array, scores: Array, raw: bool
) -> tuple[str, float]:
    """By which program the samples were run, and the largest difference of a score as a share of the largest
    score. Raises KitnetError."""
    port = written.scores
    assert port is not None
    program, run = _runner(made, [] if raw else [port.name])
    given = model.preparation.prepare(samples) if raw else samples
    x = np.ascontiguousarray(np.moveaxis(given, -1, 1)) if raw else given
    (operand,) = written.inputs
    names = [port.name] if raw else [port.name, written.outputs[0].name]
    found, *told = run(names, {operand.name: x})
    difference = _difference(program, port.name, found, scores)
    if told:
        _check_told(program, model, written.outputs[0].name, told[0], found)
    return program, difference


def _check_told(program: str, model: Model, name: str, told: Array, scores: Array) -> None:
    """Whether probabilities, or samples that are given back, are those of the scores."""
    if model.classes:
        _difference(program, name, told, model.loss.probabilities(scores))
        return
    from kitnet.train.reconstruction import given_back

    expected = given_back(model, scores)
    if told.dtype == np.uint8:
        levels = np.abs(told.astype(int) - expected.astype(int)).max()
        if levels > LEVEL:
            raise _failed(f"{name}: {program} gives pixels that differ by {levels} levels from kitnet's")
        return
    _difference(program, name, told, expected)


def check_network(
    made: ModelProto, given: Mapping[str, Array], names: Mapping[str, str], outputs: Mapping[str, Array]
) -> tuple[str, float]:
    """The same of a network alone: operands (N, *shape), the files' names of the outputs, and their values.
    Raises KitnetError."""
    program, run = _runner(made)
    feeds = {path: _channels_first(array) for path, array in given.items()}
    found = run(list(names.values()), feeds)
    return program, max(
        _difference(program, name, one, _channels_first(outputs[name]))
        for name, one in zip(names, found, strict=True)
    )


def _channels_first(array: Array) -> Array:
    return np.ascontiguousarray(np.moveaxis(array, -1, 1)) if array.ndim > 1 else array


def _difference(program: str, name: str, found: Array, exact: Array) -> float:
    """The largest difference, as a share of the largest number. Raises KitnetError where it is too large."""
    if found.shape != exact.shape:
        raise _failed(f"{name}: {program} gives {found.shape}, kitnet {exact.shape}")
    finite = np.isfinite(exact)
    reached = float(np.abs(exact[finite]).max(initial=0))
    if reached > float(np.finfo(np.float32).max):
        raise KitnetError(
            f"{name}: its numbers reach {reached:.1e}, more than float32 holds, so that the file cannot be "
            "checked; train the network first"
        )
    if not np.array_equal(found[~finite], exact[~finite], equal_nan=True):
        raise _failed(f"{name}: {program} gives other infinite numbers than kitnet")
    difference = float(np.abs(found[finite] - exact[finite]).max(initial=0))
    if not difference <= max(CLOSE * reached, TINY):
        raise _failed(
            f"{name}: {program} gives numbers that differ by {difference:.3g} from kitnet's, the largest of "
            f"which is {reached:.3g}"
        )
    return difference / reached if reached else 0.0


def _failed(reason: str) -> KitnetError:
    return KitnetError(f"the ONNX file would not be right, and is not written: {reason}; please report this")


def _runner(made: ModelProto, besides: Sequence[str] = ()) -> tuple[str, Run]:
    """A program that runs a model, and how it gives values by name, of outputs and of `besides`."""
    from onnx import ModelProto, helper

    model = made
    if besides:
        model = ModelProto()
        model.CopyFrom(made)
        model.graph.output.extend(helper.make_tensor_value_info(name, 1, None) for name in besides)
    if importlib.util.find_spec("onnxruntime") is None:
        from kitnet.interop.onnx.writing.evaluator import evaluator

        reference = evaluator(model)

        def run(names: Sequence[str], given: Mapping[str, Array]) -> list[Array]:
            with np.errstate(all="ignore"):  # quotients that are not read
                found: list[Array] = reference.run(list(names), dict(given))
            return found

        return "onnx's reference evaluator", run
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors alone
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others use the cores, too
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return "onnxruntime", lambda names, given: session.run(list(names), dict(given))
