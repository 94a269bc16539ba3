"""Floor 4: the convolution laboratory: one layer by every algorithm, and worked examples step by step.

compare("28x28x128 conv3-128 same", batch=4).winner("forward").name
print(example(14))
"""

from kitnet.lab.comparison import Comparison, Row, compare

__all__ = ["Comparison", "Row", "compare"]
