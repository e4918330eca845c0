"""What `tacotron2` is, for the registry."""

from __future__ import annotations

from vivavoce.models.tacotron2.importer import IMPORTER
from vivavoce.models.tacotron2.model import Tacotron
from vivavoce.models.tacotron2.workloads import workloads
from vivavoce.registry import Family

FAMILY = Family(model=Tacotron, importer=IMPORTER, workloads=workloads)
