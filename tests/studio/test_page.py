"""The page's texts stand in one table a language, and it fetches nothing from elsewhere."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from driven import until
from starlette.testclient import TestClient

from kitnet.base.error import KitnetError
from kitnet.studio.app import PAGE, TYPES, page_files, studio
from kitnet.studio.training import Training
from kitnet.train import Settings

ROOT = Path(__file__).parents[2]
MODULES = sorted(p for p in PAGE.rglob("*.js") if not {"vendor", "words"} & {*p.relative_to(PAGE).parts})
NAMES = {p.relative_to(PAGE).as_posix(): p for p in MODULES}
LITERAL = re.compile(r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)""")
COMMENT = re.compile(r"(?m)(?<![:\"'])//.*$")
LANGUAGES = ("en", "zh")


def words(code):
    """The table of a language, read as the lines `key: "text",` that it consists of."""
    text = (PAGE / "words" / f"{code}.js").read_text("utf-8")
    found = {}
    for line in text.splitlines():
        match = re.fullmatch(r"  (\w+): (\"(?:[^\"\\]|\\.)*\"),", line)
        if match:
            assert match[1] not in found, f"{match[1]} stands twice"
            found[match[1]] = json.loads(match[2])
        else:
            assert not line.startswith("  "), line
    return found


def literals(path):
    """The texts between quotes of a module, those in a template as its parts between ${...}."""
    source = COMMENT.sub("", path.read_text("utf-8"))
    for literal in LITERAL.findall(source):
        inner = literal[1:-1]
        yield from re.split(r"\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", inner) if literal[0] == "`" else [inner]


def test_both_tables_have_the_same_keys_and_places():
    en, zh = map(words, LANGUAGES)
    assert en.keys() == zh.keys() and len(en) > 80
    for key in en:
        places = [sorted(set(re.findall(r"\{(\w+)\}", table[key]))) for table in (en, zh)]
        assert places[0] == places[1], key
        assert en[key].strip() == en[key] != "" and zh[key].strip() == zh[key] != ""


def test_chinese_is_chinese():
    """But for what has one name in both; and no space or Western comma between Chinese characters."""
    en, zh = map(words, LANGUAGES)
    alike = {key for key in en if en[key] == zh[key]}
    assert alike == {"language_en", "language_zh", "weights", "mean_std"}
    han = "[\u4e00-\u9fff]"
    for key, text in zh.items():
        assert re.search(han, text) or key in alike | {"code"}, key
        assert not re.search(f"{han}[,;:!?]|{han} {han}", text), key


def test_every_key_is_used_and_known():
    known = set(words("en")) - {"code"}
    source = "".join(path.read_text("utf-8") for path in MODULES)
    used = set(re.findall(r"\bt\(\"(\w+)\"", source))
    patterns = [p.replace("${", "(").split("(")[0] for p in re.findall(r"\bt\(`([^`]*)`", source)]
    assert used <= known
    assert {"state_", "pictures_", "column_", "room_", "language_", "inside_scale_"} == set(patterns)
    quoted = set(re.findall(r"\"(\w+)\"", source)) | set(re.findall(r"\b(\w+): \{ ?\w*", source))
    named = set(re.findall(r"\w+", source))
    unused = {
        key
        for key in known - used
        if not key.startswith(tuple(patterns)) and key not in quoted & named | named
    }
    assert unused == set()


@pytest.mark.parametrize("name", NAMES)
def test_no_module_has_texts_of_its_own(name):
    """A text has words with spaces between, or letters that are not ASCII; names of classes have neither
    capitals nor signs."""
    for text in literals(NAMES[name]):
        assert not re.search("[\u3000-\u9fff]", text), text
        plain = re.sub(
            r"^(\S*/)?[\w./-]+$|^[MvhzlV\d,. -]*$|^[\w #.\[\]='-]*:[\w (),.>:*-]+$|^--?[\w-]+$", "", text
        )
        if re.search(r"[A-Za-z]{2,},? [A-Za-z]{2,}", plain):
            is_selector = plain == plain.lower() and not re.search(r"[.!?;]", plain)
            is_line = "->" in plain
            assert is_selector or is_line, f"{name}: {text!r} belongs into words/"


def test_a_planted_text_is_seen(tmp_path):
    path = tmp_path / "room.js"
    path.write_text('h("p", {}, "Training goes on."); // a comment with words\n')
    with pytest.raises(AssertionError, match="belongs into words"):
        NAMES["planted"] = path
        try:
            test_no_module_has_texts_of_its_own("planted")
        finally:
            del NAMES["planted"]


