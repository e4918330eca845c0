"""What `melgan` is, for the registry."""

from __future__ import annotations

from vivavoce.registry import Family
from vivavoce.vocoders.melgan.importer import IMPORTER
from vivavoce.vocoders.melgan.model import Melgan
from vivavoce.vocoders.melgan.workloads import workloads

FAMILY = Family(model=Melgan, importer=IMPORTER, workloads=workloads)
