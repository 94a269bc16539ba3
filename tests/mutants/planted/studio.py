"""Bugs in changes of a run that goes on, and in the studio."""

from mutant import Mutant

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
]
