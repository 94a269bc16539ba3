"""The C sources of a native library: its header, and an example that checks itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from string import Template

import numpy as np

from kitnet.base.error import printable
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array

_HEADER = Template("""\
/* $title: $network

   $written for $cpu. */
#ifndef KITNET_NET_H
#define KITNET_NET_H
#ifdef __cplusplus
extern "C" {
#endif

#define NET_BATCH $batch /* images in a call */
#define NET_INPUT $numbers /* floats of an image, $input: rows from the top, channels innermost, $prepared */
#define NET_OUTPUT $outputs /* scores of an image, as the loss `$loss` reads them */
#define NET_MEMORY $memory /* bytes that a call works in; nothing in them lasts */
#define NET_ALIGNMENT $alignment /* their address is a multiple of it */
$pixels
/* NET_BATCH images to their scores. Calls at the same time need memory of their own each. */
void net_run(const float *image, float *scores, void *memory);

#ifdef __cplusplus
}
#endif
#endif
""")
_PIXELS = Template("""\
#define NET_PIXELS $bytes /* bytes of a picture, $shape: rows from the top, $channels */

/* A picture to an image: $centred(byte / 255 - mean) / deviation, mean $mean, deviation $deviation. */
void net_prepare(const unsigned char *picture, float *image);
""")
_EXAMPLE = Template("""\
/* $written: an example for net.h, which checks that the scores are those of the plan, bit by bit.

   cc example.c net.o -o example && ./example */
#include <stdio.h>
#include <string.h>
#include "net.h"

static _Alignas(NET_ALIGNMENT) unsigned char memory[NET_MEMORY];
$sample
static const unsigned bits[NET_OUTPUT] = { /* of the scores */
$bits};
$classes
int main(void)
{
    static float images[NET_BATCH * NET_INPUT], scores[NET_BATCH * NET_OUTPUT];
    int i, best = 0;
    for (i = 0; i < NET_BATCH; i++)
        $prepare;
    net_run(images, scores, memory);
    for (i = 0; i < NET_BATCH; i++)
        if (memcmp(scores + i * NET_OUTPUT, bits, sizeof bits)) {
            fprintf(stderr, "the scores are not those of the plan\\n");
            return 1;
        }
    for (i = 1; i < NET_OUTPUT; i++)
        if (scores[i] $better scores[best])
            best = i;
    printf($told);
    return 0;
}
""")


@dataclass(frozen=True)
class Facts:
    """What a header says. `size` is that of a picture (h,w), None of a model of floats."""

    written: str
    cpu: str
    title: str
    network: str
    loss: str
    batch: int
    input: Shape
    outputs: int
    memory: int
    alignment: int
    mean: Sequence[float]
    deviation: Sequence[float]
    size: tuple[int, int] | None


def header(facts: Facts) -> str:
    """`net.h`."""
    mean, deviation = (", ".join(f"{x:.6g}" for x in xs) for xs in (facts.mean, facts.deviation))
    prepared, pixels = f"(number - mean) / deviation, with mean {mean} and deviation {deviation}", ""
    if facts.size is not None:
        shape = (*facts.size, facts.input[-1])
        prepared = "as net_prepare makes them"
        pixels = _PIXELS.substitute(
            bytes=np.prod(shape),
            shape=say(shape),
            channels="red, green and blue side by side" if shape[2] == 3 else "grey",
            centred="" if shape == facts.input else f"in the middle of {say(facts.input)}, ",
            mean=mean,
            deviation=deviation,
        )
    return _HEADER.substitute(
        written=facts.written,
        cpu=_comment(facts.cpu),
        title=_comment(facts.title),
        network=_comment(facts.network),
        loss=_comment(facts.loss),
        batch=facts.batch,
        numbers=np.prod(facts.input),
        input=say(facts.input),
        outputs=facts.outputs,
        memory=facts.memory,
        alignment=facts.alignment,
        prepared=prepared,
        pixels=pixels,
    )


def example(written: str, sample: Array, scores: Array, classes: Sequence[str], smallest: bool) -> str:
    """`example.c`: `sample` is a picture (uint8), or a prepared image (float32), and `scores` are what the
    plan gives for it. The best class has the largest score, or the smallest.
    """
    picture = sample.dtype == np.uint8
    numbers = (str(x) for x in sample.ravel()) if picture else (float(x).hex() for x in sample.ravel())
    kind, count = ("unsigned char picture", "NET_PIXELS") if picture else ("float image", "NET_INPUT")
    names = ",\n".join(f'    "{_literal(name)}"' for name in classes)
    return _EXAMPLE.substitute(
        written=written,
        sample=f"static const {kind}[{count}] = {{\n{_lines(numbers)}}};",
        bits=_lines(f"0x{word:08x}" for word in scores.ravel().view(np.uint32)),
        classes=f"static const char *const classes[NET_OUTPUT] = {{\n{names}}};\n" if classes else "",
        prepare="net_prepare(picture, images + i * NET_INPUT)"
        if picture
        else "memcpy(images + i * NET_INPUT, image, sizeof image)",
        better="<" if smallest else ">",
        told=r'"%s, with a score of %g\n", classes[best], scores[best]'
        if classes
        else r'"number %d is the largest: %g\n", best, scores[best]',
    )


def _lines(numbers: Iterable[str], width: int = 100) -> str:
    """Numbers with commas between them, in lines."""
    lines, line = [], ""
    for number in numbers:
        if len(line) + len(number) > width:
            lines.append(line)
            line = ""
        line += f" {number},"
    return "\n".join([*lines, line])


def _comment(text: str) -> str:
    """A text that neither ends a comment nor begins one."""
    return printable(text).replace("*/", "* /").replace("/*", "/ *")


def _literal(text: str) -> str:
    """A text within quotes, its bytes in UTF-8; octal, of which C reads three digits at most."""
    plain = (chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in text.encode())
    return "".join(plain)
