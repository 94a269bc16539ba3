"""Bugs in activations, joins of products and maxima, dropout of maps, and losses."""

from mutant import Mutant

ACTIVATIONS = "layers/test_activations_of_all_kinds.py"
LOSSES = "layers/test_losses_of_all_kinds.py"
JOINS = "layers/test_products_and_maxima.py"
KERNELS = "kernels/test_joins.py"
CONFORM = "layers/test_conformance.py::test_layer"

POINTWISE = [
    # Formulas
    Mutant(
        "Relu.backward", "kept.y < self.cap", "kept.y <= self.cap", f"{ACTIVATIONS}::test_relu6_stops_at_6"
    ),
    Mutant(
        "ParametricRelu.backward", "np.where(x > 0, 0, x * dy)", "x * dy", f"{CONFORM}[check_gradient-prelu]"
    ),
    Mutant(
        "Elu.forward",
        "np.expm1(np.minimum(x[0], 0))",
        "(np.exp(np.minimum(x[0], 0)) - 1)",
        f"{ACTIVATIONS}::test_elu_falls_to_minus_alpha_and_keeps_its_digits_near_zero",
    ),
    Mutant("Elu.backward", "kept.y + self.alpha", "kept.y + 1", f"{CONFORM}[check_gradient-elu]"),
    Mutant(
        "below",
        "np.vectorize(math.erfc, otypes=[x.dtype])(-x * math.sqrt(0.5)) / 2",
        "(1 + np.vectorize(math.erf, otypes=[x.dtype])(x * math.sqrt(0.5))) / 2",
        f"{ACTIVATIONS}::test_gelu_is_x_times_the_normal_distribution",
    ),
    Mutant("Gelu.backward", "1 + 3 * CUBIC * x**2", "1 + CUBIC * x**2", f"{CONFORM}[check_gradient-gelu]"),
    Mutant(
        "HardTanh.backward",
        "kept.y < self.high",
        "kept.y <= self.high",
        f"{ACTIVATIONS}::test_hard_activations_at_their_bounds",
    ),
    Mutant(
        "HardSigmoid.forward",
        "self.slope * x[0] + 0.5",
        "self.slope * x[0]",
        f"{ACTIVATIONS}::test_hard_activations_at_their_bounds",
    ),
    Mutant("HardSwish.backward", "x / 3 + 0.5", "x / 6 + 0.5", f"{CONFORM}[check_gradient-hardswish]"),
    Mutant(
        "Softplus.backward",
        "-np.expm1(-kept.y)",
        "1 - np.exp(-kept.y)",
        f"{ACTIVATIONS}::test_softplus_is_a_smooth_relu_whose_slope_is_the_sigmoid",
    ),
    Mutant(
        "Softsign.backward",
        "(1 - np.abs(kept.y)) ** 2",
        "(1 - np.abs(kept.y))",
        f"{CONFORM}[check_gradient-softsign]",
    ),
    Mutant("layers.gaussian:Gaussian.backward", "-2 * x", "-x", f"{CONFORM}[check_gradient-gaussian]"),
    Mutant("SquareRoot.backward", "0.5 * dy", "dy", f"{CONFORM}[check_gradient-sqrt]"),
    Mutant(
        "Maxout.backward",
        "np.arange(self.pieces)",
        "np.arange(self.pieces)[::-1]",
        f"{CONFORM}[check_gradient-maxout]",
    ),
    Mutant(
        "Multiply.backward",
        "d.sum(spread)",
        "d.mean(spread)",
        f"{JOINS}::test_one_number_a_map_is_multiplied_everywhere_and_gathers_the_gradient",
    ),
    Mutant(
        "Maximum._winners",
        "every.argmax(0)",
        "len(every) - 1 - every[::-1].argmax(0)",
        f"{JOINS}::test_a_maximum_by_hand_where_the_first_of_equals_wins",
    ),
    Mutant(
        "Shuffle.backward",
        "dy.shape[-1] // self.groups",
        "self.groups",
        f"{JOINS}::test_shuffled_maps_by_hand",
    ),
    Mutant(
        "SqueezeExcitation.wire",
        "layers.Relu()",
        "layers.Sigmoid()",
        f"{JOINS}::test_squeeze_and_excitation_is_its_equations",
    ),
    Mutant(
        "Dropout.draws",
        "(*ones[1:], x[-1])",
        "x",
        "layers/test_norm_and_dropout.py::test_whole_maps_are_dropped",
    ),
    Mutant(
        "Dropout.draws",
        "{'units': x, 'maps': (*ones[1:], x[-1]), 'samples': ones}",
        "{'units': x, 'maps': (*ones[1:], x[-1]), 'samples': x}",
        "layers/test_norm_and_dropout.py::test_stochastic_depth_skips_the_body_of_a_residual",
    ),
    Mutant(
        "layers.power:Square.forward",
        "x[0] ** 2",
        "x[0] * 2",
        f"{ACTIVATIONS}::test_the_neurons_of_cuda_convnet",
    ),
    # Losses
    Mutant(
        "SoftmaxCrossEntropy._smoothed",
        "t.mean(-1, keepdims=True)",
        "t.sum(-1, keepdims=True)",
        f"{LOSSES}::test_smoothed_labels_give_every_class_a_share",
    ),
    Mutant(
        "SoftmaxCrossEntropy.backward",
        "dy * self._smoothed(cost(z))",
        "dy * cost(z)",
        f"{CONFORM}[check_gradient-softmax_cross_entropy]",
    ),
    Mutant(
        "Quadratic.forward",
        "((a - t) ** 2).sum(tuple(range(1, a.ndim))) / 2",
        "((a - t) ** 2).sum(tuple(range(1, a.ndim)))",
        f"{LOSSES}::test_the_mean_of_the_quadratic_loss_is_the_euclidean_one",
    ),
    Mutant(
        "MulticlassHinge._hinges",
        "np.where(worst, short, 0)",
        "short",
        f"{LOSSES}::test_the_worst_rival_counts_in_the_multiclass_hinge",
    ),
    Mutant(
        "MulticlassHinge._hinges",
        "self.margin + s[..., None, :] - s[..., :, None]",
        "self.margin + s[..., :, None] - s[..., None, :]",
        f"{LOSSES}::test_the_svm_loss_of_the_material",
    ),
    Mutant(
        "Hinge._short",
        "self.margin - (2 * t - 1) * s",
        "self.margin - t * s",
        f"{LOSSES}::test_each_class_against_all_others",
    ),
    Mutant(
        "Huber.backward",
        "np.clip(a - t, -self.delta, self.delta)",
        "a - t",
        f"{LOSSES}::test_distances_by_hand",
    ),
    Mutant("AbsoluteError.backward", "np.sign(a - t)", "np.sign(t - a)", f"{LOSSES}::test_distances_by_hand"),
    Mutant(
        "loss_by_name",
        "read_layer(text)",
        "read_layer(word)",
        f"{LOSSES}::test_a_loss_is_named_with_its_arguments",
    ),
    # What the rows of the material say of other layers
    Mutant(
        "Linear.backward",
        "rows.T @ dy",
        "rows.T @ dy / len(dy)",
        f"{LOSSES}::test_the_residuals_of_fully_connected_layers",
    ),
    Mutant(
        "SigmoidCrossEntropy.backward",
        "sigmoid(z) - t",
        "(sigmoid(z) - t) * sigmoid(z) * (1 - sigmoid(z))",
        f"{LOSSES}::test_the_quadratic_loss_saturates_and_cross_entropy_does_not",
    ),
    Mutant(
        "Sigmoid.backward",
        "y * (1 - y) * dy",
        "dy",
        f"{LOSSES}::test_a_hidden_layer_of_three_and_an_output_of_two_by_hand",
    ),
    Mutant(
        "Linear.backward",
        "dy.sum(0)",
        "dy.mean(0) * 2",
        f"{LOSSES}::test_the_gradient_of_a_bias_is_delta_or_its_sum_over_positions",
    ),
    Mutant(
        "Linear.params",
        "{'bias': Param((self.units,), decay=False)} if self.bias else {}",
        "{}",
        f"{LOSSES}::test_which_kinds_of_layers_have_parameters_and_which_hyperparameters",
    ),
    Mutant(
        "Dropout.forward",
        "(bits >= self._threshold()) / (1 - self.drop)",
        "(bits >= self._threshold()) * 1.0",
        "layers/test_norm_and_dropout.py::test_dropout_thins_in_training_and_keeps_the_mean",
    ),
    Mutant(
        "LeakyRelu.forward",
        "self.slope * x[0]",
        "self.slope + x[0]",
        f"{ACTIVATIONS}::test_the_activations_of_the_material",
    ),
    Mutant(
        "Maxout._runs",
        "x.reshape(*x.shape[:-1], x.shape[-1] // self.pieces, self.pieces)",
        "x.reshape(*x.shape[:-1], self.pieces, x.shape[-1] // self.pieces)",
        f"{ACTIVATIONS}::test_maxout_takes_the_first_of_equal_numbers",
    ),
    # Kernels
    Mutant(
        "kernels.mathematics:expm1",
        "scale - _power_of_two(-rest)",
        "scale - 1.0",
        "kernels/test_mathematics.py::test_error_over_the_whole_range",
    ),
    Mutant(
        "kernels.mathematics:normal",
        "k.select(x < 0.0, tail, 1.0 - tail)",
        "1.0 - tail",
        "kernels/test_mathematics.py::test_the_normal_distribution",
    ),
    Mutant(
        "_relu_back",
        "_between_back(y, dy, 0.0, cap)",
        "y.kernel.select(y > 0.0, dy, 0.0)",
        "kernels/test_elementwise.py::test_activation_gradient",
    ),
    Mutant(
        "sum_of_products",
        "max(x.positions for x in xs)",
        "xs[0].positions - 1",
        f"{KERNELS}::test_products_and_their_gradients",
    ),
    Mutant(
        "kernels.product:_row",
        "volume.positions > 1",
        "False",
        f"{KERNELS}::test_products_and_their_gradients",
    ),
    Mutant(
        "largest",
        "~(value <= top) & ~top.is_nan()",
        "value > top",
        f"{KERNELS}::test_the_first_nan_is_the_largest",
    ),
    Mutant(
        "maximum_gradient",
        "k.select(won, k.vector(pdy, at_dy), 0.0)",
        "k.vector(pdy, at_dy)",
        f"{KERNELS}::test_maxima_and_their_gradients",
    ),
    Mutant(
        "kernels.maps:maxout_gradient",
        "winner.equals(j)",
        "winner.equals(0)",
        f"{KERNELS}::test_maxout_and_its_gradient",
    ),
    Mutant("kernels.maps:shuffle", "groups * i + j", "each * j + i", f"{KERNELS}::test_shuffles"),
    Mutant(
        "prelu_gradient",
        "k.select(above, k.zero(), value * d)",
        "value * d",
        f"{KERNELS}::test_gradients_of_slopes_are_sums_of_parts",
    ),
    Mutant(
        "dropout_factors",
        "1 if together else factor.channels",
        "factor.channels",
        "kernels/test_dropout.py::test_the_factors_of_maps_and_samples_are_those_of_the_formula",
    ),
    Mutant("_compete", "smooth / images.classes", "smooth", "kernels/test_loss.py::test_loss_and_gradient"),
    # Lowering
    Mutant(
        "_multiply_backward",
        "[dy, *xs[:n], *xs[n + 1:]]",
        "[dy, *xs[:n + 1]]",
        "engine/test_every_kernel.py::test_gradients_are_those_of_the_formulas",
    ),
    Mutant(
        "_shuffle_backward",
        "dy.volume.channels // _groups(b, i)",
        "_groups(b, i)",
        "engine/test_every_kernel.py::test_gradients_are_those_of_the_formulas",
    ),
]
