"""Parameters of channels, as kernels read them that treat all lanes alike."""

from __future__ import annotations

from dataclasses import dataclass

from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Volume
from kitnet.kernels.values import Index, Pointer, Value
from kitnet.kernels.walk import lower


@dataclass(frozen=True)
class Lanes:
    """What lies in the lanes of a volume, and how the parameters of its channels are read for them."""

    volume: Volume

    @property
    def channels(self) -> int:
        return self.volume.channels

    @property
    def hold_channels(self) -> bool:
        return self.volume.lanes == "channels"

    def real(self, k: Kernel, vector: Index) -> Index:
        """How many lanes of a vector of channels there are."""
        return k.lanes if self.channels % k.lanes == 0 else lower(self.channels - vector * k.lanes, k.lanes)

    def parameter(self, k: Kernel, pointer: Pointer, row: int, vector: Index, batch: Batch) -> Value:
        """A row (channels) of parameters as a position's vector of this number needs it."""
        first = row * self.channels
        if self.hold_channels:
            return k.vector(pointer, vector * k.lanes + first, self.real(k, vector))
        return k.splat(pointer, vector // (batch.images // k.lanes) + first)
