"""Strict runs, each in a fork of one process that has imported torch, which takes seconds.

`python -m tests.mpsaudit.traces` reads one job of `mpsaudit.worker` a line, and answers with what
the worker wrote and how it ended, as `os.waitstatus_to_exitcode` says it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from mpsaudit import standin_build, strict, worker
from mpsaudit.findings import Finding
from mpsaudit.operator_table import load
from tests.mpsaudit import strict_targets

TARGETS = strict_targets.__name__


class Traces:
    """Traces a target as `strict.trace` does, for one macOS, in a fork of `process`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(
        self, name: str, macos: str = "15.5", table: str | None = None, default_device: bool = False
    ) -> tuple[list[Finding], set[str]]:
        job = {
            "target": f"{TARGETS}:{name}",
            "torch": load(table).version,
            "macos": macos,
            "default_device": default_device,
            "wrong": {},
            "cache": str(standin_build.default_cache()),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        text, code = json.loads(self._process.stdout.readline())
        return strict.read_lines(job["target"], text, code, "")


def started() -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    path = {"PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    command = [sys.executable, "-m", "tests.mpsaudit.traces"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=os.environ | path, stdin=pipe, stdout=pipe, text=True)


def traced(job: dict[str, Any]) -> tuple[str, int]:
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        child = os.fork()
        if child == 0:
            os.dup2(2, 1)  # the answers are the parent's
            try:
                worker.run(job, file)
            finally:
                file.flush()
                os._exit(0)
        _, status = os.waitpid(child, 0)
        file.seek(0)
        return file.read(), os.waitstatus_to_exitcode(status)


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(traced(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
