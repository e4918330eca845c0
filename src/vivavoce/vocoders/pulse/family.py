"""What `pulse` is, for the registry."""

from __future__ import annotations

from vivavoce.registry import Family
from vivavoce.vocoders.pulse.importer import IMPORTER
from vivavoce.vocoders.pulse.model import PulseVocoder
from vivavoce.vocoders.pulse.workloads import workloads

FAMILY = Family(model=PulseVocoder, importer=IMPORTER, workloads=workloads)
