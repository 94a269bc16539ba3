"""What the commands that import are told of pictures and classes, since files of others do not say it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kitnet.base.error import KitnetError, shorten
from kitnet.base.random import stream
from kitnet.base.shape import Shape, say
from kitnet.cli.flags import Whole
from kitnet.data import Preparation
from kitnet.interop.weights import USUAL, preparation, usual, with_red_first
from kitnet.net import Net
from kitnet.net.language import read_volume
from kitnet.train import Model

GOLDEN = 2  # drawn pictures by which a file is verified
MOST_NAMES = 1 << 24  # bytes of a file with the classes' names


@dataclass(frozen=True)
class Told:
    """What is said of them; None is what is not given."""

    classes: Annotated[
        str | None, Parameter(help="How many classes there are, or a file with their names, one a line.")
    ] = None
    prepare: Annotated[
        str | None,
        Parameter(help=f"How pictures are prepared, as others do: {', '.join(USUAL)}."),
    ] = None
    mean: Annotated[
        str | None, Parameter(help="What pixel / 255 is lessened by, such as 0.5 or 0.485,0.456,0.406.")
    ] = None
    deviation: Annotated[
        str | None, Parameter(help="What it is divided by then, such as 0.5 or 0.229,0.224,0.225.")
    ] = None
    resize: Annotated[
        Whole | None,
        Parameter(help="The side to which pictures are resized, of which the network reads the middle."),
    ] = None
    bgr: Annotated[
        bool, Parameter(help="The weights are for pictures with blue first; --prepare caffe says it, too.")
    ] = False

    @property
    def says_preparation(self) -> bool:
        """Whether anything is said of how pictures are prepared. Raises KitnetError for a half of it."""
        if self.prepare is not None and (self.mean or self.deviation):
            raise KitnetError("--prepare says mean and deviation; leave out --mean and --deviation")
        if (self.mean is None) != (self.deviation is None):
            raise KitnetError("--mean and --deviation go together; give both")
        said = self.prepare is not None or self.mean is not None
        if not said and (self.resize is not None or self.bgr):
            raise KitnetError("--resize and --bgr go with --prepare, or with --mean and --deviation")
        return said

    def names(self) -> tuple[str, ...] | None:
        """The classes: names, or the numbers from 0. Raises KitnetError."""
        given = self.classes
        if given is None:
            return None
        if given.isdecimal():
            if not 0 < int(given) <= 1 << 20:
                raise KitnetError(f"--classes {shorten(given)} is not possible; use 1 to {1 << 20}")
            return tuple(map(str, range(int(given))))
        try:
            with Path(given).open("rb") as file:
                names = tuple(line.strip() for line in file.read(MOST_NAMES).decode().splitlines())
        except (OSError, UnicodeDecodeError):
            raise KitnetError(
                f"--classes {shorten(given)}: no number, and no text file that can be read; give one name a "
                "line"
            ) from None
        return tuple(name for name in names if name)

    def prepared(self, net: Net) -> tuple[Net, Preparation]:
        """The network for pictures with red first, and how they are prepared, which must have been said.
        Raises KitnetError."""
        if not self.says_preparation:
            known = "; ".join(f"{name} ({each.about})" for name, each in USUAL.items())
            raise KitnetError(
                f"the file does not say how pictures are prepared: say --prepare {known}; "
                "or --mean and --deviation"
            )
        if self.prepare is not None:
            like = usual(self.prepare)
            made = preparation(net.input_shape, like.mean, like.std, self.resize, like.cropped)
            return (with_red_first(net) if self.bgr or like.bgr else net), made
        channels = net.input_shape[-1]
        mean, deviation = (
            _numbers(flag, text or "", channels)
            for flag, text in (("--mean", self.mean), ("--deviation", self.deviation))
        )
        made = preparation(net.input_shape, mean, deviation, self.resize)
        return (with_red_first(net) if self.bgr else net), made


NOTHING = Told()


def _numbers(flag: str, text: str, channels: int) -> tuple[float, ...]:
    try:
        found = tuple(float(each) for each in text.split(","))
    except ValueError:
        found = ()
    if len(found) not in (1, channels) or not all(map(math.isfinite, found)):
        raise KitnetError(f"{flag} {shorten(text)}: expected a number, or {channels} with commas between")
    return found


def volume(text: str | None) -> Shape | None:
    """`--input 224x224x3`. Raises KitnetError."""
    try:
        return None if text is None else read_volume(text)
    except ValueError:
        raise KitnetError(f"--input {shorten(text)} is no volume; write it like 224x224x3") from None


def check_new(output: Path | None) -> None:
    """Raises KitnetError for a file that is there."""
    if output is not None and output.exists():
        raise KitnetError(f"{output}: it exists; give another name")


def save_with_golden(model: Model, output: Path) -> None:
    """The model with its golden pictures, which are drawn where it has none."""
    golden, made = model.examples, model.preparation
    if golden is None:
        if not isinstance(made, Preparation):
            raise KitnetError(f"a model of {say(made.input)} numbers knows no samples to be verified by")
        shape = (GOLDEN, *made.resize, made.input[2])
        golden = stream(0, "golden pictures").integers(0, 256, shape, "uint8")
    model.save(output, golden)
