"""Bugs in data: sources, files and augmentation."""

from mutant import Mutant

DATA = [
    Mutant(
        "Selection.read",
        "self.numbers[samples]",
        "samples",
        "data/test_source.py::test_shards_share_out_what_there_is",
    ),
    Mutant(
        "Preparation.fitted",
        "own is not None and near",
        "own is not None",
        "data/test_preparation.py::test_what_is_near_enough_is_not_resized",
    ),
]
