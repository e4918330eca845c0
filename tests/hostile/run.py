"""Read every hostile file in a child process with limits, and say what came of it.

`python -m tests.hostile.run` reads the written cases, with `--mutations N` as many mutations of
honest files too. Prints one line of JSON; exits with 1 when a case is not right.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.hostile import audio, containers, honest, mutations, pickles, states, texts
from tests.hostile.case import CANARY_PATH, HostileFile
from tests.hostile.loaders import LOADERS
from vivavoce.errors import VivavoceError, printable

# Of the processor, so that a busy machine changes nothing; and by the clock.
SECONDS, PATIENCE = 10, 120
MEBIBYTES = 500
# Anything of this in a child means that a file had its way.
FORBIDDEN = (
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen"),
    *("socket.connect", "socket.getaddrinfo", "ctypes.dlopen", "pty.spawn", "webbrowser.open"),
)


@dataclass(frozen=True)
class Result:
    """What came of one case. `fault` is empty when it was right."""

    id: str
    outcome: str
    fault: str
    seconds: float
    mebibytes: float


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


def attempt(case: HostileFile, folder: Path, honest_files: Path) -> Result:
    """Read one case in a child process."""
    path = case.write(folder, honest_files)
    os.environ["VIVAVOCE_HOME"] = str(folder / "home")
    answer, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(answer)
        _child(case, path, tell)
    os.close(tell)
    if not select.select([answer], [], [], PATIENCE)[0]:
        os.kill(child, signal.SIGKILL)
    text = _read_all(answer)
    _, status, usage = os.wait4(child, 0)
    seconds = usage.ru_utime + usage.ru_stime
    memory = usage.ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10))
    outcome, fault = json.loads(text) if text else ("died", f"the process ended with {status}")
    if not text and seconds >= SECONDS - 1:
        outcome, fault = "late", f"{seconds:.1f} s"
    elif memory > MEBIBYTES:
        fault = fault or f"{memory:.0f} MiB"
    elif Path(CANARY_PATH.decode()).exists():
        fault = "the canary is there"
    return Result(case.id, outcome, fault, round(seconds, 3), round(memory))


def _read_all(handle: int) -> bytes:
    with os.fdopen(handle, "rb") as stream:
        return stream.read()


def _child(case: HostileFile, path: Path, tell: int) -> None:
    """Read the file; the answer goes through the pipe. Never returns."""
    outcome, fault = "loads", ""
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.chdir(path.parent)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        sys.addaudithook(_forbid)
        LOADERS[case.loader](path)
    except VivavoceError as error:
        outcome, fault = "refused", _fault_of_message(error)
    except BaseException as error:
        outcome, fault = "untyped", f"{type(error).__name__}: {str(error)[:300]!r}"
    if not fault and case.expected not in ("either", outcome):
        fault = f"{outcome}, but expected: {case.expected}"
    os.write(tell, json.dumps([outcome, fault]).encode())
    os._exit(0)


def _fault_of_message(error: VivavoceError) -> str:
    text = str(error)
    if printable(text) != text:
        return "the message has control characters"
    return "" if len(text) < 5000 else f"the message has {len(text)} characters"


def _forbid(event: str, _arguments: tuple[Any, ...]) -> None:
    if event in FORBIDDEN:
        os._exit(99)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    wanted = parser.parse_args(arguments)
    os.environ["HF_HUB_OFFLINE"] = "1"
    memory = Path("/dev/shm")  # where the disk need not be waited for
    root = Path(tempfile.mkdtemp("", "vivavoce-hostile-", memory if memory.is_dir() else None))
    results: list[Result] = []
    begin = time.monotonic()
    try:
        honest.write_all(root / "honest")
        cases = [*written_cases(), *(recordings() if wanted.mutations else ())]
        cases += mutations.cases(wanted.mutations, wanted.seed, root / "honest")
        for case in cases:
            if wanted.only not in case.id:
                continue
            folder = root / "case"
            folder.mkdir()
            results.append(attempt(case, folder, root / "honest"))
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
