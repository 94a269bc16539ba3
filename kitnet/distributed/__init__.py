"""Floor 8: one training by several processes, which MPI starts and connects.

`job.py` says whether this process is one of several, without MPI; `mpi.py` is what ranks do together, with
the extra `mpi`; `launching.py` starts them and, where one dies, starts those that are left again.
"""

from kitnet.distributed.job import is_rank, joined
from kitnet.distributed.launching import Launch, launch, report_run

__all__ = ["Launch", "is_rank", "joined", "launch", "report_run"]
