"""A list of sentences -> spoken, scored and reported."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vivavoce import __version__, files
from vivavoce.audio import io
from vivavoce.bulk import Loading, Manner
from vivavoce.bulk import run as speak
from vivavoce.bulk.items import file_name
from vivavoce.bulk.ledger import rows
from vivavoce.errors import AudioError, UsageError, near_misses
from vivavoce.evaluate.cases import Case, CaseList
from vivavoce.evaluate.gate import Condition, Metrics
from vivavoce.evaluate.recognisers import Recogniser
from vivavoce.evaluate.results import Metric, Scored, metrics, paired
from vivavoce.evaluate.scorers import Scorer
from vivavoce.text import normalisers
from vivavoce.text.distance import compare
from vivavoce.types import Audio

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS

SUFFIXES = (".flac", ".wav", ".opus", ".ogg", ".mp3")
OnScore = Callable[[int, int, str], None]
OPTIONAL: tuple[str, ...] = ("sim", "sig", "bak", "ovrl", "utmos", "distillmos")


@dataclass(frozen=True)
class Protocol:
    """How the words are compared and put together. Each result carries its name.

    `prescribes` is the recogniser of published numbers; which one was used stands with the scorers.
    """

    name: str
    normaliser: str
    aggregate: str
    prescribes: str


PROTOCOLS = {
    "ours": Protocol("ours", "ours", "corpus", "faster-whisper, beam 5, no carry-over"),
    "seed-tts": Protocol(
        "seed-tts", "seed-tts", "mean", "Whisper large-v3 of transformers, greedy"
    ),
    "f5-tts": Protocol("f5-tts", "f5-tts", "mean", "faster-whisper large-v3, beam 5"),
}


@dataclass(frozen=True)
class Report:
    """What was measured, by which programs, and which conditions it fails."""

    results: dict[str, Metric]
    per_seed: dict[int, dict[str, Metric]]
    items: tuple[Scored, ...]
    facts: dict[str, Any]
    differences: dict[str, Metric] = field(default_factory=dict)
    failures: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for report.json; the sentences are in items.jsonl."""
        return {
            **self.facts,
            "results": _plain(self.results),
            "per_seed": {str(seed): _plain(found) for seed, found in self.per_seed.items()},
            "differences": _plain(self.differences),
            "failures": list(self.failures),
        }


def evaluate(
    listed: CaseList,
    out: str | Path,
    *,
    recogniser: Recogniser | None,
    scorers: Sequence[Scorer] = (),
    protocol: str = "ours",
    recordings: str | Path | None = None,
    loading: Loading | None = None,
    manner: Manner | None = None,
    tts: TTS | None = None,
    seeds: Sequence[int] = (0,),
    workers: int = 1,
    against: str | Path | None = None,
    conditions: Iterable[str] = (),
    on_score: OnScore | None = None,
) -> Report:
    """Speak the list once per seed into `out` and score it, or score the `recordings` in a folder.

    The same call resumes an interrupted evaluation. In a sentence without audio every word counts
    as an error. `against` is the report.json of another run; `conditions` are those of
    `Condition`. Writes report.json and items.jsonl. Raises UsageError, OutputError and what loading
    the model raises.
    """
    if protocol not in PROTOCOLS:
        raise UsageError(f"There is no protocol '{protocol}'.", near_misses(protocol, PROTOCOLS))
    how, out = PROTOCOLS[protocol], Path(out)
    gates = [Condition.parse(text) for text in conditions]
    for gate in gates:
        gate.require(recogniser is not None, against is not None)
    spoken: dict[str, str] = {}
    device = ""
    found: list[Scored] = []
    for seed in seeds if recordings is None else (0,):
        if recordings is None:
            manner = replace(manner or Manner(rows=1), seed=seed)
            made = _spoken(listed, out, seed, loading, manner, tts, workers)
            spoken, device = made.facts, made.device
            folder = _folder(out, seed)
        else:
            folder = Path(recordings)
        judge = _Judge(how, listed.language, recogniser, scorers, folder, seed)
        for case in listed.cases:
            if on_score is not None:
                on_score(len(found), len(listed.cases) * len(seeds), case.id)
            found.append(judge.scored(case))
    facts: dict[str, Any] = {
        "vivavoce": __version__,
        "machine": {"system": platform.platform(), "device": device, "python": _python()},
        "model": {"name": tts.name if tts else (loading or Loading()).model, **spoken},
        "manner": asdict(manner) if manner else {},
        "list": {k: v for k, v in asdict(listed).items() if k != "cases"}
        | {"count": len(listed.cases)},
        "protocol": asdict(how),
        "seeds": list(seeds),
        "scorers": _facts(recogniser, scorers),
    }
    return _reported(found, facts, how, recogniser, out, against, gates)


