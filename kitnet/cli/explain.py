"""`kitnet explain`: the plan of a network, with the implementation of each layer."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kitnet.base.error import KitnetError
from kitnet.cli.flags import Input, Json, Network, Whole
from kitnet.cli.network import read_network
from kitnet.cli.screen import print_json, say
from kitnet.net import usual_loss


def command(
    model: Network,
    /,
    *,
    input: Input = None,
    batch: Whole = 1,
    train: bool = False,
    forbid: tuple[str, ...] = (),
    force: tuple[str, ...] = (),
    json: Json = False,
) -> None:
    """How the engine computes each layer of a network, and why not by something faster.

    Parameters
    ----------
    batch
        Images at once.
    train
        A whole training step instead of the scores alone.
    forbid
        An implementation that may not be used, by its printed name or the first words of it, such as
        winograd; may be given several times.
    force
        An implementation that is used wherever it can, even where it is slower; may be given several times.
    """
    from kitnet.engine import explain, make_plan, wishes_of
    from kitnet.kernels.cpu import detect

    if batch < 1:
        raise KitnetError(f"--batch {batch} is not possible; use 1 or more")
    net, _ = read_network(model, input)
    cpu = detect()
    wishes = wishes_of(forbid, force)
    plan = make_plan(net, batch, cpu, loss=usual_loss(net.graph), train=train, wishes=wishes)
    found: Any = explain(plan)
    if json:
        print_json({"model": model, "network": str(net), "processor": str(cpu), **found})
        return
    say(str(net))
    say(
        f"{cpu}\n{_lanes(found, bool(plan.own_arena.size))}; "
        f"{found['steps']} steps in {found['stages']} stages, {found['formula_steps']} of them formulas; "
        f"{plan.arena.size:,} bytes between stages and {plan.own_arena.size:,} of each thread's own"
    )
    Console(highlight=False, width=200).print(_table(found["layers"]))


def _lanes(found: dict[str, Any], one_by_one: bool) -> str:
    way = "one group after the other" if one_by_one else "layer after layer, each cut into blocks"
    if found["in_the_lanes"] == "channels":
        lanes = f"{found['batch']} images at once, channels in the lanes"
    else:
        lanes = f"{found['groups']} groups of {found['images_of_a_group']} images in the lanes, {way}"
    if found["slices_up_to"]:
        lanes += f", up to {found['slices_up_to']} {found['images_of_a_slice']} images at a time"
    return lanes


def _table(layers: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("layer", "kind", "implementation", "refused"):
        table.add_column(name)
    for row in layers:
        refused = "; ".join(f"{r['implementation']}: {r['reason']}" for r in row["refused"])
        table.add_row(*map(escape, (row["path"], row["kind"], row["implementation"], refused)))
    return table
