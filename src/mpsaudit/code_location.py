"""Which line of the caller's code an operator belongs to, forward and backward."""

from __future__ import annotations

import contextlib
import os
import sys
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

import torch

HERE = str(Path(__file__).parent) + os.sep
TORCH = str(Path(torch._C.__file__).parent) + os.sep
ENGINE = "_engine_run_backward"


class CodeLocations:
    """Remembers which line made each node of the autograd graph."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[CodeType, int]] = {}
        self._last = 0

    def remember(self) -> None:
        """Call it for every operator: a node made since the last call was made on this line."""
        upcoming = torch.autograd._get_sequence_nr()  # pyright: ignore[reportPrivateImportUsage]
        if upcoming != self._last:
            self._last = upcoming
            frame = _innermost(sys._getframe(1))
            if frame is not None and torch._C._current_autograd_node() is None:
                self._made[upcoming - 1] = (frame.f_code, frame.f_lineno)

    def current(self) -> tuple[str, bool]:
        """The line, and whether autograd runs the operator.

        For autograd it is the line whose derivative is computed, where that is known.
        """
        node = torch._C._current_autograd_node()
        frame = _innermost(sys._getframe(1), stop_at_engine=node is not None)
        if node is None or frame is not None:
            location = in_words(frame.f_code, frame.f_lineno) if frame else ""
            return location, node is not None
        made = self._made.get(node._sequence_nr())
        return (in_words(*made) if made else f"in backward of {node.name()}"), True


def _innermost(frame: FrameType | None, stop_at_engine: bool = False) -> FrameType | None:
    """The innermost frame outside torch and the audit; None where autograd called from C++."""
    while frame is not None:
        if stop_at_engine and frame.f_code.co_name == ENGINE:
            return None
        if not is_internal(frame.f_code.co_filename):
            return frame
        frame = frame.f_back
    return None


@cache
def is_internal(filename: str) -> bool:
    """Whether a file belongs to torch, to the audit or to Python's own machinery."""
    return filename.startswith((HERE, TORCH, contextlib.__file__, "<frozen", "<__array_function__"))


def in_words(code: CodeType, line: int) -> str:
    return f"{shortened(code.co_filename, tuple(sys.path))}:{line} in {code.co_name}"


@cache
def shortened(filename: str, path: tuple[str, ...]) -> str:
    """Relative to the nearest folder that modules are imported from, or to the current one."""
    roots = [root for root in {*path, str(Path.cwd())} if root]
    inside = [root for root in roots if filename.startswith(root.rstrip(os.sep) + os.sep)]
    return os.path.relpath(filename, max(inside, key=len)) if inside else filename
