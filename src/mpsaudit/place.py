"""Which line of the caller's code an operator belongs to. Knows frames and autograd nodes."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

import torch

HERE = str(Path(__file__).parent) + os.sep
TORCH = str(Path(torch._C.__file__).parent) + os.sep
ENGINE = "_engine_run_backward"


class Places:
    """Remembers, for every node that autograd makes, which line made it."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[CodeType, int]] = {}
        self._last = 0

    def remember(self) -> None:
        """To be called for every operator: a node made since the last call was made here."""
        upcoming = torch.autograd._get_sequence_nr()  # pyright: ignore[reportPrivateImportUsage]
        if upcoming != self._last:
            self._last = upcoming
            frame = _innermost(sys._getframe(1))
            if frame is not None and torch._C._current_autograd_node() is None:
                self._made[upcoming - 1] = (frame.f_code, frame.f_lineno)

    def current(self) -> tuple[str, bool]:
        """The place, and whether autograd runs the operator backward.

        Backward it is the line whose derivative is being computed, where that is known.
        """
        node = torch._C._current_autograd_node()
        frame = _innermost(sys._getframe(1), stop_at_engine=node is not None)
        if node is None or frame is not None:
            return (said(frame.f_code, frame.f_lineno) if frame else ""), node is not None
        made = self._made.get(node._sequence_nr())
        return (said(*made) if made else f"in backward of {node.name()}"), True


def _innermost(frame: FrameType | None, stop_at_engine: bool = False) -> FrameType | None:
    """The innermost frame outside torch and the audit; None where autograd called from C++."""
    while frame is not None:
        if stop_at_engine and frame.f_code.co_name == ENGINE:
            return None
        if not inside(frame.f_code.co_filename):
            return frame
        frame = frame.f_back
    return None


@cache
def inside(filename: str) -> bool:
    return filename.startswith((HERE, TORCH, "<frozen", "<__array_function__"))


def said(code: CodeType, line: int) -> str:
    return f"{_short(code.co_filename)}:{line} in {code.co_name}"


@cache
def _short(filename: str) -> str:
    """Relative to the nearest folder that modules are imported from, or to the current one."""
    roots = [root for root in {*sys.path, str(Path.cwd())} if root]
    inside = [root for root in roots if filename.startswith(root.rstrip(os.sep) + os.sep)]
    return os.path.relpath(filename, max(inside, key=len)) if inside else filename
