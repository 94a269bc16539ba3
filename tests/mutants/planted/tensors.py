"""Bugs in layers that put numbers elsewhere, reduce, resize and join two values."""

from mutant import Mutant

TENSORS_BY_HAND = "layers/test_tensor_layers.py"
CONFORM = "layers/test_conformance.py::test_layer"

TENSORS = [
    Mutant(
        "Permute.arrange",
        "x.transpose(0, *self.order)",
        "x.transpose(0, *(self.order.index(axis) + 1 for axis in range(1, x.ndim)))",
        f"{TENSORS_BY_HAND}::test_permuted_axes_by_hand",
    ),
    Mutant(
        "Rearrangement.backward",
        "np.add.at(dx.T, sources, rows.T)",
        "dx.__setitem__((slice(None), sources), rows)",
        f"{TENSORS_BY_HAND}::test_gathered_places_may_come_twice",
    ),
    Mutant(
        "_from",
        "end if end >= 0 else None",
        "end",
        f"{TENSORS_BY_HAND}::test_slices_by_hand_forwards_and_backwards",
    ),
    Mutant(
        "Expand.arrange",
        "x.reshape(len(x), *ones, *x.shape[1:])",
        "x.reshape(len(x), *x.shape[1:], *ones)",
        f"{TENSORS_BY_HAND}::test_expanding_repeats_and_gathers_the_gradient",
    ),
    Mutant(
        "Reduce.backward",
        "dy / self._count(shape[1:])",
        "dy",
        f"{TENSORS_BY_HAND}::test_reductions_by_hand",
    ),
    Mutant(
        "Reduce.backward",
        "kept.extras['indices'] == numbers",
        "kept.extras['indices'] <= numbers",
        f"{TENSORS_BY_HAND}::test_the_first_of_equal_numbers_has_the_gradient",
    ),
    Mutant(
        "Divide.backward",
        "where=b != 0",
        "where=b == b",
        f"{TENSORS_BY_HAND}::test_what_has_no_slope_sends_0",
        index=0,
    ),
    Mutant("Exponentiate.backward", "np.log(a)", "np.log(b)", f"{CONFORM}[check_gradient-exponentiate]"),
    Mutant(
        "DepthToSpace.arrange",
        "self.order == 'CRD'",
        "self.order == 'DCR'",
        f"{TENSORS_BY_HAND}::test_blocks_of_channels_become_places",
    ),
    Mutant(
        "MatrixProduct.backward",
        "a.swapaxes(-1, -2) @ dy",
        "a @ dy",
        f"{CONFORM}[check_gradient-matmul]",
    ),
    Mutant(
        "Resize._nearest",
        "part > 0.5",
        "part >= 0.5",
        f"{TENSORS_BY_HAND}::test_resizing_by_hand",
    ),
    Mutant(
        "Resize._share",
        "(self.a + 2) * d**3 - (self.a + 3) * d**2 + 1",
        "(self.a + 2) * d**3 - (self.a + 2) * d**2 + 1",
        f"{TENSORS_BY_HAND}::test_resizing_by_hand",
    ),
    Mutant(
        "Constant.backward",
        "dy.sum(0)",
        "dy.mean(0)",
        f"{TENSORS_BY_HAND}::test_constants_learn",
    ),
    Mutant(
        "_mixes_positions",
        "not layer.keeps_positions(x)",
        "False",
        "net/test_receptive.py::test_the_field_is_where_the_gradient_of_a_number_reaches",
    ),
    Mutant("Mish.backward", "x * slope * sigmoid(x)", "x * slope", f"{CONFORM}[check_gradient-mish]"),
    Mutant("Selu.backward", "self.scale * self.alpha", "self.alpha", f"{CONFORM}[check_gradient-selu]"),
    Mutant(
        "Celu.backward", "kept.y / self.alpha + 1", "kept.y + self.alpha", f"{CONFORM}[check_gradient-celu]"
    ),
    Mutant(
        "LogSoftmax.backward",
        "dy.sum(-1, keepdims=True)",
        "dy",
        f"{CONFORM}[check_gradient-logsoftmax]",
    ),
    Mutant(
        "L2Pool.backward",
        "y ** (self.p - 1)",
        "y",
        f"{TENSORS_BY_HAND}::test_norms_by_hand",
    ),
]
