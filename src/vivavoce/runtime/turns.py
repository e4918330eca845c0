"""One thread at a time on an Apple GPU: torch's MPS backend ends the process otherwise.

https://github.com/pytorch/pytorch/issues/197805. MLX, on the same GPU, waits in the same line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Condition, get_ident
from typing import TYPE_CHECKING

from vivavoce.errors import UnsupportedDevice

if TYPE_CHECKING:
    from vivavoce.runtime.select import Selection


class Turns:
    """Who may compute: threads in the order in which they came. The one whose turn it is may ask
    again.
    """

    def __init__(self) -> None:
        self.changed = Condition()
        self.line: deque[int] = deque()  # the first one's turn it is
        self.claimed = ""  # "mps" or "mlx", whichever came first

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and end it with the block."""
        if self.mine:
            yield
            return
        self._wait()
        try:
            yield
        finally:
            self._end()

    def claim(self, place: Selection) -> None:
        """Torch and MLX never share the GPU in one process: together they have ended it.

        https://github.com/sgl-project/sglang-omni/issues/2085. Raises UnsupportedDevice.
        """
        if not one_at_a_time(place):
            return
        with self.changed:
            self.claimed = self.claimed or place.name
            if self.claimed != place.name:
                raise UnsupportedDevice(
                    f"{self.claimed} is in use; {place.name} cannot be used in the same process.",
                    f"Use device 'cpu' or '{self.claimed}', or start another process.",
                )

    def give_way(self) -> None:
        """Let those go first who wait; does nothing for who has no turn, or where nobody waits."""
        if self.mine and len(self.line) > 1:
            self._end()
            self._wait()

    @property
    def mine(self) -> bool:
        """Whether it is this thread's turn."""
        with self.changed:
            return bool(self.line) and self.line[0] == get_ident()

    def _wait(self) -> None:
        me = get_ident()
        with self.changed:
            self.line.append(me)
            try:
                self.changed.wait_for(lambda: self.line[0] == me)
            except BaseException:
                self.line.remove(me)
                self.changed.notify_all()
                raise

    def _end(self) -> None:
        with self.changed:
            self.line.popleft()
            self.changed.notify_all()


APPLE_GPU = Turns()
"""The process's only one: there is one such GPU."""


def turn(*places: Selection) -> AbstractContextManager[None]:
    """A turn for work in these places; nothing to wait for where all take several threads."""
    if any(place.engine == "mlx" for place in places):
        return _mlx_turn()
    return APPLE_GPU.turn() if any(map(one_at_a_time, places)) else nullcontext()


@contextmanager
def _mlx_turn() -> Iterator[None]:
    from vivavoce.runtime.mlx import LIMITS

    with APPLE_GPU.turn(), LIMITS.held():
        yield


def one_at_a_time(place: Selection) -> bool:
    """Whether two threads must not compute there at once."""
    return place.engine == "mlx" or place.device.type == "mps"
