"""Bugs in bf16: its formula, what is rounded where, the matrix unit and its kernels, and plans on tiles."""

from mutant import Mutant

FORMULA, NET = "base/test_precision.py", "net/test_precise.py"
TILES, PLANS = "kernels/test_tiles.py", "engine/test_precision_of_plans.py"
CONVOLUTION = f"{TILES}::test_a_convolution_is_that_of_the_formula"

PRECISION = [
    Mutant("rounded", "(bits >> 16) & 1", "0", f"{FORMULA}::test_ends_of_the_numbers"),
    Mutant("rounded", "bits | 0x00400000", "bits", f"{FORMULA}::test_ends_of_the_numbers"),
    Mutant("base.precision:split", "rest - found[-1]", "rest", f"{FORMULA}::test_parts_of_a_split"),
    Mutant(
        "base.precision:product",
        "columns[j]",
        "columns[0]",
        f"{FORMULA}::test_errors_are_those_of_the_parts",
    ),
    Mutant("tile_product", "_added(even, odd)", "even", f"{FORMULA}::test_the_sums_of_a_matrix_unit"),
    Mutant(
        "tile_product",
        "_without_denormals(c)",
        "c",
        f"{FORMULA}::test_denormals_are_zero_for_a_matrix_unit",
    ),
    Mutant("_to_float32", "_FLUSHED", "0", f"{FORMULA}::test_denormals_are_zero_for_a_matrix_unit"),
    Mutant(
        "net.precise:read",
        "not layer.exact",
        "True",
        f"{NET}::test_losses_and_probabilities_read_exactly",
    ),
    Mutant(
        "net.precise:forward", "{**filters[i], **added}", "filters[i]", f"{NET}::test_convolutions_of_parts"
    ),
    Mutant("net.precise:backward", "i == 0", "True", f"{NET}::test_a_network_is_as_exact_as_its_parts"),
    Mutant(
        "net.precise:backward", "values[i]", "values[0]", f"{NET}::test_a_network_is_as_exact_as_its_parts"
    ),
    Mutant(
        "why_no_tiles",
        "(ask or _permission)() or None",
        "None",
        "kernels/test_amx.py::test_the_system_is_asked_where_the_processor_has_them",
    ),
    Mutant(
        "Emulated.multiply",
        "partial[1].get()",
        "partial[0].get()",
        f"{TILES}::test_a_product_of_what_is_not_finite_or_tiny",
    ),
    Mutant(
        "Emulated._number",
        "self._without_denormals(bits & 0xFFFF0000)",
        "(bits & 0xFFFF0000)",
        f"{TILES}::test_products_whose_sums_would_be_denormals",
    ),
    Mutant("Unit.split", "0xFFFF0000", "0xFFFE0000", f"{TILES}::test_numbers_are_split_as_by_the_formula"),
    Mutant("pairs_of", "r - b - size", "0 * size", CONVOLUTION),
    Mutant("Pairs.at", "images // SIDE", "1", CONVOLUTION),
    Mutant("_Convolution._sum", "self.stride[0]", "1", CONVOLUTION),
    Mutant("_Convolution._sum", "j * between", "j * TILE", CONVOLUTION),
    Mutant(
        "_Convolution._put_pairs",
        "channel % DEEP + count + count % 2",
        "channel % DEEP + count",
        f"{TILES}::test_the_next_layer_reads_what_the_epilogue_rounded",
    ),
    Mutant(
        "_turned",
        "channel * filters + filter",
        "channel * depth + filter",
        f"{TILES}::test_filters_of_the_way_back",
    ),
    Mutant(
        "engine.lower.tiles:_read_next",
        "all(other == first for other in others)",
        "True",
        f"{PLANS}::test_a_value_is_turned_into_pairs_once_for_each_rim",
    ),
    Mutant(
        "engine.lower.tiles:_forward",
        "'factor' in made",
        "False",
        f"{PLANS}::test_scores_are_those_of_the_formulas",
    ),
    Mutant(
        "choose",
        "precision.parts",
        "()",
        f"{PLANS}::test_images_lie_in_the_lanes_of_a_small_batch",
        1,
    ),
]
