"""Bugs in the laboratory, and such as the rows of the catalogue that it brought kill."""

from mutant import Mutant

ALGORITHMS, COMPARISON, INSTRUCTIONS, WORKED = (
    "lab/test_algorithms.py::",
    "lab/test_comparison.py::",
    "lab/test_instructions.py::",
    "lab/test_worked_numbers.py::",
)
COMMAND, CALCULUS = "cli/test_lab_command.py::", "net/test_calculus_and_updates.py::"
SUMS = ALGORITHMS + "test_every_algorithm_gives_the_sums"

LABORATORY = [
    # Algorithms
    Mutant("lab.loops:_y", "first + c", "c", SUMS + "[6x6x6 conv3-6 groups=6-2]"),
    Mutant(
        "lab.loops:_y",
        "a.start(o) + t * a.dilation",
        "a.start(o) + t",
        SUMS + "[8x9x3 conv3-2 dilation=2 full-2]",
    ),
    Mutant(
        "lab.loops:MOST_STEPS",
        "2_000_000",
        "4_000_000",
        ALGORITHMS + "test_why_an_algorithm_does_not_apply",
    ),
    Mutant(
        "lab.loops:_covering",
        "rest == 0 and 0 <= o < a.output",
        "0 <= o < a.output",
        SUMS + "[9x3 conv3-4/2 flip=yes-2]",
    ),
    Mutant("_reading", "0 <= p < axis.size", "p < axis.size", SUMS + "[9x8x4 conv3-5 same-3]"),
    Mutant("lab.loops:_unpooled", "winner == tuple(place)", "True", SUMS + "[7x5x2 maxpool regions=2x3-2]"),
    Mutant(
        "lab.loops:_share",
        "problem.layer.count_pad",
        "False",
        SUMS + "[7x5x2 meanpool2 pad=1 count_pad=yes floor-2]",
    ),
    Mutant(
        "lab.loops:_prepare",
        "problem.turned(flat)",
        "flat",
        SUMS + "[9x3 conv3-4/2 flip=yes-2]",
    ),
    Mutant(
        "lab.loops:_prepare",
        "np.linspace(0, size - 1, count)",
        "np.arange(count)",
        ALGORITHMS + "test_loops_compute_a_part_that_is_spread_over_the_result",
    ),
    Mutant(
        "Transforms.forward", "filters.conj()", "filters", ALGORITHMS + "test_loops_and_spectra_in_float64"
    ),
    Mutant(
        "Transforms.weights",
        "self.of_output(dy).conj()",
        "self.of_output(dy)",
        SUMS + "[9x3 conv3-4/2 flip=yes-2]",
    ),
    Mutant(
        "Transforms.of_output", "self._strides", "(1,) * len(self.axes)", SUMS + "[9x3 conv3-4/2 flip=yes-2]"
    ),
    Mutant("lab.spectra:ring", "_smooth", "(lambda n: n - 1)", SUMS + "[9x3 conv3-4/2 flip=yes-2]"),
    Mutant(
        "layers.equivalent_matrix:entries",
        "place[:, None] * x[-1]",
        "place[:, None]",
        ALGORITHMS + "test_the_sparse_matrix_has_every_filter_at_every_position",
    ),
    Mutant(
        "layers.equivalent_matrix:entries",
        "a.window - 1 - t if layer.flip else t",
        "t",
        SUMS + "[9x3 conv3-4/2 flip=yes-2]",
    ),
    Mutant(
        "matrix_of_windows", "1 + len(axes)", "len(axes)", ALGORITHMS + "test_a_row_of_im2col_is_a_window"
    ),
    Mutant(
        "by_taps",
        "dy @ w[tap].T",
        "dy @ w[tap[::-1]].T",
        ALGORITHMS + "test_what_is_expected_is_scipys",
    ),
    Mutant(
        "lab.generated:planned",
        "choice.one.id != one.id",
        "False",
        ALGORITHMS
        + "test_why_an_algorithm_does_not_apply[8x8x2 conv3-2-data-conv.direct.channels-only for scores]",
    ),
    Mutant(
        "lab.generated:planned",
        "(one.id, which) in LEFT",
        "False",
        ALGORITHMS + "test_the_kernels_of_every_implementation",
    ),
    Mutant(
        "plan_of_pass",
        "frozenset({force.id})",
        "frozenset()",
        ALGORITHMS + "test_the_kernels_of_every_implementation",
    ),
    Mutant(
        "lab.matrix:MOST_BYTES", "256 << 20", "256 << 24", ALGORITHMS + "test_why_an_algorithm_does_not_apply"
    ),
    # Measuring
    Mutant(
        "_measured",
        "names[begin:] + names[:begin]",
        "names",
        COMPARISON + "test_algorithms_take_turns_and_the_median_counts",
    ),
    Mutant(
        "_measured",
        "statistics.median",
        "statistics.mean",
        COMPARISON + "test_algorithms_take_turns_and_the_median_counts",
    ),
    Mutant(
        "_measured", "max(1, math.ceil(LEAST / times[0]))", "1", COMPARISON + "test_short_runs_are_repeated"
    ),
    Mutant(
        "_first_run",
        "max(peak - result.nbytes, 0)",
        "0",
        COMPARISON + "test_memory_beyond_operands_and_result",
    ),
    Mutant(
        "lab.comparison:_error",
        "np.abs(result - wanted).max()",
        "np.abs(result - wanted).min()",
        COMPARISON + "test_the_error_is_the_largest_of_what_was_computed",
    ),
    Mutant("Comparison.winner", "row.seconds", "-row.seconds", COMPARISON + "test_the_numbers_of_a_row"),
    Mutant(
        "lab.comparison:_compared",
        "times[one.name] / share",
        "times[one.name] * share",
        COMMAND + "test_a_scaled_time_is_that_of_the_whole",
    ),
    Mutant("multiplications", "(size + 2) ** 2", "(size + 1) ** 2", COMPARISON + "test_counts_by_hand"),
    Mutant(
        "multiplications",
        "4 * samples * channels * filters * frequencies",
        "4 * samples * channels * filters * frequencies**2",
        COMPARISON + "test_when_fourier_transforms_pay",
    ),
    Mutant(
        "_refuse_large",
        "each * batch > most",
        "each > most",
        COMPARISON + "test_batches_that_are_refused",
    ),
    # Instructions
    Mutant(
        "lab.instructions:_innermost",
        "inside or [loop]",
        "[loop]",
        INSTRUCTIONS + "test_innermost_loops_hold_no_loop",
    ),
    Mutant(
        "lab.instructions:_blocks",
        "not WITHOUT_WAY_ON.match(block[-1])",
        "True",
        INSTRUCTIONS + "test_nothing_goes_on_behind_a_jump_on_every_condition",
    ),
    Mutant(
        "lab.instructions:_innermost",
        "(ways[i] & loop) - entered",
        "ways[i] & loop",
        INSTRUCTIONS + "test_a_loop_whose_end_stands_before_its_beginning",
    ),
    Mutant(
        "lab.instructions:fused",
        "FUSED.match(line)",
        "'mul' in line",
        INSTRUCTIONS + "test_fused_multiply_adds",
    ),
    Mutant(
        "lab.instructions:instructions",
        "label in labelled",
        "True",
        INSTRUCTIONS + "test_the_kernel_of_a_pass",
    ),
    # Worked examples
    Mutant("sliding_dot_product", "[1, 0, -1]", "[1, 0, 1]", WORKED + "test_1"),
    Mutant("Sliding.__init__", "flip=flip", "flip=False", WORKED + "test_13"),
    Mutant("two_dimensions", "((1, 1), (1, 1))", "((0, 2), (0, 2))", WORKED + "test_14"),
    Mutant("five_by_five", "Sliding(x, k, flip=True)", "Sliding(x, k)", WORKED + "test_15"),
    Mutant("strides", "stride=stride", "stride=1", WORKED + "test_17"),
    Mutant("numpy_indexing", "x[4:9, 6:11, :]", "x[4:9, 5:10, :]", WORKED + "test_25"),
    Mutant("dilations", "dilation=dilation", "dilation=1", WORKED + "test_30"),
    Mutant("stacked_filters", "number // 64", "number // 32", WORKED + "test_31"),
    Mutant("image_filters", "pad='same'", "pad=((2, 0), (1, 1))", WORKED + "test_32"),
    Mutant("shaded", "picture - low", "high - picture", WORKED + "test_shades"),
    Mutant("six_loops", "w.astype(float)", "-w.astype(float)", WORKED + "test_34"),
    Mutant("lab.worked_convolution:_memory", "stride=4", "stride=1", WORKED + "test_35_and_36"),
    Mutant("lab.worked_convolution:spectra", "len(f) + len(g) - 1", "len(f) + 1", WORKED + "test_37"),
    Mutant("lab.worked_networks:back_propagation", "np.ones(1)", "np.full(1, 2.0)", WORKED + "test_48"),
    Mutant("mean_pool_back", "delta[None, ..., None]", "2 * delta[None, ..., None]", WORKED + "test_51"),
    Mutant(
        "lab.worked_networks:_forward", "w[:, j]", "w[:, 0]", WORKED + "test_every_printed_sum_adds_up[48]"
    ),
    Mutant("Board.add", "WIDTH", "WIDTH + 20", WORKED + "test_examples_fit_a_narrow_terminal_and_json"),
    # The command and its chart
    Mutant("cli.lab:_say_comparison", "found.batch < found.lanes", "False", COMMAND + "test_for_people"),
    Mutant("check_chart", "place.is_dir()", "False", COMMAND + "test_charts_that_cannot_be_saved"),
    Mutant("lab.chart:_draw", "1000 * row.seconds", "row.seconds", "lab/test_chart.py::test_its_texts"),
    # Rows of the catalogue
    Mutant(
        "layers.linear:Linear.backward",
        "rows.T @ dy",
        "(rows.T @ dy) / len(dy)",
        CALCULUS + "test_the_differential_is_the_trace_of_the_gradient_and_the_step",
    ),
    Mutant("layers.convolution:turn", "half_turn(w)", "w", CALCULUS + "test_the_layout_of_a_jacobian"),
    Mutant(
        "Subsampling.backward",
        "w['coefficient'] * dy",
        "dy",
        CALCULUS + "test_from_s4_to_c3_through_the_pool",
    ),
    Mutant(
        "Subsampling.backward", "dy * sums(x, axes)", "dy", CALCULUS + "test_the_gradients_of_c_and_s_layers"
    ),
    Mutant(
        "Convolution._linked",
        "w[..., maps, filters] = weight",
        "w[..., filters % depth, filters] = weight",
        CALCULUS + "test_from_c3_to_s2_by_full_convolutions",
    ),
    Mutant(
        "Sgd.update",
        "w - scalars['rate'] * v",
        "w - scalars['rate'] * v * v",
        CALCULUS + "test_gradient_descent_takes_its_rate_of_the_gradient",
    ),
    Mutant(
        "net.ledger:_row",
        "parameters * memory.each * optimiser_arrays",
        "parameters * memory.each",
        CALCULUS + "test_a_parameter_takes_three_numbers_or_more_in_training",
    ),
    Mutant(
        "layers.linear:Linear.backward",
        "rows.T @ dy",
        "(rows.T @ dy) / 2",
        CALCULUS + "test_a_fully_connected_layer_is_a_product_of_matrices",
    ),
    Mutant(
        "base.shape:Sliding.positions",
        "self.size + before + after - self.extent",
        "self.size + before + after - self.extent + 1",
        CALCULUS + "test_how_many_numbers_400_small_features_make",
    ),
]
