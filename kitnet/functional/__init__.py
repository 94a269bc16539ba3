"""Floor 5: convolution and pooling as plain functions on arrays, for notebooks, lessons and other people's
programs.

    y = convolve(x, w, b, pad="same")
    dx, dw, db = convolve_backward(dy, x, w, pad="same")

Arrays have samples first and channels last: x (N, W, C), (N, H, W, C) or (N, D, H, W, C), and filters
(R, C/groups, K), (R, S, C/groups, K) or (Q, R, S, C/groups, K). As everywhere in kitnet, a filter is not
turned unless `flip` says so.

Arrays are float32 or float64, all of a call the same; results are of that type too, new and contiguous.
float32 runs on compiled code, made at the first call of its kind and kept in memory and in the user's cache
folder; `engine="formula"` runs the layers' formulas instead. float64 always runs the formulas, since compiled
code is float32. Strided, read-only, misaligned and foreign-endian arrays are right as they are, and never
changed. Several threads may call at once.

Raises TypeError for arrays of another type, ShapeError for sizes that do not fit and KitnetError for unknown
words; the message begins with the function's name.
"""

from kitnet.functional.convolution import convolve, convolve_backward
from kitnet.functional.pooling import max_pool, max_pool_backward, mean_pool, mean_pool_backward
from kitnet.functional.similarity import dilation_of, normalised_correlation

__all__ = [
    "convolve",
    "convolve_backward",
    "dilation_of",
    "max_pool",
    "max_pool_backward",
    "mean_pool",
    "mean_pool_backward",
    "normalised_correlation",
]
