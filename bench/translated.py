"""A network and an update rule of kitnet as PyTorch has them: the same layers from the same weights, with the
layout and the fused operations that its makers advise."""

from __future__ import annotations

from typing import Any

import numpy as np

from kitnet.layers import BatchNorm, Convolution, Linear, MaxPool, MeanPool
from kitnet.layers.join import Add
from kitnet.layers.pad_channels import PadChannels
from kitnet.layers.power import Scale
from kitnet.layers.subsampling import Subsampling
from kitnet.net import Net
from kitnet.optim import Averaged, Clipped, Hold, Muon, Nesterov, Rule, Sgd
from kitnet.optim.muon import CUBIC, EPS, LINEAR, QUINTIC

AMPLITUDE, SLOPE = 1.7159, 2 / 3  # of LeCun's tanh


def translated(net: Net, torch: Any) -> Any:
    """A module of the graph. It reads images N,H,W,C, as kitnet has them, and gives scores (N, classes).
    Raises NotImplementedError for a layer that it does not know."""
    functional, nodes = torch.nn.functional, net.graph.nodes

    class Module(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.parts = torch.nn.ModuleDict()
            self.paths: dict[str, Any] = {}  # the parameters by kitnet's paths
            for node in nodes:
                made = _module(net, node, torch)
                if made is not None:
                    part, named = made
                    self.parts[_key(node.path)] = part
                    self.paths |= {f"{node.path}.{name}": one for name, one in named.items()}

        def forward(self, x: Any) -> Any:
            values: list[Any] = []
            for node in nodes:
                if node.layer is None:
                    values.append(x.permute(0, 3, 1, 2))  # as it lies: channels last
                    continue
                inputs = [values[i] for i in node.inputs]
                key = _key(node.path)
                values.append(self.parts[key](*inputs) if key in self.parts else _plain(node, inputs))
            return values[net.graph.outputs[next(iter(net.outputs))]].flatten(1)

    def _plain(node: Any, inputs: list[Any]) -> Any:
        layer, (x, *others) = node.layer, inputs
        shape = nodes[node.inputs[0]].shape
        match layer:
            case Add():
                return sum(others, x)
            case PadChannels():
                return functional.pad(x, (0, 0, 0, 0, 0, layer.depth - x.shape[1]))
            case Scale():
                return layer.factor * x + layer.shift if layer.shift else layer.factor * x
            case MaxPool() | MeanPool():
                window, stride, pad = _windows(layer.axes(shape))
                if any(low != high for low, high in pad) or (
                    any(low for low, _ in pad) and layer.word != "maxpool"
                ):
                    raise NotImplementedError(f"{node.path}: a padded {layer.word}")
                how = {"stride": stride, "padding": [low for low, _ in pad]}
                pool = functional.max_pool2d if layer.word == "maxpool" else functional.avg_pool2d
                return pool(x, window, **how)
        match layer.word:
            case "relu":
                return functional.relu(x)
            case "gelu":
                return functional.gelu(x)
            case "tanh":
                return torch.tanh(x)
            case "lecuntanh":
                return AMPLITUDE * torch.tanh(SLOPE * x)
            case "flatten":
                return x.permute(0, 2, 3, 1).flatten(1)
        raise NotImplementedError(f"{node.path}: {layer.word} is not translated")

    return Module().to(memory_format=torch.channels_last)


def _key(path: str) -> str:
    return path.replace(".", "_")


def _windows(axes: Any) -> tuple[Any, Any, Any]:
    return (
        [axis.window for axis in axes],
        [axis.stride for axis in axes],
        [(axis.before, max(0, axis.after)) for axis in axes],
    )


def _module(net: Net, node: Any, torch: Any) -> Any:
    """The part of PyTorch for a layer with parameters, and these by their names in kitnet."""
    nn, layer = torch.nn, node.layer
    if layer is None:
        return None
    shape, w = net.graph.nodes[node.inputs[0]].shape, net.weights.of(node.path)
    if isinstance(layer, Convolution):
        window, stride, pad = _windows(layer.axes(shape))
        if any(low != high for low, high in pad):
            raise NotImplementedError(f"{node.path}: unequal padding")
        dense = layer.dense(w["weight"], shape[-1])
        kind = nn.Conv2d if layer.table is None else _tabled(torch)
        how = {"padding": [low for low, _ in pad], "groups": layer.groups, "bias": layer.bias}
        part = kind(shape[-1], layer.filters, window, stride, **how)
        with torch.no_grad():
            part.weight.copy_(torch.from_numpy(np.moveaxis(dense, (-1, -2), (0, 1)).copy()))
            if layer.table is not None:
                used = layer.dense(np.ones_like(w["weight"]), shape[-1])
                part.mask.copy_(torch.from_numpy(np.moveaxis(used, (-1, -2), (0, 1)).copy()))
            if layer.bias:
                part.bias.copy_(torch.from_numpy(w["bias"]))
        return part, {"weight": part.weight} | ({"bias": part.bias} if layer.bias else {})
    if isinstance(layer, Linear):
        part = nn.Linear(int(np.prod(shape)), layer.units, bias=layer.bias)
        with torch.no_grad():
            part.weight.copy_(torch.from_numpy(w["weight"].reshape(-1, layer.units).T.copy()))
            if layer.bias:
                part.bias.copy_(torch.from_numpy(w["bias"]))
        named = {"weight": part.weight} | ({"bias": part.bias} if layer.bias else {})
        return _flat(torch)(part), named
    if isinstance(layer, BatchNorm):
        part = nn.BatchNorm2d(shape[-1], eps=layer.eps, momentum=1 - layer.decay)
        return part, {"scale": part.weight, "shift": part.bias}
    if isinstance(layer, Subsampling):
        part = _subsampling(torch)(layer, shape)
        with torch.no_grad():
            part.coefficient.copy_(torch.from_numpy(w["coefficient"]).view(1, -1, 1, 1))
        return part, {"coefficient": part.coefficient, "bias": part.bias}
    if w:
        raise NotImplementedError(f"{node.path}: {layer.word} is not translated")
    return None


def _flat(torch: Any) -> Any:
    class Flat(torch.nn.Module):  # type: ignore[misc, name-defined]
        """A linear layer on volumes, in kitnet's order of their numbers."""

        def __init__(self, linear: Any) -> None:
            super().__init__()
            self.linear = linear

        def forward(self, x: Any) -> Any:
            return self.linear(x.permute(0, 2, 3, 1).flatten(1) if x.dim() == 4 else x)

    return Flat


def _tabled(torch: Any) -> Any:
    class Tabled(torch.nn.Conv2d):  # type: ignore[misc, name-defined]
        """A convolution of which a table leaves filters' planes out."""

        def __init__(self, *args: Any, **how: Any) -> None:
            super().__init__(*args, **how)
            self.register_buffer("mask", torch.ones_like(self.weight))

        def forward(self, x: Any) -> Any:
            return self._conv_forward(x, self.weight * self.mask, self.bias)

    return Tabled


def _subsampling(torch: Any) -> Any:
    class Pooled(torch.nn.Module):  # type: ignore[misc, name-defined]
        """LeNet's: the sum of each window times a coefficient, and a bias."""

        def __init__(self, layer: Any, shape: Any) -> None:
            super().__init__()
            self.window, self.stride, _ = _windows(layer.axes(shape))
            self.coefficient = torch.nn.Parameter(torch.zeros(1, shape[-1], 1, 1))
            self.bias = torch.nn.Parameter(torch.zeros(1, shape[-1], 1, 1))

        def forward(self, x: Any) -> Any:
            sums = torch.nn.functional.avg_pool2d(x, self.window, self.stride, divisor_override=1)
            return self.coefficient * sums + self.bias

    return Pooled


class Update:
    """An update rule, with its groups, clip and average, on a translated module."""

    def __init__(self, rule: Rule, net: Net, module: Any, torch: Any) -> None:
        decays, self.torch, self.module = net.graph.params(), torch, module
        also = rule.decaying(decays)
        self._parts: list[tuple[Rule, Any]] = []
        self.average: float | None = None
        self.clip: float | None = None
        filters = net.weights.filters()
        for member in rule.members(net.weights.params):
            own = member.rule
            while isinstance(own, Averaged | Clipped):
                if isinstance(own, Averaged):
                    self.average = own.keep
                else:
                    self.clip = own.norm
                own = own.rule
            if isinstance(own, Hold):
                for path in member.paths:
                    module.paths[path].requires_grad_(False)
                continue
            if isinstance(own, Muon):
                turned = [module.paths[path] for path in member.paths if path in filters]
                self._parts.append((own, _muon(torch, turned, own)))
            paths = [p for p in member.paths if not (isinstance(own, Muon) and p in filters)]
            if paths:
                self._parts.append((own, self._sgd(own, paths, decays, also)))
        self._rule = rule
        self.averaged = [p.detach().clone() for p in module.parameters()]

    def _sgd(self, rule: Any, paths: list[str], decays: Any, also: Any) -> Any:
        if not isinstance(rule, Sgd | Nesterov | Muon):
            raise NotImplementedError(f"{type(rule).__name__} is not translated")
        groups = [
            {"params": some, "weight_decay": decay}
            for decay, some in (
                (rule.decay, [self.module.paths[p] for p in paths if decays[p].decay or p in also]),
                (0.0, [self.module.paths[p] for p in paths if not (decays[p].decay or p in also)]),
            )
            if some
        ]
        nesterov = isinstance(rule, Nesterov | Muon) and rule.momentum > 0
        return self.torch.optim.SGD(groups, lr=1.0, momentum=rule.momentum, nesterov=nesterov, fused=True)

    def zero_grad(self) -> None:
        for _, part in self._parts:
            part.zero_grad()

    def __call__(self, step: int) -> None:
        if self.clip is not None:
            self.torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.clip)
        for rule, part in self._parts:
            rate = rule.scalars(step)["rate"]
            for group in part.param_groups:
                group["lr"] = rate
            part.step()
        if self.average is not None:
            keep = min(self.average, step / (step + 1))
            with self.torch.no_grad():
                self.torch._foreach_lerp_(self.averaged, list(self.module.parameters()), 1 - keep)

    def show_average(self) -> None:
        """The averaged weights take the place of the last ones."""
        if self.average is not None:
            with self.torch.no_grad():
                for p, mean in zip(self.module.parameters(), self.averaged, strict=True):
                    p.copy_(mean)


def _muon(torch: Any, filters: list[Any], rule: Muon) -> Any:
    class Orthogonal(torch.optim.Optimizer):  # type: ignore[misc, name-defined]
        """Muon as its author's code has it, in float32."""

        def __init__(self) -> None:
            super().__init__(filters, {"lr": 1.0})

        @torch.no_grad()
        def step(self) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    held = self.state[p].setdefault("velocity", torch.zeros_like(p))
                    held.mul_(rule.momentum).add_(p.grad)
                    u = p.grad.add(held, alpha=rule.momentum)
                    if rule.renorm:
                        p.mul_(len(p) ** 0.5 / p.norm())
                    p.add_(orthogonal(u.reshape(len(u), -1)).view(u.shape), alpha=-group["lr"])

    def orthogonal(u: Any) -> Any:
        x = u / (u.norm() + EPS)
        tall = x.shape[0] > x.shape[1]
        if tall:
            x = x.T
        for _ in range(rule.steps):
            a = x @ x.T
            x = LINEAR * x + (CUBIC * a + QUINTIC * a @ a) @ x
        x = x.T if tall else x
        return max(1.0, u.shape[0] / u.shape[1]) ** 0.5 * x

    return Orthogonal()
