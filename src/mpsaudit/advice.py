"""What to write instead of an operator or a refused call: the table is data/advice.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent / "data" / "advice.toml"
SILENT = "the backend moves it to the CPU: run it there explicitly, or avoid it"
NOTHING = "use other operators, or run this part on the CPU explicitly"


def advice(name: str, reason: str = "") -> str:
    """What to use instead of an operator (`aten::op.overload`), given why it was reported."""
    for row in table()["reasons"]:
        if row["text"] in reason:
            return row["advice"]
    base = name.rpartition("::")[2].partition(".")[0]
    if base in table()["operators"]:
        return table()["operators"][base]
    return SILENT if "CPU" in reason else NOTHING if "waits" not in reason else ""


@cache
def table() -> dict[str, Any]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))
