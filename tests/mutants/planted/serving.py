"""Bugs in the server."""

from mutant import Mutant

BATCHER, APP, FORMS = "serve/test_batcher.py::", "serve/test_serve_app.py::", "serve/test_forms.py::"

SERVING = [
    Mutant(
        "Batcher._next",
        "self.waiting < self._batch",
        "True",
        BATCHER + "test_a_full_batch_and_the_deadline_do_not_wait",
    ),
    Mutant(
        "Batcher._next",
        "self._expected",
        "0",
        BATCHER + "test_those_that_are_on_their_way_are_waited_for",
    ),
    Mutant(
        "Batcher._taken",
        "images + len(self._queue[0].images) <= self._batch",
        "images <= self._batch",
        BATCHER + "test_a_batch_has_no_more_than_it_may",
    ),
    Mutant(
        "Batcher._taken",
        "self.waiting -= len(one.images)",
        "pass",
        BATCHER + "test_an_error_is_that_of_its_batch_and_who_goes_is_left_out",
    ),
    Mutant(
        "Batcher.check",
        "self.waiting + images > self._most",
        "self.waiting > self._most",
        BATCHER + "test_more_than_may_wait_are_refused_and_later_ones_are_not",
    ),
    Mutant(
        "serve.plans:parts", "2 * images <= size", "False", BATCHER + "test_plans_are_more_than_half_full"
    ),
    Mutant(
        "Reader._placed",
        "placed.shape[-1] != depth",
        "False",
        FORMS + "test_colour_and_grey_pictures_share_a_request",
    ),
    Mutant(
        "read_npy",
        "len(content) - end != size",
        "len(content) - end > size",
        FORMS + "test_lines_of_what_is_refused",
    ),
    Mutant(
        "read_npy",
        "'F' if head.by_columns else 'C'",
        "'C'",
        FORMS + "test_arrays_in_numpys_format",
    ),
    Mutant(
        "files_of",
        "not last.startswith(b'--')",
        "False",
        FORMS + "test_lines_of_what_is_refused",
    ),
    Mutant(
        "App._check_origin",
        "hosts[0] not in self._hosts",
        "False",
        APP + "test_another_host_is_not_served",
    ),
    Mutant("App", "self._held -= size", "pass", APP + "test_bodies_that_do_not_come"),
    Mutant("Metrics.text", "self._rows.sum(0)", "self._row", APP + "test_metrics_of_all_workers_are_added"),
]
