"""Bugs in pages that are exported. Those of their JavaScript are in interop/test_page_in_browser.py."""

from mutant import Mutant

PASS, PAGE, COMMAND, PREPARED = (
    "interop/test_forward_pass.py::",
    "interop/test_web_page.py::",
    "cli/test_export_command.py::",
    "data/test_preparation.py::",
)

PAGES = [
    Mutant(
        "_described",
        "np.moveaxis(layer.dense(w['weight'], shapes[0][-1]), -1, 0)",
        "layer.dense(w['weight'], shapes[0][-1])",
        PASS + "test_filters_stand_one_behind_the_other",
    ),
    Mutant(
        "_described",
        "layer.dense(w['weight'], shapes[0][-1])",
        "layer._linked(w['weight'], shapes[0][-1])",
        PASS + "test_a_table_has_zeros_and_flipped_filters_are_turned",
    ),
    Mutant("_described", "w['weight'].T", "w['weight']", PASS + "test_filters_stand_one_behind_the_other"),
    Mutant("_described", "node.owner", "node.path", PASS + "test_shared_weights"),
    Mutant("forward_pass", "places[i]", "i", PASS + "test_inputs_have_the_numbers_of_what_is_computed"),
    Mutant(
        "interop.forward_pass:_check",
        "len(shape) != 3",
        "len(shape) < 3",
        PASS + "test_other_ranks_are_refused",
    ),
    Mutant("_check_size", "total > MOST", "total >= MOST * 2", PASS + "test_too_many_weights_are_refused"),
    Mutant(
        "_constant",
        "escape(printable(title))",
        "printable(title)",
        PAGE + "test_names_are_texts",
    ),
    Mutant(
        "web_page",
        "json.dumps(description, separators=(',', ':')).replace('<', '\\\\u003c')",
        "json.dumps(description, separators=(',', ':'))",
        PAGE + "test_names_are_texts",
    ),
    Mutant(
        "_constant",
        "_hash(style)",
        "_hash(script)",
        PAGE + "test_only_its_own_script_and_style_run_and_nothing_is_fetched",
    ),
    Mutant(
        "web_page",
        "min(BUDGET, (BESIDE - taken) * 3 // 4)",
        "BUDGET",
        PAGE + "test_at_most_150_kilobytes_beside_the_weights",
    ),
    Mutant("Samples.within", "4 * classes", "0", PAGE + "test_large_samples_become_small_and_fewer"),
    Mutant("_smaller", "image.size <= LARGE", "True", PAGE + "test_large_samples_become_small_and_fewer"),
    Mutant(
        "samples_of",
        "Path(where).is_dir()",
        "Path(where).exists()",
        COMMAND + "test_a_model_file_with_its_own_images",
    ),
    Mutant("_title", "run.stem", "run.name", COMMAND + "test_a_model_file_with_its_own_images"),
    Mutant(
        "data.preparation:_resized",
        "(width, picture.height)",
        "(picture.width, height)",
        PREPARED + "test_rows_are_resized_before_columns",
    ),
]
