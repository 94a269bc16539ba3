"""Bugs in the convolutions beside the ordinary one, in padding and in upsampling."""

from mutant import Mutant

_ROWS = "layers/test_convolution_rows.py::"
_DEPTHWISE = "kernels/test_depthwise.py::"
_LOCAL = "kernels/test_local.py::"

CONVOLUTIONS = [
    Mutant(
        "half_turn",
        "tuple(range(w.ndim - 2))",
        "tuple(range(w.ndim - 3))",
        _ROWS + "test_convolution_is_correlation_with_the_filter_turned_by_two_quarters",
    ),
    Mutant(
        "Convolution.backward",
        "half_turn(weight)",
        "weight",
        _ROWS + "test_the_way_back_is_two_convolutions_in_both_conventions",
    ),
    Mutant(
        "Convolution._tap",
        "a.window - 1 - t",
        "t",
        "layers/test_conformance.py::test_layer[check_definition-conv]",
    ),
    Mutant(
        "correlated",
        "(arrays.pop('x'), arrays['w'])",
        "(arrays.pop('x'), arrays['w'][..., :1])",
        _ROWS + "test_several_filters_give_a_map_each",
    ),
    Mutant(
        "functional.convolution:_layer",
        "flip=bool(flip)",
        "flip=False",
        _ROWS + "test_a_finely_sampled_convolution_approaches_the_integral",
    ),
    Mutant(
        "normalised_correlation",
        "np.square(x, dtype=np.float64)",
        "abs(x)",
        _ROWS + "test_cosines_of_windows_and_filters",
    ),
    Mutant(
        "normalised_correlation",
        "x / _largest(x, tuple(range(1, x.ndim)))",
        "x",
        "layers/test_cells_and_templates.py::test_the_angle_does_not_depend_on_how_bright_all_is",
    ),
    Mutant(
        "normalised_correlation",
        "np.square(w, dtype=np.float64).sum(tuple(range(w.ndim - 1)))",
        "np.square(w, dtype=np.float64).sum()",
        _ROWS + "test_a_cosine_does_not_depend_on_the_length_of_a_window",
    ),
    Mutant("dilation_of", "gap + 1", "gap + 2", _ROWS + "test_dilation_counted_from_nought"),
    Mutant(
        "is_spread",
        "layer.flip or layer.table is not None",
        "layer.table is not None",
        _ROWS + "test_transforms_give_what_the_direct_sum_gives",
    ),
    Mutant(
        "TransposedConvolution.adjoint_axes",
        "s * (n - 1) + e - before - after + m",
        "s * n + e - before - after + m",
        _ROWS + "test_transposed_arithmetic",
    ),
    Mutant(
        "TransposedConvolution.adjoint_axes",
        "m >= s",
        "m > s",
        "layers/test_other_convolutions.py::test_misfits_in_their_own_words",
    ),
    Mutant(
        "TransposedConvolution.forward",
        "y + w['bias'] if self.bias else y",
        "y",
        "layers/test_conformance.py::test_layer[check_definition-transposed]",
    ),
    Mutant(
        "TransposedConvolution.backward",
        "filter_gradient(d, m, axes)",
        "filter_gradient(m, d, axes)",
        "layers/test_conformance.py::test_layer[check_gradient-transposed]",
    ),
    Mutant(
        "engine.lower.transposed:_backward",
        "sums.of_filters",
        "sums.of_positions",
        "engine/test_executor.py::test_every_layer_and_case[transposed-images]",
    ),
    Mutant(
        "LocallyConnected.forward",
        "y + w['bias'] if self.bias else y",
        "y",
        "layers/test_conformance.py::test_layer[check_definition-local]",
    ),
    Mutant(
        "LocallyConnected.params",
        "(*output[:-1], *window, depth, self.filters)",
        "(*window, depth, self.filters)",
        _ROWS + "test_alexnets_first_layer_unshared",
    ),
    Mutant(
        "LocallyConnected._rows",
        "seen.swapaxes(0, 1)",
        "seen.swapaxes(0, 1)[::-1]",
        _ROWS + "test_every_position_has_filters_of_its_own",
    ),
    Mutant(
        "LocallyConnected.backward",
        "dy.sum(0)",
        "dy.mean(0)",
        _ROWS + "test_the_gradient_of_shared_weights_is_the_sum_over_positions",
    ),
    Mutant("Bias.backward", "dy.sum(0)", "dy.sum(0).sum(0)", _ROWS + "test_the_gradient_of_a_bias"),
    Mutant("Bias.params", "x[0]", "x[0][-1:]", _ROWS + "test_the_network_of_1989_has_a_bias_a_unit"),
    Mutant(
        "Pad._source",
        "n - 1 - abs(n - 1 - abs(i))",
        "n - 1 - abs(n - abs(i))",
        "layers/test_conformance.py::test_layer[check_definition-pad]",
    ),
    Mutant(
        "Upsample._sources",
        "(o + 0.5) / f - 0.5",
        "o / f",
        "layers/test_conformance.py::test_layer[check_definition-upsample]",
    ),
    Mutant(
        "Line.adjoint",
        "found[i].append((o, share))",
        "found[i].append((o, 1.0))",
        "layers/test_conformance.py::test_layer[check_gradient-upsample]",
    ),
    Mutant(
        "engine.lower.resample:_backward",
        "line.adjoint",
        "line",
        "engine/test_executor.py::test_every_layer_and_case[pad-images]",
    ),
    Mutant(
        "kernels.resample:_term",
        "k.scalar(shares, n)",
        "k.scalar(shares, first)",
        "kernels/test_resample.py::test_forward_and_back",
    ),
    Mutant(
        "kernels.bias:image_sums",
        "lower(first + c, channels - 1)",
        "first",
        "kernels/test_resample.py::test_a_bias_for_each_position",
    ),
    Mutant(
        "columns_of",
        "0 <= base + at < reach.size",
        "0 <= base + at",
        _DEPTHWISE + "test_tiles_that_are_alike_have_one_code",
    ),
    Mutant(
        "kernels.depthwise:inside",
        "place >= 0",
        "place > 0",
        _DEPTHWISE + "test_hard_cases[same-images]",
    ),
    Mutant(
        "Lanes.parameter",
        "vector // (batch.images // k.lanes) + first",
        "vector + first",
        _DEPTHWISE + "test_hard_cases[strided-images]",
    ),
    Mutant(
        "Lanes.real",
        "self.channels % k.lanes == 0",
        "True",
        _DEPTHWISE + "test_hard_cases",
    ),
    Mutant(
        "kernels.depthwise:_Writer._steps",
        "line.wide.every * place",
        "place",
        _DEPTHWISE + "test_hard_cases[strided-images]",
    ),
    Mutant(
        "kernels.depthwise_gradient:_Writer._put",
        "lower(channels - channel, many)",
        "many",
        _DEPTHWISE + "test_hard_cases[odd channels-images]",
    ),
    Mutant(
        "engine.lower.depthwise:_refuses",
        "channels != filters",
        "False",
        "engine/test_other_convolutions_compiled.py::test_what_the_depthwise_kernel_is_not_for",
    ),
    Mutant(
        "kernels.local:_below",
        "one < other",
        "one + 1 < other",
        _LOCAL + "test_images_in_the_lanes",
        index=0,
    ),
    Mutant(
        "kernels.local:_terms",
        "x.pitch == channels",
        "True",
        _LOCAL + "test_channels_in_the_lanes",
    ),
    Mutant(
        "_FilterGradient._turn",
        "v * self.column",
        "v * k.lanes",
        _LOCAL + "test_images_in_the_lanes",
    ),
    Mutant(
        "engine.lower.local:IMPLEMENTATIONS",
        "across=lambda b, i: b.back",
        "across=lambda b, i: False",
        "engine/test_other_convolutions_compiled.py::test_filters_of_positions_train_over_many_groups",
    ),
]
