"""Bugs in pools: their regions, what their windows miss, their formulas and their kernels."""

from mutant import Mutant

ROWS = "layers/test_pooling_rows.py::"
KINDS = "layers/test_kinds_of_pools.py::"
REGIONS = "layers/test_regions.py::"
KERNELS = "kernels/test_pool.py::"

POOLS = [
    # Axes
    Mutant(
        "Axis.start",
        "position * self.stride - self.before",
        "position * self.stride",
        "layers/test_convolution_formulas.py::test_loops_and_im2col_and_scipy_agree",
    ),
    Mutant(
        "Axis.start",
        "position * self.size // self.output",
        "position * (self.size // self.output)",
        REGIONS + "test_regions_begin_at_the_floor_and_end_at_the_ceiling",
    ),
    Mutant(
        "Axis.taps",
        "-(-(position + 1) * self.size // self.output) - start",
        "(position + 1) * self.size // self.output - start",
        REGIONS + "test_regions_begin_at_the_floor_and_end_at_the_ceiling",
    ),
    Mutant(
        "Axis.taps",
        "-(start // self.dilation)",
        "-start // self.dilation",
        KINDS + "test_a_window_in_padding_alone_is_refused_wherever_it_lies",
    ),
    Mutant(
        "Axis.links",
        "self.size + self.output - math.gcd(self.size, self.output)",
        "self.size",
        REGIONS + "test_links_of_regions",
    ),
    Mutant(
        "divide",
        "size + of - 1",
        "size",
        REGIONS + "test_regions_begin_at_the_floor_and_end_at_the_ceiling",
    ),
    Mutant(
        "divide",
        "largest if of == 1 else 0",
        "0",
        REGIONS + "test_regions_that_fit_are_windows_side_by_side",
    ),
    # Windows
    Mutant(
        "Axis.empty",
        "[self.output - 1]",
        "[0]",
        "layers/test_pooling.py::test_a_window_in_padding_alone_is_refused",
    ),
    Mutant(
        "Axis.empty",
        "min(self.output, self.size + 1) if self.dilation > self.size else 1",
        "1",
        KINDS + "test_a_window_in_padding_alone_is_refused_wherever_it_lies",
    ),
    Mutant(
        "side_by_side",
        "np.where(missing, x.dtype.type(fill), x.take(places, 1 + i))",
        "x.take(places, 1 + i)",
        REGIONS + "test_pools_over_regions",
    ),
    Mutant(
        "merge",
        "np.moveaxis(whole, 0, 1 + i)",
        "np.moveaxis(whole, 0, -2)",
        REGIONS + "test_the_two_directions_of_regions_are_adjoint",
    ),
    Mutant(
        "layers.window:send_back",
        "np.expand_dims(d, taps)",
        "np.expand_dims(d / area(axes), taps)",
        REGIONS + "test_the_two_directions_of_regions_are_adjoint",
    ),
    Mutant(
        "layers.window:sums",
        "range(1 + len(axes), 1 + 2 * len(axes))",
        "range(1, 1 + len(axes))",
        ROWS + "test_l2_and_square_pooling",
    ),
    # Layers
    Mutant(
        "Pooling.axes",
        "divide(x, self.regions, 'pooling window')",
        "slide(x, self.regions, self.regions)",
        ROWS + "test_disjoint_regions",
    ),
    Mutant(
        "Pooling.axes",
        "self.dilation",
        "1",
        KINDS + "test_taps_lie_apart",
    ),
    Mutant(
        "MaxPool.forward",
        "seen.argmax(-2, keepdims=True)",
        "0 * seen.argmax(-2, keepdims=True)",
        "layers/test_pooling.py::test_57_max_pooling_keeps_a_quarter",
    ),
    Mutant(
        "MaxPool.backward",
        "np.put_along_axis(d, winners, dy[..., None, :], -2)",
        "np.add(d, dy[..., None, :], out=d)",
        "layers/test_pooling.py::test_52_the_winner_alone_gets_the_gradient",
    ),
    Mutant(
        "MeanPool._counts",
        "area(axes)",
        "area(axes) - 1",
        KINDS + "test_counted_padding_lowers_the_means_at_the_border",
    ),
    Mutant(
        "MeanPool.forward",
        "sums(x[0], axes) / self._counts(axes, x[0].dtype)",
        "sums(x[0], axes)",
        ROWS + "test_means_keep_the_ground_and_maxima_the_texture",
    ),
    Mutant(
        "MeanPool.backward",
        "send_back(dy / self._counts(axes, dy.dtype), axes)",
        "send_back(dy, axes)",
        ROWS + "test_mean_pooling_back_is_a_convolution_with_quarters_and_a_kronecker_product",
    ),
    Mutant(
        "SumPool.backward",
        "send_back(dy, self.axes(kept.shapes[0][1:]))",
        "send_back(dy, self.axes(kept.shapes[0][1:])) / 4",
        ROWS + "test_overlapping_windows",
    ),
    Mutant("SquarePool.forward", "x[0] * x[0]", "x[0]", ROWS + "test_l2_and_square_pooling"),
    Mutant(
        "SquarePool.backward",
        "2 * x * send_back(dy, self.axes(x.shape[1:]))",
        "x * send_back(dy, self.axes(x.shape[1:]))",
        ROWS + "test_l2_pooling_back_leads_through_a_root_a_sum_and_squares",
    ),
    Mutant(
        "L2Pool.forward",
        "np.sqrt(sums(x[0] * x[0], axes))",
        "sums(x[0] * x[0], axes)",
        ROWS + "test_l2_and_square_pooling",
    ),
    Mutant(
        "L2Pool.backward",
        "np.divide(dy, y ** (self.p - 1), out=np.zeros_like(y), where=y > 0)",
        "dy * y",
        ROWS + "test_l2_pooling_back_leads_through_a_root_a_sum_and_squares",
    ),
    Mutant(
        "L2Pool.backward",
        "np.divide(dy, y ** (self.p - 1), out=np.zeros_like(y), where=y > 0)",
        "dy / y",
        KINDS + "test_the_norm_of_zeros_has_no_slope",
    ),
    Mutant(
        "StochasticPool.forward",
        "np.maximum(windows(x[0], axes), 0)",
        "np.abs(windows(x[0], axes))",
        KINDS + "test_numbers_below_zero_are_never_drawn_and_have_no_weight",
    ),
    Mutant(
        "layers.stochastic_pool:_drawn",
        "arrows * borders[..., -1:, :] < borders",
        "arrows < np.arange(1, a.shape[-2] + 1)[:, None] / a.shape[-2]",
        ROWS + "test_stochastic_pooling_draws_in_training_and_weighs_in_evaluation",
    ),
    Mutant(
        "layers.stochastic_pool:_drawn",
        "(y > 0).astype(a.dtype)",
        "np.ones_like(y)",
        KINDS + "test_a_window_without_a_positive_number_gives_zero",
    ),
    Mutant(
        "layers.stochastic_pool:_weighted",
        "(share * a * a).sum(-2, keepdims=True)",
        "(share * a).sum(-2, keepdims=True)",
        ROWS + "test_stochastic_pooling_draws_in_training_and_weighs_in_evaluation",
    ),
    Mutant(
        "layers.stochastic_pool:_weighted",
        "(2 * a - y) * share",
        "a * share",
        "layers/test_conformance.py::test_layer[check_gradient-stochasticpool]",
    ),
    Mutant(
        "Unpool.backward",
        "np.take_along_axis(d, winners, -2).squeeze(-2)",
        "d.sum(-2)",
        KINDS + "test_unpooling_is_the_way_back_of_the_max_pool_and_its_own_way_back_reads_the_winners",
    ),
    Mutant(
        "Unpool.output_shape",
        "pooled != self.pool.output_shape(seen)",
        "pooled[-1] != seen[-1]",
        KINDS + "test_what_cannot_be_unpooled",
    ),
    Mutant(
        "net.memory:_padded",
        "layer.axes(x[-1])",
        "layer.axes(x[0])",
        "net/test_least_memory.py::test_bytes_are_counted",
    ),
    Mutant(
        "REGIONS",
        "'global' if value == 1 else SIZES.write(value)",
        "SIZES.write(value)",
        REGIONS + "test_a_global_pool_is_of_the_whole_map_whatever_its_axes",
    ),
    Mutant(
        "LayerReader._unknown",
        "_END.sub('', token.text.lower())",
        "word",
        KINDS + "test_words_of_others_lead_to_l2_pooling",
    ),
    # Kernels
    Mutant(
        "kernels.sliding:start",
        "position * axis.size // axis.output",
        "position * (axis.size // axis.output)",
        KERNELS + "test_pools_of_sums",
    ),
    Mutant(
        "taps_inside",
        "_ceiling((position + 1) * axis.size, axis.output)",
        "(position + 1) * axis.size // axis.output",
        KERNELS + "test_pools_of_sums",
    ),
    Mutant(
        "taps_inside",
        "_ceiling(axis.before - position * axis.stride, d)",
        "axis.before - position * axis.stride",
        KERNELS + "test_pools_of_sums",
    ),
    Mutant(
        "covering",
        "_ceiling((place + 1) * axis.output, axis.size)",
        "(place + 1) * axis.output // axis.size",
        KERNELS + "test_pools_of_sums",
    ),
    Mutant("covering", "axis.extent", "axis.window", KERNELS + "test_pools_of_sums"),
    Mutant("hitting", "a.dilation > 1", "False", KERNELS + "test_pools_of_sums"),
    Mutant(
        "tap_place",
        "t * a.dilation",
        "t * (a.dilation if a.before else 1)",
        KERNELS + "test_max_pool_is_the_formula_bit_for_bit",
    ),
    Mutant(
        "kernels.sliding:send_back",
        "a.dilation == 1",
        "True",
        KERNELS + "test_pools_of_sums",
    ),
    Mutant("sum_pool", "k.sqrt(value)", "value", KERNELS + "test_pools_of_sums"),
    Mutant("sum_pool_gradient", "norm > 0.0", "norm >= 0.0", KERNELS + "test_pools_of_sums"),
    Mutant("sum_pool_gradient", "value + value", "value", KERNELS + "test_pools_of_sums"),
    Mutant(
        "kernels.sum_pool:_share",
        "kind == 'padded_mean'",
        "False",
        KERNELS + "test_pools_of_sums",
    ),
    Mutant(
        "engine.lower.pooling:_kind",
        "'padded_mean' if padded else _SUMS[b.node(i).word][0]",
        "_SUMS[b.node(i).word][0]",
        "engine/test_executor.py::test_every_layer_and_case[meanpool-images]",
    ),
]
