"""Our own models, every piece of work they name: it runs at toy size, and nothing is above
information on either macOS.
"""

from __future__ import annotations

import pytest
import torch

from mpsaudit import audit, render, strict
from mpsaudit.operator_table import load
from mpsaudit.versions import number
from vivavoce.models import MODELS
from vivavoce.runtime.select import MIN_TORCH_MPS
from vivavoce.vocoders import VOCODERS

WORKLOADS = MODELS.workloads() | VOCODERS.workloads()
# Typical ones with more steps, windows or rows: the stand-in, several times as fast, runs these.
LARGER = (".longest", ".batch", ".long-reference")
# Linear layers and attention of older versions give wrong numbers: MPS refuses those versions.
OLD = number(torch.__version__) < MIN_TORCH_MPS
TOLERATED = {"info", "wrong-number"} if OLD else {"info"}
BRIEF = [name for name in WORKLOADS if not name.endswith(LARGER)]
WITHOUT_RESULT = {
    *("f5.probe", "f5.training", "f5.training-e2", "f5.training-adapters"),
    *("f5.training-bfloat16", "forward.training", "glow.training"),
    *("bigvgan.training", "hifigan.training", "pulse.training", "vocos.training"),
}


@pytest.mark.parametrize("name", BRIEF)
def test_it_is_native(name):
    work, results = WORKLOADS[name], []
    with torch.random.fork_rng(devices=[]):
        run = work.build("cpu")
        report = audit(lambda: results.append(run()), inputs=work.description)
    assert (results[0] is None) == (name in WITHOUT_RESULT)
    assert results[0] is not False
    assert report.operators > 5
    severities = {finding.severity for finding in report.findings}
    assert severities <= TOLERATED, render(report)


@pytest.mark.usefixtures("library")
def test_all_of_it_is_native_on_the_stand_in():
    """In one process of its own, with the branches that only a device called mps takes.

    For the older macOS: it refuses all that the newer one refuses, and more.
    """
    target = "tests.mpsaudit.strict_targets:all_our_work"
    findings, operators = strict.trace(target, load(), ["14.4"])
    assert len(operators) > 50
    assert [f for f in findings if f.severity != "info"] == []


@pytest.mark.parametrize("package", [MODELS, VOCODERS])
def test_every_family_names_its_work(package):
    families = {name.partition(".")[0] for name in package.workloads()}
    assert families == set(package.names)
