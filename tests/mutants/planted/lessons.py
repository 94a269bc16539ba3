"""A formula broken in one place for each chapter of the book, which then says something else."""

from mutant import Mutant

BOOK = "lessons/test_chapters.py::test_texts_say_what_the_cells_print"

LESSONS = [
    Mutant("normalised_correlation", "np.sqrt(seen)", "seen", f"{BOOK}[01-window]"),
    Mutant("half_turn", "tuple(range(w.ndim - 2))", "(0,)", f"{BOOK}[02-convolution]"),
    Mutant(
        "rule", "whole + 1 + left / one.stride", "whole + left / one.stride", f"{BOOK}[03-two-dimensions]"
    ),
    Mutant(
        "Convolution.connections",
        "each * math.prod(self.output_shape(*x)[:-1])",
        "each",
        f"{BOOK}[04-sharing]",
    ),
    Mutant("MeanPool._counts", "inside(axes)", "inside(axes) + 1", f"{BOOK}[05-pooling]"),
    Mutant("SigmoidCrossEntropy.backward", "sigmoid(z) - t", "t - sigmoid(z)", f"{BOOK}[06-residuals]"),
    Mutant(
        "Convolution.backward",
        "dy.sum(tuple(range(dy.ndim - 1)))",
        "dy.mean(tuple(range(dy.ndim - 1)))",
        f"{BOOK}[07-three-formulas]",
    ),
    Mutant("Subsampling.backward", "dy * sums(x, axes)", "dy * x[:, ::2, ::2]", f"{BOOK}[08-lenet-back]"),
]
