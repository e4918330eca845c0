"""Reading a run's log in tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def records(folder: Path, kind: str) -> list[dict[str, Any]]:
    """The log's records of one kind, without what differs from run to run."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return [
        {k: v for k, v in r.items() if k != "seconds_per_step"} for r in found if r["kind"] == kind
    ]
