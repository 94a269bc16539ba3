"""`kitnet import`: what others have trained, as a file of kitnet."""

from cyclopts import App

from kitnet.cli import import_onnx, import_weights

imports = App(name="import", help="What others have trained, as a file of kitnet.")
imports.default(import_onnx.command)
imports.command(import_weights.command, name="weights")
