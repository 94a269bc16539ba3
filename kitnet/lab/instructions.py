"""The instructions of the kernel that the engine chooses for a layer, and of its innermost loop."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from kitnet.base.argument import thread_count
from kitnet.base.error import KitnetError
from kitnet.engine.step import KernelStep
from kitnet.kernels.cpu import cores, detect
from kitnet.kernels.jit import assembly
from kitnet.lab.generated import plan_of_pass
from kitnet.lab.problem import Pass, read_problem

FUSED = re.compile(r"\s+v?f(n?m(add|sub)|mla|mls)")  # fused multiply-adds of x86 and ARM
LABEL = re.compile(r"(\.?L\w+):")
# The labels of the steps that do the work of a pass, of a convolution and of a pool.
STEPS: dict[Pass, tuple[str, ...]] = {
    "forward": ("y forward",),
    "data": ("y input gradient", "y backward"),
    "weights": ("y filter gradient",),
}


@dataclass(frozen=True)
class Instructions:
    """A kernel as it was written, in LLVM's intermediate language, and as it runs, in the assembly language
    of this processor; of which `loop` are the lines of the innermost loop that multiplies and adds most.
    """

    line: str
    implementation: str
    kernel: str
    processor: str
    ir: str
    assembly: str

    @property
    def loop(self) -> tuple[str, ...]:
        loops = innermost_loops(self.assembly)
        return max(loops, key=lambda lines: (sum(map(fused, lines)), len(lines)), default=())

    @property
    def fused(self) -> int:
        """Instructions of the loop that multiply and add."""
        return sum(map(fused, self.loop))

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "loop": list(self.loop), "fused": self.fused}


def instructions(
    line: str, batch: int = 1, which: Pass = "forward", *, threads: int | None = None
) -> Instructions:
    """Those of a pass of the layer of such a line, for so many samples. Raises KitnetError."""
    problem = read_problem(line, batch)
    if which not in problem.passes:
        raise KitnetError(f"{problem.layer.word} has no pass {which!r}; it has {', '.join(problem.passes)}")
    plan = plan_of_pass(problem, which, thread_count(threads) or cores())
    (choice,) = [choice for choice in plan.choices if choice.path == "y"]
    labelled = {step.label: step for step in plan.steps if isinstance(step, KernelStep)}
    kernel = next(labelled[label].kernel for label in STEPS[which] if label in labelled)
    return Instructions(
        problem.line, choice.one.id, kernel.name, str(detect()), kernel.text, assembly(kernel)
    )


def fused(line: str) -> bool:
    """Whether a line of assembly multiplies and adds in one instruction."""
    return bool(FUSED.match(line))


def innermost_loops(text: str) -> list[tuple[str, ...]]:
    """The lines, from a label to the jump back to it, of every loop that has none inside."""
    lines = text.splitlines()
    labels = {met[1]: i for i, line in enumerate(lines) if (met := LABEL.match(line))}
    loops = []
    for end, line in enumerate(lines):
        words = line.replace(",", " ").split()
        begin = labels.get(words[-1], end) if len(words) > 1 else end
        if begin < end:
            loops.append((begin, end))
    return [
        tuple(lines[begin : end + 1])
        for begin, end in loops
        if not any((begin, end) != (b, e) and begin <= b and e <= end for b, e in loops)
    ]
