"""What `vocos` is, for the registry."""

from __future__ import annotations

from vivavoce.registry import Family
from vivavoce.vocoders.vocos.importer import IMPORTER
from vivavoce.vocoders.vocos.model import Vocos
from vivavoce.vocoders.vocos.workloads import workloads

FAMILY = Family(model=Vocos, importer=IMPORTER, workloads=workloads)
