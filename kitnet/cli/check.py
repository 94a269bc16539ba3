"""`kitnet check`: do the sizes of a network follow the usual rules?"""

from __future__ import annotations

from dataclasses import asdict

from kitnet.cli.flags import Given, Input, Json, Network, OnMisfit
from kitnet.cli.network import read_network
from kitnet.cli.screen import print_json, say_wrapped
from kitnet.net.sizing import advice, advice_on_pattern

WARNED = 1  # exit status of a check that says something


def command(
    model: Network,
    /,
    *,
    input: Input = None,
    on_misfit: OnMisfit = None,
    given: Given = (),
    json: Json = False,
) -> int:
    """Read a network and warn where its sizes do not follow the usual rules.

    Sizes that do not fit are an error (exit status 2). Filters, strides, padding, pools and inputs of unusual
    sizes, and unusual numbers of repetitions, are warnings, one line each (exit status 1). Otherwise nothing
    is printed (exit status 0).
    """
    net, _ = read_network(model, input, on_misfit=on_misfit, given=given)
    found = advice(net.graph)
    if net.body is not None:
        found += advice_on_pattern(net.body)
    if json:
        print_json([asdict(one) for one in found])
    else:
        for one in found:
            say_wrapped(str(one))
    return WARNED if found else 0
