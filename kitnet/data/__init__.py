"""Data: from files and names to the batches that a network takes."""

from kitnet.data.dataset import NAMES, Dataset, load
from kitnet.data.idx import read_idx, write_idx
from kitnet.data.image import open_image
from kitnet.data.loader import Loader
from kitnet.data.preparation import Preparation

__all__ = ["NAMES", "Dataset", "Loader", "Preparation", "load", "open_image", "read_idx", "write_idx"]
