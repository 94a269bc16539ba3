"""How each layer becomes steps of a plan: every implementation, in the order in which they are asked."""

from kitnet.engine.lower.contract import NO_WISHES, Implementation, Refusal, Wishes
from kitnet.engine.lower.convolution import DIRECT
from kitnet.engine.lower.dropout import DRAWN, DROPOUTS
from kitnet.engine.lower.elementwise import ACTIVATIONS, ADDS, CONCATENATES, PAD_CHANNELS, SAMES
from kitnet.engine.lower.few import PRODUCTS
from kitnet.engine.lower.formula import FORMULAS
from kitnet.engine.lower.fourier import FOURIER
from kitnet.engine.lower.norm import NORMS
from kitnet.engine.lower.output import LOSS, RADIAL_BASIS, SOFTMAXES
from kitnet.engine.lower.pooling import POOLS, SUBSAMPLES
from kitnet.engine.lower.winograd import WINOGRADS

IMPLEMENTATIONS: tuple[Implementation, ...] = (
    *(*WINOGRADS, FOURIER, DIRECT, *PRODUCTS),
    *(*POOLS, *SUBSAMPLES, *ACTIVATIONS, *ADDS, *CONCATENATES, *PAD_CHANNELS, *SAMES),
    *(*SOFTMAXES, RADIAL_BASIS, LOSS, *NORMS, *DROPOUTS, DRAWN),
)

__all__ = ["FORMULAS", "IMPLEMENTATIONS", "NO_WISHES", "Implementation", "Refusal", "Wishes"]
