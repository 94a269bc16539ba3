"""Bugs in layer, group, instance, local response and contrast normalisation, from formula to plan."""

from mutant import Mutant

SAMPLE = "layers/test_sample_norms.py::"
LOCAL = "layers/test_local_norms.py::"
RUNNING = "kernels/test_running_norm.py::test_the_way_back"
COMPILED = "engine/test_norms_compiled.py::"
KERNEL = "kernels/test_sample_norm.py::"
RESPONSE = "kernels/test_response_norm.py::"

NORMS = [
    # Formulas
    Mutant(
        "SampleNorm.forward",
        "np.sqrt(var + self.eps)",
        "np.sqrt(var) + self.eps",
        SAMPLE + "test_a_sample_by_hand",
    ),
    Mutant(
        "SampleNorm.forward",
        "(split - mean) ** 2",
        "split ** 2 - mean ** 2",
        SAMPLE
        + "test_a_mean_far_from_0_costs_its_own_rounding[LayerNorm(over='sample', affine=True, eps=1e-05)]",
    ),
    Mutant(
        "SampleNorm.backward",
        "d - _mean(d) - normalised * _mean(d * normalised)",
        "d - _mean(d)",
        SAMPLE + "test_the_gradient_of_a_sample_by_hand",
    ),
    Mutant(
        "SampleNorm.backward",
        "w['scale'] * dy",
        "dy",
        "layers/test_conformance.py::test_layer[check_gradient-layernorm]",
    ),
    Mutant(
        "SampleNorm.output_shape",
        "positions * channels == 1",
        "positions == 1",
        SAMPLE + "test_a_single_position_a_single_channel_and_an_even_image[images]",
    ),
    Mutant(
        "LayerNorm.scale_shape",
        "self.over == 'sample'",
        "False",
        SAMPLE + "test_parameters_have_the_shapes_of_the_papers",
    ),
    Mutant(
        "LayerNorm.sets",
        "(positions, 1, 1, channels)",
        "(1, positions, channels, 1)",
        SAMPLE + "test_over_channels_every_position_is_a_sample",
    ),
    Mutant(
        "GroupNorm.sets",
        "(1, math.prod(x[:-1]), self.groups, x[-1] // self.groups)",
        "(1, math.prod(x[:-1]), x[-1] // self.groups, self.groups)",
        SAMPLE + "test_one_group_is_the_whole_sample_and_a_group_a_channel_is_the_instance",
    ),
    Mutant(
        "GroupNorm.output_shape",
        "channels % self.groups",
        "self.groups > channels",
        SAMPLE + "test_what_cannot_be",
    ),
    Mutant(
        "BatchNorm.forward",
        "self.decay * state[name] + (1 - self.decay) * batch[name]",
        "(1 - self.decay) * state[name] + self.decay * batch[name]",
        SAMPLE + "test_batch_normalisation_is_the_papers_algorithm[False]",
    ),
    Mutant(
        "engine.lower.norm:_of_batch",
        "norm.finish('finish', b.cpu, chunks, channels, layer.eps, layer.decay)",
        "norm.finish('finish', b.cpu, chunks, channels, layer.eps, 1 - layer.decay)",
        SAMPLE + "test_batch_normalisation_is_the_papers_algorithm[True]",
    ),
    Mutant(
        "LocalResponseNorm",
        "alpha: float = 1e-4",
        "alpha: float = 1e-4 / 5",
        LOCAL + "test_across_maps_it_is_krizhevskys_formula_with_his_numbers",
    ),
    Mutant(
        "LocalResponseNorm.forward",
        "u ** -self.beta",
        "u ** (self.beta - 1)",
        LOCAL + "test_numbers_of_the_formula",
    ),
    Mutant(
        "LocalResponseNorm._sum",
        "(half, half)",
        "(half + 1, half - 1)",
        LOCAL + "test_numbers_of_the_formula",
    ),
    Mutant(
        "LocalResponseNorm._base",
        "self.alpha * self._sum(d**2)",
        "self.alpha / self.size * self._sum(d**2)",
        LOCAL + "test_other_libraries_divide_alpha_by_the_window",
    ),
    Mutant(
        "LocalResponseNorm._base",
        "self._sum(x) / numbers",
        "self._sum(x) / self.size**2",
        LOCAL + "test_the_normalisation_layers_of_cuda_convnet[cnorm-lrn3 contrast alpha=0.03333333333333333 "
        "beta=0.5 k=1.0]",
    ),
    Mutant(
        "LocalResponseNorm.backward",
        "self._sum(g / numbers)",
        "self._sum(g) / numbers",
        "layers/test_conformance.py::test_layer[check_gradient-lrn]",
    ),
    Mutant(
        "LocalResponseNorm.output_shape",
        "self.size < 1 or self.size % 2 == 0",
        "self.size < 1",
        LOCAL + "test_what_cannot_be",
    ),
    Mutant(
        "ContrastNorm.weights",
        "near / near.sum(1, keepdims=True)",
        "near / near.sum()",
        LOCAL + "test_an_even_image_has_no_contrast",
    ),
    Mutant(
        "ContrastNorm._divisor",
        "np.maximum(sigma, _mean_of_positions(sigma))",
        "sigma",
        LOCAL + "test_a_row_by_hand",
    ),
    Mutant(
        "ContrastNorm.backward",
        "_spread(dv.sum(-1, keepdims=True), weights, x.shape[-1])",
        "_mean(dv, weights)",
        "layers/test_conformance.py::test_layer[check_gradient-contrastnorm]",
    ),
    # Kernels
    Mutant(
        "kernels.mathematics:power",
        "exponent - high",
        "0.0",
        "kernels/test_mathematics.py::test_powers",
    ),
    Mutant(
        "_QUARTERS",
        "(root := _root(x)) * _root(root)",
        "(root := _root(x)) * root",
        "kernels/test_mathematics.py::test_powers",
    ),
    Mutant(
        "kernels.sample_norm:_statistics",
        "first.get() * (1.0 / width)",
        "first.get() * 0.0",
        KERNEL + "test_images_in_the_lanes",
    ),
    Mutant(
        "kernels.sample_norm:_statistics",
        "k.fma(-far, far, square)",
        "square",
        KERNEL + "test_images_in_the_lanes",
    ),
    Mutant(
        "kernels.sample_norm:_Part.kept",
        "self.positions[0] if self.sets.apart else g",
        "g",
        KERNEL + "test_images_in_the_lanes",
    ),
    Mutant(
        "kernels.sample_norm:sample_norm_gradient",
        "1.0 / sets.size(x)",
        "1.0 / x.positions",
        KERNEL + "test_images_in_the_lanes",
    ),
    Mutant(
        "kernels.sample_norm:_Parameters.__init__",
        "k.task if sets.apart else self._group",
        "self._group",
        KERNEL + "test_images_in_the_lanes",
    ),
    Mutant(
        "kernels.channels.sample_norm:_at_all_positions",
        "k.store(k.vector(source, begin + i, count), pivot, begin + i)",
        "k.store(k.zero(), pivot, begin + i)",
        KERNEL + "test_channels_in_the_lanes",
    ),
    Mutant(
        "kernels.channels.sample_norm:_mean_of",
        "count != k.lanes",
        "False",
        KERNEL + "test_channels_in_the_lanes",
    ),
    Mutant(
        "kernels.channels.sample_norm:_join",
        "k.fma(far, far, k.vector(variances, begin + c, count))",
        "k.vector(variances, begin + c, count)",
        KERNEL + "test_channels_in_the_lanes",
    ),
    Mutant(
        "kernels.response_norm:_Row.__init__",
        "whole_vectors(whole + 2 * self._margin, k.lanes)",
        "whole_vectors(whole + self._margin, k.lanes)",
        RESPONSE + "test_a_row_has_room_for_the_maps_that_there_are_not",
    ),
    Mutant(
        "kernels.response_norm:response_norm_gradient",
        "-2 * norm.alpha * norm.beta",
        "-norm.alpha * norm.beta",
        RESPONSE + "test_across_maps",
    ),
    Mutant(
        "kernels.response_within:response_sent",
        "k.vector(pdy, at_dy) * power(share, norm.beta) * k.vector(px, at_x) * share",
        "k.vector(pdy, at_dy) * power(share, norm.beta) * k.vector(px, at_x)",
        RESPONSE + "test_within_maps",
    ),
    Mutant(
        "kernels.response_within:each_sum",
        "min(slides[2].before, width - 1)",
        "slides[2].before - 1",
        RESPONSE + "test_within_maps",
    ),
    Mutant(
        "kernels.response_contrast:deviations",
        "1.0 / taps_seen(k, slides, position)",
        "k.constant(1.0 / window.taps, F32, 1)",
        RESPONSE + "test_within_maps",
    ),
    Mutant(
        "kernels.response_contrast:contrast_gradient",
        "k.fma(k.vector(pe, at + v), numbers, -total)",
        "k.vector(pe, at + v) * numbers",
        RESPONSE + "test_within_maps",
    ),
    Mutant(
        "kernels.sets:Sets.step",
        "math.lcm(width, lanes)",
        "width",
        KERNEL + "test_a_task_has_whole_sets_and_whole_vectors",
    ),
    Mutant(
        "kernels.contrast_norm:contrast_norm",
        "k.max(roots[v], middles[v])",
        "roots[v]",
        "kernels/test_contrast_norm.py::test_forward_and_backward",
    ),
    Mutant(
        "kernels.contrast_norm:_taken",
        "part.blur(one, two, adjoint=True)",
        "part.blur(one, two)",
        "kernels/test_contrast_norm.py::test_forward_and_backward",
    ),
    Mutant(
        "kernels.contrast_norm:_taken",
        "k.vector(one, own + v) + k.vector(by_mean, v)",
        "k.vector(one, own + v)",
        "kernels/test_contrast_norm.py::test_forward_and_backward",
    ),
    Mutant(
        "kernels.contrast_norm:_Part.blur",
        "lower(p + reach + 1, places)",
        "lower(p + reach, places)",
        "kernels/test_contrast_norm.py::test_forward_and_backward",
    ),
    # Lowering
    Mutant(
        "engine.lower.contrast_norm:_norm",
        "_layer(b, i).size // 2",
        "_layer(b, i).size // 4",
        "engine/test_norms_compiled.py::test_training_as_by_the_formulas",
    ),
    Mutant(
        "engine.lower.response_norm:_within",
        "_layer(b, i).region == 'contrast'",
        "False",
        LOCAL + "test_the_normalisation_layers_of_cuda_convnet",
    ),
    Mutant(
        "engine.lower.sample_norm:_sets",
        "places > 1",
        "False",
        "engine/test_executor.py::test_every_layer_and_case[layernorm-images]",
    ),
    Mutant(
        "engine.lower.sample_norm:_backward",
        "b.sum_up(f'{node.path}.{name}', chunks, size, part, b.weight_gradient(i, name))",
        "b.sum_up(f'{node.path}.{name}', 1, size, part, b.weight_gradient(i, name))",
        "engine/test_norms_compiled.py::test_gradients_of_few_images_are_summed_over_all_positions",
    ),
    Mutant(
        "engine.lower.response_norm:_across_backward",
        "b.dx_over(node.inputs[0], i)",
        "(b.dx(node.inputs[0])[0], False)",
        "engine/test_norms_compiled.py::test_training_as_by_the_formulas",
    ),
    # Norms with running statistics
    Mutant(
        "kernels.running_norm:gradient",
        "factor * d",
        "d",
        RUNNING,
    ),
    Mutant(
        "kernels.running_norm:gradient",
        "(d * far, d)",
        "(d, d)",
        RUNNING,
    ),
    Mutant(
        "kernels.running_norm:gradient",
        "k.fma(far, factor, level)",
        "far",
        RUNNING,
    ),
    Mutant(
        "kernels.running_norm:finish",
        "k.vector(var, i, count) + eps",
        "k.vector(var, i, count)",
        RUNNING,
    ),
    Mutant(
        "_running_backward",
        "b.pass_on(node.path, dy, addend)",
        "None",
        COMPILED + "test_the_way_back_of_fixed_norms_through_sums",
    ),
    Mutant(
        "_running_backward",
        "activation = None",
        "activation = activation",
        COMPILED + "test_the_way_back_of_fixed_norms_through_sums",
    ),
    Mutant(
        "_running_backward",
        "b.sum_blocks(positions) if learns else b.blocks(positions)",
        "b.blocks(positions)",
        COMPILED + "test_training_as_by_the_formulas[images-batchnorm fixed=yes]",
    ),
]
