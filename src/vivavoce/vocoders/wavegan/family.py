"""What `wavegan` is, for the registry."""

from __future__ import annotations

from vivavoce.registry import Family
from vivavoce.vocoders.wavegan.importer import IMPORTER
from vivavoce.vocoders.wavegan.model import Wavegan
from vivavoce.vocoders.wavegan.workloads import workloads

FAMILY = Family(model=Wavegan, importer=IMPORTER, workloads=workloads)
