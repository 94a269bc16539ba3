"""Planted bugs by floors. A bug that survives is a test that is missing."""

from mutant import Mutant

from planted.base import BASE
from planted.book import BOOK
from planted.channels import CHANNELS
from planted.convolutions import CONVOLUTIONS
from planted.data import DATA
from planted.early import EARLY
from planted.functional import FUNCTIONAL
from planted.giving_input import GIVING_INPUT
from planted.inside import INSIDE
from planted.kernels import KERNELS
from planted.laboratory import LABORATORY
from planted.layers import LAYERS
from planted.ledger import LEDGER
from planted.lessons import LESSONS
from planted.looking import LOOKING
from planted.lower import LOWER
from planted.native import NATIVE
from planted.net import NET
from planted.norms import NORMS
from planted.onnx_files import ONNX_FILES
from planted.onnx_reading import ONNX_READING
from planted.optimisers import OPTIMISERS
from planted.pages import PAGES
from planted.pictures import PICTURES
from planted.planning import PLANNING
from planted.pointwise import POINTWISE
from planted.pools import POOLS
from planted.precision import PRECISION
from planted.python import PYTHON
from planted.recipes import RECIPES
from planted.running import RUNNING
from planted.serving import SERVING
from planted.studio import STUDIO
from planted.surgery import SURGERY
from planted.tensors import TENSORS
from planted.train import TRAIN
from planted.windows import WINDOWS
from planted.zoo import ZOO

FLOORS: dict[str, list[Mutant]] = {
    "base": BASE,
    "windows": WINDOWS,
    "layers": LAYERS,
    "pools": POOLS,
    "pointwise": POINTWISE,
    "tensors": TENSORS,
    "kernels": KERNELS,
    "channels": CHANNELS,
    "convolutions": CONVOLUTIONS,
    "net": NET,
    "ledger": LEDGER,
    "planning": PLANNING,
    "lower": LOWER,
    "running": RUNNING,
    "functional": FUNCTIONAL,
    "laboratory": LABORATORY,
    "norms": NORMS,
    "surgery": SURGERY,
    "data": DATA,
    "train": TRAIN,
    "pictures": PICTURES,
    "looking": LOOKING,
    "native": NATIVE,
    "pages": PAGES,
    "onnx reading": ONNX_READING,
    "recipes": RECIPES,
    "python": PYTHON,
    "optimisers": OPTIMISERS,
    "zoo": ZOO,
    "early": EARLY,
    "studio": STUDIO,
    "serving": SERVING,
    "inside": INSIDE,
    "giving input": GIVING_INPUT,
    "onnx files": ONNX_FILES,
    "lessons": LESSONS,
    "book": BOOK,
    "precision": PRECISION,
}
