"""Floor 5: net surgery. A network goes in and another one comes out; what goes in stays as it is.

    wide = resize(convolve(net), (384, 384, 3))     linear layers slide over a larger image
    scores = dense(net, images, stride=16)          a map of scores, in several passes
    small = fold(net)                               batch norms in the layers in front of them
    other = head(cut(net, "pool5"), "fc10")         new layers behind old ones

Weights of layers that an operation does not concern are carried over bit for bit. What cannot be done raises
KitnetError with the layer's path and the reason.
"""

from kitnet.surgery.dense import Differences, Scan, dense
from kitnet.surgery.edit import Edit
from kitnet.surgery.folding import fold, foldable
from kitnet.surgery.matrix import Matrix, matrix
from kitnet.surgery.parts import append, cut, head, rename
from kitnet.surgery.pruning import prune
from kitnet.surgery.sliding import average, convolve, linear, resize

__all__ = [
    "Differences",
    "Edit",
    "Matrix",
    "Scan",
    "append",
    "average",
    "convolve",
    "cut",
    "dense",
    "fold",
    "foldable",
    "head",
    "linear",
    "matrix",
    "prune",
    "rename",
    "resize",
]
