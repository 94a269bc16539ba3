"""What `kitnet train` is told of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kitnet.base.spec import OF_WEIGHTS, USUAL
from kitnet.cli.flags import (
    DATA_SETS,
    Augment,
    DataDir,
    Engine,
    Given,
    Input,
    Megapixels,
    OnMisfit,
    Precision,
    Split,
    Strict,
    Threads,
    Validation,
    Whole,
)
from kitnet.net.objective import losses
from kitnet.optim import RULES
from kitnet.optim.words import COURSES
from kitnet.train import Settings
from kitnet.train.recipe import USUAL_DATA
from kitnet.train.settings import SAVE_EVERY
from kitnet.train.target import TARGETS
from kitnet.zoo import Recipe
from kitnet.zoo.recipe import FOR_INPUT

CLASS_LOSSES = [word for word, loss in losses().items() if "classes" in loss.targets]
CARD = "by the model's card"


@dataclass(frozen=True)
class Arguments:
    """What is said of a run; None is what is not given."""

    data: Annotated[str | None, Parameter(help=f"{DATA_SETS}; that of the recipe, usually {USUAL_DATA}.")] = (
        None
    )
    data_dir: DataDir = None
    split: Split = None
    validation: Validation = None
    strict: Strict = False
    megapixels: Megapixels = None
    augment: Augment = None
    epochs: Annotated[
        Whole | None,
        Parameter(help=f"Times that every training image is seen; {CARD}, {Recipe.epochs} for a line."),
    ] = None
    batch: Annotated[Whole | None, Parameter(help=f"Images a step; {CARD}, {Recipe.batch} for a line.")] = (
        None
    )
    accumulate: Annotated[
        Whole | None,
        Parameter(
            help="Batches an update, which follows the mean of their gradients; the last update of an epoch "
            "has what is left. Usually 1."
        ),
    ] = None
    lr: Annotated[
        float | None,
        Parameter(
            help=f"Learning rate; {CARD}, {Recipe.rate} for a line, {FOR_INPUT.rate} for one that gives its "
            "input."
        ),
    ] = None
    momentum: Annotated[
        float | None,
        Parameter(
            help=f"Share of the last step's direction that is kept; {CARD}, {Recipe.momentum} for a line."
        ),
    ] = None
    decay: Annotated[
        float | None,
        Parameter(help=f"Weight decay, of neither biases nor norms; {CARD}, 0 for a line."),
    ] = None
    optimizer: Annotated[
        str | None,
        Parameter(
            help=f"{', '.join(RULES)}, perhaps with numbers, as in 'adam beta1=0.95'; {CARD}, "
            f"{Recipe.optimizer} for a line, {FOR_INPUT.optimizer} for one that gives its input."
        ),
    ] = None
    schedule: Annotated[
        str | None,
        Parameter(
            help=f"Of the learning rate: {', '.join(COURSES)}, perhaps with numbers, of which warmup= "
            f"and at= count epochs, as in 'cosine warmup=5' and 'drops at=30,60'; {CARD}, "
            f"{Recipe.schedule} for a line."
        ),
    ] = None
    clip: Annotated[
        float | None,
        Parameter(help="Greatest length of the whole gradient; longer ones are shortened."),
    ] = None
    average: Annotated[
        float | None,
        Parameter(
            help="Judge and save averaged weights, of which each step keeps this share, such as 0.999; "
            "usually those of the last step."
        ),
    ] = None
    weights: Annotated[
        Path | None,
        Parameter(help="A run folder or a model file: begin with those of its weights that fit."),
    ] = None
    freeze: Annotated[
        str | None,
        Parameter(help="Paths with commas, such as conv1,stage2: the parameters there and below stay."),
    ] = None
    patience: Annotated[
        Whole | None,
        Parameter(
            help="End when so many epochs have not been better on the validation images than the best; "
            "usually never before all."
        ),
    ] = None
    target: Annotated[
        str | None,
        Parameter(
            help=f"What the network is to give: {' or '.join(TARGETS)}, the image itself, as an autoencoder "
            "does; usually its input where it ends in a picture of the same size, else classes."
        ),
    ] = None
    loss: Annotated[
        str | None,
        Parameter(
            help=f"{', '.join(CLASS_LOSSES)}, perhaps with arguments, as in 'softmax_cross_entropy "
            "smooth=0.1'; usually what suits the last layer. Of further outputs by name, with a weight: "
            "'sigmoid_cross_entropy, code: gaussian_divergence * 0.5'."
        ),
    ] = None
    groups: Annotated[
        str | None,
        Parameter(
            help="Rules of parameters by patterns of their paths, as in 'conv1.*: hold; *.shift: sgd "
            f"rate=0.1 epochs=3', or none; {CARD}, for a line none."
        ),
    ] = None
    whiten: Annotated[
        str | None,
        Parameter(
            help="The path of a first convolution, whose filters begin as those that whiten patches of the "
            f"training images, or none; {CARD}, for a line none."
        ),
    ] = None
    views: Annotated[
        str | None,
        Parameter(
            help="Views of an image that are judged together: flip, shift1, flip,shift1 or none; "
            f"{CARD}, for a line none."
        ),
    ] = None
    init: Annotated[
        str | None,
        Parameter(
            help=f"How the weights of layers begin that do not say it: {', '.join(OF_WEIGHTS)}; usually "
            f"{USUAL}."
        ),
    ] = None
    input: Input = None
    given: Given = ()
    on_misfit: OnMisfit = None
    seed: Annotated[
        Whole | None,
        Parameter(help=f"Decides the initial weights and the order of the images; usually {Settings.seed}."),
    ] = None
    runs: Annotated[str | None, Parameter(help=f"Folder for the run folders; usually {Settings.runs}.")] = (
        None
    )
    name: Annotated[
        str | None,
        Parameter(help="The run folder is NAME-1, or the next free number; usually the model's name."),
    ] = None
    save_every: Annotated[
        float | None,
        Parameter(help=f"Minutes between checkpoints within an epoch; usually {SAVE_EVERY:g}."),
    ] = None
    tensorboard: Annotated[
        bool, Parameter(help="Write event files for TensorBoard into the run folder, too.")
    ] = False
    sync: Annotated[
        str | None,
        Parameter(
            help="Of several ranks (kitnet launch): exact, the bits of one process, or fast, where they "
            "depend on the number of ranks and norms see a rank's own images; usually exact."
        ),
    ] = None
    engine: Engine = None
    precision: Precision = None
    threads: Threads = None
