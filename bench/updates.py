"""The time of each rule's update beside the time that the bytes it moves need.

    python bench/updates.py                 # a table, and results/updates.csv

Timed are the last steps of a training plan: whether all gradients are finite, and the rule's own passes.
The bytes are those of the least passes: gradients read once to see whether all are finite (or how long
they are together), then gradients, weights and memory read, and weights and memory written. `moved_ms`
is the time in which a pass y += x of as many bytes goes; both take turns, three runs of each. Muon's
filters are bound by products instead: `gflops` are their operations over the time that the update takes
more than Nesterov's rule, `percent` that of a loop of multiply-adds in registers. Each time is the best
of many, since others' work on the machine only adds to it; `others` is their share of the machine meanwhile.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from process import ROOT, machine, watched

import kitnet
from kitnet.engine.bind import crew_of
from kitnet.engine.step import KernelStep
from kitnet.kernels import ceiling
from kitnet.kernels.cpu import cores, detect
from kitnet.kernels.emit import Kernel
from kitnet.kernels.jit import build
from kitnet.kernels.program import Call, Program
from kitnet.kernels.types import F32
from kitnet.net import Net
from kitnet.optim import RULES, Averaged, Clipped, Muon, Nesterov, Rule, Sgd

RESULTS = ROOT / "results" / "updates.csv"
SECONDS = 0.5
FIRST = "gradients finite", "gradients squared"  # labels of the first step of an update
TASKS = 8  # of the pass that only moves bytes, as of updates
GOAL = 1.3
NETWORKS = {
    "10 million weights": "1000 -> fc10000",
    "LeNet-5": "32x32x1 -> [conv5-6 -> relu -> maxpool2] -> conv5-16 -> maxpool2 -> fc120 -> fc84 -> fc10",
}
FILTERS = {
    "ResNet-20": kitnet.zoo.find("resnet20").line,
    "filters of 512": "7x7x512 -> [conv3-512 same -> relu]*2 -> fc10",
}


def best(programs: Sequence[Program], threads: int) -> list[float]:
    """Seconds of the quickest run of each; those of the processor where one thread does all."""
    clock = time.thread_time if threads == 1 else time.perf_counter
    least, end = [float("inf")] * len(programs), time.perf_counter() + SECONDS * len(programs)
    while time.perf_counter() < end:
        for i, program in enumerate(programs):
            for _ in range(3):  # the first finds what the others have left in the caches
                begun = clock()
                crew_of(threads).run(program)
                least[i] = min(least[i], clock() - begun)
    return least


def update_of(net: Net, rule: Rule, threads: int) -> tuple[Program, object]:
    """The steps behind the last gradient, and what holds their memory."""
    step = net.compile(1, "train", rule=rule, threads=threads)
    plan, compiled = list(net.plans.values())[-1]
    code = iter(compiled)
    begun = next(i for i, one in enumerate(plan.steps) if one.label in FIRST)
    for one in plan.steps[:begun]:
        if isinstance(one, KernelStep):
            next(code)
    step(np.zeros((1, *net.input_shape), np.float32), np.zeros(1, int), 0)  # fills what the update reads
    last = list(zip(plan.steps, plan.stages, strict=True))[begun:]
    return step._machine._program(last, code), step


def moving(threads: int, size: int) -> tuple[Program, float]:
    """y += x for arrays of so many numbers, and which share of them it does."""
    k = Kernel("moving", detect(), TASKS * threads, x=F32, y=F32)
    x, y = k.pointers
    each = size // k.tasks // (4 * k.lanes) * (4 * k.lanes)
    with k.loop(0, each, k.lanes, unroll=4) as i:
        at = k.task * each + i
        k.store(k.vector(y, at) + k.vector(x, at), y, at)
    (code,) = build([k])
    program = Program([[Call(code, x=np.ones(size, np.float32), y=np.ones(size, np.float32))]])
    return program, each * k.tasks / size


def row(name: str, net: Net, word: str, rule: Rule, threads: int) -> dict[str, Any]:
    size = net.weights.flat.size
    moved = 4 * size * (4 + 2 * len(rule.memory)) + 4 * size // 16
    moves, share = moving(threads, moved // 12)  # which reads two numbers and writes one
    update, held = update_of(net, rule, threads)
    begun, own = time.perf_counter(), time.process_time()
    with watched() as use:
        seconds, least = best([update, moves], threads)
    own = (time.process_time() - own) / (time.perf_counter() - begun) / (os.cpu_count() or 1)
    del held
    needed = least / share
    return {
        "network": name,
        "parameters": sum(view.size for view in net.weights.values()),
        "rule": word,
        "ms": f"{1e3 * seconds:.4g}",
        "moved_mb": f"{moved / 1e6:.4g}",
        "moved_ms": f"{1e3 * needed:.4g}",
        "ratio": f"{seconds / needed:.2f}",
        "goal": GOAL,
        "others": f"{max(0.0, use['others'] - own):.2f}",
        "gflops": "",
        "percent": "",
    }


def most(threads: int) -> float:
    """GFLOP/s of multiply-adds in registers, timed as all else is."""
    cpu = detect()
    (code,) = build([ceiling.fma_kernel(cpu, TASKS * threads)])
    x, y = np.ones(2 * cpu.lanes, np.float32), np.empty((code.tasks, cpu.lanes), np.float32)
    program = Program([[Call(code, x=x, y=y)]])
    work = 2.0 * cpu.lanes * ceiling.chains(cpu) * ceiling.TURNS * code.tasks
    return work / best([program], threads)[0] / 1e9


def products(net: Net) -> float:
    """Operations of Muon's products, of which two make half a symmetric matrix."""
    work = 0
    for one in net.weights.filters().values():
        long, short = max(one.rows, one.columns), min(one.rows, one.columns)
        work += Muon().orthogonal_steps * short**2 * (3 * long + short)
    return float(work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--note", default="", help="such as: provisional, others at work")
    given = parser.parse_args()
    threads, found, where = given.threads, [], {**machine(), "note": given.note}
    rules: dict[str, Rule] = {word: kind() for word, kind in RULES.items() if kind is not Muon}
    rules |= {"sgd, clipped": Clipped(Sgd()), "sgd, averaged": Averaged(Sgd())}
    for name, line in NETWORKS.items():
        net = kitnet.parse(line)
        found += [row(name, net, word, rule, threads) for word, rule in rules.items()]
    peak = most(threads)
    for name, line in FILTERS.items():
        net = kitnet.parse(line)
        plain, muon = (
            row(name, net, rule.__class__.__name__.lower(), rule, threads) for rule in (Nesterov(), Muon())
        )
        rate = products(net) / (1e-3 * (float(muon["ms"]) - float(plain["ms"]))) / 1e9
        muon |= {"goal": "", "gflops": f"{rate:.4g}", "percent": f"{100 * rate / peak:.1f}"}
        found += [plain, muon]
    for one in found:
        print("  ".join(f"{value!s:>18}" for value in one.values()), flush=True)
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*found[0], "threads", *where], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**one, "threads": threads, **where} for one in found)


if __name__ == "__main__":
    main()
