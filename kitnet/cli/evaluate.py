"""`kitnet evaluate`: how well a trained model does on test images."""

from __future__ import annotations

from kitnet.base.error import KitnetError
from kitnet.cli.flags import Data, DataDir, Engine, Json, Run, Threads
from kitnet.cli.screen import print_json, say, show_compiling
from kitnet.data import load
from kitnet.train import Model, evaluate, pick_engine


def command(
    run: Run,
    /,
    *,
    data: Data,
    data_dir: DataDir = None,
    engine: Engine = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Loss and accuracy of a trained model on the test images of a data set."""
    model = Model.load(run)
    _, test = load(data, data_dir)
    if len(test.classes) != len(model.classes):
        raise KitnetError(
            f"{run}: the model knows {len(model.classes)} classes but {test.name} has {len(test.classes)}; "
            "give the data that it was trained for"
        )
    if pick_engine(engine) == "compiled":
        model.compile(threads=threads, progress=show_compiling)
    score = evaluate(model, test)
    if json:
        print_json(
            {
                "run": run,
                "data": data,
                "images": score.samples,
                "test_loss": score.loss,
                "test_accuracy": score.accuracy,
            }
        )
        return
    say(f"{test.name}: {score.accuracy:.2%} of {score.samples:,} test images right, loss {score.loss:.4f}")
