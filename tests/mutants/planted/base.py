"""Bugs in what everything stands on, and in rules."""

from mutant import Mutant

BASE = [
    Mutant(
        "base.argument:whole",
        "number is None or isinstance(value, bool)",
        "number is None",
        "base/test_argument.py::test_others_are_refused",
    ),
    Mutant(
        "cache_folder",
        "folder if folder.is_absolute() else None",
        "folder",
        "kernels/test_jit.py::test_without_a_home_directory_there_is_no_folder",
    ),
    Mutant(
        "LanguageError.__init__",
        "len(before) + column",
        "column",
        "base/test_error.py::test_language_error_shows_a_part_of_a_long_line",
    ),
    Mutant("nearest", "word[:MOST].lower()", "word[:MOST]", "base/test_error.py::test_nearest"),
    Mutant("nearest", "_WORDS.get(word)", "word", "base/test_error.py::test_what_others_call_a_word"),
    Mutant(
        "AMPLITUDE",
        "(1.7159, 2 / 3)",
        "(1.7519, 2 / 3)",
        "layers/test_activations_and_losses.py::test_lecuns_tanh_passes_through_one",
    ),
    Mutant(
        "stream",
        "key(seed, name)",
        "key(0, name)",
        "base/test_streams.py::test_seed_name_and_step_each_make_another_stream",
    ),
    Mutant(
        "sample_bits",
        "[first_sample * blocks, 0, 0, step]",
        "[first_sample * blocks + step, 0, 0, 0]",
        "base/test_streams.py::test_steps_share_no_bits",
    ),
    Mutant(
        "sample_bits",
        "first_sample * blocks",
        "0",
        "base/test_streams.py::test_a_batch_and_its_shards_draw_the_same_bits",
    ),
    Mutant(
        "sample_bits",
        "first_sample * blocks",
        "first_sample",
        "base/test_streams.py::test_a_batch_and_its_shards_draw_the_same_bits",
    ),
    Mutant(
        "say_pad",
        "f'{p[0]}:{p[1]}'",
        "f'{p[1]}:{p[0]}'",
        "net/test_language.py::test_what_is_written_is_read_back",
    ),
    Mutant(
        "Axis.extent",
        "self.dilation * (self.window - 1) + 1",
        "self.dilation * self.window",
        "base/test_shape.py::test_windows_fit_and_no_further_one_would",
    ),
    Mutant(
        "Sliding.extent",
        "self.dilation * (self.window - 1) + 1",
        "self.dilation * self.window",
        "base/test_shape.py::test_windows_fit_and_no_further_one_would",
    ),
    Mutant(
        "slide",
        "zip(sizes, windows, strides, dilations, _pads(pad, rank), strict=True)",
        "zip(sizes, windows, strides[::-1], dilations, _pads(pad, rank), strict=True)",
        "base/test_shape.py::test_window_stride_and_dilation_may_differ_by_axis",
    ),
    Mutant(
        "Sliding.axis",
        "self.size + before + after - self.extent",
        "self.size + 2 * before - self.extent",
        "base/test_shape.py::test_a_pad_may_differ_by_axis_and_side",
    ),
    Mutant(
        "Sliding.axis",
        "left and self.pad != 'same' and (self.on_misfit == 'error')",
        "left and self.on_misfit == 'error'",
        "base/test_shape.py::test_same_gives_one_output_a_stride",
    ),
    Mutant(
        "Sliding.axis",
        "Axis(self.size, self.window, self.stride, self.dilation, before, after, steps + 1)",
        "Axis(self.size, self.window, self.stride, self.dilation, before, after, steps)",
        "base/test_shape.py::test_number_of_positions",
    ),
    Mutant(
        "Sliding.padding",
        "(self.extent - 1, self.extent - 1)",
        "(self.extent, self.extent)",
        "base/test_shape.py::test_named_pads",
    ),
    Mutant(
        "Sliding.padding",
        "(total // 2, total - total // 2)",
        "(total - total // 2, total // 2)",
        "base/test_shape.py::test_named_pads",
    ),
    Mutant(
        "_pads",
        "(min(pair) < 0 for pair in pairs)",
        "(max(pair) < 0 for pair in pairs)",
        "base/test_shape.py::test_every_misfit_in_its_own_words",
    ),
    Mutant(
        "_normal",
        "random.standard_normal(p.shape)",
        "random.uniform(-1, 1, p.shape) * 3 ** 0.5",
        "base/test_initialisers.py::test_normal_deviations",
    ),
    Mutant(
        "INITIALISERS",
        "np.ones(p.shape) / np.asarray(p.fan_in, float)",
        "np.ones(p.shape)",
        "base/test_initialisers.py::test_constants",
    ),
    Mutant(
        "INITIALISERS",
        "lambda i, o: 2.4 / i",
        "lambda i, o: 2.4 / i ** 0.5",
        "base/test_initialisers.py::test_uniform_bounds",
    ),
    Mutant(
        "INITIALISERS",
        "(6.0 / (i + o)) ** 0.5",
        "(6.0 / (2 * i)) ** 0.5",
        "base/test_initialisers.py::test_uniform_bounds",
    ),
    Mutant(
        "INITIALISERS",
        "(2.0 / i) ** 0.5",
        "(1.0 / i) ** 0.5",
        "base/test_initialisers.py::test_normal_deviations",
    ),
    Mutant(
        "Rule.apply",
        "scalars['decay'] * decays",
        "scalars['decay']",
        "optim/test_sgd.py::test_decay_pulls_only_where_the_mask_is_1",
    ),
    Mutant(
        "Sgd.update",
        "scalars['momentum'] * memory['velocity']",
        "memory['velocity']",
        "optim/test_sgd.py::test_two_steps_with_momentum",
    ),
    Mutant(
        "Sgd.update",
        "scalars['rate'] * v",
        "scalars['rate'] * dw",
        "optim/test_sgd.py::test_two_steps_with_momentum",
    ),
]
