"""Weights of other libraries, there and back: `python bench/weights.py [NAME ...]`.

Each network is made by its maker with random weights and random running statistics, and saved; kitnet reads
the file, and its scores of two random images are compared with the maker's, by the largest score. Of PyTorch
what `kitnet export --torch` writes is then loaded strictly by the maker's network. The table goes to
results/weights.csv. It needs torch, torchvision, timm, keras and h5py; no published weights.
"""

from __future__ import annotations

import argparse
import csv
import gc
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from process import ROOT, machine

from kitnet.interop.weights import import_weights, state_dict, write_torch

os.environ["KERAS_BACKEND"] = "torch"
RESULTS = ROOT / "results" / "weights.csv"
FIELDS = ("network", "file", "matched", "difference", "strictly_back", "difference_back")
CLOSE = 1e-4  # of the largest score
TORCHVISION = {
    **{name: (name, 224) for name in ("alexnet", "vgg11", "vgg13", "vgg16", "vgg19")},
    **{f"vgg{n}_bn": (f"vgg{n}:bn", 224) for n in (11, 13, 16, 19)},
    **{f"resnet{n}": (f"resnet{n}", 224) for n in (18, 34, 50, 101, 152)},
    **{f"densenet{n}": (f"densenet{n}", 224) for n in (121, 161, 169, 201)},
    "googlenet": ("googlenet:bn", 224),
    "inception_v3": ("inception-v3", 299),
    "squeezenet1_0": ("squeezenet1.0", 227),
    "squeezenet1_1": ("squeezenet1.1", 224),
    "mobilenet_v2": ("mobilenet-v2", 224),
}
TIMM = {
    "resnet18": ("resnet18", 224),
    "resnet50": ("resnet50", 224),
    "vgg11": ("vgg11", 224),
    "vgg13_bn": ("vgg13:bn", 224),
    "densenet121": ("densenet121", 224),
    "inception_v3": ("inception-v3", 299),
    "mobilenetv2_100": ("mobilenet-v2", 224),
}
KERAS = {
    "VGG16": ("vgg16", 224),
    "VGG19": ("vgg19", 224),
    "ResNet50": ("resnet50:v1", 224),
    "DenseNet121": ("densenet121", 224),
    "DenseNet169": ("densenet169", 224),
    "DenseNet201": ("densenet201", 224),
    "InceptionV3": ("inception-v3", 299),
    "MobileNetV2": ("mobilenet-v2", 224),
}


def cases() -> dict[str, Callable[[Path], Iterator[dict[str, object]]]]:
    found: dict[str, Callable[[Path], Iterator[dict[str, object]]]] = {}
    for name, (model, size) in TORCHVISION.items():
        found[f"torchvision.{name}"] = partial(of_torch, partial(_torchvision, name), model, size, True)
    for name, (model, size) in TIMM.items():
        found[f"timm.{name}"] = partial(of_torch, partial(_timm, name), model, size, False)
    for n in (20, 56):
        found[f"akamaster.resnet{n}"] = partial(
            of_torch, partial(_akamaster, (n - 2) // 6), f"resnet{n}", 32, True
        )
    for name, (model, size) in KERAS.items():
        found[f"keras.{name}"] = partial(of_keras, name, model, size)
    return found


def images(size: int) -> Any:
    return np.random.default_rng(0).standard_normal((2, size, size, 3), np.float32)


def difference(found: Any, wanted: Any) -> float:
    return float(abs(found - wanted).max() / abs(wanted).max())


def of_torch(
    make: Callable[[], Any], model: str, size: int, returns: bool, folder: Path
) -> Iterator[dict[str, object]]:
    """A .pth file there, and one back where kitnet writes this maker's names."""
    import torch

    module, x = make().eval(), images(size)
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        for part in module.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.1, generator=generator)
                part.running_var.uniform_(0.5, 1.5, generator=generator)
                part.weight.uniform_(0.5, 1.5, generator=generator)
                part.bias.normal_(0, 0.1, generator=generator)
        there = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
        wanted = module(there).numpy()
        torch.save(module.state_dict(), folder / "there.pth")
        found = import_weights(folder / "there.pth", model)
        row = {
            "file": ".pth",
            "matched": found.match.lines()[0],
            "difference": difference(_main(found.net(x)), wanted),
        }
        if returns:
            write_torch(folder / "back.pth", state_dict(found.net))
            for array in module.parameters():
                array.zero_()
            back = torch.load(folder / "back.pth", weights_only=True)
            module.load_state_dict(back, strict=True)  # raises where a name or a shape is another
            row["strictly_back"] = True
            row["difference_back"] = difference(module(there).numpy(), wanted)
    yield row


