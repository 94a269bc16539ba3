"""Bugs in how a run is told to train."""

from mutant import Mutant

_RECIPES = "train/test_recipes.py::"

RECIPES = [
    Mutant(
        "diverged",
        "best.epoch < first.epoch",
        "best.epoch > first.epoch",
        "train/test_trouble.py::test_a_run_that_diverges_after_its_best_epoch",
    ),
    Mutant(
        "Saves.kept",
        "best.val_accuracy is not None",
        "False",
        "train/test_lost_loss.py::test_in_a_later_epoch",
    ),
    Mutant(
        "_in_steps",
        "round(value * steps)",
        "round(value)",
        "optim/test_rule_words.py::test_schedules_count_in_epochs",
    ),
    Mutant(
        "Course.schedule",
        "steps * epochs",
        "steps",
        _RECIPES + "test_a_card_gives_rule_and_schedule",
    ),
    Mutant(
        "train.recipe:_rule",
        "names == numbers_of(own)",
        "names",
        _RECIPES + "test_the_numbers_of_a_card_are_for_rules_with_the_same_numbers",
    ),
    Mutant(
        "complete",
        "settings.schedule or recipe.schedule",
        "recipe.schedule",
        _RECIPES + "test_settings_go_before_the_card",
    ),
    Mutant(
        "Clipped._clipped",
        "np.maximum(scalars['norm'], scalars['clip'])",
        "scalars['norm']",
        "optim/test_wrapped.py::test_a_long_gradient_is_shortened_as_a_whole",
    ),
    Mutant(
        "Averaged.scalars",
        "step / (step + 1)",
        "1.0",
        "optim/test_wrapped.py::test_the_average_is_the_mean_at_first_and_then_forgets",
    ),
    Mutant(
        "kernels.update:squares",
        "k.fma(here, here, plain.get())",
        "k.fma(here, 1.0, plain.get())",
        "optim/test_wrapped.py::test_compiled_training_follows_the_formulas[sgd]",
    ),
    Mutant(
        "FormulaStep._change",
        "norm(dw)",
        "0.0",
        "optim/test_wrapped.py::test_a_gradient_that_is_too_long_for_a_number_changes_nothing[False]",
    ),
    Mutant(
        "optim.rule:norm",
        "np.square(dw / largest)",
        "np.square(dw)",
        "optim/test_wrapped.py::test_a_gradient_whose_squares_are_too_large_is_shortened[False]",
    ),
    Mutant(
        "kernels.update:length",
        "plain <= LARGEST",
        "plain <= plain",
        "optim/test_wrapped.py::test_a_gradient_whose_squares_are_too_large_is_shortened[True]",
    ),
    Mutant(
        "Builder.weight_gradient",
        "not self.learns(i)",
        "False",
        "engine/test_frozen.py::test_each_kind_of_layer_stays_and_the_others_learn_as_before[batchnorm1]",
    ),
    Mutant(
        "Builder.learns",
        "self.node(i).owner not in self.request.frozen",
        "True",
        "engine/test_frozen.py::test_the_way_back_ends_where_nothing_learns",
    ),
    Mutant(
        "Weights.decayed",
        "(param.decay or path in also) and node not in frozen",
        "param.decay or path in also",
        "engine/test_frozen.py::test_no_rule_moves_them[sgd]",
    ),
    Mutant(
        "Weights.below",
        "node == path or node.startswith(f'{path}.')",
        "node == path",
        "engine/test_frozen.py::test_a_path_means_all_below_it[True]",
    ),
    Mutant(
        "Loop.judged",
        "weights.flat[...] = kept",
        "None",
        "train/test_training_options.py::test_averaged_weights_are_judged_and_saved",
    ),
    Mutant(
        "since_best",
        "merits.index(max(merits))",
        "(len(merits) - 1)",
        "train/test_training_options.py::test_patience_ends_a_run_that_gets_no_better",
    ),
    Mutant(
        "Source.digest",
        "digest.update(np.ascontiguousarray(image).data)",
        "None",
        "train/test_training_options.py::test_data_that_have_changed_are_noticed",
    ),
    Mutant(
        "RunFolder.remove_leftovers",
        "remove(path)",
        "None",
        "train/test_kills.py::test_a_kill_while_it_is_resumed",
    ),
    Mutant(
        "Loop._epoch",
        "time.monotonic() - self._saved > run.settings.seconds_between_saves",
        "False",
        "train/test_training_options.py::"
        "test_a_run_that_is_killed_within_an_epoch_loses_no_more_than_since_the_last_save[formula]",
    ),
    Mutant(
        "Loop._save_start",
        "self.saves.clear()",
        "None",
        "train/test_failing_saves.py::test_a_start_that_cannot_be_saved_leaves_nothing",
    ),
    Mutant(
        "Saves.save",
        "save_checkpoint(path, training, progress)",
        "path.write_bytes(b'')",
        "train/test_failing_saves.py::test_a_call_that_fails[mkstemp-4]",
    ),
    Mutant(
        "Interruption.hear",
        "asked or not self.patient",
        "asked",
        "cli/test_signals.py::test_before_the_first_step_it_ends_at_once[15]",
    ),
    Mutant(
        "interruptible",
        "number is not None and signal.getsignal(number) is not signal.SIG_IGN",
        "number is not None",
        "cli/test_signals.py::test_what_the_process_shall_ignore_is_ignored_and_all_is_as_before_afterwards",
    ),
    Mutant(
        "kernels.jit:load",
        "pool.shutdown(wait=False, cancel_futures=True)",
        "pool.shutdown(cancel_futures=True)",
        "cli/test_signals.py::test_nobody_waits_for_kernels_that_are_being_compiled",
    ),
    Mutant(
        "train.trouble:trouble",
        "row.train_loss > GROWN * progress.first_loss > 0",
        "False",
        "train/test_trouble.py::test_a_loss_that_grows",
    ),
    Mutant(
        "train.trouble:trouble",
        "share + SIGMAS * math.sqrt(share * (1 - share) / n)",
        "0",
        "train/test_trouble.py::test_a_network_that_guesses",
    ),
    Mutant(
        "train.trouble:trouble",
        "judged.append((row.val_accuracy, len(validation)))",
        "None",
        "train/test_trouble.py::test_a_network_that_knows_the_validation_images_does_not_guess",
    ),
    Mutant(
        "train.foretold:_check",
        "free is not None and need > free * SHARE // 100",
        "free is not None and need > 1000 * free",
        "train/test_foretold.py::test_where_no_batch_fits_nothing_of_the_run_stays",
    ),
    Mutant(
        "Loop._foretell",
        "each * steps",
        "seconds",
        "train/test_foretold.py::test_the_time_of_an_epoch_is_told_once_within_the_first",
    ),
]
