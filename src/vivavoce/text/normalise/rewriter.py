"""Rewrites a text step by step and remembers where every character came from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from vivavoce.types import Spoken

Rule = tuple[re.Pattern[str], "str | Callable[[re.Match[str]], str | None]"]

HELD = "\ue000"  # stands for a held piece; private use, so cleaning removed it from the source


def _common(a: str, b: str) -> int:
    """How many characters two strings begin with in common."""
    pairs = enumerate(zip(a, b, strict=False))
    return next((i for i, (x, y) in pairs if x != y), min(len(a), len(b)))


class Rewriter:
    """A text under change. `origin[i]` is the source offset behind `text[i]`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.origin = list(range(len(text)))
        self._held: dict[int, str] = {}

    def translate(self, table: Mapping[str, str]) -> None:
        """Replace single characters; an empty replacement drops the character."""
        if table:
            pattern = re.compile("[" + "".join(map(re.escape, table)) + "]")
            self.sub(pattern, lambda m: table[m[0]])

    def apply(self, rules: Iterable[Rule]) -> None:
        for pattern, replacement in rules:
            self.sub(pattern, replacement)

    def sub(
        self, pattern: re.Pattern[str], replacement: str | Callable[[re.Match[str]], str | None]
    ) -> None:
        """Like `re.sub` without templates; None from the function leaves a match as it was.

        What a match and its replacement begin with in common keeps its own offsets; the rest of
        the replacement points at the place where the two part.
        """
        pieces: list[str] = []
        origin: list[int] = []
        last = 0
        for match in pattern.finditer(self.text):
            new = replacement if isinstance(replacement, str) else replacement(match)
            if new is None or new == match[0]:
                continue
            kept = match.start() + _common(new, match[0])
            pieces += (self.text[last : match.start()], new)
            origin += self.origin[last:kept]
            source = self.origin[min(kept, match.end() - 1)] if match[0] else self._at(kept)
            origin += [source] * (len(new) - (kept - match.start()))
            last = match.end()
        if last or pieces:
            pieces.append(self.text[last:])
            origin += self.origin[last:]
            self.text, self.origin = "".join(pieces), origin

    def hold(self, pattern: re.Pattern[str]) -> None:
        """Put every match out of the rules' reach until `release`."""

        def take(match: re.Match[str]) -> str:
            self._held[self.origin[match.start()]] = match[0]
            return HELD

        self.sub(pattern, take)

    def release(self) -> None:
        self.sub(re.compile(HELD), lambda m: self._held[self.origin[m.start()]])

    def spoken(self) -> Spoken:
        return Spoken(self.text, tuple(self.origin))

    def _at(self, index: int) -> int:
        return self.origin[min(index, len(self.origin) - 1)] if self.origin else 0
