"""What `delightful` is, for the registry."""

from __future__ import annotations

from vivavoce.models.delightful.importer import IMPORTER
from vivavoce.models.delightful.model import DelightfulTTS
from vivavoce.models.delightful.workloads import workloads
from vivavoce.registry import Family

FAMILY = Family(model=DelightfulTTS, importer=IMPORTER, workloads=workloads)
