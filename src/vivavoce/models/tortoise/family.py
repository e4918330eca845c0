"""What `tortoise` is, for the registry."""

from __future__ import annotations

from vivavoce.models.tortoise.importer import IMPORTER
from vivavoce.models.tortoise.model import Tortoise
from vivavoce.models.tortoise.workloads import workloads
from vivavoce.registry import Family

FAMILY = Family(model=Tortoise, importer=IMPORTER, workloads=workloads)
