"""The steps of a run. Whatever stops it, it can be gone on with: the start is saved before anything is
compiled, then every few minutes, and whenever an epoch or the training ends.

The order of samples, random bits and initial weights depend on the seed, the epoch and the step alone, so a
run that was stopped and resumed ends with the same bits as one that never stopped.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from kitnet.base.error import TrainingError
from kitnet.base.spec import Array
from kitnet.data import Source
from kitnet.optim.wrapped import AVERAGE
from kitnet.train.checkpoint import Progress
from kitnet.train.events import (
    Changed,
    EpochEnded,
    Event,
    Finished,
    Foretold,
    Ready,
    Started,
    Stepped,
    Stopped,
    Warned,
)
from kitnet.train.foretold import TooMuchMemoryError, check_plan, check_training_memory
from kitnet.train.in_memory import InMemory
from kitnet.train.judgement import Judgement, judge
from kitnet.train.metrics import Score, evaluate, told, told_parts
from kitnet.train.model import GOLDEN
from kitnet.train.run import Run
from kitnet.train.saves import Saves, since_best
from kitnet.train.step import Progress as Compiling
from kitnet.train.step import Step, judged_step, make_step
from kitnet.train.target import INPUT
from kitnet.train.trouble import diverged, trouble

MEASURED_STEPS, MEASURED_SECONDS = 5, 2.0  # after which the time of an epoch is told
LINES = 20  # times in an epoch that the means of its last steps are told


@dataclass
class Loop:
    """Trains a run from where `progress` says to its end; the folder of `saves` is locked."""

    run: Run
    saves: Saves | InMemory
    progress: Progress
    stop: threading.Event
    compiling: Compiling | None = None
    remark: str = ""  # of what has changed since the run was stopped
    step_of: Step = field(init=False)  # from `Ready` on
    _steps: int = field(default=0, init=False)  # of the first epoch, in this process
    _foretold: bool = field(default=False, init=False)
    _warned: bool = field(default=False, init=False)
    _seen: Array = field(init=False)  # images of each class
    _saved: float = field(default=0.0, init=False)  # when the last checkpoint was written
    _batch: int = field(default=0, init=False)  # that the step was made for

    def __post_init__(self) -> None:
        self._seen = np.zeros(len(self.run.parts.train.classes), np.int64)

    def events(self) -> Generator[Event, None, None]:
        """Train; yields what happens, and unlocks the folder."""
        saves = self.saves
        with saves.lock:
            remarks = (text for part in self.run.parts.named().values() for text in part.warnings)
            texts = (saves.warning, self.remark, *self.run.notes, *remarks)
            yield from map(Warned, filter(None, texts))
            new = saves.newest is None
            if new:
                self._save_start()
            self._saved = time.monotonic()
            yield self._started()
            try:
                memory = self._compile()
            except TooMuchMemoryError:
                if new:
                    saves.clear()
                raise
            yield Ready(memory, self)
            while not self.run.ended(self.progress):
                yield from self._epoch()
                yield from self._warn()
                if self.stop.is_set() and (self.progress.step or not self.run.ended(self.progress)):
                    yield self._stopped()
                    return
            if self.run.ranks is not None and self.run.ranks.rank:
                return  # rank 0 judges and writes
            judgement = self._test()
            test = judgement.score if isinstance(judgement, Judgement) else judgement
            summary = self.run.summary(self.progress, test, self.step_of.engine)
            ago = since_best(self.progress.rows)  # the best epoch is what the run is worth
            summary["diverged"] = diverged(self.run, self.progress)
            summary["trouble"] = trouble(self.run, self.progress, self._seen, ago)
            saves.write_summary(summary)
            yield Finished(saves.path, summary, judgement if isinstance(judgement, Judgement) else None)

    def opened(self) -> Generator[Event, None, None]:
        """Make ready a run that has ended, without a step; the folder is locked meanwhile."""
        with self.saves.lock:
            run, progress = self.run, self.progress
            yield replace(self._started(), epoch=progress.epoch, first_step=run.loader.steps)
            yield Ready(self._compile(), self)

    def _started(self) -> Started:
        run, progress, parts = self.run, self.progress, self.run.parts
        return Started(
            folder=self.saves.path,
            line=str(run.model.net),
            data=parts.train.name,
            samples=len(parts.train),
            validation_samples=len(parts.validation or ()),
            test_samples=len(parts.test or ()),
            epoch=progress.epoch + 1,
            epochs=run.epochs,
            first_step=progress.step,
            steps=run.loader.steps,
            done=run.steps_done(progress),
        )

    def _stopped(self) -> Stopped:
        progress, folder = self.progress, self.saves.path
        if progress.step:
            return Stopped(folder, progress.epoch + 1, progress.step)
        return Stopped(folder, progress.epoch, self.run.loader.steps)  # of the epoch that has ended

    def _compile(self) -> int | None:
        """Make the step; the bytes that it needs, where they are known."""
        run = self.run
        self.step_of = make_step(run, self.compiling, lambda plan: check_plan(run, plan))
        self._batch = run.loader.batch
        return check_training_memory(run, self.step_of) if self.step_of.engine == "compiled" else None

    def _change(self) -> Iterator[Changed]:
        """Take over what is changed here, and at the beginning of an epoch the batch that was changed in the
        one before."""
        run, progress = self.run, self.progress
        numbers = run.changes.at(progress.epoch, progress.step)
        if numbers or (run.changes.made and not progress.step):
            run.follow(progress)
            self.step_of.rule = run.rule
        if numbers:
            yield Changed(progress.epoch + 1, progress.step, run.steps_done(progress), numbers)

    def _compile_anew(self) -> Iterator[Warned]:
        """A step for another batch; one that does not fit is not taken."""
        try:
            self._compile()
        except TooMuchMemoryError as error:
            self.run.changes.forget_batch()
            self.run.follow(self.progress)
            yield Warned(f"{error}; the batch stays {self.run.loader.batch}")

    def _epoch(self) -> Iterator[Event]:
        """An epoch, or the rest of it; where training is to stop the model is saved as it is."""
        yield from self._change()
        if self.run.loader.batch != self._batch:
            yield from self._compile_anew()
        run, progress, steps = self.run, self.progress, self.run.loader.steps
        begun, before = time.perf_counter(), progress.epoch_seconds
        for x, labels in run.loader.epoch(progress.epoch, progress.step):
            with np.errstate(over="ignore", invalid="ignore"):  # a loss that is no number is told below
                losses, scores, each = self._step(x, labels)
            if not self.step_of.finite:
                raise self._lost(float(losses.mean()), f"at step {progress.step + 1} of epoch")
            if not progress.epoch and not progress.step:
                progress.first_loss = float(losses.mean())
            progress.step += 1
            progress.epoch_seconds = before + time.perf_counter() - begun
            classes = labels.argmax(1) if run.loader.mixes else labels
            self._seen += np.bincount(classes, minlength=len(self._seen))
            if run.model.target == INPUT:
                progress.score.add_parts(losses, each)
            else:
                progress.score.add(losses, run.model.loss.probabilities(scores).argmax(1) == classes)
            told = time.perf_counter()
            yield self._stepped()
            begun += time.perf_counter() - told  # whoever listens may pause
            if progress.step == steps:
                break
            yield from self._foretell(time.perf_counter() - begun)
            yield from self._change()
            if self.stop.is_set():
                self._save_within_epoch()
                return
            if time.monotonic() - self._saved > run.settings.seconds_between_saves:
                self._check_weights()
                self._save()
        yield from self._end_epoch()

    def _foretell(self, seconds: float) -> Iterator[Foretold]:
        """Once, when the first epoch has done some steps in so many seconds and is not over."""
        self._steps += 1
        if self._foretold or self._steps < MEASURED_STEPS or seconds < MEASURED_SECONDS:
            return
        self._foretold = True
        progress, steps = self.progress, self.run.loader.steps
        each = seconds / self._steps
        left = (self.run.epochs - progress.epoch) * steps - progress.step
        yield Foretold(each * steps, each * left)

    def _warn(self) -> Iterator[Warned]:
        """At the first epoch that is in trouble."""
        self._foretold = True  # what an epoch takes has been seen
        if self.progress.step or self._warned:
            return
        found = trouble(self.run, self.progress, self._seen)
        if found:
            self._warned = True
            yield Warned(found)

    def _stepped(self) -> Stepped:
        run, progress, score = self.run, self.progress, self.progress.score
        return Stepped(
            epoch=progress.epoch + 1,
            step=progress.step,
            loss=score.loss,
            accuracy=score.accuracy,
            images_per_second=score.samples / progress.epoch_seconds,
            samples=score.samples,
            done=run.steps_done(progress),
            steps=run.loader.steps,
            rate=run.rule.scalars(self._update(progress.step - 1)).get("rate"),
            recent=self._recent(),
        )

    def _recent(self) -> dict[str, float] | None:
        """The means over the steps since the last that were told, where these are due."""
        progress, steps = self.progress, self.run.loader.steps
        if progress.step * LINES // steps == (progress.step - 1) * LINES // steps:
            return None
        score, told = progress.score, progress.told
        samples = score.samples - told.samples
        recent = {"loss": (score.loss_sum - told.loss_sum) / samples}
        if score.correct is not None:
            recent["accuracy"] = (score.correct - (told.correct or 0)) / samples
        progress.told = Score(score.samples, score.loss_sum, score.correct)
        return recent

    def _update(self, step: int) -> int:
        """The number, since training began, of the update that a step of this epoch (from 0) is part of."""
        run = self.run
        return run.changes.updates_before(self.progress.epoch) + step // (run.settings.accumulate or 1)

    def _step(self, x: Array, labels: Array) -> tuple[Array, Array, dict[str, Array]]:
        """A batch, as `judged_step` judges it. The last batch of an update, and that of an epoch, change the
        weights."""
        run, done = self.run, self.progress.step
        each = run.settings.accumulate or 1
        before = done % each
        update = before + 1 == each or done + 1 == run.loader.steps
        place = self._update(done), before * run.loader.batch, update
        return judged_step(self.step_of, run.model, x, labels, *place)

    def _end_epoch(self) -> Iterator[EpochEnded]:
        """The row, which is told before the run can go on behind it, so that whoever writes it down lacks
        none."""
        progress, score, part = self.progress, self.progress.score, self.run.parts.validation
        self.run.share_state()
        with self.judged():
            validation = self._score(self.run.examples if part is None else part)
            row = EpochEnded(
                epoch=progress.epoch + 1,
                train_loss=score.loss,
                train_accuracy=score.accuracy,
                **told("val", None if part is None else validation),
                seconds=progress.epoch_seconds,
                images_per_second=score.samples / progress.epoch_seconds,
                parts=told_parts("train", score) | told_parts("val", None if part is None else validation),
            )
            progress.rows.append(row)
            self._save_model()
        progress.seconds += progress.epoch_seconds
        progress.epoch += 1
        progress.step, progress.epoch_seconds = 0, 0.0
        progress.score, progress.told = Score(), Score()
        self.saves.write_rows(progress.rows)
        try:
            yield row
        finally:
            self._save()

    # What is judged and saved

    @contextmanager
    def judged(self) -> Iterator[None]:
        """With the averaged weights, where the run has some, in the place of those that learn."""
        average, weights = self.run.memory.get(AVERAGE), self.run.model.net.weights
        if average is None:
            yield
            return
        kept = weights.flat.copy()
        weights.flat[...] = average.flat
        try:
            yield
        finally:
            weights.flat[...] = kept

    def _score(self, images: Source) -> Score:
        """The score on some images. Raises TrainingError where the last step has spoiled the weights."""
        self._check_weights()
        with np.errstate(over="ignore", invalid="ignore"):
            score = evaluate(self.run.model, images)
        if not np.isfinite(score.loss):
            raise self._lost(score.loss, f"after step {self.progress.step} of epoch")
        return score

    def _test(self) -> Judgement | Score | None:
        """The best model's judgement of the test part, or its losses, if there is one: once, at the end."""
        test, model = self.run.parts.test, self.run.model
        if test is None:
            return None
        self.saves.restore_best(model.net)
        return judge(model, test) if model.classes else evaluate(model, test)

    def _check_weights(self) -> None:
        if not np.isfinite(self.run.model.net.weights.flat).all():
            raise self._lost(math.nan, f"after step {self.progress.step} of epoch")

    def _save_within_epoch(self) -> None:
        """The model as it is, which loads and verifies, and a checkpoint."""
        with self.judged():
            self._score(self.run.examples)
            self._save_model()
        self._save()

    def _save_model(self) -> None:
        golden = self.run.model.preparation.first(self.run.examples, GOLDEN)
        self.saves.save_model(self.run.model, golden, self.progress.rows)

    def _save(self) -> None:
        self.saves.save(self.run.training, self.progress, self.run.steps_done(self.progress))
        self._saved = time.monotonic()

    def _save_start(self) -> None:
        """A run that has not even a start leaves nothing."""
        try:
            self._save()
        except BaseException:
            self.saves.clear()
            raise

    def _lost(self, loss: float, where: str) -> TrainingError:
        """The error for a loss, or a gradient, that is no number; the step has changed nothing."""
        progress, saves = self.progress, self.saves
        where = f"{where} {progress.epoch + 1}"
        if not progress.step and not progress.epoch:
            return TrainingError(
                f"the loss is {loss} {where}, with the weights as they begin; give the layers another init"
            )
        what = "the gradient is not finite" if np.isfinite(loss) else f"the loss became {loss}"
        return TrainingError(
            f"{what} {where}; {saves.kept(progress.rows)}; try a smaller --lr than {self.run.settings.lr:g}"
        )
