"""What a plan does with each layer, and why not something faster."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from kitnet.engine.convert import Convert
from kitnet.engine.lower.contract import Implementation
from kitnet.engine.lower.filtering import DIRECT, NAMES
from kitnet.engine.plan import Plan
from kitnet.engine.step import KernelStep, Step
from kitnet.kernels.filtering import F4

FILTER_GRADIENTS = {  # how the gradient of filters is computed, by its kernel
    "winograd_filter_gradient": f"winograd {NAMES[F4]}",
    "filter_gradient": DIRECT,
}


def explain(plan: Plan) -> dict[str, object]:
    """The plan in words and numbers, ready for JSON: layers with their implementation and the refused ones,
    conversions between layouts, and sums.
    """
    conversions = [node.path for node in plan.graph.nodes if isinstance(node.layer, Convert)]
    paths = {*conversions, *(choice.path for choice in plan.choices)}
    kernels: dict[str, list[str]] = defaultdict(list)
    for label, step in {step.label: step for step in plan.steps}.items():  # each slice has the same
        kernels[path_of(label, paths)].append(_kernel(step))
    slicing = plan.slicing
    return {
        "mode": "train" if plan.request.train else "infer",
        "batch": plan.samples,
        "in_the_lanes": plan.preferred,
        "groups": plan.batch.groups,
        "images_of_a_group": plan.batch.images,
        "images_of_a_slice": slicing.images if slicing else None,
        "slices_up_to": plan.graph.nodes[slicing.last].path if slicing else None,
        "layers": [
            {
                "path": choice.path,
                "kind": choice.kind,
                "implementation": choice.one.id,
                "sentence": choice.one.sentence,
                "in_passing_by": plan.passed.get(choice.path),
                "kernels": kernels[choice.path],
                "filter_gradient": _filter_gradient(choice.one, kernels[choice.path]),
                "refused": [
                    {"implementation": r.id, "sentence": r.sentence, "reason": r.reason}
                    for r in choice.refusals
                ],
            }
            for choice in plan.choices
        ],
        "conversions": conversions,
        "steps": len(plan.steps),
        "plan": [
            {
                "stage": stage,
                "step": step.label,
                "kernel": _kernel(step),
                "tasks": step.tasks,
                "lowered_by": step.origin,
                "kernel_by": step.kernel.origin if isinstance(step, KernelStep) else None,
                "by_groups": step.grouped,
                "reads": sorted({ref.buffer for ref in step.reads.values()}),
                "writes": sorted({ref.buffer for ref in step.writes.values()}),
            }
            for step, stage in zip(plan.steps, plan.stages, strict=True)
        ],
        "stages": max(plan.stages) + 1,
        "formula_steps": plan.formula_steps,
        "arena_bytes": plan.arena.size,
        "arena_lower_bound": plan.arena.lower_bound,
    }


def _filter_gradient(one: Implementation, kernels: Collection[str]) -> str | None:
    """How the gradient of the filters is computed, where that is not as the implementation says."""
    own = one.sentence if "winograd" in one.id or "fourier" in one.id else DIRECT
    found = next((FILTER_GRADIENTS[name] for name in kernels if name in FILTER_GRADIENTS), own)
    return None if found == own else found


def _kernel(step: Step) -> str:
    return step.kernel.name if isinstance(step, KernelStep) else "formula"


def path_of(label: str, paths: Collection[str]) -> str:
    """The layer or conversion that a step with this label belongs to, "" for those of the whole plan."""
    ends = [i for i, letter in enumerate(label) if letter in " ."] + [len(label)]
    return next((label[:end] for end in reversed(ends) if label[:end] in paths), "")
