"""Read every hostile file in child processes with limits, and say what came of it.

`python -m tests.hostile.run` reads the written cases, with `--mutations N` as many mutations of
honest files too. Each has a process of its own, or shares it with `--together N`. Prints one line
of JSON; exits with 1 when a case is not right.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.hostile import audio, containers, honest, mutations, pickles, states, texts
from tests.hostile.case import HostileFile
from tests.hostile.loaders import import_families
from tests.hostile.reader import Result, reader

YAML = ("laughs", "wide", "deep")  # tests/checkpoints/test_text_file.py reads these as well
COSTLY = {
    *(f"pickle: a hundred thousand {things}" for things in ("names", "objects", "tensors")),
    *(f"{loader}: {what}.yaml" for loader in ("table", "vocos") for what in YAML),
    "pickle: a million lists",
}
"""Seconds each, up to a limit that a cheaper case or another test reaches as well: read beside
mutations only.
"""


def written_cases() -> Iterator[HostileFile]:
    for module in (pickles, containers, texts, states):
        yield from module.cases()


def recordings() -> Iterator[HostileFile]:
    """The cases that tests/audio/test_damaged.py reads as well."""
    for case in audio.cases():
        expected = "loads" if case.expects == "accepted" else "refused"
        yield HostileFile(
            f"audio: {case.name}", f"x{case.suffix}", case.data, "recording", expected
        )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--together", type=int, default=1, help="cases that share a process")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    wanted = parser.parse_args(arguments)
    os.environ["HF_HUB_OFFLINE"] = "1"
    memory = Path("/dev/shm")  # where the disk need not be waited for
    root = Path(tempfile.mkdtemp("", "vivavoce-hostile-", memory if memory.is_dir() else None))
    results: list[Result] = []
    begin = time.monotonic()
    try:
        import_families()
        honest.write_all(root / "honest")
        cases = [case for case in written_cases() if wanted.mutations or case.id not in COSTLY]
        cases += recordings() if wanted.mutations else ()
        cases += mutations.cases(wanted.mutations, wanted.seed, root / "honest")
        chosen = [case for case in cases if wanted.only in case.id]
        with reader(wanted.together) as reads:
            for number, case in enumerate(chosen):
                folder = root / f"case{number}"  # of its own: nothing read before is meant
                folder.mkdir()
                results.append(reads.read(case, folder, root / "honest"))
                shutil.rmtree(folder)
    finally:
        shutil.rmtree(root)
    print(json.dumps(_summary(results, time.monotonic() - begin)))
    return int(any(result.fault for result in results))


def _summary(results: list[Result], seconds: float) -> dict[str, Any]:
    slow = max(results, key=lambda result: result.seconds)
    large = max(results, key=lambda result: result.mebibytes)
    outcomes = [result.outcome for result in results]
    return {
        "cases": len(results),
        "seconds": round(seconds, 1),
        "outcomes": {name: outcomes.count(name) for name in sorted(set(outcomes))},
        "slowest": [slow.id, slow.seconds],
        "largest": [large.id, large.mebibytes],
        "slow": [[r.id, r.seconds] for r in sorted(results, key=lambda r: -r.seconds)[:25]],
        "faults": [asdict(result) for result in results if result.fault],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
