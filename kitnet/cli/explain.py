"""`kitnet explain`: the plan of a network, with the implementation of each layer."""

from __future__ import annotations

from typing import Any

from kitnet.base.argument import batch_size
from kitnet.cli.flags import Input, Json, Network, OnMisfit, Whole
from kitnet.cli.network import read_network
from kitnet.cli.screen import Column, print_json, print_table, say_wrapped
from kitnet.net import usual_loss

COLUMNS = (Column("layer"), Column("kind", spare=1), Column("implementation"))
STEPS = (Column("stage"), Column("step"), Column("kernel"), Column("tasks", spare=1))


def command(
    model: Network,
    /,
    *,
    input: Input = None,
    on_misfit: OnMisfit = None,
    batch: Whole = 1,
    train: bool = False,
    forbid: tuple[str, ...] = (),
    force: tuple[str, ...] = (),
    why: bool = False,
    steps: bool = False,
    json: Json = False,
) -> None:
    """How the engine computes each layer of a network, and with --why, why not in another way.

    Parameters
    ----------
    batch
        Images at once.
    train
        A whole training step instead of the scores alone.
    forbid
        An implementation that may not be used, by its printed id or a part of it, such as winograd; may be
        given several times.
    force
        An implementation that is used wherever it can, even where it is slower; may be given several times.
    why
        Print under each layer the implementations that were refused, each with its reason.
    steps
        Print every step of the plan in order, with its stage, its kernel and its number of tasks.
    """
    from kitnet.engine import explain, plan_of, wishes_of
    from kitnet.kernels.cpu import detect

    batch_size(batch, "--batch")
    net, _ = read_network(model, input, on_misfit=on_misfit)
    cpu = detect()
    mode, loss = "train" if train else "infer", None if len(net.outputs) > 1 else usual_loss(net.graph)
    plan = plan_of(net, batch, mode, loss=loss, wishes=wishes_of(forbid, force))
    found: Any = explain(plan)
    if json:
        print_json({"model": model, "network": str(net), "processor": str(cpu), **found})
        return
    say_wrapped(str(net))
    say_wrapped(str(cpu))
    say_wrapped(
        f"{_lanes(found, bool(plan.own_arena.size))}; "
        f"{found['steps']} steps in {found['stages']} stages, {found['formula_steps']} of them formulas; "
        f"{plan.arena.size:,} bytes between stages and {plan.own_arena.size:,} of each thread's own"
    )
    layers = found["layers"]
    refusals = [[f"{one['implementation']}: {one['reason']}" for one in row["refused"]] for row in layers]
    rows = [[row["path"], row["kind"], _how(row)] for row in layers]
    print_table(COLUMNS, rows, refusals if why else ())
    if steps:
        print_table(
            STEPS,
            [[str(row[name]) for name in ("stage", "step", "kernel", "tasks")] for row in found["plan"]],
        )


def _how(row: dict[str, Any]) -> str:
    return "in the step before" if row["in_the_step_before"] else row["implementation"]


def _lanes(found: dict[str, Any], one_by_one: bool) -> str:
    way = "one group after the other" if one_by_one else "layer after layer, each cut into blocks"
    if found["in_the_lanes"] == "channels":
        lanes = f"{found['batch']} images at once, channels in the lanes"
    else:
        lanes = f"{found['groups']} groups of {found['images_of_a_group']} images in the lanes, {way}"
    if found["slices_up_to"]:
        lanes += f", up to {found['slices_up_to']} {found['images_of_a_slice']} images at a time"
    return lanes
