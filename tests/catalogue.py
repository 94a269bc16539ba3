"""`@row(14)` marks a test that shows a row of the catalogue of what teaching material on CNNs describes.

The rows are numbered as in the table of the docs, which is made from these marks.
"""

from __future__ import annotations

import pytest


def row(*numbers: int) -> pytest.MarkDecorator:
    """The mark of a test that shows these rows."""
    return pytest.mark.row(*numbers)
