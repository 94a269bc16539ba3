"""Bugs in ONNX files that are written."""

from mutant import Mutant

LAYERS, MODELS, COMMAND = (
    "interop/onnx/test_onnx_of_layers.py::",
    "interop/onnx/test_onnx_of_models.py::",
    "cli/test_onnx_export_command.py::",
)

ONNX_FILES = [
    Mutant(
        "Building.weight",
        "known is None",
        "True",
        LAYERS + "test_shared_weights_of_other_orders_are_two_arrays",
    ),
    Mutant(
        "write_network",
        "node.owner",
        "node.path",
        LAYERS + "test_several_operands_and_outputs_and_shared_weights",
    ),
    Mutant(
        "_free", "name in net.graph", "False", LAYERS + "test_several_operands_and_outputs_and_shared_weights"
    ),
    Mutant(
        "framed",
        "max(-axes[i].before, 0)",
        "0",
        LAYERS + "test_a_network_gives_what_its_formulas_give[cropped and dilated]",
    ),
    Mutant(
        "interop.onnx.writing.windows:sums",
        "a.dilation == 1",
        "True",
        LAYERS + "test_a_network_gives_what_its_formulas_give[dilated pools]",
    ),
    Mutant(
        "rows",
        "to.turn(x, 0, *range(2, 1 + len(shape)), 1)",
        "x",
        LAYERS + "test_a_layer_gives_what_its_formula_gives[flatten0]",
    ),
    Mutant(
        "_shifted_right",
        "_double(to, 0.5)",
        "_double(to, 0)",
        MODELS + "test_the_preparation_is_the_same_to_the_bit",
    ),
    Mutant(
        "_bilinear",
        "to.op('Max', scale, _double(to, 1))",
        "scale",
        MODELS + "test_the_preparation_is_the_same_to_the_bit",
    ),
    Mutant(
        "_placed",
        "(new - both) // 2",
        "(new - both + 1) // 2",
        MODELS + "test_the_preparation_is_the_same_to_the_bit",
    ),
    Mutant("write_views", "[0.25, 0.25]", "[0.25, 0.5]", MODELS + "test_views_are_inside"),
    Mutant(
        "write_probabilities", "-loss.rubbish", "loss.rubbish", MODELS + "test_distances_and_a_rubbish_class"
    ),
    Mutant(
        "judged",
        "len(graph.leading_to(graph.main)) == len(graph.nodes)",
        "True",
        MODELS + "test_outputs_for_training_alone_are_left_out",
    ),
    Mutant(
        "_difference",
        "difference <= max(CLOSE * reached, TINY)",
        "difference <= 1e-3 * reached",
        MODELS + "test_a_difference_is_an_error",
    ),
    Mutant(
        "check_golden",
        "told[0]",
        "model.loss.probabilities(found)",
        MODELS + "test_probabilities_are_checked_too",
    ),
    Mutant(
        "returned",
        "thing if first == second else None",
        "thing",
        MODELS + "test_a_file_that_was_changed_is_not_returned",
    ),
    Mutant(
        "_places", "node.owner", "node.path", LAYERS + "test_shared_weights_of_other_orders_are_two_arrays"
    ),
    Mutant("golden", "model.examples is None", "False", MODELS + "test_what_is_refused"),
    Mutant("cli.export:_chosen", "name != form", "name == form", COMMAND + "test_what_is_refused"),
    Mutant(
        "cli.export:_write_onnx",
        "write_whole(path, file.content)",
        "None",
        COMMAND + "test_a_run_as_pictures_in_and_probabilities_out",
    ),
]
