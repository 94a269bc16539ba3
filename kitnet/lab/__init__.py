"""Floor 5: the convolution laboratory: one layer by every algorithm, and worked examples step by step.

compare("28x28x128 conv3-128 same", batch=4).winner("forward").name
instructions("28x28x128 conv3-128 same").loop
print(example(14))
"""

from kitnet.lab.blackboard import Example
from kitnet.lab.chart import check_chart, save_chart
from kitnet.lab.comparison import Comparison, Row, compare
from kitnet.lab.instructions import Instructions, instructions
from kitnet.lab.worked import example, examples

__all__ = [
    "Comparison",
    "Example",
    "Instructions",
    "Row",
    "check_chart",
    "compare",
    "example",
    "examples",
    "instructions",
    "save_chart",
]
