"""Bugs in the networks before back-propagation, their cells and rules, and in the network of 1989."""

from mutant import Mutant

LAYERS_ALONE = "layers/test_cells_and_templates.py"
CONFORMANCE = "layers/test_conformance.py"
CELLS = "zoo/test_cells.py"
RULES = "zoo/test_own_rules.py"
RUNS = "train/test_own_rule.py"
OF_1989 = "zoo/test_lenet1989.py"

EARLY = [
    Mutant(
        "SCell.forward",
        "excited / divisor - 1",
        "excited - divisor",
        f"{LAYERS_ALONE}::test_an_s_cell_by_hand",
    ),
    Mutant(
        "SCell._share",
        "2 * self.selectivity / (1 + self.selectivity)",
        "self.selectivity / (1 + self.selectivity)",
        f"{LAYERS_ALONE}::test_with_strong_reinforcement_it_answers_to_the_angle_alone",
    ),
    Mutant(
        "SCell.backward",
        "x * seen",
        "seen",
        f"{CONFORMANCE}::test_layer[check_gradient-scell]",
    ),
    Mutant(
        "SCell.connections",
        "self.multiply_adds(*x) + math.prod(self.output_shape(*x))",
        "self.multiply_adds(*x)",
        f"{LAYERS_ALONE}::test_connections_and_multiply_adds",
    ),
    Mutant(
        "Cosine.forward",
        "seen * templates",
        "seen",
        f"{LAYERS_ALONE}::test_normalised_correlation_is_the_cosine_of_the_angle",
    ),
    Mutant(
        "Cosine.forward",
        "x[0].astype(np.float64)",
        "x[0]",
        f"{LAYERS_ALONE}::test_the_angle_does_not_depend_on_how_bright_all_is",
    ),
    Mutant(
        "Cosine.backward",
        "filter_gradient(x, de, axes) - weight * turned",
        "filter_gradient(x, de, axes)",
        f"{CONFORMANCE}::test_layer[check_gradient-cosine]",
    ),
    Mutant(
        "Template.squares",
        "total.shape[1:-1]",
        "x.shape[1:-1]",
        f"{LAYERS_ALONE}::test_normalised_correlation_is_the_cosine_of_the_angle",
    ),
    Mutant(
        "Patch.forward",
        "2 * correlate(x[0], m * patch, axes)",
        "correlate(x[0], m * patch, axes)",
        f"{LAYERS_ALONE}::test_a_patch_is_a_gaussian_of_its_distance",
    ),
    Mutant(
        "Patch.forward",
        "(m * patch ** 2).sum(taps)",
        "(patch ** 2).sum(taps)",
        f"{LAYERS_ALONE}::test_of_a_sparse_patch_only_the_marked_numbers_count",
    ),
    Mutant(
        "Patch.backward",
        "2 * patch * seen",
        "patch * seen",
        f"{CONFORMANCE}::test_layer[check_gradient-patch]",
    ),
    Mutant(
        "Inhibition._strong",
        "low + self.share * (high - low)",
        "self.share * high",
        f"{LAYERS_ALONE}::test_inhibition_by_hand",
    ),
    Mutant(
        "Step.forward",
        "x[0] >= w['threshold']",
        "x[0] > w['threshold']",
        f"{LAYERS_ALONE}::test_each_map_has_its_own_threshold_and_nothing_goes_back",
    ),
    # by hand
    Mutant(
        "edges",
        "2 * np.pi * i / count",
        "np.pi * i / count",
        f"{CELLS}::test_edge_0_is_bright_to_the_right_and_edge_2_of_8_below",
    ),
    Mutant(
        "gabors",
        "wave - wave[inside].mean()",
        "wave",
        f"{CELLS}::test_gabor_filters_have_no_mean_and_length_1_and_prefer_their_own_grating",
    ),
    Mutant(
        "hubel_wiesel",
        "'C:maxpool4'",
        "'C:meanpool4'",
        f"{CELLS}::test_a_complex_cell_does_not_mind_a_small_shift",
    ),
    # their rules
    Mutant(
        "zoo.neocognitron:_grow",
        "seen[silent] @ seeds[:, count - 1] < SILENT",
        "seen[silent] @ seeds[:, count - 1] < 2",
        f"{RULES}::test_each_plane_was_silent_before_it_was_added",
    ),
    Mutant(
        "compete",
        "like.max(1).argmax() == k",
        "True",
        f"{RULES}::test_an_image_that_another_class_would_win_begins_a_plane",
    ),
    Mutant(
        "zoo.hmax:learn",
        "patches.max(2, keepdims=True)",
        "patches.max((0, 1), keepdims=True)",
        f"{RULES}::test_lowes_patches_keep_the_strongest_orientation_alone",
    ),
    Mutant(
        "zoo.hmax:network",
        "'@C2.0.S2'",
        "'patch4-40'",
        f"{RULES}::test_s2_holds_patches_of_c1_and_both_bands_share_them",
    ),
    Mutant(
        "information",
        "p.sum(-1, keepdims=True) * p.sum(-2, keepdims=True)",
        "p.sum(-1, keepdims=True)",
        f"{RULES}::test_mutual_information_by_hand",
    ),
    Mutant(
        "of_detections",
        "targets.sum(0) - present",
        "present.sum(0) - present",
        f"{RULES}::test_detections_that_tell_the_class",
    ),
    Mutant(
        "_thresholds",
        "told.max(0) > best",
        "told.max(0) < best",
        f"{RULES}::test_fragments_are_windows_of_images_and_tell_more_than_random_ones",
    ),
    Mutant(
        "LeastSquares.solve",
        "penalty * np.eye(len(mean))",
        "np.eye(len(mean))",
        f"{RULES}::test_least_squares_with_a_penalty",
    ),
    # their runs
    Mutant(
        "train.own_rule:learn",
        "(0.0,) * len(fitted.mean)",
        "fitted.mean",
        f"{RUNS}::test_images_reach_it_as_light_from_0_to_1",
    ),
    Mutant(
        "train.own_rule:_learn",
        "not whole",
        "whole",
        f"{RUNS}::test_where_it_is_stopped_nothing_stays",
        index=0,
    ),
    Mutant(
        "train.trainer:_resumed",
        "card is not None",
        "False",
        f"{RUNS}::test_it_cannot_be_resumed",
    ),
    # the network of 1989
    Mutant(
        "LENET1989_H2",
        "range(8)",
        "range(7)",
        f"{OF_1989}::test_each_map_of_h2_sees_eight_of_h1_and_each_of_h1_is_seen_by_eight",
    ),
    Mutant(
        "BORDER",
        "'scale shift=-1'",
        "'scale shift=-2'",
        f"{OF_1989}::test_beyond_the_border_lies_a_background_of_minus_one",
    ),
    Mutant(
        "lenet1989",
        "'12/2 bias=no init'",
        "'12/2 init'",
        f"{OF_1989}::test_the_papers_numbers",
    ),
    Mutant(
        "zfnet_contrast",
        "[ContrastNorm(5)]",
        "[]",
        "zoo/test_claims.py::test_every_claim_holds[zfnet:contrast]",
    ),
    Mutant(
        "net.receptive:_through",
        "field.offset - before * field.jump",
        "field.offset - before",
        "net/test_receptive.py::test_a_padding_layer_moves_the_offset_alone",
    ),
    Mutant(
        "Scope._again",
        "(path, name)",
        "(path, own)",
        "net/test_blocks.py::test_a_part_in_another_branch_is_shared_by_its_whole_path",
    ),
]