def test_nothing_comes_from_elsewhere():
    for name in page_files():
        text = (PAGE / name).read_text("utf-8")
        found = set(re.findall(r"\w+://[\w.]+", text))
        assert found <= {"http://www.w3.org", "ws://", "https://github.com"}, (name, found)
        assert (
            not re.search(r"@import|\beval\(|new Function|innerHTML|document\.write|\.cssText", text)
            or "vendor" in name
        )
    markup = (PAGE / "index.html").read_text("utf-8")
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", markup)
    assert "uPlot.LICENSE" in {path.name for path in (PAGE / "vendor").iterdir()}


@pytest.mark.slow
def test_the_page_is_in_the_wheel(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", tmp_path, ROOT], check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    inside = {name.removeprefix("kitnet/studio/page/") for name in zipfile.ZipFile(wheel).namelist()}
    assert {*page_files(), "vendor/uPlot.LICENSE"} <= inside
    assert {path.suffix for path in PAGE.rglob("*") if path.is_file()} <= {*TYPES, ".LICENSE"}


def test_the_chinese_of_python_s_messages_fits_what_python_says(make, tmp_path):
    """Each pattern, read out of the module, is that of a message that is raised here."""
    from kitnet.studio import design
    from kitnet.studio.asking.inside import Looking
    from kitnet.studio.looked import Networks

    text = (PAGE / "words" / "zh_python.js").read_text("utf-8").partition("// Parts")[0]
    table = re.findall(r'(?m)^  \[/(.*)/, "(.*)"\],$', text)
    assert len(table) == text.count("\n  [") > 30
    lines = (
        *(
            "",
            "8x8x1",
            "8x8x1 ->",
            "lenett5",
            "zzzzqqq",
            "conv3-4 -> fc10",
            "8x8x1 conv3-4",
            "8x8x1 -> [relu",
            "8x8x1 -> cnv3",
            "8x8x1 -> gap",
        ),
        *("8x8x1 -> zzzzz", "8x8x1 -> conv3-4 sme", "8x8x1 -> conv3", "8x8x1 -> conv9-3", "x" * 20_000),
        *("8x8x1 -> conv3-4 same -> conv3-3/2", "8x8x1 -> residual[conv3-4] -> fc10"),
    )
    said = [design.read(line)["error"] for line in lines]
    for line in ("32x32x1 -> conv5-6 -> conv4-7 same -> fc10", "28x28x1 -> maxpool5 floor -> fc10"):
        said += design.read(line)["advice"]
    training = make(engine="formula", lr=1e30)
    guard = studio(training, 80)
    said.append(TestClient(guard, base_url=guard.origin).get("/").text)
    looking = Looking(Networks(training))
    gone = {"look": 99, "path": "conv1", "backward": False, "plane": 0}

    def wish(network, sample):
        return {"network": network, "picture": {"sample": sample}, "gradients": None, "every": False}

    def mistakes():
        yield lambda: training.anew("8x8x1 -> fc7")
        for name, value in (("momentum", 2), ("lr", -1), ("batch", 0), ("lr", "x")):
            yield lambda name=name, value=value: training.change({name: value})
        yield lambda: looking.plane(gone)
        yield lambda: looking.look(wish("runs/none", 0))
        yield lambda: looking.look(wish("8x8x1 -> fc10", 10_000))
        training.start()
        until(lambda: training.state == "failed")
        said.append(training.error)
        training.loop.run.model.net.weights.flat[:] = np.nan
        yield lambda: looking.look(wish("", 0))
        nowhere = make(data="/nowhere")
        said.append(nowhere.error)
        nowhere_looking = Looking(Networks(nowhere))
        yield nowhere.back
        yield lambda: nowhere_looking.look(wish("", 0))
        yield lambda: nowhere_looking.look(wish("8x8x1 -> fc10", 0))
        new = Looking(Networks(Training.of(Settings(model="8x8x1 -> fc10"))))
        yield lambda: new.look(wish("", 0))

    for mistake in mistakes():
        with pytest.raises(KitnetError) as error:
            mistake()
        said.append(str(error.value))
    for pattern, chinese in table:
        found = [re.fullmatch(pattern[1:-1], one.partition("\n")[0]) for one in said]
        assert any(found), pattern
        assert {int(n) for n in re.findall(r"\$(\d)", chinese)} <= {*range(1, re.compile(pattern).groups + 1)}
