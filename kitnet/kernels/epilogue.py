"""What every product does with a finished sum, in both layouts: y = activation(sum + bias + addend)."""

from __future__ import annotations

from kitnet.kernels.activation import Activation
from kitnet.kernels.emit import Kernel
from kitnet.kernels.values import Index, Pointer, Value


class Epilogue:
    """The bias and the activation, None where there is none, and whether there is an addend.

    With `apart` an activation that is not short is left out of `finish`: it takes tens of instructions, too
    many to be written behind every sum of a tile. The kernel then runs `curve` over finished results.
    """

    def __init__(
        self,
        k: Kernel,
        bias: Pointer | None,
        activation: Activation | None,
        addend: bool = False,
        apart: bool = True,
    ) -> None:
        later = apart and activation is not None and not activation.short
        self.k, self.bias, self.addend = k, bias, addend
        self.at_once = None if later else activation
        self.curve = activation if later else None

    def begin(self, channel: Index, count: Index | None = None) -> Value:
        """What a sum begins with: the bias of a channel in every lane, or with `count` those of as many
        channels from this one on.
        """
        if self.bias is None:
            return self.k.zero()
        if count is None:
            return self.k.splat(self.bias, channel)
        return self.k.vector(self.bias, channel, count)

    def add_bias(self, total: Value, channel: Index, count: Index | None = None) -> Value:
        """The same for a sum that did not begin with it."""
        return total if self.bias is None else total + self.begin(channel, count)

    def finish(self, total: Value, addend: Pointer, offset: Index = 0, count: Index | None = None) -> Value:
        """The sum, the addend that lies there, and the activation unless it is left to `curve`."""
        if self.addend:
            total = total + self.k.vector(addend, offset, count)
        return self.at_once.value(total) if self.at_once else total
