"""The instructions of the kernel that the engine chooses for a layer, and of its innermost loop."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
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
WITHOUT_WAY_ON = re.compile(r"\s+(jmpq?|retq?|b|br|ret)\b(?!\.)")  # jumps and returns on every condition
DIRECTIVE = re.compile(r"\s+\.|\s*#")  # or a comment
INSTRUCTION = re.compile(r"\s+[a-z]")  # not a label
Ways = Mapping[int, set[int]]  # from each block of a kernel to the next ones
# The labels of the steps that do the work of a pass, of a convolution and of a pool.
STEPS: dict[Pass, tuple[str, ...]] = {
    "forward": ("y forward",),
    "data": ("y input gradient", "y backward"),
    "weights": ("y filter gradient",),
}


@dataclass(frozen=True)
class Instructions:
    """A kernel as it was written, in LLVM's intermediate language, and as it runs, in the assembly language
    of this processor; of which `loop` are the lines of the innermost loop that multiplies and adds most; a
    kernel without loops has none.
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
        """Instructions of the loop, or of a kernel without one, that multiply and add."""
        return sum(map(fused, self.loop or self.whole))

    @property
    def whole(self) -> tuple[str, ...]:
        """The kernel from its first instruction to its last one, with labels and without directives."""
        lines = self.assembly.splitlines()
        places = [i for i, line in enumerate(lines) if INSTRUCTION.match(line)]
        return tuple(line for line in lines[places[0] : places[-1] + 1] if not DIRECTIVE.match(line))

    def to_json(self) -> dict[str, Any]:
        """Without `loop` where the kernel has none."""
        loop = {"loop": list(self.loop)} if self.loop else {}
        return {**vars(self), **loop, "fused": self.fused}


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


def count(lines: Iterable[str]) -> int:
    """How many lines of assembly are instructions."""
    return sum(bool(INSTRUCTION.match(line)) for line in lines)


def innermost_loops(text: str) -> list[tuple[str, ...]]:
    """The lines, in the order of the text, of every loop that has none inside."""
    blocks, ways = _blocks(text)
    return [
        tuple(line for i in sorted(loop) for line in blocks[i]) for loop in sorted(_innermost(ways), key=min)
    ]


def _blocks(text: str) -> tuple[list[list[str]], Ways]:
    """Runs of lines that are entered at their first and left at their last one, and to which each leads."""
    blocks: list[list[str]] = [[]]
    lines = [line for line in text.splitlines() if LABEL.match(line) or INSTRUCTION.match(line)]
    labels = {met[1] for line in lines if (met := LABEL.match(line))}
    targets, begins = [""], dict[str, int]()
    for line in lines:
        met, words = LABEL.match(line), line.replace(",", " ").split()
        if blocks[-1] and (met or targets[-1] or WITHOUT_WAY_ON.match(blocks[-1][-1])):
            blocks.append([])
            targets.append("")
        if met:
            begins[met[1]] = len(blocks) - 1
        elif words[-1] in labels:
            targets[-1] = words[-1]
        blocks[-1].append(line)
    ways = {}
    for i, (block, target) in enumerate(zip(blocks, targets, strict=True)):
        goes_on = i + 1 < len(blocks) and not WITHOUT_WAY_ON.match(block[-1])
        ways[i] = {*([i + 1] if goes_on else ()), *([begins[target]] if target else ())}
    return blocks, ways


def _innermost(ways: Ways) -> list[frozenset[int]]:
    """The blocks of each loop without a loop inside: what leads in a circle, and no longer does so once no
    way leads to where it is entered."""
    found = []
    for loop in _circles(ways):
        entered = {to for i, tos in ways.items() if i not in loop for to in tos} & loop or {min(loop)}
        inside = _innermost({i: (ways[i] & loop) - entered for i in loop})
        found += inside or [loop]
    return found


def _circles(ways: Ways) -> set[frozenset[int]]:
    """The largest sets of blocks of which each leads to each, by some way (strongly connected components)."""
    reached = {i: _reached(ways, i) for i in ways}
    return {frozenset(j for j in reached[i] if i in reached[j]) for i in ways if i in reached[i]}


def _reached(ways: Ways, start: int) -> set[int]:
    """The blocks behind this one; itself where a way leads back."""
    found, left = set[int](), [start]
    while left:
        new = ways[left.pop()] - found
        found |= new
        left += new
    return found
