"""Where recorded reference tensors are found, and how they are read.

A recording that is missing fails its test. Only tests of real data, which no clone holds, skip.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# Workers of pytest-xdist share the cores between them. Read when torch is first imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

HERE = Path(__file__).parent
ROOT = HERE.parent


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: every tenth second a worker waits for a process or a disk."""
    return 1 + len(
        os.sched_getaffinity(0) if sys.platform == "linux" else range(os.cpu_count() or 1)
    )


def pytest_collection_finish() -> None:
    """The modules and tests are there to stay: garbage is looked for among what comes later.

    torch's fifty loggers hand on what they say, or pytest would set up each for every test.
    """
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("torch") and isinstance(logger, logging.Logger):
            logger.propagate = True
    gc.collect()
    gc.freeze()


@dataclass(frozen=True)
class Parity:
    """A recorded run of the reference implementation at toy size."""

    name: str
    meta: dict[str, Any]
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    weights: dict[str, Any]


def fixture_folders() -> list[Path]:
    """Where recordings may lie, the most specific first."""
    chosen = os.environ.get("VIVAVOCE_FIXTURES")
    beside = Path(chosen) if chosen else ROOT.parent / "shared" / "fixtures"
    return [beside, HERE / "data" / "fixtures"]


def shared_data() -> Path:
    """Real recordings and texts beside the checkout, where there are any."""
    return Path(os.environ.get("VIVAVOCE_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(autouse=True)
def same_chance_every_time() -> None:
    """A test that draws without a generator of its own draws the same in any order."""
    random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.manual_seed(0)  # not those of devices: 1 ms a test


@pytest.fixture(autouse=True)
def on_the_cpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device "auto" is the CPU on every machine, but for tests that are marked for a GPU."""
    if any(request.node.get_closest_marker(kind) for kind in ("mps", "cuda")):
        return
    if sys.platform == "darwin" or "torch" in sys.modules:
        import torch

        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


TOO_LARGE = (
    *("vits_dp_tiny", "vits_sdp_tiny", "vits_multispeaker_tiny", "vits_multispeaker_sdp_tiny"),
    *("vits_original_speakers_tiny", "vits_train_dp_speakers_tiny", "yourtts_tiny"),
    *("piper_onnx_speakers_high_tiny", "piper_joe_parity"),
    *("train_hifigan_gan_tiny", "train_vocos_gan_tiny", "train_xtts_gpt_tiny"),
    "train_xtts_dvae_tiny",
    "zoo/tortoise_univnet_tiny",
    *("train_f5_dit_v1_tiny", "train_f5_dit_v0_tiny", "train_e2_unett_tiny"),
)
"""Recordings of over 1 MB each: a smaller one of the same kind lies in the repository."""


@pytest.fixture
def parity_file() -> Callable[[str], Path]:
    def find(name: str) -> Path:
        for folder in fixture_folders():
            for suffix in ("", ".safetensors", ".json"):
                path = folder / (name + suffix)
                if path.is_file():
                    return path
        if name.removesuffix(".onnx") in TOO_LARGE:
            pytest.skip(f"the recording {name} is over 1 MB and not part of the repository")
        pytest.fail(f"no recording named {name}: it belongs into tests/data/fixtures")

    return find


@pytest.fixture
def load_parity(parity_file: Callable[[str], Path]) -> Callable[[str], Parity]:
    from safetensors import safe_open

    def load(name: str) -> Parity:
        with safe_open(parity_file(name), framework="pt") as file:
            meta = json.loads((file.metadata() or {})["meta"])
            groups: dict[str, dict[str, Any]] = {"w": {}, "in": {}, "out": {}}
            for key in file.keys():  # noqa: SIM118 - not a mapping
                group, _, rest = key.partition(".")
                groups[group][rest] = file.get_tensor(key)
        return Parity(name, meta, groups["in"], groups["out"], groups["w"])

    return load


@pytest.fixture
def data_folder() -> Callable[[str], Path]:
    """A folder of real data by its name; skips the test where a clone stands alone."""

    def find(name: str) -> Path:
        path = shared_data() / name
        if not path.exists():
            pytest.skip(f"no data named {name} beside the checkout")
        return path

    return find
