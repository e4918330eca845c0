"""Pages that are set in columns: their lines in the order of reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vivavoce.book.lines import PageLine

LEAST = 4
"""Lines that begin at the same place, at least, make a column."""
SHARE = 0.15
"""Of the parts of a page, at least."""
WITHIN = 0.7
"""So many of a column's lines end before the next column begins."""
NEAR = 3.0
"""Points. What begins so near is of one column."""
GUTTER = 1.2
"""Beside the type's size: a gap so wide within a line may part two columns."""

Parts = Sequence[PageLine]


def in_order(lines: Sequence[Parts]) -> list[PageLine]:
    """The lines of a page from their parts, which are what stands beside each other.

    Columns are read one after the other, as if they stood below each other; a line over the whole
    page comes after what stands above it. Without columns the parts of a line are joined.
    """
    edges = _edges([part for parts in lines for part in parts])
    if len(edges) < 2:
        return [_joined(parts) for parts in lines]
    found: list[PageLine] = []
    columns: list[list[PageLine]] = [[] for _ in edges]
    for part in (part for parts in lines for part in parts):
        place = max((n for n, edge in enumerate(edges) if edge <= part.left + NEAR), default=0)
        if place + 1 < len(edges) and part.right > edges[place + 1]:
            found += _below_each_other(columns, edges)
            found.append(part)
            columns = [[] for _ in edges]
        else:
            columns[place].append(part)
    return found + _below_each_other(columns, edges)


def _edges(parts: list[PageLine]) -> list[float]:
    """Where columns begin, from left to right."""
    groups: list[list[PageLine]] = []
    for part in sorted(parts, key=lambda part: part.left):
        if groups and part.left - groups[-1][0].left <= NEAR:
            groups[-1].append(part)
        else:
            groups.append([part])
    found: list[float] = []
    for own in reversed(groups):
        if len(own) < max(LEAST, SHARE * len(parts)):
            continue
        if not found or sum(part.right <= found[0] for part in own) >= WITHIN * len(own):
            found.insert(0, own[0].left)
    return found


def _below_each_other(columns: list[list[PageLine]], edges: list[float]) -> list[PageLine]:
    found = []
    for lines, edge in zip(columns, edges, strict=True):
        width, by = max((line.right - edge for line in lines), default=0.0), edge - edges[0]
        for line in lines:
            moved = replace(line, left=line.left - by, right=line.right - by, column=width)
            found.append(moved)
    return found


def _joined(parts: Parts) -> PageLine:
    text = " ".join(part.text for part in parts)
    return replace(parts[0], text=text, right=parts[-1].right)
