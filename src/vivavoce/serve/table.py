"""What can be asked for by name: models and voices, as rows of tables made at start.

A client's string is only ever compared with these names; it opens no path and no address.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivavoce.errors import UsageError, near_misses
from vivavoce.serve.errors import ApiError, invalid, not_found

OPENAI_VOICES = (
    *("alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage"),
    *("shimmer", "verse", "marin", "cedar"),
)
"""Names that clients have built in: each means one of the voices there are, always the same."""


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    """A model that is served. `options` names what its requests may set, `weights` is
    a digest of them where one is known.
    """

    name: str
    family: str
    languages: tuple[str, ...] = ()
    licence: str = ""
    sample_rate: int = 24000
    clones: bool = False
    times_words: bool = False
    options: tuple[str, ...] = ()
    created: int = 0
    weights: str = ""


@dataclass(frozen=True, kw_only=True)
class VoiceRow:
    """A voice of one model: a `speaker` of its own, or the voice in a `file`."""

    id: str
    name: str
    model: str
    language: str = ""
    licence: str = ""
    speaker: str = ""
    file: Path | None = None
    created: int = 0
    consent: str = ""

    @property
    def cloned(self) -> bool:
        return self.file is not None

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "language": self.language,
            "model": self.model,
            "cloned": self.cloned,
            "license": self.licence,
            "created_at": self.created,
        }


class Table:
    """The models and voices of a server; voices may be added and removed while it runs.

    `aliases` are other names of models; "" means the default one, which is the first. Raises
    UsageError for an alias of nothing, and for one that is a model's own name.
    """

    def __init__(
        self,
        models: Sequence[ModelRow],
        voices: Iterable[VoiceRow],
        aliases: Iterable[tuple[str, str]],
    ) -> None:
        self.models = {row.name: row for row in models}
        self.voices = {row.id: row for row in voices}
        self.default = models[0].name
        self.aliases: dict[str, str] = {}
        for alias, meant in aliases:
            self._add_alias(alias, meant)

    def model(self, name: str) -> ModelRow:
        """A model by its name or an alias. Raises ApiError 404."""
        if name in self.models:
            return self.models[name]
        if name in self.aliases:
            return self.models[self.aliases[name]]
        advice = near_misses(name[:80], self.models)
        message = f"No model is called {name[:80]!r}. {advice}".strip()
        raise not_found(message, "model_not_found", "model")

    def voice(self, name: str | None, model: str | None = None) -> VoiceRow:
        """A voice by its id, name or one of OpenAI's names; none means the model's first.

        A model that was named is kept to; an alias gives way to the voice's own model.
        """
        named = self.model(model).name if model is not None else self.default
        fixed = model is not None and model not in self.aliases
        own = [row for row in self.voices.values() if row.model == named]
        if name is None or (name == "default" and "default" not in self.voices):
            return own[0] if own else self._none(named)
        pool = own if fixed else [*own, *(r for r in self.voices.values() if r.model != named)]
        for same in ("id", "speaker", "name"):
            found = next((row for row in pool if getattr(row, same) == name), None)
            if found is not None:
                return found
        if name in OPENAI_VOICES and own:
            return own[OPENAI_VOICES.index(name) % len(own)]
        raise voice_not_found(name, [row.id for row in pool])

    def _add_alias(self, alias: str, meant: str) -> None:
        if meant and meant not in self.models:
            message = f"The alias '{alias}' means '{meant}', which is not served."
            raise UsageError(message, near_misses(meant, self.models))
        if alias not in self.models:
            self.aliases[alias] = meant or self.default
        elif meant:
            message = f"The alias '{alias}' is the name of a model."
            raise UsageError(message, "Choose another name with --alias.")

    def _none(self, model: str) -> VoiceRow:
        raise invalid(
            "voice_not_found",
            f"'{model}' has no voice yet. Make one from a recording: POST /v1/audio/voices.",
            "voice",
        )

    def add(self, row: VoiceRow) -> None:
        self.voices = self.voices | {row.id: row}

    def remove(self, voice_id: str) -> None:
        self.voices = {key: row for key, row in self.voices.items() if key != voice_id}

    def languages(self, row: VoiceRow) -> tuple[str, ...]:
        """What a voice speaks: a voice of a multilingual model speaks all its languages."""
        model = self.models[row.model]
        own = tuple(part.strip() for part in row.language.split(",") if part.strip())
        return model.languages or own or ("en",)


def voice_not_found(name: str, known: Iterable[str]) -> ApiError:
    message = f"No voice is called {name[:80]!r}. {near_misses(name[:80], known)}"
    return invalid("voice_not_found", message.strip(), "voice")
