"""Bugs in the lowering of layers."""

from mutant import Mutant

LOWER = [
    Mutant("called", "len(parts) - len(words) + 1", "1", "engine/test_compile.py::test_a_plan_is_made_once"),
    Mutant(
        "engine.lower.convolution:forward",
        "not b.over(i) and _is_long(b, x.volume, y.volume, problem)",
        "_is_long(b, x.volume, y.volume, problem)",
        "engine/test_sums_over_terms.py::test_scores[20-a window of the whole input]",
    ),
    Mutant(
        "_activate_backward",
        "i if activation.reads == 'y' else node.inputs[0]",
        "i",
        "engine/test_executor.py::test_every_layer_and_case[silu-images]",
    ),
    Mutant(
        "_same",
        "not asked and x.positions * x.pitch == flat.positions * flat.pitch",
        "x.positions * x.pitch == flat.positions * flat.pitch",
        "engine/test_graphs_compiled.py::test_what_is_done_in_passing_is_read",
    ),
    Mutant(
        "_same",
        "x.positions * x.pitch == flat.positions * flat.pitch",
        "x.positions * x.channels == flat.positions * flat.channels",
        "engine/test_few_images.py::test_whole_networks[1-odd channels flattened]",
    ),
    Mutant(
        "engine.lower.few:_direct",
        "scaled=scaled",
        "scaled=False",
        "engine/test_few_images.py::test_large_filters_of_one_image_are_read_where_they_lie[sums]",
        index=0,
    ),
    Mutant(
        "engine.lower.few:_direct",
        "b.batch.groups > 1",
        "problem.window.taps == 1 and b.batch.groups > 1",
        "engine/test_choice_of_layout.py::test_products_of_all_samples_wait_for_all_before_them[8-direct]",
    ),
    Mutant(
        "engine.lower.few:_winograd",
        "b.batch.groups * y.volume.positions >= MANY_PLACES",
        "b.batch.groups * y.volume.positions > MANY_PLACES",
        "engine/test_memory.py::test_one_image_keeps_no_copies_that_are_quickly_made_beside_few_weights",
    ),
    Mutant(
        "engine.lower.few:_winograd",
        "across=True",
        "across=False",
        "engine/test_choice_of_layout.py::test_products_of_all_samples_wait_for_all_before_them[2-filtered]",
    ),
    Mutant(
        "refuses",
        "problem.window.stride != (1, 1, 1) or problem.window.dilation != (1, 1, 1)",
        "problem.window.stride != (1, 1, 1)",
        "engine/test_choice_of_layout.py::test_what_winograd_is_not_for_is_done_directly"
        "[conv3-64 dilation=2]",
    ),
    Mutant(
        "refuses",
        "problem.groups > 1",
        "problem.groups > 2",
        "engine/test_choice_of_layout.py::test_what_winograd_is_not_for_is_done_directly"
        "[conv3-64 same groups=2]",
    ),
    Mutant(
        "_costs_of_few",
        "LEAST_GAIN_OF_COPIES if reads_in_place(b, i) else LEAST_GAIN",
        "LEAST_GAIN",
        "engine/test_choice_of_layout.py::test_the_filtering_that_suits_the_outputs_of_few_images"
        "[16-7-1-direct-256]",
    ),
    Mutant(
        "_costs_of_few",
        "28 * slow + samples * high * wide",
        "8 + samples * high * wide",
        "engine/test_choice_of_layout.py::test_the_filtering_that_suits_the_outputs_of_few_images"
        "[16-5-1-winograd2-128]",
    ),
    Mutant(
        "_costs_of_few",
        "samples * filtering.tiles(high)",
        "filtering.tiles(high)",
        "engine/test_choice_of_layout.py::test_the_filtering_that_suits_the_outputs_of_few_images"
        "[16-7-4-winograd4-256]",
    ),
    Mutant(
        "engine.lower.filtering:refuses",
        "b.cpu.lanes if b.few else LEAST_CHANNELS",
        "LEAST_CHANNELS",
        "engine/test_choice_of_layout.py::test_the_filtering_that_suits_the_outputs_of_few_images"
        "[8-28-1-winograd4-8]",
    ),
    Mutant(
        "_costs_of_few",
        "b.cpu.lanes / 16",
        "1",
        "engine/test_choice_of_layout.py::test_the_filtering_that_suits_the_outputs_of_few_images"
        "[8-14-1-winograd4-256]",
    ),
    Mutant(
        "_costs_of_few",
        "filtering.frequencies * (18 * slow + tiles)",
        "filtering.frequencies * (2 + tiles)",
        "engine/test_choice_of_layout.py::test_the_filtering_that_suits_the_outputs_of_few_images"
        "[16-14-1-winograd2-256]",
    ),
    Mutant(
        "engine.lower.formula:_across",
        "node.layer.mixes_samples(b.train) or changes",
        "True",
        "engine/test_executor.py::test_a_formula_among_kernels_costs_the_others_nothing",
    ),
    Mutant(
        "engine.lower.formula:_backward",
        "so_far if dx is None else so_far + dx",
        "dx",
        "engine/test_graphs_compiled.py::test_formulas_in_the_place_of_kernels_change_nothing[forbidden2]",
    ),
    Mutant(
        "engine.lower.formula:_backward",
        "np.zeros((len(given), *shapes[j]))",
        "np.ones((len(given), *shapes[j]))",
        "engine/test_executor.py::test_layers_of_ones_own",
    ),
    Mutant(
        "_Shares.put",
        "memory.task * math.prod(shape)",
        "0",
        "engine/test_executor.py::test_networks_with_layers_of_ones_own_train_as_by_their_formulas",
    ),
    Mutant(
        "fourier_forward",
        "accumulate=b.over(i)",
        "accumulate=False",
        "engine/test_sums_over_terms.py::test_scores[20-fourier]",
    ),
    Mutant(
        "engine.lower.norm:IMPLEMENTATIONS",
        "across=lambda b, i: True",
        "across=lambda b, i: False",
        "engine/test_plan.py::test_groups_wait_for_each_other_only_where_statistics_need_them_all",
    ),
    Mutant(
        "engine.lower.output:_loss",
        "_kernel(b, node.layer, scores.volume, apart.volume, goal.weight)",
        "_kernel(b, node.layer, scores.volume, apart.volume, 1.0)",
        "engine/test_graphs_compiled.py::test_both_engines_train_it_to_the_same_losses[images]",
    ),
    Mutant(
        "problem_of",
        "layer.bias or b.norm(i) is not None",
        "layer.bias",
        "engine/test_fusion.py::test_norms_are_folded_into_filters_for_scores[40-no bias]",
    ),
    Mutant(
        "reads_in_place",
        "b.batch.groups * math.prod(shape[:-1])",
        "math.prod(shape[:-1])",
        "engine/test_few_images.py::test_where_the_sums_of_more_images_are_many_filters_are_packed",
    ),
    Mutant(
        "reads_in_place",
        "FLOAT * problem.weights >= LARGE and problem.groups == 1",
        "FLOAT * problem.weights >= LARGE",
        "engine/test_few_images.py::test_large_filters_of_one_image_are_read_where_they_lie[two groups]",
    ),
    Mutant(
        "made_of",
        "dense_filters(b, i)",
        "b.weight(f'{b.node(i).path}.weight')",
        "engine/test_fusion.py::test_norms_are_folded_into_filters_for_scores[40-a table]",
    ),
    Mutant(
        "bias_of",
        "reads['bias'] = b.weight(i, 'bias')",
        "reads['bias'] = reads['shift']",
        "engine/test_fusion.py::test_norms_are_folded_into_filters_for_scores[40-a bias]",
    ),
    Mutant(
        "_Lowering._again",
        "b.move(j)",
        "b.place(j)",
        "engine/test_memory.py::test_large_images_are_put_into_lanes_again",
    ),
]
