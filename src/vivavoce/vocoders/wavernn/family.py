"""What `wavernn` is, for the registry."""

from __future__ import annotations

from vivavoce.registry import Family
from vivavoce.vocoders.wavernn.importer import IMPORTER
from vivavoce.vocoders.wavernn.model import Wavernn
from vivavoce.vocoders.wavernn.workloads import workloads

FAMILY = Family(model=Wavernn, importer=IMPORTER, workloads=workloads)
