"""Every step of a plan says which function wrote it and its kernel, and docs/architecture.md names both."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import kitnet
from kitnet.cli import run
from kitnet.engine import explain, plan_of, wishes_of
from kitnet.engine.plan import Plan
from kitnet.zoo import find

PACKAGE = Path(kitnet.__file__).parent
PAGE = PACKAGE.parent / "docs" / "architecture.md"
LINE = (
    "16x16x32 -> conv3-16 same -> batchnorm -> relu -> concat[conv1-8 | conv3-8 same -> meanpool3/1 same] "
    "-> residual[conv3-16 same -> batchnorm] -> relu -> maxpool2 -> dropout -> fc10 -> softmax"
)
PLANS: dict[str, tuple[str, int, str, dict[str, Any]]] = {
    "few": (find("lenet5").line, 1, "infer", {}),
    "many": (find("lenet5").line, 64, "infer", {}),
    "training with a table": (find("lenet5").line, 64, "train", {}),
    "radial basis units": (find("lenet5-rbf").line, 20, "train", {}),
    "branches": (LINE, 3, "infer", {}),
    "branches in training": (LINE, 40, "train", {}),
    "whole batches": (LINE, 40, "infer", {}),
    "a large window": ("32x32x8 -> conv9-16 -> relu -> conv9-8 -> fc4", 64, "train", {}),
    "a formula": ("4x4x2 -> softmax -> conv3-2 -> fc2", 20, "train", {"layout": "channels"}),
}


def planned(name: str) -> Plan:
    line, batch, mode, how = PLANS[name]
    return plan_of(kitnet.parse(line), batch, mode, **how)


def function_of(where: str) -> ast.AST | None:
    """The definition that `engine/lower/norm.py: _moves` means."""
    file, _, path = where.partition(": ")
    body: Any = ast.parse((PACKAGE / file).read_text("utf-8"))
    for name in path.split("."):
        body = next((node for node in body.body if getattr(node, "name", None) == name), None)
    return body


@pytest.mark.parametrize("name", PLANS)
def test_the_page_names_the_file_of_every_step_and_kernel(name: str) -> None:
    page = PAGE.read_text("utf-8")
    kernels = page.partition("| kernel | function |")[2].splitlines()
    plan: Any = explain(planned(name))["plan"]
    for step in plan:
        lowered = step["lowered_by"]
        assert function_of(lowered) is not None, lowered
        assert lowered.partition(": ")[0].removeprefix("engine/") in page, step["step"]
        if step["kernel_by"] is not None:
            file = step["kernel_by"].partition(": ")[0]
            assert function_of(step["kernel_by"]) is not None, step["kernel_by"]
            row = next((line for line in kernels if f"`{step['kernel']}`" in line), "")
            assert file in row, f"{step['kernel']} is written by {file}, but the page says {row!r}"


def test_the_kernels_of_a_layer_are_those_of_its_own_steps() -> None:
    found: Any = explain(planned("training with a table"))
    kernels = {row["path"]: row["kernels"] for row in found["layers"]}
    assert "out_of_lanes" not in kernels["output"]  # which the conversion behind it has
    assert kernels["S4"].count("reduce") == 3


def test_a_layer_done_in_passing_names_the_step_that_does_it() -> None:
    found: Any = explain(planned("few"))
    assert [(row["path"], row["in_passing_by"]) for row in found["layers"]][:2] == [
        ("C1", None),
        ("lecuntanh1", "C1"),
    ]


@pytest.mark.parametrize(
    ("line", "force", "told"),
    [
        ("8x8x16 -> conv3-16 same -> fc2", "winograd2", "winograd F(4x4,3x3)"),
        ("8x8x16 -> conv3-16 same -> fc2", "winograd4", None),
        ("8x8x16 -> conv3-17 same -> fc2", "winograd4", "the direct sum"),
        ("8x8x16 -> conv5-16 same -> fc2", "fourier", "the direct sum"),
        ("8x8x16 -> conv3-16 same -> fc2", "conv.direct", None),
    ],
)
def test_another_way_to_the_gradient_of_filters_is_told(line: str, force: str, told: str | None) -> None:
    for mode in ("train", "infer"):
        plan = plan_of(kitnet.parse(line), 16, mode, wishes=wishes_of((), (force,)))
        conv: Any = explain(plan)["layers"][0]  # type: ignore[index]
        assert force in conv["implementation"]
        assert conv["filter_gradient"] == (told if mode == "train" else None)


def test_it_is_printed_with_why(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explain", "8x8x16 -> conv3-16 same -> fc2", "--batch", "16", "--train", "--force", "winograd2"]
    told = "    gradient of the filters: winograd F(4x4,3x3)"
    assert run(words) == 0 and told not in capsys.readouterr().out.splitlines()
    assert run([*words, "--why"]) == 0 and told in capsys.readouterr().out.splitlines()
