"""Items -> batches of like length. A function of the list alone, never of what is done of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice

from vivavoce.bulk.work import Batch, BulkItem
from vivavoce.errors import UsageError

WINDOW = 2048
"""Items that are sorted at a time: memory is bounded, and what stands first comes out first."""

COST = 400
"""Characters, times the rows: a batch of long texts has fewer of them."""


def batches(items: Iterable[BulkItem], rows: int) -> Iterator[Batch]:
    """At most `rows` items each, of one voice and manner, and no more than `rows * COST`
    characters with all as long as the longest; a longer item is alone.
    """
    source, number = iter(items), 0
    while window := list(islice(source, WINDOW)):
        window.sort(key=lambda item: (item.group, len(item.text), item.id))
        held: list[BulkItem] = []
        for item in window:
            cost = (len(held) + 1) * len(item.text)
            if held and (len(held) >= rows or cost > rows * COST or item.group != held[0].group):
                yield Batch(number, tuple(held))
                number, held = number + 1, []
            held.append(item)
        if held:
            yield Batch(number, tuple(held))
            number += 1


class Shard:
    """Part `number` of `count` of a list, by the items' ids: it is the same when the list grows."""

    def __init__(self, number: int = 1, count: int = 1) -> None:
        if not 1 <= number <= count:
            raise UsageError(f"The shard is {number}/{count}.", "Give for example 1/4.")
        self.number, self.count = number, count

    @staticmethod
    def parse(text: str) -> Shard:
        """`2/4`. Raises UsageError."""
        number, _, count = text.partition("/")
        if not (number.isdecimal() and count.isdecimal()):
            raise UsageError(f"The shard is '{text}'.", "Give for example 1/4.")
        return Shard(int(number), int(count))

    def holds(self, identifier: str) -> bool:
        digest = hashlib.blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=8)
        return int.from_bytes(digest.digest()) % self.count == self.number - 1

    @property
    def suffix(self) -> str:
        """Of the names of its notes."""
        return "" if self.count == 1 else f"-{self.number}of{self.count}"
