"""Child processes with limits that read hostile files, and what came of each file."""

from __future__ import annotations

import json
import math
import os
import resource
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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


class Child:
    """A process that reads one case after another, each with limits of its own."""

    def __init__(self) -> None:
        orders, self._order = os.pipe()
        self._answer, answers = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            os.close(self._order)
            os.close(self._answer)
            _serve(orders, answers)
        os.close(orders)
        os.close(answers)
        self._seconds = 0.0
        self.cases = 0

    def read(self, case: HostileFile, path: Path, folder: Path) -> Result:
        """A child that died reading it has to be ended, as has one that used too much."""
        self.cases += 1
        order = [case.loader, case.expected, str(path), str(folder)]
        os.write(self._order, json.dumps(order).encode() + b"\n")
        if not select.select([self._answer], [], [], PATIENCE)[0]:
            os.kill(self._process, signal.SIGKILL)
        text = os.read(self._answer, select.PIPE_BUF)
        if not text:
            return self._died(case)
        outcome, fault, seconds, memory = json.loads(text)
        self._seconds += seconds
        if Path(CANARY_PATH.decode()).exists():
            fault = fault or "the canary is there"
        return Result(case.id, outcome, fault, round(seconds, 3), round(memory))

    def _died(self, case: HostileFile) -> Result:
        status, usage = self.end()
        seconds = usage.ru_utime + usage.ru_stime - self._seconds
        outcome, fault = "died", f"the process ended with {status}"
        if seconds > SECONDS - 0.1:
            outcome, fault = "late", f"{seconds:.1f} s"
        return Result(case.id, outcome, fault, round(seconds, 3), round(_mebibytes(usage)))

    def end(self) -> tuple[int, resource.struct_rusage]:
        os.close(self._order)
        os.close(self._answer)
        _, status, usage = os.wait4(self._process, 0)
        self._process = 0
        return status, usage

    @property
    def ended(self) -> bool:
        return self._process == 0


@dataclass
class Reader:
    """Reads cases in children, `together` in each; what seems a fault is judged alone again."""

    together: int = 1
    _child: Child | None = field(default=None, init=False)

    def read(self, case: HostileFile, folder: Path, honest_files: Path) -> Result:
        """Write the case into a folder that is empty or not there, and read it."""
        child = self._child or Child()
        result = child.read(case, case.write(folder, honest_files), folder)
        shared = child.cases > 1
        self._child = None if child.ended else child
        if result.fault or child.cases >= self.together:
            self.end()
        if not (result.fault and shared):
            return result
        shutil.rmtree(folder)
        Path(CANARY_PATH.decode()).unlink(missing_ok=True)
        return self.read(case, folder, honest_files)

    def end(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


@contextmanager
def reader(together: int = 1) -> Iterator[Reader]:
    found = Reader(together)
    try:
        yield found
    finally:
        found.end()


def _mebibytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10))


def _serve(orders: int, answers: int) -> None:
    """Read the files that are asked for until nobody asks. Never returns."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.addaudithook(_forbid)
    with os.fdopen(orders) as lines:
        for line in lines:
            loader, expected, path, folder = json.loads(line)
            os.environ["VIVAVOCE_HOME"] = str(Path(folder) / "home")
            begin = time.process_time()
            limit = math.ceil(begin + SECONDS)
            resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
            outcome, fault = _read(loader, expected, Path(path))
            spent = time.process_time() - begin
            memory = _mebibytes(resource.getrusage(resource.RUSAGE_SELF))
            if spent > SECONDS:
                outcome, fault = "late", f"{spent:.1f} s"
            elif memory > MEBIBYTES:
                fault = fault or f"{memory:.0f} MiB"
            os.write(answers, json.dumps([outcome, fault, spent, memory]).encode())
    os._exit(0)


def _read(loader: str, expected: str, path: Path) -> tuple[str, str]:
    outcome, fault = "loads", ""
    try:
        os.chdir(path.parent)
        LOADERS[loader](path)
    except VivavoceError as error:
        outcome, fault = "refused", _fault_of_message(error)
    except BaseException as error:
        outcome, fault = "untyped", f"{type(error).__name__}: {str(error)[:300]!r}"
    if not fault and expected not in ("either", outcome):
        fault = f"{outcome}, but expected: {expected}"
    return outcome, fault


def _fault_of_message(error: VivavoceError) -> str:
    text = str(error)
    if printable(text) != text:
        return "the message has control characters"
    return "" if len(text) < 5000 else f"the message has {len(text)} characters"


def _forbid(event: str, _arguments: tuple[Any, ...]) -> None:
    if event in FORBIDDEN:
        os._exit(99)
