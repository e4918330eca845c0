"""What was measured on this machine, kept in JSON caches by keys that name machine and version."""

from __future__ import annotations

import contextlib
import platform
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from vivavoce import files
from vivavoce.config import from_dict
from vivavoce.errors import ConfigError, OutputError

T = TypeVar("T")


@dataclass(frozen=True)
class MeasurementCache:
    """The measurements in one file. A key says what was measured, where and how."""

    file: Path

    def read(self, key: str, kind: type[T]) -> T | None:
        """The measurement, a dataclass or a plain value; None where no readable one is kept."""
        value = files.read_json(self.file).get(key)
        if not is_dataclass(kind):
            return value if isinstance(value, kind) else None
        try:
            return None if value is None else from_dict(kind, value)
        except ConfigError:
            return None

    def recall(self, key: str, kind: type[T], measure: Callable[[], T], *, anew: bool = False) -> T:
        """What is kept, or else (or if `anew`) what `measure` finds, which is then kept.

        A file that cannot be written costs time only.
        """
        found = None if anew else self.read(key, kind)
        if found is None:
            found = measure()
            with contextlib.suppress(OutputError):
                self.write(key, found)
        return found

    def write(self, key: str, value: object) -> None:
        """Keep a measurement, or with None forget it. Raises OutputError."""
        kept = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value

        def change(table: dict[str, Any]) -> dict[str, Any]:
            rest = {k: v for k, v in table.items() if k != key}
            return rest if kept is None else rest | {key: kept}

        files.update_json(self.file, change)


def cpu_model() -> str:
    """The processor's name as the system gives it; on Linux with family, model and stepping.

    Virtual machines shorten the name ("AMD EPYC"), so the name alone does not tell two apart.
    """
    if platform.system() == "Linux":
        return _linux_cpu()
    if platform.system() == "Darwin":
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            return subprocess.run(
                ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"],
                capture_output=True,
                text=True,
                check=True,
                timeout=5,
            ).stdout.strip()
    return platform.processor() or platform.machine()


def _linux_cpu() -> str:
    facts: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            facts.setdefault(key.strip(), value.strip())
    numbers = [facts[k] for k in ("cpu family", "model", "stepping") if k in facts]
    name = facts.get("model name") or platform.machine()
    return f"{name} ({'.'.join(numbers)})" if numbers else name
