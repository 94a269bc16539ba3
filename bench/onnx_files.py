"""ONNX files in kitnet and in onnxruntime: `python bench/onnx_files.py [NAME ...] [--rounds N]`.

A network of the zoo with random weights is written as an ONNX file without kitnet's own notes, so that kitnet
reads it as it reads a stranger's. Both sides run the same file on the same images, each in a process of its
own, in turns; onnxruntime with all its optimisations and as many threads. Told is the median time of a call
over the rounds; the scores must agree to 1e-4 of the largest. The table goes to results/onnx.csv.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from process import BUSY, ROOT, machine, say, watched, work
from side import THREADS, seconds_per_call

RESULTS = ROOT / "results" / "onnx.csv"
NETWORKS = ("resnet50", "squeezenet1.1", "googlenet", "vgg11")
BATCHES = (1, 16)
CLOSE = 1e-4
FIELDS = ("network", "images", "kitnet_ms", "onnxruntime_ms", "ratio", "rounds", "others")


def write(name: str, path: Path) -> None:
    """The network as a file of a stranger."""
    from kitnet.interop.onnx.writing.exporting import network_proto
    from kitnet.interop.onnx.writing.metadata import Form
    from kitnet.surgery import cut
    from kitnet.zoo import find

    net = find(name).build()
    main = cut(net, net.graph.nodes[net.graph.main].path)  # without the auxiliary outputs
    proto, _ = network_proto(main, Form(18, True))
    del proto.metadata_props[:]
    path.write_bytes(proto.SerializeToString())


def side(job: dict[str, Any]) -> None:
    """One side's time of a call, and its scores of the first image."""
    x = np.random.default_rng(0).standard_normal((job["images"], 3, 224, 224), np.float32)
    if job["side"] == "kitnet":
        from kitnet.engine import Scores
        from kitnet.interop.onnx import read
        from kitnet.train import Model

        found = read(job["file"])
        net = found.net if isinstance(found, Model) else found
        plan, given = (
            Scores(net, None, job["images"], threads=THREADS),
            np.ascontiguousarray(np.moveaxis(x, 1, -1)),
        )

        def step() -> Any:
            return plan(given)
    else:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        session = onnxruntime.InferenceSession(job["file"], options, providers=["CPUExecutionProvider"])
        given = {session.get_inputs()[0].name: x}

        def step() -> Any:
            return session.run(None, given)[0]

    scores = np.asarray(step(), np.float64).reshape(job["images"], -1)[0]
    seconds = seconds_per_call(step, job["seconds"] / 4, job["seconds"])
    print(json.dumps({"seconds": seconds, "scores": scores.tolist()}))


def compared(name: str, images: int, rounds: int, seconds: float, file: Path) -> dict[str, Any]:
    """A row of the table. Raises RuntimeError where the scores differ."""
    times: dict[str, list[float]] = {"kitnet": [], "onnxruntime": []}
    scores = {}
    with watched() as use:
        for _ in range(rounds):
            for each, found in times.items():
                job = {"side": each, "file": str(file), "images": images, "seconds": seconds}
                told, _ = work(job, THREADS, script=Path(__file__).resolve())
                found.append(told["seconds"])
                scores[each] = np.asarray(told["scores"])
    apart = np.abs(scores["kitnet"] - scores["onnxruntime"]).max() / np.abs(scores["onnxruntime"]).max()
    if not apart <= CLOSE:
        raise RuntimeError(f"{name}: the scores differ by {apart:.1g} of the largest")
    own, other = (statistics.median(found) for found in times.values())
    return {
        "network": name,
        "images": images,
        "kitnet_ms": f"{1e3 * own:.2f}",
        "onnxruntime_ms": f"{1e3 * other:.2f}",
        "ratio": f"{other / own:.2f}",
        "rounds": rounds,
        "others": f"{use['others']:.2f}" + (" disturbed" if use["others"] > BUSY else ""),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="ONNX files here and in onnxruntime")
    parser.add_argument("names", nargs="*", metavar="NAME", default=NETWORKS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    told, rows = machine(), []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.names:
            file = Path(folder) / f"{name}.onnx"
            write(name, file)
            for images in BATCHES:
                rows.append({**compared(name, images, options.rounds, options.seconds, file), **told})
                say(json.dumps(rows[-1]))
    with RESULTS.open("w", newline="") as out:
        writer = csv.DictWriter(out, [*FIELDS, *told])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1].startswith("{"):
        side(json.loads(sys.argv[1]))
    else:
        main()
