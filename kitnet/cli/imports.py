"""`kitnet import`: what others have trained, as a file of kitnet."""

from cyclopts import App

from kitnet.cli import import_onnx

imports = App(name="import", help="What others have trained, as a file of kitnet.")
imports.default(import_onnx.command)
