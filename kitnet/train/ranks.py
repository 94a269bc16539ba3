"""One training by several processes, its ranks: what they must have alike, and what each of them does.

All ranks do the same steps on the same batches, of which each computes its share, and end with the same
weights. Rank 0 alone writes files and tells what happens.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from kitnet.base.error import KitnetError, RunError, shorten
from kitnet.base.spec import Array

if TYPE_CHECKING:
    from kitnet.train.run import Run

EXACT, FAST = "exact", "fast"
SYNCS = (EXACT, FAST)
# Settings that may differ between ranks: where files lie, and what changes no bit.
OWN = ("data", "data_dir", "weights", "runs", "name", "save_every", "tensorboard", "threads", "strict")
_Found = TypeVar("_Found")


class Ranks(Protocol):
    """The processes of one training, as one of them, number `rank` of `ranks`, sees them. All of them call
    the same methods in the same order."""

    rank: int
    ranks: int
    threads: int  # for this one, where the settings do not say it

    def gather(self, own: Sequence[Array], every: Sequence[Array]) -> None:
        """every[i] (ranks, n) becomes own[i] (n) of each rank, float32."""

    def add(self, numbers: Array) -> None:
        """Numbers (n,) become the sum of those of all ranks, float32."""

    def tell(self, content: bytes) -> list[bytes]:
        """What each rank tells the others."""


class AgreedError(KitnetError):
    """A mistake that every rank knows of, so that each ends by itself, and one of them says it."""


class HungError(KitnetError):
    """A rank that does not answer."""


def agree(ranks: Ranks, make: Callable[[], _Found]) -> _Found:
    """What `make` gives in this rank. Raises AgreedError in every rank where it raises KitnetError in one."""
    found, error = None, ""
    try:
        found = make()
    except KitnetError as one:
        error = str(one)
    errors = [content.decode() for content in ranks.tell(error.encode())]
    if not any(errors):
        assert found is not None
        return found
    if all(one == errors[0] for one in errors):
        raise AgreedError(errors[0])
    rank = next(i for i, one in enumerate(errors) if one)
    raise AgreedError(f"rank {rank} of {ranks.ranks}: {errors[rank]}")


def check_alike(ranks: Ranks, run: Run) -> None:
    """Raises AgreedError, which names a rank and what it has otherwise than rank 0."""
    facts = [json.loads(content) for content in ranks.tell(json.dumps(_facts(run)).encode())]
    for rank, found in enumerate(facts):
        for name, value in facts[0].items():
            if found.get(name) != value:
                raise AgreedError(
                    f"rank {rank} of {ranks.ranks} has another {name} than rank 0: "
                    f"{shorten(found.get(name))}, not {shorten(value)}; start all ranks alike"
                )


def _facts(run: Run) -> dict[str, Any]:
    """What decides the bits of a rank, by words for a message; what depends on others stands behind them."""
    from kitnet import __version__  # the package imports this module
    from kitnet.kernels.cpu import detect

    cpu = detect()
    settings = {name: value for name, value in asdict(run.settings).items() if name not in OWN}
    network = hashlib.sha256(run.model.net.weights.flat.tobytes())
    return {
        "kitnet": __version__,
        "NumPy": np.__version__,
        **{f"--{name.replace('_', '-')}": value for name, value in settings.items()},
        "digest of the data": run.data,
        "processor": f"{cpu.architecture} {cpu.level}",
        "features of the processor": hashlib.sha256(cpu.llvm_features.encode()).hexdigest()[:16],
        "caches of the processor": [cpu.l1d, cpu.l2],
        "digest of the first weights": network.hexdigest(),
    }


class AgreedStop(threading.Event):
    """Whether one of the ranks is asked to stop. All of them ask at the same places."""

    def __init__(self, ranks: Ranks, own: threading.Event) -> None:
        super().__init__()
        self._ranks, self._own = ranks, own

    def is_set(self) -> bool:
        every = np.zeros((self._ranks.ranks, 1), np.float32)
        self._ranks.gather([np.array([self._own.is_set()], np.float32)], [every])
        return bool(every.any())


def send_files(ranks: Ranks, paths: Sequence[Path | None], to: Path | None) -> None:
    """Files of rank 0 that are there come into the folder `to` of every other rank, by their names."""
    for path in paths:
        there = path is not None and path.exists()
        name = ranks.tell(path.name.encode() if path is not None and there else b"")[0].decode()
        content = ranks.tell(path.read_bytes() if path is not None and there else b"")[0]
        if to is not None and name:
            if Path(name).name != name:
                raise RunError(f"rank 0 sends a file that is called {shorten(name)}")
            (to / name).write_bytes(content)
