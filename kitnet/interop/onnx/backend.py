"""kitnet as a backend of ONNX, `onnx.backend.base`:

    rep = kitnet.interop.onnx.Backend.prepare(onnx.load("model.onnx"))
    (scores,) = rep.run([images])

A graph is read when its inputs are there, since their shapes, and whole numbers among them, decide what the
network is; what was read is kept. float32 inputs are operands of the plan, unless an operator needs their
numbers as weights.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx.backend.base import Backend as Base
from onnx.backend.base import BackendRep, DeviceType
from onnx.backend.base import Device as Place

from kitnet.base.error import KitnetError, shorten
from kitnet.base.spec import Array
from kitnet.interop.onnx.fault import AlongBatchError, NeedsArray, OnnxError
from kitnet.interop.onnx.reading.networks import finished, output_of
from kitnet.interop.onnx.reading.reader import File, Reading, read_graph

KEPT = 8  # readings of one model


class Backend(Base):
    """Runs ONNX models by kitnet's plans, on processors."""

    @classmethod
    def is_compatible(cls, model: Any, device: str = "CPU", **kwargs: Any) -> bool:
        """Whether every operator of the model is one that is read."""
        from kitnet.interop.onnx.reading.folding import FOLDED
        from kitnet.interop.onnx.reading.operators import READERS

        return {node.op_type for node in model.graph.node} <= {*READERS, *FOLDED}

    @classmethod
    def prepare(cls, model: Any, device: str = "CPU", **kwargs: Any) -> Rep:
        """Raises KitnetError for a model that is damaged or needs something that is not read."""
        if not cls.supports_device(device):
            raise KitnetError(f"device {shorten(device)} is not there; kitnet runs on CPU")
        return Rep(File(model, kwargs.get("external")))

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return bool(Place(device).type == DeviceType.CPU)


class Rep(BackendRep):
    """A model that was looked through, with the networks that were made of it."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._ready: OrderedDict[Any, _Ready] = OrderedDict()

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Array, ...]:
        """The outputs for arrays in the order of the model's inputs. Raises KitnetError."""
        declared = self._file.inputs
        given = [np.asarray(one) for one in (inputs if isinstance(inputs, Sequence) else [inputs])]
        if len(given) != len(declared):
            raise OnnxError(f"the model has {len(declared)} inputs, but got {len(given)}")
        arrays = {one.name: array for one, array in zip(declared, given, strict=True)}
        for name, array in arrays.items():
            if array.dtype not in (np.float32, np.int64, np.bool_):
                raise OnnxError(
                    f"input {shorten(name)} is of {array.dtype}; float32, int64 and bool are read"
                )
        known = {name: array for name, array in arrays.items() if array.dtype != np.float32 or not array.size}
        key = tuple((name, a.shape, a.tobytes() if name in known else None) for name, a in arrays.items())
        while key not in self._ready:
            if len(self._ready) >= KEPT:
                self._ready.popitem(last=False)
            self._ready[key] = _Ready(self._file, arrays, set(known))
        self._ready.move_to_end(key)
        return self._ready[key].run(arrays)


class _Ready:
    """The network for inputs of these shapes, and its plan. Inputs that became weights are compared, and the
    graph is read anew where they changed."""

    def __init__(self, file: File, arrays: dict[str, Array], known: set[str]) -> None:
        self._file, self._known = file, known
        self._read(arrays)

    def _read(self, arrays: dict[str, Array]) -> None:
        self.reading, self.known = read_for(self._file, arrays, self._known)
        self.batched = self.reading.building.batched
        self._scores: Any = None
        building = self.reading.building
        computed = {
            one.name: value
            for one in self._file.outputs
            if not isinstance(value := self.reading.outputs[one.name], np.ndarray)
        }
        self._names = {name: f"y{k}" for k, name in enumerate(computed)}
        if computed:
            for name, value in computed.items():
                building.graph.output(self._names[name], output_of(building, value))
            net = finished(building)
            batch = building.batch or 1
            self._scores = net.compile(batch)
            self._net = net

    def run(self, arrays: dict[str, Array]) -> tuple[Array, ...]:
        if any(not _same(array, arrays[name]) for name, array in self.known.items()):
            self._read(arrays)
        reading, building = self.reading, self.reading.building
        made: Any = {}
        if self._scores is not None:
            operands = {
                building.graph.nodes[value.index].path: value.from_tensor(
                    arrays[name], self.batched, building.graph.nodes[value.index].shape
                )
                for name, value in building.inputs.items()
            }
            made = self._scores(operands)
            if not isinstance(made, dict):
                made = {next(iter(self._names.values())): made}
        return tuple(
            value
            if isinstance(value := reading.outputs[one.name], np.ndarray)
            else value.to_tensor(made[self._names[one.name]], self.batched)
            for one in self._file.outputs
        )


def read_for(file: File, arrays: dict[str, Array], bound: set[str]) -> tuple[Reading, dict[str, Array]]:
    """The graph for these inputs: with axis 0 as the samples, and where an operator works along it without.
    Inputs that operators need as numbers are known beforehand, and given besides."""
    shapes = {name: array.shape for name, array in arrays.items()}
    operands = [a for name, a in arrays.items() if name not in bound and a.ndim]
    batches: list[int | None] = [len(operands[0])] if operands and len(operands[0]) else []
    for batch in [*batches, None]:
        known = set(bound)
        while True:
            try:
                held = {name: arrays[name] for name in known}
                return read_graph(file, shapes, held, batch), {name: a.copy() for name, a in held.items()}
            except NeedsArray as needed:
                known.add(needed.name)
            except AlongBatchError as error:
                if batch is None:
                    raise
                reason = error
                break
    raise reason


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
