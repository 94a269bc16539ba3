"""Bugs in net surgery and in the models that are made by it."""

from mutant import Mutant

CONVOLVED, DENSE, FOLDED, PARTS, PRUNED, MATRIX, LINE, COMMAND = (
    "surgery/test_linear_layers_as_convolutions.py::",
    "surgery/test_dense_evaluation.py::",
    "surgery/test_folded_norms.py::",
    "surgery/test_parts_of_networks.py::",
    "surgery/test_pruned_tables.py::",
    "surgery/test_convolution_matrix.py::",
    "surgery/test_line_of_a_graph.py::",
    "cli/test_surgery_command.py::",
)

SURGERY = [
    Mutant(
        "_reshaped",
        "net.weights[path].reshape(shape)",
        "net.weights[path].reshape(shape[::-1]).T",
        CONVOLVED + "test_weights_are_the_same_rows",
    ),
    Mutant(
        "resizing",
        "shapes[0] != shapes[1]",
        "False",
        CONVOLVED + "test_other_inputs",
    ),
    Mutant(
        "_sliding_pool",
        "1 if a.output == 1 else a.window",
        "a.window",
        DENSE + "test_77_without_padding_scores_are_those_of_the_crops[3]",
    ),
    Mutant(
        "averaging",
        "scores_of(graph, loss or usual_loss(graph))",
        "graph.main",
        CONVOLVED + "test_the_mean_of_all_positions",
    ),
    Mutant(
        "surgery.sliding:_spread",
        "layer.dense(net.weights[path], x[-1])",
        "net.weights[path]",
        CONVOLVED + "test_turned_filters_and_tables_become_matrices",
    ),
    Mutant(
        "_with_sizes_that_fit",
        "(n - o) % jump",
        "n % jump + 1",
        CONVOLVED + "test_other_inputs",
    ),
    Mutant(
        "Draft.keep",
        "owner=owner",
        "owner=None",
        CONVOLVED + "test_shared_weights_stay_shared",
    ),
    Mutant(
        "Edit.of",
        "path in net.state",
        "False",
        PARTS + "test_another_head",
    ),
    Mutant(
        "Edit.of",
        "count('seed', seed)",
        "0",
        PARTS + "test_another_head",
    ),
    Mutant(
        "Reach.through",
        "self.jump * axis.stride",
        "axis.stride",
        DENSE + "test_78_of_vgg_16_stride_16_takes_4_passes",
    ),
    Mutant(
        "Reach.through",
        "s < 0 or any(self.before[p] for p in places)",
        "s < 0",
        DENSE + "test_positions_whose_padding_is_that_of_the_crop_are_not_affected",
    ),
    Mutant(
        "surgery.borders:_through",
        "layer.mode == 'circular'",
        "False",
        DENSE + "test_what_is_not_affected_is_exact_however_layers_pad[19]",
    ),
    Mutant(
        "Scan.affected",
        "at > 0",
        "at >= 0",
        DENSE + "test_positions_whose_padding_is_that_of_the_crop_are_not_affected",
    ),
    Mutant(
        "Scan.affected",
        "at < count - 1",
        "at < count",
        DENSE + "test_positions_whose_padding_is_that_of_the_crop_are_not_affected",
    ),
    Mutant(
        "Scan.__call__",
        "slice(n, None, step)",
        "slice(step - 1 - n, None, step)",
        DENSE + "test_78_finer_strides_by_shifted_passes",
    ),
    Mutant(
        "Scan.crops",
        "p * a.stride + a.crop",
        "p * a.jump + a.crop",
        DENSE + "test_78_finer_strides_by_shifted_passes",
    ),
    Mutant(
        "Scan.compare",
        "abs(slid - cropped).max((0, -1))",
        "abs(slid - cropped).min((0, -1))",
        DENSE + "test_with_padding_they_are_not_and_the_report_says_where[0]",
    ),
    Mutant(
        "_mixes",
        "layer.sets(x)[1] > 1",
        "False",
        DENSE + "test_norms_over_all_positions_are_told",
    ),
    Mutant(
        "surgery.folding:_made",
        "net.state[norm.path]['var'].astype(float) + eps",
        "net.state[norm.path]['var'].astype(float)",
        FOLDED + "test_scores_stay",
    ),
    Mutant(
        "surgery.folding:_made",
        "s[layer.table.pairs()[1]]",
        "s[layer.table.pairs()[0]]",
        FOLDED + "test_scores_stay",
    ),
    Mutant(
        "surgery.folding:_reason",
        "readers > 1",
        "False",
        FOLDED + "test_what_others_read_stays",
    ),
    Mutant(
        "surgery.folding:_reason",
        "owners[before.owner] > 1",
        "False",
        FOLDED + "test_shared_weights_stay",
    ),
    Mutant(
        "appending",
        "range(number)",
        "range(0)",
        PARTS + "test_layers_behind_the_end_have_names_of_their_own",
    ),
    Mutant(
        "renaming",
        "range(len(parts), 0, -1)",
        "range(1, len(parts) + 1)",
        PARTS + "test_other_names",
    ),
    Mutant(
        "cutting",
        "{OUTPUT: end}",
        "None",
        PARTS + "test_what_is_not_needed_goes",
    ),
    Mutant(
        "surgery.pruning:_linked",
        "np.stack([weight[..., *plane] for plane in planes], -1)",
        "np.stack([weight[..., *plane] for plane in planes[::-1]], -1)",
        PRUNED + "test_the_other_links_are_gone",
    ),
    Mutant(
        "pruning",
        "node.path not in known or node.owner != owner",
        "node.path != path",
        PRUNED + "test_layers_of_the_same_weights_are_pruned_together",
    ),
    Mutant(
        "surgery.matrix:matrix",
        "layer.flip",
        "False",
        MATRIX + "test_75_its_columns_are_what_the_definition_makes_of_single_numbers",
    ),
    Mutant(
        "Matrix.of",
        "y + self.bias",
        "y",
        MATRIX + "test_75_a_fully_connected_layer_with_it_is_the_convolution",
    ),
    Mutant(
        "_folded",
        "count > 1 and count * size > longest * times and all(plain[i : i + count * size])",
        "False",
        LINE + "test_networks_of_the_zoo[vgg16]",
    ),
    Mutant(
        "Preparation.enlarged",
        "replace(self, input=(height, width, depth), resize=resize)",
        "replace(self, input=(height, width, depth))",
        COMMAND + "test_an_enlarged_model_averages",
    ),
    Mutant(
        "Model.with_network",
        "self.classes if classes is None else classes",
        "self.classes",
        COMMAND + "test_another_head_has_other_classes",
    ),
]
