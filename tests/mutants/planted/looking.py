"""Bugs in what shows the inside of a network: values, traces, maps, attributions, filters of photographs."""

from mutant import Mutant

INSIDE, TRACE, MAPS = "look/test_inside.py::", "look/test_trace.py::", "look/test_maps.py::"
ATTRIBUTION, CONVOLVE = "look/test_attribution.py::", "cli/test_convolve_command.py::"

LOOKING = [
    # Values and gradients by path
    Mutant(
        "Readout.__call__",
        "self._machine.prepare()",
        "None",
        INSIDE + "test_weights_that_change_are_seen_by_the_same_probe",
    ),
    Mutant("Readout.__init__", "_copied(state)", "state", INSIDE + "test_state_stays_as_it_was"),
    Mutant(
        "Probe._run",
        "graph.leading_to(*ends)",
        "range(len(graph.nodes))",
        INSIDE + "test_what_does_not_depend_on_anything_has_no_gradient",
    ),
    Mutant(
        "Probe.__call__",
        "self.net.weights.astype(dtype)",
        "self.net.weights",
        TRACE + "test_what_is_inside_stays_when_the_network_learns_on",
    ),
    Mutant("Inside.best", "-self.scores", "self.scores", INSIDE + "test_scores_with_their_classes"),
    # The arithmetic of one number
    Mutant(
        "look.trace:_of_value",
        "f'dx{i}'",
        "'dx0'",
        TRACE + "test_every_layer_and_case[multiply]",
    ),
    Mutant(
        "look.trace:_of_parameter",
        "node.owner == owner",
        "node.path == owner",
        TRACE + "test_shared_weights_get_from_every_layer_that_has_them",
    ),
    Mutant(
        "look.trace:_seed",
        "path in inside.seeds",
        "False",
        TRACE + "test_the_way_back_begins_with_what_is_given",
    ),
    Mutant(
        "look.trace:_renamed",
        "Number(of_values[one.path], one.index[1:], one.value)",
        "Number(of_values[one.path], one.index, one.value)",
        TRACE + "test_a_convolution_names_its_window_and_weights",
    ),
    Mutant(
        "look.trace:_pass",
        "(node.path, dy is None)",
        "(node.path, True)",
        TRACE + "test_all_numbers_of_a_network_come_to_themselves",
    ),
    Mutant(
        "look.trace:_passes_on",
        "in_place(node.layer) or at_its_place",
        "not (in_place(node.layer) or at_its_place)",
        TRACE + "test_an_activation_is_followed_to_its_sum",
    ),
    Mutant(
        "Convolution._seen_by",
        "c - group * each",
        "c",
        "layers/test_conformance.py::test_layer[check_terms-conv]",
    ),
    Mutant(
        "LocalResponseNorm.terms",
        "-self.beta - 1",
        "-self.beta",
        TRACE + "test_every_layer_and_case[lrn]",
    ),
    Mutant(
        "look.trace:_renamed",
        "len(one.index) == 1 + len(node.shape)",
        "False",
        TRACE + "test_the_terms_of_a_response_norm_and_a_batch_norm",
    ),
    # Maps, filters and strips
    Mutant(
        "as_planes",
        "np.moveaxis(values.reshape(math.prod(sizes) // width, width, channels), -1, 0)",
        "values.reshape(channels, math.prod(sizes) // width, width)",
        MAPS + "test_a_map_is_shaded_between_the_smallest_and_the_largest_number",
    ),
    Mutant(
        "look.maps:shaded",
        "np.clip(values, low, high) - low",
        "np.clip(values, low, high)",
        MAPS + "test_a_map_is_shaded_between_the_smallest_and_the_largest_number",
    ),
    Mutant(
        "filters_of",
        "_pictures(path, weight, most)",
        "_pictures(path, weight[::-1], most)",
        "look/test_filters.py::test_grey_filters",
    ),
    Mutant(
        "paths_of",
        "in_place(node.layer) or node.word.endswith('norm')",
        "in_place(node.layer)",
        MAPS + "test_a_long_strip_shows_what_activations_and_norms_made",
    ),
    # Attribution
    Mutant(
        "Rectified.backward",
        "np.maximum(dy, 0)",
        "dy",
        ATTRIBUTION + "test_the_three_ways_back_differ_by_what_a_relu_lets_through",
    ),
    Mutant(
        "strongest",
        "value.argmax()",
        "abs(value).argmin()",
        ATTRIBUTION + "test_a_projection_begins_where_it_is_told",
    ),
    Mutant(
        "look.attribution.saliency:saliency",
        "np.abs(probe(image, output=of).gradients[probe.input]).max(-1)",
        "np.abs(probe(image, output=of).gradients[probe.input]).mean(-1)",
        ATTRIBUTION + "test_saliency_is_the_slope_of_the_score",
    ),
    Mutant(
        "grad_cam",
        "gradient.mean((0, 1))",
        "maps.mean((0, 1))",
        ATTRIBUTION + "test_grad_cam_is_its_two_equations",
    ),
    Mutant(
        "look.attribution.occlusion:occlusion",
        "left + side",
        "left + side - 1",
        ATTRIBUTION + "test_occlusion_asks_the_network_once_for_each_square",
    ),
    Mutant(
        "look.attribution.patches:window",
        "field.offset + position * field.jump",
        "position * field.jump",
        ATTRIBUTION + "test_a_patch_at_the_border_is_grey_outside",
    ),
    Mutant(
        "spread",
        "np.interp(np.arange(width), columns, row)",
        "np.interp(np.arange(width) + 1, columns, row)",
        ATTRIBUTION + "test_heat_lies_over_the_picture",
    ),
    Mutant("slide", "(c - 1) / 2", "c / 2", ATTRIBUTION + "test_sliding_over_a_larger_picture"),
    # Filters of photographs
    Mutant(
        "filtered",
        "filter.factor * made + filter.bias",
        "filter.factor * (made + filter.bias)",
        CONVOLVE + "test_numbers_of_ones_own_turned_and_shifted",
    ),
    Mutant("filtered", "mode='edge'", "mode='wrap'", CONVOLVE + "test_every_filter[sharpen]"),
    # In notebooks
    Mutant(
        "base.html:table",
        "i < left",
        "i <= left",
        "base/test_table.py::test_a_table_of_a_notebook_has_the_same_rows_escaped",
    ),
]
