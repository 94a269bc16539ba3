"""Networks of the zoo, each built once for all tests."""

from __future__ import annotations

from functools import cache

from kitnet.net import Net
from kitnet.zoo import find


@cache
def built(name: str) -> Net:
    return find(name).build()
