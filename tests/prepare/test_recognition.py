"""A recogniser that the tests play: it hears what a table says."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.prepare import sets
from vivavoce import data
from vivavoce.data import PrepareConfig
from vivavoce.errors import MissingExtra, UsageError, VoiceError
from vivavoce.types import Audio

TEXTS = (
    "Down by the river the men sat and talked of the boats until it was late.",
    "Nobody had seen the grey dog since the morning of the big storm.",
    "We shall have to walk home before the rain comes over the hills again.",
)


def prepare(source: Path, output: Path, **how: Any) -> data.Prepared:
    return data.prepare(source, output, report=None, workers=1, **how)


def hears(*answers: str) -> Callable[[Audio, str], str]:
    """Answers in turn; an empty one is nobody speaking."""
    left = list(answers)

    def transcribe(audio: Audio, language: str) -> str:
        answer = left.pop(0)
        if not answer:
            raise VoiceError("No words were recognised in the recording.")
        return answer

    return transcribe


@pytest.fixture
def three(tmp_path: Path) -> Path:
    for number, text in enumerate(TEXTS):
        sets.write(tmp_path / "in" / f"{number}.wav", sets.said(text, number))
    return tmp_path / "in"


def test_clips_without_words_get_what_was_heard(three: Path, tmp_path: Path) -> None:
    heard = hears(TEXTS[0], "", "la la la " * 30)
    result = prepare(three, tmp_path / "out", transcriber=heard)
    assert [one.clip.text for one in result.clips] == [TEXTS[0]]
    found = {one.source: one.problem.name for one in result.rejected}
    assert found == {"1.wav": "no speech", "2.wav": "repeated words"}


def test_given_words_are_compared_only_if_asked(three: Path, tmp_path: Path) -> None:
    for number, text in enumerate(TEXTS):
        (three / f"{number}.txt").write_text(text)
    result = prepare(three, tmp_path / "a", transcriber=hears())
    assert len(result.clips) == 3
    heard = hears(
        TEXTS[0].lower().replace("boats", "goats"),
        "Nobody has been the great dog since the morning of a big storm.",
        "Something else is being said here, and nothing of the text at all.",
    )
    result = prepare(three, tmp_path / "b", transcriber=heard, verify=True)
    assert result.checks == {"other words": 1}
    assert result.reasons == {"other words": 1}
    assert [one.source for one in result.clips] == ["0.wav", "1.wav"]
    assert "Something else" in result.rejected[0].problem.message


def test_a_long_recording_s_text_is_shared_out(tmp_path: Path) -> None:
    lengths = [len(text) / 14 for text in TEXTS]
    sets.write(tmp_path / "in" / "talk.wav", sets.talk(lengths, gap_s=0.7))
    (tmp_path / "in" / "talk.txt").write_text(" ".join(TEXTS))
    config = PrepareConfig(longest_s=6.0, wanted_s=(3.0, 5.5))
    alone = prepare(tmp_path / "in", tmp_path / "a", config=config, transcriber=None)
    assert alone.reasons == {"no times": 1}
    wrong = TEXTS[1].replace("grey", "great")
    heard = hears(TEXTS[0].lower(), wrong, TEXTS[2])
    result = prepare(tmp_path / "in", tmp_path / "b", config=config, transcriber=heard)
    assert [one.clip.text for one in result.clips] == list(TEXTS)


def test_without_the_extra_words_are_missing_and_cannot_be_verified(
    three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    result = prepare(three, tmp_path / "out")
    assert result.reasons == {"no transcript": 3}
    assert "vivavoce[asr]" in result.rejected[0].problem.remedy
    with pytest.raises(MissingExtra, match="speech recognition"):
        prepare(three, tmp_path / "out", verify=True)


def test_edits_decide(three: Path, tmp_path: Path) -> None:
    (three / "0.txt").write_text(TEXTS[0])
    (three / "1.txt").write_text(TEXTS[1] * 6)
    edits = tmp_path / "edits.csv"
    edits.write_text(f'id,keep,text\n0,no,\n1,yes,\n2,,"{TEXTS[2]}"\n')
    result = prepare(three, tmp_path / "out", transcriber=None, edits=edits)
    assert [(one.id, one.clip.text) for one in result.clips] == [
        ("1", TEXTS[1] * 6),
        ("2", TEXTS[2]),
    ]
    assert result.reasons == {"left out by hand": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name,keep\n0,no\n", "has the columns name, keep"),
        ("id,keep\n0,perhaps\n", "keep is 'perhaps'"),
        ("id,keep\nnull,no\n", "no clip 'null', which the edits name"),
    ],
)
def test_edits_that_make_no_sense(content: str, message: str, three: Path, tmp_path: Path) -> None:
    edits = tmp_path / "edits.csv"
    edits.write_text(content)
    with pytest.raises(UsageError, match=message):
        prepare(three, tmp_path / "out", transcriber=None, edits=edits)
