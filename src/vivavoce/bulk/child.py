"""`python -m vivavoce.bulk.child`: a worker process. Lines of JSON in, lines of JSON out."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import Any

from vivavoce.bulk.pools import batch_of, error_table
from vivavoce.bulk.work import Loading, Manner
from vivavoce.errors import VivavoceError


def main() -> int:
    """Ends when its input ends, as it does when the parent dies in any way."""
    # what libraries print must not stand between the answers
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(table: dict[str, Any]) -> None:
        answers.write(json.dumps(table) + "\n")
        answers.flush()

    start = json.loads(sys.stdin.readline())
    try:
        from vivavoce.bulk.speaking import BulkWorker

        worker = BulkWorker(Loading(**start["loading"]), Manner(**start["manner"]), start["out"])
    except VivavoceError as error:
        answer(error_table(error))
        return 1
    answer({"hello": asdict(worker.hello)})
    for line in sys.stdin:
        rows = worker.speak(batch_of(json.loads(line)["batch"]))
        answer({"rows": [asdict(row) for row in rows]})
    return 0


if __name__ == "__main__":
    sys.exit(main())
