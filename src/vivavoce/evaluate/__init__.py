"""Evaluation: speak lists of sentences and score them.

`vivavoce.evaluate.read_list(path)`, `vivavoce.evaluate.evaluate(...)`, `vivavoce.evaluate.compare`
(word errors of two sentences); importing it needs no torch.
"""

from __future__ import annotations

from vivavoce.evaluate.cases import Case, CaseList
from vivavoce.evaluate.cases import read as read_list
from vivavoce.evaluate.run import Report, evaluate
from vivavoce.text.distance import Counts, compare

__all__ = ["Case", "CaseList", "Counts", "Report", "compare", "evaluate", "read_list"]
