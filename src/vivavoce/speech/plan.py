"""A text as the pieces that will be spoken, lazily. Knows text and tokens, no audio."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from vivavoce.errors import TextError
from vivavoce.text.check import describe, speakable
from vivavoce.types import Chunk, Tokens


@dataclass(frozen=True)
class Utterance:
    """One chunk of a text, ready for the acoustic model. `index` counts the spoken chunks."""

    chunk: Chunk
    tokens: Tokens
    index: int
    warnings: tuple[str, ...] = ()


def plan(
    text: str, cut: Callable[[str], Iterable[Chunk]], tokenise: Callable[[str], Tokens]
) -> Iterator[Utterance]:
    """The utterances of `text`, made as they are asked for, so memory stays flat.

    `cut` and `tokenise` are the model's. Chunks without a word (a row of asterisks, say) are left
    out. Raises TextError when the text has nothing to speak: before the first utterance if that
    shows in the text alone, at the end if the voice knows none of its characters.
    """
    text = speakable(text)
    index = 0
    unknown: dict[str, None] = {}
    for chunk in cut(text):
        tokens = _tokens(chunk, tokenise)
        fresh = [c for c in tokens.unknown if c not in unknown]
        unknown |= dict.fromkeys(fresh)
        if tokens.speakable:
            yield Utterance(chunk, tokens, index, unknown_warning(fresh, tokens.text or chunk.text))
            index += 1
    if not index:
        raise TextError(
            f"This voice knows none of the characters in the text: {_named(unknown)}.",
            "Use text in the voice's language; `vivavoce voices list` shows languages.",
        )


def _tokens(chunk: Chunk, tokenise: Callable[[str], Tokens]) -> Tokens:
    """A chunk that cannot be spoken is no error: the rest of the text may be."""
    try:
        return tokenise(chunk.text)
    except TextError:
        return Tokens((), unknown=tuple(dict.fromkeys(c for c in chunk.text if not c.isspace())))


def unknown_warning(unknown: Sequence[str], text: str) -> tuple[str, ...]:
    """What to say about characters of `text` that no token stands for, if there are any."""
    if not unknown:
        return ()
    count = sum(text.count(c) for c in unknown)
    what = f"{count} characters that this voice does not know are"
    what = what if count != 1 else "a character that this voice does not know is"
    return (f"{what} not spoken: {_named(unknown)}",)


def _named(unknown: Iterable[str]) -> str:
    return describe(unknown) or "none"
