"""The table of docs/onnx.md: `python tests/interop/onnx/onnx_page.py` writes it."""

from __future__ import annotations

from onnx_suite import HERE, LEFT_OUT, lines, node_tests, passed

from kitnet.interop.onnx.claims import claims

PAGE = HERE.parents[2] / "docs/onnx.md"
BEGIN, END = "<!-- operators -->\n", "<!-- end -->"
HEAD = "| operator | element types | node tests | passed | left out |\n|---|---|---|---|---|\n"


def table() -> list[str]:
    """A row an operator: what it is claimed for, and the node tests in which it is alone."""
    models, good = node_tests(), {*passed("node")}
    left = {line.split(" ", 1)[0] for line in lines(LEFT_OUT)}
    rows = []
    for name, types in sorted(claims().items()):
        own = {test for test, model in models.items() if {n.op_type for n in model.graph.node} == {name}}
        rows.append(f"| {name} | {', '.join(types)} | {len(own)} | {len(own & good)} | {len(own & left)} |")
    return rows


def written_table() -> list[str]:
    """The rows that the page has."""
    text = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    return text.removeprefix(HEAD).splitlines()


def main() -> None:
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    behind = rest.partition(END)[2]
    rows = "".join(f"{row}\n" for row in table())
    PAGE.write_text(before + BEGIN + HEAD + rows + END + behind, "utf-8")


if __name__ == "__main__":
    main()
