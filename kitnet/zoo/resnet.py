"""Residual networks for CIFAR-10: He, Zhang, Ren & Sun, "Deep residual learning for image recognition", 2015,
section 4.2."""

from __future__ import annotations

from kitnet.zoo.card import Card


def resnet_line(n: int, size: int = 32, maps: int = 16) -> str:
    """6n + 2 layers, n at least 2: a convolution, three stages of n residual blocks with twice the maps and
    half the sizes of the stage before, the mean of each map, a linear layer."""

    def conv(maps: int, stride: int = 1) -> str:
        return f"conv3-{maps} same bias=no" if stride == 1 else f"conv3-{maps}/{stride} pad=1 bias=no floor"

    def body(maps: int, stride: int = 1) -> str:
        return f"{conv(maps, stride)} -> batchnorm -> relu -> {conv(maps)} -> batchnorm"

    parts = [f"{size}x{size}x3 -> {conv(maps)} -> batchnorm -> relu", f"[residual[{body(maps)}] -> relu]*{n}"]
    for wide in (2 * maps, 4 * maps):
        parts.append(f"residual[{body(wide, 2)} | conv1-{wide}/2 bias=no floor -> batchnorm] -> relu")
        parts.append(f"[residual[{body(wide)}] -> relu]*{n - 1}")
    return " -> ".join([*parts, f"meanpool{size // 4}", "fc10"])


RESNET20 = Card(
    name="resnet20",
    title="ResNet-20 for CIFAR-10",
    source="He, Zhang, Ren, Sun: Deep residual learning for image recognition, CVPR 2016, section 4.2",
    year=2015,
    line=resnet_line(3),
    differences=(
        "Shortcuts between stages are 1x1 convolutions with batch normalisation (option B of the paper); the "
        "paper's CIFAR networks pad with zero maps (option A), which needs no parameters. That makes 272,474 "
        "parameters in place of 269,722, which the paper rounds to 0.27 million.",
        "Trained at one rate for all epochs; the paper begins with 0.1, divides it by 10 after 32,000 and "
        "48,000 of 64,000 steps, decays weights by 0.0001 and shifts and mirrors the images.",
    ),
    rate=0.1,
    batch=128,
    epochs=164,
)
