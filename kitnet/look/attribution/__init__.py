"""What in a picture a network's answer comes from: one file a method, each with its formula and source.

`kitnet.look.attribution.picture` draws what they find.
"""

from kitnet.look.attribution.dense import Slid, slide
from kitnet.look.attribution.grad_cam import grad_cam, last_maps
from kitnet.look.attribution.method import METHODS, Asked, Found, attribute, check_asked
from kitnet.look.attribution.occlusion import Occlusion, occlusion
from kitnet.look.attribution.patches import Patches, patches, patches_sheet
from kitnet.look.attribution.picture import beside, heat, projected
from kitnet.look.attribution.rectified import Deconvnet, Projection
from kitnet.look.attribution.saliency import saliency

__all__ = [
    "METHODS",
    "Asked",
    "Deconvnet",
    "Found",
    "Occlusion",
    "Patches",
    "Projection",
    "Slid",
    "attribute",
    "beside",
    "check_asked",
    "grad_cam",
    "heat",
    "last_maps",
    "occlusion",
    "patches",
    "patches_sheet",
    "projected",
    "saliency",
    "slide",
]
