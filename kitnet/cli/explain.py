"""`kitnet explain`: the plan of a network, with the implementation of each layer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kitnet.base.argument import batch_size
from kitnet.cli.flags import Given, Input, Json, Network, OnMisfit, Precision, Whole
from kitnet.cli.network import read_network
from kitnet.cli.precise import precision_for
from kitnet.cli.screen import Column, busy, print_json, print_table, say_wrapped
from kitnet.net import usual_loss

if TYPE_CHECKING:
    from kitnet.engine import Plan

COLUMNS = (Column("layer"), Column("kind", spare=1), Column("implementation"))
STEPS = (Column("stage"), Column("step"), Column("kernel"), Column("tasks", spare=1))


def command(
    model: Network,
    /,
    *,
    input: Input = None,
    given: Given = (),
    on_misfit: OnMisfit = None,
    batch: Whole = 1,
    train: bool = False,
    forbid: tuple[str, ...] = (),
    force: tuple[str, ...] = (),
    precision: Precision = None,
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
        Print under each layer how its filters' gradient is computed where that is another way, the refused
        implementations, each with its reason, and with --steps under each step the functions that wrote it.
    steps
        Print every step of the plan in order, with its stage, its kernel and its tasks, which threads take.
    """
    from kitnet.engine import explain, plan_of, wishes_of
    from kitnet.kernels.cpu import detect

    batch_size(batch, "--batch")
    net, _ = read_network(model, input, on_misfit=on_misfit, given=given)
    cpu = detect()
    how = precision_for(net, precision, "compiled", train)
    mode, loss = "train" if train else "infer", None if len(net.outputs) > 1 else usual_loss(net.graph)

    @busy("planning the network")
    def planned(forbid: Collection[str], force: Collection[str]) -> Plan:
        return plan_of(net, batch, mode, loss=loss, wishes=wishes_of(forbid, force), precision=how)

    plan = planned(forbid, force)
    found: Any = explain(plan)
    if json:
        print_json({"model": model, "network": str(net), "processor": str(cpu), **found})
        return
    say_wrapped(str(net))
    say_wrapped(str(cpu))
    _print(found, plan.own_arena.size, why, steps)
    for text in _needless(planned, _ways(plan), forbid, force):
        say_wrapped(text)


def _needless(
    planned: Callable[[Collection[str], Collection[str]], Plan],
    ways: list[str],
    forbid: Sequence[str],
    force: Sequence[str],
) -> Iterator[str]:
    """A line for each wish without which the ways were the same."""
    for word in forbid:
        if _ways(planned(set(forbid) - {word}, force)) == ways:
            yield f"--forbid {word} changes nothing here"
    for word in force:
        if _ways(planned(forbid, set(force) - {word})) == ways:
            yield f"--force {word} changes nothing here"


def _print(found: dict[str, Any], own_bytes: int, why: bool, steps: bool) -> None:
    """The plan in a sentence, its layers, and its steps."""
    say_wrapped(
        f"{_lanes(found, bool(own_bytes))}; "
        f"{_many(found['steps'], 'step')} in {_many(found['stages'], 'stage')}, "
        f"{found['formula_steps']} of them formulas in Python; "
        f"values take {found['arena_bytes']:,} bytes, and {own_bytes:,} more in each thread"
    )
    layers = found["layers"]
    rows = [[row["path"], row["kind"], _how(row)] for row in layers]
    print_table(COLUMNS, rows, [_reasons(row) for row in layers] if why else ())
    if steps:
        rows = [[str(row[name]) for name in ("stage", "step", "kernel", "tasks")] for row in found["plan"]]
        print_table(STEPS, rows, [_origins(row) for row in found["plan"]] if why else ())


def _ways(plan: Plan) -> list[str]:
    """The implementation of each layer."""
    return [choice.one.id for choice in plan.choices]


def _how(row: dict[str, Any]) -> str:
    if row["in_passing_by"]:
        return f"in passing by {row['in_passing_by']}"
    return row["implementation"] if row["kernels"] else f"{row['implementation']}: no step"


def _reasons(row: dict[str, Any]) -> list[str]:
    """Where the gradient of the filters is computed otherwise, and why not by other implementations."""
    gradient = row["filter_gradient"]
    told = [f"gradient of the filters: {gradient}"] if gradient else []
    return [*told, *(f"{one['implementation']}: {one['reason']}" for one in row["refused"])]


def _origins(row: dict[str, Any]) -> list[str]:
    kernel = [f"kernel: {row['kernel_by']}"] if row["kernel_by"] else []
    return [f"step: {row['lowered_by']}", *kernel]


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _lanes(found: dict[str, Any], one_by_one: bool) -> str:
    way = "one group after the other" if one_by_one else "layer after layer, each cut into blocks"
    if found["in_the_lanes"] == "channels":
        lanes = f"{_many(found['batch'], 'image')} at once, channels in the lanes"
    else:
        lanes = (
            f"{_many(found['groups'], 'group')} of {found['images_of_a_group']} images in the lanes, {way}"
        )
    if found["slices_up_to"]:
        lanes += f", up to {found['slices_up_to']} {found['images_of_a_slice']} images at a time"
    return lanes
