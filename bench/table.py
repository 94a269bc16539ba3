"""The names: which network is measured at which task and batch, and what is to be reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from families import DENSENET40, DENSENET121, INCEPTION_V3, MOBILENET_V2, SQUEEZENET
from networks import (
    ALEXNET,
    GOOGLENET,
    LENET5,
    OVERFEAT,
    RESNET18,
    RESNET20,
    RESNET50,
    VGG_A,
    Network,
)

Task = Literal["train", "gradient", "infer", "layers"]


@dataclass(frozen=True)
class Bench:
    """One name of the table. `goal` is the ratio to the best rival that is to be reached.

    `train` is a whole training step, `gradient` one without the update of the weights, as in
    convnet-benchmarks; `infer` is the scores alone; `layers` are single convolutions, listed in layers.py.
    """

    name: str
    network: Network | None
    task: Task
    batch: int
    goal: float


_TABLE = [
    Bench("lenet5-train-64", LENET5, "train", 64, 5.0),
    Bench("lenet5-train-512", LENET5, "train", 512, 3.0),
    Bench("lenet5-infer-1", LENET5, "infer", 1, 1.3),
    Bench("lenet5-infer-512", LENET5, "infer", 512, 1.8),
    Bench("resnet20-train-128", RESNET20, "train", 128, 1.5),
    Bench("resnet20-infer-128", RESNET20, "infer", 128, 1.2),
    Bench("alexnet", ALEXNET, "gradient", 32, 1.3),
    Bench("overfeat", OVERFEAT, "gradient", 16, 1.3),
    Bench("vgg-a", VGG_A, "gradient", 16, 1.6),
    Bench("googlenet", GOOGLENET, "gradient", 32, 1.4),
    Bench("alexnet-infer-32", ALEXNET, "infer", 32, 1.2),
    Bench("vgg-a-infer-8", VGG_A, "infer", 8, 1.5),
    Bench("resnet18-train-16", RESNET18, "train", 16, 1.4),
    Bench("resnet18-infer-1", RESNET18, "infer", 1, 1.2),
    Bench("resnet50-infer-1", RESNET50, "infer", 1, 1.1),
    Bench("resnet50-infer-16", RESNET50, "infer", 16, 1.1),
    *(
        Bench(f"{name}-infer-{batch}", network, "infer", batch, 1.2)
        for name, network in (
            ("mobilenet-v2", MOBILENET_V2),
            ("densenet121", DENSENET121),
            ("squeezenet1.1", SQUEEZENET),
            ("googlenet", GOOGLENET),
            ("inception-v3", INCEPTION_V3),
        )
        for batch in (1, 16)
    ),
    Bench("densenet40-train-64", DENSENET40, "train", 64, 1.5),
    Bench("conv", None, "layers", 0, 1.5),
    Bench("depthwise", None, "layers", 0, 1.5),
]
BENCHES = {bench.name: bench for bench in _TABLE}
