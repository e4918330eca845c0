"""What `vits` is, for the registry."""

from __future__ import annotations

from vivavoce.models.vits.coqui_export import to_coqui
from vivavoce.models.vits.exports import to_piper
from vivavoce.models.vits.hf_export import to_hugging_face
from vivavoce.models.vits.importer import IMPORTER
from vivavoce.models.vits.model import VitsTTS
from vivavoce.models.vits.workloads import workloads
from vivavoce.registry import Family

FAMILY = Family(
    model=VitsTTS,
    importer=IMPORTER,
    workloads=workloads,
    exporters={"piper": to_piper, "hf": to_hugging_face, "coqui": to_coqui},
)
