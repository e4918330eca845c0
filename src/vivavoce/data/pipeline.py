"""The stages one after another: read, analyse, listen, check, split, write.

What takes long is kept in a journal in the output folder: a run that was killed goes on, and a
second run does only what is new. The user's folder is only read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from vivavoce import files
from vivavoce.data import analysis, edits, filters, formats, recognition, results, splits, writing
from vivavoce.data.analysis import Analysis
from vivavoce.data.clips import Clip
from vivavoce.data.config import PrepareConfig
from vivavoce.data.folder import MARKER, SourceFolder
from vivavoce.data.journal import Journal
from vivavoce.data.recognition import Listener
from vivavoce.data.results import Prepared, PreparedClip
from vivavoce.data.rows import Defect, SourceRow, SourceSet
from vivavoce.errors import OutputError, TrainingError, UsageError
from vivavoce.runtime.container import processors
from vivavoce.types import OnProgress

WORK = ".work"
MOST_WORKERS = 8


@dataclass(frozen=True)
class PrepareRequest:
    """What is to be prepared, and how."""

    source: Path
    output: Path
    config: PrepareConfig
    format: str = ""
    transcripts: Path | None = None
    edits: Path | None = None
    listener: Listener | None = None
    workers: int = 0


def prepare(request: PrepareRequest, on_progress: OnProgress) -> Prepared:
    """Raises UsageError (nothing to read, an output that is not ours), OutputError, AudioError."""
    config = request.config
    folder = SourceFolder(request.source, config.outside)
    found = formats.read(folder, config.longest_s, request.format, request.transcripts)
    if not found.rows and not found.rejected:
        raise UsageError(f"{request.source} holds no recordings.", "Give a folder of audio files.")
    with _claimed(request.output), Journal(request.output / WORK / "journal.jsonl") as journal:
        results.mark(request.output, {"finished": False})
        analyses, keys = _analyses(folder, found, config, request.workers, journal, on_progress)
        clips = [filters.with_row_text(clip) for one in analyses for clip in one.clips]
        ids = writing.names(clips, folder.root)
        changed = edits.read(request.edits) if request.edits else {}
        edits.require_known(changed, ids)
        clips = _checked(edits.with_texts(clips, ids, changed), request, journal, on_progress)
        clips = edits.decided(clips, ids, changed)
        result = _result(request, folder, found, analyses, clips, ids)
        kept = [one.clip for one in result.clips]
        kept_ids, gains = [o.id for o in result.clips], [o.gain_db for o in result.clips]
        place = request.output / results.CLIPS
        writing.write(place, kept, kept_ids, gains, journal, _telling(on_progress, "write"))
        results.write(result)
        writing.remove_others(place, kept_ids, journal)
        heard = request.listener
        keys |= {recognition.heard_key(c, heard, config) for c in clips} if heard else set()
        journal.keep_only(keys | {writing.clip_key(name) for name in kept_ids})
    return result


def finish(result: Prepared) -> None:
    """Say in the marker that all files are there."""
    facts = {"finished": True, **result.summary(), "settings": results.settings(result.config)}
    results.mark(result.folder, {k: v for k, v in facts.items() if k not in ("manifest", "report")})


@contextmanager
def _claimed(output: Path) -> Iterator[None]:
    """Hold the output folder. Raises UsageError where it holds anything that is not ours."""
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output} is a file.", "Give a folder to write to.")
    is_ours = (output / MARKER).is_file()
    if output.is_dir() and not is_ours and any(output.iterdir()):
        raise UsageError(
            f"{output} holds files that are not a prepared set.", "Give a new or an empty folder."
        )
    with ExitStack() as held:
        try:
            output.mkdir(parents=True, exist_ok=True)
            if not is_ours:
                results.mark(output, {"finished": False})
            (output / WORK).mkdir(exist_ok=True)
            held.enter_context(files.lock(output / WORK / "lock", wait=False))
        except BlockingIOError as error:
            raise TrainingError(
                f"Another process is preparing {output}.", "Wait until it ends, or choose another."
            ) from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise OutputError(f"Cannot write {output}: {reason}.", files.ADVICE) from error
        yield


def _analyses(
    folder: SourceFolder,
    found: SourceSet,
    config: PrepareConfig,
    workers: int,
    journal: Journal,
    on_progress: OnProgress,
) -> tuple[list[Analysis], set[str]]:
    """One for each recording, in the order of the list, and their keys in the journal."""
    groups: dict[Path, list[SourceRow]] = defaultdict(list)
    for row in found.rows:
        groups[row.audio].append(row)
    analyses, keys = [], set()
    with _pool(workers) as pool:
        work = {p: pool.submit(_one, rows, config, journal) for p, rows in groups.items()}
        for number, (path, rows) in enumerate(groups.items(), 1):
            key, sha256, plain = work.pop(path).result()
            if journal.get(key) != plain:
                journal.put(key, plain)
            keys.add(key)
            analyses.append(analysis.restore(rows, plain, folder.name(path), sha256))
            on_progress(number, len(groups), "analyse")
    texts = {path for path, rows in groups.items() if any(row.text for row in rows)}
    return _each_once(analyses, texts, folder), keys


def _one(
    rows: Sequence[SourceRow], config: PrepareConfig, journal: Journal
) -> tuple[str, str, dict[str, object]]:
    sha256 = analysis.hashed(rows[0].audio)
    key = analysis.key_of(rows, sha256, config)
    kept = journal.get(key)
    if isinstance(kept, dict) and "problem" not in kept:  # what failed is tried again
        return key, sha256, kept
    return key, sha256, analysis.analyse(rows, sha256, config)


@contextmanager
def _pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Threads whose waiting work is dropped when anything ends the run."""
    pool = ThreadPoolExecutor(workers or min(MOST_WORKERS, processors()))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _each_once(
    analyses: Sequence[Analysis], texts: set[Path], folder: SourceFolder
) -> list[Analysis]:
    """Of files with the same bytes, the first of those that have a text gives its clips."""
    firsts: dict[str, Path] = {}
    for one in sorted(analyses, key=lambda one: one.path not in texts):
        firsts.setdefault(one.sha256, one.path)
    found = []
    for one in analyses:
        first = firsts[one.sha256] if one.sha256 else one.path
        if first != one.path and one.clips:
            message = f"The file is the same as {folder.name(first)}, byte for byte."
            defect = Defect("duplicate", message, "Keep one of them.")
            name = folder.name(one.path)
            gone = tuple(results.rejected_clip(clip, name, defect) for clip in one.clips)
            one = replace(one, clips=(), rejected=(*one.rejected, *gone))
        found.append(one)
    return found


