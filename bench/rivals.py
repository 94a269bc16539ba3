"""The rivals: PyTorch eager and compiled, contiguous and channels last; onnxruntime; OpenVINO; in float32.

Each is set up as its makers advise: SGD in one fused pass, `inference_mode`, frozen weights for compiled
inference, all graph optimisations of onnxruntime, OpenVINO's latency hint with one stream.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from layers import LAYERS, PASSES, ConvLayer, Pass, label
from material import (
    BATCHES,
    MOMENTUM,
    RATE,
    Array,
    filters,
    fingerprint,
    images,
    labels,
    vector,
)
from side import CHECKED_STEPS, THREADS, Answers, Side, Step
from table import Bench

TORCH = ("torch-eager", "torch-eager-last", "torch-compile", "torch-compile-last")
WHOLE_STEP = ("torch-compile-step", "torch-compile-step-last")  # the optimiser compiled with the rest


def rivals_of(bench: Bench) -> tuple[str, ...]:
    """The rivals of a name. PyTorch eager is first: it says what is right."""
    if bench.task == "layers":
        return TORCH
    if bench.task == "infer":
        return (*TORCH, "onnxruntime", "openvino")
    return (*TORCH, *(WHOLE_STEP if bench.task == "train" else ()))


def side(bench: Bench, name: str) -> Side:
    if name == "onnxruntime":
        return OnnxRuntime(bench)
    if name == "openvino":
        return OpenVino(bench)
    if bench.task == "layers":
        return TorchLayers(bench, name)
    return TorchInference(bench, name) if bench.task == "infer" else TorchTraining(bench, name)


def import_torch(name: str) -> Any:
    """PyTorch with its threads set, and its compiler, which shall be no part of the memory measured."""
    import torch

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    if "compile" in name:
        import torch._dynamo
        import torch._inductor.compile_fx
        import torch._inductor.config
    return torch


def hand_over(module: Any, torch: Any) -> None:
    """Fill the module with the weights that every side gets."""
    with torch.no_grad():
        seen: set[str] = set()
        for number, (path, parameter) in enumerate(module.named_parameters()):
            owner = path.rpartition(".")[0]
            if parameter.dim() == 1:
                kind = "bias" if owner in seen else "scale"
                parameter.copy_(torch.from_numpy(vector(kind, len(parameter), number)))
            else:
                rows = filters(len(parameter), parameter[0].numel(), number)
                for row, values in zip(parameter, rows, strict=True):
                    row.copy_(torch.from_numpy(values).view(row.shape))
            seen.add(owner)


def module_of(bench: Bench, torch: Any) -> Any:
    assert bench.network is not None
    module = bench.network.build(torch.nn)
    hand_over(module, torch)
    return module


def channels_first(x: Array) -> Array:
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


def multiply_adds(module: Any, x: Any, torch: Any) -> list[int]:
    """Of one image, for each convolution and linear layer in the order of their work."""
    found: list[int] = []

    def count(layer: Any, inputs: Any, y: Any) -> None:
        found.append(y[0].numel() * layer.weight[0].numel())

    kinds = (torch.nn.Conv2d, torch.nn.Linear)
    hooks = [layer.register_forward_hook(count) for layer in module.modules() if isinstance(layer, kinds)]
    was = module.training
    module.eval()
    with torch.no_grad():
        module(x[:1])
    module.train(was)
    for hook in hooks:
        hook.remove()
    return found


class _Torch:
    """What PyTorch's sides share."""

    def __init__(self, bench: Bench, name: str) -> None:
        assert bench.network is not None
        self.bench, self.name, self.network = bench, name, bench.network
        self.torch = import_torch(name)
        count = 1 if bench.task == "infer" else BATCHES
        self.images = [
            self._laid_out(self.torch.from_numpy(channels_first(images(bench.batch, self.network.shape, i))))
            for i in range(count)
        ]

    def _laid_out(self, value: Any) -> Any:
        if not self.name.endswith("last"):
            return value
        return value.to(memory_format=self.torch.channels_last)

    def _module(self) -> Any:
        module = self._laid_out(module_of(self.bench, self.torch))
        self._costs = multiply_adds(module, self.images[0], self.torch)
        return module

    def facts(self) -> dict[str, Any]:
        return {
            "multiply_adds": sum(self._costs),
            "first": self._costs[0],
            "versions": {"torch": self.torch.__version__},
            "direct": True,  # oneDNN has no Winograd for x86 any more
        }


