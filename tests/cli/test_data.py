"""`vivavoce data` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.prepare import sets
from vivavoce.cli import main


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    return sets.sentences(tmp_path / "my recordings", 4)


def test_prepare_prints_what_came_of_it(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    line = ["data", "prepare", str(recordings), "-o", str(out), "--language", "en", "--json"]
    assert main([*line, "--set", "least_minutes=0.1", "--loudness", "off"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["format"] == "ljspeech"
    assert found["clips"] == 4
    assert found["report"] == str(out / "report.html")
    assert (out / "report.html").is_file()
    settings = json.loads((out / "prepared.json").read_text())["settings"]
    assert settings["loudness_lufs"] is None


def test_too_little_is_a_failure_that_names_the_report(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["data", "prepare", str(recordings), "-o", str(out)]) == 1
    message = capsys.readouterr().err
    assert "Only 0.3 minutes of speech are usable." in message
    assert "report.html" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "snr_reject=3"], "Unknown key 'snr_reject'"),
        (["--loudness", "loud"], "'loudness_lufs' is 'loud'"),
        (["--format", "vctkk"], "no data format 'vctkk'"),
        (["--transcripts", "nowhere.csv"], "does not exist"),
        (["--edits", "nowhere.csv"], "Cannot read nowhere.csv"),
    ],
)
def test_what_can_be_retyped_is_a_usage_error(
    arguments: list[str],
    message: str,
    recordings: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["data", "prepare", str(recordings), "-o", str(tmp_path / "o"), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_report_may_lie_elsewhere_or_nowhere(recordings: Path, tmp_path: Path) -> None:
    line = ["data", "prepare", str(recordings), "-o", str(tmp_path / "out")]
    line += ["--set", "least_minutes=0"]
    assert main([*line, "--report", "off"]) == 0
    assert not (tmp_path / "out" / "report.html").exists()
    assert main([*line, "--report", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").is_file()


def test_short_clips_are_asked_for(recordings: Path, tmp_path: Path) -> None:
    line = ["data", "prepare", str(recordings), "-o", str(tmp_path / "out"), "--longest", "3"]
    assert main([*line, "--report", "off"]) == 1
    rows = (tmp_path / "out" / "rejected.jsonl").read_text().splitlines()
    assert {json.loads(row)["reason"] for row in rows} <= {"no times", "too long"}


def test_formats_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "formats"]) == 0
    found = capsys.readouterr().out
    assert "ljspeech" in found
    assert "f5-arrow" in found
