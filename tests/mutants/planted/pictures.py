"""Bugs in what a run writes of itself, and in pictures of it."""

from mutant import Mutant

PICTURES = [
    Mutant(
        "_leave_pictures",
        "judgement=finished.judgement",
        "judgement=None",
        "cli/test_report_command.py::test_training_leaves_pictures",
    ),
    Mutant(
        "train.judgement:judge",
        "probabilities.max(1)",
        "probabilities.min(1)",
        "look/test_judgement.py::test_a_judgement_is_what_evaluate_finds",
    ),
    Mutant(
        "masked",
        "crc >> 15",
        "crc >> 17",
        "files/test_event_file.py::test_the_first_record_begins_as_in_every_event_file",
    ),
    Mutant("_number", "value > 0x7F", "value > 0xFF", "files/test_event_file.py::test_seven_bits_a_byte"),
    Mutant(
        "lines_until",
        "json.loads(line)['step'] <= step",
        "True",
        "train/test_records.py::test_a_run_that_goes_on_has_each_line_once",
    ),
    Mutant(
        "Loop._stepped",
        "progress.step - 1",
        "progress.step",
        "train/test_records.py::test_a_line_an_interval_and_an_epoch",
    ),
    Mutant(
        "Loop._recent",
        "samples = score.samples - told.samples",
        "samples = score.samples",
        "train/test_records.py::test_a_line_an_interval_and_an_epoch",
    ),
    Mutant(
        "recorded",
        "events.close()",
        "None",
        "train/test_records.py::test_a_full_disk_is_an_error",
    ),
    Mutant(
        "followed",
        "path.parent / path.readlink()",
        "path",
        "train/test_records.py::test_the_link_is_followed_once",
    ),
    Mutant(
        "point_back",
        "link.readlink() == Path(folder.name)",
        "True",
        "train/test_records.py::test_a_run_that_comes_to_nothing_is_not_the_last",
    ),
    Mutant(
        "point_to",
        "before is None and link.exists()",
        "False",
        "train/test_records.py::test_a_file_of_that_name_stays",
    ),
    Mutant(
        "matrix",
        "labels * classes + predicted",
        "predicted * classes + labels",
        "look/test_confusion.py::test_the_matrix",
    ),
    Mutant(
        "ClassScore.precision",
        "self.right / self.predicted",
        "self.right / max(1, self.support)",
        "look/test_confusion.py::test_precision_recall_and_support",
    ),
    Mutant(
        "worst",
        "-judgement.losses[wrong]",
        "-judgement.confidence[wrong]",
        "look/test_judgement.py::test_the_worst_mistakes",
    ),
    Mutant(
        "Axis.place",
        "(value - self.first) / (self.last - self.first)",
        "value / self.last",
        "look/test_curves.py::test_axes_hold_their_values",
    ),
    Mutant(
        "_pictures",
        "filters.transpose(0, 3, 1, 2)",
        "filters",
        "look/test_filters.py::test_colours_and_other_depths",
    ),
    Mutant(
        "grid", "i // columns", "i % columns", "look/test_filters.py::test_a_grid_holds_each_picture_once"
    ),
    Mutant(
        "base.html:text",
        "escape(printable(str(content).encode(errors='backslashreplace').decode()))",
        "printable(str(content))",
        "look/test_report.py::test_names_of_strangers_are_texts",
    ),
    Mutant(
        "shaded",
        "max(1, sum(row))",
        "max(1, int(counts.sum()))",
        "look/test_report.py::test_the_matrix_of_counts",
    ),
    Mutant(
        "draw_confusion",
        "counts.sum(1, keepdims=True)",
        "counts.sum(0, keepdims=True)",
        "look/test_pictures.py::test_figures_hold_the_numbers",
    ),
    Mutant(
        "Live.step",
        "event.done - event.step",
        "event.done",
        "cli/test_live_table.py::test_bars_move_and_say_what_is_left",
    ),
    Mutant(
        "_told",
        "FIXED",
        "0",
        "cli/test_live_table.py::test_numbers_beside_a_bar_have_room",
    ),
    Mutant(
        "writing",
        "path.exists() and not path.is_file() and not path.is_dir()",
        "False",
        "files/test_write_whole.py::test_a_pipe_stays_and_is_written_into",
    ),
    Mutant(
        "axis",
        "last - first <= CLOSE * size + CLOSE**9",
        "first == last",
        "look/test_curves.py::test_axes_hold_their_values",
    ),
]
