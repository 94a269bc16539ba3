"""The stage of planning that gives every buffer its place, and then checks the whole plan."""

from __future__ import annotations

from dataclasses import replace

from kitnet.engine.arena import Arena, lay_out
from kitnet.engine.builder import Builder
from kitnet.engine.schedule import Schedule
from kitnet.engine.verify import lives_of, verify


def place(b: Builder, plan: Schedule) -> tuple[Arena, Arena]:
    """Where the buffers of all groups lie, and those of each thread's own."""
    steps, stages, preparations = plan.steps, plan.stages, plan.preparations
    shared = {name: size for name, size in b.buffers.items() if name not in b.own_buffers}
    own = {name: size for name, size in b.buffers.items() if name in b.own_buffers}
    # a stage's steps run side by side on different groups, but one after the other on a thread's own memory
    lives, own_lives = lives_of(steps, shared, stages), lives_of(steps, own, range(len(steps)))
    prepared = {ref.buffer for step in steps[:preparations] for ref in step.writes.values()}
    for name in prepared & {ref.buffer for step in steps[preparations:] for ref in step.reads.values()}:
        lives[name] = replace(lives[name], last=stages[-1])  # it is there for the next run, too
    arena, own_arena = lay_out(lives), lay_out(own_lives)
    verify(steps, stages, lives, arena, own_lives, own_arena)
    return arena, own_arena
