"""Networks of the zoo as native libraries, for several kinds of processors and numbers of images."""

import pytest
from native_code import check_network, randomised

from kitnet.kernels.cpu import levels, plain
from kitnet.zoo import find

QUICK = ["lenet5", "lenet5-1998", "resnet20", "tiny-vgg"]
# `features`, not `level`: of that the lesser ones would become slow, too
OTHERS = [
    *("all-cnn-c", "nin", "mobilenet-v1", "mobilenet-v2", "resnet18", "resnet50", "googlenet", "alexnet"),
    *("densenet121", "inception-v3", "squeezenet1.1", "zfnet", "airbench", "resnet164:v2", "overfeat"),
    *("densenet-bc100", "resnet20:projection", "lenet-1989", "lenet5-modern", "cifar-first", "cifar-strip"),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_small_networks(name, tmp_path):
    check_network(randomised(find(name).build()), 1, plain(levels()[0]), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("features", levels())
@pytest.mark.parametrize("batch", [1, 16, 100])
@pytest.mark.parametrize("name", QUICK)
def test_small_networks_everywhere(name, batch, features, tmp_path):
    check_network(randomised(find(name).build()), batch, plain(features), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("features", levels())
@pytest.mark.parametrize("name", OTHERS)
def test_large_networks(name, features, tmp_path):
    check_network(randomised(find(name).build()), 1, plain(features), tmp_path)
