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
        "data.image:_seen",
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
        "data/test_pickled.py::test_sizes_that_lie_take_no_memory",
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
        "Draws.generators",
        "counter=[0, sample, 0, self.epoch]",
        "counter=[0, 0, 0, self.epoch]",
        "data/test_augmentation.py::test_mixup_and_cutmix",
    ),
    Mutant(
        "Draws.uniform",
        "self.samples",
        "np.arange(len(self.samples))",
        "data/test_loader.py::test_what_becomes_of_a_picture_depends_on_seed_epoch_and_number_alone",
    ),
    Mutant(
        "Crop.change",
        "by[:, i] * places",
        "by[:, i] * (places - 1)",
        "data/test_augmentation.py::test_crops_are_all_shifts_and_nothing_else",
    ),
    Mutant(
        "Elastic.change",
        "2 * noise - 1",
        "noise",
        "data/test_augmentation.py::test_elastic_is_simards",
    ),
    Mutant(
        "Cutmix.mixed",
        "1 - theirs.mean((1, 2))",
        "1 - side ** 2",
        "data/test_augmentation.py::test_mixup_and_cutmix",
    ),
    Mutant(
        "Loader.epoch",
        "due.popleft().result()",
        "due.pop().result()",
        "data/test_loader.py::test_workers_change_nothing_and_an_epoch_can_go_on_anywhere",
        0,
    ),
    Mutant(
        "examine",
        "label == as_class",
        "True",
        "cli/test_data_command.py::test_as_json",
    ),
    Mutant(
        "data.doctor:_count",
        "channel < image.shape[2]",
        "channel < 1",
        "cli/test_data_command.py::test_deviation_of_colours",
    ),
    Mutant(
        "class_names",
        "seen[name] == 1",
        "True",
        "data/test_imagenet.py::test_names_and_labels_for_validation",
    ),
    Mutant(
        "DAMAGED",
        "RuntimeError",
        "EOFError",
        "data/test_changed_files.py::test_some_changed_files[npz]",
    ),
    Mutant(
        "data.image:_pixels",
        "min(top + rows, height)",
        "top + rows",
        "data/test_image.py::test_large_pictures_are_made_in_strips",
    ),
    Mutant(
        "Preparation.fitted",
        "own is not None and near",
        "own is not None",
        "data/test_preparation.py::test_what_is_near_enough_is_not_resized",
    ),
]
