"""Data: from files and names to the batches that a network takes."""

from kitnet.data.arrays import Arrays, Standardisation
from kitnet.data.augmentation import Augmentation
from kitnet.data.dataset import Dataset
from kitnet.data.idx import read_idx, write_idx
from kitnet.data.image import open_image
from kitnet.data.kind import Given, Kind, Parts, register
from kitnet.data.loader import Loader
from kitnet.data.loading import NAMES, load
from kitnet.data.preparation import Preparation
from kitnet.data.renumbered import renumbered
from kitnet.data.source import Source

__all__ = [
    "NAMES",
    "Arrays",
    "Augmentation",
    "Dataset",
    "Given",
    "Kind",
    "Loader",
    "Parts",
    "Preparation",
    "Source",
    "Standardisation",
    "load",
    "open_image",
    "read_idx",
    "register",
    "renumbered",
    "write_idx",
]
