"""onnx's own backend tests: which of them are claimed, which are left out and why, and running some."""

from __future__ import annotations

import unittest
import warnings
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from kitnet.interop.onnx.claims import claims

HERE = Path(__file__).parent
PASSED, LEFT_OUT = HERE / "passed.txt", HERE / "left_out.txt"
TYPES = {1: "float32", 7: "int64", 9: "bool"}
KINDS = {
    "node": "OnnxBackendNodeModelTest",
    "pytorch-converted": "OnnxBackendPyTorchConvertedModelTest",
    "pytorch-operator": "OnnxBackendPyTorchOperatorModelTest",
    "light": "OnnxBackendRealModelTest",
}


@cache
def node_tests() -> dict[str, Any]:
    """The model of each node test by its name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # onnx's tests overflow while they are made
        from onnx.backend.test.case.node import collect_testcases

        return {test.name: test.model for test in collect_testcases(None)}


def lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


def passed(kind: str) -> list[str]:
    """The tests of the list that are of this kind."""
    return [line.split()[1] for line in lines(PASSED) if line.split()[0] == kind]


def claimed(model: Any) -> bool:
    """Whether every operator of a model is one that is claimed for some type."""
    return {node.op_type for node in model.graph.node} <= claims().keys()


def reason(name: str, model: Any) -> str | None:
    """Why a test of claimed operators is left out, as far as its model tells."""
    known, types = claims(), _types(model)
    if "training" in name:
        return "training mode"
    if other := sorted(types - {*TYPES.values()}):
        return f"type: {other[0]}"
    for node in model.graph.node:
        if "float32" in types and "float32" not in known[node.op_type]:
            return f"type: {node.op_type} of float32"
    results = _types(model, outputs_only=True)
    for node in model.graph.node:
        if "int64" in results and "int64" not in known[node.op_type]:
            return f"type: {node.op_type} gives int64"
    return None


def _types(model: Any, outputs_only: bool = False) -> set[str]:
    values = [*model.graph.output, *([] if outputs_only else model.graph.input)]
    found = set()
    for value in values:
        kind = value.type.WhichOneof("value")
        number = value.type.tensor_type.elem_type
        found.add(TYPES.get(number, _named(number)) if kind == "tensor_type" else kind)
    return found


def _named(number: int) -> str:
    import onnx

    return str(onnx.TensorProto.DataType.Name(number)).lower()


def run(kind: str, names: Iterable[str]) -> tuple[int, list[str]]:
    """Runs tests by kitnet's backend: how many ran, and what went wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test import BackendTest

        from kitnet.interop.onnx import Backend

        cases = BackendTest(Backend, __name__).test_cases
    suite = unittest.TestSuite(cases[KINDS[kind]](f"{name}_cpu") for name in names)
    result = unittest.TestResult()
    suite.run(result)
    wrong = [f"{test.id()}: {text}" for test, text in [*result.failures, *result.errors, *result.skipped]]
    return result.testsRun, wrong
