"""What `bigvgan` is, for the registry."""

from __future__ import annotations

from vivavoce.registry import Family
from vivavoce.vocoders.bigvgan.importer import IMPORTER
from vivavoce.vocoders.bigvgan.model import Bigvgan
from vivavoce.vocoders.bigvgan.workloads import workloads

FAMILY = Family(model=Bigvgan, importer=IMPORTER, workloads=workloads)
