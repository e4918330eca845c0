"""An orderly end when a process is told to end: files are closed or removed on the way out."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

NAMES = ("SIGTERM", "SIGHUP", "SIGXCPU")


class Ended(BaseException):
    """The process was told to end by signal `number`; a second signal ends it at once.

    No KeyboardInterrupt, which the command line's parser turns into an exit code of its own.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        """As shells report it."""
        return 128 + self.number


@contextlib.contextmanager
def orderly_end() -> Iterator[None]:
    """Within it SIGTERM and SIGHUP raise `Ended`; those that are ignored (nohup) stay ignored.

    Does nothing outside the main thread, which alone may handle signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    ours = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    try:
        for number in ours:
            signal.signal(number, _end)
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    raise Ended(number)
