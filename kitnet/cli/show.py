"""`kitnet show`: the ledger of a network, and what its card says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from kitnet.base.argument import batch_size, thread_count, whole
from kitnet.base.error import KitnetError
from kitnet.cli.columns import COLUMNS, cells, chosen
from kitnet.cli.dense_text import some
from kitnet.cli.flags import Given, Input, Json, Memory, Network, OnMisfit, Threads, Whole
from kitnet.cli.ledger_text import say_memory, say_where, total_of
from kitnet.cli.measured import print_measured
from kitnet.cli.network import read_network, recipes, usual_training
from kitnet.cli.page import page
from kitnet.cli.screen import print_json, print_table, say, say_bytes, say_wrapped
from kitnet.net import Graph, Net
from kitnet.net.ledger import MOST_ROWS, Ledger
from kitnet.net.memory import free_bytes
from kitnet.net.rest import rests
from kitnet.net.sizing import advice_on_rank
from kitnet.optim import RULES
from kitnet.zoo import Card


@dataclass(frozen=True)
class Look:
    """What of the ledger is shown, and how."""

    columns: Annotated[
        str | None, Parameter(help=f"Which are printed, with commas between: {', '.join(COLUMNS)}.")
    ] = None
    depth: Annotated[
        Whole | None,
        Parameter(
            help="Layers whose names have the same so many first parts are one row, with 0 those whose "
            f"outputs have the same sizes; usually as many as make no more than {MOST_ROWS} rows."
        ),
    ] = None
    html: Annotated[bool, Parameter(help="Print one self-contained page.")] = False


@dataclass(frozen=True)
class Trial:
    """Whether and how the plan is run."""

    verify: Annotated[
        bool,
        Parameter(help="Make the plan, run it once on random images, and print the memory that it takes."),
    ] = False
    train: Annotated[bool, Parameter(help="With --verify: a training step instead of the scores.")] = False
    threads: Threads = None
    memory: Memory = None


def command(
    model: Network,
    /,
    *,
    input: Input = None,
    given: Given = (),
    on_misfit: OnMisfit = None,
    batch: Whole = 1,
    dtype: str = "float32",
    optimizer: Annotated[str, Parameter(help=f"Whose memory is counted: {', '.join(RULES)}.")] = "sgd",
    optional: Annotated[bool, Parameter(negative="--no-optional")] = True,
    look: Annotated[Look, Parameter(name="*")] = Look(),
    trial: Annotated[Trial, Parameter(name="*")] = Trial(),
    json: Json = False,
) -> None:
    """What a network is and costs, layer by layer, before anything runs.

    Values, connections and multiply-adds are of one image, bytes of the batch. Multiply-adds are products
    with learned weights in sums, as papers count; multiplications are those of norms and pools as well. A
    number sees `field` places of the input, `jump` places from those of the next number; those of the first
    number begin at `offset`. GiB are powers of 1024.

    Parameters
    ----------
    batch
        Images at once.
    dtype
        Of all numbers: float32 or float64.
    optional
        Keep or leave out the parts of the line that are marked with ?.
    """
    batch_size(batch, "--batch")
    thread_count(trial.threads, "--threads")
    _check_flags(look, trial, json)
    if look.depth is not None:
        whole("--depth", look.depth, 0)
    shown = chosen(look.columns)
    net, card = read_network(model, input, optional, on_misfit, given)
    ledger = net.ledger(batch, dtype, optimizer)
    rows = [*ledger.operands, *ledger.blocks(ledger.usual_depth if look.depth is None else look.depth)]
    if trial.verify:
        rule = RULES[optimizer]() if trial.train else None
        print_measured(net, ledger, rule, trial.threads, trial.memory, json)
    elif json:
        _print_json(model, net, card, ledger)
    elif look.html:
        print(page(model, net, card, ledger, rows, shown))
    else:
        _say_network(net, card)
        print_table([column for column, _ in shown], cells(shown, [*rows, total_of(ledger)]), total=True)
        say("")
        say_where(ledger)
        say_memory(ledger, optimizer)
        _say_free(ledger)
        _say_rests(net.graph)
        if card:
            _say_source(card)


def _print_json(model: str, net: Net, card: Card | None, ledger: Ledger) -> None:
    misfits = {path: text for text, paths in rests(net.graph).items() for path in paths}
    document = {"model": model, "network": str(net), **_about(card), **ledger.to_json()}
    print_json({**document, "misfits": misfits})


def _say_network(net: Net, card: Card | None) -> None:
    if card:
        say(card.title, len(card.title))
    say_wrapped(str(net))
    for note in advice_on_rank(net.graph):
        say_wrapped(f"{note.path}: {note.text}")
    say("")


def _check_flags(look: Look, trial: Trial, json: bool) -> None:
    """Whether the flags go together. Raises KitnetError."""
    looks, trials = (
        [f"--{name}" for name, value in vars(part).items() if value is not None and value is not False]
        for part in (look, trial)
    )
    if looks and (trial.verify or json):
        what = "--verify prints the memory of a plan" if trial.verify else "--json prints all there is"
        raise KitnetError(f"{what}; leave out {' and '.join(looks)}")
    if trials and not trial.verify:
        which = " and ".join(trials)
        raise KitnetError(f"only --verify has use for {which}; add --verify, or leave out {which}")


def _say_free(ledger: Ledger) -> None:
    """Whether this machine has the memory; what is only described may be of any size."""
    free, needed = free_bytes(), sum(ledger.inference_memory.values())
    if free is not None and needed > free:
        say_wrapped(f"this machine has {say_bytes(free)} free: too little even for the scores")


def _say_rests(graph: Graph) -> None:
    texts = [f"{some(paths)}: {text}" for text, paths in rests(graph).items()]
    if texts:
        say("")
        _say_list("Where a stride does not divide:", texts)


def _about(card: Card | None) -> dict[str, object]:
    if card is None:
        return {}
    return {
        "title": card.title,
        "source": card.source,
        "year": card.year,
        "differences": card.differences,
        "errata": [{"printed": one.printed, "note": one.note} for one in card.errata],
        "published": [vars(one) for one in card.published],
        "training": usual_training(card),
        "recipes": recipes(card),
    }


def _say_source(card: Card) -> None:
    say("")
    say_wrapped(f"Source: {card.source}")
    training = usual_training(card)
    say_wrapped(f"Usual training: {_training(training)}")
    for name, recipe in recipes(card).items():
        say_wrapped(f"kitnet train {name}: {'the same' if recipe == training else _training(recipe)}")
    _say_list("Differences:", card.differences)
    _say_list("Published, not measured here:", map(str, card.published))
    _say_list("Texts print:", (f"{one.printed}. {one.note}" for one in card.errata))


def _training(usual: dict[str, Any] | None) -> str:
    if usual is None:
        return "by a rule of its own, without gradients"
    parts = [usual["optimizer"], f"learning rate {usual['learning_rate']:g}"]
    parts += [] if usual["schedule"] == "constant" else [f"schedule {usual['schedule']}"]
    parts += [f"augmentation {usual['augment']}"] if "augment" in usual else []
    parts += [f"{name} {usual[name]:g}" for name in ("momentum", "decay", "average") if usual.get(name)]
    parts += [usual["loss"]] if "loss" in usual else []
    parts += [f"target {usual['target']}"] if "target" in usual else []
    parts.append(f"validation {usual['validation']:g}" if usual["validation"] else "no validation part")
    return f"{', '.join(parts)}, batches of {usual['batch']}, {usual['epochs']} epochs"


def _say_list(title: str, texts: Iterable[str]) -> None:
    for i, text in enumerate(texts):
        if i == 0:
            say(title)
        say_wrapped(f"- {text}")
