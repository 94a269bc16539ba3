"""Damaged results.csv and summary.json: one line that says so, or a page that could do no harm."""

import random

import pytest

from kitnet.base.error import KitnetError
from kitnet.look import Examined, Record, report

RESULTS = "epoch,train_loss,train_accuracy,val_loss,val_accuracy,seconds,images_per_second\n" + "".join(
    f"{i},{2 / i:.6g},{0.1 * i:.6g},{3 / i:.6g},{0.09 * i:.6g},0.5,{1e5 / i:.6g}\n" for i in range(1, 9)
)
SUMMARY = '{"network": "8x8x1 -> fc10", "epochs": 8, "val_accuracy": 0.72, "test_loss": null, "seconds": 4.5}'
PIECES = [
    *('"', ",", "\n", "\r", "nan", "inf", "1e200", "1e99", "-1e99", "5e-324", "-", "[", "{", "null"),
    *("true", "\0", "\x1b[2J", "<script>", "&lt;", "1" * 5000, "é", "\ud800", "\u202e", "'", "[" * 2000),
]


def damaged(text, draw):
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(text) + 1)
        match draw.randrange(3):
            case 0:
                text = text[:place] + draw.choice(PIECES) + text[place + draw.randint(0, 5) :]
            case 1:
                text = text[:place] + chr(draw.randrange(128)) + text[place + 1 :]
            case 2:
                text = text[:place] + text[place + draw.randint(1, 40) :]
    return text.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("count", [60, pytest.param(2000, marks=pytest.mark.long)])
def test_damaged_files(write_run, count):
    folder, draw, pages = write_run("net-1"), random.Random(count), 0
    whole = {"results.csv": RESULTS, "summary.json": SUMMARY}
    for _ in range(count):
        name = draw.choice(list(whole))
        for file, text in whole.items():
            (folder / file).write_bytes(damaged(text, draw) if file == name else text.encode())
        try:
            page = report([Examined(Record.read(folder))])
        except KitnetError as error:
            assert str(error).startswith(f"{folder}/{name}: ") and str(error).isprintable()
            assert len(str(error)) < len(str(folder)) + 200
            continue
        pages += 1
        page.encode()  # no half of a surrogate pair
        assert "\x1b" not in page and "\0" not in page and "<script" not in page
    assert count / 20 < pages < count * 0.9
