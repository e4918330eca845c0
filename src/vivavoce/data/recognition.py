"""Words by a recogniser: for clips without any, and against the words that were given.

Every clip is heard once; what was heard is kept in the journal.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from vivavoce.data.alignment import share_out, word_errors, words
from vivavoce.data.clips import Clip
from vivavoce.data.config import PrepareConfig
from vivavoce.data.journal import Journal
from vivavoce.data.rows import Defect, Rejected
from vivavoce.data.stream import spans
from vivavoce.errors import VoiceError
from vivavoce.speech.transcribe import Transcriber

MOST_COMPRESSED = 2.4
"""Length of a text over that of its zlib form; Whisper repeats itself above (Radford et al.)."""

NO_TIMES = "no times"
_LISTEN = "Listen to the clip, and correct the text."


@dataclass(frozen=True)
class Listener:
    """A recogniser under its name. `verify`: hear clips whose words are given, too."""

    transcriber: Transcriber
    name: str
    verify: bool = False


def listen(
    clips: Sequence[Clip],
    listener: Listener | None,
    config: PrepareConfig,
    journal: Journal,
    progress: Callable[[int, int], None],
) -> list[Clip]:
    """Clips with their texts, and with what is wrong with them by what was heard."""
    if listener is None:
        return [_unheard(clip) for clip in clips]
    wanted = [c for c in clips if c.usable and (listener.verify or c.split_text or not c.text)]
    heard = _heard(wanted, listener, config, journal, progress)
    clips = [replace(clip, heard=heard.get(clip.key, "")) for clip in clips]
    clips = _with_shares(clips, config)
    done = []
    for clip in clips:
        if clip.key not in heard:
            done.append(clip)
        elif clip.text:
            done.append(_compared(clip, config))
        else:
            done.append(_transcribed(clip))
    return done


def heard_key(clip: Clip, listener: Listener, config: PrepareConfig) -> str:
    return f"heard:{listener.name}:{clip.row.language or config.language}:{clip.key}"


def _heard(
    clips: Sequence[Clip],
    listener: Listener,
    config: PrepareConfig,
    journal: Journal,
    progress: Callable[[int, int], None],
) -> dict[str, str]:
    """What was heard in each clip, by the clip's key; empty where no words were."""
    found: dict[str, str] = {}
    for _, group in groupby(clips, key=lambda clip: clip.source.path):
        members = sorted(group, key=lambda clip: (clip.first, clip.last))
        new = [c for c in members if heard_key(c, listener, config) not in journal]
        audios = spans(new[0].source, [(c.first, c.last) for c in new]) if new else ()
        for number, (clip, audio) in enumerate(zip(new, audios, strict=True), 1):
            try:
                text = listener.transcriber(audio, clip.row.language or config.language)
            except VoiceError:
                text = ""
            journal.put(heard_key(clip, listener, config), " ".join(text.split()))
            progress(len(found) + number, len(clips))
        found |= {c.key: str(journal.get(heard_key(c, listener, config)) or "") for c in members}
    return found


def _unheard(clip: Clip) -> Clip:
    if not clip.split_text:
        return clip
    message = "It is longer than a clip, and its text has no times."
    remedy = "Install 'vivavoce[asr]', give subtitles (.srt, .vtt), or raise --longest."
    return clip.with_problem(Defect(NO_TIMES, message, remedy))


def joined(rejected: Sequence[Rejected]) -> list[Rejected]:
    """One for each recording whose text could not be shared out, in place of one for each clip."""
    whole: dict[str, Rejected] = {}
    others = []
    for one in rejected:
        first = whole.get(one.where)
        if one.problem.name != NO_TIMES:
            others.append(one)
        elif first is None:
            whole[one.where] = one
        else:
            start, end = min(first.start_s, one.start_s), max(first.end_s, one.end_s)
            seconds = first.seconds + one.seconds
            whole[one.where] = replace(first, start_s=start, end_s=end, seconds=seconds)
    return [*others, *whole.values()]


def _with_shares(clips: Sequence[Clip], config: PrepareConfig) -> list[Clip]:
    """Long recordings with one text: each clip gets its words of it, as they were written."""
    done = list(clips)
    numbers = [i for i, clip in enumerate(clips) if clip.split_text and clip.usable]
    for _, group in groupby(numbers, key=lambda i: clips[i].source.path):
        members = list(group)
        language = clips[members[0]].row.language or config.language
        written = clips[members[0]].row.text.split()
        spelt = [words(word, language) for word in written]
        given = [part for word in spelt for part in word]
        owner = [i for i, word in enumerate(spelt) for _ in word]
        heard = [words(clips[i].heard, language) for i in members]
        for number, share in zip(members, share_out(given, heard), strict=True):
            if share.n_matched:
                first, last = owner[share.first], owner[share.last - 1] + 1
                done[number] = replace(clips[number], text=" ".join(written[first:last]))
                continue
            message = "The words of the recording's text were not found in this part of it."
            done[number] = clips[number].with_problem(Defect("not found", message, _LISTEN))
    return done


def _transcribed(clip: Clip) -> Clip:
    clip = replace(clip, text=clip.heard)
    if not clip.text:
        message = "The recogniser found no words."
        return clip.with_problem(Defect("no speech", message, "Leave it out if nobody speaks."))
    raw = clip.text.encode()
    if len(raw) / len(zlib.compress(raw)) > MOST_COMPRESSED:
        message = "The recogniser repeated itself."
        return clip.with_problem(Defect("repeated words", message, _LISTEN))
    return clip


def _compared(clip: Clip, config: PrepareConfig) -> Clip:
    language = clip.row.language or config.language
    errors = word_errors(words(clip.text, language), words(clip.heard, language))
    if errors <= config.word_errors_check:
        return clip
    severity = "reject" if errors > config.word_errors_reject else "check"
    heard = clip.heard[:120] or "nothing"
    message = f"{100 * errors:.0f} % of its words differ from what was recognised: “{heard}”."
    return clip.with_problem(Defect("other words", message, _LISTEN, severity))
