"""A recording -> its clips and their measures. What it finds is kept, so that it is done once."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vivavoce.audio.findings import Finding
from vivavoce.audio.loudness import integrated_lufs, peak_db
from vivavoce.audio.measures import clipped_share
from vivavoce.audio.recording import check_recording
from vivavoce.data.clips import Clip, from_plain, to_plain
from vivavoce.data.config import PrepareConfig
from vivavoce.data.measures import ClipMeasures, measure_clip
from vivavoce.data.rows import Defect, Rejected, Severity, SourceRow
from vivavoce.data.slicing import (
    FRAME_S,
    Floor,
    SliceConfig,
    noise_floor,
    slices,
    trimmed,
)
from vivavoce.data.stream import MonoSource, Scan, content_hash, scan, spans
from vivavoce.errors import AudioError, MissingExtra, UnknownFormat
from vivavoce.types import Audio

VERSION = 1
"""Of the analysis: a new one does not use what an old one kept."""

HOPELESS = ("empty", "silent", "tone", "noise", "not finite", "out of range")
"""Findings of a clip for which it is left out."""

Span = tuple[SourceRow, int, int]


@dataclass(frozen=True)
class Analysis:
    """What one recording gives. `seconds` is its whole length."""

    path: Path
    seconds: float
    clips: tuple[Clip, ...]
    rejected: tuple[Rejected, ...]
    sha256: str = ""


def key_of(rows: Sequence[SourceRow], sha256: str, config: PrepareConfig) -> str:
    """Changes with everything that the analysis depends on."""
    spans = [(row.start_s, row.end_s, bool(row.text)) for row in rows]
    slicing = asdict(_slicing(config))
    text = json.dumps([VERSION, sha256, spans, slicing])
    return "recording:" + hashlib.sha256(text.encode()).hexdigest()[:32]


def analyse(rows: Sequence[SourceRow], sha256: str, config: PrepareConfig) -> dict[str, Any]:
    """Plain data for `restore`: the clips of one recording, all rows of which are given.

    A file that cannot be read is a result, too.
    """
    try:
        found = scan(rows[0].audio)
        floor = noise_floor(found.levels)
        chosen, refused = _spans(rows, found, floor, config)
        clips = _measured(chosen, found, floor, sha256)
    except (AudioError, UnknownFormat, MissingExtra) as error:
        problem = Defect("unreadable", error.message, error.advice or "Export it again.")
        return {"problem": asdict(problem)}
    return {
        "seconds": found.seconds,
        "sample_rate": found.source.sample_rate,
        "channel": found.source.channel,
        "offset": found.source.offset,
        "clips": [(rows.index(clip.row), to_plain(clip)) for clip in clips],
        "refused": [(rows.index(row), asdict(problem)) for row, problem in refused],
    }


def restore(rows: Sequence[SourceRow], plain: dict[str, Any], name: str, sha256: str) -> Analysis:
    """What `analyse` found, with the rows as they are now."""
    path = rows[0].audio
    if "problem" in plain:
        problem = Defect(**plain["problem"])
        gone = tuple(Rejected(name, problem, row.where, row.text) for row in rows)
        return Analysis(path, 0.0, (), gone, sha256)
    source = MonoSource(path, plain["sample_rate"], plain["channel"], plain["offset"])
    clips = tuple(from_plain(one, rows[number], source) for number, one in plain["clips"])
    rejected = tuple(
        _refused(rows[number], Defect(**one), name, plain["seconds"])
        for number, one in plain["refused"]
    )
    return Analysis(path, plain["seconds"], clips, rejected, sha256)


def hashed(path: Path) -> str:
    """The hash of a file; empty where it cannot be read, which the analysis then says."""
    try:
        return content_hash(path)
    except AudioError:
        return ""


def _refused(row: SourceRow, problem: Defect, name: str, seconds: float) -> Rejected:
    end = min(row.end_s or seconds, seconds)
    length = max(0.0, end - row.start_s)
    return Rejected(name, problem, row.where, row.text, row.start_s, end, length)


def _slicing(config: PrepareConfig) -> SliceConfig:
    return SliceConfig(config.shortest_s, config.longest_s, config.wanted_s, config.pause_s)


def _spans(
    rows: Sequence[SourceRow], found: Scan, floor: Floor, config: PrepareConfig
) -> tuple[list[Span], list[tuple[SourceRow, Defect]]]:
    """Frames of the clips, in order, and the rows that give none."""
    whole = [row for row in rows if not row.start_s and row.end_s is None]
    timed = [row for row in rows if row not in whole]
    twice = Defect("listed twice", "Several rows name the whole recording.", "Keep one of them.")
    refused = [(row, twice) for row in whole[1:]]
    n_frames, chosen = len(found.levels), []
    silent = Defect("silent", "It is silent.", "Check the file and the microphone.")
    for row in timed:
        end_s = found.seconds if row.end_s is None else row.end_s
        first, last = (min(n_frames, round(s / FRAME_S)) for s in (row.start_s, end_s))
        inside = trimmed(found.levels, floor, first, last) if last > first else None
        message = "Its times are outside the recording."
        times = Defect("broken row", message, "Correct start and end, in seconds.")
        if inside is None:
            refused.append((row, silent if last > first else times))
        else:
            chosen.append((row, *inside))
    for row in whole[:1]:
        inside = trimmed(found.levels, floor, 0, n_frames)
        if inside is None:
            refused.append((row, silent))
        elif (inside[1] - inside[0]) * FRAME_S <= config.longest_s:
            chosen.append((row, *inside))
        else:
            cuts = slices(found.levels, floor, _slicing(config))
            chosen += [(row, first, last) for first, last in cuts]
    return sorted(chosen, key=lambda span: span[1:]), refused


def _measured(chosen: Sequence[Span], found: Scan, floor: Floor, sha256: str) -> list[Clip]:
    frame = max(1, round(FRAME_S * found.source.sample_rate))
    edges = [(first * frame, min(last * frame, found.n_samples)) for _, first, last in chosen]
    parts = Counter(row.where for row, _, _ in chosen)
    clips = []
    audios = spans(found.source, edges, found.held)
    for (row, _, _), (first, last), audio in zip(chosen, edges, audios, strict=True):
        problems = _problems(audio, found, whole_text=bool(row.text))
        clips.append(
            Clip(
                row=row,
                source=found.source,
                first=first,
                last=last,
                lufs=integrated_lufs(audio),
                peak_db=peak_db(audio.samples),
                clipped=clipped_share(audio.samples),
                measures=_measures(audio, floor),
                problems=problems,
                split_text=parts[row.where] > 1 and bool(row.text),
                key=f"{sha256[:32]}:{first}-{last}",
            )
        )
    return clips


def _measures(audio: Audio, floor: Floor) -> ClipMeasures:
    return measure_clip(audio, floor.noise, floor.threshold)


def _problems(audio: Audio, found: Scan, whole_text: bool) -> tuple[Defect, ...]:
    """Of the clip's sound; what is wrong with the whole file counts where it has a text."""
    report = check_recording(audio, shortest_s=0.0, what="It")
    problems = [_problem(f, "reject") for f in report.findings if f.name in HOPELESS]
    problems += [_problem(f, "check") for f in report.findings if f.name == "overdriven"]
    for finding in found.findings:
        lost = finding.name == "truncated" and whole_text
        severity: Severity = "reject" if lost else "check"
        problems.append(_problem(finding, severity))
    return tuple(problems)


def _problem(finding: Finding, severity: Severity) -> Defect:
    return Defect(finding.name, finding.sentence("It"), finding.remedy, severity)
