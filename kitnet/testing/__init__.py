"""Floor 5: the checks that every layer of kitnet passes, for layers of your own.

    from kitnet.testing import check_layer
    check_layer(Swish)                       # the class: all its cases
    check_layer(Swish(beta=2.0), (4, 5, 3))  # one layer on the shapes of its operands, without the batch

Each check raises AssertionError that says what is wrong, and returns None.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from kitnet.base.shape import Shape
from kitnet.layers import Case, Layer
from kitnet.testing.closeness import assert_rounding, sensitivity
from kitnet.testing.compiled import COMPILED, Compiled
from kitnet.testing.contract import check_contract
from kitnet.testing.definition import check_definition
from kitnet.testing.executor import Executor, Run, check_executor, reference
from kitnet.testing.gradient import check_gradient
from kitnet.testing.terms import check_terms
from kitnet.testing.trial import Trial, require

__all__ = [
    "COMPILED",
    "Compiled",
    "Executor",
    "Run",
    "Trial",
    "assert_rounding",
    "check_contract",
    "check_definition",
    "check_executor",
    "check_gradient",
    "check_layer",
    "check_terms",
    "reference",
    "sensitivity",
]


def check_layer(
    layer: Layer | type[Layer] | Case,
    *shapes: Shape,
    seed: int = 0,
    executors: Iterable[Executor] | None = None,
) -> None:
    """The contract, the three oracles (differences, the definition, and everything that runs graphs), and the
    terms of numbers.

    `executors` are by default the formulas and, where llvmlite is there, the compiled engine in both layouts.
    `layer` is a class (all its cases), a case, or a layer with the shapes of its operands.
    """
    kind = layer if isinstance(layer, type) else type(layer.layer if isinstance(layer, Case) else layer)
    require(hasattr(kind, "word"), f"{kind.__name__}: give it a word, its name in the language")
    if isinstance(layer, type):
        cases = list(layer.cases())
        require(bool(cases), f"{layer.__name__} has no cases")
    elif isinstance(layer, Case):
        cases = [layer]
    else:
        require(bool(shapes), f"{layer}: give the shapes of its operands, or the class for all its cases")
        cases = [Case(layer, shapes)]
    if executors is None:
        executors = (reference, *(COMPILED if importlib.util.find_spec("llvmlite") else ()))
    executors = tuple(executors)
    for case in cases:
        check_contract(case, seed=seed)
        check_definition(case, seed=seed)
        check_gradient(case, seed=seed)
        check_terms(case, seed=seed)
        for executor in executors:
            check_executor(case, executor, seed=seed)
