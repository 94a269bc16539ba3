"""The page in a browser, with mouse and keyboard, on a network that is trained here; what it shows is
compared with Python's numbers. No request leaves the machine, nothing is complained of."""

import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from driven import MODEL, SIZES, is_at_rest, until, wait

import kitnet
from kitnet.data import load
from kitnet.data.doctor import examine
from kitnet.layers import Context
from kitnet.look import Record, matrix
from kitnet.net import Tape
from kitnet.studio.training import Training
from kitnet.train import Finished, Model, Settings, train
from kitnet.train.judgement import judge

pytestmark = pytest.mark.slow


def numbers(text):
    return [float(each) for each in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", text)]


def seconds(text):
    """Of a text such as 1.2 ms."""
    number, unit, *_ = text.split(" ")
    return float(number) * {"µs": 1e-6, "ms": 1e-3, "s": 1}[unit]


def step(training, page, act):
    """Do a step by the page, and wait until the page shows it."""
    done = training.loop.run.steps_done(training.loop.progress)
    act()
    until(lambda: training.loop.run.steps_done(training.loop.progress) == done + 1)
    until(lambda: is_at_rest(training))
    wait(page, f"document.querySelector('#layers-note').textContent.includes('at step {done + 1}.')")


def test_train_by_mouse_and_keyboard(visit):
    training, page = visit()
    assert page.title() == "kitnet studio – Train"
    assert page.url.endswith("/")  # the token is gone from the address
    step(training, page, lambda: page.click("#step"))
    page.click("h2 >> nth=0")
    step(training, page, lambda: page.keyboard.press("s"))
    assert page.inner_text("#place") == "Epoch 1 of 30, step 2 of 7"
    points = training.course.telling._curve.points
    assert float(page.get_attribute("#loss-now", "data-loss")) == points[-1][2]
    assert numbers(page.inner_text("#accuracy-now"))[0] == pytest.approx(100 * points[-1][3], abs=0.05)

    page.focus("#knob-lr")
    page.keyboard.press("Control+A")
    page.keyboard.type("0.2")
    page.keyboard.press("Enter")
    wait(page, "document.querySelector('#pending').textContent.includes('Learning rate 0.2')")
    page.click("[aria-label='Double Batch size']")
    page.click("#apply")
    step(training, page, lambda: page.click("#step"))
    assert training.loop.run.settings.lr == 0.2
    assert page.inner_text("#changes") == "After step 2: Learning rate 0.2, Batch size 32"
    assert page.input_value("#knob-lr") == "0.2"

    assert page.get_attribute("#loss-now", "data-points") == "3"
    for button, shown in (("Show all", 1), ("Begin the curves here", 3)):
        page.click("#from-here")
        wait(page, f"document.querySelector('#from-here').textContent === '{button}'")
        assert page.get_attribute("#loss-now", "data-points") == str(shown)

    page.click("h2 >> nth=0")
    page.keyboard.press("Space")
    until(lambda: training.loop.progress.epoch >= 1)
    wait(page, "document.querySelector('#go').textContent === 'Pause'")
    page.keyboard.press("Space")
    until(lambda: is_at_rest(training))
    assert training.loop.run.loader.batch == 32
    wait(page, "document.querySelector('#state').textContent === 'paused'")

    page.fill("#knob-momentum", "1.5")
    page.click("#apply")
    page.wait_for_selector(".knobs .error:not([hidden])")
    assert (
        page.inner_text(".knobs .error")
        == "a momentum of 1.5 is not possible; use 0 or more, and less than 1"
    )


def test_every_number_of_the_layers_and_pictures(visit):
    training, page = visit()
    for _ in range(3):
        step(training, page, lambda: page.click("#step"))
    page.click(".picture >> nth=4")
    wait(page, "document.querySelectorAll('.picture')[4].getAttribute('aria-pressed') === 'true'")
    run, loop = training.loop.run, training.loop
    net, part = run.model.net, run.parts.test
    images, labels = part.read(np.arange(12))
    x = run.model.preparation.prepare(images)
    tape = Tape(net.graph, net.weights, net.state, Context(), {"input": x})
    dy = run.model.loss.probabilities(tape.output) - np.eye(10)[labels]
    back = tape.backward({net.graph.nodes[-1].path: dy.astype(np.float32)})
    paths = page.eval_on_selector_all(".layer", "all => all.map((one) => one.dataset.path)")
    assert paths == [node.path for node in net.graph.nodes if node.layer is not None]

    def check(text, array):
        mean, std, least, largest, *_ = numbers(text)
        found = [float(f(array.astype(float))) for f in (np.mean, np.std, np.min, np.max)]
        assert [mean, std, least, largest] == pytest.approx(found, rel=0.006, abs=1e-5)

    for path in paths:
        layer = page.locator(f".layer[data-path='{path}']")
        check(layer.locator("> .summary .numbers >> nth=0").inner_text(), tape[path][4])
        check(layer.locator("> .summary .numbers >> nth=1").inner_text(), back[path][4])
        names = [name for name in net.weights if name.startswith(f"{path}.")]
        assert layer.locator(".parameter").count() == len(names)
        for i, name in enumerate(names):
            shown = layer.locator(".parameter").nth(i)
            assert name.rpartition(".")[2] in shown.locator(".summary .what").nth(0).inner_text()
            check(shown.locator(".summary .numbers").nth(0).inner_text(), net.weights[name])
            check(shown.locator(".summary .numbers").nth(1).inner_text(), loop.step_of.gradient[name])
            assert 0 < float(shown.locator(".ratio b").inner_text()) < 1
    frame = next(frame for frame in training.board.join().take() if frame["kind"] == "look")
    for way in ("forward", "backward"):
        each = frame["times"]["ways"][way] / frame["times"]["samples"]
        assert seconds(page.inner_text(f"#{way}")) == pytest.approx(each, rel=0.06)
        own = page.locator(".layer[data-path='conv1'] .times").inner_text()
        (told,) = (part for part in own.split(", ") if part.endswith(way))
        assert seconds(told) == pytest.approx(frame["times"]["layers"]["conv1"][way], rel=0.06)

    probabilities = run.model.loss.probabilities(tape.output)
    for i, row in enumerate(probabilities):
        bars = page.locator(".picture").nth(i).locator(".bar").all_inner_texts()
        best = np.argsort(-row, kind="stable")[:3]
        assert [bar.split(" ")[0] for bar in bars] == [run.model.classes[k] for k in best]
        assert [numbers(bar)[1] for bar in bars] == pytest.approx((100 * row[best]).tolist(), abs=0.06)
        mark = page.locator(".picture .mark").nth(i).inner_text()
        assert mark == ("✓ right" if best[0] == labels[i] else "✗ wrong")

    found = judge(run.model, part)
    cells = page.eval_on_selector_all("#confusion td", "all => all.map((one) => Number(one.textContent))")
    assert cells[1:] == matrix(found.labels, found.predicted, 10).ravel().tolist()
    assert numbers(page.inner_text("#judged-note"))[:2] == [40, round(100 * found.accuracy, 1)]
    assert page.locator("#mistakes figure").count() == min(8, int((found.labels != found.predicted).sum()))


def test_back_and_the_end(visit):
    training, page = visit(epochs=2)
    for _ in range(8):
        step(training, page, lambda: page.click("#step"))
    page.click("#back")
    wait(page, "document.querySelector('#layers-note').textContent.includes('at step 7.')")
    wait(page, "document.querySelector('#state').textContent === 'paused'")
    page.click("#go")
    page.wait_for_selector("#end:not([hidden])")
    accuracy = training.board.join()
    summary = next(frame for frame in accuracy.take() if frame["kind"] == "summary")["numbers"]
    assert page.inner_text("#end") == f"Test accuracy {100 * summary['test_accuracy']:.2f}%, best epoch 2"
    assert page.is_disabled("#go") and page.is_disabled("#step")


def test_two_tabs_a_reload_and_a_closed_one(visit):
    training, page = visit(epochs=100000)
    _, other = visit(training)
    page.click("#go")
    wait(other, "document.querySelector('#go').textContent === 'Pause'")
    other.reload()
    other.wait_for_selector("#layers .layer")
    page.close()
    done = training.loop.run.steps_done(training.loop.progress)
    until(lambda: training.loop.run.steps_done(training.loop.progress) > done + 20)
    other.click("#go")
    until(lambda: is_at_rest(training))
    wait(other, "document.querySelector('#state').textContent === 'paused'")


@pytest.mark.parametrize("how", ["Ctrl-C", "kill"])
def test_the_end_is_told_on_the_page(chromium, easy, tmp_path, how):
    command = [sys.executable, "-m", "kitnet", "studio", MODEL, "--data", easy, "--epochs", "100"]
    process = subprocess.Popen(
        [*command, "--validation", "0", "--no-browser"], stdout=subprocess.PIPE, cwd=tmp_path, text=True
    )
    page, wrong = chromium.new_page(), []
    page.on("console", lambda m: m.type in ("error", "warning") and wrong.append(m.text))
    page.goto(process.stdout.readline().strip())
    page.wait_for_selector("#layers .layer")
    page.click("#step")
    wait(page, "document.querySelector('#place').textContent.includes('step 1')")
    process.send_signal(signal.SIGINT if how == "Ctrl-C" else signal.SIGKILL)
    process.wait(60)
    process.stdout.close()
    told = "The studio has ended." if how == "Ctrl-C" else "The studio has not answered for a while;"
    wait(page, f"document.querySelector('.broken').textContent.startsWith('{told}')")
    assert page.inner_text(".broken").endswith("To start it again: kitnet studio runs/net-1")
    page.click("nav a[href='#convolution']")
    page.wait_for_selector(".error:not([hidden])")
    answer = "The studio has ended." if how == "Ctrl-C" else "The studio does not answer."
    assert page.inner_text(".error:not([hidden])").startswith(answer)
    assert how == "kill" or not [text for text in wrong if "WebSocket" in text]  # nothing is tried again
    page.close()


def test_why_there_is_no_network(visit, make):
    """In each room that looks into one; a training whose data are not there cannot begin."""
    _, page = visit(make(data="/nowhere"), ready="#go")
    for room in ("attribution", "inside", "backward"):
        page.click(f"nav a[href='#{room}']")
        line = "there is no network in training here: /nowhere: there is no such folder or file"
        wait(page, f"document.querySelector('#room').innerText.includes('{line}')")


def test_design(visit):
    training, page = visit()
    step(training, page, lambda: page.click("#step"))
    page.click("nav a[href='#design']")
    page.wait_for_selector("#ledger")
    page.fill("#line", "8x8x1 -> cnv3-4 -> fc10")
    page.wait_for_selector("#caret:not([hidden])")
    assert page.inner_text("#verdict") == "unknown layer 'cnv' (did you mean 'conv'?)"
    assert page.inner_text("#caret mark") == "cnv3-4" and page.is_disabled("#train-line")
    page.fill("#line", "8x8x1 -> conv3-4/2 -> fc10")
    wait(page, "document.querySelector('#verdict').textContent.includes('stride')")
    verdict = page.inner_text("#verdict")
    assert "(8 - 3 + 2*0) / 2 + 1 = 3.5" in verdict and "use stride=1" in verdict
    line = "8x8x1 -> conv3-4 same -> relu -> maxpool2 -> fc12 -> relu -> fc10"
    page.fill("#line", line)
    wait(page, "!document.querySelector('#train-line').disabled")
    ledger = kitnet.parse(line).ledger()
    rows = page.eval_on_selector_all(
        "#ledger tbody tr", "all => all.map((tr) => [...tr.children].map((td) => td.textContent))"
    )
    for shown, row in zip(rows, [*ledger.operands, *ledger.rows], strict=False):
        assert shown[0] == row.path and shown[2] == "×".join(map(str, row.output))
        assert [int(each.replace(",", "")) for each in shown[3:6]] == [
            row.values,
            row.parameters,
            row.multiply_adds,
        ]
    assert int(rows[-1][4].replace(",", "")) == ledger.totals["parameters"]
    assert page.locator(".volume").count() == len(ledger.rows) + 1
    page.wait_for_selector("#memory.note:not([hidden])")
    assert page.inner_text("#memory").startswith("Training in batches of 16 needs ")
    page.fill("#line", "8x8x1 -> fc100000000 -> fc10")
    page.wait_for_selector("#memory.error:not([hidden])")
    assert page.inner_text("#memory").startswith("Too large to train here: it needs at least 83.8 GiB")
    page.fill("#line", line)
    page.wait_for_selector("#memory.note:not([hidden])")
    kept = training.loop.run.model.net.weights["conv1.weight"].copy()
    page.click("#train-line")
    page.wait_for_selector(".layer[data-path='fc2']")
    assert (training.loop.run.model.net.weights["conv1.weight"] == kept).all()
    page.click("nav a[href='#design']")
    wait(page, "document.querySelectorAll('#begin option').length > 20")
    page.select_option("#begin", "lenet5")
    wait(page, "document.querySelector('#line').value.includes('->')")
    assert page.input_value("#line") == str(kitnet.zoo.find("lenet5").build())


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(("locale", "title"), [("en-GB", "Train"), ("zh-CN", "训练"), ("fr-FR", "Train")])
def test_languages_themes_and_sizes(visit, size, locale, title):
    """Light and dark take turns."""
    scheme = "dark" if (size == SIZES[0]) == (locale == "zh-CN") else "light"
    _, page = visit(size=size, locale=locale, scheme=scheme)
    assert page.inner_text("nav a[aria-current]") == title
    assert page.evaluate("document.documentElement.lang") == ("zh-Hans" if locale == "zh-CN" else "en")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
    assert dark == (scheme == "dark")
    for room in ("train", "runs", "design"):
        page.click(f"nav a[href='#{room}']")
        page.wait_for_selector("#layers .layer, #ledger, #alike")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    other = "en" if locale == "zh-CN" else "zh"
    page.select_option("header select", other)
    assert page.inner_text("nav a[aria-current]") == ("Design" if other == "en" else "设计")
    page.reload()
    page.wait_for_selector("#ledger")
    assert page.evaluate("document.documentElement.lang").startswith(other)  # what was chosen is kept
    if other == "zh":
        wait(page, "document.querySelector('#verdict').textContent.startsWith('尺寸全部合适')")


def texts(page, rows):
    """The texts of a table's cells, row by row."""
    return page.eval_on_selector_all(
        rows, "all => all.map((tr) => [...tr.children].map((td) => td.textContent))"
    )


def test_runs_over_each_other(visit, easy, tmp_path):
    runs = tmp_path / "runs"
    for name, lr in (("slow-1", 0.01), ("quick-1", 0.1)):
        told = {"epochs": 3, "validation": 0.2, "lr": lr, "batch": 20, "engine": "formula"}
        assert isinstance(list(train(Settings(MODEL, easy, runs=str(runs), name=name, **told)))[-1], Finished)
    _, page = visit(name="own-1")
    page.click("nav a[href='#runs']")
    page.wait_for_selector("#runs-list tbody tr")
    records = {name: Record.read(runs / name) for name in ("quick-1", "slow-1")}
    shown = {row[1]: row for row in texts(page, "#runs-list tbody tr")}
    assert shown["own-1"][4:] == ["–", "–", "0 of 30", "in this studio"]
    for name, record in records.items():
        best = max(record.column("val_accuracy"))
        cells = [MODEL, easy, f"{100 * best:.2f}% validation"]
        assert shown[name][2:5] == cells
        assert shown[name][5:] == [f"{100 * record.summary['test_accuracy']:.2f}%", "3 of 3", "finished"]
    page.focus("[aria-label='Compare quick-1']")
    page.keyboard.press("Space")
    page.click("[aria-label='Compare slow-1']")
    page.click("[aria-label='Compare own-1']")
    page.wait_for_selector("#differing td")
    wait(page, "!document.querySelector('#results thead').textContent.includes('own-1')")
    names = texts(page, "#results thead tr")[0][1:]
    assert texts(page, "#differing thead tr")[0][1:] == names == ["quick-1", "slow-1"]
    assert ["--lr", "0.1", "0.01"] in texts(page, "#differing tbody tr")
    results = {row[0]: row[1:] for row in texts(page, "#results tbody tr")}
    expected = [f"{100 * records[name].summary['test_accuracy']:.2f}%" for name in names]
    assert results["Test accuracy"] == expected
    page.click("#compare summary >> nth=0")
    head, rows = texts(page, "#numbers-accuracy thead tr")[0], texts(page, "#numbers-accuracy tbody tr")
    assert head == ["Accuracy", *(f"{n} · {part}" for n in names for part in ("training", "validation"))]
    for i, row in enumerate(rows):
        columns = (records[n].column(f"{part}_accuracy") for n in names for part in ("train", "val"))
        assert row == [str(i + 1), *(f"{100 * column[i]:.2f}%" for column in columns)]
    assert page.locator("#compare .u-series").count() == 2 * 5
    page.click("nav a[href='#design']")
    page.click("nav a[href='#runs']")
    page.wait_for_selector("#differing td")  # what was ticked is kept


def test_data_of_a_run(visit, easy):
    _, page = visit(augment="crop1", validation=0.2)
    page.click("nav a[href='#runs']")
    page.wait_for_selector("#look-at-data:enabled")
    page.wait_for_selector("#alike")
    page.focus("#look-at-data")
    page.keyboard.press("Enter")
    page.wait_for_selector("#class-counts")
    report = examine(load(easy, validation=0.2))
    for row, number in zip(texts(page, "#class-counts tbody tr"), range(10), strict=True):
        assert row == [report.classes[number], *(str(part.classes[number]) for part in report.parts.values())]
    widths = page.eval_on_selector_all("#class-counts .bar i", "all => all.map((one) => one.style.width)")
    assert len(widths) == 30 and "100%" in widths
    assert (
        page.inner_text("p#duplicates") == "No image to test or validate with is among the training images."
    )
    assert "training: 80 images; sizes 8×8×1 (80)" in page.inner_text(".facts")
    pictures = page.locator(".contact img")
    assert pictures.count() == 2
    assert page.evaluate(
        "[...document.querySelectorAll('.contact img')].every((one) => one.naturalWidth > 300)"
    )
    assert page.inner_text(".contact p >> nth=1") == "The same after augmentation, crop1"


def test_a_run_that_has_ended(visit, make, easy, tmp_path):
    """Its curves, confusion and mistakes, as when it ended; judged anew in the room of runs."""
    told = {"epochs": 2, "validation": 0.2, "batch": 20, "runs": str(tmp_path), "name": "done-1"}
    assert isinstance(list(train(Settings(MODEL, easy, **told)))[-1], Finished)
    record = Record.read(tmp_path / "done-1")
    _, page = visit(make(Training.reopened(tmp_path / "done-1")), locale="zh-CN")
    wait(page, "document.querySelector('#state').textContent === '训练完成'")
    accuracy, best = record.summary["test_accuracy"], record.summary["best_epoch"]
    assert page.inner_text("#end") == f"测试准确率 {100 * accuracy:.2f}%，最佳为第 {best} 轮"
    assert page.inner_text("#more-epochs") == f"想接着训练：kitnet studio {tmp_path / 'done-1'} --epochs 3"
    wait(page, "document.querySelector('#loss-now').textContent.includes('验证')")
    assert page.locator("#confusion td").count() == 101 and page.is_disabled("#go")
    page.click(".picture >> nth=5")
    wait(page, "document.querySelectorAll('.picture')[5].getAttribute('aria-pressed') === 'true'")
    page.click("nav a[href='#runs']")
    page.wait_for_selector("#alike")
    page.click("#judge")
    page.wait_for_selector("#run-confusion td")
    found = judge(Model.load(tmp_path / "done-1"), load(easy).test)
    cells = page.eval_on_selector_all("#run-confusion td", "all => all.map((one) => Number(one.textContent))")
    assert cells[1:] == matrix(found.labels, found.predicted, 10).ravel().tolist()
    assert numbers(page.inner_text("#run-note"))[:2] == [40, round(100 * found.accuracy, 1)]
    assert len(texts(page, "#run-scores tbody tr")) == 10


def test_what_python_says_in_chinese(visit):
    """The kinds that are known; others are told to be English."""
    _, page = visit(locale="zh-CN")
    page.click("nav a[href='#design']")

    def verdict(line):
        page.fill("#line", line)
        wait(page, "document.querySelector('#verdict').className === 'error'")
        told = page.inner_text("#verdict")
        page.fill("#line", "8x8x1 -> fc10")
        wait(page, "document.querySelector('#verdict').className === ''")
        return told

    page.fill("#line", "8x8x1 -> relu -> conv3-4/2 -> fc10")
    page.wait_for_selector("#caret:not([hidden])")
    assert page.inner_text("#caret mark") == "conv3-4/2"  # of sizes that do not fit
    assert page.inner_text("#verdict") == (
        "conv1：步幅 2 除不尽：3x3 的卷积核在输入 8x8x1 上的位置数为 (8 - 3 + 2*0) / 2 + 1 = 3.5。可以改用："
        "stride=1，pad=0:1x0:1，网络输入 7x7x1 或 9x9x1，或写 floor 舍去最后 1 个"
    )
    page.fill("#line", "8x8x1 -> fc10")
    wait(page, "document.querySelector('#verdict').className === ''")
    assert verdict("8x8x1 -> cnv3-4") == "没有 'cnv' 这种层，是不是想写 'conv'？"
    english = "fc1: 0 units are not possible; use 1 or more"
    assert verdict("8x8x1 -> fc0") == f"{english} （以上是程序给出的信息，只有英文）"
    page.select_option("header select", "en")
    assert verdict("8x8x1 -> fc0") == english


def test_everything_is_reached_by_the_keyboard(visit):
    _, page = visit()
    seen, one = [], "document.activeElement"
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(f"{one}.id || {one}.className || {one}.tagName"))
    assert {"go", "step", "knob-lr", "knob-batch", "apply", "picture"} <= set(seen)
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
