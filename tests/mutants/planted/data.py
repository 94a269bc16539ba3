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
        "parts",
        "_fraction(file.key) >= given.split",
        "True",
        "data/test_image_folder.py::test_a_list_of_paths_and_labels",
    ),
    Mutant(
        "ImageFiles.__init__",
        "len({*self.shapes}) == 1",
        "False",
        "data/test_image_folder.py::test_train_and_test_folders",
    ),
    Mutant(
        "data.image:_pixels",
        "'white'",
        "'black'",
        "data/test_image.py::test_transparency_lets_white_through",
    ),
    Mutant(
        "data.image:_decode",
        "image.width * image.height > megapixels * 1000000",
        "False",
        "data/test_image.py::test_too_many_pixels_are_refused_by_the_header",
    ),
    Mutant(
        "Preparation.fitted",
        "own is not None and near",
        "own is not None",
        "data/test_preparation.py::test_what_is_near_enough_is_not_resized",
    ),
]
