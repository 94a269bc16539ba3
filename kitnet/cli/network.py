"""The network that `show` and `explain` are asked about: a name of the zoo or a line, perhaps with another
input volume.
"""

from __future__ import annotations

from kitnet.base.error import KitnetError
from kitnet.net import Net, parse
from kitnet.net.language import read_volume
from kitnet.zoo import Card, find


def read_network(model: str, input: str | None, optional: bool = True) -> tuple[Net, Card | None]:
    """The network and, where it has a name, its card. Raises KitnetError."""
    try:
        volume = None if input is None else read_volume(input)
    except ValueError:
        raise KitnetError(f"--input {input!r} is no volume; write it like 32x32x3") from None
    card = None if "->" in model or "→" in model else find(model)
    return parse(card.line if card else model, input=volume, optional=optional), card
