"""Tests keep compiled code in a folder of their own, not in the user's."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KITNET_CACHE", str(tmp_path_factory.mktemp("compiled") / "cache"))
        yield
