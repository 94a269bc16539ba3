"""What a plan does with each layer, and why not something faster."""

from __future__ import annotations

from collections import defaultdict

from kitnet.engine.convert import Convert
from kitnet.engine.plan import Plan
from kitnet.engine.step import KernelStep


def explain(plan: Plan) -> dict[str, object]:
    """The plan in words and numbers, ready for JSON: layers with their implementation and the refused ones,
    conversions between layouts, and sums.
    """
    kernels: dict[str, list[str]] = defaultdict(list)
    for label, step in {step.label: step for step in plan.steps}.items():  # each slice has the same
        name = step.kernel.name if isinstance(step, KernelStep) else "formula"
        kernels[label.split(" ")[0]].append(name)
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
                "in_the_step_before": choice.path in plan.passed,
                "kernels": kernels[choice.path],
                "refused": [
                    {"implementation": r.id, "sentence": r.sentence, "reason": r.reason}
                    for r in choice.refusals
                ],
            }
            for choice in plan.choices
        ],
        "conversions": [node.path for node in plan.graph.nodes if isinstance(node.layer, Convert)],
        "steps": len(plan.steps),
        "plan": [
            {
                "stage": stage,
                "step": step.label,
                "kernel": step.kernel.name if isinstance(step, KernelStep) else "formula",
                "tasks": step.tasks,
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
