"""Plans for shares of a batch: the bits are those of a plan for the whole, whoever computes which group."""

from __future__ import annotations

import numpy as np
import pytest
from shares import trained

from kitnet.base.error import KitnetError
from kitnet.engine import TrainingStep
from kitnet.engine.share import Share
from kitnet.net import parse
from kitnet.optim import Adam, Sgd

PLAIN = "8x8x1 -> conv3-16 same -> relu -> maxpool2 -> dropout drop=0.3 -> fc10"
NORMS = "6x6x1 -> conv3-16 same -> batchnorm -> relu -> conv3-16 same -> batchnorm -> relu -> fc5"
EVERY = (  # each kind of sum over the batch
    "6x6x1 -> conv3-16 -> prelu -> layernorm over=channels -> conv3-16 groups=16 pad=same -> groupnorm4 "
    "-> subsample2 -> bias -> fc4"
)
RANKS = (2, 3, 4)


def batches(line: str, sizes: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    rng, net = np.random.default_rng(5), parse(line)
    (classes,) = net.output_shape
    return [
        (rng.standard_normal((n, *net.input_shape), np.float32), rng.integers(0, classes, n)) for n in sizes
    ]


def bits(net) -> bytes:
    state = (a.tobytes() for _, held in sorted(net.state.items()) for _, a in sorted(held.items()))
    return b"".join([net.weights.flat.tobytes(), *state])


def alone(line: str, given, batch: int, rule):
    net = parse(line)
    net.initialise(3)
    step = TrainingStep(net, None, batch, rule, seed=7, threads=1)
    return net, [step(x, labels, i) for i, (x, labels) in enumerate(given)]


def check(line: str, sizes: tuple[int, ...], ranks: int, threads: int, rule) -> None:
    given = batches(line, sizes)
    whole, found = alone(line, given, sizes[0], rule)
    nets, results = trained(line, given, ranks=ranks, threads=threads, batch=sizes[0], rule=rule)
    assert {bits(net) for net in nets} == {bits(whole)}
    for each in results:  # every rank has losses and scores of all
        for (losses, scores), (losses_there, scores_there) in zip(found, each, strict=True):
            np.testing.assert_array_equal(losses, losses_there)
            np.testing.assert_array_equal(scores, scores_there)


@pytest.mark.parametrize("line", [PLAIN, NORMS], ids=["plain", "norms"])
def test_two_ranks_end_with_the_bits_of_one_plan(line):
    check(line, (64, 23), 2, 1, Sgd(0.05, momentum=0.9))


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("line", [PLAIN, NORMS], ids=["plain", "norms"])
def test_any_number_of_ranks_and_threads(line, ranks, threads):
    """Also with a short batch, of which the last ranks have nothing."""
    check(line, (80, 80, 5), ranks, threads, Adam(0.01))


@pytest.mark.slow
def test_few_groups_are_the_same_for_any_number_of_ranks():
    """A plan for the whole cuts fewer than four groups otherwise; ranks never do."""
    given = batches(NORMS, (40, 7))
    found = {
        bits(net)
        for ranks in (1, *RANKS)
        for net in trained(NORMS, given, ranks=ranks, batch=40, rule=Sgd(0.05))[0]
    }
    assert len(found) == 1


@pytest.mark.slow
def test_fast_ranks_agree_with_each_other():
    """And are near the weights of one plan, where no layer mixes images."""
    given = batches(PLAIN, (64, 23))
    whole, _ = alone(PLAIN, given, 64, Sgd(0.05))
    nets, _ = trained(PLAIN, given, ranks=3, batch=64, rule=Sgd(0.05), exact=False)
    assert len({net.weights.flat.tobytes() for net in nets}) == 1
    np.testing.assert_allclose(nets[0].weights.flat, whole.weights.flat, atol=1e-6)


def test_a_loss_that_is_not_finite_in_one_rank_changes_nothing_in_any():
    x, labels = batches(PLAIN, (64,))[0]
    x[3] = np.inf
    nets, _ = trained(PLAIN, [(x, labels)], ranks=2, batch=64)
    first = parse(PLAIN)
    first.initialise(3)
    assert {bits(net) for net in nets} == {bits(first)}


def test_what_needs_all_images_is_refused():
    net = parse("6x6x1 -> local3-4 -> fc4")
    net.initialise(0)
    with pytest.raises(KitnetError) as caught:
        TrainingStep(net, None, 32, Sgd(0.1), share=Share(0, 2))
    assert str(caught.value) == (
        "local1: local needs all images of a batch at once, which no rank has; train it by one process, or "
        "with --sync fast"
    )


@pytest.mark.parametrize(
    ("exact", "samples", "parts"),
    [
        (True, 64, [(0, 32), (32, 64), (64, 64)]),
        (True, 70, [(0, 32), (32, 64), (64, 70)]),
        (True, 3, [(0, 3), (3, 3), (3, 3)]),
        (False, 64, [(0, 22), (22, 43), (43, 64)]),
        (False, 2, [(0, 1), (1, 2), (2, 2)]),
    ],
)
def test_shares_are_whole_groups_or_equal_parts(exact, samples, parts):
    found = [Share(rank, 3, exact).part(samples, 32) for rank in range(3)]
    assert [(part.start, part.stop) for part in found] == parts


@pytest.mark.slow
@pytest.mark.parametrize("ranks", RANKS)
def test_every_kind_of_sum(ranks):
    check(EVERY, (64, 9), ranks, 1, Sgd(0.05, momentum=0.9))
