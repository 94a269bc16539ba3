"""The memory that running a network needs at least, and that there is: known before anything runs.

A line of eighty letters may describe gigabytes: `16384x16384x1 -> maxpool16384 -> fc10`.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.shape import Shape
from kitnet.layers import Layer
from kitnet.layers.window import Windowed
from kitnet.net.graph import Graph
from kitnet.net.ledger import BYTES

SHARE = 80  # percent of what is free that a network may need


class TooLargeError(KitnetError):
    """A network that needs more memory than it may take."""


def least_bytes(graph: Graph) -> int:
    """Bytes of the weights and state, of every value and what forward saves beside it for one sample, and of
    the largest copy with padding: what the readable executor has at once."""
    weights = sum(param.size for param in graph.params().values())
    values = sum(math.prod(node.shape) for node in graph.nodes)
    buffers, padded = 0, 0
    for node in graph.nodes:
        if node.layer is not None:
            x = graph.shapes_into(node)
            for buffer in (*node.layer.state(*x).values(), *node.layer.extras(*x).values()):
                buffers += math.prod(buffer.shape) * np.dtype(buffer.dtype or np.float32).itemsize
            padded = max(padded, _padded(node.layer, *x))
    return BYTES * (weights + values + padded) + buffers


def _padded(layer: Layer, *x: Shape) -> int:
    """Elements of a copy of the input with its padding, where the layer makes one."""
    if not isinstance(layer, Windowed):
        return 0
    axes = layer.axes(x[-1])  # what windows slide over
    padding = any(axis.before or axis.after for axis in axes)
    return math.prod(axis.before + axis.size + axis.after for axis in axes) * x[-1][-1] if padding else 0


def check_memory(need: int, allowed: int | None = None) -> None:
    """Whether a need of so many bytes is at most `allowed`, by default 80 % of what is free. Raises
    TooLargeError."""
    if allowed is None:
        free = free_bytes()
        if free is not None and need > free * SHARE // 100:
            raise TooLargeError(
                f"running it needs at least {need:,} bytes, more than {SHARE} % of the {free:,} that are "
                "free; allow more with --memory"
            )
    elif need > allowed:
        raise TooLargeError(
            f"running it needs at least {need:,} bytes, more than the {allowed:,} that are allowed; "
            "allow more with --memory"
        )


def free_bytes(root: Path = Path("/")) -> int | None:
    """Bytes that this process may still take: what Linux calls available, or less where a control group, or
    one above it, leaves less. None where the system does not tell."""
    found = [*_available(root / "proc/meminfo"), *_left_in_groups(root)]
    return max(0, min(found)) if found else None


def _available(meminfo: Path) -> list[int]:
    return [1024 * kilobytes for kilobytes in _numbers(meminfo, "MemAvailable:")]


def _left_in_groups(root: Path) -> list[int]:
    """What the control groups of this process leave, of version 2 and of version 1."""
    left = []
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file ")
        elif "memory" in controllers.split(","):
            top = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ")
        else:
            continue
        inner = top / path.lstrip("/")
        for group in [inner, *inner.parents]:
            left += _left(group, *names)
            if group == top:
                break
    return left


def _left(group: Path, limit: str, usage: str, cache: str) -> list[int]:
    """The limit of a group less what it holds, of which files that nothing reads can be given up."""
    limits, usages = _numbers(group / limit), _numbers(group / usage)
    reclaimed = sum(_numbers(group / "memory.stat", cache))
    return [most - used + reclaimed for most, used in zip(limits, usages, strict=False)]


def _numbers(path: Path, name: str = "") -> list[int]:
    """The number in a file, or the one behind a name; none where there is none, or no limit."""
    for line in _lines(path):
        words = line.removeprefix(name).split()
        if line.startswith(name) and words and words[0].isdecimal():
            return [int(words[0])]
    return []


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
