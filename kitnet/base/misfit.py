"""What is said where a window does not fit its input: the rule with the numbers, and the nearest sizes that
fit.

Each repair changes one thing alone: the stride, the padding, the input, or the window. The three that change
their number least are told, an input always among them; of equally near ones those that stand first in this
list. A network tells only those that its layer has arguments for, and that do where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from kitnet.base.error import ShapeError
from kitnet.base.shape import Pad, Shape, Sliding, say, say_pad, with_article

TOLD = 3  # repairs
REACH = 256  # how far from a number another is looked for


@dataclass(frozen=True)
class Repair:
    """Something that fits in the place of what was asked for. `change` is how far its number moves, the
    largest of all axes; `python` is the text as arguments in Python, where that differs; `volumes` are those
    of the input, where that is what changes, and `arguments` the layer's new ones, where they do.
    """

    text: str
    change: int
    python: str = ""
    volumes: tuple[Shape, ...] = ()
    arguments: Mapping[str, object] = field(default_factory=dict)


class MisfitError(ShapeError):
    """A window that does not fit its input, with the repairs, the most natural first.

    `otherwise` is what may be done besides them. They are looked for when they are read: a network that is
    only tried reads none.
    """

    def __init__(
        self, reason: str, repairs: Callable[[], Iterable[Repair]], otherwise: Repair | None = None
    ) -> None:
        super().__init__(reason)
        self._repairs, self.otherwise = repairs, otherwise

    def __reduce__(self) -> tuple[type[ShapeError], tuple[str, str]]:
        return ShapeError, (self.reason, self.remedy)

    @cached_property
    def repairs(self) -> tuple[Repair, ...]:
        return tuple(self._repairs())

    @property
    def remedy(self) -> str:
        nearest = sorted(self.repairs, key=lambda repair: repair.change)
        others = [repair for repair in nearest[TOLD - 1 :] if repair.volumes] or nearest[TOLD - 1 :]
        nearest = [*nearest[: TOLD - 1], *others[:1]]
        texts = [repair.text for repair in nearest] + ([self.otherwise.text] if self.otherwise else [])
        remedy = ", or ".join(filter(None, (", ".join(texts[:-1]), *texts[-1:])))
        return f"use {remedy}" if nearest else remedy

    def with_input(self, repair: Repair | None) -> MisfitError:
        """The same with another repair of the input, or none: that of the network in place of the layer's."""
        others = [repair if one.volumes else one for one in self.repairs]
        return MisfitError(self.reason, lambda: filter(None, others), self.otherwise)

    def only(self, which: Callable[[Repair], bool]) -> MisfitError:
        """The same with those repairs of the layer for which this holds, and all of the input."""
        kept = [one for one in self.repairs if one.volumes or which(one)]
        other = self.otherwise if self.otherwise and which(self.otherwise) else None
        return MisfitError(self.reason, lambda: kept, other)

    def in_python(self) -> MisfitError:
        """The same as a function says it."""
        repairs = [replace(one, text=one.python or one.text) for one in self.repairs]
        other = self.otherwise and replace(self.otherwise, text=self.otherwise.python)
        return MisfitError(self.reason, lambda: repairs, other)


def misfit_error(asked: Sequence[Sliding], depth: int, what: str) -> MisfitError:
    """The error of windows that do not fit along some axis of a volume of this depth."""
    wrong = next((one for one in asked if one.positions() is None), None)
    window = with_article(f"{say([one.window for one in asked])} {what}")
    volume = say([*(one.size for one in asked), depth])
    repairs = partial(_repairs, asked, depth, what)
    if wrong is None:
        wrong = next(one for one in asked if one.axis() is None)
        return MisfitError(
            f"{window} lies wholly in padding, where there is nothing to pool: {_where(wrong)} of its "
            f"{volume} input",
            repairs,
        )
    steps, left = divmod(wrong.size + sum(wrong.padding) - wrong.extent, wrong.stride)
    if steps < 0:
        spread = ""
        if any(one.dilation > 1 for one in asked):
            extents, dilations = [one.extent for one in asked], [one.dilation for one in asked]
            spread = f" (spread over {say(extents)} by a dilation of {say(dilations)})"
        return MisfitError(f"{window}{spread} does not fit its {volume} input: {rule(wrong)}", repairs)
    return MisfitError(
        f"a stride of {wrong.stride} does not divide: {rule(wrong)} positions of {window} on its {volume} "
        "input",
        repairs,
        _floor(left) if all(map(_floors, asked)) else None,
    )


def _floor(left: int) -> Repair:
    text = "write {} to drop the last " + str(left)
    python = text.format("on_misfit='floor'")
    return Repair(text.format("floor"), 0, python, arguments={"on_misfit": "floor"})


def _floors(one: Sliding) -> bool:
    """Whether some windows fit, the last places perhaps dropped."""
    return replace(one, on_misfit="floor").axis() is not None


def of_input(volumes: Sequence[Shape], change: int, whose: str = "input") -> Repair:
    """Other volumes of a layer's input, or of `whose`."""
    text = with_article(f"{' or '.join(map(say, volumes))} {whose}")
    return Repair(text, change, volumes=tuple(volumes))


