"""How a network is trained, as plain data on its card."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """What `kitnet train` does where nothing else is said. Each field is as the flag of its name takes it
    (`rate` as `--lr`)."""

    optimizer: str = "sgd"
    schedule: str = "constant"  # of the learning rate
    rate: float = 0.05
    momentum: float = 0.9  # where the optimizer has one
    decay: float | None = None  # of the weights; None: the optimizer's usual one
    augment: str = ""  # changes of the training images
    target: str = ""  # what the network is to give; empty: as its form says
    loss: str = ""  # empty: what suits the last layer
    groups: str = ""  # rules of some parameters
    whiten: str = ""  # the path of a convolution that begins as a whitening of the data's patches
    views: str = ""  # of a picture that are judged together
    average: float | None = None  # the share of the old mean that averaged weights keep in a step
    validation: float = 0.1  # share of the training images to choose the best epoch by
    batch: int = 64
    epochs: int = 20


# Of networks of one's own that give their input, whose loss is a sum over its numbers: a rule that does not
# depend on how many they are.
FOR_INPUT = Recipe(optimizer="adam", rate=1e-3)
