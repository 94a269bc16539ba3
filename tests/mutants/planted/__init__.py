"""Planted bugs by floors. A bug that survives is a test that is missing."""

from mutant import Mutant

from planted.base import BASE
from planted.channels import CHANNELS
from planted.functional import FUNCTIONAL
from planted.kernels import KERNELS
from planted.layers import LAYERS
from planted.lower import LOWER
from planted.net import NET
from planted.planning import PLANNING
from planted.running import RUNNING
from planted.train import TRAIN
from planted.windows import WINDOWS
from planted.zoo import ZOO

FLOORS: dict[str, list[Mutant]] = {
    "base": BASE,
    "windows": WINDOWS,
    "layers": LAYERS,
    "kernels": KERNELS,
    "channels": CHANNELS,
    "net": NET,
    "planning": PLANNING,
    "lower": LOWER,
    "running": RUNNING,
    "functional": FUNCTIONAL,
    "train": TRAIN,
    "zoo": ZOO,
}