class TorchInference(_Torch):
    def build(self) -> None:
        module = self._module().eval()
        if "compile" in self.name:
            self.torch._inductor.config.freezing = True
            module = self.torch.compile(module)
        self._run = module

    def answers(self) -> Answers:
        with self.torch.inference_mode():
            return {"scores": self._run(self.images[0]).numpy().copy()}

    def steps(self) -> Iterator[tuple[str, Step]]:
        x, run = self.images[0], self._run
        with self.torch.inference_mode():
            yield "step", lambda: run(x)


class TorchTraining(_Torch):
    def __init__(self, bench: Bench, name: str) -> None:
        super().__init__(bench, name)
        classes = self.network.classes
        self.labels = [self.torch.from_numpy(labels(bench.batch, classes, i)) for i in range(BATCHES)]

    def build(self) -> None:
        torch, module = self.torch, self._module().train()
        self._parameters = list(module.parameters())
        rule = torch.optim.SGD(self._parameters, lr=RATE, momentum=MOMENTUM, fused=True)
        distance = torch.nn.CrossEntropyLoss()

        def loss_of(x: Any, classes: Any) -> Any:
            return distance(module(x), classes)

        if "compile" in self.name and "step" not in self.name:
            loss_of = torch.compile(loss_of)

        def step(x: Any, classes: Any) -> Any:
            rule.zero_grad()
            loss = loss_of(x, classes)
            loss.backward()
            rule.step()
            return loss

        def gradient(x: Any, classes: Any) -> Any:
            rule.zero_grad()
            loss = loss_of(x, classes)
            loss.backward()
            return loss

        self._run = step if self.bench.task == "train" else gradient
        if "step" in self.name:
            self._run = torch.compile(self._run)

    def answers(self) -> Answers:
        losses, gradients = [], []
        for i in range(CHECKED_STEPS if self.bench.task == "train" else 1):
            losses.append(float(self._run(self.images[i], self.labels[i]).detach()))
            if not i:
                gradients = [
                    fingerprint(p.grad.contiguous().numpy()) for p in self._parameters if p.grad is not None
                ]
        return {"losses": losses, "gradients": gradients}

    def steps(self) -> Iterator[tuple[str, Step]]:
        turn = cycle(zip(self.images, self.labels, strict=True))
        run = self._run

        def step() -> None:
            run(*next(turn))

        yield "step", step


class TorchLayers:
    """Single convolutions; backward passes by the operator that autograd calls."""

    def __init__(self, bench: Bench, name: str) -> None:
        self.name, self.torch, self._layers = name, import_torch(name), LAYERS[bench.name]

    def build(self) -> None:
        """Each layer is made when its turn comes."""

    def answers(self) -> Answers:
        return {
            label(layer, what): fingerprint(self._pass(layer, what)().contiguous().numpy())
            for layer in self._layers
            for what in PASSES
        }

    def steps(self) -> Iterator[tuple[str, Step]]:
        for layer in self._layers:
            for what in PASSES:
                yield label(layer, what), self._pass(layer, what)

    def facts(self) -> dict[str, Any]:
        return {"versions": {"torch": self.torch.__version__}, "direct": True}

    def _pass(self, layer: ConvLayer, what: Pass) -> Step:
        torch, last = self.torch, self.name.endswith("last")

        def given(value: Array) -> Any:
            tensor = torch.from_numpy(np.ascontiguousarray(value))
            return tensor.to(memory_format=torch.channels_last) if last else tensor

        x = given(channels_first(images(layer.batch, (layer.side, layer.side, layer.depth), 0)))
        dy = given(channels_first(images(layer.batch, (layer.output, layer.output, layer.filters), 1)))
        rows = np.stack(list(filters(layer.filters, layer.weights, 0)))
        w = given(rows.reshape(layer.filters, -1, layer.size, layer.size))
        step, pad, one, groups = [layer.stride] * 2, [layer.pad] * 2, [1, 1], layer.groups
        backward = torch.ops.aten.convolution_backward

        def forward(x: Any, dy: Any, w: Any) -> Any:
            return torch.nn.functional.conv2d(x, w, None, step, pad, one, groups)

        def backward_data(x: Any, dy: Any, w: Any) -> Any:
            return backward(dy, x, w, None, step, pad, one, False, [0, 0], groups, [True, False, False])[0]

        def backward_weights(x: Any, dy: Any, w: Any) -> Any:
            return backward(dy, x, w, None, step, pad, one, False, [0, 0], groups, [False, True, False])[1]

        run = {"forward": forward, "backward data": backward_data, "backward weights": backward_weights}[what]
        if "compile" in self.name:
            torch._dynamo.reset()
            run = torch.compile(run)

        def step_once() -> Any:
            with torch.inference_mode():
                return run(x, dy, w)

        return step_once


