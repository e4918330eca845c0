"""The table of families: lazy, complete, and the only place that names them."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from vivavoce import vocoders
from vivavoce.errors import UnknownModel
from vivavoce.vocoders.vocoder import Vocoder


@pytest.mark.parametrize("name", sorted(vocoders.FAMILIES))
def test_every_family_builds_a_vocoder(name: str) -> None:
    family = vocoders.family(name)
    with torch.device("meta"):
        vocoder = family.build({})
    assert isinstance(vocoder, Vocoder)
    assert vocoder.window_frames * vocoder.accepts.hop_length <= 65_536
    assert vocoder.window_frames > 2 * vocoder.receptive_field
    assert callable(family.convert.adapt)
    assert callable(family.convert.tables)


def test_an_unknown_family_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownModel, match="'vocos'"):
        vocoders.family("vocoss")


def test_the_table_needs_no_torch() -> None:
    code = "import sys, vivavoce.vocoders; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_workloads_run_at_toy_width() -> None:
    works = vocoders.workloads()
    assert {name.split(".")[0] for name in works} == set(vocoders.FAMILIES)
    for name, work in works.items():
        assert work.name == name
        if not name.endswith((".longest", ".batch")):
            work.build("cpu")()