def _reported(
    found: list[Scored],
    facts: dict[str, Any],
    how: Protocol,
    recogniser: Recogniser | None,
    out: Path,
    against: str | Path | None,
    gates: list[Condition],
) -> Report:
    absent: dict[str, str] = dict.fromkeys(OPTIONAL, "no scorer was asked for")
    results = metrics(found, how.aggregate, absent)
    seeds = sorted({item.seed for item in found})
    per_seed = {
        seed: metrics([i for i in found if i.seed == seed], how.aggregate, absent) for seed in seeds
    }
    if recogniser is None:
        nothing = Metric(None, reason="no recogniser was asked for")
        for table in (results, *per_seed.values()):
            table |= dict.fromkeys(("wer", "cer", "wer_mean", "above_half"), nothing)
    report = Report(results, per_seed, tuple(found), facts)
    baseline: Metrics | None = None
    if against is not None:
        baseline, old = earlier(Path(against))
        differences = {name: paired(found, values, name) for name, values in old.items()}
        report = replace(report, differences=differences)
    failures = [text for gate in gates if (text := gate.fails(results, per_seed, baseline))]
    report = replace(report, failures=tuple(failures))
    lines = (json.dumps(item.as_dict(), ensure_ascii=False) + "\n" for item in found)
    files.write_text(out / "items.jsonl", "".join(lines))
    table = json.dumps(report.as_dict(), ensure_ascii=False, indent=1, allow_nan=False)
    files.write_text(out / "report.json", table + "\n")
    return report


def earlier(path: Path) -> tuple[dict[str, Metric], dict[str, dict[str, float]]]:
    """The metrics of a report.json, and the values of its sentences by metric and `id/seed`."""
    table = files.read_json(path)
    if "results" not in table:
        raise UsageError(f"{path} is not an evaluation report.", "Give a report.json.")
    old: dict[str, dict[str, float]] = {}
    for item in rows(path.with_name("items.jsonl")):
        values = {"wer": item["wer"], "cer": item["cer"], **item["scores"]}
        for name, value in values.items():
            old.setdefault(name, {})[f"{item['id']}/{item['seed']}"] = value
    return {name: Metric(**metric) for name, metric in table["results"].items()}, old


@dataclass(frozen=True)
class _Judge:
    """Scores the audio files of a folder."""

    how: Protocol
    language: str
    recogniser: Recogniser | None
    scorers: Sequence[Scorer]
    folder: Path
    seed: int

    def scored(self, case: Case) -> Scored:
        name = file_name(case.id)
        row = Scored(case.id, self.seed, case.text.strip(), prompt=case.prompt)
        path = next((p for s in SUFFIXES if (p := self.folder / f"{name}{s}").is_file()), None)
        if path is None:
            return self._judged(replace(row, failure="there is no audio"))
        try:
            audio = io.read(path)
            prompt = io.read(case.prompt) if case.prompt and self.scorers else None
        except AudioError as error:
            return self._judged(replace(row, failure=error.message))
        heard = self.recogniser(audio, case.id, self.language) if self.recogniser else ""
        row = replace(row, heard=heard, audio=str(path), seconds=round(audio.duration_s, 3))
        scores = _scores(self.scorers, audio, prompt)
        return self._judged(replace(row, scores=scores, made_s=self._times.get(case.id, 0.0)))

    def _judged(self, row: Scored) -> Scored:
        if self.recogniser is None:
            return row
        words = normalisers.find(self.how.normaliser)
        said, heard = words(row.text, self.language), words(row.heard, self.language)
        characters = compare(" ".join(said), " ".join(heard))
        return replace(row, words=compare(said, heard), characters=characters)

    @cached_property
    def _times(self) -> dict[str, float]:
        """Seconds that each sentence took, where it was spoken here."""
        known = rows(self.folder / "results.jsonl")
        return {str(row["id"]): float(row.get("made_s", 0.0)) for row in known}


def _scores(scorers: Sequence[Scorer], audio: Audio, prompt: Audio | None) -> dict[str, float]:
    found: dict[str, float] = {}
    for scorer in scorers:
        found |= scorer.score(audio, prompt)
    return found


def _spoken(
    listed: CaseList,
    out: Path,
    seed: int,
    loading: Loading | None,
    manner: Manner,
    tts: TTS | None,
    workers: int,
) -> Any:
    """The list as bulk work."""
    folder = _folder(out, seed)
    lines = []
    for case in listed.cases:
        entry = {"id": case.id, "text": case.text, "language": listed.language}
        if case.prompt:
            entry |= {"ref": str(Path(case.prompt).absolute()), "transcript": case.prompt_text}
        lines.append(json.dumps(entry, ensure_ascii=False) + "\n")
    source = folder / "list.jsonl"
    files.write_text(source, "".join(lines))
    return speak(source, folder, loading=loading, manner=manner, tts=tts, workers=workers)


def _folder(out: Path, seed: int) -> Path:
    return out / "audio" / f"seed{seed}"


def _facts(recogniser: Recogniser | None, scorers: Sequence[Scorer]) -> dict[str, str]:
    found = dict(recogniser.facts) if recogniser else {}
    for scorer in scorers:
        found |= scorer.facts
    return found


def _python() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}"


def _plain(table: dict[str, Metric]) -> dict[str, dict[str, Any]]:
    return {name: asdict(metric) for name, metric in table.items()}
