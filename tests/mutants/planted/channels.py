"""Bugs in kernels with channels in the lanes."""

from mutant import Mutant

CHANNELS = [
    Mutant(
        "kernels.channels.convolution:Writer.__init__",
        "work.groups > 1 or not work.y.fills(k.lanes)",
        "not work.y.fills(k.lanes)",
        "kernels/test_channels_groups.py::test_groups_leave_the_others_alone[beyond the last group]",
    ),
    Mutant(
        "Writer._copy",
        "first * window.stride[1]",
        "first",
        "kernels/test_channels_convolution.py::test_hard_cases[strided, three channels-start]",
    ),
    Mutant(
        "Writer._filled",
        "self.work.filters",
        "self.work.y.channels",
        "kernels/test_channels_groups.py::test_groups_leave_the_others_alone"
        "[groups that fill vectors together only]",
    ),
    Mutant(
        "Writer._fill",
        "y.pitch - y.channels",
        "0",
        "kernels/test_channels_convolution.py::test_hard_cases[groups across the lanes-end]",
    ),
    Mutant(
        "copy_channels",
        "x.positions * x.channels != y.positions * y.channels",
        "x.positions != y.positions",
        "kernels/test_channels_passes.py::test_copies",
    ),
    Mutant(
        "copy_channels",
        "source + position * from_step",
        "source + position * channels",
        "kernels/test_channels_passes.py::test_copies",
    ),
    Mutant(
        "block_of",
        "(n % LEAST_BLOCK == 0, n)",
        "n",
        "kernels/test_channels_in_place.py::test_blocks_divide_runs_into_whole_lines_where_they_can",
    ),
    Mutant(
        "kernels.channels.in_place:forward",
        "tasks + (tasks > 1 and tasks % 2)",
        "tasks",
        "kernels/test_channels_in_place.py::test_tasks_have_long_runs_of_filters",
    ),
    Mutant(
        "kernels.channels.in_place:suits",
        "filters % cpu.lanes == 0 and many and (4 * RUN * places <= MOST_BYTES)",
        "many and 4 * RUN * places <= MOST_BYTES",
        "kernels/test_channels_in_place.py::test_filters_that_are_no_whole_vectors_are_refused",
    ),
    Mutant(
        "kernels.channels.in_place:forward",
        "y.channels // RUN",
        "y.channels",
        "kernels/test_channels_in_place.py::test_tasks_have_long_runs_of_filters",
    ),
    Mutant(
        "_InPlace._plane",
        "[factor + row.filter for factor in self.factors]",
        "self.factors",
        "kernels/test_channels_in_place.py::test_hard_cases[same-end]",
    ),
    Mutant(
        "_InPlace._plane",
        "number = (share - shares[0]) * self.each + tile.number",
        "number = tile.number",
        "kernels/test_channels_in_place.py::test_hard_cases[same-end]",
    ),
    Mutant(
        "_InPlace._plane",
        "k.vector(there) + level",
        "k.vector(there)",
        "kernels/test_channels_in_place.py::test_hard_cases[same-end]",
    ),
    Mutant(
        "_InPlace._blocks",
        "(line + begin, term + begin)",
        "(line + begin, term)",
        "kernels/test_channels_in_place.py::test_hard_cases[one tap, several blocks of terms-end]",
    ),
    Mutant(
        "kernels.channels.linear:forward",
        "max(2, 4 * y.channels // _RUN)",
        "max(1, 4 * y.channels // _RUN)",
        "kernels/test_channels_linear.py::test_tasks_read_long_runs",
    ),
    Mutant(
        "kernels.channels.linear:_Writer.write",
        "self._add(run, 1, length - rest, rest)",
        "self._add(run, 1, 0, rest)",
        "kernels/test_channels_linear.py::test_sums_are_within_their_rounding"
        "[a volume with a pitch, many tiles]",
    ),
    Mutant(
        "kernels.channels.linear:_Writer._add",
        "self.x.strides[0]",
        "self.x.pitch",
        "kernels/test_channels_linear.py::test_sums_are_within_their_rounding"
        "[a volume with a pitch, many tiles]",
    ),
    Mutant(
        "normalise_channels",
        "k.store(activation.value(value) if activation else value, target, position * y.pitch + c)",
        "k.store(activation.value(value) if activation else value, target, position * y.pitch + c, count)",
        "kernels/test_channels_passes.py::test_norms",
    ),
    Mutant(
        "kernels.channels.pack:pack",
        "group * p.vectors",
        "group * p.shares.count",
        "kernels/test_channels_convolution.py::test_weights_are_packed_in_the_order_of_the_tiles",
    ),
    Mutant(
        "kernels.channels.pack:pack",
        "[factor + filter for factor in factors]",
        "factors",
        "kernels/test_channels_convolution.py::test_scaled_weights_are_packed_as_the_products_are",
    ),
    Mutant(
        "kernels.channels.pack:pack",
        "p.groups * p.filters",
        "p.filters",
        "kernels/test_channels_convolution.py::test_weights_are_packed_in_the_order_of_the_tiles",
    ),
    Mutant(
        "softmax_channels",
        "k.iota() < x.channels % k.lanes",
        "k.iota() <= x.channels % k.lanes",
        "kernels/test_channels_passes.py::test_softmax",
    ),
    Mutant(
        "softmax_channels",
        "numbers(c, count) - most",
        "numbers(c, count)",
        "kernels/test_channels_passes.py::test_softmax",
    ),
    Mutant(
        "kernels.channels.winograd:filters",
        "k.vector(factor, first, count)",
        "k.vector(factor, 0, count)",
        "kernels/test_channels_winograd.py::test_scaled_filters_are_mapped_as_the_products_are",
    ),
    Mutant(
        "kernels.channels.winograd:filters",
        "vector * filtering.frequencies",
        "vector * TAPS * TAPS",
        "kernels/test_channels_winograd.py::test_hard_cases[primes-F(4x4, 3x3)]",
    ),
    Mutant(
        "kernels.channels.winograd:_Work._place",
        "divmod(tile, self.across)",
        "divmod(tile, self.down)",
        "kernels/test_channels_winograd.py::test_hard_cases[one-sided-F(4x4, 3x3)]",
    ),
    Mutant(
        "kernels.channels.winograd:_Work._multiply",
        "panel * (most - 1) + lower(panel, larger)",
        "panel * most",
        "kernels/test_channels_winograd.py::test_hard_cases[chunks and groups-F(2x2, 3x3)]",
    ),
    Mutant(
        "_Work._finish",
        "self.end.finish(total, self.addend, place, own)",
        "self.end.finish(total, self.addend, row, own)",
        "kernels/test_channels_winograd.py::test_neither_bias_nor_addend",
    ),
    Mutant(
        "Work.one_run",
        "self.source.pitch == self.depth and self.window.dilation[2] == 1",
        "self.source.pitch == self.depth",
        "kernels/test_channels_convolution.py::test_hard_cases[padding beyond a dilated window-start]",
    ),
    Mutant(
        "Work.one_run",
        "self.source.pitch == self.depth",
        "self.source.pitch == self.source.channels",
        "kernels/test_channels_convolution.py::test_hard_cases[groups that fill the lanes-start]",
    ),
    Mutant(
        "plan",
        "1 < groups == x.channels == y.channels",
        "1 < groups == x.channels",
        "kernels/test_channels_convolution.py::test_hard_cases[depthwise with a multiplier-start]",
    ),
    Mutant(
        "_cuts",
        "1 if blocks == 1 else min(bands, 1 + 16 * work.x.strides[0] // _second_cache(work.cpu))",
        "min(bands, 1 + 16 * work.x.strides[0] // _second_cache(work.cpu))",
        "kernels/test_channels_convolution.py::test_tasks_of_large_values_read_what_the_second_cache_holds",
    ),
]
