"""The mistakes that a user can mend. Each is said in one line: where, what was expected, what came, what to
do.

Inner code raises the bare reason; one outer handler adds the place (`net/graph.py` the layer's path, the data
readers the file, `kitnet/cli` the program's name and exit status 2).
"""

from __future__ import annotations

from collections.abc import Iterable

MOST = 80  # characters of what a user gave that a message repeats
TOLD = 6  # known words that are listed where none is like an unknown one


class KitnetError(Exception):
    """A mistake that the user can put right; its text is the whole message."""


class ShapeError(KitnetError):
    """Sizes that do not fit each other: the reason, and what to do about it. Of a layer in a network
    `elsewhere` is what may be done without another layer, and `column`, from 0, where a line writes it."""

    elsewhere: tuple[str, str] | None = None  # the reason with its place, and the remedy
    column: int | None = None

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason, remedy)
        self.reason, self._remedy = reason, remedy

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return self._remedy

    def __str__(self) -> str:
        return f"{self.reason}; {self.remedy}" if self.remedy else self.reason


class LanguageError(KitnetError):
    """A network's line that cannot be read. `column` counts from 0; of a long line the message shows the part
    around it.
    """

    def __init__(self, reason: str, line: str, column: int) -> None:
        first = max(0, min(column - MOST // 2, len(line) - MOST))
        before, part = "..." if first else "", line[first : first + MOST]
        after = "..." if first + MOST < len(line) else ""
        caret = " " * (len(before) + column - first) + "^"
        super().__init__(f"{reason}\n  {before}{part}{after}\n  {caret}")
        self.reason, self.line, self.column = reason, line, column


class DataError(KitnetError):
    """A data file or an image that is not what it should be."""


class FileError(KitnetError):
    """A file that cannot be read or is not what it should be: which, why, and what to do about it."""

    def __init__(self, path: object, reason: str, remedy: str = "") -> None:
        super().__init__(f"{path}: {reason}; {remedy}" if remedy else f"{path}: {reason}")
        self.path, self.reason, self.remedy = path, reason, remedy


class ModelFileError(KitnetError):
    """A model file that is damaged, or not one of kitnet's."""


class RunError(KitnetError):
    """A run folder that cannot be made, read or continued."""


class TrainingError(KitnetError):
    """Training that cannot go on, such as a loss that is not a number."""


def shorten(value: object) -> str:
    """A value as Python writes it, for a message; of a long one the beginning and three dots."""
    if isinstance(value, str):
        return repr(value[:MOST]) + ("..." if len(value) > MOST else "")
    try:
        return cut(" ".join(repr(value).split()))
    except ValueError:  # Python refuses to write integers of thousands of digits
        return "of thousands of digits"


def printable(where: object) -> str:
    """A name, which may come from strangers, without what would move a terminal's cursor."""
    text = str(where)
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def cut(text: str) -> str:
    """A text for a message; of a long one the beginning and three dots."""
    return text if len(text) <= MOST else text[:MOST] + "..."


OTHER_NAMES = {
    "fc": ("dense", "linear", "affine", "fullyconnected", "fully_connected"),
    "conv": ("convolution", "convolve", "cnn", "depthwise", "depthwiseconv", "depthwise_conv", "dwconv"),
    "maxpool": ("pool", "pooling", "maxpooling", "adaptivemaxpool", "globalmaxpool", "globalmaxpooling"),
    "meanpool": (
        *("avgpool", "avg_pool", "averagepool", "average_pool", "averagepooling", "adaptiveavgpool"),
        *("gap", "globalavgpool", "globalaveragepool", "globalaveragepooling"),
    ),
    "normpool": ("l2pool", "lppool", "lp_pool"),
    "unpool": ("maxunpool", "max_unpool", "unpooling"),
    "transposed": (
        *("deconv", "deconvolution", "conv_transpose", "convtranspose", "convtransposed", "convt"),
        *("transpose", "transposedconv", "upconv"),
    ),
    "local": ("locally_connected", "locallyconnected", "unshared"),
    "upsample": ("upsampling", "interpolate"),
    "pad": ("padding", "zero_pad", "zeropadding"),
    "batchnorm": ("bn", "norm", "normalization", "normalisation"),
    "layernorm": ("ln", "layer_norm", "layernormalization"),
    "groupnorm": ("gn", "group_norm", "groupnormalization"),
    "instancenorm": ("instance_norm", "instancenormalization"),
    "lrn": ("localresponsenorm", "local_response_norm", "cmrnorm", "rnorm", "cnorm"),
    "contrastnorm": ("lcn", "spatialcontrastivenormalization"),
    "residual": ("skip", "shortcut", "resblock"),
    "concat": ("cat", "stack", "join"),
    "add": ("sum", "plus", "eltsum"),
    "multiply": ("mul", "times", "eltmul"),
    "maximum": ("eltmax",),
    "minimum": ("eltmin",),
    "subtract": ("sub", "minus"),
    "divide": ("div", "quotient"),
    "exponentiate": ("pow", "raise"),
    "matmul": ("dot", "matrixproduct"),
    "expand": ("broadcast", "broadcast_to", "tile", "repeat"),
    "reshape": ("view",),
    "slice": ("crop", "cropping", "narrow"),
    "gather": ("take", "index_select"),
    "depthtospace": ("depth_to_space", "pixelshuffle", "pixel_shuffle"),
    "spacetodepth": ("space_to_depth", "pixelunshuffle", "pixel_unshuffle"),
    "logsoftmax": ("log_softmax",),
    "shuffle": ("channelshuffle", "channel_shuffle"),
    "se": ("squeeze", "squeezeexcitation", "squeeze_excitation", "excitation"),
    "dropout": ("spatialdropout", "droppath", "drop_path", "stochasticdepth", "stochastic_depth"),
    "sigmoid": ("logistic",),
    "silu": ("swish",),
    "relu": ("rectifier",),
    "leakyrelu": ("lrelu", "leaky_relu"),
    "prelu": ("parametricrelu", "parametric_relu"),
    "softplus": ("softrelu", "smoothrelu"),
    "hardtanh": ("clip", "clamp", "hard_tanh"),
    "hardsigmoid": ("hsigmoid", "hard_sigmoid"),
    "hardswish": ("hswish", "hard_swish"),
    "abs": ("absval", "absolute_value"),
    "softmax_cross_entropy": ("cross_entropy", "crossentropy", "categorical_crossentropy", "ce", "nll"),
    "sigmoid_cross_entropy": ("binary_cross_entropy", "binary_crossentropy", "bce"),
    "quadratic": ("mse", "l2", "mean_squared_error", "squared_error", "euclidean"),
    "absolute": ("mae", "l1", "mean_absolute_error"),
    "huber": ("smooth_l1", "smoothl1"),
    "multiclass_hinge": ("svm", "multimargin", "multi_margin", "crammer_singer"),
    "sgd": ("gradient_descent", "gd"),
    "drops": ("steps", "multistep", "step_lr"),
    "onecycle": ("one-cycle", "one_cycle", "1cycle"),
    "lr": ("learning_rate", "rate"),
    "decay": ("weight_decay",),
    "fashion-mnist": ("fashion", "fmnist"),
    "formula": ("numpy", "reference"),
    "compiled": ("llvm", "fast", "jit"),
}  # what others call the words of the language, losses, arguments, data sets and engines
_WORDS = {other: word for word, others in OTHER_NAMES.items() for other in others}


def other_name(word: str, known: Iterable[str]) -> str | None:
    """The known word for what others call so."""
    own = _WORDS.get(word[:MOST].lower())
    return own if own is not None and own in known else None


def nearest(word: str, known: Iterable[str]) -> str:
    """` (kitnet calls it 'fc')` where a known word means the same, ` (did you mean 'conv'?)` where one is
    spelled alike, otherwise nothing."""
    word, known = word[:MOST].lower(), list(known)
    own = other_name(word, known)
    if own is not None:
        return f" (kitnet calls it {own!r})"
    import difflib

    alike = {one.lower(): one for one in known}
    close = difflib.get_close_matches(word, alike, n=1, cutoff=0.5)
    return f" (did you mean {alike[close[0]]!r}?)" if close else ""


def nearest_or_all(word: str, known: Iterable[str]) -> str:
    """The same, but where no known word is alike the words that there are, of many the first: ` (there are
    'C1', 'S2' and 10 others)`."""
    names = list(known)
    if (hint := nearest(word, names)) or not names:
        return hint
    told = names if len(names) <= TOLD + 1 else names[:TOLD]
    texts = [*map(repr, told), *([f"{len(names) - TOLD} others"] if told != names else [])]
    listed = " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))
    return f" (there {'is' if len(texts) == 1 else 'are'} {listed})"
