"""Clips into files: one gain for a recording or a folder of clips, FLAC, a name each."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import groupby
from math import isfinite
from pathlib import Path

import numpy as np

from vivavoce import files
from vivavoce.audio import io
from vivavoce.audio.edit import fade
from vivavoce.audio.loudness import from_db
from vivavoce.data.clips import Clip
from vivavoce.data.config import PrepareConfig
from vivavoce.data.journal import Journal
from vivavoce.data.stream import spans
from vivavoce.types import Audio

LONGEST_NAME = 80
STEP_DB = 0.5
"""Gains are multiples of it, so that a few new recordings do not change every old clip."""

FADE_S = 0.005
"""At both ends: a cut in background noise is a click."""


def names(clips: Sequence[Clip], root: Path) -> list[str]:
    """An id for each clip, from its recording's path, and a number where there are several."""
    per_file: dict[Path, int] = defaultdict(int)
    for clip in clips:
        per_file[clip.source.path] += 1
    count: dict[Path, int] = defaultdict(int)
    found, seen = [], set()
    for clip in clips:
        path = clip.source.path
        inner = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
        name = _slug(inner.with_suffix("").as_posix())
        if per_file[path] > 1:
            count[path] += 1
            name = f"{name}-{count[path]:04d}"
        if name.casefold() in seen:  # another suffix, or a file system that ignores case
            name = f"{name}-{hashlib.sha256(inner.as_posix().encode()).hexdigest()[:8]}"
        seen.add(name.casefold())
        found.append(name)
    return found


def gains_db(clips: Sequence[Clip], config: PrepareConfig) -> list[float]:
    """One for all clips of a recording that was cut, one for each speaker's folder of clips.

    A clip whose peak would pass the limit gets less.
    """
    if config.loudness_lufs is None:
        return [0.0] * len(clips)
    cut = {path for path, n in _counted(clips).items() if n > 1}
    groups: dict[tuple[str, Path], list[Clip]] = defaultdict(list)
    keys = []
    for clip in clips:
        path = clip.source.path
        keys.append((clip.row.speaker, path if path in cut else path.parent))
        groups[keys[-1]].append(clip)
    gain = {key: _gain_db(group, config.loudness_lufs) for key, group in groups.items()}
    return [
        min(gain[key], config.peak_db - clip.peak_db) for key, clip in zip(keys, clips, strict=True)
    ]


def write(
    folder: Path,
    clips: Sequence[Clip],
    ids: Sequence[str],
    gains: Sequence[float],
    journal: Journal,
    progress: Callable[[int, int], None],
) -> None:
    """FLAC files of the clips that are not there as they should be. Raises OutputError."""
    folder.mkdir(parents=True, exist_ok=True)
    order = sorted(range(len(clips)), key=lambda i: (str(clips[i].source.path), clips[i].first))
    done = 0
    for _, group in groupby(order, key=lambda i: clips[i].source.path):
        members = list(group)
        new = [i for i in members if not _is_there(folder, clips[i], ids[i], gains[i], journal)]
        spans_wanted = [(clips[i].first, clips[i].last) for i in new]
        audios = spans(clips[new[0]].source, spans_wanted) if new else ()
        for number, audio in zip(new, audios, strict=True):
            target = folder / f"{ids[number]}.flac"
            if clip_key(ids[number]) not in journal:
                journal.put(clip_key(ids[number]), "")  # known as ours, should this be the end
            io.write(target, levelled(audio, gains[number]), "flac")
            journal.put(clip_key(ids[number]), _state(clips[number], gains[number]))
        done += len(members)
        progress(done, len(clips))


def remove_others(folder: Path, ids: Sequence[str], journal: Journal) -> None:
    """Clips of earlier runs that are no longer in the set; nothing else in the folder."""
    wanted = set(ids)
    for path in sorted(folder.glob("*.flac")):
        if path.stem not in wanted and clip_key(path.stem) in journal:
            files.remove(path)


def levelled(audio: Audio, gain_db: float) -> Audio:
    """With the gain, and short ramps at the ends."""
    samples = audio.samples * np.float32(from_db(gain_db))
    return fade(Audio(samples, audio.sample_rate), FADE_S, FADE_S)


def clip_key(name: str) -> str:
    return f"clip:{name}"


def _is_there(folder: Path, clip: Clip, name: str, gain_db: float, journal: Journal) -> bool:
    same = journal.get(clip_key(name)) == _state(clip, gain_db)
    return same and (folder / f"{name}.flac").is_file()


def _state(clip: Clip, gain_db: float) -> str:
    return f"{clip.key} {gain_db:.4f} dB"


def _counted(clips: Sequence[Clip]) -> dict[Path, int]:
    count: dict[Path, int] = defaultdict(int)
    for clip in clips:
        count[clip.source.path] += 1
    return count


def _gain_db(clips: Sequence[Clip], target_lufs: float) -> float:
    """From the mean energy of the clips, each as its loudness and length say."""
    audible = [clip for clip in clips if isfinite(clip.lufs) and clip.lufs > -100.0]
    if not audible:
        return 0.0
    energy = np.array([10 ** (clip.lufs / 10) for clip in audible])
    weights = np.array([clip.seconds for clip in audible])
    loudness = 10 * np.log10(np.average(energy, weights=weights))
    return round((target_lufs - float(loudness)) / STEP_DB) * STEP_DB


def _slug(name: str) -> str:
    """Letters, digits, `.`, `_` and `-` only; long names end in a hash of the whole."""
    plain = unicodedata.normalize("NFC", name)
    slug = re.sub(r"[^\w.-]+", "_", plain).strip("._-") or "clip"
    if len(slug.encode()) <= LONGEST_NAME:
        return slug
    digest = hashlib.sha256(plain.encode()).hexdigest()[:8]
    return slug.encode()[:LONGEST_NAME].decode(errors="ignore") + f"-{digest}"