def _checked(
    clips: Sequence[Clip], request: PrepareRequest, journal: Journal, on_progress: OnProgress
) -> list[Clip]:
    config = request.config
    sound = [filters.check_sound(clip, config) for clip in clips]
    sound = filters.check_duplicates(sound, config)
    heard = recognition.listen(
        sound, request.listener, config, journal, _telling(on_progress, "listen")
    )
    said = [filters.check_words(clip, config) if clip.usable else clip for clip in heard]
    return filters.check_voices(filters.check_pace(said, config), config)


def _result(
    request: PrepareRequest,
    folder: SourceFolder,
    found: SourceSet,
    analyses: Sequence[Analysis],
    clips: Sequence[Clip],
    ids: Sequence[str],
) -> Prepared:
    config = request.config
    kept = [(name, clip) for name, clip in zip(ids, clips, strict=True) if clip.usable]
    gains = writing.gains_db([clip for _, clip in kept], config)
    texts = [clip.text for _, clip in kept]
    validation = splits.held_out(texts, config.language, config.validation)
    speaker = config.speaker or request.output.name
    by_folder = config.speaker_folders

    def described(name: str, clip: Clip, gain_db: float, held_out: bool) -> PreparedClip:
        source = folder.name(clip.source.path)
        spoken = clip.row.language or config.language
        top = source.partition("/")[0] if by_folder and "/" in source else ""
        said_by = clip.row.speaker or top or speaker
        return PreparedClip(name, clip, source, said_by, spoken, gain_db, held_out)

    prepared = tuple(
        described(name, clip, gain, number in validation)
        for number, ((name, clip), gain) in enumerate(zip(kept, gains, strict=True))
    )
    gone = [(name, clip) for name, clip in zip(ids, clips, strict=True) if not clip.usable]
    rejected = [*found.rejected, *(one for each in analyses for one in each.rejected)]
    for name, clip in gone:
        if clip.rejection is not None:
            source = folder.name(clip.source.path)
            rejected.append(results.rejected_clip(clip, source, clip.rejection, name))
    rejected = recognition.joined(rejected)
    return Prepared(
        request.output,
        found.format,
        config,
        prepared,
        results.in_order(rejected),
        tuple(described(name, clip, 0.0, False) for name, clip in gone),
        len(analyses),
        found.ignored,
    )


def _telling(on_progress: OnProgress, note: str) -> Callable[[int, int], None]:
    """Progress of one stage."""
    return lambda done, total: on_progress(done, total, note)
