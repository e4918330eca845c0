"""What `fastpitch` is, for the registry."""

from __future__ import annotations

from vivavoce.models.fastpitch.importer import IMPORTER
from vivavoce.models.fastpitch.model import FastPitch
from vivavoce.models.fastpitch.workloads import workloads
from vivavoce.registry import Family

FAMILY = Family(model=FastPitch, importer=IMPORTER, workloads=workloads)
