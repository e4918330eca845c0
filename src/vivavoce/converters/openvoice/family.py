"""What `openvoice` is, for the registry."""

from __future__ import annotations

from vivavoce.converters.openvoice.importer import IMPORTER
from vivavoce.converters.openvoice.model import OpenVoice
from vivavoce.converters.openvoice.workloads import workloads
from vivavoce.registry import Family

FAMILY = Family(model=OpenVoice, importer=IMPORTER, workloads=workloads)
