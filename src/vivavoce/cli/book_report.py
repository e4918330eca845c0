"""What `vivavoce book` says: the plan, the progress, and what has been made."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vivavoce.cli.terminal import Progress, emit, say, table

if TYPE_CHECKING:
    from vivavoce.book.speaking import Audiobook
    from vivavoce.book.types import Book

MOST_PROBLEMS = 20
"""More are counted; --json has all."""


class Teller:
    """A bar on a terminal; elsewhere a line for each chapter that begins."""

    def __init__(self, book: Book) -> None:
        self._bar = Progress("speaking", "characters")
        self._titles = {chapter.title: n for n, chapter in enumerate(book.chapters, 1)}
        self._count = len(book.chapters)
        self._title = ""
        self._begin = time.monotonic()

    def __call__(self, done: int, total: int, title: str, spoken: int) -> None:
        self._bar(done, total, title)
        if title and title != self._title:
            self._title = title
            share = 100 * done // max(1, total)
            left = self._left(total - done, spoken)
            say(f"chapter {self._titles[title]} of {self._count}: {title} ({share} %{left})")

    def _left(self, characters: int, spoken: int) -> str:
        if not spoken:
            return ""
        seconds = (time.monotonic() - self._begin) / spoken * characters
        return f", about {_length(seconds)} left"

    def __enter__(self) -> Teller:
        self._bar.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._bar.__exit__(*error)


def report(made: Audiobook, output: Path, as_json: bool) -> None:
    for problem in made.problems[:MOST_PROBLEMS]:
        say(f"warning: {problem}")
    if len(made.problems) > MOST_PROBLEMS:
        say(f"warning: {len(made.problems) - MOST_PROBLEMS} more; --json lists them")
    if as_json:
        emit(made.as_dict(), True, str)
    say(f"wrote {output} ({len(made.tracks)} chapters, {_length(made.seconds)})")


def plan_text(plan: dict[str, Any]) -> str:
    """For people: without the texts."""
    by = f" by {', '.join(plan['authors'])}" if plan["authors"] else ""
    rows = [
        {
            "": chapter["number"],
            "chapter": "  " * (chapter["level"] - 1) + chapter["title"],
            "words": chapter["words"],
            "length": _length(chapter["estimated_s"]),
            "not read": _counted(chapter["skipped"]),
        }
        for chapter in plan["chapters"]
    ]
    out = [f"{each['source']}: left out, {each['reason']}" for each in plan["left_out"]]
    total = f"{plan['words']} words, about {_length(plan['estimated_s'])}"
    head = f"{plan['title']}{by}"
    body = table(rows, ("", "chapter", "words", "length", "not read"))
    return "\n".join([head, "", body, "", *out, total])


def _counted(skipped: list[dict[str, str]]) -> str:
    counts = Counter(each["kind"] for each in skipped)
    return ", ".join(f"{n} {kind}{'s'[: n > 1]}" for kind, n in counts.items())


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
