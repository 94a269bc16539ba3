"""In which precision plans can compute here, and why not in another one."""

from __future__ import annotations

from typing import Any

from kitnet.base.error import KitnetError
from kitnet.base.precision import FP32, PRECISIONS, Precision, precision_of
from kitnet.engine.lower.tiles import ID
from kitnet.engine.plan import make_plan
from kitnet.engine.request import scoring
from kitnet.kernels.amx import why_no_tiles
from kitnet.kernels.cpu import Cpu, detect
from kitnet.kernels.tiles.unit import SIDE
from kitnet.net.network import Net
from kitnet.net.weights import Weights

AUTO = "auto"
QUICK = PRECISIONS["bf16x3"]  # that `auto` takes where it can: as exact as Winograd's filtering


def why_not(precision: Precision, mode: str, cpu: Cpu, net: Net | None = None) -> str | None:
    """Why plans of this mode ("infer", "train", "gradient") cannot be in it, or why one of this network would
    not be; None where they can.
    """
    if not precision.parts:
        return None
    if mode != "infer":
        return "its kernels go forward only, so that nothing is trained in it"
    return why_no_tiles(cpu) or (why_not_this(precision, cpu, net) if net else None)


def why_not_this(precision: Precision, cpu: Cpu, net: Net) -> str | None:
    """Why no layer of the network would be computed on tiles, None where one is."""
    weights = Weights(net.graph.params())  # where they lie, which needs no drawing
    plan = make_plan(net.graph, weights, SIDE, cpu, scoring(net.graph), precision=precision)
    if any(choice.one.id == ID for choice in plan.choices):
        return None
    refused = [
        (choice.path, one.reason) for choice in plan.choices for one in choice.refusals if one.id == ID
    ]
    said = f"{refused[-1][0]}: {refused[-1][1]}" if refused else "it has no convolution"
    return f"no layer of this network is computed on tiles ({said})"


def plan_precision(name: str | Precision | None, mode: str, cpu: Cpu, net: Net | None = None) -> Precision:
    """The precision of this name for plans of a mode; "auto" is the quickest that there is. Raises
    KitnetError with the reason where plans cannot be in it.
    """
    if name == AUTO:
        return QUICK if why_not(QUICK, mode, cpu, net) is None else FP32
    precision = precision_of(name)
    reason = why_not(precision, mode, cpu, net)
    if reason:
        raise KitnetError(f"precision {precision}: {reason}; use fp32, or the engine formula")
    return precision


def option(name: str | Precision | None, mode: str, net: Net) -> dict[str, Any]:
    """The option of a plan of this network in this precision, none for fp32. Raises KitnetError with the
    reason where it cannot be.
    """
    precision = FP32 if name is None else plan_precision(name, mode, detect(), net)
    return {"precision": precision} if precision.parts else {}


def said_of_auto(mode: str, cpu: Cpu, net: Net | None = None) -> str:
    """What `auto` chooses, in a sentence."""
    reason = why_not(QUICK, mode, cpu, net)
    if reason:
        return f"precision auto is {FP32}, not {QUICK}: {reason}"
    return f"precision auto is {QUICK}"
