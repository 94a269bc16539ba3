"""Bugs in the ledger, in what is said of sizes that do not fit, and in the commands that print them."""

from mutant import Mutant

MISFITS = "base/test_misfit.py"
RECEPTIVE = "net/test_receptive.py"
LEDGER_TESTS = "net/test_ledger.py"
SIZING = "net/test_sizing.py"
DIFF = "cli/test_diff_command.py"
SHOW = "cli/test_show_command.py"

LEDGER = [
    # sizes that do not fit
    Mutant(
        "Sliding.positions",
        "(before + missing // 2, after + missing - missing // 2, steps + 1)",
        "(before + missing - missing // 2, after + missing // 2, steps + 1)",
        f"{MISFITS}::test_the_padding_that_is_missing_is_dealt_to_both_sides",
    ),
    Mutant(
        "Sliding.positions",
        "(before - left // 2, after - (left - left // 2))",
        "(before, after - left)",
        f"{MISFITS}::test_the_rest_is_cropped_from_both_sides",
    ),
    Mutant(
        "Sliding.positions",
        "(steps + 1) * self.stride < before + self.size",
        "True",
        f"{MISFITS}::test_the_window_that_hangs_over_begins_on_the_input",
    ),
    Mutant(
        "Sliding.positions",
        "(steps + 1, after + missing)",
        "(steps + 1, after)",
        f"{MISFITS}::test_a_window_of_3_with_stride_2_on_10_places",
    ),
    Mutant(
        "LayerReader.layer",
        "values.setdefault('on_misfit', self.on_misfit)",
        "values.update(on_misfit=self.on_misfit)",
        f"{MISFITS}::test_one_word_for_all_layers_that_have_none",
    ),
    Mutant(
        "base.misfit:rule",
        "one.size + before + after - one.extent",
        "one.size + before - one.extent",
        f"{MISFITS}::test_the_rule_with_the_users_numbers",
    ),
    Mutant(
        "MisfitError.__init__",
        "sorted(repairs, key=lambda repair: repair.change)",
        "list(repairs)",
        f"{MISFITS}::test_no_padding_is_proposed_to_a_layer_that_takes_none",
    ),
    Mutant(
        "base.misfit:_window",
        "window if one.side_by_side else one.stride",
        "one.stride",
        f"{MISFITS}::test_a_pool_whose_windows_lie_side_by_side_gets_a_window_that_does",
    ),
    Mutant(
        "base.misfit:_each",
        "one if one.axis() else repair(one)",
        "repair(one)",
        f"{MISFITS}::test_each_axis_is_repaired_where_it_needs_it",
    ),
    Mutant(
        "MisfitError.__init__",
        "[repair for repair in nearest[TOLD - 1:] if repair.volumes] or nearest[TOLD - 1:]",
        "nearest[TOLD - 1:]",
        f"{MISFITS}::test_behind_other_layers_the_input_of_the_network_is_proposed",
    ),
    Mutant(
        "net.origin:_input_that_fits",
        "takes is None or takes(volume)",
        "True",
        f"{MISFITS}::test_what_is_proposed_for_the_input_can_be_read",
    ),
    Mutant(
        "with_tried_repairs",
        "repair.arguments.keys() - {one.name for one in fields(layer)}",
        "False",
        f"{MISFITS}::test_only_arguments_that_the_layer_has_are_proposed",
    ),
    Mutant(
        "with_tried_repairs",
        "error.only(of_layer)",
        "error",
        f"{MISFITS}::test_no_padding_is_proposed_to_a_layer_that_takes_none",
    ),
    Mutant(
        "with_tried_repairs",
        "takes(operands[0], layer, repaired(repair))",
        "True",
        f"{MISFITS}::test_a_repair_with_which_the_rest_of_the_line_does_not_fit_is_not_proposed",
    ),
    Mutant(
        "with_tried_repairs",
        "whole if whole.otherwise or any((one.arguments for one in whole.repairs)) else error",
        "whole",
        f"{MISFITS}::test_where_no_repair_lets_the_whole_line_fit_those_of_the_layer_are_told",
    ),
    Mutant(
        "_Trial.add",
        "layer is self._old",
        "layer == self._old",
        f"{MISFITS}::test_a_repair_of_a_repeated_layer_is_tried_in_all_its_places",
    ),
    Mutant(
        "Sliding.axis",
        "None if axis and self.meets_input and axis.empty is not None else axis",
        "axis",
        "layers/test_pooling.py::test_a_window_in_padding_alone_is_refused",
    ),
    Mutant(
        "base.misfit:_window",
        "stride=window if one.side_by_side else one.stride",
        "stride=window if one.side_by_side else one.stride, meets_input=False",
        f"{MISFITS}::test_a_window_in_padding_with_the_users_numbers",
    ),
    Mutant(
        "base.misfit:_where",
        "start + extent - 1",
        "start + extent",
        f"{MISFITS}::test_a_window_in_padding_with_the_users_numbers",
    ),
    Mutant(
        "base.misfit:_pad",
        "meets_input=True",
        "meets_input=False",
        f"{MISFITS}::test_no_repair_puts_a_window_wholly_into_padding",
    ),
    Mutant(
        "with_repaired_input",
        "[volume for volume in repair.volumes if takes(volume)]",
        "repair.volumes",
        f"{MISFITS}::test_all_layers_fit_behind_the_input_that_is_proposed",
    ),
    Mutant(
        "net.origin:_input_that_fits",
        "len(operands) != 1",
        "not operands",
        f"{MISFITS}::test_with_two_operands_no_other_input_is_proposed",
    ),
    Mutant(
        "net.origin:_input_that_fits",
        "size + sign * change",
        "size + change",
        f"{MISFITS}::test_behind_other_layers_the_input_of_the_network_is_proposed",
    ),
    Mutant(
        "net.origin:_chain",
        "reversed(told[:TOLD])",
        "reversed(told[-TOLD:])",
        f"{MISFITS}::test_a_long_way_is_told_from_its_end",
    ),
    Mutant(
        "unpadded",
        "[(max(-a.before, 0), max(-a.after, 0)) for a in axes]",
        "[(max(-a.after, 0), max(-a.before, 0)) for a in axes]",
        "layers/test_conformance.py::test_layer[check_gradient-maxpool]",
    ),
    Mutant(
        "padded",
        "slice(max(-a.before, 0), a.size + min(a.after, 0))",
        "slice(0, a.size + min(a.after + a.before, 0))",
        "layers/test_conformance.py::test_layer[check_definition-maxpool]",
    ),
    Mutant(
        "Writer._copy",
        "begin + unseen * x.strides[3]",
        "begin",
        "engine/test_rests.py::test_scores[crop-channels]",
    ),
    # receptive fields
    Mutant(
        "net.receptive:_windowed",
        "field.size + (axis.extent - 1) * field.jump",
        "field.size + (axis.window - 1) * field.jump",
        f"{RECEPTIVE}::test_dilation_makes_it_grow_fast",
    ),
    Mutant(
        "net.receptive:_windowed",
        "field.jump * max(step, 1)",
        "max(step, 1)",
        f"{RECEPTIVE}::test_jump_and_offset",
    ),
    Mutant(
        "net.receptive:_windowed",
        "field.offset - axis.before * field.jump",
        "field.offset - axis.before",
        f"{RECEPTIVE}::test_jump_and_offset",
    ),
    Mutant(
        "net.receptive:_through",
        "field.size + (field.positions - 1) * field.jump",
        "field.size",
        f"{RECEPTIVE}::test_one_number_of_a_fully_connected_layer_sees_everything",
    ),
    Mutant(
        "net.receptive:_union",
        "max(field.offset + field.size - 1 for field in along)",
        "first + max(field.size for field in along) - 1",
        f"{RECEPTIVE}::test_where_branches_meet_the_union_counts",
    ),
    # the ledger
    Mutant(
        "net.ledger:_row",
        "0 if in_place(node.layer) else math.prod(node.shape)",
        "math.prod(node.shape)",
        f"{LEDGER_TESTS}::test_89_vgg16_memory_is_not_what_the_material_adds_up",
    ),
    Mutant(
        "net.ledger:_row",
        "node.layer.params(*x) if own else {}",
        "node.layer.params(*x)",
        f"{LEDGER_TESTS}::test_layers_used_twice_have_parameters_once_and_work_twice",
    ),
    Mutant(
        "BIASES",
        "('bias', 'shift')",
        "('bias',)",
        f"{LEDGER_TESTS}::test_weights_and_biases_are_told_apart",
    ),
    Mutant(
        "DTYPES",
        "8",
        "4",
        f"{LEDGER_TESTS}::test_the_sources_of_memory",
    ),
    Mutant(
        "_Memory.kept",
        "kept + self._buffers(i, lambda layer, x: layer.extras(*x))",
        "kept",
        f"{LEDGER_TESTS}::test_the_sources_of_memory",
    ),
    Mutant(
        "_Memory._buffers",
        "self.batch if one.per_sample else 1",
        "self.batch",
        f"{LEDGER_TESTS}::test_state_and_what_forward_saves_are_counted_as_they_are",
    ),
    Mutant(
        "_Memory._walk",
        "0 if taken is not None else self._size(i)",
        "self._size(i)",
        f"{LEDGER_TESTS}::test_what_may_be_dropped_for_scores",
    ),
    Mutant(
        "_Memory._takes_over",
        "node.layer is not None and in_place(node.layer) and node.inputs[0] in ending",
        "node.layer is not None and in_place(node.layer)",
        f"{LEDGER_TESTS}::test_what_is_read_twice_is_not_overwritten",
    ),
    Mutant(
        "_Memory.__init__",
        "self._last[i] = len(graph.nodes)",
        "pass",
        f"{LEDGER_TESTS}::test_an_output_is_kept_to_the_end",
    ),
    Mutant(
        "Ledger.totals",
        "max((row.inference_bytes for row in self.rows), default=0)",
        "sum(row.inference_bytes for row in self.rows)",
        f"{LEDGER_TESTS}::test_json",
    ),
    Mutant(
        "net.ledger:_block",
        "max(row.inference_bytes for row in rows)",
        "rows[-1].inference_bytes",
        f"{LEDGER_TESTS}::test_blocks_and_depth",
    ),
    Mutant(
        "Ledger.usual_depth",
        "range(deepest, 0, -1)",
        "range(1, deepest + 1)",
        f"{LEDGER_TESTS}::test_many_layers_are_shown_by_blocks",
    ),
    Mutant(
        "Ledger.blocks",
        "row.output[:-1]",
        "row.output",
        f"{LEDGER_TESTS}::test_layers_without_blocks_are_shown_by_sizes",
    ),
    # the sizing rules
    Mutant(
        "advice",
        "first and (not convolution)",
        "first",
        f"{SIZING}::test_what_breaks_a_rule",
    ),
    Mutant(
        "net.sizing:_halvings",
        "max(found[j], found[i] + _halves(graph, node))",
        "found[i] + _halves(graph, node)",
        f"{SIZING}::test_each_operand_is_halved_as_often_as_on_its_longest_way",
    ),
    Mutant(
        "net.sizing:_halves",
        "math.floor(math.log2(max(axis.stride for axis in axes)))",
        "int(max(axis.stride for axis in axes) > 1)",
        f"{SIZING}::test_a_stride_of_4_halves_twice",
    ),
    Mutant(
        "net.sizing:_of_convolution",
        "max(windows) > LARGEST_FILTER and max(strides) == 1",
        "max(windows) > LARGEST_FILTER",
        f"{SIZING}::test_large_first_filters_save_memory_by_a_stride",
    ),
    Mutant(
        "net.sizing:_of_pool",
        "set(strides) != {POOL_STRIDE}",
        "False",
        f"{SIZING}::test_what_breaks_a_rule",
    ),
    # the commands
    Mutant(
        "say_bytes",
        "1024 ** power",
        "1000 ** power",
        f"{SHOW}::test_units_are_powers_of_1024",
    ),
    Mutant(
        "cli.check:command",
        "WARNED if found else 0",
        "0",
        f"{SHOW}::test_check_warns",
    ),
    Mutant(
        "cli.columns:chosen",
        "column._replace(spare=0)",
        "column",
        f"{SHOW}::test_columns_that_are_asked_for",
    ),
    Mutant(
        "cli.page:page",
        "escape(str(net))",
        "str(net)",
        f"{SHOW}::test_a_page_shows_what_it_is_given_as_text",
    ),
    Mutant(
        "Usage.total",
        "sum(vars(self).values()) - self.threads",
        "sum(vars(self).values())",
        f"{SHOW}::test_what_a_plan_really_takes",
    ),
    Mutant(
        "cli.layers:_row",
        "dict.fromkeys(name for case in layer.cases() for name in _params(case))",
        "describe(layer)[:0]",
        "cli/test_layers_command.py::test_which_layers_have_parameters_and_which_hyperparameters",
    ),
    Mutant(
        "cli.ledger_text:where",
        "2 * held >= total['values']",
        "held >= total['values']",
        f"{SHOW}::test_the_table_of_vgg16",
    ),
    Mutant(
        "train.run:network",
        "on_misfit=on_misfit",
        "on_misfit=None",
        "cli/test_cli_commands.py::test_train_on_sizes_that_do_not_divide",
    ),
    # rows of the catalogue, each by a bug of its own
    Mutant(
        "Sliding.padding",
        "(positions - 1) * self.stride + self.extent - self.size",
        "(positions - 1) * self.stride + self.extent - self.size - 1",
        "base/test_shape.py::test_same_padding_of_odd_windows_is_half_of_them",
    ),
    Mutant(
        "Sliding.positions",
        "self.on_misfit == 'error'",
        "self.on_misfit in ('error', 'floor')",
        "base/test_shape.py::test_the_rest_is_dropped_where_floor_says_so",
    ),
    Mutant(
        "base.misfit:rule",
        "before == after",
        "False",
        f"{MISFITS}::test_a_stride_of_3_on_5_places",
    ),
    Mutant(
        "base.misfit:_size",
        "max(one.size, least)",
        "least",
        f"{MISFITS}::test_alexnet_on_224",
    ),
    Mutant(
        "cli.network:read_network",
        "on_misfit=on_misfit",
        "on_misfit=None",
        f"{SHOW}::test_another_way_to_treat_the_rest",
    ),
    Mutant(
        "Linear.connections",
        "sum(p.size for p in self.params(*x).values())",
        "self.multiply_adds(*x)",
        f"{LEDGER_TESTS}::test_connections_of_one_neuron",
    ),
    Mutant(
        "Convolution.connections",
        "each * math.prod(self.output_shape(*x)[:-1])",
        "each",
        f"{LEDGER_TESTS}::test_a_million_units_on_a_million_pixels",
    ),
    Mutant(
        "Convolution.connections",
        "sum(p.size for p in self.params(*x).values())",
        "self.params(*x)['weight'].size",
        f"{LEDGER_TESTS}::test_alexnets_first_layer_unshared_and_shared",
    ),
    Mutant(
        "Convolution.multiply_adds",
        "self.params(*x)['weight'].size * math.prod(self.output_shape(*x)[:-1])",
        "self.connections(*x)",
        f"{LEDGER_TESTS}::test_alexnets_first_layer_as_a_product",
    ),
    Mutant(
        "net.ledger:_row",
        "parameters - biases",
        "parameters",
        f"{LEDGER_TESTS}::test_summary_of_a_convolution",
    ),
    Mutant(
        "net.ledger:_row",
        "parameters=parameters",
        "parameters=biases",
        f"{LEDGER_TESTS}::test_91_three_quarters_of_the_parameters_are_in_one_layer",
    ),
    Mutant(
        "net.ledger:_row",
        "output=node.shape",
        "output=x[0]",
        f"{LEDGER_TESTS}::test_layer_maps_of_the_first_network",
        1,
    ),
    Mutant(
        "Convolution.params",
        "volume[-1] // self.groups",
        "volume[-1]",
        f"{LEDGER_TESTS}::test_103_alexnet_grouped_and_ungrouped",
    ),
    Mutant(
        "Subsampling.connections",
        "area(self.axes(x[0])) + 1",
        "area(self.axes(x[0]))",
        f"{LEDGER_TESTS}::test_95_to_102_lenet5",
    ),
    Mutant(
        "net.receptive:_windowed",
        "field.size + (axis.extent - 1) * field.jump",
        "field.size + axis.extent * field.jump",
        f"{RECEPTIVE}::test_small_filters_one_behind_the_other_see_as_much_as_a_large_one",
    ),
    Mutant(
        "net.receptive:_windowed",
        "field.size + (axis.extent - 1) * field.jump",
        "field.size + axis.extent - 1",
        f"{RECEPTIVE}::test_a_pool_makes_that_of_the_next_layer_larger",
    ),
    Mutant(
        "net.receptive:_windowed",
        "field.offset - axis.before * field.jump",
        "field.offset",
        f"{RECEPTIVE}::test_the_field_is_where_the_gradient_of_a_number_reaches",
    ),
    Mutant(
        "net.sizing:_of_operands",
        "size % 2 ** times",
        "size % 2 ** (times + 1)",
        f"{SIZING}::test_usual_inputs_are_halved_five_times",
    ),
    Mutant(
        "advice",
        "not _whole(axes) and any((axis.window > 1 for axis in axes))",
        "any(axis.window > 1 for axis in axes)",
        f"{SIZING}::test_networks_that_keep_the_rules",
    ),
    Mutant(
        "cli.ledger_text:_said",
        "sum(memory.values())",
        "max(memory.values())",
        f"{SHOW}::test_the_memory_of_vgg16",
    ),
    Mutant(
        "BatchNorm.multiplications",
        "math.prod(x[0])",
        "0",
        f"{LEDGER_TESTS}::test_multiply_adds_and_other_multiplications",
    ),
    Mutant(
        "net.ledger:_row",
        "node.layer.multiply_adds(*x)",
        "node.layer.multiplications(*x)",
        "zoo/test_claims.py::test_claims_and_ledger_count_alike",
    ),
    # where networks differ
    Mutant(
        "net.difference:_skips",
        "np.maximum.accumulate(row, out=row)",
        "row",
        f"{DIFF}::test_as_few_layers_as_possible_differ",
    ),
    Mutant(
        "cli.screen:busy",
        "timer.start()",
        "timer.name",
        f"{DIFF}::test_what_takes_long_says_so",
    ),
    # what is typed
    Mutant(
        "_check_empty",
        "not word.strip()",
        "not word",
        f"{SHOW}::test_empty_words",
    ),
    Mutant(
        "cli.show:_check_flags",
        "trials and not trial.verify",
        "False",
        f"{SHOW}::test_flags_that_would_do_nothing",
    ),
]
