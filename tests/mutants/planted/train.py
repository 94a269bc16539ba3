"""Bugs in files, training and the command line."""

from mutant import Mutant

TRAIN = [
    Mutant(
        "Stream.write",
        "self.error = error",
        "raise",
        "cli/test_cli_process.py::test_training_goes_on_when_its_reader_goes_away",
    ),
    Mutant(
        "Format._part",
        "version > newest",
        "version > newest + 1",
        "files/test_parts.py::test_what_a_newer_kitnet_wrote_is_refused_by_name",
    ),
    Mutant(
        "_order",
        "(-arrays[name].dtype.itemsize, name)",
        "name",
        "files/test_parts.py::test_arrays_begin_at_multiples_of_their_elements",
    ),
    Mutant(
        "_head",
        "hashlib.sha256(_text(header))",
        "hashlib.sha256()",
        "files/test_parts.py::test_some_flipped_bits_are_seen",
    ),
    Mutant(
        "_head",
        "-(8 + len(text))",
        "-len(text)",
        "files/test_parts.py::test_arrays_begin_at_multiples_of_their_elements",
    ),
    Mutant(
        "TensorFile.__init__",
        "entry.begin != end",
        "entry.begin < end",
        "files/test_parts.py::test_headers_that_cannot_be_true",
    ),
    Mutant(
        "writing",
        "sync_folder(path.parent)",
        "None",
        "files/test_write_whole.py::test_everything_is_on_disk_before_the_name_changes",
    ),
    Mutant(
        "Progress.from_json",
        "progress.step >= steps",
        "progress.step > steps",
        "train/test_resuming.py::test_progress_that_cannot_be",
    ),
    Mutant(
        "RunFolder.checkpoints",
        "-int(one[0][1])",
        "int(one[0][1])",
        "train/test_resuming.py::test_a_damaged_checkpoint_and_the_one_before_it",
    ),
    Mutant(
        "Model._golden_scores",
        "[self.formula_scores(one[None]) for one in x]",
        "[self.formula_scores(x)]",
        "train/test_model_file.py::test_saving_needs_no_more_memory_than_one_image",
    ),
    Mutant(
        "train.network_parts:network",
        "read != net",
        "len(read.graph.nodes) != len(net.graph.nodes)",
        "train/test_model_file.py::test_data_that_are_wrong",
    ),
    Mutant(
        "check_arrays",
        "array.shape != shape",
        "len(array.shape) != len(shape)",
        "train/test_resuming.py::test_arrays_of_another_shape_or_type_fill_nothing",
    ),
    Mutant(
        "Saves.save",
        "other not in (path, self.newest)",
        "other != path",
        "train/test_resuming.py::test_the_two_newest_checkpoints_stay",
    ),
    Mutant(
        "_merit",
        "-(row.val_loss or 0.0)",
        "(row.val_loss or 0.0)",
        "train/test_resuming.py::test_the_best_epoch_has_the_best_accuracy_then_the_lowest_loss",
    ),
    Mutant(
        "train.settings:_parse",
        "_TEXTS.sub(\"''\", text)",
        "text",
        "train/test_settings.py::test_dots_in_texts_are_no_names",
    ),
    Mutant(
        "FormulaStep._change",
        "goal.weight / n",
        "1 / n",
        "engine/test_graphs_compiled.py::test_both_engines_train_it_to_the_same_losses[images]",
    ),
    Mutant(
        "FormulaStep._change",
        "(self.gradient.flat, *(tape[goal.path] for goal in self._goals))",
        "(self.gradient.flat,)",
        "train/test_lost_loss.py::test_in_the_first_epoch[formula]",
    ),
    Mutant(
        "Saves.restore_best",
        "net.keep(best.state)",
        "None",
        "train/test_data_parts.py::test_batchnorms_are_judged_as_the_best_epoch_left_them",
    ),
    Mutant(
        "Saves.restore_best",
        "net.weights.flat[...] = best.weights.flat",
        "None",
        "train/test_resuming.py::test_a_run_means_its_best_model",
    ),
    Mutant(
        "Run.of",
        "replace(settings, validation=recipe.validation)",
        "settings",
        "train/test_data_parts.py::test_the_share_is_the_cards_and_stays_with_the_run",
    ),
    Mutant(
        "train.trainer:resume",
        "remove(folder.summary)",
        "None",
        "train/test_data_parts.py::test_a_summary_of_an_earlier_end_goes_when_the_run_goes_on",
    ),
    Mutant(
        "stretched",
        "before == after",
        "True",
        "train/test_resuming.py::test_a_schedule_that_is_stretched_is_told",
    ),
    Mutant(
        "with_goals",
        "node.layer.frozen()",
        "node.layer",
        "engine/test_frozen.py::test_a_frozen_norm_is_as_in_evaluation",
    ),
    Mutant(
        "engine.lower.norm:_not_where_it_learns",
        "b.wants(i)",
        "False",
        "engine/test_frozen.py::test_a_frozen_norm_is_as_in_evaluation",
    ),
    Mutant(
        "Loop._compile",
        "check_plan(run, plan)",
        "None",
        "train/test_foretold.py::test_where_no_batch_fits_nothing_of_the_run_stays",
    ),
]
