"""How each layer becomes steps of a plan: every implementation, in the order in which they are asked."""

from kitnet.engine.lower.bias import BIASES
from kitnet.engine.lower.contract import NO_WISHES, Implementation, Refusal, Wishes
from kitnet.engine.lower.contrast_norm import CONTRAST_NORM
from kitnet.engine.lower.convolution import DIRECT
from kitnet.engine.lower.depthwise import DEPTHWISE
from kitnet.engine.lower.dropout import DRAWN, DROPOUTS
from kitnet.engine.lower.elementwise import ACTIVATIONS, ADDS, CONCATENATES, PAD_CHANNELS, SAMES
from kitnet.engine.lower.few import PRODUCTS
from kitnet.engine.lower.formula import FORMULAS
from kitnet.engine.lower.fourier import FOURIER
from kitnet.engine.lower.joins import JOINS
from kitnet.engine.lower.local import LOCALS
from kitnet.engine.lower.norm import NORMS
from kitnet.engine.lower.output import LOSS, RADIAL_BASIS, SOFTMAXES
from kitnet.engine.lower.pooling import POOLS, SUBSAMPLES
from kitnet.engine.lower.prelu import PRELUS
from kitnet.engine.lower.resample import RESAMPLES
from kitnet.engine.lower.response_norm import RESPONSE_NORMS
from kitnet.engine.lower.sample_norm import SAMPLE_NORMS
from kitnet.engine.lower.transposed import TRANSPOSED
from kitnet.engine.lower.winograd import WINOGRADS

IMPLEMENTATIONS: tuple[Implementation, ...] = (
    *(*DEPTHWISE, *WINOGRADS, FOURIER, DIRECT, *PRODUCTS),
    *(*TRANSPOSED, *LOCALS, *BIASES, *RESAMPLES),
    *(*POOLS, *SUBSAMPLES, *ACTIVATIONS, *PRELUS, *ADDS, *CONCATENATES),
    *(*JOINS, *PAD_CHANNELS, *SAMES),
    *(*SOFTMAXES, RADIAL_BASIS, LOSS, *NORMS, *SAMPLE_NORMS, *RESPONSE_NORMS, CONTRAST_NORM),
    *(*DROPOUTS, *DRAWN),
)

__all__ = ["FORMULAS", "IMPLEMENTATIONS", "NO_WISHES", "Implementation", "Refusal", "Wishes"]
