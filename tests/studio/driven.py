"""What tests of a driven training share."""

import time

MODEL = "8x8x1 -> conv3-4 same -> relu -> maxpool2 -> fc10"
SECONDS = 60
SIZES = [(1280, 800), (390, 844)]  # of a browser's window


def until(what, seconds=SECONDS):
    """Wait until something holds."""
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it took too long"
        time.sleep(0.005)


def is_at_rest(training):
    return training.state in ("paused", "failed", "ended", "stopped")


def wait(page, expression):
    """Until it holds in the page. The policy forbids Playwright's own way, which evaluates a text there."""
    until(lambda: page.evaluate(expression))
