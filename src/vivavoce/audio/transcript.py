"""Whether a transcript can be what is said in a recording: pace, script, names of files."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from vivavoce.audio.findings import Finding

SLOWEST, FASTEST = 6.0, 28.0
"""Characters a second that people speak, counted by `spoken_characters`; outside it is doubtful."""

HESITATION_S = 0.3
"""Not counted against a slow speaker: one word alone is drawn out."""

IMPOSSIBLE = (2.0, 40.0)
"""Outside of these the words cannot be those of the recording."""

SLOWEST_MODEL, SILENCE_S = 4.0, 1.5
"""Of what a model speaks: characters a second, and seconds that may be silence."""

WEIGHTS = {
    "CJK": 3.5,
    "HIRAGANA": 2.0,
    "KATAKANA": 2.0,
    "HANGUL": 2.5,
    "ARABIC": 1.5,
    "HEBREW": 1.5,
    "DIGIT": 4.0,
}
"""How many letters of an alphabet a character stands for: a syllable has two to four."""

SCRIPTS = {
    "ar": {"ARABIC"},
    "be": {"CYRILLIC"},
    "bg": {"CYRILLIC"},
    "bn": {"BENGALI"},
    "el": {"GREEK"},
    "fa": {"ARABIC"},
    "he": {"HEBREW"},
    "hi": {"DEVANAGARI"},
    "hy": {"ARMENIAN"},
    "ja": {"HIRAGANA", "KATAKANA", "CJK"},
    "ka": {"GEORGIAN"},
    "ko": {"HANGUL", "CJK"},
    "mk": {"CYRILLIC"},
    "mr": {"DEVANAGARI"},
    "ne": {"DEVANAGARI"},
    "ru": {"CYRILLIC"},
    "ta": {"TAMIL"},
    "te": {"TELUGU"},
    "th": {"THAI"},
    "uk": {"CYRILLIC"},
    "ur": {"ARABIC"},
    "yue": {"CJK"},
    "zh": {"CJK"},
} | {
    code: {"LATIN"}
    for code in (
        *("af", "ca", "cs", "cy", "da", "de", "en", "es", "et", "eu", "fi", "fr", "ga", "gl"),
        *("hr", "hu", "id", "is", "it", "lt", "lv", "ms", "mt", "nl", "no", "nb", "nn", "pl"),
        *("pt", "ro", "sk", "sl", "sv", "sw", "tl", "tr", "vi"),
    )
}
"""Scripts that languages are written in; a language that is not listed is not checked."""

MOST_FOREIGN = 0.5
_SUFFIX = re.compile(
    r"\.(wav|wave|mp3|flac|ogg|oga|opus|m4a|m4b|mp4|aac|aiff?|webm|mka|mkv|wma|amr|au|caf"
    r"|txt|lab|srt|vtt|json|csv|tsv)$",
    re.IGNORECASE,
)
_PATH = re.compile(r"[_/\\]|\d\d")
"""What the names of files hold and single words do not."""

_REMEDY = "Give exactly the words of the recording."


def check_transcript(words: str, seconds: float, language: str = "") -> tuple[Finding, ...]:
    """What is wrong with `words` as the transcript of `seconds` of speech without long pauses.

    `language` (BCP 47, empty: unknown) decides which script is expected.
    """
    words = " ".join(words.split())
    said = spoken_characters(words)
    if said <= 0.0:
        remedy = "Give --transcript, or install 'vivavoce[asr]' and give --transcribe."
        return (Finding("no transcript", 0.0, "characters", remedy, "error"),)
    named = file_name(words)
    return (*named, *(() if named else _pace(said, seconds)), *other_script(words, language))


def spoken_characters(text: str) -> float:
    """Letters, digits and spaces, as many as an alphabet would need: a Chinese character is 3.5."""
    text = " ".join(unicodedata.normalize("NFKC", text).split())
    counts = Counter(_script(c) for c in text if unicodedata.category(c)[0] in "LMN")
    if not counts:
        return 0.0
    return text.count(" ") + sum(WEIGHTS.get(script, 1.0) * n for script, n in counts.items())


def file_name(words: str) -> tuple[Finding, ...]:
    """Of one word that ends as files do it is sure, of one with a path or a number it is likely."""
    remedy = "Give the words of the recording, or a text file with them: --transcript-file."
    if " " in words or words.isdigit():
        return ()
    if _SUFFIX.search(words):
        return (Finding("file name", 1.0, "names", remedy, "error"),)
    if words.isascii() and any(c.isalpha() for c in words) and _PATH.search(words):
        return (Finding("file name", 1.0, "names", remedy),)
    return ()


def other_script(words: str, language: str) -> tuple[Finding, ...]:
    """Whether more than half of the letters belong to no script of the language."""
    expected = SCRIPTS.get(re.split(r"[-_]", language.lower())[0])
    letters = [c for c in unicodedata.normalize("NFKC", words) if c.isalpha()]
    if not expected or not letters:
        return ()
    foreign = sum(_script(c) not in expected for c in letters) / len(letters)
    if foreign <= MOST_FOREIGN:
        return ()
    remedy = f"Give the language of the recording (--language; it is '{language}' now)."
    return (Finding("other script", 100.0 * foreign, "%", remedy),)


def implausible_pace(text: str, seconds: float, speed: float = 1.0) -> float | None:
    """Characters a second of audio made from `text` where nobody speaks so, else None.

    `speed` is what was asked for: at 2.0 twice the pace is plausible. One and a half seconds are
    free, since short texts come with silence around them.
    """
    said = spoken_characters(text)
    if not said or seconds <= 0.0:
        return None
    pace = said / seconds / speed
    slow = said / max(seconds * speed - SILENCE_S, 1e-9) < SLOWEST_MODEL
    return pace if slow or pace > IMPOSSIBLE[1] else None


def _pace(said: float, seconds: float) -> tuple[Finding, ...]:
    pace = said / max(seconds, 1e-9)
    slow = said / max(seconds - HESITATION_S, 1e-9) < SLOWEST
    if not slow and pace <= FASTEST:
        return ()
    severity = "warning" if IMPOSSIBLE[0] <= pace <= IMPOSSIBLE[1] else "error"
    name = "few words" if slow else "many words"
    return (Finding(name, pace, "characters a second", _REMEDY, severity),)


def _script(character: str) -> str:
    if character.isdecimal():
        return "DIGIT"
    return unicodedata.name(character, "OTHER").split()[0]
