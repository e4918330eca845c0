"""The table of families: lazy, complete, and the only place that names them."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vivavoce.errors import UnknownModel
from vivavoce.vocoders import VOCODERS
from vivavoce.vocoders.base import Vocoder


@pytest.mark.parametrize("name", sorted(VOCODERS.folders))
def test_every_family_builds_a_vocoder(name: str) -> None:
    family = VOCODERS.family(name)
    with torch.device("meta"):
        vocoder = family.model.build({})
    assert isinstance(vocoder, Vocoder)
    assert vocoder.window_frames * vocoder.accepts.hop_length <= 65_536
    assert vocoder.window_frames > 2 * vocoder.receptive_field
    assert callable(family.importer.adapt)
    assert callable(family.importer.tables)


def test_an_unknown_family_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownModel, match="'vocos'"):
        VOCODERS.family("vocoss")


def test_the_table_needs_no_torch() -> None:
    code = "import sys, vivavoce.vocoders; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


WORKS = VOCODERS.workloads()
ALWAYS = {"shortest", "typical", "longest", "batch", "stream"}


@pytest.mark.parametrize("family", VOCODERS.folders)
def test_a_family_has_the_work_that_an_audit_asks_for(family: str) -> None:
    wanted = set(ALWAYS)
    if importlib.util.find_spec(f"{VOCODERS.folders[family]}.train"):
        wanted |= {"training"}
    named = {name.partition(".")[2] for name in WORKS if name.startswith(f"{family}.")}
    assert wanted <= named


@pytest.mark.parametrize("name", WORKS)
def test_work_runs_at_toy_width_the_same_every_time(name: str) -> None:
    """The longest, which is a typical one with more frames, is a minute."""
    work = WORKS[name]
    assert work.name == name
    torch.manual_seed(5)
    one, other = (work.build(torch.device("cpu")) for _ in range(2))
    assert torch.initial_seed() == 5
    if name.endswith(".training"):
        one()
    elif name.endswith(".stream"):
        assert all(torch.equal(a, b) for a, b in zip(one(), other(), strict=True))
    elif name.endswith(".longest"):
        assert one().shape[-1] / sample_rate(name) == pytest.approx(60, abs=0.1)
    else:
        assert torch.equal(one(), other())


def sample_rate(name: str) -> int:
    with torch.device("meta"):
        vocoder = VOCODERS.family(name.partition(".")[0]).model.build({})
    return vocoder.accepts.sample_rate


# nobody else makes files of the pulse vocoder, and Griffin-Lim has no weights
PUBLISHED = sorted(set(VOCODERS.folders) - {"pulse", "griffinlim"})


@pytest.mark.parametrize("family", PUBLISHED)
def test_nobody_takes_another_familys_tensors_for_its_own(family: str) -> None:
    """By the names in the manifests of published checkpoints, whose files are named for it."""
    folder = Path(__file__).parents[1] / "data" / "manifests"
    found = [file for file in folder.glob("*.json") if file.name.startswith(family)]
    assert found
    for file in found:
        assert VOCODERS.recognise(json.loads(file.read_text())["keys"]) == family
    assert VOCODERS.recognise(["something.else"]) == ""
