"""The instructions of a kernel and of its innermost loop."""

from __future__ import annotations

import pytest

from kitnet.base.error import KitnetError
from kitnet.kernels.cpu import detect
from kitnet.kernels.emit import Kernel
from kitnet.kernels.jit import assembly
from kitnet.kernels.types import F32
from kitnet.lab import instructions
from kitnet.lab.instructions import count, fused, innermost_loops

NESTED = """
name:
	movq	%rsi, %r8
.LBB0_1:
	xorl	%eax, %eax
.LBB0_2:
	vfmadd231ps	(%rdi), %zmm1, %zmm0
	jne	.LBB0_2
	incq	%r8
	jl	.LBB0_1
	jmp	.LBB0_4
.LBB0_3:
	addq	$4, %rdi
	jb	.LBB0_3
.LBB0_4:
	retq
"""


def test_innermost_loops_hold_no_loop() -> None:
    assert innermost_loops(NESTED) == [
        (".LBB0_2:", "\tvfmadd231ps\t(%rdi), %zmm1, %zmm0", "\tjne\t.LBB0_2"),
        (".LBB0_3:", "\taddq\t$4, %rdi", "\tjb\t.LBB0_3"),
    ]


# The inner loop enters at .LBB0_2, before which its last block stands, and the outer one's before that.
ROTATED = """
name:
	jmp	.LBB0_1
.LBB0_4:
	incq	%r8
	je	.LBB0_5
.LBB0_1:
	xorl	%eax, %eax
	jmp	.LBB0_2
	.p2align	4
.LBB0_3:
	incq	%rax
	je	.LBB0_4
.LBB0_2:
	vmaxps	%zmm0, %zmm1, %zmm1
	jae	.LBB0_3
	vmaxps	%zmm2, %zmm1, %zmm1
	jmp	.LBB0_3
.LBB0_5:
	retq
"""


def test_a_loop_whose_end_stands_before_its_beginning() -> None:
    lines = ROTATED.splitlines()
    begin, end = lines.index(".LBB0_3:"), lines.index(".LBB0_5:")
    assert innermost_loops(ROTATED) == [tuple(lines[begin:end])]


@pytest.mark.parametrize("jump", ["jmp", "b"])
def test_nothing_goes_on_behind_a_jump_on_every_condition(jump: str) -> None:
    """.LBB0_2 leads into the loop, and no way leads from the loop to it."""
    loop = [".LBB0_1:", "\taddq\t$4, %rdi", "\tjne\t.LBB0_1"]
    apart = [f"\t{jump}\t.LBB0_3", ".LBB0_2:", "\tincq\t%r8", f"\t{jump}\t.LBB0_1", ".LBB0_3:", "\tretq"]
    assert innermost_loops("\n".join([*loop, *apart])) == [tuple(loop)]


def test_a_pool_with_padding_takes_the_largest_in_its_loop() -> None:
    """Each position is a turn, whose comparisons belong to it, in the loop over a row of positions."""
    found = instructions("28x28x16 maxpool3 same")
    assert sum("cmp" in line and "ps" in line.split()[0] for line in found.loop) >= 8 or not detect().has_fma
    assert count(found.loop) == sum(line.startswith("\t") for line in found.loop)


def test_a_kernel_without_a_loop() -> None:
    found = instructions("4x4x3 meanpool2")
    assert "loop" not in found.to_json()
    assert found.loop == () and found.fused == sum(map(fused, found.whole))
    assert found.whole[-1].split()[0].startswith("ret") and count(found.whole) == len(found.whole)
    assert set(found.whole) <= set(found.assembly.splitlines())


def test_loops_of_another_processor() -> None:
    text = ".LBB0_1:\n\tfmla\tv0.4s, v1.4s, v2.s[0]\n\tsubs\tx9, x9, #1\n\tb.ne\t.LBB0_1\n"
    assert innermost_loops(text) == [tuple(text.splitlines())]


@pytest.mark.parametrize(
    ("line", "does"),
    [
        ("\tvfmadd231ps\t(%rdi), %zmm1, %zmm0", True),
        ("\tvfnmadd213ps\t%zmm2, %zmm1, %zmm0", True),
        ("\tvfmsub132ps\t%zmm2, %zmm1, %zmm0", True),
        ("\tfmla\tv0.4s, v1.4s, v2.s[0]", True),
        ("\tvmulps\t%zmm2, %zmm1, %zmm0", False),
        ("\tfmul\tv0.4s, v1.4s, v2.4s", False),
        ("vfmadd:", False),
    ],
)
def test_fused_multiply_adds(line: str, does: bool) -> None:
    assert fused(line) == does


def test_the_loop_of_a_convolution() -> None:
    """As many rows of filters as the tile has are multiplied by one vector in every turn."""
    found = instructions("9x9x3 conv5-6", 2)
    assert found.line == "9x9x3 -> conv5-6 bias=no"
    assert (found.implementation, found.kernel) == ("conv.direct.channels", "convolution")
    assert found.ir.startswith("declare") and "define void @convolution(" in found.ir
    assert "convolution:" in found.assembly
    assert found.loop[0].endswith(":") and found.loop[-1].split()[-1] == found.loop[0].rstrip(":")
    if detect().has_fma:
        assert found.fused == sum(" fma" in line or "fmadd" in line for line in found.loop) > 4
    assert set(found.loop) <= set(found.assembly.splitlines())
    document = found.to_json()
    assert document["loop"] == list(found.loop) and document["fused"] == found.fused


@pytest.mark.parametrize(
    ("line", "which", "kernel"),
    [
        ("9x9x3 conv5-6", "data", "input_gradient"),
        ("9x9x3 conv5-6", "weights", "filter_gradient"),
        ("8x8x4 maxpool2", "forward", "max_pool"),
        ("8x8x4 maxpool2", "data", "max_pool_gradient"),
        ("12x12x4 sumpool2", "data", "sum_pool_gradient"),
    ],
)
def test_the_kernel_of_a_pass(line: str, which: str, kernel: str) -> None:
    found = instructions(line, 3, which)
    assert found.kernel == kernel and f"{kernel}:" in found.assembly


def test_a_pool_has_no_gradient_of_weights() -> None:
    with pytest.raises(KitnetError) as caught:
        instructions("8x8x4 maxpool2", 1, "weights")
    assert str(caught.value) == "maxpool has no pass 'weights'; it has forward, data"


def test_assembly_of_a_kernel() -> None:
    k = Kernel("twice", detect(), 1, x=F32)
    (x,) = k.pointers
    value = k.scalar(x)
    k.store(value + value, x)
    text = assembly(k)
    assert "twice:" in text and "ret" in text
    assert any("add" in line for line in text.splitlines())
