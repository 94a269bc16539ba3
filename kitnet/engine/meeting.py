"""Partial sums that ranks of one training exchange in the midst of a plan (see share.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kitnet.base.origin import origin
from kitnet.engine.step import HostStep, Memory, Ref


@dataclass(frozen=True)
class Meeting:
    """Partial sums of a rank, (chunks, size) of so many `groups` of `images`, and of `every` rank,
    (ranks, chunks, size), of which the first `of_all` chunks are of groups that there are. Losses are of 0
    groups: they are 0 where there is no image.
    """

    partial: Ref
    chunks: int
    groups: int
    images: int
    size: int
    every: Ref
    ranks: int
    of_all: int


def exchange_step(label: str, meetings: Sequence[Meeting]) -> HostStep:
    """The step in which ranks send each other their partial sums; those of a group without images are 0, as
    they are anyway where all values are finite."""

    def run(memory: Memory) -> None:
        own, every = [], []
        for one in meetings:
            partial = memory.array(one.partial, (one.chunks, one.size))
            if one.groups:
                held = -(-memory.count // one.images)
                partial[held * (one.chunks // one.groups) :] = 0
            own.append(partial.reshape(-1))
            every.append(memory.array(one.every, (one.ranks, one.chunks * one.size)))
        memory.exchange.gather(own, every)

    reads = {f"own {i}": one.partial for i, one in enumerate(meetings)}
    writes = {f"every {i}": one.every for i, one in enumerate(meetings)}
    return HostStep(f"{label} exchanged", run, reads, writes, 1, False, False, origin())
