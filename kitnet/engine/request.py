"""What is asked of a plan."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from kitnet.base.error import KitnetError, shorten
from kitnet.layers import Loss
from kitnet.net.graph import Graph
from kitnet.net.objective import Goal, scores_of, with_goals
from kitnet.optim import Rule


@dataclass(frozen=True)
class Request:
    """Values and gradients by the paths of the graph's values.

    `outputs` are values to be read out. `goals` are losses, of which training makes the weighted sum of the
    means small; `seeds` are values whose gradient the caller gives. From both the way back goes to the
    `gradients` of values that are read out and, with `weights`, to those of all parameters. `train`: layers
    behave as in training. `rule` changes the weights, but for those of the `frozen` nodes, whose gradient
    stays 0; with `accumulate` it follows the mean of the gradients of several runs.
    """

    outputs: tuple[str, ...] = ()
    train: bool = False
    goals: tuple[Goal, ...] = ()
    seeds: tuple[str, ...] = ()
    gradients: tuple[str, ...] = ()
    weights: bool = False
    rule: Rule | None = None
    frozen: frozenset[str] = frozenset()
    accumulate: bool = False

    @property
    def back(self) -> bool:
        """Whether there is a way back."""
        return bool(self.goals or self.seeds)

    @property
    def kept(self) -> frozenset[str]:
        """Values that must be stored, since they or their gradients are read or given outside."""
        return frozenset({*self.outputs, *self.seeds, *self.gradients})

    def goal(self, path: str) -> Goal | None:
        """The goal whose loss is this value."""
        return next((goal for goal in self.goals if goal.path == path), None)

    def class_operands(self) -> dict[str, Goal]:
        """The operands that are given as class numbers."""
        return {goal.target: goal for goal in self.goals if goal.form != "values"}

    def check(self, graph: Graph) -> None:
        """Raises KitnetError for paths that the graph does not have."""
        for path in sorted(self.kept):
            if path not in graph:
                try:
                    graph.find(path)
                except KeyError as error:
                    raise KitnetError(f"{error.args[0]}; the network has no such value to read") from None


def scoring(graph: Graph, loss: Loss | None = None, values: Collection[str] = ()) -> Request:
    """What a network's use asks of its graph: the outputs, or with a loss the scores that it reads, and more
    values by their paths.
    """
    places = graph.outputs.values() if loss is None else [scores_of(graph, loss)]
    return Request(outputs=tuple(dict.fromkeys((*(graph.nodes[i].path for i in places), *values))))


def training(
    graph: Graph,
    goals: Sequence[Goal],
    rule: Rule | None,
    values: Collection[str] = (),
    gradients: Collection[str] = (),
    frozen: frozenset[str] = frozenset(),
    accumulate: bool = False,
) -> tuple[Graph, Request]:
    """The graph with its losses, and what a training step asks of it: the losses, the scores that they read,
    and more values and gradients by their paths.
    """
    if not isinstance(rule, Rule | None):
        raise KitnetError(f"rule: expected an update rule such as Sgd(0.05), but got {shorten(rule)}")
    whole = with_goals(graph, goals, frozen)
    losses, targets = [goal.path for goal in goals], {goal.target: goal.form for goal in goals}
    for path in values:
        if path in targets:
            raise KitnetError(f"{path}: a target is what the caller gives; it is not read out")
    for path in gradients:
        if targets.get(path, "values") != "values":
            raise KitnetError(f"{path}: class numbers have no gradient")
    scores = [whole.nodes[whole.nodes[whole.find(path)].inputs[0]].path for path in losses]
    return whole, Request(
        outputs=tuple(dict.fromkeys((*losses, *scores, *values))),
        train=True,
        goals=tuple(goals),
        gradients=tuple(path for path in gradients if path not in losses),  # of a loss it is known
        weights=True,
        rule=rule,
        frozen=frozen,
        accumulate=accumulate,
    )
