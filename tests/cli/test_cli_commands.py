"""What each command does and prints, for people and as JSON."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kitnet
from kitnet.data import load
from kitnet.kernels.cpu import detect
from kitnet.train import Model
from kitnet.zoo import MODELS

LINE = "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10"
COMMANDS = ("train", "evaluate", "predict", "verify", "show", "check", "explain", "layers", "models", "data",
            "lr-find", "look", "trace", "attribute", "convolve")  # fmt: skip


def names(folder):
    """What lies in a folder, hidden files too."""
    return sorted(path.name for path in Path(folder).iterdir())


# ---------------------------------------------------------------------------------------------------- help


def test_alone_it_prints_its_help(say):
    said = say()
    assert (said.status, said.err) == (0, "")
    assert said == say("--help")
    for command in COMMANDS:
        assert re.search(rf"^│ {command} ", said.out, re.MULTILINE), command


def test_the_version(say):
    assert say("--version") == (0, f"{kitnet.__version__}\n", "")


OPTIONS = {
    "train": "MODEL --data --data-dir --split --validation --strict --megapixels --augment --epochs --batch "
    "--optimizer --schedule --lr --momentum --decay --clip --average --weights --freeze --patience "
    "--target --loss --seed --runs --name --save-every --tensorboard --engine --threads --resume "
    "--on-misfit --input --set --init --accumulate --groups --whiten --views --sync --precision",
    "launch": "--ranks --hosts --max-restarts --as-root --oversubscribe --mpiexec",
    "evaluate": "RUN --data --data-dir --split --strict --megapixels --engine --precision --threads --memory "
    "--json",
    "explain": "MODEL --input --set --on-misfit --batch --train --forbid --force --precision --why "
    "--steps --json",
    "predict": "RUN FILES --top --invert --memory --megapixels --engine --precision --output --json",
    "verify": "FILE --memory --json",
    "show": "MODEL --input --set --on-misfit --batch --dtype --optimizer --no-optional --depth --columns "
    "--verify --train "
    "--threads --memory --html --json",
    "check": "MODEL --input --set --on-misfit --json",
    "layers": "WORD --json",
    "models": "--json",
    "data": "DATA --data-dir --split --megapixels --show --augment --seed --json",
    "report": "RUN OTHERS --output --pictures",
    "look": "MODEL --image --layer --filters --strip --gradient --target --output --invert --megapixels "
    "--engine",
    "trace": "MODEL --image --at --backward --target --class --terms --invert --megapixels --engine --json",
    "attribute": "MODEL IMAGE --method --class --layer --map --window --stride --data --data-dir --output "
    "--invert --megapixels --engine --json",
    "convolve": "IMAGE --filter --numbers --factor --bias --flip --output --megapixels --engine",
    "lr-find": "MODEL --data --data-dir --split --strict --augment --batch --accumulate --optimizer "
    "--momentum --decay --clip --init --loss --seed --first --last --steps --engine --precision --threads "
    "--json --input --set --on-misfit --validation --megapixels",
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_tells_of_every_option(say, command):
    said = say(command, "--help")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(f"Usage: kitnet {command}")
    for option in OPTIONS[command].split():
        # its name, and behind it what it is for
        assert re.search(rf"{option}\b.*?[a-z]{{3}}", said.out, re.DOTALL), option
    assert set(re.findall(r"(?<![\w-])--[a-z-]+", said.out)) <= {
        *OPTIONS[command].split(),
        *("--optional", "--import"),
    }


def test_the_help_of_train_tells_what_is_usual(say):
    told = " ".join(say("train", "--help").out.replace("│", " ").split())
    for text in (
        "Learning rate; by the model's card, 0.05 for a line, 0.001 for one that gives its input.",
        "Images a step; by the model's card, 64 for a line.",
        "Times that every training image is seen; by the model's card, 20 for a line.",
        "kept; by the model's card, 0.9 for a line.",
        "Weight decay, of neither biases nor norms; by the model's card, 0 for a line.",
        ".npz file; that of the recipe, usually digits.",
    ):
        assert text in told


# ---------------------------------------------------------------------------------------------------- show


def test_show_gives_the_numbers_of_lenet5(say_json):
    shown = say_json("show", "lenet5")
    assert (shown["model"], shown["input"], shown["batch"]) == ("lenet5", "32x32x1", 1)
    rows = {row["path"]: row for row in shown["layers"]}
    paper = {
        "C1": ("conv", "28x28x6", 156, 122_304, 28 * 28 * 6 * 25),
        "S2": ("subsample", "14x14x6", 12, 5_880, 0),
        "C3": ("conv", "10x10x16", 1_516, 151_600, 100 * 60 * 25),
        "S4": ("subsample", "5x5x16", 32, 2_000, 0),
        "C5": ("conv", "1x1x120", 48_120, 48_120, 48_000),
        "F6": ("fc", "84", 10_164, 10_164, 10_080),
        "output": ("fc", "10", 850, 850, 840),
    }
    for path, numbers in paper.items():
        row = rows.pop(path)
        assert tuple(row.values())[1:6] == numbers, path
        assert row["activation_bytes"] == 4 * int(np.prod([int(n) for n in numbers[1].split("x")]))
    assert {row["kind"] for row in rows.values()} == {"lecuntanh"}
    assert all(row["parameters"] == row["connections"] == 0 for row in rows.values())
    for row in shown["layers"]:
        assert list(row)[:7] == [
            *("path", "kind", "output", "parameters", "connections", "multiply_adds", "activation_bytes"),
        ]
    for name in ("parameters", "connections", "multiply_adds", "activation_bytes"):
        assert shown["totals"][name] == sum(row[name] for row in shown["layers"])
    assert shown["totals"]["parameters"] == 60_850
    assert any("S4 has 12" in one["printed"] for one in shown["errata"])
    assert "1998" in shown["source"] and shown["network"] == MODELS["lenet5"].line
    assert shown["training"] == {
        **{
            "optimizer": "sgd",
            "schedule": "onecycle",
            "augment": "crop3,affine0.15",
            "learning_rate": 0.05,
            "momentum": 0.9,
            "decay": 0.0,
        },
        **{"validation": 0.1, "batch": 64, "epochs": 20},
    }
    assert shown["recipes"]["lenet5.digits"] == {**shown["training"], "validation": 0.0}


def test_show_gives_the_papers_totals(say_json):
    totals = say_json("show", "lenet5-1998")["totals"]
    assert (totals["parameters"], totals["connections"]) == (60_000, 340_908)


def test_show_for_people(say):
    said = say("show", "lenet5")
    assert (said.status, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == "LeNet-5 of 1998 with a softmax output"
    assert lines[1] == MODELS["lenet5"].line
    heads, given, c1 = lines[3:6]
    assert heads.split()[:4] == ["layer", "kind", "output", "values"]
    assert given.split() == ["input", "input", "32x32x1", "1,024", "4,096", "1", "1", "0"]
    assert c1.split()[:8] == ["C1", "conv", "28x28x6", "4,704", "150", "6", "156", "122,304"]
    (total,) = (line for line in lines if line.startswith("total"))
    assert total.split()[1:7] == ["9,118", "60,592", "258", "60,850", "340,918", "326,520"]
    assert len({len(line) for line in lines[3:19] if not line.startswith("total")}) == 1  # aligned
    source = next(i for i, line in enumerate(lines) if line.startswith("Source: LeCun"))
    assert lines[source + 1] == (
        "Usual training: sgd, learning rate 0.05, schedule onecycle, augmentation crop3,affine0.15, "
        "momentum 0.9, validation 0.1, batches of 64, 20 epochs"
    )
    assert lines[source + 2] == (
        "kitnet train lenet5.digits: sgd, learning rate 0.05, schedule onecycle, augmentation "
        "crop3,affine0.15, momentum 0.9, no validation part, batches of 64, 20 epochs"
    )
    assert lines[source + 3].startswith("kitnet train lenet5.mnist: sgd, ")
    titles = [line for line in lines[source + 5 :] if not line.startswith("- ")]
    assert titles == ["Differences:", "Texts print:"]
    assert all(line.endswith(".") for line in lines[source + 6 :] if line not in titles)


def test_show_a_line(say, say_json):
    shown = say_json("show", "9x7x2 -> conv3-4 -> residual[conv3-4 same -> relu] -> fc3")
    assert [row["path"] for row in shown["layers"]] == [
        *("conv1", "residual1.body.conv1", "residual1.body.relu1", "residual1", "fc1"),
    ]
    assert "title" not in shown and "differences" not in shown
    assert shown["layers"][0]["parameters"] == 3 * 3 * 2 * 4 + 4
    said = say("show", "9x7x2 → fc3")  # the literature's arrow
    assert said.out.startswith("9x7x2 -> fc3\n")


def test_show_with_another_input(say_json):
    shown = say_json("show", "lenet5-modern", "--input", "36x36x3")
    rows = {row["path"]: row for row in shown["layers"]}
    assert shown["input"] == "36x36x3"
    assert rows["C1"]["output"] == "32x32x6" and rows["C1"]["parameters"] == 6 * (75 + 1)
    assert say_json("show", "INPUT -> fc10", "--input", "5")["totals"]["parameters"] == 60


def test_show_with_a_batch(say_json):
    one, many = (say_json("show", "lenet5", "--batch", n)["totals"] for n in ("1", "64"))
    for name in ("activation_bytes", "training_bytes", "inference_bytes"):
        assert many.pop(name) == 64 * one.pop(name)
    values = one.pop("gradient_bytes") - one["parameter_bytes"]
    assert many.pop("gradient_bytes") - many["parameter_bytes"] == 64 * values
    assert many == one  # the others are of the network, or of one image


def test_show_without_optional_parts(say_json):
    line = "8x8x1 -> conv3-4 same -> relu? -> [maxpool2]? -> fc10"
    whole, less = say_json("show", line), say_json("show", line, "--no-optional")
    assert [row["kind"] for row in whole["layers"]] == ["conv", "relu", "maxpool", "fc"]
    assert [row["kind"] for row in less["layers"]] == ["conv", "fc"]


# -------------------------------------------------------------------------------------------------- models


def test_models(say, say_json):
    rows = {row["name"]: row for row in say_json("models")}
    assert set(rows) == set(MODELS)
    assert [row["year"] for row in rows.values()] == sorted(row["year"] for row in rows.values())
    assert rows["lenet5-1998"]["parameters"] == 60_000
    one = rows["resnet20"]
    assert (one["year"], one["parameters"], one["multiply_adds"], one["input"]) == (
        2016,
        269_722,
        40_551_040,
        "32x32x3",
    )
    assert (
        one["training"] == say_json("show", "resnet20")["training"]
        and one["title"] == "ResNet-20 for CIFAR-10"
    )
    said = say("models")
    assert (said.status, said.err) == (0, "")
    for name in ("alexnet", "hmax", "lenet5", "lenet5-1998", "nin", "resnet20"):
        shown = say_json("show", name)
        assert rows[name]["training"] == shown["training"]
        for number in ("parameters", "multiply_adds"):
            assert rows[name][number] == shown["totals"][number], (name, number)
    lines = said.out.splitlines()
    assert lines[0].split() == ["name", "year", "parameters", "multiply-adds", "input", "source"]
    assert [line.split()[0] for line in lines[1:]] == list(rows)
    assert ["resnet20", "2016", "269,722", "40,551,040", "32x32x3", "He", "et", "al."] in [
        line.split() for line in lines
    ]
    assert lines[-1].endswith("  Jordan") and any(line.endswith("  CS231n") for line in lines)


@pytest.mark.parametrize(("columns", "missing"), [(60, "year, source"), (80, "year")])
def test_the_table_of_models_fits_the_terminal(say, monkeypatch, columns, missing):
    monkeypatch.setenv("COLUMNS", str(columns))
    *lines, last = say("models").out.splitlines()
    assert max(map(len, lines)) <= columns
    assert last == f"(the terminal is too narrow for: {missing})"


# --------------------------------------------------------------------------------------------------- train


def test_train(say, easy, here):
    said = say("train", LINE, "--data", easy, "--epochs", "2", "--batch", "25", "--seed", "9")
    assert (said.status, said.err) == (0, "")
    lines = said.out.splitlines()
    folder = Path("runs", "net-1")
    assert lines[0] == LINE
    assert lines[1] == (f"{easy}: 90 images to train with, 10 to validate, 40 to test; run folder {folder}")
    assert re.fullmatch(r"training needs [\d.]+ KiB of memory besides the data", lines[2])
    number = r" *[\d,]+\.?\d*"
    for epoch, line in enumerate(lines[3:5], 1):
        assert re.fullmatch(
            rf"epoch   {epoch}  train loss {number} accuracy {number}%  val loss {number} accuracy {number}%"
            rf"  {number} s  {number} images/s",
            line,
        )
    assert re.fullmatch(
        rf"{number}% of the test images right after {number} s; try: kitnet predict {folder} IMAGE.png",
        lines[6],
    )
    assert len(lines) == 7
    summary = json.loads((here / folder / "summary.json").read_text())
    assert lines[5] == (
        f"the best epoch is {summary['best_epoch']}, with {summary['val_accuracy']:.2%} of the validation "
        "images right"
    )
    assert f"{summary['test_accuracy']:.2%} of the test images" in lines[6]
    assert (summary["seed"], summary["batch"], summary["epochs"]) == (9, 25, 2)
    assert names(here) == ["runs"]


def test_train_with_every_option(say, easy, here):
    said = say(
        *("train", LINE, "--data", easy, "--epochs", "1", "--batch", "50", "--lr", "0.125"),
        *("--momentum", "0.5", "--decay", "1e-3", "--loss", "quadratic", "--seed", "3"),
        *("--optimizer", "nesterov", "--schedule", "cosine warmup=0.5"),
        *("--runs", "my runs/ü", "--name", "first"),
    )
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines()[-1].endswith("kitnet predict 'my runs/ü/first-1' IMAGE.png")
    summary = json.loads((here / "my runs" / "ü" / "first-1" / "summary.json").read_text())
    expected = {"lr": 0.125, "momentum": 0.5, "decay": 1e-3, "loss": "quadratic", "seed": 3, "batch": 50}
    expected |= {"optimizer": "nesterov", "schedule": "cosine warmup=0.5"}
    assert {key: summary[key] for key in expected} == expected


def test_train_a_name_from_a_folder_of_the_users(say, easy, here):
    """--data-dir holds the files of the named set, or a folder of its name with them."""
    shutil.copytree(easy, here / "mine" / "mnist")
    for folder in (easy, "mine"):
        said = say("train", LINE, "--data", "mnist", "--data-dir", folder, "--epochs", "1")
        assert said.status == 0, said.err
        assert said.out.splitlines()[1].startswith(
            "mnist: 90 images to train with, 10 to validate, 40 to test; "
        )


def test_train_lenet5_on_digits_for_two_epochs(say, here):
    said = say("train", "--epochs", "2")
    assert (said.status, said.err) == (0, "")
    summary = json.loads((here / "runs" / "lenet5-1" / "summary.json").read_text())
    assert (summary["model"], summary["data"]) == ("lenet5", "digits")
    assert summary["test_accuracy"] > 0.8


def test_resume_with_more_epochs(say, easy, here):
    say("train", LINE, "--data", easy, "--epochs", "1")
    said = say("train", "--resume", "runs/net-1", "--epochs", "3")
    assert (said.status, said.err) == (0, "")
    assert [line[:9] for line in said.out.splitlines()[3:5]] == ["epoch   2", "epoch   3"]
    assert json.loads((here / "runs" / "net-1" / "summary.json").read_text())["epochs"] == 3


def test_train_on_sizes_that_do_not_divide(say, refused, easy, here):
    """The run remembers it, so that it can be gone on with."""
    words = ("train", "8x8x1 -> conv3-4/2 -> fc10", "--data", easy, "--engine", "formula", "--epochs")
    assert refused(*words, "1").startswith(
        "conv1: a stride of 2 does not divide: (8 - 3 + 2*0) / 2 + 1 = 3.5 "
    )
    assert refused(*words, "1", "--on-misfit", "cel") == (
        "unknown on_misfit 'cel' (did you mean 'ceil'?); known: error, floor, ceil, pad, crop"
    )
    said = say(*words, "1", "--on-misfit", "ceil")
    assert (said.status, said.out.splitlines()[0]) == (0, "8x8x1 -> conv3-4/2 ceil -> fc10")
    assert say("train", "--resume", "runs/net-1", "--epochs", "2").status == 0
    assert json.loads((here / "runs" / "net-1" / "summary.json").read_text())["epochs"] == 2


def test_resume_tells_of_a_damaged_checkpoint(say, easy, here):
    say("train", LINE, "--data", easy, "--epochs", "2", "--batch", "50")
    run = Path("runs", "net-1")
    (run / "summary.json").unlink()
    (run / "checkpoint-00000004.safetensors").write_text("hello")
    said = say("train", "--resume", str(run))
    assert (said.status, said.err) == (
        0,
        f"kitnet: {run}/checkpoint-00000004.safetensors: truncated, or not a safetensors file; "
        "going on from checkpoint-00000002.safetensors\n",
    )
    assert "epoch   2" in said.out and "epoch   1" not in said.out


# ----------------------------------------------------------------------------------------------- evaluate


def test_evaluate(say, say_json, trained, easy):
    *_, test = load(easy)
    model = Model.load(trained)
    right = sum(
        one.classes[0][0] == str(k) for one, k in zip(model.predict(test.images, 1), test.labels, strict=True)
    )
    for where in (trained, f"{trained}/last.safetensors"):
        found = say_json("evaluate", where, "--data", easy)
        loss = found.pop("test_loss")
        assert found == {"run": where, "data": easy, "images": 40, "test_accuracy": right / 40}
        said = say("evaluate", where, "--data", easy)
        assert said == (0, f"{easy}: {right / 40:.2%} of 40 test images right, loss {loss:.4f}\n", "")
    summary = json.loads(Path(trained, "summary.json").read_text())
    assert loss == pytest.approx(summary["test_loss"])


def test_evaluate_on_its_own_data(say_json, refused, trained, easy, tmp_path):
    for where in (trained, f"{trained}/best.safetensors"):
        assert say_json("evaluate", where) == say_json("evaluate", where, "--data", easy)
    alone = shutil.copy(f"{trained}/best.safetensors", tmp_path / "alone.safetensors")
    assert refused("evaluate", alone) == (
        f"{alone}: no args.toml beside it says what it was trained on; name the data with --data"
    )


def test_evaluate_on_other_data(say_json, trained):
    found = say_json("evaluate", trained, "--data", "digits")
    assert found["images"] == 360 and 0 <= found["test_accuracy"] <= 1


@pytest.fixture
def pictures(tmp_path, easy):
    """pictures(names) -> a folder of the test pictures, of classes with these names."""

    def written(names):
        test = load(easy).test
        for number, (image, label) in enumerate(zip(test.images, test.labels, strict=True)):
            folder = tmp_path / "pictures" / "test" / names[label]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[..., 0]).save(folder / f"{number}.png")
        shutil.copytree(tmp_path / "pictures" / "test", tmp_path / "pictures" / "train")
        return tmp_path / "pictures"

    return written


def test_evaluate_matches_classes_by_name(say, say_json, easy, pictures, here):
    """A model that numbers the classes the other way round than the folder does."""
    parts = load(easy)
    model = kitnet.Model("8x8x1 -> fc10", classes=[str(9 - k) for k in range(10)])
    model.fit(parts.train.images, 9 - parts.train.labels, epochs=15, batch=10, engine="formula")
    model.save("turned.safetensors")
    found = say_json("evaluate", "turned.safetensors", "--data", pictures([str(k) for k in range(10)]))
    assert found["test_accuracy"] == model.evaluate(parts.test.images, 9 - parts.test.labels).accuracy > 0.9


def test_evaluate_refuses_classes_of_other_names(refused, trained, pictures):
    folder = pictures([*"abcdefghij"])
    assert refused("evaluate", trained, "--data", folder) == (
        f"{folder}: its classes are ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'), but the model's ("
        "'0', '1', '2', '3', '4', '5', '6', '7', '8', '9'); give the data that it was trained for"
    )


# ------------------------------------------------------------------------------------------------ predict


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
@pytest.mark.parametrize(
    ("name", "scale"), [("a.png", 1), ("a.png", 13), ("a.jpg", 30), ("ein Bild 日本 [b].png", 2)]
)
def test_predict_reads_any_picture(say, say_json, trained, picture, name, scale, colour):
    for k in (0, 7):
        file = picture(name, k, scale, colour)
        (found,) = say_json("predict", trained, file)
        assert found["file"] == file and len(found["classes"]) == 3
        assert found["classes"][0]["class"] == str(k) and found["classes"][0]["probability"] > 0.5
        said = say("predict", trained, file)
        told = "  ".join(f"{one['class']} {one['probability']:.1%}" for one in found["classes"])
        assert said == (0, f"{file}: {told}\n", "")


def test_predict_several_files_in_order(say, say_json, trained, picture):
    files = [picture(f"{k}.png", k, colour=k % 2 == 0) for k in (9, 0, 4, 4)]
    found = say_json("predict", trained, *files)
    assert [one["file"] for one in found] == files
    assert [one["classes"][0]["class"] for one in found] == ["9", "0", "4", "4"]
    lines = say("predict", f"{trained}/last.safetensors", *files).out.splitlines()
    assert [line.split(": ")[1][0] for line in lines] == ["9", "0", "4", "4"]


def test_predict_top(say_json, trained, picture):
    file = picture("a.png", 5)
    for top, expected in ((1, 1), (10, 10), (99, 10)):
        (found,) = say_json("predict", trained, file, "--top", top)
        probabilities = [one["probability"] for one in found["classes"]]
        assert len(probabilities) == expected and probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1, abs=1e-5)
    assert sorted(one["class"] for one in found["classes"]) == list("0123456789")


def test_predict_inverted(say_json, trained, picture):
    """Dark ink on white paper is what light on dark is to the model."""
    plain = say_json("predict", trained, picture("a.png", 6))
    dark = say_json("predict", trained, picture("b.png", 6, invert=True), "--invert")
    assert dark[0]["classes"] == plain[0]["classes"]
    assert say_json("predict", trained, picture("b.png", 6, invert=True))[0]["classes"] != plain[0]["classes"]


# ------------------------------------------------------------------------------------------------- verify


def test_verify(say, say_json, trained):
    for where in (trained, f"{trained}/last.safetensors"):
        assert say_json("verify", where) == {"file": where, "images": 8, "largest_difference": 0.0}
        assert say("verify", where) == (
            0,
            f"{where}: 8 golden images give the recorded scores (largest difference 0)\n",
            "",
        )


# ------------------------------------------------------------------------------------- one line is one line


def test_no_line_is_broken_where_the_output_is_no_terminal(say, easy, here, picture):
    """Names are far longer than 80 columns here, and paths with brackets are no markup."""
    runs = here / ("[bold]" + "very-long-" * 12)
    assert len(say("train", LINE, "--data", easy, "--epochs", "1", "--runs", runs).out.splitlines()) == 6
    folder = runs / "net-1"
    said = say("predict", folder, picture("a.png", 1), "--top", "10")
    assert said.out.count("\n") == 1
    for words in (("verify", folder), ("evaluate", folder, "--data", easy)):
        said = say(*words)
        assert said.status == 0 and said.out.count("\n") == 1
    assert said.err == ""
    assert str(folder) in say("verify", folder).out


def test_explain_tells_how_and_why_not(say):
    said = say("explain", "lenet5", "--batch", "64", "--train", "--json")
    found = json.loads(said.out)
    assert (said.status, said.err, found["formula_steps"], found["mode"]) == (0, "", 0, "train")
    assert [row["path"] for row in found["layers"]][:2] == ["C1", "lecuntanh1"]
    assert [row["in_passing_by"] for row in found["layers"]][:2] == [None, "C1"]
    said = say(
        "explain",
        "8x8x1 -> conv3-3 -> fc10",
        "--batch",
        "16",
        "--forbid",
        "direct",
        "--forbid",
        "linear",
        "--json",
    )
    found = json.loads(said.out)
    assert found["formula_steps"] == 2
    refused = {row["implementation"]: row["reason"] for row in found["layers"][0]["refused"]}
    assert refused["conv.winograd4.images"] == "slower with so few channels, 1 into 3"
    assert refused["conv.direct.images"] == "forbidden by an option"
    said = say("explain", "8x8x1 -> conv3-3", "--batch", "16", "--force", "winograd", "--json")
    assert json.loads(said.out)["layers"][0]["implementation"] == "conv.winograd4.images"
    assert "channels in the lanes" in say("explain", "8x8x1 -> conv3-3", "--batch", "3").out
    said = say("explain", "8x8x1 -> conv3-3", "--force", "winnograd")
    assert said.status == 2 and said.err.startswith("kitnet: no implementation is called 'winnograd'")
    assert "forbidden by an option" in say("explain", "8x8x1 -> relu", "--forbid", "activation", "--why").out


def test_explain_tells_why_under_the_layer(say, say_json):
    words = ("explain", "8x8x1 -> conv3-3", "--batch", "16")
    short, long = say(*words).out.splitlines(), say(*words, "--why").out.splitlines()
    assert [line for line in long if not line.startswith("    ")] == short
    assert [line.split() for line in short[-2:]] == [
        ["layer", "kind", "implementation"],
        ["conv1", "conv", "conv.direct.images"],
    ]
    refused = say_json(*words)["layers"][0]["refused"]
    reasons = [f"    {one['implementation']}: {one['reason']}" for one in refused]
    assert reasons and [line for line in long if line.startswith("    ")] == reasons


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize(
    "words",
    [
        ("show", "lenet5"),
        ("explain", "lenet5", "--why"),
        ("layers",),
    ],
    ids=lambda words: words[0],
)
def test_what_is_printed_fits_the_terminal(say, monkeypatch, words, columns):
    free = say(*words).out
    monkeypatch.setenv("COLUMNS", str(columns))
    found = say(*words).out
    assert columns >= (80 if words == ("layers",) else 200) or max(map(len, free.splitlines())) > columns
    assert max(len(line) for line in found.splitlines()) <= columns
    narrow = "(the terminal is too narrow for: "
    assert (narrow in " ".join(found.split())) == (
        words[0] == "show" or (words[0] in ("layers", "models", "data") and columns == 60)
    )
    if words[0] != "show" and narrow not in found:
        assert sorted(found.split()) == sorted(free.split())


def test_training_fits_the_terminal(say, easy, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    line = " -> ".join(["8x8x1", *["tanh"] * 20, "fc10"])
    words = ("train", line, "--data", easy, "--epochs", "1", "--runs", "r")
    found = say(*words).out.splitlines()
    assert max(map(len, found)) <= 80 or len(easy) > 20
    text = " ".join(found)
    assert line in re.sub(" +", " ", text)
    number = r" *[\d,]+\.?\d*"
    assert re.search(
        rf"epoch   1  train {number} {number}%  val {number} {number}%  {number} s {number} images/s", text
    )
    assert found[-1] == "try: kitnet predict r/net-1 IMAGE.png"


def test_explain_tells_of_slices(say):
    line = "{0}x{0}x3 -> conv3-64 same -> relu -> maxpool2 -> conv3-64 same -> relu -> fc10"
    lanes = detect().lanes
    few = say("explain", line.format(64), "--batch", "8").out
    assert re.search(r"8 images at once, channels in the lanes, up to \w+ 4 images at a time;", few)
    many = say("explain", line.format(60), "--batch", str(3 * lanes)).out
    assert re.search(
        rf"3 groups of {lanes} images in the lanes, .*, up to \w+ {lanes} images at a time;", many
    )
    assert "at a time" not in say("explain", "8x8x1 -> conv3-3", "--batch", "16").out


def test_explain_tells_of_options_that_change_nothing(say):
    line = "8x8x1 -> conv3-3 -> fc10"
    said = say("explain", line, "--batch", "16", "--forbid", "winograd", "--force", "conv.direct.channels")
    assert "--forbid winograd changes nothing here" in said.out
    assert "--force" not in said.out
    assert "changes nothing" not in say("explain", line, "--batch", "16", "--force", "fourier").out


def test_explain_names_the_functions_that_write_a_step(say):
    said = say("explain", "8x8x1 -> conv3-3 -> fc10", "--steps", "--why")
    assert (
        "    step: engine/lower/few.py: _direct\n    kernel: kernels/channels/convolution.py: forward\n"
        in said.out
    )
