"""In which precision plans can compute here, and why not in another one."""

from __future__ import annotations

from kitnet.base.error import KitnetError
from kitnet.base.precision import FP32, PRECISIONS, Precision, precision_of
from kitnet.kernels.amx import why_no_tiles
from kitnet.kernels.cpu import Cpu

AUTO = "auto"
QUICK = PRECISIONS["bf16x3"]  # that `auto` takes where it can: as exact as Winograd's filtering


def why_not(precision: Precision, mode: str, cpu: Cpu) -> str | None:
    """Why plans of this mode ("infer", "train", "gradient") cannot be in it, None where they can."""
    if not precision.parts:
        return None
    if mode != "infer":
        return "its kernels go forward only, so that nothing is trained in it"
    return why_no_tiles(cpu)


def plan_precision(name: str | Precision | None, mode: str, cpu: Cpu) -> Precision:
    """The precision of this name for plans of a mode; "auto" is the quickest that there is. Raises
    KitnetError with the reason where plans cannot be in it.
    """
    if name == AUTO:
        return QUICK if why_not(QUICK, mode, cpu) is None else FP32
    precision = precision_of(name)
    reason = why_not(precision, mode, cpu)
    if reason:
        raise KitnetError(f"precision {precision}: {reason}; use fp32, or the engine formula")
    return precision


def said_of_auto(mode: str, cpu: Cpu) -> str:
    """What `auto` chooses, in a sentence."""
    reason = why_not(QUICK, mode, cpu)
    if reason:
        return f"precision auto is {FP32}, not {QUICK}: {reason}"
    return f"precision auto is {QUICK}"
