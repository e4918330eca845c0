"""Bulk synthesis: a list of texts, one audio file each. Interruptions do not change the files.

`vivavoce.bulk.run("lines.jsonl", "out")`; importing it needs no torch.
"""

from __future__ import annotations

from vivavoce.bulk.driving import Bulk
from vivavoce.bulk.run import run
from vivavoce.bulk.work import BulkItem, Loading, Manner

__all__ = ["Bulk", "BulkItem", "Loading", "Manner", "run"]
