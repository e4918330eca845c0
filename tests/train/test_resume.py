from __future__ import annotations

import random
import signal

import pytest

from tests.train.records import records
from vivavoce.train import train

OVERRIDES = {
    "one": ["model.kind=one", "optim.accumulate=2"],
    "two": ["model.kind=two", "optim.accumulate=2", "loop.batch_seconds=0.4"],
}
COMMON = ["optim.steps=25", "loop.checkpoint_every=3", "loop.validate_every=10"]


@pytest.mark.parametrize("kind", ["one", "two"])
def test_killed_at_random_steps_and_resumed_gives_the_same_numbers(
    kind, attempt, toy_file, tmp_path
):
    """Dropout, crops, accumulation, averaging, the middle of an epoch: all bit-equal."""
    overrides = [*OVERRIDES[kind], *COMMON]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(toy_file, [*overrides, f'output="{whole}"'], device="cpu")
    kills = sorted(random.Random().sample(range(1, 25), 3))
    resumed = [*overrides, f'output="{broken}"']
    for step in kills:
        assert attempt(toy_file, resumed, step, signal.SIGKILL) == [signal.SIGKILL]
    assert attempt(toy_file, resumed) == [0]
    assert records(broken, "train") == records(whole, "train"), f"killed at {kills}"
    assert records(broken, "validate") == records(whole, "validate")
    exported = [(f / "export" / "model.json").read_bytes() for f in (whole, broken)]
    assert exported[0] == exported[1]


def test_the_first_signal_checkpoints_and_ends_cleanly(attempt, toy_file, tmp_path):
    assert attempt(toy_file, [], 3, signal.SIGTERM) == [0]
    assert attempt(toy_file, [], 5, signal.SIGINT) == [0]
    run = tmp_path / "run"
    assert [p.name for p in sorted((run / "checkpoints").iterdir())] == [
        "step-00000004",
        "step-00000006",
    ]
    assert not (run / "export").exists()


def test_a_mean_over_an_interval_survives_a_break_in_it(toy_file, tmp_path):
    overrides = ["log.every=10", "loop.checkpoint_every=7", "optim.steps=20"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(toy_file, [*overrides, f'output="{whole}"'], device="cpu")
    with pytest.raises(ZeroDivisionError):
        train(
            toy_file,
            [*overrides, f'output="{broken}"'],
            device="cpu",
            on_progress=lambda done, _, note: 1 // (not note.startswith("train ") or done != 10),
        )
    train(toy_file, [*overrides, f'output="{broken}"'], device="cpu")
    assert records(broken, "train") == records(whole, "train")
