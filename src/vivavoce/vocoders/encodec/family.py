"""What `encodec` is, for the registry."""

from __future__ import annotations

from vivavoce.registry import Family
from vivavoce.vocoders.encodec.importer import IMPORTER
from vivavoce.vocoders.encodec.model import Encodec
from vivavoce.vocoders.encodec.workloads import workloads

FAMILY = Family(model=Encodec, importer=IMPORTER, workloads=workloads)
