"""Wide 3x3 convolutions by Winograd's filtering, forward and back to the input; the filters are mapped at the
beginning of each run. The gradient of the filters is the direct one.
"""

from __future__ import annotations

from kitnet.engine.builder import Builder, sizes_of
from kitnet.engine.lower.activation import through_fused_activation
from kitnet.engine.lower.contract import Implementation
from kitnet.engine.lower.filter_gradient import filter_gradient
from kitnet.engine.lower.problem import bias_of, blocks_of, dense_filters, problem_of
from kitnet.engine.step import Ref
from kitnet.kernels import winograd
from kitnet.layers import Convolution

# Where Winograd's filtering wins clearly, measured on two AVX-512 cores with 16 and 32 images. With 16
# channels it is 1.2 times as fast as the direct sum if all places of its tiles are used, with 32 if half of
# them are, with 64 and more 2 to 3 times. On 5x5 outputs and smaller, mapping the filters eats the gain.
LEAST_SIDE = 6
LEAST_USE = 0.55  # of the places of tiles
LEAST_CHANNELS = 14  # times the use
MOST_FILTERS = 1 << 19  # input channels times filters; mapped they take 75 MB


def refuses_winograd(b: Builder, i: int) -> str | None:
    layer = b.node(i).layer
    if not isinstance(layer, Convolution):
        return "only for convolutions"
    if layer.table is not None:
        return "the layer has a connection table"
    (shape,), problem = b.graph.shapes_into(b.node(i)), problem_of(b, i)
    window, channels, (_, high, wide) = problem.window, shape[-1], sizes_of(b.node(i).shape)
    if window.size != (1, 3, 3):
        return "only for 3x3 windows"
    if window.stride != (1, 1, 1) or window.dilation != (1, 1, 1):
        return "only for stride 1 and dilation 1"
    if problem.groups > 1:
        return f"only without groups; the layer has {problem.groups}"
    if min(high, wide) < LEAST_SIDE:
        return f"slower below {LEAST_SIDE}x{LEAST_SIDE} outputs; here {high}x{wide}"
    use = winograd.use(high, wide)
    if use < LEAST_USE:
        return f"{high}x{wide} outputs fill 4x4 tiles badly, {use:.0%}"
    if min(channels, layer.filters) * use < LEAST_CHANNELS:
        return f"slower with so few channels, {channels} into {layer.filters}"
    if channels * layer.filters > MOST_FILTERS:
        size = 4 * winograd.FREQUENCIES * channels * layer.filters / 1e6
        return f"the mapped filters would take {size:.0f} MB"
    return None


def _mapped(b: Builder, i: int, name: str, depth: int, rows: int, turned: bool) -> Ref:
    """The layer's filters, mapped at the beginning of each run."""
    path = b.node(i).path
    u = b.room(f"{path}.{name}", winograd.FREQUENCIES * depth * rows)
    kernel = winograd.filters("winograd_filters", b.cpu, depth, rows, turned=turned, tasks=b.tasks)
    b.at_start(f"{path} {name}", kernel, {"weight": dense_filters(b, i)}, {"u": u})
    return u


def winograd_forward(b: Builder, i: int) -> None:
    node, problem = b.node(i), problem_of(b, i)
    x, y = b.place(node.inputs[0]), b.place(b.fused.get(i, i))
    u = _mapped(b, i, "mapped filters", x.volume.channels, y.volume.channels, turned=False)
    kernel = winograd.convolve(
        "winograd",
        b.cpu,
        b.batch,
        x.volume,
        y.volume,
        problem.window.before,
        bias=problem.bias,
        activation=b.fused_word(i),
        blocks=blocks_of(b, y.volume),
    )
    reads = {"x": x.ref, "u": u, "bias": bias_of(b, i, problem, u)}
    b.call(f"{node.path} forward", kernel, reads, {"y": y.ref})


def winograd_backward(b: Builder, i: int) -> None:
    node, problem = b.node(i), problem_of(b, i)
    dy = through_fused_activation(b, i)
    if dy is None:
        return
    filter_gradient(b, i, problem)
    if b.wants(node.inputs[0]):
        dx, accumulate = b.dx(node.inputs[0])
        u = _mapped(b, i, "turned filters", dy.volume.channels, dx.volume.channels, turned=True)
        _, high, wide = problem.window.before
        kernel = winograd.convolve(
            "winograd_gradient",
            b.cpu,
            b.batch,
            dy.volume,
            dx.volume,
            (0, 2 - high, 2 - wide),
            bias=False,
            accumulate=accumulate,
            blocks=blocks_of(b, dx.volume),
        )
        reads = {"x": dy.ref, "u": u, "bias": u}
        b.call(f"{node.path} input gradient", kernel, reads, {"y": dx.ref}, adds=accumulate)


WINOGRAD = Implementation(
    "winograd F(4x4,3x3)", (Convolution,), winograd_forward, winograd_backward, refuses_winograd
)
