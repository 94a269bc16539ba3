"""onnx's backend tests of what is claimed. The lists are files; their counts stand here, so that a suite that
shrinks is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_page import table, written_table
from onnx_suite import HERE, LEFT_OUT, claimed, lines, node_tests, passed, reason, run

from kitnet.interop.onnx import Backend
from kitnet.interop.onnx.claims import claims

COUNTS = {"node": 560, "pytorch-converted": 82, "pytorch-operator": 30, "light": 9}
ROOT = HERE.parents[2]


@pytest.fixture(autouse=True)
def no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the tests of whole models write."""
    monkeypatch.setenv("ONNX_HOME", str(tmp_path))


def test_the_list_has_so_many_tests() -> None:
    assert {kind: len(passed(kind)) for kind in COUNTS} == COUNTS


@pytest.mark.slow
def test_every_node_test_of_the_operators_claimed_is_run_or_has_its_reason() -> None:
    of_claimed = {name: model for name, model in node_tests().items() if claimed(model)}
    left = dict(line.split(" ", 1) for line in lines(LEFT_OUT))
    others = {line for line in left if line not in of_claimed}
    assert {*passed("node")} | {*left} - others == {*of_claimed}
    assert not {*passed("node")} & {*left}
    assert {name: reason(name, of_claimed[name]) for name in left if name not in others} == {
        name: why for name, why in left.items() if name not in others
    }
    assert all(name.startswith("test_operator_add") and left[name] == "type: double" for name in others)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_node_tests(part: int) -> None:
    names = passed("node")[part::4]
    assert run("node", names) == (len(names), [])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pytorch-converted", "pytorch-operator"])
def test_models_that_pytorch_wrote(kind: str) -> None:
    names = passed(kind)
    assert run(kind, names) == (len(names), [])


@pytest.mark.slow
def test_a_light_model() -> None:
    assert run("light", ["test_squeezenet"]) == (1, [])


@pytest.mark.long
def test_all_light_models() -> None:
    names = passed("light")
    assert run("light", names) == (len(names), [])


def light_models() -> list[Any]:
    import onnx

    folder = Path(onnx.__file__).parent / "backend/test/data/light"
    return sorted(folder.glob("*.onnx"))


@pytest.mark.long
@pytest.mark.parametrize("path", light_models(), ids=lambda path: path.stem)
def test_light_models_with_random_weights_agree_with_onnxruntime(path: Path) -> None:
    """Their own weights are all the same number, which a wrong order of axes would not change."""
    import onnx
    import onnxruntime

    model = randomised(onnx.load(path))
    x = np.random.default_rng(5).standard_normal((1, 3, 224, 224)).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    (theirs,) = session.run(None, {session.get_inputs()[0].name: x})
    (own,) = Backend.prepare(model).run([x])
    assert own.shape == theirs.shape
    assert len(np.unique(theirs)) > 500
    assert np.abs(own - theirs).max() <= 1e-4 * np.abs(theirs).max()


def randomised(model: Any) -> Any:
    """The model with drawn weights in the place of the constants that ConstantOfShape makes."""
    import onnx
    from onnx import numpy_helper

    random = np.random.default_rng(3)
    shapes = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    variances = {node.input[4] for node in model.graph.node if node.op_type == "BatchNormalization"}
    kept = []
    for node in model.graph.node:
        if node.op_type != "ConstantOfShape":
            kept.append(node)
            continue
        shape = tuple(int(n) for n in shapes[node.input[0]])
        fan_in = max(1, int(np.prod(shape[1:])))
        array = random.standard_normal(shape, np.float32) * np.float32(
            np.sqrt(2 / fan_in if len(shape) > 1 else 0.01)
        )
        if node.output[0] in variances:
            array = np.abs(array) + np.float32(1)
        model.graph.initializer.append(numpy_helper.from_array(array, node.output[0]))
    del model.graph.node[:]
    model.graph.node.extend(kept)
    assert any(node.op_type == "Conv" for node in kept)
    return onnx.ModelProto.FromString(model.SerializeToString())


def test_never_says_that_it_is_not_supposed_to_implement_something() -> None:
    """Which onnx's suite takes for a test that passed."""
    folder = ROOT / "kitnet/interop/onnx"
    assert not [path for path in folder.rglob("*.py") if "NotSupposed" in path.read_text("utf-8")]


def test_the_page_lists_what_is_claimed() -> None:
    """`python tests/interop/onnx/onnx_page.py` writes it anew; the tests of each operator are counted in the
    lists by their names' models, which only the slow test has."""
    table = written_table()
    assert [row.split(" | ")[0].removeprefix("| ") for row in table] == sorted(claims())
    assert [row.split(" | ")[1] for row in table] == [", ".join(claims()[name]) for name in sorted(claims())]


@pytest.mark.slow
def test_the_page_counts_the_tests_of_each_operator() -> None:
    assert written_table() == table()
