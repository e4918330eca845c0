"""A vocabulary file: one token a line, its index the number of the line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vivavoce.errors import BadCheckpoint

UNKNOWN = 0  # the space, in the vocabularies of F5-TTS


@dataclass(frozen=True)
class Vocabulary:
    """Tokens in the order of the embedding rows; a token listed twice has its last index."""

    tokens: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.tokens)

    def ids(self, tokens: Iterable[str]) -> list[int]:
        """The index of each token, 0 for one that is not listed."""
        return [self._index.get(token, UNKNOWN) for token in tokens]

    def unknown(self, tokens: Iterable[str]) -> dict[str, int]:
        """The tokens that are not listed, in order of appearance, and how often each came."""
        return dict(Counter(token for token in tokens if token not in self._index))

    @cached_property
    def _index(self) -> dict[str, int]:
        return {token: i for i, token in enumerate(self.tokens)}


def read_vocabulary(source: Path | str) -> Vocabulary:
    """The vocabulary in a UTF-8 file (a Path) or in the text of one (a str).

    Only line ends (LF, CRLF, CR) and a byte order mark are taken off: a token may be a space or
    nothing. The last line may lack its end. Raises BadCheckpoint for a file that cannot be read,
    is not UTF-8 or holds no token.
    """
    if isinstance(source, Path):
        name, text = f"The vocabulary {source}", _read(source)
    else:
        name, text = "The vocabulary", source
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise BadCheckpoint(
            f"{name} is empty.", "Use the vocab.txt that was published with the checkpoint."
        )
    return Vocabulary(tuple(text.removesuffix("\n").split("\n")))


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except OSError as error:
        raise BadCheckpoint(
            f"The vocabulary {file} cannot be read ({error.strerror}).",
            "Give the path of the vocab.txt that was published with the checkpoint.",
        ) from error
    except UnicodeDecodeError as error:
        raise BadCheckpoint(
            f"The vocabulary {file} is not UTF-8 text (byte {error.start}).",
            "Use the vocab.txt that was published with the checkpoint.",
        ) from error
