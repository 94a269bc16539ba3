"""Whether this process is one of several that `mpiexec` or `srun` has started, and how it ends with them."""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kitnet.base.error import KitnetError
from kitnet.train.ranks import AgreedError, HungError

if TYPE_CHECKING:
    from kitnet.distributed.mpi import MpiRanks

# What Open MPI, MPICH and Intel MPI, and `srun --mpi=pmix` tell each process that they start.
STARTED = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK")
MISTAKEN, FAILED = 2, 1  # exit statuses after a mistake of the user, as in the command line, and others


def is_rank() -> bool:
    """Whether this process was started as one of several."""
    return any(name in os.environ for name in STARTED)


@contextmanager
def joined() -> Iterator[MpiRanks | None]:
    """The ranks of this job, or None for a process that is alone. What one rank raises ends all of them, and
    is said with its name; what all raise alike rank 0 says. Raises KitnetError without the extra `mpi`."""
    if not is_rank():
        yield None
        return
    if importlib.util.find_spec("mpi4py") is None:
        raise KitnetError(
            "this process was started as one of several, for which kitnet needs mpi4py; install it with: "
            "pip install 'kitnet[mpi]', or start one process without mpiexec"
        )
    from kitnet.distributed.mpi import MpiRanks

    ranks = MpiRanks()
    try:
        yield ranks
    except AgreedError:
        ranks.leave()
        if ranks.rank:
            sys.exit(MISTAKEN)
        raise
    except SystemExit:
        raise
    except KitnetError as error:
        ranks.abort(str(error), FAILED if isinstance(error, HungError) else MISTAKEN)
    except BaseException as error:
        if not isinstance(error, KeyboardInterrupt):
            traceback.print_exc()
        ranks.abort(f"{type(error).__name__} {error}".strip(), FAILED)
    else:
        ranks.leave()
