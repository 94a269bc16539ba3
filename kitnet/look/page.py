"""The parts of an HTML page that needs nothing besides itself; `kitnet.base.html` escapes all texts."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence

from kitnet.base.html import text
from kitnet.base.spec import Array
from kitnet.look.png import png

# Nothing is fetched and nothing runs, whatever the names in a run folder may be.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
STYLE = """
:root { color-scheme: light dark; --back: #fff; --ink: #222; --faint: #666; --line: #ddd; --head: #f4f4f4;
  --c0: #0060b0; --c1: #c44a00; --c2: #007a56; --c3: #a8327f; --c4: #8a6d00; --c5: #5b4bc4; --c6: #00798c;
  --c7: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --back: #16181c; --ink: #e4e4e4; --faint: #a0a0a0;
  --line: #3a3d44; --head: #22252b; --c0: #6db3f2; --c1: #f59b5f; --c2: #5ccfa5; --c3: #ee8cc9; --c4: #e0c158;
  --c5: #a99bff; --c6: #5fcbdc; --c7: #ff8a80; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72em; padding: 1em; color: var(--ink);
  background: var(--back); }
h1 { font-size: 1.5em; } h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid var(--line); }
h3 { font-size: 1em; margin-bottom: .3em; } h1, h2, h3, p, figcaption, .label { overflow-wrap: anywhere; }
code { font-size: 13px; overflow-wrap: anywhere; } .note, figcaption { color: var(--faint); font-size: 13px; }
.wide { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; margin: .5em 0; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { padding: .15em .6em; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
td:first-child { white-space: nowrap; } td { max-width: 24em; }
th { background: var(--head); font-weight: 600; } td.right, th.right { text-align: right;
  white-space: nowrap; }
td.cell { text-align: right; background: rgb(74 122 181 / var(--share)); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24em), 1fr)); gap: 1em; }
figure { margin: 0; } svg { width: 100%; height: auto; display: block; }
svg text { font-size: 11px; fill: var(--faint); }
svg .x { text-anchor: middle; } svg .y { text-anchor: end; } svg .grid { stroke: var(--line); }
svg polyline { fill: none; stroke-width: 1.5; } svg .dashed { stroke-dasharray: 4 3; }
.c0 { --own: var(--c0); } .c1 { --own: var(--c1); } .c2 { --own: var(--c2); } .c3 { --own: var(--c3); }
.c4 { --own: var(--c4); } .c5 { --own: var(--c5); } .c6 { --own: var(--c6); } .c7 { --own: var(--c7); }
svg polyline { stroke: var(--own); } svg circle { fill: var(--own); }
.key { display: inline-block; width: 1.4em; border-top: 3px solid var(--own); vertical-align: middle;
  margin-right: .4em; } .key.dashed { border-top-style: dashed; }
.label { display: inline-block; margin-right: 1.2em; }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.5em, 1fr)); gap: .8em; }
.sheet img { width: 7em; height: 7em; object-fit: contain; }
img { image-rendering: pixelated; max-width: 100%; }
"""


def document(title: str, parts: Iterable[str]) -> str:
    """The whole page."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{text(title)}</title><style>{STYLE}</style></head><body>",
            f"<h1>{text(title)}</h1>",
            *parts,
            "</body></html>",
        ]
    )


def paragraph(content: str, kind: str = "") -> str:
    return f'<p class="{kind}">{text(content)}</p>'


def shaded(corner: str, header: Sequence[str], counts: Array) -> str:
    """A square of counts, each cell shaded by its share of its row."""
    names = "".join(f'<th class="right">{text(name)}</th>' for name in header)
    lines = [f"<tr><th>{text(corner)}</th>{names}</tr>"]
    for name, row in zip(header, counts.tolist(), strict=True):
        shares = [count / max(1, sum(row)) for count in row]
        cells = (
            f'<td class="cell" style="--share:{0.6 * share:.3f}">{count:,}</td>'
            for count, share in zip(row, shares, strict=True)
        )
        lines.append(f"<tr><th>{text(name)}</th>{''.join(cells)}</tr>")
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'


def image(pixels: Array, about: str, width: int | None = None) -> str:
    """A picture within the page; `width` in pixels of the screen."""
    content = base64.b64encode(png(pixels)).decode()
    size = f' width="{width}"' if width else ""
    return f'<img src="data:image/png;base64,{content}" alt="{text(about)}"{size}>'


def figure(inner: str, caption: str) -> str:
    return f"<figure>{inner}<figcaption>{text(caption)}</figcaption></figure>"


def folded(title: str, inner: str) -> str:
    """Something long, which opens by a click."""
    return f"<details><summary>{text(title)}</summary>{inner}</details>"
