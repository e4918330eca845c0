"""A run from recipe to exported model: folder, resuming, logging, checkpoints, stopping.

The mathematics is in loop.py; here is when it happens and what is kept.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import torch

from vivavoce import config, files
from vivavoce.errors import (
    ConfigError,
    OutputError,
    TrainingError,
    UnsupportedDevice,
    near_misses,
)
from vivavoce.hub import paths as cache
from vivavoce.models.base import AcousticModel
from vivavoce.nn.task import Task
from vivavoce.runtime import choose_precision
from vivavoce.runtime.arithmetic import portable
from vivavoce.runtime.float32 import set_float32
from vivavoce.runtime.memory import bucket_length, keep_large_blocks_apart
from vivavoce.runtime.select import require_name
from vivavoce.train import checkpoint, data, distributed, exports, families, manifest, start
from vivavoce.train import plan as plans
from vivavoce.train.cache import FeatureCache
from vivavoce.train.data import Data
from vivavoce.train.distributed import Group
from vivavoce.train.log import RunLog, described
from vivavoce.train.loop import Trainer
from vivavoce.train.plan import MemoryPlan
from vivavoce.train.recipe import Recipe
from vivavoce.train.speaking import SampleSpeaker
from vivavoce.types import OnProgress, no_progress

logger = logging.getLogger(__name__)


def train(recipe: Recipe, device: str, resume: bool, on_progress: OnProgress) -> Path:
    """Train to the end, or to the first SIGINT or SIGTERM; returns the run folder."""
    group = distributed.from_environment()
    try:
        with claimed(recipe.output, group.leads):
            _train(recipe, device, resume, on_progress, group)
    finally:
        distributed.leave(group)
    return recipe.output


@contextmanager
def claimed(folder: Path, leads: bool = True) -> Iterator[None]:
    """Hold a run folder: two runs in one would overwrite each other's checkpoints.

    Raises TrainingError when another process holds it.
    """
    with ExitStack() as held:
        if leads:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                held.enter_context(files.lock(folder / ".lock", wait=False))
            except BlockingIOError as error:
                raise TrainingError(
                    f"Another process is training in {folder}.",
                    "Wait until it ends, or choose another output folder.",
                ) from error
            except OSError as error:
                raise OutputError(f"Cannot write {folder}: {error.strerror}.") from error
        yield


def _train(
    recipe: Recipe, device: str, resume: bool, on_progress: OnProgress, group: Group
) -> None:
    trainer, speakers = assemble(recipe, device, group, on_progress)
    run = Run(trainer, speakers, on_progress)
    run.resume(resume)
    with stop_signals() as asked_to_stop:
        run.go(asked_to_stop)


def _torch_device(name: str) -> str:
    """The name. Raises UnsupportedDevice for MLX, which only speaks."""
    if require_name(name) == "mlx":
        raise UnsupportedDevice("Training on mlx is not implemented.", "Use device 'mps' or 'cpu'.")
    return name


def assemble(
    recipe: Recipe, device: str, group: Group, on_progress: OnProgress
) -> tuple[Trainer, tuple[str, ...]]:
    """Task, data and trainer on their device, and the speakers; fills the cache on the way."""
    if recipe.loop.threads:
        torch.set_num_threads(recipe.loop.threads)
    place = group.device(_torch_device(device))
    set_float32(place, recipe.loop.precision == "tf32")
    distributed.join(group, place)
    rows = manifest.read(recipe.data.sources)
    speakers = data.speakers(rows)
    base = start.open_base(recipe)
    recipe = start.resolved(recipe, base, [row.text for row in rows])
    task = families.build(recipe, speakers)
    start.take(task, base)  # before the data: what a task derives may depend on its weights
    folder = recipe.data.cache or recipe.output / "cache"
    cache = FeatureCache(folder, task.spec, frozenset(task.needs), task.derived())
    if group.world > 1:  # each process decodes its share; all find all of it afterwards
        data.measure(rows[group.rank :: group.world], cache, recipe.loop.workers)
        group.wait()
    found = data.prepare(
        rows,
        recipe.data,
        task,
        cache,
        recipe.loop.workers,
        on_progress,
    )
    found = replace(found, bucket=lambda n: bucket_length(n, place))
    planned = _planned(task, recipe, found, place, group.world)
    if place.type == "cpu" and planned.narrow:
        keep_large_blocks_apart()
    recipe = plans.applied(recipe, planned)
    start.restrict(task, base, recipe.start)
    identity = start.fingerprint(base)
    trainer = Trainer(portable(task.to(place)), found, recipe, place, group, identity, planned)
    return trainer, speakers


def _planned(
    task: Task, recipe: Recipe, found: Data, place: torch.device, world: int
) -> MemoryPlan:
    """The plan that the run was begun with, else a new one. Raises TrainingError."""
    if checkpoint.steps(recipe.output / "checkpoints"):
        earlier = plans.kept(recipe.output, recipe.memory.limit_gb)
        if earlier is not None:
            return earlier
    loop = replace(recipe.loop, precision=_numbers(task, recipe, place, world))
    recipe = replace(recipe, loop=loop)
    plan = plans.plan(task, recipe, plans.load_of(found, recipe, task.activations()), place)
    return replace(plan, precision=loop.precision)


def _numbers(task: Task, recipe: Recipe, place: torch.device, world: int) -> str:
    """What `auto` is on a CPU: bfloat16 where it was measured to be several times as fast.

    For models whose large products may be computed so, in one process: several might differ.
    """
    asked, model = recipe.loop.precision, task.exported
    large = isinstance(model, AcousticModel) and model.traits.large_products
    if asked != "auto" or place.type != "cpu" or not large or world > 1:
        return asked
    chosen = choose_precision(asked, place, cache.folder())
    logger.info("Training in %s.", chosen.reason)
    return str(chosen.dtype).removeprefix("torch.")


class Run:
    """A run folder: `recipe.toml`, `metrics.jsonl`, `samples/`, `checkpoints/`, `export/`."""

    def __init__(
        self, trainer: Trainer, speakers: tuple[str, ...], on_progress: OnProgress = no_progress
    ) -> None:
        self.trainer, self.speakers, self.on_progress = trainer, speakers, on_progress
        self.recipe = trainer.recipe
        self.folder = trainer.recipe.output
        self.checkpoints = self.folder / "checkpoints"
        self.log: RunLog | None = None
        wanted = self.recipe.speak
        self.speaker: SampleSpeaker | None = None
        if wanted.texts and trainer.group.leads:
            self.speaker = SampleSpeaker(wanted, trainer.task, trainer.device)

    def resume(self, wanted: bool = True) -> None:
        """Take up the newest readable checkpoint, if there is one.

        Raises TrainingError when the folder holds a run and `wanted` is False: nothing is deleted.
        """
        if not wanted and checkpoint.steps(self.checkpoints):
            raise TrainingError(
                f"{self.folder} already holds a run.", "Resume it, or choose another output."
            )
        found, messages = checkpoint.newest(self.checkpoints)
        for message in messages:
            logger.warning(message)
        if found is None:
            return
        if tuple(found.state["speakers"]) != self.speakers:
            raise TrainingError(
                "The data's speakers are not those of the checkpoint.",
                "Start again in another output folder.",
            )
        logger.info("Going on from step %d.", found.step)
        if not self.trainer.load(found.tensors, found.state):
            logger.warning("The data changed since step %d: a new epoch begins.", found.step)

    def go(self, asked_to_stop: Callable[[], bool] = lambda: False) -> None:
        """Step until the recipe's last step or until asked to stop; then checkpoint and export."""
        trainer, state, loop = self.trainer, self.trainer.state, self.recipe.loop
        if trainer.group.leads:
            self._open()
        trainer.start()
        steps, stopped, begun = self.recipe.optim.steps, False, time.monotonic()
        self._mark = begun, state.step
        try:
            while state.step < steps and not stopped:
                if trainer.group.any(self._out_of_patience(), trainer.device):
                    break
                trainer.step()
                stopped = trainer.group.any(asked_to_stop(), trainer.device)
                if not trainer.group.leads:
                    continue
                last = state.step == steps
                if state.step % self.recipe.log.every == 0 or last:
                    self._record()
                due = last or stopped or time.monotonic() - begun >= loop.checkpoint_every_s
                due = due or (loop.checkpoint_every and state.step % loop.checkpoint_every == 0)
                if state.step % loop.validate_every == 0 or last:
                    due = self._validate() or due
                if due or self._out_of_patience():
                    self.save()
                    begun = time.monotonic()
        finally:
            trainer.close()
            if self.log is not None:
                self.log.close()
        if trainer.group.leads and not stopped:
            self._export()

    def _out_of_patience(self) -> bool:
        return 0 < self.recipe.loop.patience <= self.trainer.state.worse_in_a_row

    def save(self) -> None:
        """Checkpoint the present step and remove those no longer kept."""
        state = self.trainer.state
        plain = {**self.trainer.plain(), "speakers": self.speakers}
        checkpoint.save(self.checkpoints, state.step, self.trainer.tensors(), plain)
        keep = self.recipe.loop.keep
        checkpoint.prune(self.checkpoints, keep, state.best_step, newest=state.step)

    def _open(self) -> None:
        self.log = RunLog(self.folder, self.trainer.state.step, self.recipe.log.tensorboard)
        files.write_text(self.folder / "recipe.toml", config.dumps(config.to_dict(self.recipe)))
        plans.keep(self.folder, self.trainer.plan)

    def _record(self) -> None:
        state = self.trainer.state
        now, (then, step) = time.monotonic(), self._mark
        self._mark = now, state.step
        values = {
            **self.trainer.meter.take(),
            **self.trainer.rates(),
            "epoch": state.position.epoch,
            "skipped": state.skipped,
            "seconds_per_step": (now - then) / max(1, state.step - step),
        }
        if self.log is not None:
            self.log.record("train", state.step, values)
        self.on_progress(state.step, self.recipe.optim.steps, described("train", values))

    def _validate(self) -> bool:
        """Whether this is the best so far."""
        trainer, state = self.trainer, self.trainer.state
        if not trainer.data.validation or self.log is None:
            return False
        metrics = trainer.validate()
        self.log.record("validate", state.step, metrics)
        for name, found in trainer.samples():
            self.log.samples(state.step, name, found, trainer.task.spec.sample_rate)
        if self.speaker is not None:
            with trainer.evaluation():
                for name, found in self.speaker.say(trainer.data.validation[0]):
                    self.log.samples(state.step, name, found, trainer.task.spec.sample_rate)
        self.on_progress(state.step, self.recipe.optim.steps, described("validate", metrics))
        wanted = self.recipe.loop.best_metric
        if wanted not in metrics:
            self.save()
            raise ConfigError(
                f"'loop.best_metric' is '{wanted}', which validation does not give.",
                near_misses(wanted, metrics),
            )
        if state.best is not None and not metrics[wanted] < state.best:
            state.worse_in_a_row += 1
            return False
        state.best, state.best_step, state.worse_in_a_row = metrics[wanted], state.step, 0
        return True

    def _export(self) -> None:
        with self.trainer.evaluation():
            exports.write(self.trainer.task, self.folder / "export")
        files.write_text(self.folder / exports.STEP, str(self.trainer.state.step))


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Whether SIGINT or SIGTERM came. The first is only noted, the second acts as usual."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    noted = threading.Event()
    before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, frame: FrameType | None) -> None:
        noted.set()
        for which, handler in before.items():
            signal.signal(which, handler)

    for which in before:
        signal.signal(which, note)
    try:
        yield noted.is_set
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
