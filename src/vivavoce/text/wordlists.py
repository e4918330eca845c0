"""Word lists that both the splitter and the normaliser read, and how lists are written here."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """A set of words from a text of words."""
    return frozenset(text.split())


# Words that begin an English sentence: before them a full stop after an abbreviation or a single
# capital is a full stop.
STARTERS = words(
    """
    The A An It He She They We You I In On At This That These Those There Here But And Or So If
    When While After Before As For From To Is Are Was Were His Her Their My Our Its What Who Why
    How Then Now Not No Yes Some Many Most All One Two By With Of Do Did Does
    """
)
