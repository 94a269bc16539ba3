"""`kitnet launch`: one training by several processes."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from kitnet.cli.flags import Whole
from kitnet.cli.own_layers import flags
from kitnet.cli.screen import remark
from kitnet.distributed import Launch, launch


def command(
    *words: Annotated[str, Parameter(allow_leading_hyphen=True, help="`train` and what it takes.")],
    ranks: Annotated[Whole, Parameter(name=["--ranks", "-n"], help="Processes.")] = 2,
    hosts: Annotated[
        str, Parameter(help="Where, with the ranks of each: a:2,b:2; usually on this machine.")
    ] = "",
    max_restarts: Annotated[
        Whole, Parameter(help="Times that the ranks that are left go on where one has died.")
    ] = 0,
    as_root: Annotated[bool, Parameter(help="Let Open MPI start processes as root.")] = False,
    oversubscribe: Annotated[bool, Parameter(help="Let there be more ranks than cores.")] = False,
    mpiexec: Annotated[str, Parameter(help="That of this site; usually that of the wheel.")] = "",
) -> int:
    """Train by several processes, on this machine or on several: `kitnet launch -n 4 train resnet20.cifar10`.

    The batch is that of all ranks, which end with the weights of one process, bit by bit, however many they
    are; `train --sync fast` gives that up. Ctrl-C and SIGTERM save and stop.
    """
    given = Launch(ranks, words, hosts, max_restarts, as_root, oversubscribe, mpiexec, tuple(flags()))
    return launch(given, remark)