def _main(scores: Any) -> Any:
    return scores["output"] if isinstance(scores, dict) else scores


def _torchvision(name: str) -> Any:
    import torchvision

    given = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return getattr(torchvision.models, name)(weights=None, **given)


def _timm(name: str) -> Any:
    import timm

    return timm.create_model(name, pretrained=False)


def _akamaster(blocks: int) -> Any:
    """A ResNet for CIFAR with the names and the shortcut A of Idelbayev's pytorch_resnet_cifar10."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self, depth: int, filters: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(depth, filters, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(filters)
            self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(filters)
            self.shrinks, self.more = stride > 1, filters // 4

        def forward(self, x: Any) -> Any:
            y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
            if self.shrinks:
                x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more, self.more))
            return torch.relu(y + x)

    class ResNet(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
            for i, filters in enumerate((16, 32, 64), 1):
                first = Block(max(16, filters // 2), filters, min(i, 2))
                others = [Block(filters, filters, 1) for _ in range(blocks - 1)]
                setattr(self, f"layer{i}", nn.Sequential(first, *others))
            self.linear = nn.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            x = self.layer3(self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(x))))))
            return self.linear(x.mean((2, 3)))

    return ResNet()


def of_keras(name: str, model: str, size: int, folder: Path) -> Iterator[dict[str, object]]:
    """Each of the three forms that Keras writes."""
    import keras

    made = getattr(keras.applications, name)(weights=None, classifier_activation=None)
    draw = np.random.default_rng(0)
    for layer in made.layers:
        arrays = layer.get_weights()
        if isinstance(layer, keras.layers.BatchNormalization):
            rows = [draw.normal(0, 0.1, arrays[0].shape) for _ in arrays]
            rows[-1] = draw.uniform(0.5, 1.5, arrays[0].shape)
            layer.set_weights(rows if len(arrays) < 4 else [1 + rows[0], *rows[1:]])
        elif len(arrays) == 2:
            layer.set_weights([arrays[0], draw.normal(0, 0.1, arrays[1].shape)])
    x = images(size)
    wanted = made.predict(x, verbose=0)
    for end in (".weights.h5", ".keras", ".h5"):
        path = folder / f"there{end}"
        (made.save_weights if end == ".weights.h5" else made.save)(path)
        found = import_weights(path, model)
        yield {
            "file": end,
            "matched": found.match.lines()[0],
            "difference": difference(_main(found.net(x)), wanted),
        }
        path.unlink()


def main() -> None:
    known = cases()
    parser = argparse.ArgumentParser(description="weights of other libraries, there and back")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    options = parser.parse_args()
    rows = []
    if RESULTS.exists():
        with RESULTS.open(newline="") as file:
            rows = list(csv.DictReader(file))
    for name in options.names or known:
        rows = [row for row in rows if row["network"] != name]
        with tempfile.TemporaryDirectory() as folder:
            for row in known[name](Path(folder)):
                told = {"network": name, **row, **machine()}
                rows.append({field: str(value) for field, value in told.items()})
                print(*row.values(), name, flush=True)
                assert max(row["difference"], row.get("difference_back", 0)) < CLOSE, name
        with RESULTS.open("w", newline="") as file:
            writer = csv.DictWriter(file, [*FIELDS, *machine()])
            writer.writeheader()
            writer.writerows(sorted(rows, key=lambda row: (row["network"], row["file"])))
        gc.collect()


if __name__ == "__main__":
    main()
