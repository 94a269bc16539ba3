"""Bugs in changes of a run that goes on, and in the studio."""

from mutant import Mutant

CONVOLUTION, ATTRIBUTING = "studio/test_room_of_convolution.py::", "studio/test_attributing.py::"

STUDIO = [
    Mutant(
        "Changes.numbers",
        "one[:2] <= (epoch, step)",
        "one[:2] < (epoch, step)",
        "train/test_changes.py::test_a_resumed_run_repeats_its_changes_bit_by_bit",
    ),
    Mutant(
        "Changes._batches",
        "one.epoch + (one.step > 0)",
        "one.epoch",
        "train/test_changes.py::test_accumulated_updates_are_counted",
    ),
    Mutant(
        "Run.follow",
        "epoch * self.updates - changes.updates_before(epoch)",
        "0",
        "train/test_changes.py::test_the_schedule_is_where_the_epochs_are",
    ),
    Mutant(
        "Loop._update",
        "run.changes.updates_before(self.progress.epoch)",
        "self.progress.epoch * run.updates",
        "train/test_changes.py::test_adam_counts_the_updates_that_were_made",
    ),
    Mutant(
        "Changes.at",
        "one[:2] <= (epoch, step)",
        "True",
        "train/test_changes.py::test_a_live_change_takes_the_place_of_later_ones",
    ),
    Mutant(
        "Guard._refusal",
        "origins or asks",
        "origins",
        "studio/test_safety.py::test_what_is_asked_for_has_an_origin",
    ),
    Mutant(
        "limited",
        "seen > most",
        "False",
        "studio/test_safety.py::test_an_oversized_body",
    ),
    Mutant(
        "Guard._is_token",
        "hmac.compare_digest(given.encode(), self.token.encode())",
        "self.token.startswith(given)",
        "studio/test_safety.py::test_no_token",
    ),
    Mutant(
        "studio.curve:_merged",
        "(m * x + n * y) / (m + n)",
        "(x + y) / 2",
        "studio/test_training.py::test_a_curve_is_bounded_and_keeps_its_means",
    ),
    Mutant(
        "Values.__call__",
        "np.array([label])",
        "np.array([0])",
        "studio/test_training.py::test_what_is_seen_is_what_trains[compiled]",
    ),
    Mutant(
        "Wishes.wish",
        "STOP if self._leaves else wish",
        "wish",
        "studio/test_training.py::test_after_a_stop_nothing_begins",
    ),
    # The rooms of convolution, of filters and attribution
    Mutant(
        "studio.asking.convolution:_sum",
        "(p - a.start(o)) // a.dilation",
        "p - a.start(o)",
        CONVOLUTION + "test_every_number_is_that_of_the_function",
    ),
    Mutant(
        "studio.asking.convolution:_described",
        "layer.dense(w, x.shape[-1])",
        "w",
        CONVOLUTION + "test_what_is_drawn_and_the_rule",
    ),
    Mutant(
        "studio.asking.convolution:_inside",
        "max(a.before, 0)",
        "max(a.after, 0)",
        CONVOLUTION + "test_every_number_is_that_of_the_function",
    ),
    Mutant(
        "photograph",
        "flip=told['flip']",
        "flip=False",
        CONVOLUTION + "test_a_photograph",
    ),
    Mutant(
        "Copied.take",
        "probe.net.weights.flat[...] = taken.weights",
        "probe.net.weights.flat",
        ATTRIBUTING + "test_it_is_the_network_of_now",
    ),
    Mutant(
        "StoppableProbe.batch",
        "self._stop.is_set()",
        "False",
        ATTRIBUTING + "test_who_waits_no_longer_stops_the_work",
    ),
    Mutant(
        "check_asked",
        "value is not None and name not in takes",
        "False",
        ATTRIBUTING + "test_what_is_refused",
    ),
    Mutant(
        "Term.wire",
        "error.column is None",
        "True",
        "net/test_language.py::test_sizes_that_do_not_fit_have_a_place_in_the_line",
    ),
    Mutant(
        "reopen",
        "saves.restore_best(run.model.net)",
        "None",
        "studio/test_runs.py::test_a_run_that_has_ended_is_shown",
    ),
    Mutant(
        "Background.ask",
        "del self._jobs[key]",
        "pass",
        "studio/test_runs.py::test_long_answers_are_worked_out_once_and_mistakes_are_tried_again",
    ),
    Mutant(
        "studio.records:find",
        "folders(runs).get(name)",
        "runs / name if (runs / name).is_dir() else None",
        "studio/test_runs.py::test_lines_of_runs_that_are_refused",
    ),
    Mutant(
        "studio.records:_row",
        "is_locked(path)",
        "False",
        "studio/test_runs.py::test_a_run_that_others_train_is_told",
    ),
    Mutant(
        "Record.best",
        "max(known)",
        "known[-1]",
        "look/test_record.py::test_the_best_accuracy",
    ),
    Mutant(
        "contact_sheets",
        "(Augmentation(), augmentation)",
        "(augmentation, augmentation)",
        "studio/test_runs.py::test_data_are_told_as_kitnet_data_tells_them",
    ),
]
