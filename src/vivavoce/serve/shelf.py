"""Voices made by clients, and the consents they rest on: one folder, one JSON file each."""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from vivavoce.files import write_bytes
from vivavoce.serve.table import ModelRow, VoiceRow


@dataclass(frozen=True, kw_only=True)
class Consent:
    """Somebody's recorded agreement that their voice may be used."""

    id: str
    name: str
    language: str
    created_at: int
    sha256: str

    def as_json(self) -> dict[str, Any]:
        shown = {"id": self.id, "name": self.name, "language": self.language}
        return {"object": "audio.voice_consent"} | shown | {"created_at": self.created_at}


@dataclass(frozen=True, kw_only=True)
class Made:
    """A voice made from a recording: what it is for, and with whose consent."""

    id: str
    name: str
    model: str
    family: str
    language: str
    licence: str
    created_at: int
    consent: str
    sample_sha256: str
    consent_sha256: str


T = TypeVar("T", Consent, Made)


class Shelf:
    """Everything is in memory too; files are written whole or not at all. For one thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.consents = _read_all(folder / "consents", Consent)
        self.made = _read_all(folder / "voices", Made)

    def add_consent(self, name: str, language: str, recording: bytes) -> Consent:
        """Keep a consent and its recording, which voices are compared with."""
        consent = Consent(
            id="cons_" + secrets.token_hex(12),
            name=name,
            language=language,
            created_at=int(time.time()),
            sha256=digest(recording),
        )
        _write(self._recording(consent.id), recording)
        self._keep_consent(consent)
        return consent

    def rename_consent(self, consent: Consent, name: str) -> Consent:
        renamed = replace(consent, name=name)
        self._keep_consent(renamed)
        return renamed

    def remove_consent(self, consent_id: str) -> None:
        """Its voices stay, and speak no longer."""
        del self.consents[consent_id]
        for path in (self._recording(consent_id), self.folder / "consents" / f"{consent_id}.json"):
            path.unlink(missing_ok=True)

    def recording_of(self, consent: Consent) -> bytes:
        return self._recording(consent.id).read_bytes()

    def file_of(self, voice_id: str) -> Path:
        """Where the voice's own file is. `voice_id` is one of ours."""
        return self.folder / "voices" / f"{voice_id}.safetensors"

    def add_voice(self, made: Made) -> None:
        _write_json(self.folder / "voices" / f"{made.id}.json", asdict(made))
        self.made[made.id] = made

    def remove_voice(self, voice_id: str) -> None:
        del self.made[voice_id]
        self.file_of(voice_id).unlink(missing_ok=True)
        (self.folder / "voices" / f"{voice_id}.json").unlink(missing_ok=True)

    def rows(self, models: Iterable[ModelRow]) -> list[VoiceRow]:
        """The voices that a served model can speak with: the one that each was made for, or
        another one of its family.
        """
        served = list(models)
        rows: list[VoiceRow] = []
        for made in self.made.values():
            able = [model.name for model in served if model.family == made.family]
            if able and self.file_of(made.id).is_file():
                rows.append(self.row(made, made.model if made.model in able else able[0]))
        return rows

    def row(self, made: Made, model: str) -> VoiceRow:
        return VoiceRow(
            id=made.id,
            name=made.name,
            model=model,
            language=made.language,
            licence=made.licence,
            file=self.file_of(made.id),
            created=made.created_at,
            consent="given" if made.consent in self.consents else "withdrawn",
        )

    def _recording(self, consent_id: str) -> Path:
        return self.folder / "consents" / f"{consent_id}.recording"

    def _keep_consent(self, consent: Consent) -> None:
        _write_json(self.folder / "consents" / f"{consent.id}.json", asdict(consent))
        self.consents[consent.id] = consent


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read_all(folder: Path, kind: type[T]) -> dict[str, T]:
    """The objects of a folder, the oldest first; a damaged file is left alone."""
    found: list[T] = []
    for path in folder.glob("*.json") if folder.is_dir() else ():
        with contextlib.suppress(OSError, ValueError, TypeError):
            found.append(kind(**json.loads(path.read_text(encoding="utf-8"))))
    return {one.id: one for one in sorted(found, key=lambda one: (one.created_at, one.id))}


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    _write(path, json.dumps(values, ensure_ascii=False, indent=1).encode())


def _write(path: Path, data: bytes) -> None:
    """Raises OutputError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)
