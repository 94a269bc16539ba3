"""`check_layer` on layers that kitnet does not know: a right one passes, each way to be wrong is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, make_dataclass
from typing import Any

import numpy as np
import pytest

from kitnet.base.error import LanguageError
from kitnet.base.shape import Shape, Sizes
from kitnet.base.spec import Array, Buffer, Param
from kitnet.layers import LAYERS, Backward, Case, Context, Convolution, Forward, Kept, Layer, Tanh
from kitnet.layers.value import SIZES, argument
from kitnet.net import parse
from kitnet.testing import Run, check_executor, check_layer, reference

pytestmark = pytest.mark.usefixtures("own_layers")
Arrays = Mapping[str, Array]


def define(word: str = "scaled", **changed: Any) -> type[Layer]:
    """y = gain * x^2, one gain a channel; `changed` are attributes that replace the right ones."""

    def output_shape(self: Any, *x: Shape) -> Shape:
        return x[0]

    def params(self: Any, *x: Shape) -> dict[str, Param]:
        return {"gain": Param(x[0][-1:], "ones")}

    def forward(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(w["gain"] * x[0] ** 2)

    def backward(self: Any, w: Arrays, kept: Kept, dy: Array) -> Backward:
        (x,) = kept.x
        return Backward((2 * w["gain"] * x * dy,), {"gain": (dy * x**2).sum(tuple(range(x.ndim - 1)))})

    def definition(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.empty_like(x[0])
        for place in np.ndindex(*y.shape):
            y[place] = w["gain"][place[-1]] * x[0][place] * x[0][place]
        return y

    def cases(cls: Any) -> Iterator[Case]:
        yield Case(cls(), ((3, 2),))

    whole = {
        "word": word,
        "output_shape": output_shape,
        "params": params,
        "forward": forward,
        "backward": backward,
        "definition": definition,
        "cases": classmethod(cases),
    }
    return dataclass(frozen=True)(type("Scaled", (Layer,), whole | changed))


def refused(**changed: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        check_layer(define(**changed))
    return str(caught.value)


def gradients(*, dx: Any = 1, gain: Any = 1) -> Any:
    """A backward that is wrong by a factor."""

    def backward(self: Any, w: Arrays, kept: Kept, dy: Array) -> Backward:
        (x,) = kept.x
        return Backward((2 * w["gain"] * x * dy * dx,), {"gain": gain * (dy * x**2).sum((0, 1))})

    return backward


def test_a_right_layer_passes() -> None:
    kind = define()
    check_layer(kind)
    check_layer(kind(), (4, 5, 3))
    check_layer(Case(kind(), ((7,),), batch=5), seed=3)


def test_a_layer_defined_here_is_a_word_of_the_language() -> None:
    kind = define("squared")
    net = parse("4x4x2 -> squared -> fc3")
    assert net.graph.nodes[1].layer == kind()
    x = np.arange(32.0).reshape(1, 4, 4, 2)
    assert np.array_equal(net.tape(x)["squared1"], x**2)


def leaky() -> type[Layer]:
    """A layer whose file does not postpone its annotations: its fields have types, not texts."""
    fields = [("slope", float, 0.01), ("window", Sizes | None, argument(SIZES, None)), ("on", bool, True)]
    methods = {name: value for name, value in vars(define("base")).items() if not name.startswith("_")}
    return make_dataclass(
        "Leaky", fields, bases=(Layer,), namespace={**methods, "word": "leaky"}, frozen=True
    )


def test_fields_of_every_type_are_arguments_of_the_language() -> None:
    kind = leaky()
    net = parse("4x4x2 -> leaky slope=0.2 window=3x1 on=no")
    assert net.graph.nodes[1].layer == kind(0.2, (3, 1), False)  # type: ignore[call-arg]
    assert str(net) == "4x4x2 -> leaky slope=0.2 window=3x1 on=no"


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999", "much"])
def test_a_number_is_finite(text: str) -> None:
    leaky()
    with pytest.raises(LanguageError) as caught:
        parse(f"4x4x2 -> leaky slope={text}")
    assert caught.value.reason == f"slope of leaky is a number, not {text!r}"


def test_layers_defined_here_are_forgotten() -> None:
    assert "scaled" not in LAYERS
    assert "squared" not in LAYERS


def test_a_layer_without_shapes_is_asked_for_them() -> None:
    with pytest.raises(AssertionError) as caught:
        check_layer(Tanh())
    assert str(caught.value) == "Tanh(): give the shapes of its operands, or the class for all its cases"


def test_no_cases() -> None:
    assert refused(cases=classmethod(lambda cls: iter(()))) == "Scaled has no cases"


@pytest.mark.parametrize("factor", [1 + 3e-7, -1, 0])
def test_wrong_gradient_of_an_operand(factor: float) -> None:
    text = refused(backward=gradients(dx=factor))
    assert text.startswith("Scaled() on 3x2: the gradient of operand 0 is wrong: along a random direction")


def test_a_gradient_wrong_in_one_place_only() -> None:
    mask = np.ones((2, 3, 2))
    mask[1, 2, 0] = 1.001
    assert "the gradient of operand 0 is wrong" in refused(backward=_masked(mask))


def _masked(mask: Array) -> Any:
    def backward(self: Any, w: Arrays, kept: Kept, dy: Array) -> Backward:
        (x,) = kept.x
        dx = 2 * w["gain"] * x * dy
        if dx.shape == mask.shape:
            dx = (dx * mask).astype(dy.dtype)
        return Backward((dx,), {"gain": (dy * x**2).sum((0, 1))})

    return backward


def test_wrong_gradient_of_a_parameter() -> None:
    assert "Scaled() on 3x2: the gradient of gain is wrong" in refused(backward=gradients(gain=1.00001))


def test_no_gradient_where_there_is_one() -> None:
    def backward(self: Any, w: Arrays, kept: Kept, dy: Array) -> Backward:
        (x,) = kept.x
        return Backward((None,), {"gain": (dy * x**2).sum((0, 1))})

    assert "the gradient of operand 0 is wrong" in refused(backward=backward)


def test_lying_keeps() -> None:
    assert refused(keeps=frozenset({"y"})) == (
        "Scaled() on 3x2: backward fails with ValueError: not enough values to unpack (expected 1, got 0) "
        "(it was given what is declared: y)"
    )


def test_keeps_of_something_unknown() -> None:
    assert refused(keeps=frozenset({"x", "z"})) == "Scaled(): keeps may name x and y, not z"


def test_undeclared_extra() -> None:
    def forward(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(w["gain"] * x[0] ** 2, {"square": x[0] ** 2})

    text = "Scaled() on 3x2: forward saves square but extras declares nothing"
    assert refused(forward=forward) == text


def test_extra_of_another_shape_than_declared() -> None:
    def forward(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(w["gain"] * x[0] ** 2, {"square": x[0] ** 2})

    def extras(self: Any, *x: Shape) -> dict[str, Buffer]:
        return {"square": Buffer(x[0])}

    text = refused(forward=forward, extras=extras)
    assert text == "Scaled() on 3x2: the extra square has shape (2, 3, 2), not (3, 2)"


def test_mutated_argument() -> None:
    def forward(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        x[0][...] **= 2
        return Forward(w["gain"] * x[0])

    assert refused(forward=forward) == "Scaled(): forward changes its arguments"


def test_mutated_dy() -> None:
    def backward(self: Any, w: Arrays, kept: Kept, dy: Array) -> Backward:
        dy *= 2
        return Backward((dy,), {})

    text = refused(backward=backward)
    assert text == ("Scaled() on 3x2: backward changes its arguments (it was given what is declared: x)")


def test_wrong_precision_of_y() -> None:
    def forward(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward((w["gain"] * x[0] ** 2).astype(np.float64))

    assert refused(forward=forward) == "Scaled() on 3x2: y is float64, not float32"


def test_wrong_precision_of_a_gradient() -> None:
    text = refused(backward=gradients(gain=np.float64(1)))
    assert text == "Scaled() on 3x2: dw of gain is float64, not float32"


def test_a_float32_formula_that_loses_digits() -> None:
    def forward(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        big = x[0].dtype.type(1e4)
        return Forward(w["gain"] * ((x[0] ** 2 + big) - big))

    assert "Scaled() on 3x2: y in float64 at " in refused(forward=forward)


def test_wrong_shape() -> None:
    def output_shape(self: Any, *x: Shape) -> Shape:
        return (x[0][0], 7)

    text = "Scaled() on 3x2: y has shape (2, 3, 2), not (2, 3, 7)"
    assert refused(output_shape=output_shape) == text


def test_parameters_without_a_gradient() -> None:
    def backward(self: Any, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((2 * w["gain"] * kept.x[0] * dy,))

    text = "Scaled() on 3x2: backward gives gradients of nothing but params declares gain"
    assert refused(backward=backward) == text


def test_wrong_definition() -> None:
    def definition(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return w["gain"] * x[0] ** 2 * (1 + 1e-13)

    assert "Scaled() on 3x2: y in float64 at " in refused(definition=definition)


def test_a_second_run_that_differs() -> None:
    calls = iter(range(1000))

    def forward(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(w["gain"] * x[0] ** 2 + x[0].dtype.type(next(calls)))

    text = refused(forward=forward)
    assert text == "Scaled() on 3x2: a second run of forward gives another y"


def test_samples_that_see_each_other() -> None:
    def forward(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(w["gain"] * (x[0] - x[0].sum(0)) ** 2)

    assert "Scaled() on 3x2: y of the samples 0 to 0 alone at " in refused(forward=forward)


def test_random_bits_that_ignore_the_place_in_the_batch() -> None:
    def forward(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        bits = Context(seed=ctx.seed, path=ctx.path).bits(len(x[0]), 6)
        mask = (bits >> np.uint64(63)).astype(x[0].dtype).reshape(x[0].shape)
        return Forward(w["gain"] * x[0] ** 2 * mask)

    text = refused(forward=forward)
    assert "Scaled() on 3x2: y of the samples 1 to 1 alone at " in text


def test_an_empty_batch_that_fails() -> None:
    def forward(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward((w["gain"] * x[0] ** 2).reshape(len(x[0]), 3, -1))

    assert refused(forward=forward) == (
        "Scaled() on 3x2 with an empty batch: forward fails with "
        "ValueError: cannot reshape array of size 0 into shape (0,3,newaxis)"
    )


def test_wants_that_changes_what_is_wanted() -> None:
    def backward(self: Any, w: Arrays, kept: Kept, dy: Array) -> Backward:
        if not all(kept.wants):
            return Backward((None,), {})
        return gradients()(self, w, kept, dy)

    text = "Scaled() on 3x2: dw of gain is missing where no dx is read"
    assert refused(backward=backward) == text


def test_not_adjoint_by_less_than_differences_see() -> None:
    def forward(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(w["gain"] * x[0])

    def backward(self: Any, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((w["gain"] * dy * (1 + 1e-12),), {"gain": (dy * kept.x[0]).sum((0, 1))})

    def definition(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return w["gain"] * x[0]

    text = refused(forward=forward, backward=backward, definition=definition)
    assert text.startswith(
        "Scaled() on 3x2: forward and backward of operand 0 are not adjoint: <A v, dy> is "
    )


def test_kinks_are_stepped_around() -> None:
    """y = |x - 1/2| has its kink where no spreading of the operands keeps clear of it."""

    def forward(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(np.abs(x[0] - x[0].dtype.type(0.5)))

    def backward(self: Any, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((np.where(kept.x[0] > 0.5, dy, -dy),))

    def definition(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.maximum(x[0] - 0.5, 0.5 - x[0])

    changed = {
        "forward": forward,
        "backward": backward,
        "definition": definition,
        "params": lambda self, *x: {},
    }
    check_layer(Case(define(**changed)(), ((30, 30),)))


def test_a_formula_that_is_smooth_nowhere() -> None:
    def forward(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(w["gain"] * np.floor(x[0] * 1e6))

    def definition(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return w["gain"] * (x[0] * 1e6 // 1)

    text = refused(forward=forward, definition=definition)
    assert text == "Scaled() on 3x2: forward is not smooth anywhere, so no gradient can be right"


def test_a_layer_that_is_not_frozen() -> None:
    loose = type("Loose", (Layer,), {**vars(define()), "word": "loose", "__annotations__": {}})
    for_dataclass = {k: v for k, v in vars(loose).items() if not k.startswith("__dataclass")}
    assert for_dataclass
    with pytest.raises(AssertionError) as caught:
        check_layer(dataclass(loose)(), (3, 2))
    assert str(caught.value) == "Loose is no frozen dataclass"


def test_a_layer_that_carries_an_array() -> None:
    kind = define()

    @dataclass(frozen=True)
    class Armed(Layer):
        word = "armed"
        table: Any = field(default_factory=lambda: np.zeros(3))
        output_shape, forward, backward = kind.output_shape, kind.forward, kind.backward
        params, cases = kind.params, kind.cases

    with pytest.raises(AssertionError) as caught:
        check_layer(Armed(), (3, 2))
    assert str(caught.value).endswith(
        "the field table holds an array; a layer is a description without arrays"
    )


def test_counts_are_whole() -> None:
    text = refused(multiply_adds=lambda self, *x: 1.5)
    assert text == "Scaled(): multiply_adds is 1.5, not a whole number >= 0"


def test_counts_are_not_negative() -> None:
    text = refused(connections=lambda self, *x: -1)
    assert text == "Scaled(): connections is -1, not a whole number >= 0"


def test_state_that_is_not_declared() -> None:
    def forward(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(w["gain"] * x[0] ** 2, state={"mean": x[0].mean(0)})

    text = refused(forward=forward)
    assert text == "Scaled() on 3x2: forward returns state that is not declared: mean"


def normalise(**changed: Any) -> type[Layer]:
    """y = x - m, with m the mean of the batch in training and a running mean in evaluation."""

    def forward(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        if not ctx.train:
            return Forward(x[0] - state["mean"], {"share": np.zeros((), x[0].dtype)})
        mean = x[0].mean(0)
        half = x[0].dtype.type(0.5)
        share = np.full((), 1 / len(x[0]), x[0].dtype)
        return Forward(x[0] - mean, {"share": share}, {"mean": half * state["mean"] + half * mean})

    def backward(self: Any, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((dy - dy.sum(0) * kept.extras["share"],))

    def definition(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        mean = sum(x[0]) / len(x[0]) if ctx.train else state["mean"]
        return np.stack([one - mean for one in x[0]])

    whole = {
        "word": "centred",
        "keeps": frozenset(),
        "params": lambda self, *x: {},
        "state": lambda self, *x: {"mean": Buffer(x[0])},
        "extras": lambda self, *x: {"share": Buffer(())},
        "mixes_samples": lambda self, train: train,
        "forward": forward,
        "backward": backward,
        "definition": definition,
    }
    return define(**whole | changed)


def test_a_layer_with_state_passes() -> None:
    check_layer(normalise())


def test_a_layer_that_mixes_samples_and_does_not_say_so() -> None:
    with pytest.raises(AssertionError) as caught:
        check_layer(normalise(mixes_samples=lambda self, train: False))
    assert "Scaled() on 3x2 in training: y of the samples 0 to 0 alone at " in str(caught.value)


@pytest.mark.parametrize("least", [0, 1.5])
def test_a_least_batch_that_is_no_number_of_samples(least: float) -> None:
    assert refused(least_batch=lambda self, *x: least) == (
        f"Scaled(): least_batch is {least!r}, not a whole number >= 1"
    )


def test_a_layer_with_state_that_forgets_the_gradient_through_its_statistics() -> None:
    def backward(self: Any, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((dy,))

    with pytest.raises(AssertionError) as caught:
        check_layer(normalise(backward=backward))
    assert str(caught.value).startswith("Scaled() on 3x2 in training: the gradient of operand 0 is wrong")


def test_random_bits_by_the_place_in_the_batch_pass() -> None:
    def forward(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        mask = np.ones_like(x[0])
        if ctx.train:
            each = int(np.prod(x[0].shape[1:]))
            mask = (ctx.bits(len(x[0]), each) >> np.uint64(63)).astype(x[0].dtype).reshape(x[0].shape)
        return Forward(x[0] * mask, {"mask": mask})

    def definition(self: Any, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = x[0].copy()
        if ctx.train:
            dropped = ctx.bits(len(y), 6).reshape(y.shape) < 2**63
            y[dropped] = 0
        return y

    check_layer(
        define(
            forward=forward,
            definition=definition,
            backward=lambda self, w, kept, dy: Backward((dy * kept.extras["mask"],)),
            keeps=frozenset(),
            params=lambda self, *x: {},
            extras=lambda self, *x: {"mask": Buffer(x[0], per_sample=True)},
        )
    )


@pytest.mark.parametrize("path", ["y", "x0", "layer.weight", "layer.bias"])
def test_an_executor_that_is_wrong_is_caught(path: str) -> None:
    def executor(*args: Any) -> Run:
        run = reference(*args)
        if path == "y":
            return Run(run.y * (1 + 1e-13), run.gradient, run.state)
        return Run(run.y, {**run.gradient, path: run.gradient[path] * (1 + 1e-13)}, run.state)

    with pytest.raises(AssertionError) as caught:
        check_executor(Case(Convolution(2, 3), ((4, 4, 2),)), executor)
    what = "y" if path == "y" else f"gradient of {path}"
    assert f"on 4x4x2: the executor's {what} at " in str(caught.value)


def test_an_executor_that_forgets_state_is_caught() -> None:
    def executor(*args: Any) -> Run:
        run = reference(*args)
        return Run(run.y, run.gradient, args[2])

    with pytest.raises(AssertionError) as caught:
        check_layer(normalise(), executors=[executor])
    assert "Scaled() on 3x2 in training: the executor's state mean at " in str(caught.value)


def test_a_float32_executor_is_held_to_the_float64_formula() -> None:
    check_executor(Case(Convolution(2, 3), ((4, 4, 2),)), dtype=np.float32)


def test_a_layer_without_a_word_is_told_so() -> None:
    kind = type("Wordless", (Layer,), {name: vars(Tanh)[name] for name in ("forward", "cases")})
    with pytest.raises(AssertionError) as caught:
        check_layer(kind)
    assert str(caught.value) == "Wordless: give it a word, its name in the language"