def rule(one: Sliding) -> str:
    """The number of positions as it is computed: '(227 - 11 + 2*0) / 5 + 1 = 44.2'."""
    before, after = one.padding
    padding = f"2*{before}" if before == after else f"{before} + {after}"
    whole, left = divmod(one.size + before + after - one.extent, one.stride)
    positions = whole + 1 + left / one.stride
    said = f"{positions:.4g}" if left else str(whole + 1)
    if left and float(said).is_integer():  # of large sizes the rest comes behind more digits
        said = f"{positions:.10g}"
    return f"({one.size} - {one.extent} + {padding}) / {one.stride} + 1 = {said}"


def _where(one: Sliding) -> str:
    """Where a window lies that misses its input, as it is computed: 'window 1 of 6 begins at place
    0*2 - 2 = -2 and ends at -2 + 2 - 1 = -1, outside the places 0 to 7'."""
    axis = one.positions()
    assert axis is not None and axis.empty is not None
    start, extent = axis.start(axis.empty), axis.extent
    spread = f" in steps of {axis.dilation}" if axis.dilation > 1 and axis.window > 1 else ""
    return (
        f"window {axis.empty + 1} of {axis.output} begins at place {axis.empty}*{axis.stride} - "
        f"{axis.before} = {start} and ends at {start} + {extent} - 1 = {start + extent - 1}{spread}, outside "
        f"the places 0 to {axis.size - 1}"
    )


def _repairs(asked: Sequence[Sliding], depth: int, what: str) -> Iterator[Repair]:
    if found := _each(asked, _stride):
        values = tuple(one.stride for one in found)
        same = values[0] if len(set(values)) == 1 else values
        text = say(values) if isinstance(same, tuple) else str(same)
        change = _change(asked, found, lambda one: [one.stride])
        yield Repair(f"stride={text}", change, python=f"stride={same}", arguments={"stride": same})
    if found := _each(asked, _pad):
        pad = _pad_of(found)
        change = _change(asked, found, lambda one: one.padding)
        yield Repair(f"pad={say_pad(pad)}", change, python=f"pad={pad}", arguments={"pad": pad})
    volumes = [found for sign in (-1, 1) if (found := _each(asked, partial(_size, sign=sign)))]
    sizes = list(dict.fromkeys(tuple(one.size for one in found) for found in volumes))
    if volumes:
        change = min(_change(asked, found, lambda one: [one.size]) for found in volumes)
        yield of_input([(*size, depth) for size in sizes], change)
    if found := _each(asked, _window):
        window = tuple(one.window for one in found)
        change = _change(asked, found, lambda one: [one.window])
        yield Repair(with_article(f"{say(window)} {what}"), change, arguments={"window": window})


def _each(asked: Sequence[Sliding], repair: Callable[[Sliding], Sliding | None]) -> list[Sliding]:
    """Every axis repaired where it needs it, or nothing where one cannot be."""
    found = [one if one.axis() else repair(one) for one in asked]
    return [one for one in found if one is not None] if None not in found else []


def _nearest(begin: int, make: Callable[[int], Sliding], signs: Shape = (-1, 1)) -> Sliding | None:
    """What `make` makes of the number nearest to `begin` that fits."""
    for distance in range(REACH):
        for sign in signs:
            number = begin + sign * distance
            if number >= 1 and make(number).axis():
                return make(number)
    return None


def _stride(one: Sliding) -> Sliding | None:
    return _nearest(one.stride, lambda stride: replace(one, stride=stride))


def _pad(one: Sliding) -> Sliding | None:
    def padded(places: int) -> Sliding:  # one more, so that none is a number as well
        pad = ((places - 1) // 2, places - 1 - (places - 1) // 2)
        return replace(one, pad=pad, meets_input=True)  # no layer is asked to read padding alone

    return _nearest(1 + max(sum(one.padding), one.extent - one.size), padded)


def _size(one: Sliding, sign: int) -> Sliding | None:
    least = one.extent - sum(one.padding)
    return _nearest(max(one.size, least), lambda size: replace(one, size=size), (sign,))


def _window(one: Sliding) -> Sliding | None:
    room = one.size + sum(one.padding)
    largest = one.window if one.pad == "full" else max(1, (room - 1) // one.dilation + 1)

    def of(window: int) -> Sliding:
        return replace(one, window=window, stride=window if one.side_by_side else one.stride)

    return _nearest(min(one.window, largest), of)


def _change(
    asked: Sequence[Sliding], found: Sequence[Sliding], numbers: Callable[[Sliding], Sequence[int]]
) -> int:
    pairs = zip(asked, found, strict=True)
    return max(abs(a - b) for old, new in pairs for a, b in zip(numbers(old), numbers(new), strict=True))


def _pad_of(found: Sequence[Sliding]) -> Pad:
    pairs = [one.padding for one in found]
    each = tuple(pair[0] if pair[0] == pair[1] else pair for pair in pairs)
    first = each[0]
    return first if isinstance(first, int) and len(set(each)) == 1 else each
