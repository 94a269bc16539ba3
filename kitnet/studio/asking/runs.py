"""What the room of runs and data asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kitnet.base.error import KitnetError
from kitnet.studio import data, records
from kitnet.studio.asking.body import BodyError, check
from kitnet.studio.background import Background, Progress
from kitnet.studio.training import Training
from kitnet.train.folder import RunFolder
from kitnet.train.held_out import parts_of


class AskingOfRuns:
    """Runs are asked for by their names in the folder that the studio's own run lies in."""

    def __init__(self, training: Training) -> None:
        self._training, self._background = training, Background()

    def runs(self, told: dict[str, Any]) -> dict[str, Any]:
        """{}: all runs of the folder."""
        check(told, "runs")
        return records.listed(self._runs, self._training.folder)

    def compare(self, told: dict[str, Any]) -> dict[str, Any]:
        """{"runs": ["lenet5-1"]}: their curves, results and settings."""
        check(told, "compare", runs=list)
        if not all(type(name) is str for name in told["runs"]):
            raise BodyError("compare needs another runs")
        return records.compared(self._runs, told["runs"])

    def judged(self, told: dict[str, Any]) -> dict[str, Any]:
        """{"run": "lenet5-1"}: what its best model says of the test part, or how far that work is."""
        check(told, "judged", run=str)
        folder = records.find(self._runs, told["run"])

        def work(progress: Progress) -> dict[str, Any]:
            return records.examined(folder, progress)

        return self._background.ask(("judged", *records.stamp(folder)), work)

    def data(self, told: dict[str, Any]) -> dict[str, Any]:
        """{"run": "lenet5-1"}: what its data are made of, or how many of the images have been looked at."""
        check(told, "data", run=str)
        folder = records.find(self._runs, told["run"])
        loop = self._training.loop
        own = self._training.folder
        here = own is not None and own.resolve() == folder.resolve()

        def work(progress: Progress) -> dict[str, Any]:
            settings = RunFolder.open(folder)[1]
            parts = loop.run.parts if here and loop is not None else parts_of(settings)
            return data.told(parts, settings, progress)

        return self._background.ask(("data", str(folder)), work)

    @property
    def _runs(self) -> Path:
        runs = self._training.runs
        if runs is None:
            raise KitnetError("there is no folder of runs here")
        return runs
