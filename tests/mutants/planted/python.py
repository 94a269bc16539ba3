"""Bugs in models from Python, in scikit-learn's estimator and in layers of one's own on the command line."""

from mutant import Mutant

FIT, SKLEARN, OWN = "train/test_fit.py::", "test_sklearn.py::", "cli/test_own_layers_command.py::"

PYTHON = [
    Mutant(
        "Standardisation.standardise",
        "(some.reshape(len(some), -1) - mean) / std",
        "some.reshape(len(some), -1) / std",
        FIT + "test_floats_are_standardised_channel_by_channel",
    ),
    Mutant(
        "Standardisation.fitted",
        "np.square(each - means)",
        "np.square(each)",
        FIT + "test_floats_are_standardised_channel_by_channel",
    ),
    Mutant(
        "Standardisation.fitted",
        "std[std <= EPSILON * largest] = 1",
        "std[std == 0] = 1",
        FIT + "test_a_constant_channel_has_nothing_to_divide_by",
    ),
    Mutant(
        "preparation_of",
        "Standardisation.from_json(data)",
        "Preparation.from_json(data)",
        FIT + "test_saved_and_loaded",
    ),
    Mutant(
        "train.given:_labels",
        "number[name]",
        "0",
        FIT + "test_rows_of_features_and_names_of_classes",
    ),
    Mutant(
        "train.given:_samples",
        "values.ndim == 3 and values.shape[2] in DEPTHS",
        "False",
        FIT + "test_one_picture_many_pictures_and_paths",
    ),
    Mutant(
        "InMemory.save_model",
        "is_best(rows)",
        "True",
        FIT + "test_a_validation_part_decides_which_weights_stay",
    ),
    Mutant(
        "InMemory.save_model",
        "model.net.weights.flat.copy()",
        "model.net.weights.flat",
        FIT + "test_a_validation_part_decides_which_weights_stay",
    ),
    Mutant(
        "fit",
        "saves.restore_best(model.net)",
        "None",
        FIT + "test_a_validation_part_decides_which_weights_stay",
    ),
    Mutant(
        "train.fitting:_train",
        "callback(event) is True",
        "False",
        FIT + "test_events_and_a_callback_that_ends_it",
    ),
    Mutant(
        "Run.on",
        "model.preparation if model.is_fitted else preparation_for(train, net, model.target)",
        "preparation_for(train, net, model.target)",
        FIT + "test_a_second_training_goes_on",
    ),
    Mutant("Run.on", "not net.is_drawn", "True", FIT + "test_a_second_training_goes_on"),
    Mutant(
        "Model.__getstate__",
        "{**self.__dict__, 'compiled': None}",
        "self.__dict__",
        FIT + "test_copies_and_pickles_compile_for_themselves",
    ),
    Mutant(
        "sklearn:_padded",
        "BATCH - len(samples)",
        "0",
        SKLEARN + "test_scores_do_not_depend_on_company",
    ),
    Mutant(
        "sklearn:_samples",
        "X.reshape(len(X), *shape)",
        "X.reshape(len(X), *shape[::-1]).T.reshape(len(X), *shape)",
        SKLEARN + "test_images_and_rows_of_their_pixels_are_the_same",
    ),
    Mutant(
        "KitnetClassifier.fit",
        "seed=seed",
        "seed=0",
        SKLEARN + "test_the_seed_and_the_settings_reach_training",
    ),
    Mutant(
        "cli.own_layers:run_own",
        "sys.modules[file.stem] = module",
        "None",
        OWN + "test_a_file_that_is_imported_twice_replaces_its_layers",
    ),
    Mutant(
        "import_layers",
        "others.append(word)",
        "None",
        OWN + "test_every_command_that_takes_a_line_or_a_model",
    ),
    Mutant(
        "_looks_like_an_image",
        "2 * min(shape)",
        "9 * min(shape)",
        "net/test_sizing.py::test_an_image_without_its_channel",
    ),
]
