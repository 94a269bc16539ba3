"""Bugs in reading ONNX files."""

from mutant import Mutant

READING, IMPORT = "interop/onnx/test_onnx_reading.py::", "cli/test_import_command.py::"

ONNX_READING = [
    Mutant(
        "Value.rows",
        "np.argsort(self.order)",
        "self.order",
        READING + "test_a_value_may_be_cut_and_turned_without_a_copy",
    ),
    Mutant(
        "Value.grouped",
        "((*place, 1), n // missing)",
        "((*place, 0), n // missing)",
        READING + "test_a_value_may_be_cut_and_turned_without_a_copy",
    ),
    Mutant(
        "interop.onnx.reading.operators.products:_times",
        "w[x.rows()]",
        "w",
        READING + "test_a_matrix_behind_flatten_gets_its_rows_in_the_order_of_the_image",
    ),
    Mutant(
        "Building._permuted",
        "Shuffle(sizes[-2])",
        "Shuffle(sizes[-1])",
        READING + "test_a_shuffle_of_maps_is_one_layer",
    ),
    Mutant(
        "interop.onnx.reading.operators.versions:_broadcast",
        "(1,) * more",
        "(1,) * (more - 1)",
        READING + "test_addition_of_version_6_says_where_axes_meet",
    ),
    Mutant(
        "interop.onnx.reading.operators.versions:_softmax",
        "call.whole('axis', 1)",
        "call.whole('axis', 2)",
        READING + "test_softmax_before_version_13_is_over_all_axes_behind_one",
    ),
    Mutant(
        "_contained",
        "'..' not in relative.parts",
        "True",
        READING + "test_external_data_do_not_lie_outside",
    ),
    Mutant("_contained", "stat.S_ISLNK(mode)", "False", READING + "test_external_data_are_no_links"),
    Mutant(
        "_check_sizes",
        "size > MOST_NUMBERS",
        "False",
        READING + "test_what_is_refused_is_said_in_one_line",
    ),
    Mutant(
        "interop.onnx.backend:_same",
        "a.tobytes() == b.tobytes()",
        "True",
        READING + "test_another_number_of_samples_and_other_weights_make_a_new_reading",
    ),
    Mutant(
        "prepared_onnx",
        "not found.is_fitted",
        "False",
        READING + "test_a_file_stands_where_a_model_file_does",
    ),
]
