"""Our own models, every piece of work they name: nothing above information on either macOS."""

from __future__ import annotations

import pytest
import torch

from vivavoce import models, vocoders
from vivavoce.audit import audit, render

WORKLOADS = models.workloads() | vocoders.workloads()


@pytest.mark.parametrize("name", WORKLOADS)
def test_it_is_native(name):
    work = WORKLOADS[name]
    with torch.random.fork_rng(devices=[]):
        report = audit(work.build("cpu"), inputs=work.description)
    assert report.operators > 5
    assert report.clean, render(report)


@pytest.mark.parametrize("package", [models, vocoders])
def test_every_family_names_its_work(package):
    families = {name.partition(".")[0] for name in package.workloads()}
    assert families == set(package.FAMILIES)
