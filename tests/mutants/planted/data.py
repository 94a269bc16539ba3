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
        "_Machine.reduce",
        "str(called) not in CALLS",
        "False",
        "data/test_pickled.py::test_it_calls_nothing",
    ),
    Mutant(
        "_Machine.take",
        "len(found) < size or size < 0",
        "False",
        "data/test_pickled.py::test_what_is_cut_or_changed_is_one_line",
    ),
    Mutant(
        "data.stl10:_upright",
        "columns.transpose(0, 3, 2, 1)",
        "columns.transpose(0, 2, 3, 1)",
        "data/test_stl10_usps.py::test_stl10",
    ),
    Mutant(
        "data.usps:_line",
        "label -= 1",
        "pass",
        "data/test_stl10_usps.py::test_usps",
    ),
    Mutant(
        "Preparation.fitted",
        "own is not None and near",
        "own is not None",
        "data/test_preparation.py::test_what_is_near_enough_is_not_resized",
    ),
]
