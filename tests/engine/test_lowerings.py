"""The table of lowerings: it names every file, and for each the layers that it is for."""

import subprocess
import sys
from importlib import import_module

import numpy as np

import kitnet
from kitnet.engine.lower import FILES, implementations, implementations_of
from kitnet.layers import LAYERS


def test_the_table_says_what_the_files_say():
    for file, words in FILES.items():
        found = import_module(f"kitnet.engine.lower.{file}").IMPLEMENTATIONS
        assert {word for one in found for word in one.words} == set(words), file
        assert set(words) <= set(LAYERS), file
    assert len({one.id for one in implementations()}) == len(implementations())


def test_a_layer_finds_all_implementations_that_are_for_it():
    for word in LAYERS:
        for case in LAYERS[word].cases():
            able = [one for one in implementations() if one.is_for(case.layer)]
            assert list(implementations_of(case.layer)) == able, word


def test_unpooling_has_no_kernel_and_runs_in_plans():
    net = kitnet.parse("6x6x2 -> unpool2[maxpool2 | identity] -> fc3").initialise(1)
    x = np.random.default_rng(1).standard_normal((3, 6, 6, 2), np.float32)
    np.testing.assert_allclose(net.compile(3)(x), net(x), rtol=0, atol=1e-5)


def test_a_network_imports_the_lowerings_of_its_layers():
    code = (
        "import sys, kitnet; kitnet.parse('8x8x1 -> conv3-4 -> tanh -> fc2').compile(1); "
        "print(*(name.rpartition('.')[2] for name in sys.modules if name.startswith('kitnet.engine.lower.')))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = set(run.stdout.split())
    assert {"convolution", "few", "elementwise", "winograd"} <= found
    assert found.isdisjoint({"contrast_norm", "dropout", "joins", "local", "pooling", "prelu", "transposed"})
