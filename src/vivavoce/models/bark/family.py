"""What `bark` is, for the registry."""

from __future__ import annotations

from vivavoce.models.bark.importer import IMPORTER
from vivavoce.models.bark.model import Bark
from vivavoce.models.bark.voice import from_arrays
from vivavoce.models.bark.workloads import workloads
from vivavoce.registry import Family

FAMILY = Family(model=Bark, importer=IMPORTER, workloads=workloads, voice_of_arrays=from_arrays)
