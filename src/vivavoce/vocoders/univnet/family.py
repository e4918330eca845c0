"""What `univnet` is, for the registry."""

from __future__ import annotations

from vivavoce.registry import Family
from vivavoce.vocoders.univnet.importer import IMPORTER
from vivavoce.vocoders.univnet.model import Univnet
from vivavoce.vocoders.univnet.workloads import workloads

FAMILY = Family(model=Univnet, importer=IMPORTER, workloads=workloads)
