"""What a run needs to go on as if it had never stopped: weights, state, the optimiser's memory, and where it
was."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kitnet.base.error import RunError
from kitnet.base.spec import Array
from kitnet.files import write_whole
from kitnet.net import Net
from kitnet.train.events import EpochEnded
from kitnet.train.metrics import Score

FORMAT = "kitnet checkpoint 1"


@dataclass
class Progress:
    """Where a run is: `step` steps of epoch number `epoch` (from 0) are done, in `seconds` of work."""

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    score: Score = field(default_factory=Score)
    rows: list[EpochEnded] = field(default_factory=list)


def save_checkpoint(path: Path, net: Net, memory: dict[str, Array], progress: Progress) -> None:
    """Write the checkpoint, whole. Raises RunError."""
    from safetensors.numpy import save

    arrays = {
        "weights": net.weights.flat,
        **{f"memory/{name}": array for name, array in memory.items()},
        **{f"state/{node}.{name}": a for node, held in net.state.items() for name, a in held.items()},
    }
    metadata = {"format": FORMAT, "network": str(net), "progress": json.dumps(dataclasses.asdict(progress))}
    write_whole(path, save({name: np.ascontiguousarray(a) for name, a in arrays.items()}, metadata))


def load_checkpoint(path: Path, net: Net, memory: dict[str, Array]) -> Progress:
    """Fill a network and an optimiser's memory. Raises RunError for a file that is not theirs."""
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        raise RunError(f"{path}: no such file; the run has saved nothing to go on from, so start it anew")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
        if metadata.get("format") != FORMAT or metadata.get("network") != str(net):
            raise ValueError("it belongs to another network")
        told = json.loads(metadata["progress"])
        rows = [EpochEnded(**row) for row in told.pop("rows")]
        progress = Progress(score=Score(**told.pop("score")), rows=rows, **told)
        net.weights.flat[...] = arrays["weights"]
        for name, held in memory.items():
            held[...] = arrays[f"memory/{name}"]
        for node, buffers in net.state.items():
            for name in buffers:
                buffers[name][...] = arrays[f"state/{node}.{name}"]
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise RunError(f"{path}: damaged, or not of this run ({error}); start the run anew") from None
    return progress
