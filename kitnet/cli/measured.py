"""What `kitnet show --verify` prints: the memory of a plan that has run, beside what the ledger says."""

from __future__ import annotations

from typing import Any

from kitnet.base.error import KitnetError
from kitnet.cli.screen import (
    Column,
    busy,
    print_json,
    print_table,
    say,
    say_bytes,
    say_wrapped,
    show_compiling,
)
from kitnet.net import Net
from kitnet.net.ledger import BYTES, Ledger
from kitnet.net.memory import check_memory
from kitnet.optim import Rule

COLUMNS = (
    Column("memory"),
    Column("estimate", right=True),
    Column("measured", right=True),
    Column("bytes", right=True, spare=1),
)
NAMES = {
    "parameters": "parameters",
    "gradients": "gradients of the parameters",
    "optimiser": "the optimiser's memory",
    "state": "state",
    "arena": "values",
    "workspace": "workspace of the threads",
    "in_flight": "batch in flight, and results",
    "constants": "constants",
    "code": "machine code",
    "total": "total",
}


def print_measured(
    net: Net, ledger: Ledger, rule: Rule | None, threads: int | None, memory: int | None, json: bool
) -> None:
    """Run the plan once on random images, of a training step where there is a rule. Raises KitnetError."""
    from kitnet.engine.usage import tried

    if ledger.dtype != "float32":
        raise KitnetError("--verify runs the compiled engine, which computes in float32; leave --dtype out")
    estimate = _estimate(ledger, rule is not None)
    check_memory(estimate["total"], memory)
    with busy("making the plan, compiling its kernels and running it"):
        used = tried(net, ledger.batch, rule, threads=threads, progress=show_compiling)
    found: dict[str, Any] = {
        "network": str(net),
        "batch": ledger.batch,
        "mode": "train" if rule else "infer",
        "estimate": estimate,
        "measured": used.to_json(),
    }
    if json:
        print_json(found)
    else:
        _say(found)


def _estimate(ledger: Ledger, train: bool) -> dict[str, int]:
    """What the ledger says of what is measured."""
    if train:  # the images that the first layer reads again are those of the batch
        told, given = ledger.training_memory, sum(row.training_bytes for row in ledger.operands)
        batch = sum(row.values for row in ledger.operands) * ledger.batch * BYTES
        estimate = {
            "parameters": told["parameters"],
            "gradients": told["gradients of the parameters"],
            "optimiser": told["the optimiser's memory"],
            "state": told["state"],
            "arena": told["values that the way back reads"] - given + told["gradients of the values"],
            "in_flight": batch,
        }
    else:  # the images are among the values that are needed at once
        told = ledger.inference_memory
        values = told["values at once"]
        estimate = {"parameters": told["parameters"], "state": told["state"], "arena": values}
    return {**estimate, "total": sum(estimate.values())}


def _say(found: dict[str, Any]) -> None:
    measured, estimate, batch = found["measured"], found["estimate"], found["batch"]
    what = "a training step" if found["mode"] == "train" else "scores"
    say_wrapped(found["network"])
    say(f"{what} of {'one image' if batch == 1 else f'{batch:,} images'}, {measured['threads']} threads")
    say("")
    rows = [
        [name, say_bytes(estimate[key]) if key in estimate else "", say_bytes(size), f"{size:,}"]
        for key, name in NAMES.items()
        if (size := measured[key]) or estimate.get(key)
    ]
    print_table(COLUMNS, rows, total=True)
    say("")
    say_wrapped(
        "What is made of the filters lies with the values. A plan needs less than the estimate where layers "
        "are done in passing, groups of images go through several layers, and gradients are dropped."
    )
