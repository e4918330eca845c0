"""Bulk work: a list of texts, one audio file each. Interrupted or not, the files are the same.

`vivavoce.bulk.run("lines.jsonl", "out")`; importing it needs no torch.
"""

from __future__ import annotations

from vivavoce.bulk.driving import Bulk
from vivavoce.bulk.run import run
from vivavoce.bulk.work import BulkItem, Loading, Manner

__all__ = ["Bulk", "BulkItem", "Loading", "Manner", "run"]
