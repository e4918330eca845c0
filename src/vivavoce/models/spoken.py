"""Models whose text rules are those of a Coqui `config.json`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Generic, TypeVar

from vivavoce.models.base import AcousticModel
from vivavoce.text.coqui_model import CoquiTextConfig
from vivavoce.text.split import chunks
from vivavoce.types import Chunk, FeatureSpec, Tokens, Voice

O = TypeVar("O")  # noqa: E741 - the type of a family's options
C = TypeVar("C")
"""The type of a family's configuration."""


class CoquiSpoken(AcousticModel[O], Generic[O, C]):
    """The constructor that a stored manifest is built with, and the two methods about text.

    A family writes `make` in place of a constructor.
    """

    text_type = CoquiTextConfig
    most_chars: ClassVar[int] = 200
    """The longest text that training saw."""

    def __init__(
        self,
        config: C,
        spec: FeatureSpec,
        text: CoquiTextConfig | None = None,
        speaker_names: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        self.text, self.speaker_names = text or CoquiTextConfig(), speaker_names
        self.make(config)

    @abstractmethod
    def make(self, c: C) -> None:
        """The layers that a configuration of the family describes."""

    def chunks(self, text: str, voice: Voice, options: O) -> Iterator[Chunk]:
        return chunks(text, self.most_chars)

    def tokenise(self, text: str, voice: Voice | None = None, options: O | None = None) -> Tokens:
        """Raises TextError when nothing of `text` can be spoken."""
        return self.text.encode(text)
