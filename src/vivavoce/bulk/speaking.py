"""A worker: a model that speaks batches and writes their files."""

from __future__ import annotations

import io as streams
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from vivavoce.audio import io
from vivavoce.bulk import places
from vivavoce.bulk.work import Batch, BulkItem, BulkRow, Hello, Loading, Manner, manner_of
from vivavoce.errors import VivavoceError
from vivavoce.speech import identity
from vivavoce.speech.join import Piece, joined
from vivavoce.speech.store import Store, StoredSpeech, key_of
from vivavoce.types import Audio, Voice

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS
    from vivavoce.speech.rendering import Request

MOST_VOICES = 64
Outcomes = dict[str, StoredSpeech | Exception]
"""By the ids of items."""


@dataclass(frozen=True)
class _Task:
    """An item, how it is spoken, and where its speech is kept."""

    item: BulkItem
    request: Request
    store: Store


class BulkWorker:
    """Loads the model at once. Raises what `vivavoce.load` raises."""

    def __init__(self, loading: Loading, manner: Manner, out: str, tts: TTS | None = None) -> None:
        self.manner, self.place = manner, places.find(out)
        self.tts = tts or _loaded(loading)
        self.name = str(os.getpid())
        self._voices: dict[tuple[str, ...], Voice] = {}
        self._facts = identity.of_engine(self.tts)
        where = self.tts.selection
        how = {"defaults": repr(sorted(self.tts.defaults.items())), "precision": str(where.dtype)}
        self.hello = Hello(self._facts | how, str(where.device))

    def speak(self, batch: Batch) -> tuple[BulkRow, ...]:
        """A row for each item that is not done, its file written."""
        begin = time.perf_counter()
        found: Outcomes = {}
        tasks = []
        for item in batch.items:
            try:
                tasks.append(self._task(item))
            except VivavoceError as error:
                found[item.id] = error
        outcomes, split = self._spoken(tasks)
        found |= outcomes
        each_s = (time.perf_counter() - begin) / len(batch.items)
        wanted = [item for item in batch.items if item.id not in batch.done]
        return tuple(self._row(item, found[item.id], each_s, split) for item in wanted)

    def _task(self, item: BulkItem) -> _Task:
        """The draws follow from the content: what else is in the list does not change them."""
        manner, own = self.manner, manner_of(item, self.manner)
        options = dict(own.options)
        if own.language and any(f.name == "language" for f in fields(self.tts.model.options_type)):
            options["language"] = own.language
        request = self.tts.request(
            self._voice(own),
            speed=own.speed,
            seed=own.seed,
            on_problem=manner.on_problem,
            **options,
        )
        store = Store(Path(manner.store), self._facts | identity.of_request(request))
        return _Task(item, replace(request, seed=store.seed(item.text)), store)

    def _voice(self, own: Manner) -> Voice:
        """Voices from recordings are made once."""
        asked = own.voice, own.ref, own.transcript, own.language
        if asked not in self._voices:
            if len(self._voices) >= MOST_VOICES:
                self._voices.clear()
            made: str | Voice | None = own.voice or None
            if own.ref:
                name, language = Path(own.ref).stem, own.language or "en"
                made = self.tts.voice(own.ref, own.transcript, name=name, language=language)
            self._voices[asked] = self.tts.request(made).voice
        return self._voices[asked]

    def _spoken(self, tasks: list[_Task]) -> tuple[Outcomes, int]:
        """What the store has of exactly this batch, else the whole of it, spoken.

        Other rows in a step of the model change samples by 1e-5: so that a result never depends
        on what was interrupted, speech that was made beside other texts is another speech.
        """
        if not self.manner.store:
            return self._divided(tasks)
        if len(tasks) > 1:
            together = key_of({t.item.id: t.store.key(t.item.text) for t in tasks})
            tasks = [replace(t, store=t.store.of(batch=together)) for t in tasks]
        rate = self.tts.sample_rate
        kept = {t.item.id: t.store.get(t.item.text, rate) for t in tasks}
        whole: Outcomes = {name: speech for name, speech in kept.items() if speech is not None}
        if len(whole) == len(tasks):
            return whole, 0
        outcomes, split = self._divided(tasks)
        for task in tasks if not split else ():
            speech = outcomes[task.item.id]
            if isinstance(speech, StoredSpeech):
                task.store.put(task.item.text, Audio(speech.samples, rate), speech.warnings)
                # what is read gives the same files as what will be read by a later run
                outcomes[task.item.id] = task.store.get(task.item.text, rate) or speech
        return outcomes, split

    def _divided(self, tasks: list[_Task]) -> tuple[Outcomes, int]:
        """All at once; where that fails as a whole (memory), in halves down to single items."""
        try:
            return self._together(tasks), 0
        except Exception as error:  # noqa: BLE001 - one item must not end the work of all
            if len(tasks) == 1:
                return {tasks[0].item.id: error}, 0
        half = len(tasks) // 2
        first, one = self._divided(tasks[:half])
        second, other = self._divided(tasks[half:])
        return first | second, min(n for n in (one, other, half) if n)

    @torch.inference_mode()
    def _together(self, tasks: Sequence[_Task]) -> Outcomes:
        """Every utterance of every item in one session."""
        session = self.tts.session(self.manner.rows)
        found: Outcomes = {}
        pieces: dict[str, dict[int, list[Piece]]] = {t.item.id: {} for t in tasks}
        owners: dict[int, tuple[str, int]] = {}
        for task in tasks:
            try:
                for utterance in self.tts.plan(task.item.text, task.request):
                    handle = session.add(utterance, task.request)
                    owners[handle] = task.item.id, utterance.index
                    pieces[task.item.id][utterance.index] = []
            except VivavoceError as error:
                found[task.item.id] = error
        while not session.idle:
            for handle, result in session.step():
                name, index = owners[handle]
                if isinstance(result, VivavoceError):
                    found.setdefault(name, result)
                else:
                    pieces[name][index].append(result)
        for name, utterances in pieces.items():
            if name not in found:
                found[name] = self._joined([p for n in sorted(utterances) for p in utterances[n]])
        return found

    def _joined(self, pieces: list[Piece]) -> StoredSpeech:
        chunks = list(joined(pieces, self.tts.blends))
        samples = np.concatenate([chunk.samples for chunk in chunks])
        return StoredSpeech(samples, tuple(w for chunk in chunks for w in chunk.warnings))

    def _row(
        self, item: BulkItem, outcome: StoredSpeech | Exception, made_s: float, split: int
    ) -> BulkRow:
        row = BulkRow(item.id, worker=self.name, device=self.hello.device, split=split)
        row = replace(row, made_s=round(made_s, 4))
        if isinstance(outcome, StoredSpeech):
            try:
                return self._written(row, item, outcome)
            except VivavoceError as error:
                outcome = error
        kind = type(outcome).__name__
        return replace(row, kind=kind, reason=str(outcome) or kind)

    def _written(self, row: BulkRow, item: BulkItem, speech: StoredSpeech) -> BulkRow:
        rate, manner = self.tts.sample_rate, self.manner
        stream = streams.BytesIO()
        asked = manner.sample_rate or None
        with io.StreamWriter(stream, rate, manner.format, file_rate=asked) as writer:
            writer.write(speech.samples)
        data, name = stream.getvalue(), f"{item.out}.{manner.format}"
        self.place.write(name, data)
        seconds = round(len(speech.samples) / rate, 3)
        row = replace(row, sha256=places.digest(data), warnings=speech.warnings)
        return replace(row, file=name, seconds=seconds, size=len(data))


def _loaded(loading: Loading) -> TTS:
    from vivavoce.speech.load import load

    if loading.threads:
        torch.set_num_threads(loading.threads)
    return load(
        loading.model or None,
        vocoder=loading.vocoder or None,
        device=loading.device,
        precision=loading.precision,
        fast=loading.fast,
    )
