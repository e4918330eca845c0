"""Whole-process times, from nothing to the end, beside coqui-tts'.

python -m benchmarks.start [--peer PYTHON] [--runs 3] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

VOICE = "from vivavoce.speech.load import load; load(device='cpu')"


def commands(peer: str | None) -> dict[str, list[str]]:
    own, code = [sys.executable], [sys.executable, "-c"]
    found = {
        "python, empty": [*code, ""],
        "vivavoce --help": [*own, "-m", "vivavoce", "--help"],
        "import vivavoce": [*code, "import vivavoce"],
        "import torch": [*code, "import torch"],
        "load the bundled voice": [*code, VOICE],
    }
    if peer:
        found |= {
            "peer: tts --help": [peer, str(Path(peer).with_name("tts")), "--help"],
            "peer: import TTS.api": [peer, "-c", "from TTS.api import TTS"],
        }
    return found


def once(command: list[str]) -> dict[str, float]:
    """Seconds by the wall and of processor time; NaN for a command that fails."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begin
    if process.returncode:
        return {"wall": float("nan"), "cpu": float("nan")}
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="the interpreter that has coqui-tts")
    parser.add_argument("--runs", type=int, default=3, help="counted runs, after one to warm up")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    work = commands(options.peer)
    turns = [
        {name: once(command) for name, command in work.items()} for _ in range(options.runs + 1)
    ]
    result = {
        name: {clock: median(turn[name][clock] for turn in turns[1:]) for clock in ("wall", "cpu")}
        for name in work
    }
    if options.json:
        print(json.dumps(result))
        return
    for name, found in result.items():
        print(f"{name:<24} wall {found['wall']:7.3f} s   cpu {found['cpu']:7.3f} s")


if __name__ == "__main__":
    main()
