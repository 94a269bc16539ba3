"""What a run is told, and its text in args.toml."""

import tomllib

import pytest

from kitnet.base.error import KitnetError, RunError
from kitnet.train import Settings


def test_the_toml_is_read_back_the_same(tmp_path):
    path = tmp_path / "args.toml"
    for settings in (
        Settings(),
        Settings(
            model='28x28x1 -> "fc10" \\ 日本',
            data="a folder/ü",
            data_dir="x",
            epochs=3,
            batch=7,
            lr=0.1 + 0.2,
            momentum=0.0,
            decay=1e-5,
            optimizer="sgd momentum=0",
            schedule="drops at=1,2",
            loss="quadratic",
            seed=2**63 - 1,
            runs="r",
            name="n",
        ),
    ):
        path.write_bytes(settings.to_toml().encode())
        assert Settings.read(path) == settings


def test_none_is_left_out():
    assert tomllib.loads(Settings().to_toml()) == {
        "model": "lenet5",
        "seed": 0,
        "runs": "runs",
    }


def test_a_whole_number_is_a_number_too(tmp_path):
    (tmp_path / "args.toml").write_text("lr = 1\n")
    assert Settings.read(tmp_path / "args.toml").lr == 1


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"epochs": 0}, "--epochs 0 is not possible; use 1 or more"),
        ({"batch": -3}, "--batch -3 is not possible; use 1 to 1048576"),
        ({"batch": 2.5}, "--batch 2.5 is no whole number; use 1 to 1048576"),
        ({"seed": -1}, "--seed -1 is not possible; use 0 or more, below 2**63"),
        ({"seed": 2**63}, f"--seed {2**63} is not possible; use 0 or more, below 2**63"),
        ({"data_dir": "a\udcff"}, r"--data-dir 'a\udcff' is not UTF-8, as args.toml must be"),
    ],
)
def test_impossible_values(values, text):
    with pytest.raises(KitnetError) as caught:
        Settings(**values)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"epochs = 2.5\n", "epochs is 2.5; expected a whole number"),
        (b"epochs = true\n", "epochs is True; expected a whole number"),
        (b'lr = "x"\n', "lr is 'x'; expected a number"),
        (b"model = 3\n", "model is 3; expected a text in quotes"),
        (b"name = ['a']\n", "name is ['a']; expected a text in quotes"),
        (b"epoch = 2\n", "unknown argument 'epoch' (did you mean 'epochs'?)"),
        (b"zzz = 2\n", "unknown argument 'zzz'"),
        (b"batch = 0\n", "--batch 0 is not possible; use 1 to 1048576"),
        (b"model = [%s]\n" % (b"0," * 999), f"model is [{'0, ' * 26}0...; expected a text in quotes"),
    ],
)
def test_a_text_that_is_not_settings(tmp_path, content, text):
    path = tmp_path / "args.toml"
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        Settings.read(path)
    assert str(caught.value) == f"{path}: {text}"


def test_dots_in_texts_are_no_names(tmp_path):
    path = tmp_path / "args.toml"
    for data in ("../../a.b.c", "a.\\.b\n.c", "it's.a.b", '".a.b'):
        path.write_text(Settings(data=data, lr=0.25).to_toml(), encoding="utf-8")
        assert Settings.read(path) == Settings(data=data, lr=0.25)
    path.write_text("data = 'a.b.c.d' # it's e.f.g\nlr = 0.5 # 1.5\n")
    assert Settings.read(path) == Settings(data="a.b.c.d", lr=0.5)


def test_settings_that_could_not_be_read_back_are_not_written():
    with pytest.raises(RunError) as caught:
        Settings(model="8x8x1 -> " + "relu -> " * 8200 + "fc10").to_toml()
    assert str(caught.value) == (
        "the arguments of a run are at most 65536 bytes of text; write a shorter network"
    )


def test_texts_that_would_take_long_or_much_memory(tmp_path):
    path = tmp_path / "args.toml"
    for content, text in (
        (b"x = %s%s\n" % (b"[" * 30_000, b"]" * 30_000), "brackets within brackets"),
        (b"x = " + b"{a = " * 10_000, "brackets within brackets"),
        (b"seed = " + b"9" * 5000, "a number of thousands of digits"),
        (b"seed = 1\n" + b" " * 65_536, "larger than 65536 bytes"),
        (b".".join([b"a"] * 20_000) + b" = 1\n", "a name with dots"),
        (b"x = {%s = 1}\n" % b" . ".join([b"1"] * 10_000), "a name with dots"),
        (b"[%s]\n" % b".".join([b'"a"'] * 10_000), "a name with dots"),
    ):
        path.write_bytes(content)
        with pytest.raises(RunError) as caught:
            Settings.read(path)
        assert str(caught.value) == f"{path}: not the arguments of a run ({text})"


def test_a_text_that_is_not_toml(tmp_path):
    path = tmp_path / "args.toml"
    for content in (b"epochs 2\n", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(RunError) as caught:
            Settings.read(path)
        assert str(caught.value).startswith(f"{path}: not the arguments of a run (")
        assert "\n" not in str(caught.value)


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises(RunError) as caught:
        Settings.read(tmp_path / "args.toml")
    assert str(caught.value) == (
        f"{tmp_path / 'args.toml'}: cannot be read (No such file or directory); give a run folder of kitnet"
    )
