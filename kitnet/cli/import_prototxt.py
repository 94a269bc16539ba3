"""`kitnet import F.prototxt`: a network as Caffe describes it."""

from __future__ import annotations

from pathlib import Path

from kitnet.base.shape import Shape
from kitnet.cli.screen import print_json, say, say_wrapped
from kitnet.train import save_network

ENDING = ".prototxt"


def import_prototxt(file: Path, output: Path | None, input: Shape | None, json: bool) -> None:
    """Say what the network is, and write it with weights as they are drawn. Raises KitnetError."""
    from kitnet.interop.caffe import read_prototxt

    found = read_prototxt(file, input)
    net = found.net
    parameters = sum(param.size for param in net.graph.params().values())
    if output is not None:
        net.initialise(0)
        save_network(output, net)
    if json:
        print_json(
            {
                "network": str(net),
                "parameters": parameters,
                "loss": found.loss,
                "told": list(found.told),
                "file": None if output is None else str(output),
            }
        )
        return
    say_wrapped(str(net))
    for line in found.told:
        say_wrapped(line)
    if output is None:
        say(f"{parameters:,} parameters; nothing is written; name a file with -o")
    else:
        say(f"{output}: {parameters:,} parameters, drawn anew, since a {ENDING} has none")