class _Exported:
    """What onnxruntime and OpenVINO share: an ONNX model that PyTorch writes in a process of its own, so that
    PyTorch's memory is not theirs."""

    library = ""

    def __init__(self, bench: Bench) -> None:
        assert bench.network is not None
        self.bench = bench
        self._model, self._costs = _exported(bench)
        self.images = channels_first(images(bench.batch, bench.network.shape))
        self._version = ""

    def facts(self) -> dict[str, Any]:
        return {
            "multiply_adds": sum(self._costs),
            "first": self._costs[0],
            "versions": {self.library: self._version},
            "direct": True,
        }


class OnnxRuntime(_Exported):
    library = "onnxruntime"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        import onnxruntime

        self._library, self._version = onnxruntime, onnxruntime.__version__

    def build(self) -> None:
        options = self._library.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
        options.graph_optimization_level = self._library.GraphOptimizationLevel.ORT_ENABLE_ALL
        self._session = self._library.InferenceSession(
            str(self._model), options, providers=["CPUExecutionProvider"]
        )

    def answers(self) -> Answers:
        return {"scores": self._session.run(None, {"x": self.images})[0]}

    def steps(self) -> Iterator[tuple[str, Step]]:
        session, given = self._session, {"x": self.images}
        yield "step", lambda: session.run(None, given)


class OpenVino(_Exported):
    library = "openvino"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        import openvino

        self._library, self._version = openvino, openvino.__version__

    def build(self) -> None:
        settings = {
            "INFERENCE_NUM_THREADS": THREADS,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_PRECISION_HINT": "f32",
        }
        compiled = self._library.Core().compile_model(self._model, "CPU", settings)
        self._request = compiled.create_infer_request()

    def answers(self) -> Answers:
        return {"scores": np.array(self._request.infer({"x": self.images})[0])}

    def steps(self) -> Iterator[tuple[str, Step]]:
        run, given = self._request.infer, {"x": self.images}
        yield "step", lambda: run(given, share_inputs=True, share_outputs=True)


def _exported(bench: Bench) -> tuple[Path, list[int]]:
    """The ONNX file of a network and its multiply-adds, written once a machine by a forked process."""
    folder = Path(tempfile.gettempdir()) / f"kitnet-bench-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    model, costs = folder / f"{bench.name}.onnx", folder / f"{bench.name}.costs"
    child = os.fork()
    if not child:
        status = 1
        try:
            _export(bench, model, costs)
            status = 0
        finally:
            os._exit(status)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError(f"PyTorch could not export {bench.name} to ONNX")
    return model, [int(word) for word in costs.read_text().split()]


def _export(bench: Bench, model: Path, costs: Path) -> None:
    import warnings

    torch = import_torch("")
    module = module_of(bench, torch).eval()
    assert bench.network is not None
    x = torch.from_numpy(channels_first(images(bench.batch, bench.network.shape)))
    costs.write_text(" ".join(map(str, multiply_adds(module, x, torch))))
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the other exporter needs one more package
        torch.onnx.export(module, (x,), file, input_names=["x"], output_names=["scores"], dynamo=False)
    model.write_bytes(file.getvalue())
