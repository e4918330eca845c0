"""What `griffinlim` is, for the registry."""

from __future__ import annotations

from vivavoce.registry import Family
from vivavoce.vocoders.griffinlim.importer import IMPORTER
from vivavoce.vocoders.griffinlim.model import GriffinLim
from vivavoce.vocoders.griffinlim.workloads import workloads

FAMILY = Family(model=GriffinLim, importer=IMPORTER, workloads=workloads)
