"""One-line bugs: the file, the line's fragment as it is, the fragment with the bug, and the test that must
fail. A bug that survives is a test that is missing."""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    """`right` occurs once in kitnet/`file`; with `wrong` in its place, tests/`test` fails."""

    file: str
    right: str
    wrong: str
    test: str


SHAPE, SPEC, RANDOM, ERROR = "base/shape.py", "base/spec.py", "base/random.py", "base/error.py"
CONV, WINDOW, TABLE = "layers/convolution.py", "layers/window.py", "layers/connection_table.py"
MAX, MEAN, SUB = "layers/max_pool.py", "layers/mean_pool.py", "layers/subsampling.py"
POOLING = "layers/pooling.py"
SOFTMAX, CROSS, BINARY = (
    "layers/softmax.py",
    "layers/softmax_cross_entropy.py",
    "layers/sigmoid_cross_entropy.py",
)
NORM, DROP = "layers/batch_norm.py", "layers/dropout.py"
K_POOL, T_K_POOL = "kernels/pool.py", "kernels/test_pool.py::"
K_NORM, L_NORM = "kernels/norm.py", "engine/lower/norm.py"
RADIAL, JOIN, VALUE = "layers/radial_basis.py", "layers/join.py", "layers/value.py"
TAPE, LANGUAGE, BLOCK, GRAPH = "net/reference.py", "net/language.py", "net/block.py", "net/graph.py"
LEDGER, WEIGHTS, NET, OBJECTIVE = "net/ledger.py", "net/weights.py", "net/network.py", "net/objective.py"

T_SHAPE, T_STREAM, T_INIT = "base/test_shape.py::", "base/test_streams.py::", "base/test_initialisers.py::"
T_CONV, T_POOL, T_LOSS = (
    f"layers/test_{name}.py::" for name in ("convolution_formulas", "pooling", "activations_and_losses")
)
T_TABLE, T_WORKED, T_ALL = (
    f"layers/test_{name}.py::" for name in ("connection_tables", "worked_examples", "conformance")
)
CACHE = "kernels/cache.py"
T_TERMS = "testing/test_terms.py::"
T_KINDS = "testing/test_kinds_of_layers.py::"
T_GIVEN, T_CACHE = "net/test_given_in_python.py::", "kernels/test_cache_size.py::"
T_BORDER = "layers/test_pooling_borders.py::"
T_NORM, T_K_NORM = "layers/test_norm_and_dropout.py::", "kernels/test_norm.py::"
T_PLAN = "engine/test_plan.py::"
T_TAPE, T_LANGUAGE, T_BLOCK, T_LEDGER, T_WEIGHTS, T_OBJECTIVE = (
    f"net/test_{name}.py::" for name in ("tape", "language", "blocks", "ledger", "weights", "objective")
)
CHANNELS = "kernels/channels/"
UNPACKED, T_UNPACKED = CHANNELS + "in_place.py", "kernels/test_channels_in_place.py::"
TILES, K_DROP, K_LINEAR = "kernels/winograd_tiles.py", "kernels/dropout.py", "kernels/linear.py"
PLAN, REWRITE, COMPILE, RUN = (f"engine/{name}.py" for name in ("plan", "rewrite", "compile", "run"))
PROBLEM, IN_PLACE = "engine/lower/problem.py", "functional/in_place.py"
FEW_PRODUCTS, FEW_PASSES = "engine/lower/channels/convolution.py", "engine/lower/channels/passes.py"
FILTERING = "engine/lower/filtering.py"
PRODUCTS, K_CONV = "engine/lower/convolution.py", "kernels/convolution.py"
BUILDER, EMIT, UPDATE = "engine/builder.py", "kernels/emit.py", "kernels/update.py"
T_MEMORY, T_EMIT = "engine/test_memory.py::", "kernels/test_emit.py::"
SLICING, T_SLICES = "engine/slicing.py", "engine/test_slices.py::"
T_CONVOLVE, T_PRODUCT, T_FILTER, T_GROUPS, T_PASSES = (
    f"kernels/test_channels_{name}.py::" for name in ("convolution", "linear", "winograd", "groups", "passes")
)
T_JIT, T_BITS, T_LINEAR = (f"kernels/test_{name}.py::" for name in ("jit", "dropout", "linear"))
T_FEW, T_FUSION, T_LAYOUT, T_COMPILE, T_SUMS = (
    f"engine/test_{name}.py::"
    for name in ("few_images", "fusion", "choice_of_layout", "compile", "sums_of_several")
)
T_OVER, T_K_CONV = "engine/test_sums_over_terms.py::", "kernels/test_convolution.py::"
T_IN_PLACE, T_FUNCTION = "functional/test_in_place.py::", "functional/test_function_arguments.py::"

