"""Networks that kitnet has in its zoo: each by its name there, and as torchvision or PyTorch code has it."""

from __future__ import annotations

from typing import Any

from networks import Network


def _torchvision(name: str, **settings: Any) -> Any:
    """A builder of torchvision's network of this name, with the same eps in every norm as kitnet has."""

    def build(nn: Any) -> Any:
        import torchvision

        module = getattr(torchvision.models, name)(**settings)
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.eps = 1e-5
        return module

    return build


def _densenet40(nn: Any) -> Any:
    """Huang et al. 2017 for CIFAR: 40 layers, each adds 12 maps, no bottlenecks."""
    import torch

    class Dense(nn.Module):  # type: ignore[misc]  # nn is given
        def __init__(self, depth: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.BatchNorm2d(depth), nn.ReLU(), nn.Conv2d(depth, 12, 3, padding=1, bias=False)
            )

        def forward(self, x: Any) -> Any:
            return torch.cat([x, self.body(x)], 1)

    parts: list[Any] = [nn.Conv2d(3, 16, 3, padding=1, bias=False)]
    depth = 16
    for block in range(3):
        for _ in range(12):
            parts.append(Dense(depth))
            depth += 12
        parts += [nn.BatchNorm2d(depth), nn.ReLU()]
        if block < 2:
            parts += [nn.Conv2d(depth, depth, 1, bias=False), nn.AvgPool2d(2)]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(depth, 10))


_PHOTO = (224, 224, 3)
MOBILENET_V2 = Network("mobilenet-v2", _torchvision("mobilenet_v2"), _PHOTO, 1000, "Sandler et al. 2018")
DENSENET121 = Network("densenet121", _torchvision("densenet121"), _PHOTO, 1000, "Huang et al. 2017")
SQUEEZENET = Network(
    "squeezenet1.1", _torchvision("squeezenet1_1"), _PHOTO, 1000, "Iandola et al. 2016, the second release"
)
INCEPTION_V3 = Network(
    "inception-v3",
    _torchvision("inception_v3", aux_logits=False, init_weights=False),
    (299, 299, 3),
    1000,
    "Szegedy et al. 2016, without its auxiliary head",
)
DENSENET40 = Network("densenet40", _densenet40, (32, 32, 3), 10, "Huang et al. 2017 for CIFAR", apart=5e-2)