MUTANTS = [
    Mutant(
        SHAPE, "before, after, steps + 1))", "before, after, steps))", T_SHAPE + "test_number_of_positions"
    ),
    Mutant(
        SHAPE,
        "return self.dilation * (self.window - 1) + 1",
        "return self.dilation * self.window",
        T_SHAPE + "test_windows_fit_and_no_further_one_would",
    ),
    Mutant(
        SHAPE,
        "extents = tuple(d * (k - 1) + 1",
        "extents = tuple(d * k",
        T_SHAPE + "test_windows_fit_and_no_further_one_would",
    ),
    Mutant(
        SHAPE,
        "return [(e - 1, e - 1) for e in extents]",
        "return [(e, e) for e in extents]",
        T_SHAPE + "test_named_pads",
    ),
    Mutant(
        SHAPE,
        "return [(t // 2, t - t // 2) for t in totals]",
        "return [(t - t // 2, t // 2) for t in totals]",
        T_SHAPE + "test_named_pads",
    ),
    Mutant(
        SHAPE,
        "steps, left = divmod(n + before + after - e, s)",
        "steps, left = divmod(n + before - e, s)",
        T_SHAPE + "test_a_pad_may_differ_by_axis_and_side",
    ),
    Mutant(
        SHAPE,
        'if left and on_misfit == "error" and pad != "same":',
        'if left and on_misfit == "error":',
        T_SHAPE + "test_same_gives_one_output_a_stride",
    ),
    Mutant(
        SHAPE,
        "e, s, (before, after) = extents[axis], strides[axis], pads[axis]",
        "e, s, (before, after) = extents[axis], strides[0], pads[axis]",
        T_SHAPE + "test_window_stride_and_dilation_may_differ_by_axis",
    ),
    Mutant(
        SHAPE,
        "need = max(-(-(e - n) // 2)",
        "need = max((e - n) // 2",
        T_SHAPE + "test_the_pad_that_the_error_proposes_helps",
    ),
    Mutant(
        SHAPE,
        "if any(min(pair) < 0 for pair in pairs):",
        "if any(max(pair) < 0 for pair in pairs):",
        T_SHAPE + "test_every_misfit_in_its_own_words",
    ),
    Mutant(
        ERROR,
        "word[:MOST].lower()",
        "word[:MOST]",
        "base/test_error.py::" + "test_nearest",
    ),
    Mutant(
        ERROR,
        "_WORDS.get(word) in known",
        "word in known",
        "base/test_error.py::" + "test_what_others_call_a_word",
    ),
    Mutant(
        ERROR,
        "len(before) + column - first",
        "column - first",
        "base/test_error.py::" + "test_language_error_shows_a_part_of_a_long_line",
    ),
    Mutant(
        "base/argument.py",
        "number is None or isinstance(value, bool)",
        "number is None",
        "base/test_argument.py::" + "test_others_are_refused",
    ),
    Mutant(
        "base/cache_folder.py",
        "folder if folder.is_absolute() else None",
        "folder",
        "kernels/test_jit.py::" + "test_without_a_home_directory_there_is_no_folder",
    ),
    Mutant(
        "cli/stream.py",
        "self.error = error\n",
        "raise\n",
        "cli/test_cli_process.py::" + "test_training_goes_on_when_its_reader_goes_away",
    ),
    Mutant(
        "train/settings.py",
        "_TEXTS.sub(\"''\", text)",
        "text",
        "train/test_settings.py::" + "test_dots_in_texts_are_no_names",
    ),
    Mutant(
        RANDOM,
        "counter=[first_sample * blocks, 0, 0, step]",
        "counter=[0, 0, 0, step]",
        T_STREAM + "test_a_batch_and_its_shards_draw_the_same_bits",
    ),
    Mutant(
        RANDOM,
        "counter=[first_sample * blocks, 0, 0, step]",
        "counter=[first_sample, 0, 0, step]",
        T_STREAM + "test_a_batch_and_its_shards_draw_the_same_bits",
    ),
    Mutant(
        RANDOM,
        "counter=[first_sample * blocks, 0, 0, step]",
        "counter=[first_sample * blocks + step, 0, 0, 0]",
        T_STREAM + "test_steps_share_no_bits",
    ),
    Mutant(
        RANDOM,
        "key=key(seed, name), counter=[0, 0, 0, step]",
        "key=key(0, name), counter=[0, 0, 0, step]",
        T_STREAM + "test_seed_name_and_step_each_make_another_stream",
    ),
    Mutant(SPEC, "lambda i, o: 2.4 / i", "lambda i, o: 2.4 / i**0.5", T_INIT + "test_uniform_bounds"),
    Mutant(SPEC, "(6.0 / (i + o)) ** 0.5", "(6.0 / (2 * i)) ** 0.5", T_INIT + "test_uniform_bounds"),
    Mutant(SPEC, "(2.0 / i) ** 0.5", "(1.0 / i) ** 0.5", T_INIT + "test_normal_deviations"),
    Mutant(
        SPEC,
        "random.standard_normal(p.shape) * deviation",
        "random.uniform(-1, 1, p.shape) * 3**0.5 * deviation",
        T_INIT + "test_normal_deviations",
    ),
    Mutant(
        SPEC, "np.ones(p.shape) / np.asarray(p.fan_in, float)", "np.ones(p.shape)", T_INIT + "test_constants"
    ),
    Mutant(
        WINDOW,
        "positions = (step * a.stride for",
        "positions = (step * a.dilation for",
        T_CONV + "test_loops_and_im2col_and_scipy_agree",
    ),
    Mutant(
        WINDOW,
        "starts = [t * a.dilation for",
        "starts = [t for",
        T_CONV + "test_col2im_is_the_adjoint_of_im2col",
    ),
    Mutant(
        WINDOW, "dx[:, *where] += d", "dx[:, *where] = d", T_CONV + "test_col2im_is_the_adjoint_of_im2col"
    ),
    Mutant(
        WINDOW,
        "o * a.stride + t * a.dilation - a.before",
        "o * a.stride + t * a.dilation",
        T_CONV + "test_loops_and_im2col_and_scipy_agree",
    ),
    Mutant(
        WINDOW,
        "*((a.before, a.after) for a in axes)",
        "*((a.after, a.before) for a in axes)",
        T_CONV + "test_loops_and_im2col_and_scipy_agree",
    ),
    Mutant(
        WINDOW,
        "a.before >= a.extent",
        "a.before > a.extent",
        T_POOL + "test_a_window_in_padding_alone_is_refused",
    ),
    Mutant(
        WINDOW,
        "(a.output - 1) * a.stride - a.before >= a.size",
        "a.output * a.stride - a.before >= a.size",
        T_ALL + "test_layer",
    ),
    Mutant(
        CONV,
        "return np.flip(w, tuple(range(w.ndim - 2))).swapaxes(-2, -1)",
        "return w.swapaxes(-2, -1)",
        T_CONV + "test_gradients_are_convolutions",
    ),
    Mutant(
        CONV,
        "return np.flip(w, tuple(range(w.ndim - 2))).swapaxes(-2, -1)",
        "return np.flip(w, 0).swapaxes(-2, -1)",
        T_CONV + "test_turn_turns_every_axis_and_exchanges_maps_and_filters",
    ),
    Mutant(
        CONV,
        "slice(None, None, a.stride) for a in axes)] = dy",
        "slice(None, None, a.dilation) for a in axes)] = dy",
        T_CONV + "test_gradients_are_convolutions",
    ),
    Mutant(
        CONV,
        "Axis(n, a.window, 1, a.dilation,",
        "Axis(n, a.window, 1, 1,",
        T_CONV + "test_gradients_are_convolutions",
    ),
    Mutant(
        CONV,
        "slice(a.before, a.before + a.size) for a in axes)]\n\n\ndef input_gradient_by",
        "slice(a.after, a.after + a.size) for a in axes)]\n\n\ndef input_gradient_by",
        T_CONV + "test_gradients_are_convolutions",
    ),
    Mutant(
        CONV,
        "a.output, a.dilation, a.stride, a.before",
        "a.output, a.stride, a.dilation, a.before",
        T_CONV + "test_gradients_are_convolutions",
    ),
    Mutant(
        CONV,
        "correlate(x.swapaxes(0, -1),",
        "correlate(np.moveaxis(x, 0, -1),",
        T_CONV + "test_gradients_are_convolutions",
    ),
    Mutant(
        CONV,
        "y = np.concatenate([correlate(m, f, axes)",
        "y = np.concatenate([correlate(maps[0], f, axes)",
        T_CONV + "test_the_layer_is_the_formulas_group_by_group",
    ),
    Mutant(
        CONV,
        'return Forward(y + w["bias"] if self.bias else y)',
        "return Forward(y)",
        T_CONV + "test_bias_is_one_number_a_filter",
    ),
    Mutant(
        CONV,
        '{"bias": dy.sum(tuple(range(dy.ndim - 1)))}',
        '{"bias": dy.mean(tuple(range(dy.ndim - 1)))}',
        T_CONV + "test_the_layer_is_the_formulas_group_by_group",
    ),
    Mutant(CONV, "if all(kept.wants):", "if True:", T_CONV + "test_dx_is_left_out_where_nobody_wants_it"),
    Mutant(
        CONV,
        "each = sum(p.size for p in self.params(*x).values())",
        'each = self.params(*x)["weight"].size',
        T_CONV + "test_counts_are_those_of_the_loops",
    ),
    Mutant(
        CONV,
        "fan_in, fan_out = taps * depth,",
        "fan_in, fan_out = taps * volume[-1],",
        T_CONV + "test_fans_are_the_connections_of_one_unit",
    ),
    Mutant(
        CONV,
        "taps * len(self.table.columns[k])",
        "taps * depth",
        T_TABLE + "test_fan_in_is_that_of_each_filter",
    ),
    Mutant(
        CONV,
        '"bias": Param((self.filters,), decay=False)',
        '"bias": Param((self.filters,))',
        T_CONV + "test_fans_are_the_connections_of_one_unit",
    ),
    Mutant(
        CONV,
        "if depth % groups or self.filters % groups:",
        "if depth % groups:",
        T_CONV + "test_misfits_in_their_own_words",
    ),
    Mutant(
        CONV,
        "if max(map(max, columns)) >= depth:",
        "if max(map(max, columns)) > depth:",
        T_TABLE + "test_misfits_in_their_own_words",
    ),
    Mutant(TABLE, "or not column or", "or", T_TABLE + "test_a_column_names_maps_once_and_in_order"),
    Mutant(
        TABLE,
        "list(column) != sorted(set(column))",
        "list(column) != sorted(column)",
        T_TABLE + "test_a_column_names_maps_once_and_in_order",
    ),
    Mutant(
        CONV,
        "first = k // (self.filters // self.groups) * each",
        "first = 0 * each",
        T_ALL + "test_layer[check_terms-conv]",
    ),
    Mutant(
        CONV,
        "first = sum(map(len, self.table.columns[:k]))",
        "first = sum(map(len, self.table.columns[: k + 1]))",
        T_TERMS + "test_a_filter_of_a_connection_table_sees_its_maps_only",
    ),
    Mutant(WINDOW, "place is None or p == place[i]", "True", T_ALL + "test_layer[check_terms-meanpool]"),
    Mutant(
        NORM,
        '("dscale", (c,)), times=-share',
        '("dscale", (c,)), times=share',
        T_ALL + "test_layer[check_terms-batchnorm]",
    ),
    Mutant(
        MAX,
        "== np.ravel_multi_index(tap, sizes)",
        ">= np.ravel_multi_index(tap, sizes)",
        T_TERMS + "test_the_winner_of_a_maximum",
    ),
    Mutant(
        SUB,
        'Terms((run.term(("bias", (c,))), *scaled))',
        "Terms(tuple(scaled))",
        T_ALL + "test_layer[check_terms-subsample]",
    ),
    Mutant(
        "layers/tracing.py",
        "rest = value - math.fsum(term.value for term in every)",
        "rest = 0.0",
        T_TERMS + "test_any_other_formula_is_its_slopes_and_a_rest",
    ),
    Mutant(
        "layers/tracing.py",
        "if weight:",
        "if weight > 0:",
        T_ALL + "test_layer[check_terms-rbf]",
    ),
    Mutant(
        "layers/tracing.py",
        "if len(reached) == 1:",
        "if not reached:",
        T_TERMS + "test_a_layer_of_one_number_is_closed_by_its_formula",
    ),
    Mutant(
        "testing/terms.py",
        "abs(value - exact) <= allowed",
        "True",
        T_TERMS + "test_wrong_terms_are_named",
    ),
    Mutant(
        "testing/executor.py",
        "given is None or not given.any()",
        "True",
        T_KINDS + "test_an_executor_that_makes_up_a_gradient_is_caught",
    ),
    Mutant(
        "testing/gradient.py",
        "np.where(x == 0, 1, np.minimum(np.abs(x), 1))",
        "np.ones(x.shape)",
        T_KINDS + "test_gradients_near_zero_are_checked_too",
    ),
    Mutant(
        "layers/contract.py",
        "if _name(other) != _name(cls)",
        "if other is not cls",
        T_ALL + "test_a_layer_defined_again_replaces_the_first",
    ),
    Mutant(TABLE, '"0145", "0125"', '"0125", "0145"', T_TABLE + "test_98_neighbours_wrap_around"),
    Mutant(
        TABLE,
        "k for k, column in enumerate(self.columns) for _ in column",
        "k for _ in self.columns[0] for k in range(len(self.columns))",
        T_TABLE + "test_links_are_ordered_by_filter_then_by_map",
    ),
    Mutant(MAX, "fill=-np.inf", "fill=0.0", T_POOL + "test_padding_never_wins"),
    Mutant(
        MAX,
        "winners = seen.argmax(-2, keepdims=True)",
        "winners = seen.shape[-2] - 1 - np.flip(seen, -2).argmax(-2, keepdims=True)",
        T_POOL + "test_of_equal_values_the_first_wins",
    ),
    Mutant(
        MAX,
        "if taps <= 256 else",
        "if taps <= 300 else",
        T_POOL + "test_indices_take_the_smallest_type_that_counts_the_window",
    ),
    Mutant(
        MAX,
        "np.where(y == -np.inf, real.argmax(-2, keepdims=True), winners)",
        "winners",
        T_BORDER + "test_padding_does_not_win_over_minus_infinity",
    ),
    Mutant(
        POOLING,
        "stride = self.window if self.stride is None else self.stride",
        "stride = self.stride or 1",
        T_POOL + "test_windows_lie_side_by_side_unless_a_stride_is_given",
    ),
    Mutant(
        MEAN,
        "return Forward(total / inside(axes)[..., None].astype(x[0].dtype))",
        "return Forward(total / area(axes))",
        T_POOL + "test_mean_pooling_counts_no_padding",
    ),
    Mutant(
        MEAN,
        "share = dy / inside(axes)[..., None].astype(dy.dtype)",
        "share = dy",
        T_POOL + "test_51_mean_pooling_sends_back_a_kronecker_product",
    ),
    Mutant(
        SUB,
        '* self._sums(x[0]) + w["bias"])',
        "* self._sums(x[0]))",
        T_POOL + "test_97_subsampling_is_a_coefficient_and_a_bias_a_map",
    ),
    Mutant(
        SUB,
        'share = np.expand_dims(w["coefficient"] * dy,',
        "share = np.expand_dims(dy,",
        T_ALL + "test_layer[check_gradient-subsample]",
    ),
    Mutant(
        SUB,
        "(area(self.axes(x[0])) + 1) *",
        "area(self.axes(x[0])) *",
        T_POOL + "test_97_subsampling_is_a_coefficient_and_a_bias_a_map",
    ),
    Mutant("layers/relu.py", "kept.y > 0", "kept.y >= 0", T_LOSS + "test_relu_and_its_gradient_at_zero"),
    Mutant(
        "layers/relu.py",
        "np.where(kept.y > 0, dy, 0)",
        "np.where(kept.y > 0, -dy, 0)",
        T_ALL + "test_layer[check_gradient-relu]",
    ),
    Mutant(
        "layers/sigmoid.py",
        "y * (1 - y) * dy",
        "y * (1 + y) * dy",
        T_ALL + "test_layer[check_gradient-sigmoid]",
    ),
    Mutant(
        "layers/sigmoid.py",
        "return np.where(x >= 0, 1, e) / (1 + e)",
        "return 1 / (1 + np.exp(-x))",
        T_LOSS + "test_sigmoid_does_not_overflow",
    ),
    Mutant(
        "layers/tanh.py",
        "Backward(((1 - kept.y**2) * dy,))",
        "Backward(((1 + kept.y**2) * dy,))",
        T_ALL + "test_layer[check_gradient-tanh]",
    ),
    Mutant(
        "layers/tanh.py",
        "SLOPE * (AMPLITUDE - kept.y**2 / AMPLITUDE)",
        "SLOPE * (AMPLITUDE - kept.y**2)",
        T_ALL + "test_layer[check_gradient-lecuntanh]",
    ),
    Mutant(
        "base/lecun.py",
        "AMPLITUDE, SLOPE = 1.7159, 2 / 3",
        "AMPLITUDE, SLOPE = 1.7519, 2 / 3",
        T_LOSS + "test_lecuns_tanh_passes_through_one",
    ),
    Mutant(
        "layers/leaky_relu.py",
        "np.where(kept.x[0] > 0, dy, self.slope * dy)",
        "np.where(kept.x[0] >= 0, dy, self.slope * dy)",
        T_LOSS + "test_leaky_relu_and_its_gradient_at_zero",
    ),
    Mutant(
        "layers/silu.py",
        "s + x * s * (1 - s)",
        "s + x * (1 - s)",
        T_ALL + "test_layer[check_gradient-silu]",
    ),
    Mutant(
        "kernels/activation.py",
        '"y" if slope >= 0 else "x"',
        '"y"',
        "engine/test_fusion.py::test_an_activation_whose_gradient_is_taken_from_x_is_fused_where_x_is_known",
    ),
    Mutant(
        SOFTMAX,
        "e = np.exp(x - x.max(-1, keepdims=True))",
        "e = np.exp(x)",
        T_LOSS + "test_softmax_sums_to_one_and_does_not_overflow",
    ),
    Mutant(SOFTMAX, "return top + np.log", "return np.log", T_LOSS + "test_log_sum_exp_of_large_and_small"),
    Mutant(
        SOFTMAX,
        "y * (dy - (dy * y).sum(-1, keepdims=True))",
        "y * (dy - (dy * y).sum())",
        T_ALL + "test_layer[check_gradient-softmax]",
    ),
    Mutant(
        CROSS,
        "softmax(z) * t.sum(-1, keepdims=True) - t",
        "softmax(z) - t",
        T_ALL + "test_layer[check_gradient-softmax_cross_entropy]",
    ),
    Mutant(
        CROSS,
        'absorbs = "softmax"',
        'absorbs = ""',
        T_OBJECTIVE + "test_a_loss_reads_what_is_before_the_activation_that_it_contains",
    ),
    Mutant(
        BINARY,
        "np.log1p(np.exp(-np.abs(z)))",
        "np.log1p(np.exp(z)) - np.maximum(z, 0)",
        T_LOSS + "test_losses_of_huge_scores_are_finite",
    ),
    Mutant(
        "layers/target.py",
        "np.where(t == 0, 0, t * cost)",
        "t * cost",
        T_LOSS + "test_losses_of_infinite_scores",
    ),
    Mutant(
        SOFTMAX,
        "top = np.where(np.isinf(top), 0, top)",
        "top = top + 0",
        T_LOSS + "test_log_sum_exp_of_large_and_small",
    ),
    Mutant(
        BINARY,
        "(dy * (sigmoid(z) - t), -dy * z)",
        "(dy * (sigmoid(z) - t), dy * z)",
        T_ALL + "test_layer[check_gradient-sigmoid_cross_entropy]",
    ),
    Mutant(
        "layers/quadratic.py",
        "return Backward((d, -d))",
        "return Backward((d, d))",
        T_LOSS + "test_46_quadratic",
    ),
    Mutant(
        "layers/quadratic.py",
        ".sum(tuple(range(1, a.ndim))) / 2",
        ".sum(tuple(range(1, a.ndim)))",
        T_LOSS + "test_46_quadratic",
    ),
    Mutant(RADIAL, "dx = 2 * (dy", "dx = (dy", T_ALL + "test_layer[check_gradient-rbf]"),
    Mutant(
        RADIAL,
        "np.where(ink, 1.0, -1.0)",
        "np.where(ink, 1.0, 0.0)",
        T_LOSS + "test_digit_bitmaps_are_ink_and_paper",
    ),
    Mutant(
        RADIAL,
        "-self.rubbish, y.dtype",
        "self.rubbish, y.dtype",
        T_LOSS + "test_radial_basis_penalty_is_equation_9",
    ),
    Mutant(
        JOIN,
        "accumulate(shape[-1] for shape in kept.shapes)",
        "accumulate(shape[1] for shape in kept.shapes)",
        T_ALL + "test_layer[check_gradient-concat]",
    ),
    Mutant(JOIN, "for other in x[2:]:", "for other in x[3:]:", T_ALL + "test_layer[check_definition-add]"),
    Mutant(
        "layers/linear.py",
        '(dy @ w["weight"].T)',
        '(-dy @ w["weight"].T)',
        T_ALL + "test_layer[check_gradient-fc]",
    ),
    Mutant(
        "layers/linear.py",
        'return Forward(y + w["bias"] if self.bias else y)',
        "return Forward(y)",
        T_ALL + "test_layer[check_definition-fc]",
    ),
    Mutant(
        TAPE,
        "grown[j] = grown[j] + dx if j in grown else dx",
        "grown[j] = dx",
        T_TAPE + "test_the_gradients_of_all_consumers_are_summed",
    ),
    Mutant(
        TAPE,
        "wanted = [operands] *",
        "wanted = [True] *",
        T_TAPE + "test_operands_are_left_out_where_nobody_wants_them",
    ),
    Mutant(
        TAPE,
        "bool(self._weights.of(node.path)) or any(",
        "any(",
        T_TAPE + "test_operands_are_left_out_where_nobody_wants_them",
    ),
    Mutant(
        TAPE,
        "if x.shape[1:] != shape or x.ndim != 1 + len(shape):",
        "if x.size % np.prod(shape):",
        T_TAPE + "test_an_operand_of_the_wrong_shape",
    ),
    Mutant(
        TAPE,
        "{**state_in, **made.state}",
        "state_in",
        "testing/test_own_layer.py::" + "test_a_layer_with_state_passes",
    ),
    Mutant(
        BLOCK,
        "scope.graph.add(path, Add(), y, other)",
        "scope.graph.add(path, Add(), y, y)",
        T_BLOCK + "test_a_residual_adds_its_input",
    ),
    Mutant(
        BLOCK, "if self.shortcut else x", "if False else x", T_BLOCK + "test_a_residual_adds_its_shortcut"
    ),
    Mutant(
        BLOCK,
        'Concatenate() if self.join == "concat" else Add(), *ends',
        'Concatenate() if self.join == "concat" else Add(), *ends[::-1]',
        T_BLOCK + "test_branches_are_numbered_from_0_and_joined_in_order",
    ),
    Mutant(
        BLOCK,
        "x = wire(inner, str(i), self.part, x)",
        "x = wire(inner, str(i + 1), self.part, x)",
        T_BLOCK + "test_repetitions_of_a_name_are_numbered_from_0",
    ),
    Mutant(
        GRAPH,
        "if node.path in self._places:",
        "if False:",
        T_BLOCK + "test_an_error_names_the_layer_at_fault",
    ),
    Mutant(
        GRAPH,
        'f"{path}: {error.reason}{self._origin(inputs)}{remedy}"',
        'f"{error.reason}{self._origin(inputs)}{remedy}"',
        T_BLOCK + "test_an_error_names_the_layer_at_fault",
    ),
    Mutant(
        GRAPH,
        "if len(self.nodes) >= MOST_VALUES:",
        "if len(self.nodes) > MOST_VALUES:",
        T_BLOCK + "test_a_graph_is_bounded",
    ),
    Mutant(
        LANGUAGE, "dropped = not self._optional", "dropped = self._optional", T_LANGUAGE + "TestOptionalParts"
    ),
    Mutant(
        LANGUAGE,
        "if dropped or not times or part == Chain(()):",
        "if dropped or part == Chain(()):",
        T_LANGUAGE + "TestLetters::test_the_grammar_of_the_material",
    ),
    Mutant(
        LANGUAGE,
        "times *= self._times(token)",
        "times = self._times(token)",
        T_LANGUAGE + "test_a_line_prints_in_one_way",
    ),
    Mutant(
        LANGUAGE, "if times > MOST_TIMES:", "if False:", T_LANGUAGE + "test_every_refusal_in_its_own_words"
    ),
    Mutant(
        LANGUAGE, "        self._depth -= 1\n", "", T_LANGUAGE + "test_brackets_side_by_side_are_not_deep"
    ),
    Mutant(LANGUAGE, "if self._depth > DEEPEST:", "if False:", T_LANGUAGE + "test_bombs_end_quickly"),
    Mutant(
        LANGUAGE, '(f"*{times}" if times > 1 else "")', '""', T_LANGUAGE + "test_what_is_written_is_read_back"
    ),
    Mutant(
        LANGUAGE,
        "if given == default:",
        'if given == default or name == "groups":',
        T_LANGUAGE + "test_what_is_written_is_read_back",
    ),
    Mutant(
        LANGUAGE,
        " or text != value.write(default)",
        " or True",
        T_GIVEN + "test_tuples_of_one_number_survive_printing",
    ),
    Mutant(LANGUAGE, "or min(shape) < 1", "or min(shape) < 0", T_GIVEN + "test_an_input_that_is_no_volume"),
    Mutant(
        LANGUAGE,
        "chain if chain.terms else Chain((Term(Identity()),)) for",
        "chain for",
        T_LANGUAGE + "TestOptionalParts::test_an_empty_branch_passes_its_input_on",
    ),
    Mutant(LANGUAGE, "return given or shape, chain", "return shape, chain", T_LANGUAGE + "TestInput"),
    Mutant(
        VALUE, "if len(text) > DIGITS:", "if len(text) > 10_000:", T_LANGUAGE + "TestInput::test_no_volumes"
    ),
    Mutant(
        SHAPE,
        'else f"{p[0]}:{p[1]}" for p in pad',
        'else f"{p[1]}:{p[0]}" for p in pad',
        T_LANGUAGE + "test_what_is_written_is_read_back",
    ),
    Mutant(
        LEDGER,
        "math.prod(node.shape) * BYTES * batch",
        "math.prod(node.shape) * BYTES",
        T_LEDGER + "test_bytes_are_of_the_whole_batch_and_the_rest_of_one_sample",
    ),
    Mutant(
        LEDGER,
        "sum(p.size for p in node.layer.params(*x).values())",
        "sum(p.size for p in node.layer.params(*x).values() if p.decay)",
        T_LEDGER + "test_88_vgg16_weights_row_by_row",
    ),
    Mutant(
        WEIGHTS,
        "size += -(-param.size // step) * step",
        "size += param.size",
        T_WEIGHTS + "test_every_array_begins_on_a_cache_line_and_none_overlap",
    ),
    Mutant(
        WEIGHTS,
        "size += -(-param.size // step) * step",
        "size += param.size // step * step",
        T_WEIGHTS + "test_every_array_begins_on_a_cache_line_and_none_overlap",
    ),
    Mutant(
        WEIGHTS,
        "] = param.decay",
        "] = 1",
        T_WEIGHTS + "test_the_mask_of_weight_decay_has_the_layout_of_flat",
    ),
    Mutant(
        NET,
        "str(self) == str(other)",
        "write(self.body) == write(other.body)",
        T_LANGUAGE + "test_nets_differ_by_input_and_by_body",
    ),
    Mutant(
        OBJECTIVE, "last.word in loss.suits", "last.word == loss.absorbs", T_OBJECTIVE + "test_the_usual_loss"
    ),
    Mutant(
        OBJECTIVE,
        "return last.inputs[0] if",
        "return graph.output if",
        T_OBJECTIVE + "test_absorbed_or_not_the_loss_is_the_same_number",
    ),
    Mutant(
        WEIGHTS,
        "stream(seed, path), self._views",
        'stream(seed, "weight"), self._views',
        T_WEIGHTS + "test_paths_of_one_shape_are_drawn_differently",
    ),
    Mutant(
        NORM,
        "2 if math.prod(x[0][:-1]) == 1",
        "2 if len(x[0]) == 1",
        T_NORM + "test_samples_are_mixed_in_training_only_and_one_number_has_no_variance",
    ),
    Mutant(
        NORM,
        "if ctx.train and m:",
        "if ctx.train:",
        T_NORM + "test_an_empty_batch_leaves_the_running_statistics",
    ),
    Mutant(NORM, "var * (m / max(m - 1, 1))", "var", T_NORM + "test_a_batch_by_hand"),
    Mutant(NORM, "np.sqrt(var + self.eps)", "(np.sqrt(var) + self.eps)", T_NORM + "test_a_batch_by_hand"),
    Mutant(
        NORM,
        "inverse * (dy - share * (dshift + normalised * dscale))",
        "inverse * (dy - share * dshift)",
        T_ALL + "test_layer[check_gradient-batchnorm]",
    ),
    Mutant(
        NORM,
        "var, share, new = state",
        "var, share, new = 2 * state",
        T_ALL + "test_layer[check_definition-batchnorm]",
    ),
    Mutant(
        NORM,
        "share = 1 / m",
        "share = 1 / max(m - 1, 1)",
        T_NORM + "test_the_gradient_of_a_batch_by_hand",
    ),
    Mutant(
        NORM,
        "np.float64).astype(a.dtype)",
        "np.float32).astype(a.dtype)",
        T_NORM + "test_many_numbers_keep_their_digits_in_float32",
    ),
    Mutant(
        DROP, "/ (1 - self.drop)).astype", "* 1.0).astype", T_ALL + "test_layer[check_definition-dropout]"
    ),
    Mutant(
        DROP,
        "bits >= self._threshold()",
        "bits < self._threshold()",
        T_NORM + "test_the_share_that_is_dropped_and_what_is_left",
    ),
    Mutant(
        K_NORM,
        "total + k.select(there, part(c * batch.images + v), 0.0)",
        "total + part(c * batch.images + v)",
        T_K_NORM + "test_training",
    ),
    Mutant(
        K_NORM, "put(k, k.select(there, value, 0.0), pdx", "put(k, value, pdx", T_K_NORM + "test_training"
    ),
    Mutant(
        K_POOL,
        "k.select(top.get() > 0.0, winner",
        "k.select(top.get() >= 0.0, winner",
        T_K_POOL + "test_max_pool_of_rectified_values_goes_back_through_the_relu",
    ),
    Mutant(
        K_POOL,
        "if window.taps < 256",
        "if window.taps <= 256",
        T_K_POOL + "test_more_taps_than_a_byte_counts",
    ),
    Mutant(
        BUILDER,
        "for node in self.graph.nodes) > 1:",
        "for node in self.graph.nodes) > 9:",
        T_MEMORY + "test_else_it_is",
    ),
    Mutant(
        BUILDER,
        "None if i in self.taken_over else",
        "None if self.taken_over else",
        T_MEMORY + "test_what_a_max_pool_reads_behind_a_relu_is_not_kept",
    ),
    Mutant(
        PLAN,
        "b.move(0)",
        "b.place(0)",
        T_MEMORY + "test_large_images_are_put_into_lanes_again",
    ),
    Mutant(K_NORM, "far * far * (many.get() * part)", "far * far * many.get()", T_K_NORM + "test_training"),
    Mutant(K_NORM, "+ far * far * positions", "+ 0.0", T_K_NORM + "test_training"),
    Mutant(K_NORM, "-k.fma(moves, far, rest)", "-rest", T_K_NORM + "test_training"),
    Mutant(
        K_NORM,
        "d = k.vector(row, v) - k.vector(pivot, v)",
        "d = k.vector(row, v) + 0.0",
        T_K_NORM + "test_blocks_change_the_statistics_by_roundings_only",
    ),
    Mutant(
        L_NORM,
        "_of_batch_backward, _not_for_scores, across=True",
        "_of_batch_backward, _not_for_scores",
        T_PLAN + "test_groups_wait_for_each_other_only_where_statistics_need_them_all",
    ),
    Mutant(
        TAPE,
        "if dy.shape != self.output.shape:",
        "if dy.size != self.output.size:",
        T_GIVEN + "test_a_gradient_of_another_shape",
    ),
    Mutant(
        TAPE,
        "dy.astype(self.output.dtype, copy=False)",
        "dy",
        T_GIVEN + "test_gradients_have_the_precision_of_the_network",
    ),
    Mutant(
        OBJECTIVE, "in OWN:", "in OWN[:1]:", T_GIVEN + "test_a_layer_with_a_name_that_training_has_itself"
    ),
    Mutant(
        CACHE, "in sorted(found):", "in found:", T_CACHE + "test_what_was_not_used_for_longest_goes_first"
    ),
    Mutant(CACHE, "- OFTEN:", "+ 0:", T_CACHE + "test_it_never_grows_beyond_the_limit"),
    Mutant(CACHE, " and not writing", "", T_CACHE + "test_only_files_of_the_cache_are_deleted"),
    Mutant(
        CACHE,
        " and _OWN.fullmatch(entry.name)",
        "",
        T_CACHE + "test_only_files_of_the_cache_are_deleted",
    ),
    Mutant(
        CACHE,
        "os.utime(place / key)",
        "pass",
        T_CACHE + "test_what_was_not_used_for_longest_goes_first",
    ),
    Mutant(
        "kernels/driver_text.py",
        "%new = or i32 %old, 32832",
        "%new = or i32 %old, 32768",
        "kernels/test_crew.py::test_denormals_are_zero_in_programs_and_nowhere_else[1]",
    ),
    Mutant(
        "kernels/driver_text.py",
        "br i1 %s.more, label %stage, label %done\ndone:\n  call void @restore(i64 %mode)\n",
        "br i1 %s.more, label %stage, label %done\ndone:\n",
        "kernels/test_crew.py::test_denormals_are_zero_in_programs_and_nowhere_else[1]",
    ),
    Mutant(
        "kernels/layout.py",
        "(left - 1).at_most(r)",
        "(left - 1).at_most(0)",
        "kernels/test_layout.py::test_both_ways",
    ),
    Mutant(
        "kernels/layout.py",
        "left > r if gradient else any_picture",
        "left > r",
        "kernels/test_layout.py::test_both_ways",
    ),
    Mutant(
        "kernels/loss.py",
        "k.max(against, 0.0) + _log_one_plus(e)",
        "k.max(z, 0.0) - t * z + _log_one_plus(e)",
        "kernels/test_loss.py::test_infinite_scores",
    ),
    Mutant(
        "kernels/spec.py",
        "return self.positions * self.pitch, height * line",
        "return self.positions * self.channels, height * line",
        T_CONVOLVE + "test_hard_cases[primes-end]",
    ),
    Mutant(
        "kernels/spec.py",
        "return self.pitch == whole_vectors(self.channels, lanes)",
        "return self.pitch % lanes == 0",
        T_PASSES + "test_a_value_fills_what_is_its_own",
    ),
    Mutant(
        CHANNELS + "pack.py",
        "p.taps * p.depth, p.groups * p.filters, counts",
        "p.taps * p.depth, p.filters, counts",
        T_CONVOLVE + "test_weights_are_packed_in_the_order_of_the_tiles",
    ),
    Mutant(
        CHANNELS + "pack.py",
        "(group * p.vectors + first) * p.vector_size",
        "(group * p.shares.count + first) * p.vector_size",
        T_CONVOLVE + "test_weights_are_packed_in_the_order_of_the_tiles",
    ),
    Mutant(
        CHANNELS + "work.py",
        "return self.source.pitch == self.depth and self.window.dilation[2] == 1",
        "return self.source.pitch == self.depth",
        T_CONVOLVE + "test_hard_cases[padding beyond a dilated window-start]",
    ),
    Mutant(
        CHANNELS + "work.py",
        "return self.source.pitch == self.depth and",
        "return self.source.pitch == self.source.channels and",
        T_CONVOLVE + "test_hard_cases[groups that fill the lanes-start]",
    ),
    Mutant(
        CHANNELS + "work.py",
        "fewest = 1 if blocks == 1 else min(bands",
        "fewest = min(bands",
        T_CONVOLVE + "test_tasks_of_large_values_read_what_the_second_cache_holds",
    ),
    Mutant(
        CHANNELS + "work.py",
        "1 < groups == x.channels == y.channels",
        "1 < groups == x.channels",
        T_CONVOLVE + "test_hard_cases[depthwise with a multiplier-start]",
    ),
    Mutant(
        CHANNELS + "convolution.py",
        "top, front = first * window.stride[1] - window.before[1]",
        "top, front = first - window.before[1]",
        T_CONVOLVE + "test_hard_cases[strided, three channels-start]",
    ),
    Mutant(
        CHANNELS + "convolution.py",
        "beyond = y.pitch - y.channels",
        "beyond = 0",
        T_CONVOLVE + "test_hard_cases[groups across the lanes-end]",
    ),
    Mutant(
        CHANNELS + "convolution.py",
        "self.masked = work.groups > 1 or not work.y.fills(k.lanes)",
        "self.masked = not work.y.fills(k.lanes)",
        T_GROUPS + "test_groups_leave_the_others_alone[beyond the last group]",
    ),
    Mutant(
        CHANNELS + "convolution.py",
        "or self.work.filters % lanes == 0:",
        "or self.work.y.channels % lanes == 0:",
        T_GROUPS + "test_groups_leave_the_others_alone[groups that fill vectors together only]",
    ),
    Mutant(
        CHANNELS + "linear.py",
        "self._add(run, 1, length - rest, rest)",
        "self._add(run, 1, 0, rest)",
        T_PRODUCT + "test_sums_are_within_their_rounding[a volume with a pitch, many tiles]",
    ),
    Mutant(
        CHANNELS + "linear.py",
        "k.splat(here, sample * self.x.strides[0])",
        "k.splat(here, sample * self.x.pitch)",
        T_PRODUCT + "test_sums_are_within_their_rounding[a volume with a pitch, many tiles]",
    ),
    Mutant(
        CHANNELS + "linear.py",
        "max(2, 4 * y.channels // _RUN)",
        "max(1, 4 * y.channels // _RUN)",
        T_PRODUCT + "test_tasks_read_long_runs",
    ),
    Mutant(
        CHANNELS + "winograd.py",
        "tile = panel * (most - 1) + lower(panel, larger)",
        "tile = panel * most",
        T_FILTER + "test_hard_cases[chunks and groups-F(2x2, 3x3)]",
    ),
    Mutant(
        CHANNELS + "winograd.py",
        "self.end.finish(total, self.addend, place, own)",
        "self.end.finish(total, self.addend, row, own)",
        T_FILTER + "test_neither_bias_nor_addend",
    ),
    Mutant(
        CHANNELS + "winograd.py",
        "line, wide = divmod(tile, self.across)",
        "line, wide = divmod(tile, self.down)",
        T_FILTER + "test_hard_cases[one-sided-F(4x4, 3x3)]",
    ),
    Mutant(
        CHANNELS + "winograd.py",
        "u + (vector * filtering.frequencies * channels + c) * lanes",
        "u + (vector * TAPS * TAPS * channels + c) * lanes",
        T_FILTER + "test_hard_cases[primes-F(4x4, 3x3)]",
    ),
    Mutant(
        TILES,
        "Kind(run[0], run[-1], same)",
        "Kind(run[0], run[0], same)",
        T_FILTER + "test_hard_cases[a picture-F(4x4, 3x3)]",
    ),
    Mutant(
        "kernels/filtering.py",
        "fma(8.0, far, odd) + m[5]",
        "fma(8.0, far, odd)",
        T_FILTER + "test_hard_cases[one tile-F(4x4, 3x3)]",
    ),
    Mutant(
        CHANNELS + "copy.py",
        "source + position * x.pitch",
        "source + position * x.channels",
        T_PASSES + "test_copies",
    ),
    Mutant(
        CHANNELS + "copy.py",
        "if x.positions * x.channels != y.positions * y.channels",
        "if x.positions != y.positions",
        T_PASSES + "test_copies",
    ),
    Mutant(
        CHANNELS + "norm.py",
        "else value, target, position * y.pitch + c",
        "else value, target, position * y.pitch + c, count",
        T_PASSES + "test_norms",
    ),
    Mutant(
        CHANNELS + "softmax.py",
        "k.iota() < x.channels % k.lanes",
        "k.iota() <= x.channels % k.lanes",
        T_PASSES + "test_softmax",
    ),
    Mutant(
        CHANNELS + "softmax.py",
        "exp(numbers(c, count) - most)",
        "exp(numbers(c, count))",
        T_PASSES + "test_softmax",
    ),
    Mutant(
        "kernels/spec.py",
        "Batch(batch.groups, first.pitch), tuple",
        "Batch(batch.groups, first.channels), tuple",
        "kernels/test_elementwise.py::test_channels_in_the_lanes_are_treated_as_images_are",
    ),
    Mutant(
        "kernels/subsample.py",
        "k.vector(each, v, count) for each in",
        "k.vector(each, 0, count) for each in",
        T_PASSES + "test_subsampling",
    ),
    Mutant(
        K_DROP,
        "_scalar(k, counter + 1)",
        "_scalar(k, counter)",
        T_BITS + "test_the_bits_are_those_of_the_formula",
    ),
    Mutant(
        K_DROP,
        "(middle >> 32) + (other >> 32)",
        "(middle >> 32)",
        T_BITS + "test_the_bits_are_those_of_the_formula",
    ),
    Mutant(
        K_DROP,
        ".to(F32) * (1 / (1 - drop))",
        ".to(F32) * (1 - drop)",
        T_BITS + "test_the_bits_are_those_of_the_formula",
    ),
    Mutant(
        K_LINEAR,
        "add(whole, inputs - whole)",
        "add(0, inputs - whole)",
        T_LINEAR + "test_activations_and_no_bias[relu]",
    ),
    Mutant(
        K_LINEAR,
        "k.loop(begin * images, end * images,",
        "k.loop(begin * images, (end - 1) * images,",
        T_LINEAR + "test_activations_and_no_bias[tanh]",
    ),
    Mutant(
        K_NORM,
        "far = -k.vector(mean, i, count)",
        "far = k.vector(mean, i, count)",
        T_K_NORM + "test_folded_bias",
    ),
    Mutant(
        K_NORM,
        "far = far + k.vector(pointer, i, count)",
        "far = far - k.vector(pointer, i, count)",
        T_K_NORM + "test_folded_bias",
    ),
    Mutant(
        CACHE,
        "self._since.get(place, math.inf)",
        "self._since.get(place, 0.0)",
        T_CACHE + "test_the_first_file_is_a_reason_to_look",
    ),
    Mutant(
        CACHE, "total <= LEFT * LIMIT", "total <= LIMIT", T_CACHE + "test_it_never_grows_beyond_the_limit"
    ),
    Mutant(
        CACHE,
        "if magic != _MAGIC or digest",
        "if magic != _MAGIC and digest",
        T_JIT + "test_a_damaged_file_is_compiled_anew_and_mended",
    ),
    Mutant(
        CACHE,
        "status.st_uid == os.getuid() and not",
        "status.st_uid == os.getuid() or not",
        T_JIT + "test_a_folder_of_somebody_else_is_not_used",
    ),
    Mutant(
        PLAN,
        "(samples < cpu.lanes or",
        "(samples <= cpu.lanes or",
        T_LAYOUT + "test_fewer_images_than_lanes_have_their_channels_there",
    ),
    Mutant(
        PLAN,
        "if b.few and all(isinstance",
        "if b.few and any(isinstance",
        T_LAYOUT + "test_an_input_that_a_pool_reads_as_well_has_its_channels_in_the_lanes",
    ),
    Mutant(
        PLAN,
        "formulas[0] <= formulas[1] and",
        "formulas[0] >= formulas[1] and",
        T_FEW + "test_a_layer_that_has_only_the_other_layout_takes_the_whole_plan_there",
    ),
    Mutant(
        PLAN,
        "replace(lives[name], last=stages[-1])",
        "replace(lives[name], last=lives[name].last)",
        T_FEW + "test_whole_networks[1-wide]",
    ),
    Mutant(
        REWRITE,
        "readers[i] == 1 and i not in kept",
        "i not in kept",
        T_FUSION + "test_scores_of_joined_branches[20-a norm beside its own input]",
    ),
    Mutant(
        REWRITE,
        "len(terms) == 2 and min(terms)",
        "min(terms)",
        T_SUMS + "test_scores[2-three, a convolution last]",
    ),
    Mutant(REWRITE, " and min(terms) < i:", ":", T_SUMS + "test_scores[2-two, the convolution first]"),
    Mutant(
        REWRITE,
        "if isinstance(node.layer, PRODUCTS) and not train:",
        "if isinstance(node.layer, PRODUCTS):",
        T_FUSION + "test_between_norms_and_products_a_residual_network_does_nothing",
    ),
    Mutant(
        REWRITE,
        "if i in kept or node.shape != graph.nodes[roots[i]].shape:",
        "if i in kept:",
        T_FUSION + "test_scores_of_joined_branches[20-a flat whole]",
    ),
    Mutant(
        FEW_PRODUCTS,
        "across = b.batch.groups > 1",
        "across = problem.window.taps == 1 and b.batch.groups > 1",
        T_LAYOUT + "test_products_of_all_samples_wait_for_all_before_them[8-direct]",
    ),
    Mutant(
        FEW_PRODUCTS,
        '{"y": y.ref}, across=True)',
        '{"y": y.ref})',
        T_LAYOUT + "test_products_of_all_samples_wait_for_all_before_them[2-filtered]",
    ),
    Mutant(
        FILTERING,
        "if problem.groups > 1:",
        "if problem.groups > 2:",
        T_LAYOUT + "test_what_winograd_is_not_for_is_done_directly[conv3-64 same groups=2]",
    ),
    Mutant(
        FILTERING,
        "found[name] = filtering.frequencies * (18 + tiles)",
        "found[name] = filtering.frequencies * (2 + tiles)",
        T_LAYOUT + "test_the_filtering_that_suits_the_outputs_of_few_images[14-1-F(2x2,3x3)-256]",
    ),
    Mutant(
        FILTERING,
        "9 * (28 + samples * high * wide)",
        "9 * (8 + samples * high * wide)",
        T_LAYOUT + "test_the_filtering_that_suits_the_outputs_of_few_images[5-1-F(2x2,3x3)-128]",
    ),
    Mutant(
        UNPACKED,
        "k.vector(there) + level, tile",
        "k.vector(there), tile",
        T_UNPACKED + "test_hard_cases[same-end]",
    ),
    Mutant(
        UNPACKED,
        "number = (share - shares[0]) * self.each + tile.number",
        "number = tile.number",
        T_UNPACKED + "test_hard_cases[same-end]",
    ),
    Mutant(
        UNPACKED,
        "yield line + begin, term + begin",
        "yield line + begin, term",
        T_UNPACKED + "test_hard_cases[one tap, several blocks of terms-end]",
    ),
    Mutant(
        UNPACKED,
        "factors = [factor + row.filter for factor in self.factors]",
        "factors = self.factors",
        T_UNPACKED + "test_hard_cases[same-end]",
    ),
    Mutant(
        UNPACKED,
        "max(1, y.channels // RUN)",
        "max(1, y.channels)",
        T_UNPACKED + "test_tasks_have_long_runs_of_filters",
    ),
    Mutant(
        UNPACKED,
        "filters % cpu.lanes == 0 and many",
        "many",
        T_UNPACKED + "test_filters_that_are_no_whole_vectors_are_refused",
    ),
    Mutant(
        PROBLEM,
        ">= LARGE and problem.groups == 1",
        ">= LARGE",
        T_FEW + "test_large_filters_of_one_image_are_read_where_they_lie[two groups]",
    ),
    Mutant(
        PROBLEM,
        "places = b.batch.groups * math.prod(shape[:-1])",
        "places = math.prod(shape[:-1])",
        T_FEW + "test_where_the_sums_of_more_images_are_many_filters_are_packed",
    ),
    Mutant(
        FEW_PRODUCTS,
        "addend=added,\n            scaled=scaled",
        "addend=added,\n            scaled=False",
        T_FEW + "test_large_filters_of_one_image_are_read_where_they_lie[sums]",
    ),
    Mutant(
        FILTERING,
        "LEAST_GAIN_OF_COPIES if reads_in_place(b, i) else LEAST_GAIN",
        "LEAST_GAIN",
        T_LAYOUT + "test_the_filtering_that_suits_the_outputs_of_few_images[7-1-direct-256]",
    ),
    Mutant(
        PLAN,
        "b.quickly_made if copies > COPIES * b.weights.flat.nbytes else set()",
        "b.quickly_made",
        T_MEMORY + "test_one_image_keeps_no_copies_that_are_quickly_made_beside_few_weights",
    ),
    Mutant(
        PLAN,
        "LARGE // 4 if b.few else LARGE",
        "LARGE",
        T_MEMORY + "test_one_image_makes_middling_ones_when_they_are_read",
    ),
    Mutant(
        PLAN,
        "early or not made <= late or",
        "early or",
        T_MEMORY + "test_one_image_keeps_no_copies_that_are_quickly_made_beside_few_weights",
    ),
    Mutant(
        FEW_PRODUCTS,
        "if b.batch.groups * y.volume.positions >= MANY_PLACES:",
        "if b.batch.groups * y.volume.positions > MANY_PLACES:",
        T_MEMORY + "test_one_image_keeps_no_copies_that_are_quickly_made_beside_few_weights",
    ),
    Mutant(
        FILTERING,
        "tiles = samples * filtering.tiles(high)",
        "tiles = filtering.tiles(high)",
        T_LAYOUT + "test_the_filtering_that_suits_the_outputs_of_few_images[7-4-F(4x4,3x3)-256]",
    ),
    Mutant(
        FILTERING,
        "problem.window.stride != (1, 1, 1) or problem.window.dilation != (1, 1, 1)",
        "problem.window.stride != (1, 1, 1)",
        T_LAYOUT + "test_what_winograd_is_not_for_is_done_directly[conv3-64 dilation=2]",
    ),
    Mutant(
        FEW_PASSES,
        "x.volume.positions * x.volume.pitch == flat.positions * flat.pitch",
        "x.volume.positions * x.volume.channels == flat.positions * flat.channels",
        T_FEW + "test_whole_networks[1-odd channels flattened]",
    ),
    Mutant(FEW_PASSES, "whole.ref.plus(first)", "whole.ref", T_FEW + "test_whole_networks[1-branches]"),
    Mutant(
        PROBLEM,
        "bias = layer.bias or b.norm(i) is not None",
        "bias = layer.bias",
        T_FUSION + "test_norms_are_folded_into_filters_for_scores[40-no bias]",
    ),
    Mutant(
        PROBLEM,
        "after, weight = b.norm(i), dense_filters(b, i)",
        'after, weight = b.norm(i), b.weight(f"{b.node(i).path}.weight")',
        T_FUSION + "test_norms_are_folded_into_filters_for_scores[40-a table]",
    ),
    Mutant(
        PROBLEM,
        'reads["bias"] = b.weight(f"{node.path}.bias")',
        'reads["bias"] = reads["shift"]',
        T_FUSION + "test_norms_are_folded_into_filters_for_scores[40-a bias]",
    ),
    Mutant(COMPILE, "rule or Sgd()", "Sgd()", T_COMPILE + "test_train_takes_rule_and_seed"),
    Mutant(COMPILE, "memory, seed=seed,", "memory, seed=0,", T_COMPILE + "test_train_takes_rule_and_seed"),
    Mutant(
        COMPILE,
        "return Scores(net, None, batch",
        "return Scores(net, usual_loss(net.graph), batch",
        T_COMPILE + "test_the_output_keeps_its_shape",
    ),
    Mutant(RUN, "self._machine.prepare()", "pass", T_FEW + "test_new_weights_are_taken_over_by_refresh"),
    Mutant(
        RUN,
        "self._losses[:n].copy(), ",
        "self._losses[:n], ",
        T_FUSION + "test_dropout_draws_what_the_formulas_draw[20]",
    ),
    Mutant(
        RUN,
        "found[start : start + len(part)] =",
        "found[: len(part)] =",
        T_COMPILE + "test_infer_gives_the_networks_own_output[70-20]",
    ),
    Mutant(
        RUN,
        "x.flags.aligned and enough",
        "x.flags.aligned",
        T_COMPILE + "test_a_plan_for_few_images_reads_them_all",
    ),
    Mutant(RUN, "address + offset", "address", T_SLICES + "test_scores[8-a classifier]"),
    Mutant(SLICING, "value == 0 or any(", "any(", T_SLICES + "test_scores[8-an input that a pool reads]"),
    Mutant(
        SLICING,
        "value == 0 or any(each.first <= own.first < each.last for each in others)",
        "value == 0",
        T_SLICES + "test_slices_spare_memory[a shortcut past the widest-relu2]",
    ),
    Mutant(SLICING, "kept: b.buffers[kept],", "kept: 0,", T_SLICES + "test_scores[8-a classifier]"),
    Mutant(SLICING, "IMAGES: FLOAT *", "IMAGES: 0 *", T_SLICES + "test_scores[8-norms]"),
    Mutant(
        SLICING,
        "COUNT: COUNT_BYTES * b",
        "COUNT: 0 * b",
        T_SLICES + "test_groups_whose_images_lie_in_the_lanes_are_slices_as_well",
    ),
    Mutant(
        SLICING,
        "FLOAT * slicing.images",
        "FLOAT",
        T_SLICES + "test_groups_whose_images_lie_in_the_lanes_are_slices_as_well",
    ),
    Mutant(
        RUN,
        "if count != self._count:",
        "if count < self._count:",
        T_SLICES + "test_groups_whose_images_lie_in_the_lanes_are_slices_as_well",
    ),
    Mutant(
        PLAN,
        "train or b.one_by_one or",
        "train or",
        T_SLICES + "test_groups_that_go_one_by_one_are_not",
    ),
    Mutant(SLICING, "if ref.buffer in own:", "if False:", T_SLICES + "test_values_of_a_slice_die_with_it"),
    Mutant(
        SLICING,
        "{} if 0 in b.bound else {0: 0}",
        "{}",
        T_SLICES + "test_slices_spare_memory[an input that a sum reads-residual1]",
    ),
    Mutant(
        SLICING,
        "samples * own.size + made",
        "samples * own.size",
        T_SLICES + "test_what_is_made_of_large_filters_is_not_held_for_all_slices",
    ),
    Mutant(
        PLAN,
        "-(-samples // -(-samples // FEW))",
        "min(samples, FEW)",
        T_SLICES + "test_how_a_batch_is_dealt_out",
    ),
    Mutant(
        PLAN,
        "_large(graph) and FOURIER not in taken.values()",
        "_large(graph)",
        T_SLICES + "test_fourier_transforms_are_worth_more",
    ),
    Mutant(
        PLAN,
        "min(forced[1], 1) <= forced[0]",
        "forced[1] >= 0",
        T_SLICES + "test_what_is_forced_is_done",
    ),
    Mutant(
        REWRITE,
        "parts | fixed",
        "parts",
        T_FUSION + "test_a_sum_is_not_written_over_what_is_read_from_outside",
    ),
    Mutant(
        PLAN,
        "    if not b.own:\n",
        "    if train or not b.own:\n",
        "engine/test_large_windows.py::test_large_windows_take_it_and_agree_with_the_formulas[70]",
    ),
    Mutant(
        PLAN,
        "for name in made) < least:",
        "for name in made) > least:",
        T_MEMORY + "test_large_filters_are_made_just_before_they_are_read",
    ),
    Mutant(
        BUILDER,
        "if like and readers == 1 and",
        "if like and",
        T_MEMORY + "test_not_over_one_that_is_read_again",
    ),
    Mutant(
        BUILDER,
        "free = not self.train and",
        "free =",
        T_PLAN + "test_training_step_of_whole_networks",
    ),
    Mutant(
        EMIT,
        "key = make, args, frozenset(options.items())",
        "key = make, args",
        T_EMIT + "test_equal_arguments_write_one_kernel_within_a_plan",
    ),
    Mutant(
        UPDATE,
        "k.splat(decayed, line)",
        "k.splat(decayed)",
        "kernels/test_update.py::test_sgd",
    ),
    Mutant(
        UPDATE,
        "for i in range(0, LINE, k.lanes):",
        "for i in range(0, k.lanes, k.lanes):",
        "kernels/test_update.py::test_sgd",
    ),
    Mutant(
        IN_PLACE,
        "return groups == 1 and [(a.window",
        "return [(a.window",
        T_IN_PLACE + "test_winograd_is_not_for_other_3x3_windows",
    ),
    Mutant(
        IN_PLACE,
        "if samples < cpu.lanes:",
        "if samples <= cpu.lanes:",
        T_IN_PLACE + "test_few_images_or_full_vectors_of_filters_suit",
    ),
    Mutant(
        IN_PLACE,
        "d.cpu, d.batch, x, y, window.before, bias",
        "d.cpu, d.batch, x, y, (0, 0, 0), bias",
        T_FUNCTION + "test_winograd_is_another_way_to_the_same[6-shape0]",
    ),
    Mutant(
        POOLING,
        "return *output_sizes(axes), x[0][-1]",
        "return *output_sizes(axes), 1",
        T_LEDGER + "test_connections",
    ),
    Mutant(
        POOLING,
        'refuse_empty_windows(axes, "pooling")',
        "pass",
        T_POOL + "test_a_window_in_padding_alone_is_refused",
    ),
    Mutant(
        REWRITE,
        "        and own not in joins\n",
        "",
        T_OVER + "test_scores[20-a concatenation]",
    ),
    Mutant(
        REWRITE,
        "        and last not in parts\n",
        "",
        T_OVER + "test_scores[20-the sum is a part of a concatenation]",
    ),
    Mutant(
        REWRITE,
        "activation_after(total, any_source=True) or total",
        "total",
        T_OVER + "test_scores[20-its activation is one]",
    ),
    Mutant(
        REWRITE,
        "root not in parts | fixed",
        "root not in fixed",
        T_OVER + "test_scores[20-a part of a concatenation]",
    ),
    Mutant(
        REWRITE,
        "all(j < head for j",
        "all(j <= head for j",
        T_OVER + "test_scores[20-its own input]",
    ),
    Mutant(
        REWRITE,
        "root = roots[value]",
        "root = value",
        T_OVER + "test_scores[2-one that is read again]",
    ),
    Mutant(
        REWRITE,
        "if few or over or isinstance",
        "if over or isinstance",
        T_OVER + "test_a_sum_takes_a_step_only_where_its_other_term_is_needed",
    ),
    Mutant(
        REWRITE,
        "over = not train and _spent(",
        "over = _spent(",
        T_OVER + "test_training_keeps_all_terms",
    ),
    Mutant(
        PRODUCTS,
        "if not b.over(i) and _is_long(",
        "if _is_long(",
        T_OVER + "test_scores[20-a window of the whole input]",
    ),
    Mutant(
        "engine/lower/fourier.py",
        "accumulate=b.over(i),",
        "accumulate=False,",
        T_OVER + "test_scores[20-fourier]",
    ),
    Mutant(
        PLAN,
        "    if not b.own:\n",
        "    if True:\n",
        T_MEMORY + "test_scores_of_many_images_make_large_things_in_every_run",
    ),
    Mutant(
        PLAN,
        "train or samples >= MANY",
        "train or samples > MANY",
        T_MEMORY + "test_scores_of_many_images_make_large_things_in_every_run",
    ),
    Mutant(
        PLAN,
        "else len(first)",
        "else len(b.prologue)",
        T_MEMORY + "test_scores_of_many_images_make_large_things_in_every_run",
    ),
    Mutant(
        L_NORM,
        "if factor.buffer not in b.buffers:",
        "if factor:",
        T_MEMORY + "test_scores_of_many_images_make_large_things_in_every_run",
    ),
    Mutant(
        K_CONV,
        "None, activation, accumulate)",
        "None, activation, False)",
        T_K_CONV + "test_a_sum_is_written_over_one_of_its_terms",
    ),
    Mutant(
        K_CONV,
        "k.vector(factor, row + i, count)",
        "k.vector(factor, i, count)",
        T_K_CONV + "test_scaled_weights_are_packed_as_the_products_are",
    ),
    Mutant(
        CHANNELS + "pack.py",
        "scales = [factor + filter for factor in factors]",
        "scales = factors",
        T_CONVOLVE + "test_scaled_weights_are_packed_as_the_products_are",
    ),
    Mutant(
        CHANNELS + "winograd.py",
        "k.vector(factor, first, count)",
        "k.vector(factor, 0, count)",
        T_FILTER + "test_scaled_filters_are_mapped_as_the_products_are",
    ),
    Mutant(
        "kernels/fourier.py",
        "k.vector(factor, first + piece, some)",
        "k.vector(factor, piece, some)",
        "kernels/test_fourier.py::test_spectra_of_scaled_filters_are_those_of_the_products",
    ),
    Mutant(
        "kernels/winograd.py",
        "k.vector(factor, row, some)",
        "k.vector(factor, first, some)",
        "kernels/test_winograd.py::test_scaled_filters_are_mapped_as_the_products_are",
    ),
    Mutant(
        "files/tensors.py",
        "digest = hashlib.sha256(_text(header))",
        "digest = hashlib.sha256()",
        "files/test_parts.py::test_some_flipped_bits_are_seen",
    ),
    Mutant(
        "files/tensors.py",
        "if entry.begin != end:",
        "if entry.begin < end:",
        "files/test_parts.py::test_headers_that_cannot_be_true",
    ),
    Mutant(
        "files/tensors.py",
        "-(8 + len(text)) % LINE",
        "-len(text) % LINE",
        "files/test_parts.py::test_arrays_begin_at_multiples_of_their_elements",
    ),
    Mutant(
        "files/tensors.py",
        "(-arrays[name].dtype.itemsize, name)",
        "name",
        "files/test_parts.py::test_arrays_begin_at_multiples_of_their_elements",
    ),
    Mutant(
        "files/parts.py",
        "if version > newest:",
        "if version > newest + 1:",
        "files/test_parts.py::test_what_a_newer_kitnet_wrote_is_refused_by_name",
    ),
    Mutant(
        "files/whole.py",
        "        sync_folder(path.parent)\n",
        "",
        "files/test_write_whole.py::test_everything_is_on_disk_before_the_name_changes",
    ),
    Mutant(
        "train/network_parts.py",
        "if array.shape != shape or array",
        "if len(array.shape) != len(shape) or array",
        "train/test_resuming.py::test_arrays_of_another_shape_or_type_fill_nothing",
    ),
    Mutant(
        "train/checkpoint.py",
        "if progress.step >= steps:",
        "if progress.step > steps:",
        "train/test_resuming.py::test_progress_that_cannot_be",
    ),
    Mutant(
        "train/saves.py",
        "if other not in (path, self.newest):",
        "if other != path:",
        "train/test_resuming.py::test_the_two_newest_checkpoints_stay",
    ),
    Mutant(
        "train/saves.py",
        "merits[-1] > other",
        "merits[-1] >= other",
        "train/test_resuming.py::test_the_best_epoch_has_the_best_accuracy_then_the_lowest_loss",
    ),
    Mutant(
        "train/folder.py",
        "key=lambda one: -int(one[0][1])",
        "key=lambda one: int(one[0][1])",
        "train/test_resuming.py::test_a_damaged_checkpoint_and_the_one_before_it",
    ),
    Mutant(
        "train/network_parts.py",
        "if read != net:",
        "if len(read.graph.nodes) != len(net.graph.nodes):",
        "train/test_model_file.py::test_data_that_are_wrong",
    ),
    Mutant(
        "train/model.py",
        "[self.formula_scores(one[None]) for one in x]",
        "[self.formula_scores(x)]",
        "train/test_model_file.py::test_saving_needs_no_more_memory_than_one_image",
    ),
    Mutant(
        "net/memory.py",
        "need > free * SHARE // 100",
        "need >= free * SHARE // 100",
        "net/test_least_memory.py::test_most_of_what_is_free",
    ),
    Mutant(
        "net/memory.py",
        "most - used + reclaimed",
        "most - used",
        "net/test_least_memory.py::test_a_limit_of_a_control_group",
    ),
    Mutant(
        "net/memory.py",
        "for group in [inner, *inner.parents]:",
        "for group in [inner]:",
        "net/test_least_memory.py::test_a_limit_of_a_control_group",
    ),
]
